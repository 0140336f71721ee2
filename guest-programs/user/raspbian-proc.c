// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * raspbian-proc ROUNDS: the book's example of a process, which tells that it is
 * there, sleeps three seconds, and begins again.
 *
 * It tells so in the trace instead of on a terminal: "round-1", "round-2". The
 * trace shows each sleep as a switch to another task in state S, and its end as
 * a timer's interrupt that wakes the process.
 *
 * It neither turns tracing on nor off: how a shell starts it is to be seen, too.
 */
#include <unistd.h>

#include "guest.h"

int main(int argc, char **argv)
{
	char text[] = "round-?";
	long rounds;

	check(argc == 2);
	rounds = parse_number(argv[1]);
	check(rounds < 10);
	guest_init();
	for (long round = 1; round <= rounds; round++) {
		text[sizeof(text) - 2] = (char)('0' + round);
		trace_mark(text);
		sleep(3);
	}
	return 0;
}
