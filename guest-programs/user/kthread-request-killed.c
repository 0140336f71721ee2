// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * kthread-request-killed NAME: a child requests a kernel thread of that name
 * and is killed while it waits, before kthreadd has taken its request.
 *
 * Both are real-time tasks (SCHED_FIFO) on the CPU of kthreadd, which is a
 * normal task: the parent yields, the child makes its request and sleeps, the
 * parent kills it, and the child dies. Only then does kthreadd run, and it
 * finds a request for which no task waits.
 *
 * Run it pinned to the CPU that kthreadd is pinned to, with the module
 * kthread-queue loaded.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"

#define QUEUE_FILE "/proc/kthread-queue"
#define PRIORITY 1

static _Noreturn void ask(int queue, const char *name)
{
	/* A write() that is killed does not return. */
	(void)!write(queue, name, strlen(name));
	wrong("it was not killed");
}

int main(int argc, char **argv)
{
	const struct sched_param param = { .sched_priority = PRIORITY };
	int queue, status;
	pid_t child;

	check(argc == 2);
	guest_init();
	queue = open(QUEUE_FILE, O_WRONLY | O_CLOEXEC);
	if (queue < 0)
		die(QUEUE_FILE);
	if (sched_setscheduler(0, SCHED_FIFO, &param))
		die("sched_setscheduler");
	trace_on();
	child = fork();
	if (child == 0)
		ask(queue, argv[1]);
	check(child > 0);
	/*
	 * Moves to the end of its priority's queue: the child runs until it
	 * sleeps.
	 */
	sched_yield();
	check(kill(child, SIGKILL) == 0);
	status = wait_for(child);
	check(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	_exit(0);
}
