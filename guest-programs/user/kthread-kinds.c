// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * kthread-kinds NAME[,OTHER]...: for each NAME writes a marker with the
 * properties that /proc shows of the first task whose name begins with NAME.
 * OTHER is the name on some kernels: the program looks for it if there is no
 * NAME.
 *
 * A marker is NAME:FUNCTION:ppid=N:KIND:EXE:POLICY, such as
 *
 *  migration/1:smpboot_thread_fn:ppid=2:PF_KTHREAD:no-exe:SCHED_FIFO-99
 *
 * FUNCTION is the function that the task runs, from /proc/PID/stack: the
 * outermost frame inside ret_from_fork() and kthread(), which all kernel
 * threads have. For a task that came from user space that frame is the entry
 * into the kernel, whose name differs between kernels: the marker says
 * system-call. KIND is PF_KTHREAD or user.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guest.h"

#define NAMES_MAX 32
#define PF_KTHREAD 0x00200000

/* Reads FILE of the task PID into TEXT, as a string. */
static void read_proc(pid_t pid, const char *file, char *text, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die(path);
	n = read(fd, text, size - 1);
	if (n < 0)
		die(path);
	text[n] = '\0';
	close(fd);
}

/* Returns the task with the lowest pid whose name begins with PREFIX, or 0. */
static pid_t find_task(const char *prefix)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	pid_t pid, found = 0;
	char comm[64];

	if (!proc)
		die("/proc");
	while ((entry = readdir(proc))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		pid = (pid_t)parse_number(entry->d_name);
		read_proc(pid, "comm", comm, sizeof(comm));
		if (strncmp(comm, prefix, strlen(prefix)))
			continue;
		if (!found || pid < found)
			found = pid;
	}
	closedir(proc);
	return found;
}

/*
 * The entry of a system call into the kernel: on arm64 since 5.16, before, and
 * before 5.4, and on 32-bit Arm, whose stacks end in the return path.
 */
static const char *const system_call[] = {
	"el0t_64_sync", "el0_sync", "el0_svc", "ret_fast_syscall",
};

/*
 * A line is "[<0>] FUNCTION+0x58/0x1a0", and the innermost frame comes first.
 * Returns the outermost function that not all kernel threads have, inside
 * STACK.
 */
static const char *outermost(char *stack)
{
	const char *function = NULL;

	for (char *line = strtok(stack, "\n"); line; line = strtok(NULL, "\n")) {
		char *name = strchr(line, ' ');

		check(name);
		name++;
		/* Before 5.2 the last line is an end mark, not a function. */
		if (!strncmp(name, "0x", 2))
			continue;
		name[strcspn(name, "+")] = '\0';
		if (strcmp(name, "kthread") && strcmp(name, "ret_from_fork"))
			function = name;
	}
	check(function);
	for (size_t i = 0; i < sizeof(system_call) / sizeof(*system_call); i++)
		if (!strcmp(function, system_call[i]))
			return "system-call";
	return function;
}

static void policy_of(pid_t pid, char *text, size_t size)
{
	int policy = sched_getscheduler(pid);
	struct sched_param param;

	if (policy < 0 || sched_getparam(pid, &param))
		die("sched_getparam");
	if (policy == SCHED_OTHER)
		snprintf(text, size, "SCHED_NORMAL");
	else if (policy == SCHED_FIFO)
		snprintf(text, size, "SCHED_FIFO-%d", param.sched_priority);
	else
		snprintf(text, size, "policy-%d", policy);
}

static bool has_program(pid_t pid)
{
	char path[32], program[64];

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	return readlink(path, program, sizeof(program)) > 0;
}

/* Cuts NAME off after the first of the names that it lists. */
static void describe(char *name, char *text, size_t size)
{
	char stat[512], stack[2048], policy[32];
	unsigned int flags;
	char *rest, *other;
	int parent;
	pid_t pid;

	other = strchr(name, ',');
	if (other)
		*other++ = '\0';
	pid = find_task(name);
	if (!pid && other)
		pid = find_task(other);
	if (!pid)
		wrong(name);
	read_proc(pid, "stat", stat, sizeof(stat));
	/* After the name: state, ppid, pgrp, session, tty_nr, tpgid, flags. */
	rest = strrchr(stat, ')');
	check(rest);
	check(sscanf(rest, ") %*c %d %*d %*d %*d %*d %u", &parent, &flags) == 2);
	read_proc(pid, "stack", stack, sizeof(stack));
	policy_of(pid, policy, sizeof(policy));
	snprintf(text, size, "%s:%s:ppid=%d:%s:%s:%s", name, outermost(stack), parent,
		 flags & PF_KTHREAD ? "PF_KTHREAD" : "user",
		 has_program(pid) ? "exe" : "no-exe", policy);
}

int main(int argc, char **argv)
{
	static char texts[NAMES_MAX][128];
	int count = argc - 1;

	check(count <= NAMES_MAX);
	guest_init();
	for (int i = 0; i < count; i++)
		describe(argv[i + 1], texts[i], sizeof(texts[i]));
	trace_on();
	for (int i = 0; i < count; i++)
		trace_mark(texts[i]);
	_exit(0);
}
