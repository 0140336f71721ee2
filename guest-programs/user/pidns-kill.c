// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * pidns-kill: the first process of a pid namespace gets SIGKILL twice.
 *
 * It has two children. The first one sends SIGKILL to pid 1, its parent, and
 * finds that this has no effect: "pid-1-lives". The second one only sleeps.
 * When both have reported that they are ready, the process that created the
 * namespace sends SIGKILL as well: from outside it works and ends all three.
 *
 * Pin it to one CPU: then each process runs until it waits.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest.h"

static int ready[2];

static _Noreturn void sleep_for_ever(void)
{
	for (;;)
		pause();
}

static void tell_ready(void)
{
	check(write(ready[1], "", 1) == 1);
}

static void member(int kills)
{
	if (kills) {
		check(kill(1, SIGKILL) == 0);
		/* It is still there. */
		check(getppid() == 1);
		trace_mark("pid-1-lives");
	}
	tell_ready();
	sleep_for_ever();
}

static _Noreturn void ns_init(void)
{
	for (int kills = 1; kills >= 0; kills--) {
		pid_t pid = fork();

		if (pid == 0)
			member(kills);
		check(pid > 0);
	}
	sleep_for_ever();
}

int main(void)
{
	pid_t pid;
	char byte;

	guest_init();
	check(pipe(ready) == 0);
	trace_on();
	pid = (pid_t)syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0)
		ns_init();
	check(pid > 0);
	check(read(ready[0], &byte, 1) == 1);
	check(read(ready[0], &byte, 1) == 1);
	wait_until_asleep(pid);
	check(kill(pid, SIGKILL) == 0);
	check(wait_for(pid) == SIGKILL);
	trace_off();
	_exit(0);
}
