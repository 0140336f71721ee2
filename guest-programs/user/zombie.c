// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * zombie: a child exits, and its parent takes its time to wait for it.
 *
 * The trace begins just before the child's _exit(0). The parent does not wait
 * but looks at the child's state in /proc until that is Z, so on one CPU it is
 * the task that runs next and finds the child dead in finish_task_switch(). Then
 * it writes the marker "a-zombie" and waits: the zombie is released at once.
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
