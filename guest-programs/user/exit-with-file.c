// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * exit-with-file FILE [asleep]: a child exits with FILE open, and is not expected
 * to come to a proper end.
 *
 * FILE is one whose release function faults. The trace begins just before the
 * child's _exit(0), and the kernel ends it by itself at the fault (oops_enter()
 * calls tracing_off()). The parent looks at the child's state until that is X,
 * dead, turns tracing on again and asks for it: the marker "dead" and wait4()
 * are the rest of the trace. Kernels before 5.17 leave the child in state D: with
 * "asleep" that is what the parent waits for, and what the marker says.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"

static _Noreturn void exit_with(const char *file)
{
	if (open(file, O_RDONLY) < 0)
		die(file);
	trace_on();
	_exit(0);
}

int main(int argc, char **argv)
{
	const bool asleep = argc == 3 && strcmp(argv[2], "asleep") == 0;
	pid_t child;

	if (argc != 2 && !asleep)
		wrong("usage: exit-with-file FILE [asleep]");
	guest_init();
	child = fork();
	if (child == 0)
		exit_with(argv[1]);
	check(child > 0);
	wait_until_state(child, asleep ? 'D' : 'X');
	trace_on();
	trace_mark(asleep ? "asleep" : "dead");
	if (asleep)
		/* There is a child to wait for, but it will never be done. */
		check(waitpid(child, NULL, WNOHANG) == 0);
	else
		/* It is there, and yet it is nobody's to wait for. */
		check(waitpid(child, NULL, WNOHANG) == -1 && errno == ECHILD);
	trace_off();
	_exit(0);
}
