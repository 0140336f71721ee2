// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * @NAME@: one process makes one child and waits for it.
 *
 * Say here what the program does, and what of it the trace shows.
 */
#include <unistd.h>

#include "guest.h"

int main(void)
{
	pid_t child;

	/* Preparation comes before trace_on(), so that it is not in the trace. */
	guest_init();
	trace_on();
	child = fork();
	if (child == 0) {
		trace_mark("child");
		_exit(0);
	}
	check(child > 0);
	check(wait_for(child) == 0);
	trace_off();
	_exit(0);
}
