// SPDX-License-Identifier: MIT OR Apache-2.0
/* Named children, orphans, and waiting with a deadline. */
#define _GNU_SOURCE
#include "tasks.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>

#include "clock.h"
#include "plan.h"
#include "report.h"

/* A killed task that sleeps uninterruptibly is not waited for any longer. It comes back to user space no more. */
#define END_NSEC_MAX (1000 * NSEC_PER_MSEC)

struct task {
	char name[NAME_BYTES_MAX + 1];
	pid_t pid;
	bool ended;
	int status;
};

static struct task tasks[TASKS_MAX];
static size_t tasks_count;
static sigset_t child_signal;
/* True once init has ended all programs: how they end then says nothing about them. */
static bool ended_all;

static struct task *find_name(const char *name)
{
	for (size_t i = 0; i < tasks_count; i++)
		if (!strcmp(tasks[i].name, name))
			return &tasks[i];
	return NULL;
}

/* A pid may have been used before: only a running child still owns it. */
static struct task *find_running(pid_t pid)
{
	for (size_t i = 0; i < tasks_count; i++)
		if (tasks[i].pid == pid && !tasks[i].ended)
			return &tasks[i];
	return NULL;
}

void tasks_init(void)
{
	sigemptyset(&child_signal);
	sigaddset(&child_signal, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child_signal, NULL);
}

int tasks_check_name(const char *name)
{
	if (find_name(name))
		return -EEXIST;
	return tasks_count < TASKS_MAX ? 0 : -ENFILE;
}

void tasks_add(const char *name, pid_t pid)
{
	struct task *task = &tasks[tasks_count++];

	strncpy(task->name, name, NAME_BYTES_MAX);
	task->pid = pid;
	report_task(task->name, pid);
}

void tasks_reap(void)
{
	struct task *task;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		task = find_running(pid);
		if (!task || ended_all)
			continue;
		task->ended = true;
		task->status = status;
		report_exit(task->name, status);
	}
}

/* Sleeps until a child ends or guest time is UNTIL, whichever comes first. */
static void wait_event(uint64_t until)
{
	uint64_t now = clock_now();
	struct timespec left;

	if (now >= until)
		return;
	if (until == CLOCK_NEVER) {
		sigwaitinfo(&child_signal, NULL);
		return;
	}
	left.tv_sec = (time_t)((until - now) / NSEC_PER_SEC);
	left.tv_nsec = (long)((until - now) % NSEC_PER_SEC);
	sigtimedwait(&child_signal, NULL, &left);
}

int tasks_wait(const char *name, uint64_t deadline, int *status)
{
	struct task *task = find_name(name);

	if (!task)
		return -ESRCH;
	for (;;) {
		tasks_reap();
		if (task->ended)
			break;
		if (clock_now() >= deadline)
			return TASKS_TIMEOUT;
		wait_event(deadline);
	}
	*status = task->status;
	return 0;
}

int tasks_sleep(uint64_t until, uint64_t deadline)
{
	for (;;) {
		uint64_t now = clock_now();

		tasks_reap();
		if (now >= deadline)
			return TASKS_TIMEOUT;
		if (now >= until)
			return 0;
		wait_event(until < deadline ? until : deadline);
	}
}

void tasks_end_all(void)
{
	uint64_t until;

	tasks_reap();
	ended_all = true;
	/* kill(2) sends it to all at once: none can fork another in between. */
	if (kill(-1, SIGKILL))
		return;
	until = clock_now() + END_NSEC_MAX;
	while (clock_now() < until) {
		pid_t pid = waitpid(-1, NULL, WNOHANG);

		if (pid < 0)
			return;
		if (pid == 0)
			wait_event(until);
	}
}

const char *tasks_running(void)
{
	static char names[TASKS_MAX * (NAME_BYTES_MAX + 1) + 1];
	char *end = names;

	*end = '\0';
	for (size_t i = 0; i < tasks_count; i++) {
		if (tasks[i].ended)
			continue;
		*end++ = ' ';
		end = stpcpy(end, tasks[i].name);
	}
	return names;
}
