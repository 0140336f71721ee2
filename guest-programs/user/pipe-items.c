// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * pipe-items N: a producer writes N items into a pipe, and a consumer reads
 * them.
 *
 * The producer writes the next item when the consumer sleeps, so each write
 * finds it waiting and wakes it. Markers record each item: "produce-1" before
 * it is written, "consume-1" when it has been read. The trace begins in the
 * consumer, before its first read(), and ends when it sleeps for an item that
 * never comes.
 *
 * Run it pinned to one CPU: then the two never run at the same time.
 */
#include <string.h>
#include <unistd.h>

#include "guest.h"

static int items[2];

/* Increments the digit at the end of TEXT and writes TEXT into the trace. */
static void mark_next(char *text)
{
	text[strlen(text) - 1]++;
	trace_mark(text);
}

static _Noreturn void consume(void)
{
	char text[] = "consume-0";
	char byte;

	close(items[1]);
	trace_on();
	while (read(items[0], &byte, 1) == 1)
		mark_next(text);
	/* End of file: the producer has closed its side. */
	_exit(0);
}

int main(int argc, char **argv)
{
	char text[] = "produce-0";
	pid_t consumer;
	long n;

	check(argc == 2);
	n = parse_number(argv[1]);
	check(n < 10);
	guest_init();
	check(pipe(items) == 0);
	consumer = fork();
	if (consumer == 0)
		consume();
	check(consumer > 0);
	wait_until_asleep(consumer);
	for (long item = 0; item < n; item++) {
		mark_next(text);
		check(write(items[1], "", 1) == 1);
		wait_until_asleep(consumer);
	}
	trace_off();
	close(items[1]);
	check(wait_for(consumer) == 0);
	_exit(0);
}
