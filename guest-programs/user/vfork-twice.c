// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * vfork-twice: a process makes two children with vfork(), one after the other.
 *
 * A child of vfork() borrows its parent's memory, so the parent may not run
 * before the child has given it back. The first child does that by ending, the
 * second by executing a program, for which execve() makes new memory. The
 * markers show who runs when.
 *
 * The program that is executed is this one again: with an argument it turns
 * tracing off, since what it does is not part of it, and ends. Its parent has
 * been woken by then, but need not have run yet, so it waits until that waits
 * for it.
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
