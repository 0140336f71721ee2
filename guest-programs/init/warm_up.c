// SPDX-License-Identifier: MIT OR Apache-2.0
/* The program of the warm-up: init, started once more. */
#include "warm_up.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guard.h"
#include "payload.h"

#define SHARED_BYTES 4096

/* A child that ends by itself, or waits until it is killed. */
static int have_child(int is_killed, volatile char *shared)
{
	pid_t child = fork();

	if (child < 0)
		return -errno;
	if (child == 0) {
		*shared = 1;
		while (is_killed)
			pause();
		_exit(EXIT_SUCCESS);
	}
	if (is_killed && (kill(-1, 0) || kill(child, SIGKILL)))
		return -errno;
	return waitpid(child, NULL, 0) == child ? 0 : -errno;
}

int warm_up(void)
{
	char *shared = mmap(NULL, SHARED_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int err;

	if (shared == MAP_FAILED)
		return EXIT_FAILURE;
	err = have_child(0, shared);
	if (!err)
		err = have_child(1, shared);
	if (!err)
		err = payload_rehearse();
	if (!err)
		err = guard_rehearse();
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
