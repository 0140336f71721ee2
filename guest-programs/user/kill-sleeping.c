// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * kill-sleeping SIGNAL [keep]: a process sends SIGNAL to its sleeping child, which
 * does nothing about it and is killed.
 *
 * The trace begins just before kill(): signal_generate in the parent, the child
 * woken out of pause(), and the signal found in get_signal() on the child's way
 * back to user mode, which it never reaches: do_group_exit(), do_exit().
 *
 * The child must sleep before the signal is sent, or it would be killed on its
 * way into pause() in one run and in it in another.
 *
 * With "keep" tracing stays on at the end, for a program that comes after: the
 * function tracer empties the buffer whenever tracing is turned on again
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
	/* No core is dumped, so the status is the bare number. */
	check(wait_for(child) == sig);
	if (!argv[2])
		trace_off();
	_exit(0);
}
