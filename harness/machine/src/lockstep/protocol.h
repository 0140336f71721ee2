/*
 * The template: a QEMU whose guest is ready for its payload. It runs no further; it forks a process for each run instead.
 *
 * Standard input is a socket (SEQPACKET). The template first sends a `struct hello` on it. The harness then sends one
 * `struct request` for each run, with the descriptors of `enum given`. A run has a socket of its own, over which the
 * template sends one `struct ending`. A message on the run's socket, or its end, kills the run; the end of standard input
 * ends the template, and with it all runs.
 */
#ifndef KERNSNAP_PROTOCOL_H
#define KERNSNAP_PROTOCOL_H

#include <stdint.h>

/* The descriptors that come with a request. */
enum given {
	GIVEN_CONSOLE,	/* a file, at its end */
	GIVEN_LOG,	/* becomes standard output and standard error */
	GIVEN_CHANNEL,	/* a memory file, mapped shared */
	GIVEN_PAYLOAD,	/* a memory file, mapped private */
	GIVEN_SOCKET,	/* the run's socket */
	GIVEN_COUNT,
};

/* Why there is a template, or why there is none. */
struct hello {
	uint32_t ready;
	char reason[124];
};

/* Places are offsets in guest memory, in bytes; all four are multiples of the page size. */
struct request {
	uint64_t channel_at, channel_size;
	uint64_t payload_at, payload_size;
};

/* STATUS is that of wait(2), or ERROR is an errno of fork(2). */
struct ending {
	int32_t status;
	int32_t error;
};

#endif
