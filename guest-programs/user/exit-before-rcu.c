// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * exit-before-rcu: a process exits on a CPU where the RCU thread runs next.
 *
 * The book's log shows rcu_sched clean up after a process, which happens by
 * chance: it was the task that ran next. Here this is arranged. The
 * grace-period thread (rcu_sched or rcu_preempt) may only run on CPU 1, where a
 * child occupies the CPU as a real-time task. Its parent, on CPU 0, creates
 * short-lived children until their exits have given RCU work to do and the
 * thread is runnable (R) but cannot run. Then the parent releases the child on
 * CPU 1, which turns tracing on and exits. The parent waits for it after the
 * RCU thread has run.
 *
 * Run it pinned to CPU 0.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest.h"

enum { NOT_YET, HOLDS_CPU, MAY_EXIT };

static volatile int *turn;

static void pin(pid_t pid, int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	check(sched_setaffinity(pid, sizeof(cpus), &cpus) == 0);
}

static int is_rcu_thread(const char *pid)
{
	char path[300], comm[32];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return 0;
	n = read(fd, comm, sizeof(comm) - 1);
	close(fd);
	comm[n > 0 ? n : 0] = '\0';
	return !strcmp(comm, "rcu_sched\n") || !strcmp(comm, "rcu_preempt\n");
}

static pid_t find_rcu_thread(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;

	check(proc);
	while ((entry = readdir(proc)))
		if (is_rcu_thread(entry->d_name))
			return (pid_t)atoi(entry->d_name);
	wrong("there is no grace-period thread");
}

static _Noreturn void hold_cpu(void)
{
	struct sched_param priority = { .sched_priority = 10 };

	pin(0, 1);
	check(sched_setscheduler(0, SCHED_FIFO, &priority) == 0);
	*turn = HOLDS_CPU;
	while (*turn != MAY_EXIT)
		;
	trace_on();
	_exit(0);
}

/* The exit of a process is work for RCU, which frees its task_struct later. */
static void fork_and_reap(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	check(pid > 0);
	check(wait_for(pid) == 0);
}

int main(void)
{
	pid_t rcu, pid;

	guest_init();
	turn = mmap(NULL, sizeof(*turn), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	check(turn != MAP_FAILED);
	rcu = find_rcu_thread();
	pin(rcu, 1);
	pid = fork();
	if (pid == 0)
		hold_cpu();
	check(pid > 0);
	while (*turn != HOLDS_CPU)
		usleep(1000);
	while (state_of(rcu) != 'R') {
		fork_and_reap();
		usleep(1000);
	}
	*turn = MAY_EXIT;
	/*
	 * The RCU thread is idle again, so it has run, and the child is off its
	 * CPU.
	 */
	wait_until_state(rcu, 'I');
	check(wait_for(pid) == 0);
	trace_off();
	_exit(0);
}
