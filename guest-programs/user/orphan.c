// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * orphan [subreaper]: a process makes a child, that makes a grandchild and
 * exits, and then the grandchild exits.
 *
 * When the child has exited, the grandchild has another parent: init, or the
 * grandparent if that has made itself a subreaper by prctl(). The grandchild
 * sees it in getppid(), writes the marker "orphaned", and exits; whom its exit
 * tells is what the trace is for.
 *
 * So that all of this has one order, the grandchild waits until the child is
 * not only dead but reaped, and the grandparent does not end before the
 * grandchild is: init may be on another CPU.
 */
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "guest.h"

static _Noreturn void be_orphaned(pid_t parent)
{
	while (getppid() == parent || !kill(parent, 0))
		sched_yield();
	trace_mark("orphaned");
	_exit(0);
}

static _Noreturn void leave_child(volatile pid_t *grandchild)
{
	pid_t self = getpid();
	pid_t pid;

	pid = fork();
	if (pid == 0)
		be_orphaned(self);
	*grandchild = pid;
	_exit(0);
}

int main(int argc, char **argv)
{
	volatile pid_t *grandchild;
	pid_t child;

	(void)argc;
	guest_init();
	grandchild = mmap(NULL, sizeof(*grandchild), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (grandchild == MAP_FAILED)
		die("mmap");
	if (argv[1] && prctl(PR_SET_CHILD_SUBREAPER, 1))
		die("prctl");
	trace_on();
	child = fork();
	if (child == 0)
		leave_child(grandchild);
	check(child > 0);
	check(wait_for(child) == 0);
	check(*grandchild > 0);
	if (argv[1])
		check(wait_for(*grandchild) == 0);
	else
		while (!kill(*grandchild, 0))
			sched_yield();
	trace_off();
	_exit(0);
}
