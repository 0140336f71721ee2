// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * helper CODE: writes a marker and exits with exit code CODE, or 7 if there is
 * no CODE.
 *
 * The kernel starts this program by itself (see the module usermode-helper).
 * Tracing must already be on.
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
