// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * exit-with-file FILE [asleep]: a child exits with FILE open and does not
 * complete its exit.
 *
 * The release function of FILE faults. The trace begins just before the child's
 * _exit(0), and the kernel ends it at the fault (oops_enter() calls
 * tracing_off()). The parent polls the child's state until it is X (dead),
 * turns tracing on again and waits for the child: the marker "dead" and wait4()
 * are the rest of the trace. Kernels before 5.17 leave the child in state D.
 * With "asleep" the parent waits for that state and writes that marker.
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
		/* There is a child to wait for, but it will never exit. */
		check(waitpid(child, NULL, WNOHANG) == 0);
	else
		/* The task still exists, but no process can wait for it. */
		check(waitpid(child, NULL, WNOHANG) == -1 && errno == ECHILD);
	trace_off();
	_exit(0);
}
