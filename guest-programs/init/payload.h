/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The payload: the files of one run, which the host has put into memory that
 * the kernel does not use. docs/guest-protocol.md has its layout.
 */
#ifndef KERNSNAP_PAYLOAD_H
#define KERNSNAP_PAYLOAD_H

#include <stdint.h>

/*
 * Prints the mark `kernsnap: payload` and leaves the CPU for a moment. Up to
 * here no byte of the payload was read.
 */
void payload_mark(void);

/*
 * Unpacks the payload at physical address ADDR, of at most SIZE bytes. Returns
 * 0 or a negative errno: -ENODATA if there is no payload, -EFBIG if it is longer
 * than SIZE, -EINVAL if it is malformed.
 */
int payload_unpack(uint64_t addr, uint64_t size);

/*
 * Unpacks a file of this program's own, over itself, and removes it. Returns 0 or a negative errno.
 */
int payload_rehearse(void);

/*
 * What the host knows and no program: words that mark the begin and the end of the trace, and one for the report. Zeros without
 * a payload.
 */
struct payload_secrets {
	uint64_t begin;
	uint64_t end;
	uint64_t seal;
};

const struct payload_secrets *payload_secrets(void);

#endif
