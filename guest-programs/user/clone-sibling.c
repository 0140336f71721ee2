// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * clone-sibling: a child creates a sibling instead of a child (CLONE_PARENT).
 *
 * The child cannot wait for the task that it has created. The parent, which
 * created only one of the two, waits for both. The sibling waits for the end of
 * a pipe, and the parent lets it exit when the child is gone.
 *
 * The sibling requests SIGUSR1 as its exit signal, which has no effect: it gets
 * the child's exit signal.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"

/* The sibling continues when no process has the write end open. */
static int turn[2];

static _Noreturn void be_sibling(void)
{
	char byte;

	close(turn[1]);
	check(read(turn[0], &byte, 1) == 0);
	_exit(0);
}

static _Noreturn void make_sibling(void)
{
	pid_t sibling;

	sibling = raw_clone(CLONE_PARENT | SIGUSR1);
	if (sibling == 0)
		be_sibling();
	check(sibling > 0);
	check(waitpid(sibling, NULL, 0) == -1 && errno == ECHILD);
	trace_mark("no-child-of-mine");
	_exit(0);
}

int main(void)
{
	pid_t child, other;

	guest_init();
	check(pipe(turn) == 0);
	trace_on();
	child = fork();
	if (child == 0)
		make_sibling();
	check(child > 0);
	check(wait_for(child) == 0);
	close(turn[1]);
	other = wait(NULL);
	check(other > 0 && other != child);
	trace_off();
	_exit(0);
}
