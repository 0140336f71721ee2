// SPDX-License-Identifier: GPL-2.0
/*
 * oops_release: a file whose last close causes a fault in the kernel.
 *
 * Loading creates /proc/oops-release, which can be opened. When the last
 * reference to the opened file is dropped, its release function writes to
 * address 0. A task that exits with the file open does that in
 * exit_task_work(), with PF_EXITING set: the kernel has to handle a fault in a
 * task that is already exiting. The console shows whether the flag was set.
 *
 * The module is never unloaded: the task that faulted keeps the file for ever.
 */
#include <linux/compiler.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/sched.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 6, 0)
/* Files of /proc had the operations of any other file. */
#define proc_ops file_operations
#define proc_release release
#endif

/* Volatile, so that the compiler does not see that it is NULL. */
static int *volatile oops_nowhere;

static int oops_release(struct inode *inode, struct file *file)
{
	/* The log level is high enough for a console that only shows errors. */
	pr_alert("oops_release: PF_EXITING=%d\n",
		 !!(current->flags & PF_EXITING));
	WRITE_ONCE(*oops_nowhere, 1);

	return 0;
}

static const struct proc_ops oops_ops = {
	.proc_release	= oops_release,
};

static int __init oops_init(void)
{
	return proc_create("oops-release", 0400, NULL, &oops_ops) ? 0 : -ENOMEM;
}

module_init(oops_init);

MODULE_DESCRIPTION("A file whose last close is a fault in the kernel");
MODULE_LICENSE("GPL");
