// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * clone-no-place: a clone that fails when the child is nearly complete.
 *
 * The program asks for a pidfd, and gives no place for it. The kernel only
 * finds out when it has made the pidfd, for which it needs the child's number:
 * by then the child has nearly all that it needs, and copy_process() has to
 * take all of it apart again. The call returns EFAULT, and there never was a
 * child.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include "guest.h"

int main(void)
{
	guest_init();
	trace_on();
	check(raw_clone(CLONE_PIDFD | SIGCHLD) == -1);
	check(errno == EFAULT);
	trace_off();
	_exit(0);
}
