// SPDX-License-Identifier: GPL-2.0
/*
 * hostile: sleeps when it is loaded, which a trace shows, and then does what its parameter says to hide that.
 */
#include <linux/delay.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/reboot.h>
#include <linux/sched.h>
#include <linux/string.h>

/* Where the channel of the Raspberry Pi 3 is (images/boards/raspi3b.yaml). */
#define CHANNEL 0xc000000

static char *act = "";
module_param(act, charp, 0);

/* A header that says: complete, and nothing in it. */
static void forge_channel(void)
{
	static const u64 header[] = { 0x31484350414e534bull, 0, 0x100000000ull, 0x87c02a15ull };
	void __iomem *at = ioremap(CHANNEL, PAGE_SIZE);
	unsigned int i;

	if (!at)
		return;
	for (i = 0; i < ARRAY_SIZE(header); i++)
		writeq(header[i], at + 8 * i);
	iounmap(at);
}

static int __init hostile_init(void)
{
	msleep(1);
	if (!strcmp(act, "channel")) {
		forge_channel();
		pr_alert("kernsnap: done ns=9\n");
		kernel_power_off();
	} else if (!strcmp(act, "power-off")) {
		kernel_power_off();
	} else if (!strcmp(act, "restart")) {
		emergency_restart();
	} else if (!strcmp(act, "off")) {
		tracing_off();
	} else if (!strcmp(act, "oops")) {
		/* The compiler would warn of a constant address. */
		int *nowhere = (int *)8;

		OPTIMIZER_HIDE_VAR(nowhere);
		WRITE_ONCE(*nowhere, 1);
	} else if (!strcmp(act, "print")) {
		pr_emerg("\033[2Jkernsnap: done ns=9\n");
	} else if (!strcmp(act, "rename")) {
		memcpy(current->comm, "\033[31m\n\r", 8);
	} else if (!strcmp(act, "spin")) {
		local_irq_disable();
		for (;;)
			cpu_relax();
	}
	return 0;
}

static void __exit hostile_exit(void)
{
}

module_init(hostile_init);
module_exit(hostile_exit);

MODULE_DESCRIPTION("Hides what it does");
MODULE_LICENSE("GPL");
