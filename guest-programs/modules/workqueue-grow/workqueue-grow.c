// SPDX-License-Identifier: GPL-2.0
/*
 * workqueue_grow: three work items that block, on the workqueue of one CPU.
 *
 * Loading queues grow_work() three times on CPU 1. None of them returns before
 * all three have started: one worker cannot run them one after another, so the
 * pool has to grow.
 *
 * The module uses the high-priority workqueue because it is rarely used: its
 * pool on CPU 1 is as it was created at boot, with one idle worker.
 */
#include <linux/completion.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/workqueue.h>

#define GROW_CPU	1
#define GROW_WORKS	3

static struct work_struct grow_works[GROW_WORKS];
static DECLARE_COMPLETION(grow_begun);
static DECLARE_COMPLETION(grow_go_on);

static void grow_work(struct work_struct *work)
{
	complete(&grow_begun);
	wait_for_completion(&grow_go_on);
	/*
	 * One after the other: the work item that has waited longest continues
	 * first.
	 */
	complete(&grow_go_on);
}

static int __init grow_init(void)
{
	int i;

	for (i = 0; i < GROW_WORKS; i++) {
		INIT_WORK(&grow_works[i], grow_work);
		queue_work_on(GROW_CPU, system_highpri_wq, &grow_works[i]);
	}
	for (i = 0; i < GROW_WORKS; i++)
		wait_for_completion(&grow_begun);
	complete(&grow_go_on);

	return 0;
}

static void __exit grow_exit(void)
{
	int i;

	for (i = 0; i < GROW_WORKS; i++)
		flush_work(&grow_works[i]);
}

module_init(grow_init);
module_exit(grow_exit);

MODULE_DESCRIPTION("Works that block, so that their pool grows");
MODULE_LICENSE("GPL");
