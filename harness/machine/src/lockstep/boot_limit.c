/*
 * A kernel that never comes to its init waits in a loop, or sleeps and wakes for ever. In guest time the limit is passed at
 * the same instruction on every host, and time that the guest sleeps costs the host nothing.
 */
#define _GNU_SOURCE
#include "boot_limit.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "order.h"
#include "qemu.h"

#define NS_PER_S 1000000000LL

/* QEMU_CLOCK_VIRTUAL in include/qemu/timer.h. */
enum { CLOCK_VIRTUAL = 1 };

/* The line that the harness looks for in QEMU's log. */
static const char passed[] = "lockstep: the time for the guest's boot is over\n";

static int64_t (*clock_get_ns)(int clock);
static int64_t limit_ns;

static void check(void)
{
	/* Inside of cpu_exec(), instructions are not counted yet. */
	if (*qemu.rcu_reader() || clock_get_ns(CLOCK_VIRTUAL) < limit_ns)
		return;
	if (write(STDERR_FILENO, passed, sizeof(passed) - 1) < 0)
		abort();
	_exit(EXIT_FAILURE);
}

void boot_limit_begin(void)
{
	const char *seconds = getenv("LOCKSTEP_BOOT_LIMIT");

	if (!seconds || qemu_find())
		return;
	*(void **)&clock_get_ns = dlsym(RTLD_DEFAULT, "qemu_clock_get_ns");
	limit_ns = atoll(seconds) * NS_PER_S;
	if (clock_get_ns && limit_ns > 0)
		order_at_big_lock = check;
}
