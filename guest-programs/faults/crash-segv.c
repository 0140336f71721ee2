// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * crash-segv: reads through a null pointer, for testing the harness.
 *
 * The trace shows the page fault, SIGSEGV being sent by the kernel and
 * delivered, and do_group_exit(11) called from the signal path. The harness
 * must show the wait status 0xb (0x8b with a core dump).
 */
#include <stddef.h>
#include <unistd.h>

#include "guest.h"

int main(void)
{
	/* volatile twice: the compiler may neither know nor skip the access */
	volatile int *volatile nowhere = NULL;

	guest_init();
	trace_on();
	_exit(*nowhere);
}
