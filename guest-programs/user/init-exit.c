// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * init-exit CODE: the first process ends with exit code CODE.
 *
 * Only PID 1 shows something: do_exit() finds that the last thread of init's
 * group ends, and panics ("Attempted to kill init!") with CODE in the second
 * byte. Nothing of the guest is left then but what the panic prints.
 */
#include <unistd.h>

#include "guest.h"

int main(int argc, char **argv)
{
	int code;

	(void)argc;
	code = (int)parse_number(argv[1]);
	check(getpid() == 1);
	guest_init();
	trace_on();
	_exit(code);
}
