// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * kill-busy CPU [keep]: a process kills its child, which spins in user mode on
 * CPU.
 *
 * The child makes no system call in which it could notice the signal. Instead
 * the kernel interrupts its CPU (signal_wake_up() ends in kick_process()). On
 * the way back from the interrupt the child finds SIGKILL in get_signal(): the
 * stack of its do_exit() has the frames of an interrupt, not those of a system
 * call.
 *
 * Run the parent pinned to another CPU: then the child is never preempted.
 *
 * With "keep" tracing stays on at the end, for a program that follows: the
 * function tracer clears the buffer whenever tracing is turned on again
 * (function_trace_start() in kernel/trace/trace_functions.c).
 */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest.h"

static _Noreturn void spin_on(int cpu, atomic_int *spinning)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		die("sched_setaffinity");
	for (;;)
		atomic_store(spinning, 1);
}

int main(int argc, char **argv)
{
	int cpu;
	pid_t child;
	atomic_int *spinning;

	(void)argc;
	cpu = (int)parse_number(argv[1]);
	guest_init();
	spinning = mmap(NULL, sizeof(*spinning), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (spinning == MAP_FAILED)
		die("mmap");
	child = fork();
	if (child == 0)
		spin_on(cpu, spinning);
	check(child > 0);
	/* From now on the child stays in user mode. */
	while (!atomic_load(spinning))
		sched_yield();
	trace_on();
	if (kill(child, SIGKILL))
		die("kill");
	check(wait_for(child) == SIGKILL);
	if (!argv[2])
		trace_off();
	_exit(0);
}
