// SPDX-License-Identifier: GPL-2.0
/*
 * lost_wakeup: a hand-over between two tasks that sometimes loses a wake-up.
 *
 * Loading creates the thread "consumer" on CPU 2. Writing to the parameter
 * `hand_over` starts it. The consumer looks for an item, finds none, asks for
 * one, and sleeps. The writer prepares the item when it is asked for, gives it,
 * and wakes the consumer. The consumer's mistake is the order: it looks first
 * and sets its state afterwards. If the item is given in between,
 * wake_up_process() finds a running task and does nothing, and the consumer
 * sleeps although its item is there. kthread_steps has the right order: the
 * state first, then the test.
 *
 * The item takes half as long again as the consumer needs to fall asleep, so
 * the mistake does no harm unless something delays the consumer, such as a
 * tick. Writing to the parameter `tick` returns just after a tick. A hand-over
 * that is requested immediately is over long before the next tick; one that is
 * requested late is not. So the result depends on when the hand-over begins,
 * and not on earlier events in the kernel.
 *
 * A timer finally ends the sleep, so that the mistake shows in the trace as
 * lost_timeout() and does not hang the machine.
 */
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>

#define CONSUMER_CPU	2
/* The sleep ends after a tenth of a second if the consumer is not woken. */
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

/* Separate functions, so that the function tracer sees each step. */
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
		/* An item that is given from here on wakes no task ... */
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
	/*
	 * Never before the consumer has looked: otherwise it would not need to
	 * sleep.
	 */
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
