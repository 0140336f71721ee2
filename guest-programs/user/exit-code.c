// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * exit-code CODE: a child ends with exit code CODE while its parent waits.
 *
 * The trace begins just before the child's _exit(CODE): sys_exit_group,
 * do_group_exit() with (CODE & 0xff) << 8, do_exit() and what it gives back,
 * do_notify_parent() waking the parent, the last sched_switch away from a task
 * in state Z. The task that runs next finishes the switch and gives up the dead
 * one's stack; pinned to one CPU, that is the parent. It gets the code from
 * wait4() and releases the child.
 *
 * The parent must be asleep in wait4() before tracing begins, or the trace
 * would show it falling asleep in one run and not in another. So the child looks
 * at its parent's state and lets it run until it sleeps; all of this is over
 * when tracing is turned on.
 */
#include <unistd.h>

#include "guest.h"

static _Noreturn void end_traced(int code)
{
	wait_until_asleep(getppid());
	trace_on();
	_exit(code);
}

int main(int argc, char **argv)
{
	int code;
	pid_t child;

	(void)argc;
	code = (int)parse_number(argv[1]);
	guest_init();
	child = fork();
	if (child == 0)
		end_traced(code);
	check(child > 0);
	/* Only the low byte survives; it stands above the signal number. */
	check(wait_for(child) == (code & 0xff) << 8);
	/* The parent's own exit is not part of it. */
	trace_off();
	_exit(0);
}
