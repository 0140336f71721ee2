// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * outlive-stack MS: a child dies and stays a zombie while its parent creates
 * another child, which may already have the first child's stack. Then the
 * parent waits for the zombie and sleeps MS milliseconds.
 *
 * A stack that finds the CPU's cache full is offered to it again after a grace
 * period (thread_stack_free_rcu() in kernel/fork.c). So the program sleeps MS
 * milliseconds first: otherwise the stack of a task that died before could come
 * into the cache in front of the zombie's.
 *
 * The trace begins just before the first fork() and ends after the sleep. That
 * is long enough for an RCU grace period, after which the zombie's task_struct
 * is freed. The second child sleeps and is killed when tracing is off.
 */
#include <signal.h>
#include <unistd.h>

#include "guest.h"

int main(int argc, char **argv)
{
	pid_t first, second;
	long ms;

	(void)argc;
	ms = parse_number(argv[1]);
	guest_init();
	sleep_ms(ms);
	trace_on();
	first = fork();
	if (first == 0)
		_exit(0);
	check(first > 0);
	wait_until_state(first, 'Z');
	trace_mark("a-zombie");
	second = fork();
	if (second == 0) {
		pause();
		wrong("the second child was not killed");
	}
	check(second > 0);
	check(wait_for(first) == 0);
	sleep_ms(ms);
	trace_off();
	if (kill(second, SIGKILL))
		die("kill");
	check(wait_for(second) == SIGKILL);
	_exit(0);
}
