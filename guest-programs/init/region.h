/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The region: reserved physical memory that the host reads, mapped through
 * /dev/mem.
 *
 * It may be mapped as device memory (a reserved-memory node with `no-map`),
 * where an access that is not aligned faults, in the kernel's copy_to_user()
 * too. So it is written here only, one aligned 64-bit word after the other, and
 * never read. Offsets are in bytes from its start and multiples of 8.
 */
#ifndef KERNSNAP_REGION_H
#define KERNSNAP_REGION_H

#include <stddef.h>
#include <stdint.h>

/*
 * Opens SIZE bytes at physical address ADDR. Returns 0 or a negative errno:
 * -EINVAL if they are not aligned to pages, -EBUSY if another region is open already,
 * or the error of open() or mmap().
 */
int region_open(uint64_t addr, uint64_t size);

/* The region's size in bytes; 0 if it is not open. */
size_t region_size(void);

/*
 * Makes the region's first END bytes writable; END is at most its size. Returns
 * 0 or a negative errno. The functions below write only there.
 */
int region_reach(size_t end);

/* Stores zeros in the first BYTES bytes, rounded up to words. */
void region_clear(size_t bytes);

/* Stores BYTES bytes, rounded up to words, from DATA at offset POS. */
void region_store(size_t pos, const void *data, size_t bytes);

/*
 * Stores COUNT words and continues the check sum SUM (crc32.h) over them, in one
 * pass. Returns the sum.
 */
uint32_t region_store_summed(size_t pos, const uint64_t *from, size_t count,
			     uint32_t sum);

/*
 * Writes the first BYTES of the region to FD, whole words of it. Returns 0 or a
 * negative errno.
 */
int region_write(int fd, size_t bytes);

#endif
