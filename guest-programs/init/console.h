/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The console: the log for people. Descriptors 0, 1 and 2 are open on it. */
#ifndef KERNSNAP_CONSOLE_H
#define KERNSNAP_CONSOLE_H

#include <stddef.h>

/*
 * Makes sure that descriptors 0 to 2 are open, so that no later file gets
 * one of these numbers. The kernel opens them if the initramfs holds
 * /dev/console; if not, the node is made here.
 */
void console_init(void);

/*
 * Writes LEN bytes at TEXT. Errors are ignored: there is nowhere else to tell
 * them.
 */
void console_write(const char *text, size_t len);

/* Waits until everything written has left the serial port. */
void console_drain(void);

#endif
