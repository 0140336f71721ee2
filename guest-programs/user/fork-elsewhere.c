// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * fork-elsewhere CPU: a process that may run on CPU and on its current CPU
 * creates a child, which then moves to the current CPU.
 *
 * Start it pinned to its own CPU; it also allows itself the other one, where no
 * task runs. The parent never sleeps, so fork() finds the other CPU idle and
 * its own CPU busy, and the child starts on the other CPU. There it writes the
 * marker "child" and calls sched_setaffinity() to be on its parent's CPU only.
 * This move is a migration, and the placement in fork() is not. The marker
 * "moved" is the last event of the trace.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest.h"

static void allow(const cpu_set_t *cpus)
{
	if (sched_setaffinity(0, sizeof(*cpus), cpus))
		die("sched_setaffinity");
}

static _Noreturn void move_to(const cpu_set_t *cpus, atomic_int *moved)
{
	trace_mark("child");
	allow(cpus);
	trace_mark("moved");
	trace_off();
	atomic_store(moved, 1);
	_exit(0);
}

int main(int argc, char **argv)
{
	cpu_set_t own, both;
	atomic_int *moved;
	pid_t child;

	(void)argc;
	if (sched_getaffinity(0, sizeof(own), &own))
		die("sched_getaffinity");
	both = own;
	CPU_SET(parse_number(argv[1]), &both);
	guest_init();
	moved = mmap(NULL, sizeof(*moved), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (moved == MAP_FAILED)
		die("mmap");
	allow(&both);
	trace_on();
	child = fork();
	if (child == 0)
		move_to(&own, moved);
	check(child > 0);
	while (!atomic_load(moved))
		;
	check(wait_for(child) == 0);
	_exit(0);
}
