// SPDX-License-Identifier: GPL-2.0
/*
 * tasklet_again: a tasklet that schedules itself again.
 *
 * Loading schedules it once, from a task, and returns when it has run TIMES
 * times (parameter "times"). Each run raises the softirq that the kernel is
 * handling.
 */
#include <linux/completion.h>
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/version.h>

static unsigned int times = 1;
module_param(times, uint, 0444);
MODULE_PARM_DESC(times, "How often the tasklet runs");

static struct tasklet_struct again;
static DECLARE_COMPLETION(again_done);

/* The argument of a tasklet depends on the kernel: its data, or the tasklet. */
static void again_run(void)
{
	if (--times)
		tasklet_schedule(&again);
	else
		complete(&again_done);
}

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 9, 0)
static void again_tasklet(unsigned long data)
{
	again_run();
}

static DECLARE_TASKLET(again, again_tasklet, 0);
#else
static void again_tasklet(struct tasklet_struct *tasklet)
{
	again_run();
}

static DECLARE_TASKLET(again, again_tasklet);
#endif

static int __init again_init(void)
{
	unsigned long now = jiffies;

	if (!times)
		return -EINVAL;

	/* The handler also stops at a tick, so start just after one. */
	while (READ_ONCE(jiffies) == now)
		cpu_relax();
	tasklet_schedule(&again);
	wait_for_completion(&again_done);

	return 0;
}

static void __exit again_exit(void)
{
	tasklet_kill(&again);
}

module_init(again_init);
module_exit(again_exit);

MODULE_DESCRIPTION("A tasklet that schedules itself again");
MODULE_LICENSE("GPL");
