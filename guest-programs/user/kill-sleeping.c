// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * kill-sleeping SIGNAL [keep]: a process sends SIGNAL to its sleeping child,
 * which does not handle it and is killed.
 *
 * The trace begins just before kill(): signal_generate in the parent, the
 * wake-up of the child in pause(), and get_signal(), which finds the signal on
 * the child's way back to user mode. The child does not get there:
 * do_group_exit(), do_exit().
 *
 * The child must sleep before the signal is sent, otherwise it would be killed
 * on its way into pause() in some runs and inside pause() in others.
 *
 * With "keep" tracing stays on at the end, for a program that follows: the
 * function tracer clears the buffer whenever tracing is turned on again
 * (function_trace_start() in kernel/trace/trace_functions.c).
 */
#include <signal.h>
#include <unistd.h>

#include "guest.h"

int main(int argc, char **argv)
{
	int sig;
	pid_t child;

	(void)argc;
	sig = (int)parse_number(argv[1]);
	guest_init();
	child = fork();
	if (child == 0) {
		pause();
		wrong("the child was not killed");
	}
	check(child > 0);
	wait_until_asleep(child);
	trace_on();
	if (kill(child, sig))
		die("kill");
	/* No core is dumped, so the status is the signal number alone. */
	check(wait_for(child) == sig);
	if (!argv[2])
		trace_off();
	_exit(0);
}
