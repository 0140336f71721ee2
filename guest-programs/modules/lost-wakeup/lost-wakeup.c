// SPDX-License-Identifier: GPL-2.0
/*
 * lost_wakeup: a hand-off between two tasks that loses a wake-up, now and then.
 *
 * Loading makes the thread "consumer" on CPU 2. Writing to the parameter
 * `hand_over` starts it. The consumer looks for an item, finds none, asks for
 * one, and sleeps. The writer prepares the item when it is asked for, gives it,
 * and wakes the consumer. The consumer's mistake is the order: it looks first,
 * and says only then that it is about to sleep. If the item is given in
 * between, wake_up_process() finds a task that runs and does nothing, and the
 * consumer sleeps although its item is there. kthread_steps has the right
 * order: first the state, then the look.
 *
 * The item takes half as long again as the consumer needs to fall asleep, so
 * the mistake does no harm unless something keeps the consumer: a tick. Writing
 * to the parameter `tick` returns just behind one. A hand-over that is asked
 * for at once is over long before the next; one that is asked for late is not.
 * So what happens depends on when it begins, not on what the kernel did before.
 *
 * The sleep ends by a timer at last, so that the mistake shows in the trace as
 * lost_timeout(), and does not hang the machine.
 */
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>

#define CONSUMER_CPU	2
/* What nobody ends is ended after a tenth of a second. */
#define PATIENCE	(HZ / 10)

static unsigned int prepare = 60000;
module_param(prepare, uint, 0444);
MODULE_PARM_DESC(prepare, "Rounds of work before the item is given");

static unsigned int notice = 40000;
module_param(notice, uint, 0444);
MODULE_PARM_DESC(notice, "Rounds of work between the look and the sleep");

static DECLARE_COMPLETION(lost_wanted);
static DECLARE_COMPLETION(lost_taken);
static struct task_struct *lost_task;
static unsigned int lost_item;
static unsigned int lost_work;

static void work(unsigned int rounds)
{
	/* The store is volatile: the rounds cannot be optimised away. */
	while (rounds--)
		WRITE_ONCE(lost_work, lost_work + 1);
}

/* Functions of their own, so that the function tracer sees each step. */
static noinline void lost_give(void)
{
	WRITE_ONCE(lost_item, 1);
}

static noinline void lost_take(void)
{
	WRITE_ONCE(lost_item, 0);
}

static noinline void lost_timeout(void)
{
	WRITE_ONCE(lost_work, 0);
}

static int lost_consumer(void *unused)
{
	if (!READ_ONCE(lost_item)) {
		complete(&lost_wanted);
		/* An item that is given from here on wakes nobody ... */
		work(notice);
		set_current_state(TASK_INTERRUPTIBLE);
		/* ... up to here. */
		if (!schedule_timeout(PATIENCE))
			lost_timeout();
	}
	lost_take();
	complete(&lost_taken);

	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (kthread_should_stop())
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);

	return 0;
}

static int hand_over_set(const char *text, const struct kernel_param *param)
{
	wake_up_process(lost_task);
	/* Never before the consumer has looked: it would not have to sleep. */
	wait_for_completion(&lost_wanted);
	work(prepare);
	lost_give();
	wake_up_process(lost_task);
	wait_for_completion(&lost_taken);

	return 0;
}

static const struct kernel_param_ops hand_over_ops = { .set = hand_over_set };
module_param_cb(hand_over, &hand_over_ops, NULL, 0200);
MODULE_PARM_DESC(hand_over, "Written once: hands one item over");

static int tick_set(const char *text, const struct kernel_param *param)
{
	schedule_timeout_uninterruptible(1);

	return 0;
}

static const struct kernel_param_ops tick_ops = { .set = tick_set };
module_param_cb(tick, &tick_ops, NULL, 0200);
MODULE_PARM_DESC(tick, "Written: returns behind the next tick");

static int __init lost_init(void)
{
	lost_task = kthread_create(lost_consumer, NULL, "consumer");
	if (IS_ERR(lost_task))
		return PTR_ERR(lost_task);
	kthread_bind(lost_task, CONSUMER_CPU);

	return 0;
}

static void __exit lost_exit(void)
{
	kthread_stop(lost_task);
}

module_init(lost_init);
module_exit(lost_exit);

MODULE_DESCRIPTION("A hand-off that may lose a wake-up");
MODULE_LICENSE("GPL");
