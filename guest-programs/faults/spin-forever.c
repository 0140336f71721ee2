// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * spin-forever: never exits and never sleeps, for testing the harness.
 *
 * The trace only shows ticks on its CPU. The deadline must pass, the report
 * must name the program, and the evidence must be collected although a CPU is
 * busy.
 */
#include "guest.h"

int main(void)
{
	guest_init();
	trace_on();
	for (;;)
		__asm__ volatile("" : : : "memory");
}
