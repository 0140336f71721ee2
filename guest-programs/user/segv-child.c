// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * segv-child CORE_BYTES [keep]: a child writes to forbidden memory and dies of
 * SIGSEGV.
 *
 * The trace begins just before the store. The fault handler forces SIGSEGV on
 * the child, which finds it in get_signal() before it is back in user mode.
 * With CORE_BYTES as its RLIMIT_CORE the kernel may dump its memory into the
 * file "core". Only then is bit 0x80 of its exit code set.
 *
 * As in exit-code, the parent sleeps in wait4() before tracing begins.
 *
 * With "keep" tracing stays on at the end, for a program that follows: the
 * function tracer clears the buffer whenever tracing is turned on again
 * (function_trace_start() in kernel/trace/trace_functions.c).
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "guest.h"

static _Noreturn void fault_traced(rlim_t core_bytes)
{
	struct rlimit limit = { core_bytes, core_bytes };
	/* Not NULL: a store to NULL is undefined behaviour. */
	volatile char *forbidden = mmap(NULL, 1, PROT_NONE,
					MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (forbidden == MAP_FAILED)
		die("mmap");
	if (setrlimit(RLIMIT_CORE, &limit))
		die("setrlimit");
	wait_until_asleep(getppid());
	trace_on();
	*forbidden = 1;
	wrong("the store was allowed");
}

int main(int argc, char **argv)
{
	rlim_t core_bytes;
	pid_t child;

	(void)argc;
	core_bytes = (rlim_t)parse_number(argv[1]);
	guest_init();
	child = fork();
	if (child == 0)
		fault_traced(core_bytes);
	check(child > 0);
	check(wait_for(child) == (SIGSEGV | (core_bytes ? 0x80 : 0)));
	if (!argv[2])
		trace_off();
	_exit(0);
}
