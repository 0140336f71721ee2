// SPDX-License-Identifier: GPL-2.0
/*
 * kthread_steps: one kernel thread, from its creation to its return value.
 *
 * Loading creates the thread "steps-0" in two steps, which kthread_run()
 * combines: kthread_create() requests it from kthreadd and waits until it
 * exists and sleeps, and wake_up_process() starts its function. The trace shows
 * the request, the fork in kthreadd, the report of the new thread, and the
 * calls of steps_work() in steps-0 itself.
 *
 * Unloading stops it: kthread_stop() wakes the thread, which sees
 * kthread_should_stop() and returns 42. The event sched_kthread_stop_ret shows
 * that value in the unloading task.
 */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>

#define STEPS		3
#define STEPS_RESULT	42

static struct task_struct *steps_task;
static unsigned int steps_done;

/* A separate function, so that the function tracer sees the thread work. */
static noinline void steps_work(void)
{
	/* The store is volatile: the calls cannot be optimised away. */
	WRITE_ONCE(steps_done, steps_done + 1);
}

static int steps_thread(void *unused)
{
	int i;

	for (i = 0; i < STEPS; i++)
		steps_work();

	/*
	 * Sleep until kthread_stop(). The state is set before the test: if
	 * kthread_stop() comes in between, its wake-up resets the state, and
	 * schedule() returns at once instead of sleeping for ever.
	 */
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (kthread_should_stop())
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);

	return STEPS_RESULT;
}

static int __init steps_init(void)
{
	struct task_struct *task;

	task = kthread_create(steps_thread, NULL, "steps-%d", 0);
	if (IS_ERR(task))
		return PTR_ERR(task);

	steps_task = task;
	wake_up_process(task);

	return 0;
}

static void __exit steps_exit(void)
{
	/* The result is not needed here: sched_kthread_stop_ret shows it. */
	kthread_stop(steps_task);
}

module_init(steps_init);
module_exit(steps_exit);

MODULE_DESCRIPTION("One kernel thread, created, woken and stopped");
MODULE_LICENSE("GPL");
