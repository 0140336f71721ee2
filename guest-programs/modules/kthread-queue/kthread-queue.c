// SPDX-License-Identifier: GPL-2.0
/*
 * kthread_queue: a kernel thread for each task that asks for one.
 *
 * Writing NAME to /proc/kthread-queue creates and starts a kernel thread of
 * that name, in the context of the writing task. So several tasks can wait for
 * kthreadd at the same time, or be killed while they wait. The thread returns
 * at once; the module must not be removed before it has.
 */
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 6, 0)
/* Files of /proc had the operations of any other file. */
#define proc_ops file_operations
#define proc_write write
#endif

#define QUEUE_FILE	"kthread-queue"

static struct proc_dir_entry *queue_entry;

static int queue_thread(void *unused)
{
	return 0;
}

static ssize_t queue_write(struct file *file, const char __user *text,
			   size_t count, loff_t *offset)
{
	char name[TASK_COMM_LEN] = "";
	struct task_struct *task;

	if (count >= sizeof(name))
		return -EINVAL;
	if (copy_from_user(name, text, count))
		return -EFAULT;

	task = kthread_run(queue_thread, NULL, "%s", name);

	return IS_ERR(task) ? PTR_ERR(task) : count;
}

static const struct proc_ops queue_ops = {
	.proc_write = queue_write,
};

static int __init queue_init(void)
{
	queue_entry = proc_create(QUEUE_FILE, 0200, NULL, &queue_ops);

	return queue_entry ? 0 : -ENOMEM;
}

static void __exit queue_exit(void)
{
	proc_remove(queue_entry);
}

module_init(queue_init);
module_exit(queue_exit);

MODULE_DESCRIPTION("A kernel thread for everyone who asks");
MODULE_LICENSE("GPL");
