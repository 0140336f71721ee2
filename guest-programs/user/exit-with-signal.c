// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * exit-with-signal: a signal arrives while the first of two threads exits, and
 * the other thread has to take it.
 *
 * The signal is sent to the process, so either thread may take it. To send it
 * in the short time between do_exit() and exit_signals(), the parent traces
 * both threads: the leaving one stops there (PTRACE_EVENT_EXIT), and the
 * staying one is stopped all the time. So the signal is pending for the process
 * and not assigned to a thread. Then the leaving thread continues and must wake
 * the other one. The parent lets the staying thread continue only when the
 * leaving one is dead; its handler writes the marker "handler".
 *
 * The trace begins just before the leaving thread's exit.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"

struct shared {
	atomic_int staying;	/* the staying thread's id */
	atomic_int leave;	/* the leaving thread may leave */
};

static struct shared *shared;

static void handler(int sig)
{
	(void)sig;
	trace_mark("handler");
}

static void *stay(void *unused)
{
	(void)unused;
	atomic_store(&shared->staying, (int)syscall(SYS_gettid));
	for (;;)
		pause();
	return NULL;
}

static _Noreturn void leave(void)
{
	struct sigaction action = { .sa_handler = handler };
	pthread_t thread;

	if (sigaction(SIGUSR1, &action, NULL))
		die("sigaction");
	if (pthread_create(&thread, NULL, stay, NULL))
		wrong("pthread_create");
	while (!atomic_load(&shared->leave))
		sched_yield();
	trace_on();
	syscall(SYS_exit, 0);
	__builtin_unreachable();
}

static void trace_thread(pid_t tid, long options)
{
	if (ptrace(PTRACE_SEIZE, tid, NULL, options))
		die("PTRACE_SEIZE");
}

/* Waits until TID stops. Returns the signal, and the event in the next byte. */
static int wait_stopped(pid_t tid)
{
	int status;

	if (waitpid(tid, &status, __WALL) != tid)
		die("waitpid");
	check(WIFSTOPPED(status));
	return status >> 8;
}

static void go_on(pid_t tid, long sig)
{
	if (ptrace(PTRACE_CONT, tid, NULL, sig))
		die("PTRACE_CONT");
}

int main(void)
{
	pid_t leaving, staying;
	int status;

	guest_init();
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		die("mmap");
	leaving = fork();
	if (leaving == 0)
		leave();
	check(leaving > 0);
	while (!(staying = atomic_load(&shared->staying)))
		sched_yield();
	trace_thread(leaving, PTRACE_O_TRACEEXIT);
	trace_thread(staying, 0);
	/* Not PTRACE_INTERRUPT: such a stop leaves TIF_SIGPENDING set. */
	if (syscall(SYS_tgkill, leaving, staying, SIGSTOP))
		die("tgkill");
	check(wait_stopped(staying) == SIGSTOP);

	atomic_store(&shared->leave, 1);
	check(wait_stopped(leaving) == (SIGTRAP | PTRACE_EVENT_EXIT << 8));
	if (kill(leaving, SIGUSR1))
		die("kill");
	go_on(leaving, 0);
	wait_until_state(leaving, 'Z');
	/* A traced thread stops once more before a signal is delivered. */
	go_on(staying, 0);
	check(wait_stopped(staying) == SIGUSR1);
	go_on(staying, SIGUSR1);
	wait_until_asleep(staying);
	trace_off();

	if (kill(leaving, SIGKILL))
		die("kill");
	check(waitpid(staying, &status, __WALL) == staying);
	check(waitpid(leaving, &status, __WALL) == leaving);
	_exit(0);
}
