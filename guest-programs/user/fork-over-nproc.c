// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * fork-over-nproc UID: forks once more than RLIMIT_NPROC allows the user UID.
 *
 * The limit is 2, and the user has two processes when tracing is turned on: the
 * program and a child that sleeps. Another fork fails with EAGAIN, except for
 * root, to which the limit does not apply.
 */
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "guest.h"

int main(int argc, char **argv)
{
	const struct rlimit two = { .rlim_cur = 2, .rlim_max = 2 };
	pid_t sleeper, child;
	uid_t uid;

	(void)argc;
	uid = (uid_t)parse_number(argv[1]);
	guest_init();
	check(setgid(uid) == 0);
	check(setuid(uid) == 0);
	check(setrlimit(RLIMIT_NPROC, &two) == 0);
	sleeper = fork();
	if (sleeper == 0) {
		for (;;)
			pause();
	}
	check(sleeper > 0);
	wait_until_asleep(sleeper);

	trace_on();
	child = fork();
	if (child == 0)
		_exit(0);
	trace_off();
	if (uid == 0)
		check(child > 0 && wait_for(child) == 0);
	else
		check(child == -1 && errno == EAGAIN);
	check(kill(sleeper, SIGKILL) == 0);
	check(wait_for(sleeper) == SIGKILL);
	_exit(0);
}
