// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * clone-no-place: a clone that fails when the child is nearly complete.
 *
 * The program requests a pidfd and passes no address for it. The kernel notices
 * this only when it has created the pidfd, for which it needs the child's pid.
 * By then the child is nearly complete, and copy_process() has to undo every
 * step. The call returns EFAULT, and no child ever ran.
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
