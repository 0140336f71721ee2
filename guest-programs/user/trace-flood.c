// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * trace-flood N: calls getppid() N times.
 *
 * Each call is one of the cheapest ways into the kernel and back. With the
 * raw_syscalls events on, the trace grows by two events for each call. That is
 * enough to overrun a ring buffer on purpose, or to fill one to measure how
 * fast a trace leaves the guest. The program turns tracing off before it exits,
 * so the last event belongs to the last call.
 */
#include <sys/syscall.h>
#include <unistd.h>

#include "guest.h"

int main(int argc, char **argv)
{
	long calls;

	(void)argc;
	calls = parse_number(argv[1]);
	guest_init();
	trace_on();
	for (long i = 0; i < calls; i++)
		syscall(SYS_getppid);	/* the C library must not cache it */
	trace_off();
	_exit(0);
}
