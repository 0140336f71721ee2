// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * orphan [subreaper]: a process creates a child, which creates a grandchild and
 * exits; then the grandchild exits.
 *
 * After the child's exit the grandchild has a new parent: init, or the
 * grandparent if that has made itself a subreaper with prctl(). The grandchild
 * sees this in getppid(), writes the marker "orphaned", and exits. The trace
 * shows which process is notified of its exit.
 *
 * To give these steps a fixed order, the grandchild waits until the child is
 * not only dead but reaped, and the grandparent does not exit before the
 * grandchild is reaped: init may be on another CPU.
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
