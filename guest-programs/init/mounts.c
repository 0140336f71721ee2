// SPDX-License-Identifier: MIT OR Apache-2.0
/* Mounts that only init has. */
#define _GNU_SOURCE
#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MOUNTS_MAX 8

/* include/uapi/linux/mount.h; not every C library has it. */
#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#endif
#ifndef SYS_open_tree
#define SYS_open_tree 428
#endif

static struct {
	char dir[PATH_MAX];
	size_t len;
	int fd;
} kept[MOUNTS_MAX];
static size_t kept_count;

int mounts_keep(const char *dir)
{
	size_t len = strlen(dir);
	int fd;

	for (size_t i = 0; i < kept_count; i++)
		if (!strcmp(kept[i].dir, dir))
			return 0;
	if (len >= PATH_MAX)
		return -ENAMETOOLONG;
	if (kept_count == MOUNTS_MAX)
		return -ENFILE;
	fd = (int)syscall(SYS_open_tree, AT_FDCWD, dir, OPEN_TREE_CLONE | O_CLOEXEC);
	if (fd < 0 && errno == ENOSYS)
		fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	memcpy(kept[kept_count].dir, dir, len + 1);
	kept[kept_count].len = len;
	kept[kept_count++].fd = fd;
	return 0;
}

int mounts_open(const char *path, int flags)
{
	size_t longest = 0;
	int fd = AT_FDCWD;

	for (size_t i = 0; i < kept_count; i++) {
		size_t len = kept[i].len;

		if (len > longest && !strncmp(path, kept[i].dir, len) && path[len] == '/') {
			longest = len;
			fd = kept[i].fd;
		}
	}
	return openat(fd, longest ? path + longest + 1 : path, flags | O_CLOEXEC);
}
