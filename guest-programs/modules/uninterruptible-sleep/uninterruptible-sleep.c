// SPDX-License-Identifier: GPL-2.0
/*
 * uninterruptible_sleep: a file whose readers sleep uninterruptibly.
 *
 * Reading /proc/uninterruptible-sleep calls msleep(), which sleeps in
 * TASK_UNINTERRUPTIBLE, like a driver that waits for hardware that is certain
 * to answer. The trace shows the reader leave the CPU in state D and return
 * when the time is over and not earlier, whatever signal it is sent.
 */
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 6, 0)
/* Files of /proc had the operations of any other file. */
#define proc_ops file_operations
#define proc_read read
#endif

#define NAME		"uninterruptible-sleep"
#define SLEEP_MS	100

static ssize_t sleep_read(struct file *file, char __user *to, size_t size,
			  loff_t *at)
{
	msleep(SLEEP_MS);

	return 0;
}

static const struct proc_ops sleep_ops = {
	.proc_read	= sleep_read,
};

static int __init sleep_init(void)
{
	return proc_create(NAME, 0444, NULL, &sleep_ops) ? 0 : -ENOMEM;
}

static void __exit sleep_exit(void)
{
	remove_proc_entry(NAME, NULL);
}

module_init(sleep_init);
module_exit(sleep_exit);

MODULE_DESCRIPTION("A file whose readers sleep uninterruptibly");
MODULE_LICENSE("GPL");
