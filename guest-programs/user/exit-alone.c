// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * exit-alone MS: a child exits while its parent sleeps for MS milliseconds and
 * waits for it only then.
 *
 * Pinned to one CPU where nothing else runs, the child leaves that CPU idle: it
 * is the idle task that comes after it. The child must be gone before the
 * parent wakes up, which takes it less than a millisecond.
 */
#include <unistd.h>

#include "guest.h"

int main(int argc, char **argv)
{
	pid_t child;
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
	sleep_ms(ms);
	check(wait_for(child) == 0);
	trace_off();
	_exit(0);
}
