// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * init-exit CODE: the first process exits with exit code CODE.
 *
 * It only has an effect as PID 1: do_exit() finds that the last thread of
 * init's group exits, and panics ("Attempted to kill init!") with CODE in the
 * second byte. After that only the output of the panic is left of the guest.
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
