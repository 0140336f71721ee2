// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * thread-exits: one thread exits alone, and then its process exits with all
 * other threads.
 *
 * The first thread returns from its function and is joined. Then the main
 * thread calls _exit(6) while two more threads sleep: exit_group ends them too.
 *
 * All threads are created, and asleep, before tracing is turned on. The thread
 * that exits alone turns it on when the main thread sleeps in pthread_join().
 * Joining ends when the thread's id is cleared in memory, which is before the
 * thread has exited. The thread has a real-time priority, so that the main
 * thread, which it wakes, does not preempt it. The main thread then polls until
 * the thread has exited, so that the two exits do not overlap. For the same
 * reason the threads that exit together have real-time priorities, and the main
 * thread has the highest: each completes its exit before the next one starts.
 *
 * Run it pinned to one CPU.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include "guest.h"

#define THREADS 3

static pthread_t threads[THREADS];
static pid_t ids[THREADS];
static int pipes[THREADS][2];

static void sleep_until_told(long own)
{
	char byte;

	__atomic_store_n(&ids[own], gettid(), __ATOMIC_RELEASE);
	if (read(pipes[own][0], &byte, 1) != 1)
		die("read");
}

static void set_priority(pid_t id, int priority)
{
	const struct sched_param parameters = { .sched_priority = priority };

	check(sched_setscheduler(id, SCHED_FIFO, &parameters) == 0);
}

static void *end_alone(void *number)
{
	sleep_until_told((long)number);
	wait_until_asleep(getpid());
	set_priority(0, 1);
	trace_on();
	return NULL;
}

static void *end_with_all(void *number)
{
	sleep_until_told((long)number);
	return NULL;
}

static void make_thread(long number, void *(*function)(void *))
{
	pid_t id;

	check(pipe(pipes[number]) == 0);
	check(pthread_create(&threads[number], NULL, function,
			     (void *)number) == 0);
	while ((id = __atomic_load_n(&ids[number], __ATOMIC_ACQUIRE)) == 0)
		sched_yield();
	wait_until_asleep(id);
}

int main(void)
{
	guest_init();
	make_thread(0, end_alone);
	for (long i = 1; i < THREADS; i++) {
		make_thread(i, end_with_all);
		set_priority(ids[i], THREADS - (int)i);
	}
	check(write(pipes[0][1], "", 1) == 1);
	check(pthread_join(threads[0], NULL) == 0);
	trace_mark("joined");
	while (tgkill(getpid(), ids[0], 0) == 0)
		sched_yield();
	check(errno == ESRCH);

	set_priority(0, THREADS);
	trace_mark("exit-group");
	_exit(6);
}
