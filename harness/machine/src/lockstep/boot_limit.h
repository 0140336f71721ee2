/* The time that a guest may take until its init is ready. */
#ifndef KERNSNAP_BOOT_LIMIT_H
#define KERNSNAP_BOOT_LIMIT_H

/*
 * Reads LOCKSTEP_BOOT_LIMIT, seconds of guest time, and sets `order_at_big_lock` to what ends QEMU when they have passed. It is
 * in force until `order_at_big_lock` is set again. Without the variable, or in a QEMU that does not export what it needs, a
 * boot has no limit here.
 */
void boot_limit_begin(void);

#endif
