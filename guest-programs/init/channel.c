// SPDX-License-Identifier: MIT OR Apache-2.0
/* The channel: sections written word by word into reserved memory. */
#include "channel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "crc32.h"
#include "region.h"
#include "report.h"

#define MAGIC "KSNAPCH1"
#define WORD sizeof(uint64_t)
#define HEADER_BYTES 64
#define NAME_MAX_BYTES 56
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

static bool is_open;
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

static void store_header(void)
{
	header.crc = crc32(&header, offsetof(struct header, crc));
	region_store(0, &header, sizeof(header));
}

/* Stores COUNT words of payload and adds them to the check sum. */
static void store_payload(const uint64_t *from, size_t count)
{
	section.sum = region_store_summed(section.pos, from, count, section.sum);
	section.pos += count * WORD;
	section.head.len += count * WORD;
}

static int section_begin(const char *name, size_t keep_free)
{
	size_t len = strlen(name);
	size_t payload;

	if (!is_open)
		return -ENXIO;
	if (len > NAME_MAX_BYTES)
		return -ENAMETOOLONG;
	section.start = HEADER_BYTES + header.used;
	section.limit = region_size() - keep_free;
	payload = section.start + offsetof(struct section_head, name) +
		  word_align(len);
	if (payload > section.limit)
		return -ENOSPC;
	section.pos = payload;
	section.sum = crc32_begin();
	section.head = (struct section_head){ .name_len = (uint32_t)len };
	memcpy(section.head.name, name, len);
	staged = 0;
	return region_reach(payload);
}

/* Moves the staged whole words into the region; fewer than 8 bytes remain. */
static int flush(void)
{
	size_t words = staged / WORD;
	size_t room = (section.limit - section.pos) / WORD;
	size_t fit = words < room ? words : room;
	/* One word more: flush_rest() may need it. */
	size_t end = section.pos + (fit < room ? fit + 1 : fit) * WORD;
	int err = region_reach(end);

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
	region_store(section.pos, &word, WORD);
	section.pos += WORD;
	section.head.len += staged;
	return 0;
}

/* Makes the section part of the channel: its head first, then the header. */
static void section_end(void)
{
	section.head.crc = crc32_end(section.sum);
	region_store(section.start, &section.head,
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
	int err;

	if (is_open)
		return -EBUSY;
	if (size < HEADER_BYTES + REPORT_ROOM)
		return -EINVAL;
	err = region_open(addr, size);
	if (!err)
		err = region_reach(HEADER_BYTES);
	if (err)
		return err;
	is_open = true;
	store_header();
	return 0;
}

void channel_close(void)
{
	if (!is_open)
		return;
	region_clear(HEADER_BYTES + header.used);
	header = (struct header){ .magic = MAGIC };
	is_open = false;
}

void channel_complete(void)
{
	if (!is_open)
		return;
	header.complete = 1;
	store_header();
}

/* A card is found by a task of its own, some time after its driver was loaded. */
#define KEEP_TRIES 200
#define KEEP_PAUSE_NS (50 * 1000 * 1000)

int channel_keep(const char *file)
{
	const struct timespec pause = { .tv_nsec = KEEP_PAUSE_NS };
	int err, fd = -1;

	if (!is_open)
		return -ENXIO;
	for (int i = 0; i < KEEP_TRIES && fd < 0; i++) {
		fd = open(file, O_WRONLY | O_CLOEXEC);
		if (fd < 0)
			nanosleep(&pause, NULL);
	}
	if (fd < 0)
		return -errno;
	err = region_write(fd, HEADER_BYTES + header.used);
	close(fd);
	return err;
}
