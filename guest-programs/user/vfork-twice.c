// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * vfork-twice: a process creates two children with vfork(), one after the
 * other.
 *
 * A vfork() child borrows its parent's memory, so the parent must not run
 * before the child has released it. The first child does that when it exits,
 * the second when it executes a program, for which execve() creates new memory.
 * The markers show which task runs when.
 *
 * The second child executes this program again: with an argument the program
 * turns tracing off, because its work does not belong here, and exits. By then
 * the parent has been woken but may not have run yet, so the program waits
 * until the parent waits for it.
 *
 * Run it pinned to one CPU: then parent and child can only take turns.
 */
#define _GNU_SOURCE
#include <unistd.h>

#include "guest.h"

static char *const executed[] = { "vfork-twice", "executed", NULL };
static char *const environment[] = { NULL };

int main(int argc, char **argv)
{
	pid_t child;

	(void)argv;
	guest_init();
	if (argc > 1) {
		wait_until_asleep(getppid());
		trace_off();
		_exit(0);
	}
	trace_on();
	child = vfork();
	if (child == 0) {
		trace_mark("child-ends");
		_exit(0);
	}
	check(child > 0);
	trace_mark("parent-goes-on");
	check(wait_for(child) == 0);

	child = vfork();
	if (child == 0) {
		trace_mark("child-executes");
		execve("/proc/self/exe", executed, environment);
		_exit(GUEST_EXIT_WRONG);
	}
	check(child > 0);
	trace_mark("parent-goes-on");
	check(wait_for(child) == 0);
	_exit(0);
}
