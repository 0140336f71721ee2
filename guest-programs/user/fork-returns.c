// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * fork-returns: one clone that returns twice, and one that returns an error.
 *
 * The parent gets the child's pid and the child gets 0; they write the markers
 * "returned-pid" and "returned-0". Then the parent requests shared signal
 * handlers without shared memory (CLONE_SIGHAND without CLONE_VM). clone
 * refuses that with EINVAL: it returns once, and there is no child.
 *
 * The program makes the system call directly, because the C library's fork()
 * does more in the child.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include "guest.h"

int main(void)
{
	pid_t child;

	guest_init();
	trace_on();
	child = raw_clone(SIGCHLD);
	if (child == 0) {
		trace_mark("returned-0");
		_exit(0);
	}
	check(child > 0);
	trace_mark("returned-pid");
	check(wait_for(child) == 0);
	check(raw_clone(CLONE_SIGHAND | SIGCHLD) == -1);
	check(errno == EINVAL);
	trace_off();
	_exit(0);
}
