// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * fork-both-mark: a process creates a child, and each writes a marker at once.
 *
 * On one CPU the order of "parent" and "child" shows which task ran first after
 * fork() had returned in both.
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
		_exit(0);
	}
	check(child > 0);
	trace_mark("parent");
	check(wait_for(child) == 0);
	trace_off();
	_exit(0);
}
