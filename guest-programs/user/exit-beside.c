// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * exit-beside MS: a child exits while a sibling of it would run on the same CPU
 * and their parent sleeps for MS milliseconds.
 *
 * The sibling looks at the child's state until that is Z. It never sleeps, and
 * nobody else wants the CPU: pinned to one, it is the task that comes after the
 * child. Its marker "sibling" is the last of the trace.
 */
#include <unistd.h>

#include "guest.h"

int main(int argc, char **argv)
{
	pid_t child, sibling;
	long ms;

	(void)argc;
	ms = parse_number(argv[1]);
	guest_init();
	child = fork();
	if (child == 0) {
		wait_until_asleep(getppid());
		trace_on();
		_exit(0);
	}
	check(child > 0);
	sibling = fork();
	if (sibling == 0) {
		wait_until_state(child, 'Z');
		trace_mark("sibling");
		trace_off();
		_exit(0);
	}
	check(sibling > 0);
	sleep_ms(ms);
	check(wait_for(child) == 0);
	check(wait_for(sibling) == 0);
	_exit(0);
}
