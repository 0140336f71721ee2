// SPDX-License-Identifier: MIT OR Apache-2.0
/* two-children: waits for its second child first. */
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"

static pid_t child(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	check(pid > 0);
	return pid;
}

int main(void)
{
	pid_t first, second;

	guest_init();
	trace_on();
	first = child();
	second = child();
	check(waitpid(second, NULL, 0) == second);
	trace_mark("second-is-gone");
	check(waitpid(first, NULL, 0) == first);
	trace_mark("first-is-gone");
	trace_off();
	return 0;
}
