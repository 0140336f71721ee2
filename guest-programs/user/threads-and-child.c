// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * threads-and-child: a process creates two threads and then a child.
 *
 * The threads share the structures that the child gets copies of. Each thread
 * is alive when the next task is created, so the reference counts increase by
 * one for each thread: a thread writes the marker "thread", lets the main
 * thread continue, and waits until tracing is off.
 */
#include <pthread.h>
#include <unistd.h>

#include "guest.h"

/*
 * A byte in `started` wakes the main thread; the end of `over` wakes the
 * threads.
 */
static int started[2];
static int over[2];

static void read_byte(int fd)
{
	char byte;

	if (read(fd, &byte, 1) < 0)
		die("read");
}

static void *thread(void *unused)
{
	trace_mark("thread");
	check(write(started[1], "", 1) == 1);
	read_byte(over[0]);
	return unused;
}

int main(void)
{
	pthread_t threads[2];
	pid_t child;

	guest_init();
	check(pipe(started) == 0);
	check(pipe(over) == 0);
	trace_on();
	for (int i = 0; i < 2; i++) {
		check(pthread_create(&threads[i], NULL, thread, NULL) == 0);
		read_byte(started[0]);
	}
	child = fork();
	if (child == 0) {
		trace_mark("child");
		_exit(0);
	}
	check(child > 0);
	check(wait_for(child) == 0);
	trace_off();
	check(close(over[1]) == 0);
	for (int i = 0; i < 2; i++)
		check(pthread_join(threads[i], NULL) == 0);
	_exit(0);
}
