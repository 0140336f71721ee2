// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * autoreap: a child exits whose parent ignores SIGCHLD.
 *
 * By ignoring SIGCHLD the parent declines to wait for its children: the child
 * releases itself and is never a zombie. The parent waits nevertheless. wait4()
 * returns when there is no child left and fails with ECHILD.
 *
 * As in exit-code, the parent sleeps in wait4() before tracing begins.
 */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"

int main(void)
{
	pid_t child;

	guest_init();
	if (signal(SIGCHLD, SIG_IGN) == SIG_ERR)
		die("signal");
	child = fork();
	if (child == 0) {
		wait_until_asleep(getppid());
		trace_on();
		_exit(0);
	}
	check(child > 0);
	check(waitpid(child, NULL, 0) == -1 && errno == ECHILD);
	trace_off();
	_exit(0);
}
