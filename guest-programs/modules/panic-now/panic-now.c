// SPDX-License-Identifier: GPL-2.0
/*
 * panic_now: panics when it is loaded, for testing the harness.
 *
 * It works on every kernel that can load modules, with or without the magic
 * SysRq key. The console shows "Kernel panic - not syncing: kernsnap: on
 * purpose"; the channel stays open, with the sections written so far.
 */
#include <linux/kernel.h>
#include <linux/module.h>

static int __init panic_now_init(void)
{
	panic("kernsnap: on purpose");

	return 0;
}

module_init(panic_now_init);

MODULE_DESCRIPTION("Panics when it is loaded");
MODULE_LICENSE("GPL");
