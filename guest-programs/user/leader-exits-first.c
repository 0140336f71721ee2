// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * leader-exits-first: in a process of two threads the first one, the group
 * leader, exits before the other.
 *
 * The parent cannot reap the leader while the other thread lives, because the
 * leader's pid is the pid of the process. The leader stays a zombie, and the
 * parent is not notified. No task in the kernel waits for the other thread: it
 * releases itself when it exits, finds that it is the last thread, and notifies
 * the leader's parent.
 *
 * The trace begins just before the leader's exit. By then the parent sleeps in
 * wait4(). The thread polls the leader's state in /proc and exits when that is
 * Z. Both threads make the system call exit, not exit_group.
 */
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest.h"

/* pthread_exit() would also free the thread's stack. */
static _Noreturn void exit_thread(void)
{
	syscall(SYS_exit, 0);
	__builtin_unreachable();
}

static void *outlive_leader(void *unused)
{
	(void)unused;
	/* The leader's id is the pid of the process. */
	wait_until_state(getpid(), 'Z');
	trace_mark("the-leader-is-a-zombie");
	exit_thread();
}

static _Noreturn void lead(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, outlive_leader, NULL))
		wrong("pthread_create");
	wait_until_asleep(getppid());
	trace_on();
	exit_thread();
}

int main(void)
{
	pid_t child;

	guest_init();
	child = fork();
	if (child == 0)
		lead();
	check(child > 0);
	check(wait_for(child) == 0);
	trace_off();
	_exit(0);
}
