// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * leader-exits-first: in a process of two threads the first one, the group
 * leader, exits before the other.
 *
 * The leader cannot be waited for while the other thread lives: its pid is the
 * process's. It stays as a zombie, and the parent hears nothing. The other
 * thread, which nobody waits for in the kernel, releases itself when it exits,
 * finds that it was the last, and tells the leader's parent in its stead.
 *
 * The trace begins just before the leader's end. The parent sleeps in wait4()
 * by then; the thread looks at the leader's state in /proc, and exits when that
 * is Z. Both threads make the system call exit, not exit_group.
 */
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest.h"

/* pthread_exit() would do more: it gives back the thread's stack. */
static _Noreturn void exit_thread(void)
{
	syscall(SYS_exit, 0);
	__builtin_unreachable();
}

static void *outlive_leader(void *unused)
{
	(void)unused;
	/* The leader's id is the process's. */
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
