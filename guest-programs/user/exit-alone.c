// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * exit-alone MS: a child exits while its parent sleeps for MS milliseconds; the
 * parent waits for it afterwards.
 *
 * If the program is pinned to a CPU where no other task runs, the child leaves
 * that CPU idle, so the idle task runs after it. The child must be gone before
 * the parent wakes up, which takes less than a millisecond.
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
