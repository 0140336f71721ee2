// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Sends files to the host that `kernsnap shell --out DIR` runs on: each is a
 * section of the channel, by its name without directories. The files of an
 * earlier call are sent no longer.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../init/channel.h"

/* Returns 0 or a negative errno. */
static int send_file(const char *path)
{
	const char *slash = strrchr(path, '/');
	struct stat stat;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &stat))
		err = -errno;
	else if (S_ISDIR(stat.st_mode))
		err = -EISDIR;
	else
		err = channel_copy(slash ? slash + 1 : path, fd,
				   CHANNEL_CHUNK_MAX);
	close(fd);
	return err;
}

int main(int argc, char **argv)
{
	/* `kernsnap shell --out DIR` puts it on the kernel's command line. */
	const char *region = getenv("KERNSNAP_OUT");
	unsigned long long addr, size;
	int err, failed = 0;

	if (!region || sscanf(region, "%llx:%llx", &addr, &size) != 2) {
		fputs("out: this shell was opened without --out DIR\n", stderr);
		return 1;
	}
	err = channel_open(addr, size);
	if (err) {
		fprintf(stderr, "out: %s\n", strerror(-err));
		return 1;
	}
	for (int i = 1; i < argc; i++) {
		err = send_file(argv[i]);
		if (err) {
			fprintf(stderr, "out: %s: %s\n", argv[i], strerror(-err));
			failed = 1;
		}
	}
	if (!failed)
		channel_complete();
	return failed;
}
