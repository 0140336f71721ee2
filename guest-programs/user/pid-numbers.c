// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * pid-numbers: the pids that new processes get.
 *
 * Everything happens in a separate pid namespace, where no other process takes
 * pids. Its first process sets the last allocated pid (kernel.ns_last_pid,
 * which is meant for restoring processes), forks beyond the maximum, and forks
 * when the next pid is in use. Then it requests pids with clone3's set_tid: a
 * free one, one that is in use, and one above the maximum.
 *
 * The program sets the maximum to 32767 (kernel.pid_max is 32768). That is the
 * default of a kernel of full size. A small one (CONFIG_BASE_SMALL) has 4095,
 * and where each namespace has its own kernel.pid_max (7.2) a new namespace has
 * the highest possible maximum.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest.h"

#define LAST_PID "/proc/sys/kernel/ns_last_pid"
#define PID_MAX "/proc/sys/kernel/pid_max"

static int last_pid_fd;

static void set_last_pid(const char *mark, const char *number)
{
	trace_mark(mark);
	/* A sysctl file can only be written at offset 0. */
	if (pwrite(last_pid_fd, number, strlen(number), 0) < 0)
		die(LAST_PID);
}

/* Forks a child that exits; its pid is free again when this returns. */
static void fork_and_wait(void)
{
	pid_t child;

	child = fork();
	if (child == 0)
		_exit(0);
	check(child > 0);
	check(wait_for(child) == 0);
}

/* Forks a child that keeps its pid. */
static pid_t fork_and_keep(void)
{
	pid_t child;

	child = fork();
	if (child == 0) {
		for (;;)
			pause();
	}
	check(child > 0);
	return child;
}

/* Requests the pid TID. Returns 0 or errno. */
static int ask_for(pid_t tid)
{
	struct clone_args args = {
		.exit_signal = SIGCHLD,
		.set_tid = (uintptr_t)&tid,
		.set_tid_size = 1,
	};
	long child;

	child = syscall(SYS_clone3, &args, sizeof(args));
	if (child == 0)
		_exit(0);
	if (child < 0)
		return errno;
	check(child == tid);
	check(wait_for(tid) == 0);
	return 0;
}

static void set_pid_max(const char *number)
{
	int fd = open(PID_MAX, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, number, strlen(number)) < 0)
		die(PID_MAX);
	close(fd);
}

static _Noreturn void take_numbers(void)
{
	int error;

	set_pid_max("32768");
	last_pid_fd = open(LAST_PID, O_WRONLY | O_CLOEXEC);
	if (last_pid_fd < 0)
		die(LAST_PID);
	trace_on();
	set_last_pid("ns_last_pid=32765", "32765");
	fork_and_wait();
	fork_and_wait();
	fork_and_keep();
	fork_and_wait();
	set_last_pid("ns_last_pid=299", "299");
	fork_and_wait();
	trace_mark("set_tid");
	/* Before 5.3 there is no clone3, and no other way to ask. */
	error = ask_for(500);
	if (error != ENOSYS) {
		check(error == 0);
		check(ask_for(300) == EEXIST);
		check(ask_for(32768) == EINVAL);
	}
	trace_off();
	/* The remaining child dies with the init of its namespace. */
	_exit(0);
}

int main(void)
{
	pid_t first;

	guest_init();
	first = raw_clone(CLONE_NEWPID | SIGCHLD);
	if (first == 0)
		take_numbers();
	check(first > 0);
	check(wait_for(first) == 0);
	_exit(0);
}
