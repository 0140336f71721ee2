// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * fork-over-threads-max: forks when the system has as many tasks as it may
 * have.
 *
 * The program sets kernel.threads-max to less than the current number of tasks.
 * From then on no user can create a task, not even root, so the program
 * restores the old value before it does anything else. The fork fails with
 * EAGAIN.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "guest.h"

/* Up to this many of the kernel's own tasks may exit in the meantime. */
#define MARGIN 4

int main(void)
{
	char before[32], fewer[32];
	ssize_t before_size;
	struct sysinfo info;
	pid_t child;
	int fd, fewer_size;

	guest_init();
	fd = open("/proc/sys/kernel/threads-max", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die("threads-max");
	before_size = read(fd, before, sizeof(before));
	check(before_size > 0);
	check(sysinfo(&info) == 0);
	fewer_size = snprintf(fewer, sizeof(fewer), "%d", info.procs - MARGIN);
	check(pwrite(fd, fewer, (size_t)fewer_size, 0) == fewer_size);

	trace_on();
	child = fork();
	if (child == 0)
		_exit(GUEST_EXIT_WRONG);
	trace_off();
	check(child == -1 && errno == EAGAIN);
	check(pwrite(fd, before, (size_t)before_size, 0) == before_size);
	_exit(0);
}
