// SPDX-License-Identifier: MIT OR Apache-2.0
/* The region: mapping and writing reserved memory. */
#include "region.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "crc32.h"

#define PAGE_BYTES 4096
#define MAP_STEP (1024 * 1024)

/* A word of whatever structure is being stored. */
typedef uint64_t __attribute__((may_alias)) any_word;

/*
 * The region's addresses are set aside as a whole; memory is mapped there from
 * the start as far as it is needed, MAP_STEP at a time. Mapping all of a 64 MiB
 * region would cost twice as much as all the mounts together.
 */
static volatile uint64_t *region;
static size_t region_bytes;
static uint64_t region_addr;
static size_t reached;
static int mem_fd = -1;

int region_open(uint64_t addr, uint64_t size)
{
	void *place;

	if (region)
		return addr == region_addr && size == region_bytes ? 0 : -EBUSY;
	if (addr % PAGE_BYTES || size % PAGE_BYTES || size > SIZE_MAX)
		return -EINVAL;
	mem_fd = open("/dev/mem", O_RDWR | O_CLOEXEC);
	if (mem_fd < 0)
		return -errno;
	place = mmap(NULL, size, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (place == MAP_FAILED)
		return -errno;
	region = place;
	region_addr = addr;
	region_bytes = size;
	return 0;
}

size_t region_size(void)
{
	return region_bytes;
}

int region_reach(size_t end)
{
	while (reached < end) {
		size_t left = region_bytes - reached;
		size_t bytes = left < MAP_STEP ? left : MAP_STEP;
		char *to = (char *)region + reached;

		if (mmap(to, bytes, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED, mem_fd,
			 (off_t)(region_addr + reached)) == MAP_FAILED)
			return -errno;
		/* A child has no use for it, and copying page tables takes time. */
		madvise(to, bytes, MADV_DONTFORK);
		reached += bytes;
	}
	return 0;
}

void region_clear(size_t bytes)
{
	for (size_t i = 0; i < (bytes + 7) / 8; i++)
		region[i] = 0;
}

void region_store(size_t pos, const void *data, size_t bytes)
{
	const any_word *from = data;
	volatile uint64_t *to = region + pos / sizeof(*to);

	for (size_t i = 0; i < (bytes + 7) / 8; i++)
		to[i] = from[i];
}

uint32_t region_store_summed(size_t pos, const uint64_t *from, size_t count,
			     uint32_t sum)
{
	volatile uint64_t *to = region + pos / sizeof(*to);

	/* Four at a time, loaded before any is stored: fewer instructions. */
	for (; count >= 4; count -= 4, from += 4, to += 4) {
		uint64_t a = from[0], b = from[1], c = from[2], d = from[3];

		to[0] = a;
		to[1] = b;
		to[2] = c;
		to[3] = d;
		sum = crc32_word(sum, a);
		sum = crc32_word(sum, b);
		sum = crc32_word(sum, c);
		sum = crc32_word(sum, d);
	}
	for (; count; count--, from++, to++) {
		*to = *from;
		sum = crc32_word(sum, *from);
	}
	return sum;
}

int region_write(int fd, size_t bytes)
{
	uint64_t part[PAGE_BYTES / sizeof(uint64_t)];

	for (size_t pos = 0; pos < bytes; pos += sizeof(part)) {
		size_t len = bytes - pos < sizeof(part) ? bytes - pos : sizeof(part);
		const char *from = (const char *)part;

		for (size_t i = 0; i < (len + 7) / 8; i++)
			part[i] = region[pos / 8 + i];
		while (len) {
			ssize_t n = write(fd, from, len);

			if (n < 0)
				return -errno;
			from += n;
			len -= (size_t)n;
		}
	}
	return fsync(fd) ? -errno : 0;
}
