// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * sleep-forever: never exits and needs no CPU, for testing the harness.
 *
 * The trace shows one sched_switch away from it in state S. Guest time then
 * jumps to the deadline, which costs no time on the host. The report must name
 * the program.
 */
#include <unistd.h>

#include "guest.h"

int main(void)
{
	guest_init();
	trace_on();
	for (;;)
		pause();
}
