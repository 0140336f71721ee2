// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * fork-ways: creates one child in each way that user space has.
 *
 * fork(), vfork(), posix_spawn() and pthread_create() are functions of the C
 * library; the kernel has clone and clone3. A marker comes before each way, so
 * the trace shows which system call it uses, and with which flags. All of them
 * meet in kernel_clone() and copy_process().
 *
 * The program waits for each child before it creates the next one. The children
 * exit at once.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/sched.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest.h"

/*
 * The C library's own wrapper of clone3, which newer ones (glibc 2.41 on arm64)
 * try before clone. In a static program this function replaces it and fails
 * with ENOSYS, as a kernel before 5.3 does. So posix_spawn() and
 * pthread_create() use clone, whichever library this program is linked with.
 */
int __clone3(struct clone_args *args, size_t size, int (*function)(void *),
	     void *arg)
{
	(void)args;
	(void)size;
	(void)function;
	(void)arg;
	errno = ENOSYS;
	return -1;
}

static void *thread(void *unused)
{
	return unused;
}

static void by_fork(void)
{
	pid_t child;

	trace_mark("fork");
	child = fork();
	if (child == 0)
		_exit(0);
	check(wait_for(child) == 0);
}

static void by_vfork(void)
{
	pid_t child;

	trace_mark("vfork");
	child = vfork();
	if (child == 0)
		_exit(0);
	check(wait_for(child) == 0);
}

/* Spawns this program once more; with an argument it exits at once. */
static void by_posix_spawn(void)
{
	char *const argv[] = { "fork-ways", "spawned", NULL };
	char *const envp[] = { NULL };
	pid_t child;

	trace_mark("posix_spawn");
	check(posix_spawn(&child, "/proc/self/exe", NULL, NULL, argv,
			  envp) == 0);
	check(wait_for(child) == 0);
}

static void by_pthread_create(void)
{
	pthread_t id;

	trace_mark("pthread_create");
	check(pthread_create(&id, NULL, thread, NULL) == 0);
	check(pthread_join(id, NULL) == 0);
}

static void by_clone3(void)
{
	struct clone_args args = { .exit_signal = SIGCHLD };
	long child;

	trace_mark("clone3");
	child = syscall(SYS_clone3, &args, sizeof(args));
	if (child == 0)
		_exit(0);
	/* The system call came with 5.3. */
	if (child < 0 && errno == ENOSYS)
		return;
	check(child > 0);
	check(wait_for((pid_t)child) == 0);
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "spawned") == 0)
		_exit(0);
	guest_init();
	trace_on();
	by_fork();
	by_vfork();
	by_posix_spawn();
	by_pthread_create();
	by_clone3();
	_exit(0);
}
