// SPDX-License-Identifier: GPL-2.0
/*
 * task_list: visits every process of the system.
 *
 * Loading walks the task list from init_task until it reaches init_task again,
 * and calls kthread_func() for each task: a kernel function that takes a task,
 * changes nothing, and can be probed. Before 5.10 it is __task_pid_nr_ns().
 */
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 10, 0)
#define list_visit(task) __task_pid_nr_ns(task, PIDTYPE_PID, NULL)
#else
#define list_visit(task) kthread_func(task)
#endif

static int __init list_init(void)
{
	struct task_struct *task = &init_task;

	rcu_read_lock();
	do {
		list_visit(task);
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
