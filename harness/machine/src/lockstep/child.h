/* A forked process: a machine of its own that goes on where its template stopped. */
#ifndef KERNSNAP_CHILD_H
#define KERNSNAP_CHILD_H

#include <stdint.h>

#include "protocol.h"

/* Guest memory, as QEMU has mapped it. */
struct memory {
	char *at;
	uint64_t size;
	int fd;
};

/*
 * Makes the calling process, just forked by the CPUs' thread with the big lock held, a machine of its own with what came with
 * REQUEST. CONSOLE is QEMU's descriptor of the console's file. Returns without the big lock when the new main loop polls.
 */
void child_become(const struct request *request, const int given[GIVEN_COUNT], const struct memory *memory, int console);

#endif
