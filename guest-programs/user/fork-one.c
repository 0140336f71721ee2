// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * fork-one: one process creates one child and waits for it.
 *
 * The trace shows fork() from the system call to the child's first step:
 * sys_clone, kernel_clone() (_do_fork() before 5.10), copy_process(),
 * wake_up_new_task(), and the two returns of fork(): two tasks write the
 * markers "parent" and "child".
 *
 * Run it pinned to one CPU: then parent and child can only take turns, and
 * their steps have a fixed order. The kernel decides who is first. The second
 * one ends the trace: the child's exit and the parent's wait do not belong here.
 */
#define _GNU_SOURCE
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest.h"

/* How many of the two have written their markers. */
static atomic_int *marked;

static void mark(const char *name)
{
	trace_mark(name);
	if (atomic_fetch_add(marked, 1) == 1)
		trace_off();
}

int main(void)
{
	pid_t child;

	marked = mmap(NULL, sizeof(*marked), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (marked == MAP_FAILED)
		die("mmap");
	atomic_store(marked, 0);
	guest_init();
	trace_on();
	child = fork();
	if (child == 0) {
		mark("child");
		_exit(0);
	}
	check(child > 0);
	mark("parent");
	check(wait_for(child) == 0);
	_exit(0);
}
