// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * clone-invalid [pidfd-thread]: calls clone and clone3 with invalid arguments,
 * one case after the other. Every call fails with EINVAL, and a marker comes
 * before each call.
 *
 * With the argument the program only tries a thread with a pidfd, which kernels
 * refused until 6.9.
 *
 * Two cases need their own caller: the init of a pid namespace must not create
 * siblings, and a process that has unshared its children's pid namespace must
 * not create threads. The former is a child that is created before tracing is
 * turned on and makes its call after all others.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest.h"

#define AS_THREAD (CLONE_VM | CLONE_SIGHAND | CLONE_THREAD)

static const struct {
	const char *name;
	unsigned long flags;
} refused[] = {
	/*
	 * kernel_clone() itself refuses this: both flags use the same address
	 * argument.
	 */
	{ "PIDFD+PARENT_SETTID", CLONE_PIDFD | CLONE_PARENT_SETTID },
	/* copy_process() refuses the others. */
	{ "NEWNS+FS", CLONE_NEWNS | CLONE_FS },
	{ "NEWUSER+FS", CLONE_NEWUSER | CLONE_FS },
	{ "THREAD-SIGHAND", CLONE_VM | CLONE_THREAD },
	{ "SIGHAND-VM", CLONE_SIGHAND },
	{ "THREAD+NEWPID", AS_THREAD | CLONE_NEWPID },
	{ "THREAD+NEWUSER", AS_THREAD | CLONE_NEWUSER },
	{ "PIDFD+DETACHED", CLONE_PIDFD | CLONE_DETACHED },
};

static void call_clone(const char *name, unsigned long flags)
{
	trace_mark(name);
	check(raw_clone(flags | SIGCHLD) == -1);
	check(errno == EINVAL);
}

static void call_clone3(const char *name, unsigned long flags, int exit_signal)
{
	struct clone_args args = {
		.flags = flags,
		.exit_signal = (unsigned int)exit_signal,
	};

	trace_mark(name);
	check(syscall(SYS_clone3, &args, sizeof(args)) == -1);
	check(errno == EINVAL);
}

static _Noreturn void call_as_reaper(int turn)
{
	char byte;

	check(read(turn, &byte, 1) == 1);
	call_clone("PARENT-of-a-reaper", CLONE_PARENT);
	_exit(0);
}

int main(int argc, char **argv)
{
	int turn[2];
	pid_t reaper;

	guest_init();
	if (argc == 2 && strcmp(argv[1], "pidfd-thread") == 0) {
		trace_on();
		call_clone("PIDFD+THREAD", AS_THREAD | CLONE_PIDFD);
		_exit(0);
	}
	if (argc != 1)
		wrong("usage: clone-invalid [pidfd-thread]");
	check(pipe(turn) == 0);
	reaper = raw_clone(CLONE_NEWPID | SIGCHLD);
	if (reaper == 0)
		call_as_reaper(turn[0]);
	check(reaper > 0);
	wait_until_asleep(reaper);

	trace_on();
	call_clone3("clone3-signal-65", 0, 65);
	call_clone3("clone3-THREAD-with-a-signal", AS_THREAD, SIGCHLD);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		call_clone(refused[i].name, refused[i].flags);
	check(unshare(CLONE_NEWPID) == 0);
	call_clone("THREAD-after-unshare", AS_THREAD);
	check(write(turn[1], "", 1) == 1);
	check(wait_for(reaper) == 0);
	_exit(0);
}
