// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * fork-as POLICY VALUE [reset]: a process sets its scheduling policy and
 * creates a child.
 *
 * POLICY is "nice" (SCHED_OTHER with VALUE as the nice value), "fifo"
 * (SCHED_FIFO with VALUE as the priority) or "deadline" (SCHED_DEADLINE, VALUE
 * milliseconds out of 30). With "reset" the policy has
 * SCHED_FLAG_RESET_ON_FORK. sched_fork() decides what the child inherits, and
 * may return an error: the program accepts a fork() that fails with EAGAIN as
 * well as one that succeeds.
 *
 * Do not pin it: a task with a deadline must be allowed to use every CPU, and
 * sched_setattr() refuses any other task. The trace only contains fork().
 */
#include <errno.h>
#include <linux/sched.h>
#include <linux/sched/types.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest.h"

#define NSEC_PER_MSEC 1000000
#define PERIOD_MS 30

static void set_policy(const char *policy, long value, int reset)
{
	struct sched_attr attr = { .size = sizeof(attr) };

	if (!strcmp(policy, "nice")) {
		attr.sched_policy = SCHED_NORMAL;
		attr.sched_nice = (int)value;
	} else if (!strcmp(policy, "fifo")) {
		attr.sched_policy = SCHED_FIFO;
		attr.sched_priority = (unsigned int)value;
	} else if (!strcmp(policy, "deadline")) {
		attr.sched_policy = SCHED_DEADLINE;
		attr.sched_runtime = (unsigned long long)value * NSEC_PER_MSEC;
		attr.sched_deadline = PERIOD_MS * NSEC_PER_MSEC;
		attr.sched_period = PERIOD_MS * NSEC_PER_MSEC;
	} else {
		wrong("the policy is nice, fifo or deadline");
	}
	if (reset)
		attr.sched_flags = SCHED_FLAG_RESET_ON_FORK;
	if (syscall(SYS_sched_setattr, 0, &attr, 0))
		die("sched_setattr");
}

int main(int argc, char **argv)
{
	pid_t child;
	int err;

	if (argc < 3)
		wrong("usage: fork-as POLICY VALUE [reset]");
	guest_init();
	set_policy(argv[1], parse_number(argv[2]), argc > 3);
	trace_on();
	child = fork();
	if (child == 0)
		_exit(0);
	err = errno;
	trace_off();
	if (child < 0)
		check(err == EAGAIN);
	else
		check(wait_for(child) == 0);
	_exit(0);
}
