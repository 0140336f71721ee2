// SPDX-License-Identifier: GPL-2.0
/*
 * kthread_asleep: a kernel thread that is created and never woken.
 *
 * Loading only calls kthread_create(): the thread "asleep-0" exists and sleeps
 * in kthread(), in state D, before its function is called.
 *
 * Unloading stops it: kthread_stop() is the first to wake it. kthread() sees
 * that it should stop and exits with -EINTR without calling the function.
 */
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/module.h>

static struct task_struct *asleep_task;

/* Never called; its absence from the trace is the point. */
static int asleep_thread(void *unused)
{
	return 0;
}

static int __init asleep_init(void)
{
	asleep_task = kthread_create(asleep_thread, NULL, "asleep-%d", 0);

	return PTR_ERR_OR_ZERO(asleep_task);
}

static void __exit asleep_exit(void)
{
	kthread_stop(asleep_task);
}

module_init(asleep_init);
module_exit(asleep_exit);

MODULE_DESCRIPTION("A kernel thread, created and never woken");
MODULE_LICENSE("GPL");
