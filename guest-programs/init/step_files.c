// SPDX-License-Identifier: MIT OR Apache-2.0
/* Steps on files: mount, put and add, save and drain. */
#define _GNU_SOURCE
#include "steps.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "channel.h"
#include "guard.h"
#include "mounts.h"

/* trace_pipe_raw hands out whole pages of the ring buffer. */
#define RAW_PAGE_BYTES 4096

int step_mount(const char *type, const char *dir)
{
	/* If DIR cannot be made, mount() has the better errno. */
	mkdir(dir, 0755);
	if (mount(type, dir, type, 0, NULL) && errno != EBUSY)
		return -errno;
	return mounts_keep(dir);
}

/*
 * Writes LEN bytes. Many tracefs files (set_event, set_ftrace_filter,
 * set_ftrace_pid) take one word a write() and leave the rest, so a short write
 * is continued.
 */
static int write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

int step_put(const char *file, const char *text, int extra_flag)
{
	char line[LINE_BYTES_MAX + 1];
	size_t len = strlen(text);
	int err, fd;

	guard_before_write(file);
	/* No O_CREAT: a mistyped name must be an error. */
	fd = mounts_open(file, O_WRONLY | extra_flag);
	if (fd < 0)
		return -errno;
	memcpy(line, text, len);
	line[len++] = '\n';
	err = write_all(fd, line, len);
	/* Some tracefs files do their work, and fail, when closed. */
	if (close(fd) && !err)
		err = -errno;
	guard_after_write(file);
	return err;
}

/* The longest list of events: distributions' kernels have 50 KiB of them. */
#define LIST_BYTES_MAX (256 * 1024)

/* Reads FILE into TEXT, which then ends with a NUL. Returns 0 or a negative errno. */
static int read_text(const char *file, char *text, size_t size)
{
	size_t len = 0;
	int err = 0;
	int fd = mounts_open(file, O_RDONLY);

	if (fd < 0)
		return -errno;
	for (;;) {
		ssize_t n = read(fd, text + len, size - 1 - len);

		if (n < 0)
			err = -errno;
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	close(fd);
	if (!err && len == size - 1)
		err = -EFBIG;
	text[len] = '\0';
	return err;
}

int step_save_formats(const char *list, const char *dir)
{
	static char events[LIST_BYTES_MAX];
	char *rest = events;
	char *event;
	int err = read_text(list, events, sizeof(events));

	while (!err && (event = strsep(&rest, "\n"))) {
		char file[PATH_MAX];
		const char *name = strchr(event, ':');
		int len;

		if (!name)
			continue;
		len = snprintf(file, sizeof(file), "%s/%.*s/%s/format", dir,
			       (int)(name - event), event, name + 1);
		if (len < 0 || (size_t)len >= sizeof(file))
			return -ENAMETOOLONG;
		err = step_copy(event, file, false);
	}
	return err;
}

int step_copy(const char *name, const char *file, bool pages)
{
	int fd, err;

	fd = mounts_open(file, O_RDONLY | (pages ? O_NONBLOCK : 0));
	if (fd < 0)
		return -errno;
	err = channel_copy(name, fd, pages ? RAW_PAGE_BYTES : CHANNEL_CHUNK_MAX);
	close(fd);
	return err;
}
