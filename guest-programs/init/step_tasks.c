// SPDX-License-Identifier: MIT OR Apache-2.0
/* Steps with children: start, load and unload, wait. */
#define _GNU_SOURCE
#include "steps.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mounts.h"
#include "tasks.h"

#define TRACING_ON "/sys/kernel/tracing/tracing_on"
#define EXIT_NOT_STARTED 127

/*
 * Makes the calling child what a program expects to be: no signal blocked, and
 * on CPU. Returns 0 or an errno.
 */
static int settle(int cpu)
{
	sigset_t none;
	cpu_set_t cpus;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	CPU_ZERO(&cpus);
	if (cpu != CPU_ANY)
		CPU_SET(cpu, &cpus);
	else
		for (int i = 0; i < CPU_SETSIZE; i++)
			CPU_SET(i, &cpus);
	return sched_setaffinity(0, sizeof(cpus), &cpus) ? errno : 0;
}

/* What `start`'s child does, and `become`. Returns only if it did not work. */
static int become(const struct job *job)
{
	char *no_environment[] = { NULL };
	int err = settle(job->cpu);

	if (err)
		return err;
	execve(job->args[0], job->args, no_environment);
	return errno;
}

int step_start(const struct job *job)
{
	/*
	 * vfork(): the child runs in our memory while we sleep until it has
	 * become the program. So nothing is copied, a program that cannot be
	 * started is known at once, and the next step finds it running.
	 */
	static volatile int start_error;
	int err = tasks_check_name(job->name);
	pid_t pid;

	if (err)
		return err;
	start_error = 0;
	pid = vfork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		start_error = become(job);
		_exit(EXIT_NOT_STARTED);
	}
	if (start_error) {
		waitpid(pid, NULL, 0);
		return -start_error;
	}
	tasks_add(job->name, pid);
	return 0;
}

int step_become(const struct job *job)
{
	return -become(job);
}

/*
 * The child of `load` and `unload`. Everything that can be done before tracing
 * is on is done before. Returns 0 or an errno.
 */
static int load_or_unload(const struct job *job, bool load)
{
	int err, on, file = -1;

	prctl(PR_SET_NAME, job->name);
	err = settle(job->cpu);
	if (err)
		return err;
	on = mounts_open(TRACING_ON, O_WRONLY);
	if (on < 0)
		return errno;
	if (load) {
		file = open(job->module, O_RDONLY | O_CLOEXEC);
		if (file < 0)
			return errno;
	}
	if (write(on, "1", 1) != 1)
		return errno;
	if (load)
		err = (int)syscall(SYS_finit_module, file, job->params, 0);
	else
		err = (int)syscall(SYS_delete_module, job->module, O_NONBLOCK);
	return err ? errno : 0;
}

int step_insmod(const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (syscall(SYS_finit_module, fd, "", 0))
		err = -errno;
	close(fd);
	return err;
}

int step_module(const struct job *job, bool load, uint64_t deadline)
{
	int err = tasks_check_name(job->name);
	int status;
	pid_t pid;

	if (err)
		return err;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		_exit(load_or_unload(job, load));
	tasks_add(job->name, pid);
	err = tasks_wait(job->name, deadline, &status);
	if (err)
		return err;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

int step_wait(const char *name, uint64_t deadline)
{
	int status;

	return tasks_wait(name, deadline, &status);
}
