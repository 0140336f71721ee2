// SPDX-License-Identifier: GPL-2.0
/*
 * task_list: visits every process of the system.
 *
 * Loading walks the task list from init_task until it reaches init_task again,
 * and calls kthread_func() for each task: a kernel function that takes a task,
 * changes nothing, and can be probed.
 */
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

static int __init list_init(void)
{
	struct task_struct *task = &init_task;

	rcu_read_lock();
	do {
		kthread_func(task);
		task = next_task(task);
	} while (task != &init_task);
	rcu_read_unlock();

	return 0;
}

static void __exit list_exit(void)
{
}

module_init(list_init);
module_exit(list_exit);

MODULE_DESCRIPTION("Visits every process of the system");
MODULE_LICENSE("GPL");
