// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * raspbian-proc ROUNDS: the book's example of a process, which prints a line,
 * sleeps three seconds, and starts again.
 *
 * It writes the line into the trace instead of to a terminal: "round-1",
 * "round-2". The trace shows each sleep as a switch to another task in state S,
 * and its end as a timer interrupt that wakes the process.
 *
 * It turns tracing neither on nor off, because the trace should also show how a
 * shell starts it.
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
