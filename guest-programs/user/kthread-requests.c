// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * kthread-requests NAME...: for each name a child requests a kernel thread of
 * that name, all of them before kthreadd has taken the first request.
 *
 * The children are real-time tasks (SCHED_FIFO) on the CPU of kthreadd, which
 * is a normal task: they run one after the other, in the order in which they
 * were forked, until the last of them sleeps. Only then does kthreadd run, and
 * it finds all requests in its list.
 *
 * Run it pinned to the CPU that kthreadd is pinned to, with the module
 * kthread-queue loaded.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "guest.h"

#define QUEUE_FILE "/proc/kthread-queue"
#define PRIORITY 1
#define CHILDREN_MAX 8

static int open_queue(void)
{
	int queue = open(QUEUE_FILE, O_WRONLY | O_CLOEXEC);

	if (queue < 0)
		die(QUEUE_FILE);
	return queue;
}

static _Noreturn void ask(int queue, const char *name)
{
	ssize_t length = (ssize_t)strlen(name);

	check(write(queue, name, (size_t)length) == length);
	_exit(0);
}

int main(int argc, char **argv)
{
	const struct sched_param param = { .sched_priority = PRIORITY };
	int queues[CHILDREN_MAX];
	pid_t children[CHILDREN_MAX];
	int count = argc - 1;

	check(count <= CHILDREN_MAX);
	guest_init();
	/* One for each child: tasks that share an open file write in turn. */
	for (int i = 0; i < count; i++)
		queues[i] = open_queue();
	if (sched_setscheduler(0, SCHED_FIFO, &param))
		die("sched_setscheduler");
	trace_on();
	for (int i = 0; i < count; i++) {
		children[i] = fork();
		if (children[i] == 0)
			ask(queues[i], argv[i + 1]);
		check(children[i] > 0);
	}
	for (int i = 0; i < count; i++)
		check(wait_for(children[i]) == 0);
	_exit(0);
}
