// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * zombie: a child exits, and its parent waits for it later.
 *
 * The trace begins just before the child's _exit(0). The parent does not wait
 * but polls the child's state in /proc until it is Z. So on one CPU it is the
 * task that runs next and finds the dead child in finish_task_switch(). Then it
 * writes the marker "a-zombie" and waits, and the zombie is released at once.
 */
#include <unistd.h>

#include "guest.h"

int main(void)
{
	pid_t child;

	guest_init();
	child = fork();
	if (child == 0) {
		trace_on();
		_exit(0);
	}
	check(child > 0);
	wait_until_state(child, 'Z');
	trace_mark("a-zombie");
	check(wait_for(child) == 0);
	trace_off();
	_exit(0);
}
