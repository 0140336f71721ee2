// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * fork-one: one process creates one child and waits for it.
 *
 * The trace shows fork() from the system call to the child's first step:
 * sys_clone, kernel_clone() (_do_fork() before 5.10), copy_process(),
 * wake_up_new_task(), and the two returns of fork(): two tasks write the
 * markers "parent" and "child".
 *
 * Run it pinned to one CPU: then parent and child can only take turns, and
 * their steps have a fixed order.
 */
#include <unistd.h>

#include "guest.h"

int main(void)
{
	pid_t child;

	guest_init();
	trace_on();
	child = fork();
	if (child == 0) {
		trace_mark("child");
		/* The child's exit does not belong here. */
		trace_off();
		_exit(0);
	}
	check(child > 0);
	trace_mark("parent");
	check(wait_for(child) == 0);
	_exit(0);
}
