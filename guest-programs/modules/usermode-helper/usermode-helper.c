// SPDX-License-Identifier: GPL-2.0
/*
 * usermode_helper: the kernel starts a program.
 *
 * Loading runs the program in the parameter "path" and waits until it has
 * exited. Its wait status makes no difference here: the trace shows the value
 * that call_usermodehelper() returned.
 */
#include <linux/kmod.h>
#include <linux/module.h>

static char *path;
module_param(path, charp, 0444);
MODULE_PARM_DESC(path, "The program");

static int __init helper_init(void)
{
	char *argv[] = { path, NULL };
	char *envp[] = { NULL };
	int ret;

	if (!path)
		return -EINVAL;

	/* A wait status, or an error if the program could not be started. */
	ret = call_usermodehelper(path, argv, envp, UMH_WAIT_PROC);

	return min(ret, 0);
}

static void __exit helper_exit(void)
{
}

module_init(helper_init);
module_exit(helper_exit);

MODULE_DESCRIPTION("The kernel starts a program");
MODULE_LICENSE("GPL");
