// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * signal-vfork SIGNAL: a child that waits for its vfork() child gets a signal.
 *
 * A vfork() parent also sleeps in state D, but killably: a fatal signal wakes
 * it, and other signals do not. The child handles SIGUSR1. With SIGUSR1 as
 * SIGNAL it sleeps on ("proc:D") until the grandchild exits, and then its
 * handler runs ("handler"). SIGTERM ends the child at once, and the grandchild
 * lives on.
 *
 * The trace begins in the child, just before its vfork(), and ends when its
 * parent has waited for it.
 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"

/* The grandchild exits when there is a byte to read. */
static int until[2];

static void handler(int signal)
{
	(void)signal;
	trace_mark("handler");
}

static _Noreturn void child(void)
{
	struct sigaction action = { .sa_handler = handler };
	pid_t grandchild;
	char byte;

	check(sigaction(SIGUSR1, &action, NULL) == 0);
	trace_on();
	grandchild = vfork();
	if (grandchild == 0) {
		check(read(until[0], &byte, 1) == 1);
		_exit(0);
	}
	check(grandchild > 0);
	_exit(0);
}

static void end_grandchild(void)
{
	check(write(until[1], "", 1) == 1);
}

int main(int argc, char **argv)
{
	char text[] = "proc:?";
	int signal;
	pid_t pid;

	check(argc == 2);
	signal = (int)parse_number(argv[1]);
	guest_init();
	check(pipe(until) == 0);
	pid = fork();
	if (pid == 0)
		child();
	check(pid > 0);
	wait_until_state(pid, 'D');
	check(kill(pid, signal) == 0);
	if (signal == SIGUSR1) {
		text[sizeof(text) - 2] = state_of(pid);
		trace_mark(text);
		end_grandchild();
		check(wait_for(pid) == 0);
		trace_off();
	} else {
		check(wait_for(pid) == signal);
		trace_off();
		/* Otherwise the grandchild would wait for ever. */
		end_grandchild();
	}
	_exit(0);
}
