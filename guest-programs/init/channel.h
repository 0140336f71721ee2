/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The channel: a region of reserved guest memory that the host reads. It holds
 * a header and sections; docs/guest-protocol.md has the layout.
 *
 * File contents pass through a small buffer on their way into the region, for
 * the reason region.h gives. The check sum needs a pass over the data anyway;
 * storing costs one instruction a word more in it.
 *
 * All functions that can fail return 0 or a negative errno. Without an open
 * channel they return -ENXIO.
 */
#ifndef KERNSNAP_CHANNEL_H
#define KERNSNAP_CHANNEL_H

#include <stddef.h>
#include <stdint.h>

/*
 * Maps SIZE bytes at physical address ADDR through /dev/mem and writes an empty
 * header. -EINVAL if the region is not aligned to pages or is too small to hold
 * the report; -EBUSY if a channel is open already, or was open elsewhere; or the
 * error of open() or mmap().
 */
int channel_open(uint64_t addr, uint64_t size);

/*
 * Copies what reading FD yields into the channel as section NAME, until the end
 * of the file or, on a non-blocking descriptor, until EAGAIN. CHUNK is the size
 * of one read: at least 8 bytes, at most CHANNEL_CHUNK_MAX. If reading fails or the
 * channel is full (-ENOSPC), the section keeps what was copied until then.
 */
int channel_copy(const char *name, int fd, size_t chunk);
#define CHANNEL_CHUNK_MAX (64 * 1024)

/*
 * Writes LEN bytes at DATA as section NAME. It may use the room that is kept
 * free for the report.
 */
int channel_write(const char *name, const void *data, size_t len);

/*
 * Clears what was written: the host finds no channel there. It can be opened again. Does nothing without an open channel.
 */
void channel_close(void);

/* Marks the channel as complete. Does nothing without an open channel. */
void channel_complete(void);

/*
 * Also writes the whole channel to the device FILE, for which it waits up to
 * ten seconds. Returns 0 or a negative errno; -ENXIO without a channel.
 */
int channel_keep(const char *file);

#endif
