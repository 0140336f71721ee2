// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * take-turns CPU NAME...: puts the tasks with these names on one CPU and gives
 * them the policy SCHED_BATCH.
 *
 * When a task wakes another, the two may run in parallel on two CPUs, or the
 * woken task may preempt the other. Both are correct, so the trace would depend
 * on chance. On one CPU and with SCHED_BATCH the waking task runs until it
 * sleeps: a woken batch task does not preempt (check_preempt_wakeup()). Forked
 * tasks inherit both settings, so the program also accepts init and kthreadd.
 *
 * This is preparation: it runs before the traced part.
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

/*
 * Returns true if /proc/PID/comm is NAME. A task that has exited has no such
 * file.
 */
static bool is_called(pid_t pid, const char *name)
{
	char path[32], comm[32];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, comm, sizeof(comm) - 1);
	close(fd);
	if (n <= 0)
		return false;
	comm[n - 1] = '\0';	/* the newline */
	return !strcmp(comm, name);
}

/*
 * Files that were looked up in /proc stay in the dentry cache. The exit of such
 * a task drops them from the cache, with a point where it may be preempted
 * (proc_flush_pid()). The second pass drops a file, because a used entry gets a
 * second chance, and the directory goes two passes later.
 */
static void forget_proc(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		die("drop_caches");
	for (int pass = 0; pass < 4; pass++)
		if (write(fd, "2", 1) != 1)
			die("drop_caches");
	close(fd);
}

static void settle(pid_t pid, int cpu)
{
	const struct sched_param none = { 0 };
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	if (sched_setaffinity(pid, sizeof(cpus), &cpus))
		die("sched_setaffinity");
	if (sched_setscheduler(pid, SCHED_BATCH, &none))
		die("sched_setscheduler");
}

static void settle_all(const char *name, int cpu)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	int found = 0;
	pid_t pid;

	if (!proc)
		die("/proc");
	while ((entry = readdir(proc))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		pid = (pid_t)parse_number(entry->d_name);
		if (!is_called(pid, name))
			continue;
		settle(pid, cpu);
		found++;
	}
	closedir(proc);
	if (!found)
		wrong(name);
}

int main(int argc, char **argv)
{
	int cpu = (int)parse_number(argv[1]);

	for (int i = 2; i < argc; i++)
		settle_all(argv[i], cpu);
	forget_proc();
	_exit(0);
}
