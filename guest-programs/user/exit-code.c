// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * exit-code CODE: a child exits with exit code CODE while its parent waits.
 *
 * The trace begins just before the child's _exit(CODE): sys_exit_group,
 * do_group_exit() with (CODE & 0xff) << 8, do_exit() and the resources that it
 * releases, do_notify_parent(), which wakes the parent, and the last
 * sched_switch, away from a task in state Z. The task that runs next finishes
 * the switch and drops the dead task's stack; on one CPU that is the parent. It
 * gets the code from wait4() and releases the child.
 *
 * The parent must sleep in wait4() before tracing begins, otherwise the trace
 * would show it fall asleep in some runs and not in others. So the child polls
 * its parent's state and yields until the parent sleeps. All of this is over
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
	/* Only the low byte remains, in the byte above the signal number. */
	check(wait_for(child) == (code & 0xff) << 8);
	/* The parent's own exit does not belong here. */
	trace_off();
	_exit(0);
}
