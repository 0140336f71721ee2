/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Guest time: nanoseconds since power-on.
 *
 * On arm64 this is the architecture's counter, which QEMU's icount drives and
 * which starts at zero at power-on. Elsewhere it is the kernel's boot clock,
 * which starts a little later.
 */
#ifndef KERNSNAP_CLOCK_H
#define KERNSNAP_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NSEC_PER_SEC 1000000000ull
#define NSEC_PER_MSEC 1000000ull

/* A point in guest time that never comes. */
#define CLOCK_NEVER UINT64_MAX

/* Guest time now, in nanoseconds since power-on. Cannot fail. */
static inline uint64_t clock_now(void)
{
#ifdef __aarch64__
	uint64_t ticks, hz;

	/* isb: the counter must not be read ahead of what came before. */
	__asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(ticks) : : "memory");
	__asm__("mrs %0, cntfrq_el0" : "=r"(hz));
	/* Seconds and rest apart: ticks * 10^9 would overflow after minutes. */
	return ticks / hz * NSEC_PER_SEC + ticks % hz * NSEC_PER_SEC / hz;
#else
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
#endif
}

#endif
