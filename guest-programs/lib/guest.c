// SPDX-License-Identifier: MIT OR Apache-2.0
/* The guest programs' library. */
#define _GNU_SOURCE
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TRACEFS "/sys/kernel/tracing/"

static int tracing_on_fd = -1;
static int trace_marker_fd = -1;

static int open_tracefs(const char *file)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		die(file);
	return fd;
}

void guest_init(void)
{
	tracing_on_fd = open_tracefs(TRACEFS "tracing_on");
	trace_marker_fd = open_tracefs(TRACEFS "trace_marker");
}

static void switch_tracing(const char *value)
{
	if (write(tracing_on_fd, value, 1) != 1)
		die("tracing_on");
}

void trace_on(void)
{
	switch_tracing("1");
}

void trace_off(void)
{
	switch_tracing("0");
}

void trace_mark(const char *text)
{
	/* Fails with EBADF while tracing is off, which is also a mistake. */
	if (write(trace_marker_fd, text, strlen(text)) < 0)
		die("trace_marker");
}

void die(const char *what)
{
	dprintf(STDERR_FILENO, "%s: %s: %s\n", program_invocation_short_name,
		what, strerror(errno));
	_exit(GUEST_EXIT_WRONG);
}

void wrong(const char *what)
{
	dprintf(STDERR_FILENO, "%s: %s\n", program_invocation_short_name, what);
	_exit(GUEST_EXIT_WRONG);
}

long parse_number(const char *text)
{
	char *end;
	long number;

	if (!text)
		wrong("a number is missing");
	errno = 0;
	number = strtol(text, &end, 0);
	if (errno || end == text || *end)
		wrong("not a number");
	return number;
}

pid_t raw_clone(unsigned long flags)
{
	return (pid_t)syscall(SYS_clone, flags, NULL, NULL, NULL, NULL);
}

int wait_for(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	return status;
}

/* Reads the state letter of /proc/PID/stat: "PID (COMM) S …". */
static char read_state(int stat_fd)
{
	char text[128];
	char *paren;
	ssize_t n;

	n = pread(stat_fd, text, sizeof(text) - 1, 0);
	if (n <= 0)
		die("/proc/PID/stat");
	text[n] = '\0';
	/* COMM may contain any character, including parentheses. */
	paren = strrchr(text, ')');
	check(paren && paren[1] == ' ');
	return paren[2];
}

void wait_until_asleep(pid_t pid)
{
	wait_until_state(pid, 'S');
}

/* Opens /proc/PID/stat. Returns -1 if the process does not exist. */
static int open_stat(pid_t pid)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno != ENOENT)
		die(path);
	return fd;
}

void wait_until_state(pid_t pid, char state)
{
	int fd = open_stat(pid);

	check(fd >= 0);
	while (read_state(fd) != state)
		sched_yield();
	close(fd);
}

char state_of(pid_t pid)
{
	int fd = open_stat(pid);
	char state;

	if (fd < 0)
		return '-';
	state = read_state(fd);
	close(fd);
	return state;
}

void sleep_ms(long ms)
{
	struct timespec time = {
		.tv_sec = ms / 1000,
		.tv_nsec = ms % 1000 * 1000000,
	};

	if (nanosleep(&time, NULL))
		die("nanosleep");
}
