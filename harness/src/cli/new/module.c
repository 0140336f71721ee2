// SPDX-License-Identifier: GPL-2.0
/*
 * @SYMBOL@: takes a step when it is loaded.
 *
 * Say here what the module does, and what of it the trace shows.
 */
#include <linux/kernel.h>
#include <linux/module.h>

static unsigned int @SYMBOL@_steps;

/* noinline: the tracer sees functions, and none that is inlined. */
static noinline void @SYMBOL@_step(void)
{
	/* The store is volatile: the call cannot be optimised away. */
	WRITE_ONCE(@SYMBOL@_steps, @SYMBOL@_steps + 1);
}

/* A function of its own, because those marked __exit are not traced. */
static noinline void @SYMBOL@_undo(void)
{
	WRITE_ONCE(@SYMBOL@_steps, 0);
}

static int __init @SYMBOL@_init(void)
{
	@SYMBOL@_step();
	return 0;
}

static void __exit @SYMBOL@_exit(void)
{
	@SYMBOL@_undo();
}

module_init(@SYMBOL@_init);
module_exit(@SYMBOL@_exit);

MODULE_DESCRIPTION("@NAME@");
MODULE_LICENSE("GPL");
