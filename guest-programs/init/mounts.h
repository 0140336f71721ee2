/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Mounts that only init has. Programs are root and can mount over any directory, so init opens the kernel's files
 * through copies of its mounts that are in no namespace: a file system that is mounted over the original, or over a
 * file in it, is not in the copy.
 */
#ifndef KERNSNAP_MOUNTS_H
#define KERNSNAP_MOUNTS_H

/*
 * Keeps the file system that is mounted on DIR. Returns 0 or a negative errno; -ENFILE beyond eight directories. A kernel
 * before 5.2 cannot copy a mount: there, DIR itself is kept, and what is mounted over a directory below it is seen.
 */
int mounts_keep(const char *dir);

/* As open(2) with O_CLOEXEC, below a kept directory in the copy. Returns a descriptor, or -1 with errno set. */
int mounts_open(const char *path, int flags);

#endif
