// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * kill-reader FILE: a child that sleeps uninterruptibly in read() is killed.
 *
 * The parent waits until its child sleeps in state D, sends SIGKILL, and reads
 * the child's state again: a marker records it, "proc:D". The child does not
 * take the signal before its sleep is over. Then it dies of the signal and
 * never returns from read().
 *
 * FILE is a file whose read() sleeps like this, /proc/uninterruptible-sleep.
 * The trace begins in the child, just before its read().
 */
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "guest.h"

static _Noreturn void child(const char *file)
{
	char byte;
	int fd = open(file, O_RDONLY);

	if (fd < 0)
		die(file);
	trace_on();
	if (read(fd, &byte, 1) < 0)
		die(file);
	trace_mark("read-returned");
	_exit(0);
}

int main(int argc, char **argv)
{
	char text[] = "proc:?";
	pid_t pid;

	check(argc == 2);
	guest_init();
	pid = fork();
	if (pid == 0)
		child(argv[1]);
	check(pid > 0);
	wait_until_state(pid, 'D');
	check(kill(pid, SIGKILL) == 0);
	text[sizeof(text) - 2] = state_of(pid);
	trace_mark(text);
	check(wait_for(pid) == SIGKILL);
	trace_off();
	_exit(0);
}
