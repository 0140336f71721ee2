/*
 * Keeping files away from QEMU once its guest runs (Landlock, Documentation/userspace-api/landlock.rst in the kernel's tree).
 *
 * QEMU has read the kernel, the device tree and the initramfs by then, and has its logs and the guest's memory open. It needs no
 * other file. Landlock is in force for a thread and those that it creates, so each thread takes it upon itself.
 */
#ifndef KERNSNAP_CONFINE_H
#define KERNSNAP_CONFINE_H

/* From here on, confine_thread() does something. */
void confine_from_now(void);

/* From here on, the calling thread opens, makes and removes no file; below /proc it can read. Does nothing the second time. */
void confine_thread(void);

#endif
