// SPDX-License-Identifier: MIT OR Apache-2.0
/* The payload: reading files out of reserved memory. */
#define _GNU_SOURCE
#include "payload.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "console.h"

#define MARK "kernsnap: payload\n"
#define MAGIC 0x324c5050414e534bull	/* "KSNAPPL2" */
/* The payload begins with MAGIC, its size in bytes, and the secrets, a word each. */
#define HEAD_BYTES 40
#define SECRETS_AT 2
#define PAGE_BYTES 4096
#define PATH_BYTES_MAX 255
#define PART_BYTES (64 * 1024)
/* The host has from the mark to the end of this nap. */
#define NAP_NSEC (1000 * 1000)

/* The two words before each file; a path of length 0 ends the payload. */
struct file_head {
	uint64_t size;
	uint32_t mode;
	uint32_t path_len;
};

/* A word of whatever structure is being read. */
typedef uint64_t __attribute__((may_alias)) any_word;

static struct payload_secrets secrets;

/* What is still to be read. */
struct reader {
	const volatile uint64_t *at;
	size_t words;
};

const struct payload_secrets *payload_secrets(void)
{
	return &secrets;
}

void payload_mark(void)
{
	const struct timespec nap = { .tv_nsec = NAP_NSEC };

	console_write(MARK, strlen(MARK));
	console_drain();
	nanosleep(&nap, NULL);
}

/*
 * Takes BYTES bytes, and the padding after them. The kernel maps memory that it
 * does not use as a device's: only whole, aligned words can be read.
 */
static int take(struct reader *reader, void *to, size_t bytes)
{
	any_word *words = to;
	size_t count = (bytes + 7) / 8;

	if (count > reader->words)
		return -EINVAL;
	for (size_t i = 0; i < count; i++)
		words[i] = reader->at[i];
	reader->at += count;
	reader->words -= count;
	return 0;
}

static int write_all(int fd, const char *from, size_t bytes)
{
	while (bytes) {
		ssize_t n = write(fd, from, bytes);

		if (n < 0)
			return -errno;
		from += n;
		bytes -= (size_t)n;
	}
	return 0;
}

static int unpack_file(struct reader *reader, const struct file_head *head,
		       const char *path)
{
	static uint64_t part[PART_BYTES / sizeof(uint64_t)];
	uint64_t left = head->size;
	int err = 0;
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
		      head->mode & 07777);

	if (fd < 0)
		return -errno;
	while (left && !err) {
		size_t bytes = left < sizeof(part) ? left : sizeof(part);

		err = take(reader, part, bytes);
		if (!err)
			err = write_all(fd, (const char *)part, bytes);
		left -= bytes;
	}
	close(fd);
	return err;
}

static int unpack_directory(const struct file_head *head, const char *path)
{
	if (mkdir(path, head->mode & 07777) && errno != EEXIST)
		return -errno;
	return 0;
}

static int unpack(struct reader *reader)
{
	uint64_t path[(PATH_BYTES_MAX + 8) / 8];
	struct file_head head;
	int err;

	for (;;) {
		err = take(reader, &head, sizeof(head));
		if (err || !head.path_len)
			return err;
		if (head.path_len > PATH_BYTES_MAX)
			return -ENAMETOOLONG;
		memset(path, 0, sizeof(path));
		err = take(reader, path, head.path_len);
		if (err)
			return err;
		if (S_ISDIR(head.mode))
			err = unpack_directory(&head, (const char *)path);
		else
			err = unpack_file(reader, &head, (const char *)path);
		if (err)
			return err;
	}
}

/* Maps BYTES bytes at ADDR; MAP_FAILED with errno set where it cannot. */
static void *map(int fd, uint64_t addr, size_t bytes, int access)
{
	return mmap(NULL, bytes, access, MAP_SHARED, fd, (off_t)addr);
}

/* Takes the secrets out of the head: from here on they are in init's memory alone. */
static void take_secrets(volatile uint64_t *head)
{
	secrets = (struct payload_secrets){ head[SECRETS_AT], head[SECRETS_AT + 1], head[SECRETS_AT + 2] };
	for (int i = 0; i < 3; i++)
		head[SECRETS_AT + i] = 0;
}

/* Reads the head. Returns the size of the payload, or a negative errno. */
static int64_t read_head(int fd, uint64_t addr)
{
	volatile uint64_t *first = map(fd, addr, PAGE_BYTES, PROT_READ | PROT_WRITE);
	uint64_t magic, size;

	if (first == MAP_FAILED)
		return -errno;
	magic = first[0];
	size = first[1];
	if (magic == MAGIC)
		take_secrets(first);
	munmap((void *)(uintptr_t)first, PAGE_BYTES);
	if (magic != MAGIC)
		return -ENODATA;
	return size < HEAD_BYTES || size > INT64_MAX ? -EINVAL : (int64_t)size;
}

static int unpack_from(int fd, uint64_t addr, uint64_t max)
{
	int64_t size = read_head(fd, addr);
	struct reader reader;
	void *place;
	int err;

	if (size < 0)
		return (int)size;
	if ((uint64_t)size > max)
		return -EFBIG;
	place = map(fd, addr, (size_t)size, PROT_READ);
	if (place == MAP_FAILED)
		return -errno;
	reader.at = (uint64_t *)place + HEAD_BYTES / sizeof(uint64_t);
	reader.words = ((size_t)size - HEAD_BYTES) / sizeof(uint64_t);
	err = unpack(&reader);
	munmap(place, (size_t)size);
	return err;
}

int payload_unpack(uint64_t addr, uint64_t size)
{
	int err;
	int fd;

	if (addr % PAGE_BYTES || size > SIZE_MAX)
		return -EINVAL;
	fd = open("/dev/mem", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = unpack_from(fd, addr, size);
	close(fd);
	return err;
}

#define REHEARSED "/warm-up"

int payload_rehearse(void)
{
	static struct {
		struct file_head head;
		char path[8];
		uint64_t content[4 * PAGE_BYTES / sizeof(uint64_t)];
		struct file_head end;
	} entries;
	int err = 0;

	entries.head = (struct file_head){ sizeof(entries.content), S_IFREG | 0600, strlen(REHEARSED) };
	memcpy(entries.path, REHEARSED, strlen(REHEARSED));
	/* The second file replaces the first. */
	for (int i = 0; i < 2 && !err; i++) {
		struct reader reader = { (const volatile uint64_t *)&entries, sizeof(entries) / sizeof(uint64_t) };

		err = unpack(&reader);
	}
	unlink(REHEARSED);
	return err;
}
