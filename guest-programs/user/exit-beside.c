// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * exit-beside MS: a child exits while a sibling wants to run on the same CPU
 * and their parent sleeps for MS milliseconds.
 *
 * The sibling polls the child's state until it is Z. It never sleeps, and no
 * other task wants the CPU, so on one CPU it is the task that runs after the
 * child. Its marker "sibling" is the last event of the trace.
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
