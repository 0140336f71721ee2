// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * pidns-numbers: the process ids inside a pid namespace.
 *
 * A child gets a separate pid namespace and forks there. Both write the results
 * of getpid() and getppid() into the trace: "pid=1,ppid=0" and "pid=2,ppid=1".
 * Their grandparent, outside, reads the NSpid line of the first one in /proc,
 * which has its pid in each namespace: "NSpid=clone's,1". Then it creates one
 * more namespace, where a third process is also pid 1.
 *
 * The trace ends before the namespaces do. Pin it to one CPU: then each process
 * runs until it waits.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest.h"

/* The init of a namespace writes to `ready` and exits at the end of `until`. */
static int ready[2], until[2];

static void mark_ids(void)
{
	char text[] = "pid=?,ppid=?";

	check(getpid() < 10 && getppid() < 10);
	text[strlen("pid=")] = (char)('0' + getpid());
	text[sizeof(text) - 2] = (char)('0' + getppid());
	trace_mark(text);
}

static void fork_inside(void)
{
	pid_t inner = fork();

	if (inner == 0) {
		mark_ids();
		_exit(0);
	}
	check(inner == 2);
	check(wait_for(inner) == 0);
}

static _Noreturn void ns_init(int forks)
{
	char byte;

	mark_ids();
	if (forks)
		fork_inside();
	check(write(ready[1], "", 1) == 1);
	close(until[1]);
	/* End of file: no process has the write end open any more. */
	check(read(until[0], &byte, 1) == 0);
	_exit(0);
}

static pid_t make_namespace(int forks)
{
	pid_t pid;
	char byte;

	pid = (pid_t)syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0)
		ns_init(forks);
	check(pid > 0);
	check(read(ready[0], &byte, 1) == 1);
	return pid;
}

/* "NSpid:\t46\t1\n" has the pid in this namespace and the one inside. */
static void mark_nspid(pid_t pid)
{
	char path[32], status[2048];
	char *line, *end;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		die(path);
	n = read(fd, status, sizeof(status) - 1);
	check(n > 0);
	status[n] = '\0';
	close(fd);
	line = strstr(status, "\nNSpid:");
	check(line);
	check(strtol(line + strlen("\nNSpid:"), &end, 10) == pid);
	check(strtol(end, &end, 10) == 1 && *end == '\n');
	trace_mark("NSpid=clone's,1");
}

int main(void)
{
	pid_t first, second;

	guest_init();
	check(pipe(ready) == 0);
	check(pipe(until) == 0);
	trace_on();
	first = make_namespace(1);
	mark_nspid(first);
	second = make_namespace(0);
	trace_off();
	close(until[1]);
	check(wait_for(first) == 0);
	check(wait_for(second) == 0);
	_exit(0);
}
