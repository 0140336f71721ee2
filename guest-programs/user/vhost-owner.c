// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * vhost-owner: becomes the owner of a vhost device and closes it.
 *
 * VHOST_SET_OWNER creates a thread that works for the owner, with the owner's
 * memory; closing the device stops it. The first marker is the name that the
 * thread must get, and the other two come after the two calls.
 */
#include <fcntl.h>
#include <linux/vhost.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "guest.h"

#define DEVICE "/dev/vhost-net"

int main(void)
{
	int fd = open(DEVICE, O_RDWR | O_CLOEXEC);
	char name[32];

	if (fd < 0)
		die(DEVICE);
	guest_init();
	snprintf(name, sizeof(name), "vhost-%d", (int)getpid());
	trace_on();
	trace_mark(name);
	if (ioctl(fd, VHOST_SET_OWNER))
		die("VHOST_SET_OWNER");
	trace_mark("owned");
	close(fd);
	trace_mark("closed");
	_exit(0);
}
