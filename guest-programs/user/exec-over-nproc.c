// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * exec-over-nproc: becomes a user with too many processes, and calls execve().
 *
 * Before tracing is turned on, the user 1000 gets more processes than
 * RLIMIT_NPROC will allow. Then the program becomes that user. setuid()
 * succeeds, because programs that drop root do not expect it to fail. execve()
 * fails with EAGAIN instead. When the user's processes are gone (marker
 * "fewer"), it succeeds.
 *
 * The program executes itself, with an argument that makes it exit.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "guest.h"

#define OTHER_UID 1000
#define LIMIT 2
#define SLEEPERS (LIMIT + 1)

static char *const executed[] = { "exec-over-nproc", "executed", NULL };
static char *const environment[] = { NULL };

static void become_user(void)
{
	check(setgid(OTHER_UID) == 0);
	check(setuid(OTHER_UID) == 0);
}

static pid_t make_sleeper(void)
{
	pid_t sleeper;

	sleeper = fork();
	if (sleeper == 0) {
		become_user();
		for (;;)
			pause();
	}
	check(sleeper > 0);
	wait_until_asleep(sleeper);
	return sleeper;
}

int main(int argc, char **argv)
{
	const struct rlimit limit = { .rlim_cur = LIMIT, .rlim_max = LIMIT };
	pid_t sleepers[SLEEPERS];

	if (argc > 1 && strcmp(argv[1], "executed") == 0)
		_exit(0);
	guest_init();
	for (int i = 0; i < SLEEPERS; i++)
		sleepers[i] = make_sleeper();
	check(setrlimit(RLIMIT_NPROC, &limit) == 0);

	trace_on();
	become_user();
	check(execve("/proc/self/exe", executed, environment) == -1);
	check(errno == EAGAIN);
	for (int i = 0; i < SLEEPERS; i++) {
		check(kill(sleepers[i], SIGKILL) == 0);
		check(wait_for(sleepers[i]) == SIGKILL);
	}
	trace_mark("fewer");
	execve("/proc/self/exe", executed, environment);
	die("execve");
}
