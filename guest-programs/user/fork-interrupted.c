// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * fork-interrupted: a signal arrives while a process is entering clone.
 *
 * To hit this moment, a tracer stops the process where it enters the system
 * call and continues it with SIGUSR1. Tracing begins there. The kernel creates
 * no child while a signal is pending: it runs the handler first (marker
 * "handler") and then restarts the system call. The process sees one clone that
 * succeeds (marker "cloned").
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"

static void handler(int signal)
{
	(void)signal;
	trace_mark("handler");
}

static _Noreturn void be_interrupted(void)
{
	pid_t child;

	check(signal(SIGUSR1, handler) != SIG_ERR);
	check(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0);
	check(kill(getpid(), SIGSTOP) == 0);
	child = raw_clone(SIGCHLD);
	if (child == 0)
		_exit(0);
	check(child > 0);
	trace_mark("cloned");
	check(wait_for(child) == 0);
	_exit(0);
}

/* Returns true if the stopped process CALLER is about to enter clone. */
static int enters_clone(pid_t caller)
{
	struct __ptrace_syscall_info info;

	check(ptrace(PTRACE_GET_SYSCALL_INFO, caller, sizeof(info), &info) > 0);
	return info.op == PTRACE_SYSCALL_INFO_ENTRY &&
	       info.entry.nr == SYS_clone;
}

static void wait_for_stop(pid_t caller)
{
	int status;

	check(waitpid(caller, &status, 0) == caller);
	check(WIFSTOPPED(status));
}

int main(void)
{
	pid_t caller;

	guest_init();
	caller = fork();
	if (caller == 0)
		be_interrupted();
	check(caller > 0);
	wait_for_stop(caller);
	/*
	 * Otherwise system call stops could not be told apart from other stops.
	 */
	check(ptrace(PTRACE_SETOPTIONS, caller, NULL,
		     PTRACE_O_TRACESYSGOOD) == 0);
	do {
		check(ptrace(PTRACE_SYSCALL, caller, NULL, NULL) == 0);
		wait_for_stop(caller);
	} while (!enters_clone(caller));

	trace_on();
	check(ptrace(PTRACE_DETACH, caller, NULL, SIGUSR1) == 0);
	check(wait_for(caller) == 0);
	_exit(0);
}
