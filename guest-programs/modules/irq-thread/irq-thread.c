// SPDX-License-Identifier: GPL-2.0
/*
 * irq_thread: an interrupt whose handler runs in a thread.
 *
 * There is no device: the interrupt is a number without a line, on CPU 1, and
 * an irq_work simulates the device. Loading requests the interrupt, which
 * creates its thread, and raises it once. The primary handler, threaded_hard(),
 * runs in hard interrupt context and leaves the work to the thread, which calls
 * threaded_work().
 *
 * Unloading frees the interrupt and its thread.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irq_work.h>
#include <linux/irqdesc.h>
#include <linux/module.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 0, 0)
/* The affinity of an interrupt was a mask of CPUs and no more. */
typedef struct cpumask threaded_affinity;
#define THREADED_MASK(affinity) (affinity)
#else
typedef struct irq_affinity_desc threaded_affinity;
#define THREADED_MASK(affinity) (&(affinity)->mask)
#endif

#define THREADED_CPU	1
/* Long enough for the thread to reach its first sleep. */
#define THREADED_REST_MS	20

static int threaded_irq;
static DECLARE_COMPLETION(threaded_done);

static irqreturn_t threaded_hard(int irq, void *unused)
{
	return IRQ_WAKE_THREAD;
}

static irqreturn_t threaded_work(int irq, void *unused)
{
	complete(&threaded_done);

	return IRQ_HANDLED;
}

/* Called in interrupt context, like the handler of an interrupt controller. */
static void threaded_raise(struct irq_work *work)
{
	generic_handle_irq(threaded_irq);
}

static DEFINE_IRQ_WORK(threaded_device, threaded_raise);

static int __init threaded_init(void)
{
	threaded_affinity affinity = { };
	int err;

	cpumask_set_cpu(THREADED_CPU, THREADED_MASK(&affinity));
	/*
	 * Any number from 1 on. It has no owner: an owned interrupt would keep
	 * its module from being removed.
	 */
	threaded_irq = __irq_alloc_descs(-1, 1, 1, NUMA_NO_NODE, NULL, &affinity);
	if (threaded_irq < 0)
		return threaded_irq;

	irq_set_chip_and_handler(threaded_irq, &dummy_irq_chip, handle_simple_irq);
	irq_clear_status_flags(threaded_irq, IRQ_NOREQUEST);
	err = request_threaded_irq(threaded_irq, threaded_hard, threaded_work, 0,
				   "knock", &threaded_irq);
	if (err) {
		irq_free_desc(threaded_irq);
		return err;
	}

	msleep(THREADED_REST_MS);
	irq_work_queue(&threaded_device);
	wait_for_completion(&threaded_done);

	return 0;
}

static void __exit threaded_exit(void)
{
	irq_work_sync(&threaded_device);
	free_irq(threaded_irq, &threaded_irq);
	irq_free_desc(threaded_irq);
}

module_init(threaded_init);
module_exit(threaded_exit);

MODULE_DESCRIPTION("An interrupt whose handler runs in a thread");
MODULE_LICENSE("GPL");
