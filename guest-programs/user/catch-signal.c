// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * catch-signal SIGNAL: a process sends SIGNAL to its sleeping child, which
 * handles it and exits normally.
 *
 * This is the counterpart of kill-sleeping: the same signal and the same
 * pause(), but get_signal() finds a handler. The handler writes the marker
 * "handler".
 */
#include <signal.h>
#include <unistd.h>

#include "guest.h"

static void handler(int sig)
{
	(void)sig;
	trace_mark("handler");
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = handler };
	int sig;
	pid_t child;

	(void)argc;
	sig = (int)parse_number(argv[1]);
	guest_init();
	child = fork();
	if (child == 0) {
		if (sigaction(sig, &action, NULL))
			die("sigaction");
		pause();
		_exit(0);
	}
	check(child > 0);
	wait_until_asleep(child);
	trace_on();
	if (kill(child, sig))
		die("kill");
	check(wait_for(child) == 0);
	trace_off();
	_exit(0);
}
