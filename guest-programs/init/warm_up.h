/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KERNSNAP_WARM_UP_H
#define KERNSNAP_WARM_UP_H

/*
 * Does once what init and most programs do in a run, and leaves nothing of it. QEMU translates that code then, and runs that are
 * forked from this machine find the translations.
 *
 * Returns an exit status.
 */
int warm_up(void);

#endif
