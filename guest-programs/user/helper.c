// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * helper CODE: says in the trace that it runs, and ends with exit code CODE, 7
 * if there is no CODE.
 *
 * It is the program that the kernel starts by itself (see the module
 * usermode-helper). Tracing must be on already.
 */
#include <unistd.h>

#include "guest.h"

int main(int argc, char **argv)
{
	int code = argc > 1 ? (int)parse_number(argv[1]) : 7;

	guest_init();
	trace_mark("helper");
	_exit(code);
}
