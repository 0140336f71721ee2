// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * clone-share FLAGS...: for each FLAGS a child that shares the structures that
 * FLAGS name.
 *
 * Each child opens a file, changes its directory, writes a variable and sets a
 * signal handler. When the child is gone, its parent checks which of these
 * changes it sees itself and writes them into the trace: "parent-sees:fd,cwd".
 * So the trace shows the reference counts of files_struct, fs_struct, mm_struct
 * and sighand_struct together with the effect of sharing.
 *
 * FLAGS are clone()'s flags without the exit signal: 0 shares nothing, as
 * fork() does, and 0x10f00 creates a thread. A child that shares the memory
 * uses the same variables, including those of the C library, so parent and
 * children must take turns: pin the program to one CPU.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest.h"

#define DIRECTORY "/proc"

static char child_stack[16 * 1024] __attribute__((aligned(16)));

/* In the memory that a child copies or shares. */
static volatile int variable;

/* The file that the child opened; in memory that all children share. */
static volatile int *child_fd;

static void handler(int sig)
{
	(void)sig;
}

static void set_handler(void (*to)(int))
{
	struct sigaction action = { .sa_handler = to };

	check(sigaction(SIGUSR1, &action, NULL) == 0);
}

static int run_child(void *unused)
{
	(void)unused;
	*child_fd = open("/", O_RDONLY | O_DIRECTORY);
	check(*child_fd >= 0);
	check(chdir(DIRECTORY) == 0);
	variable = 1;
	set_handler(handler);
	/* Not exit_group(), which would also end the parent of a thread. */
	syscall(SYS_exit, 0);
	return 0;
}

/* A thread cannot be waited for: it is gone when its id is no longer in use. */
static void wait_for_thread(pid_t tid)
{
	while (syscall(SYS_tgkill, getpid(), tid, 0) == 0)
		sched_yield();
}

static void add(char *text, const char *word)
{
	if (text[strlen(text) - 1] != ':')
		strcat(text, ",");
	strcat(text, word);
}

/* Records which of the child's changes the parent sees, and undoes them. */
static void mark_what_is_seen(void)
{
	char text[64] = "parent-sees:";
	char directory[sizeof(DIRECTORY)];
	struct sigaction action;

	if (close(*child_fd) == 0)
		add(text, "fd");
	/* Large enough for "/" and DIRECTORY, the only possible values. */
	check(syscall(SYS_getcwd, directory, sizeof(directory)) > 0);
	if (strcmp(directory, DIRECTORY) == 0)
		add(text, "cwd");
	check(chdir("/") == 0);
	if (variable)
		add(text, "variable");
	variable = 0;
	check(sigaction(SIGUSR1, NULL, &action) == 0);
	if (action.sa_handler == handler)
		add(text, "handler");
	set_handler(SIG_DFL);
	if (text[strlen(text) - 1] == ':')
		add(text, "nothing");
	trace_mark(text);
}

static void clone_and_look(int flags)
{
	pid_t child;

	child = clone(run_child, child_stack + sizeof(child_stack),
		      flags | SIGCHLD, NULL);
	check(child > 0);
	if (flags & CLONE_THREAD)
		wait_for_thread(child);
	else
		check(wait_for(child) == 0);
	mark_what_is_seen();
}

int main(int argc, char **argv)
{
	int flags[16];
	int n = argc - 1;

	check(n <= 16);
	for (int i = 0; i < n; i++)
		flags[i] = (int)parse_number(argv[i + 1]);
	child_fd = mmap(NULL, sizeof(*child_fd), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	check(child_fd != MAP_FAILED);
	check(chdir("/") == 0);
	guest_init();
	trace_on();
	for (int i = 0; i < n; i++)
		clone_and_look(flags[i]);
	/* The parent's own exit does not belong here. */
	trace_off();
	_exit(0);
}
