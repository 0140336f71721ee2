// SPDX-License-Identifier: MIT OR Apache-2.0
/* The channel: sections written word by word into reserved memory. */
#include "channel.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "crc32.h"
#include "report.h"

#define MAGIC "KSNAPCH1"
#define WORD sizeof(uint64_t)
#define HEADER_BYTES 64
#define NAME_MAX_BYTES 56
#define PAGE_BYTES 4096
#define MAP_STEP (1024 * 1024)
/* Kept free by channel_copy(): head, name and payload of the report. */
#define REPORT_ROOM (REPORT_MAX + 64)

struct header {
	char magic[8];
	uint64_t used;
	uint32_t sections;
	uint32_t complete;
	uint32_t crc;
	uint8_t zero[36];
};
_Static_assert(sizeof(struct header) == HEADER_BYTES, "header layout");

struct section_head {
	uint64_t len;
	uint32_t crc;
	uint32_t name_len;
	char name[NAME_MAX_BYTES];
};

/*
 * The region's addresses are set aside as a whole; memory is mapped there from
 * the start as far as it is needed, MAP_STEP at a time. Mapping all of a 64 MiB
 * region would cost as much as all the mounts together.
 */
static volatile uint64_t *region;
static size_t region_bytes;
static uint64_t region_addr;
static size_t mapped;
static int mem_fd = -1;

static struct header header = { .magic = MAGIC };

/* The section being written. Offsets are in bytes from the region's start. */
static struct {
	struct section_head head;
	size_t start;
	size_t pos;		/* where the next payload word goes */
	size_t limit;		/* the payload ends before this */
	uint32_t sum;
} section;

/*
 * File contents on their way: the first STAGED bytes await their turn. The
 * word beyond the largest chunk is for what flush() leaves over.
 */
static uint64_t stage[CHANNEL_CHUNK_MAX / WORD + 1];
static size_t staged;

static size_t word_align(size_t bytes)
{
	return (bytes + WORD - 1) & ~(WORD - 1);
}

/* Makes sure that the region is mapped up to END, which lies in it. */
static int map_up_to(size_t end)
{
	while (mapped < end) {
		size_t left = region_bytes - mapped;
		size_t bytes = left < MAP_STEP ? left : MAP_STEP;
		char *to = (char *)region + mapped;

		if (mmap(to, bytes, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED, mem_fd,
			 (off_t)(region_addr + mapped)) == MAP_FAILED)
			return -errno;
		/* A child has no use for it, and copying page tables takes time. */
		madvise(to, bytes, MADV_DONTFORK);
		mapped += bytes;
	}
	return 0;
}

/* Stores BYTES (rounded up to words) at offset POS. */
static void store(size_t pos, const void *data, size_t bytes)
{
	const uint64_t *from = data;
	volatile uint64_t *to = region + pos / WORD;

	for (size_t i = 0; i < word_align(bytes) / WORD; i++)
		to[i] = from[i];
}

static void store_header(void)
{
	header.crc = crc32(&header, offsetof(struct header, crc));
	store(0, &header, sizeof(header));
}

/* Stores COUNT words of payload and adds them to the check sum. */
static void store_payload(const uint64_t *from, size_t count)
{
	volatile uint64_t *to = region + section.pos / WORD;
	const uint64_t *end = from + count;
	uint32_t sum = section.sum;

	for (; end - from >= 4; from += 4, to += 4) {
		to[0] = from[0];
		to[1] = from[1];
		to[2] = from[2];
		to[3] = from[3];
		sum = crc32_word(sum, from[0]);
		sum = crc32_word(sum, from[1]);
		sum = crc32_word(sum, from[2]);
		sum = crc32_word(sum, from[3]);
	}
	for (; from < end; from++, to++) {
		*to = *from;
		sum = crc32_word(sum, *from);
	}
	section.sum = sum;
	section.pos += count * WORD;
	section.head.len += count * WORD;
}

static int section_begin(const char *name, size_t keep_free)
{
	size_t len = strlen(name);
	size_t payload;

	if (!region)
		return -ENXIO;
	if (len > NAME_MAX_BYTES)
		return -ENAMETOOLONG;
	section.start = HEADER_BYTES + header.used;
	section.limit = region_bytes - keep_free;
	payload = section.start + offsetof(struct section_head, name) +
		  word_align(len);
	if (payload > section.limit)
		return -ENOSPC;
	section.pos = payload;
	section.sum = crc32_begin();
	section.head = (struct section_head){ .name_len = (uint32_t)len };
	memcpy(section.head.name, name, len);
	staged = 0;
	return map_up_to(payload);
}

/* Moves the staged whole words into the region; fewer than 8 bytes remain. */
static int flush(void)
{
	size_t words = staged / WORD;
	size_t room = (section.limit - section.pos) / WORD;
	size_t fit = words < room ? words : room;
	/* One word more: flush_rest() may need it. */
	size_t end = section.pos + (fit < room ? fit + 1 : fit) * WORD;
	int err = map_up_to(end);

	if (err)
		return err;
	store_payload(stage, fit);
	staged -= fit * WORD;
	if (fit < words)
		return -ENOSPC;
	if (staged)
		stage[0] = stage[fit];
	return 0;
}

/* Moves everything staged, the last word padded with zeros. */
static int flush_rest(void)
{
	uint64_t word = 0;
	int err = flush();

	if (err || !staged)
		return err;
	if (section.pos == section.limit)
		return -ENOSPC;
	memcpy(&word, stage, staged);
	for (size_t i = 0; i < staged; i++)
		section.sum = crc32_byte(section.sum, (uint8_t)(word >> 8 * i));
	store(section.pos, &word, WORD);
	section.pos += WORD;
	section.head.len += staged;
	return 0;
}

/* Makes the section part of the channel: its head first, then the header. */
static void section_end(void)
{
	section.head.crc = crc32_end(section.sum);
	store(section.start, &section.head,
	      offsetof(struct section_head, name) + section.head.name_len);
	header.used = section.pos - HEADER_BYTES;
	header.sections++;
	store_header();
}

/* Reads FD to its end, CHUNK bytes at a time. */
static int read_all(int fd, size_t chunk)
{
	ssize_t n;
	int err;

	for (;;) {
		if (sizeof(stage) - staged < chunk) {
			err = flush();
			if (err)
				return err;
		}
		n = read(fd, (char *)stage + staged, chunk);
		if (n == 0 || (n < 0 && errno == EAGAIN))
			return 0;
		if (n < 0)
			return -errno;
		staged += (size_t)n;
	}
}

int channel_copy(const char *name, int fd, size_t chunk)
{
	int err = section_begin(name, REPORT_ROOM);
	int rest;

	if (err)
		return err;
	err = read_all(fd, chunk);
	rest = flush_rest();
	section_end();
	return err ? err : rest;
}

int channel_write(const char *name, const void *data, size_t len)
{
	int err = section_begin(name, 0);
	int rest;

	if (err)
		return err;
	while (len && !err) {
		size_t part = len < CHANNEL_CHUNK_MAX ? len : CHANNEL_CHUNK_MAX;

		memcpy((char *)stage + staged, data, part);
		staged += part;
		data = (const char *)data + part;
		len -= part;
		err = flush();
	}
	rest = flush_rest();
	section_end();
	return err ? err : rest;
}

int channel_open(uint64_t addr, uint64_t size)
{
	void *place;
	int err;

	if (region)
		return -EBUSY;
	if (addr % PAGE_BYTES || size % PAGE_BYTES || size > SIZE_MAX ||
	    size < HEADER_BYTES + REPORT_ROOM)
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
	err = map_up_to(HEADER_BYTES);
	if (err) {
		region = NULL;
		return err;
	}
	store_header();
	return 0;
}

void channel_complete(void)
{
	if (!region)
		return;
	header.complete = 1;
	store_header();
}
