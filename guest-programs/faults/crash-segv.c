// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * crash-segv: reads through a null pointer, for testing the harness.
 *
 * The trace shows the page fault, the SIGSEGV that the kernel sends and
 * delivers, and do_group_exit(11), called from the signal path. The harness
 * must show the wait status 0xb (0x8b with a core dump).
 */
#include <stddef.h>
#include <unistd.h>

#include "guest.h"

int main(void)
{
	/* Volatile twice: the compiler can neither know nor skip the access. */
	volatile int *volatile nowhere = NULL;

	guest_init();
	trace_on();
	_exit(*nowhere);
}
