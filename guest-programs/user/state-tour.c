// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * state-tour: a child goes through every state that a process can be in.
 *
 * The child executes commands that its parent sends through a pipe, and sleeps
 * in between (S). The parent stops it with SIGSTOP (T) and continues it, seizes
 * it so that a signal stops it for its tracer (t), makes it wait for a vfork()
 * child (D), makes it yield the CPU (R), and kills it (Z). Each time the parent
 * reads /proc/PID/stat and writes the state into the trace: "proc:T". At the
 * end the process does not exist any more: "proc:-".
 *
 * It must be pinned to one CPU: only if the parent runs instead of the child
 * can it see a state R that is not running.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"

enum { TO_CHILD, TO_GRANDCHILD, PIPES };

static int pipes[PIPES][2];

/* The child's steps when it yields the CPU. */
enum { NOT_YET, YIELDING, ENOUGH };

static volatile int *turn;

static void send_byte(int to, char byte)
{
	check(write(pipes[to][1], &byte, 1) == 1);
}

static char receive(int from)
{
	char byte;

	check(read(pipes[from][0], &byte, 1) == 1);
	return byte;
}

/* A vfork() parent waits until its child no longer uses the shared memory. */
static void wait_for_vfork(void)
{
	pid_t grandchild = vfork();

	if (grandchild == 0) {
		receive(TO_GRANDCHILD);
		_exit(0);
	}
	check(grandchild > 0);
}

static void yield(void)
{
	*turn = YIELDING;
	while (*turn != ENOUGH)
		sched_yield();
}

static _Noreturn void child(void)
{
	/* No process waits for the grandchild, so it must release itself. */
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		switch (receive(TO_CHILD)) {
		case 'v':
			wait_for_vfork();
			break;
		case 'y':
			yield();
			break;
		default:
			/* It goes back to sleep. */
			break;
		}
	}
}

static void tell(pid_t pid)
{
	char text[] = "proc:?";

	text[sizeof(text) - 2] = state_of(pid);
	trace_mark(text);
}

static void see(pid_t pid, char state)
{
	wait_until_state(pid, state);
	tell(pid);
}

static void stop_and_continue(pid_t pid)
{
	int status;

	check(kill(pid, SIGSTOP) == 0);
	check(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
	see(pid, 'T');
	check(kill(pid, SIGCONT) == 0);
	see(pid, 'S');
}

static void stop_traced(pid_t pid)
{
	int status;

	check(ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0);
	check(kill(pid, SIGUSR1) == 0);
	check(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status));
	see(pid, 't');
	/* The signal is not delivered: it would end the child. */
	check(ptrace(PTRACE_DETACH, pid, NULL, NULL) == 0);
	see(pid, 'S');
}

static void wait_uninterruptibly(pid_t pid)
{
	send_byte(TO_CHILD, 'v');
	see(pid, 'D');
	send_byte(TO_GRANDCHILD, 'e');
	see(pid, 'S');
}

static void give_up_cpu(pid_t pid)
{
	send_byte(TO_CHILD, 'y');
	while (*turn != YIELDING)
		sched_yield();
	see(pid, 'R');
	*turn = ENOUGH;
	see(pid, 'S');
}

static void die_by_signal(pid_t pid)
{
	siginfo_t info;

	check(kill(pid, SIGKILL) == 0);
	/* Reports the exit and leaves the zombie in place. */
	check(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0);
	see(pid, 'Z');
	check(wait_for(pid) == SIGKILL);
	tell(pid);
}

int main(void)
{
	pid_t pid;

	guest_init();
	turn = mmap(NULL, sizeof(*turn), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	check(turn != MAP_FAILED);
	for (int i = 0; i < PIPES; i++)
		check(pipe(pipes[i]) == 0);
	pid = fork();
	if (pid == 0)
		child();
	check(pid > 0);
	wait_until_asleep(pid);

	trace_on();
	/* The child wakes up and has nothing to do. */
	send_byte(TO_CHILD, 's');
	see(pid, 'S');
	stop_and_continue(pid);
	stop_traced(pid);
	wait_uninterruptibly(pid);
	give_up_cpu(pid);
	die_by_signal(pid);
	trace_off();
	_exit(0);
}
