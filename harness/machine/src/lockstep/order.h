/* The order of QEMU's threads: what the template needs of it. */
#ifndef KERNSNAP_ORDER_H
#define KERNSNAP_ORDER_H

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/* The library replaces a function of the C library. All other names stay inside of it: QEMU has names of its own. */
#define REPLACES __attribute__((visibility("default")))

/* The C library's own functions, which are not ordered. */
extern int (*real_mutex_lock)(pthread_mutex_t *);
extern int (*real_mutex_unlock)(pthread_mutex_t *);
extern int (*real_cond_wait)(pthread_cond_t *, pthread_mutex_t *);

/* The thread of the main loop, and the lock that it shares with the CPUs' thread. */
extern pthread_t loop;
extern pthread_mutex_t *_Atomic big_lock;

/*
 * Called by the CPUs' thread before it takes the big lock, if it is not NULL: the place that the guest's instructions decide.
 */
extern void (*order_at_big_lock)(void);

/* Finds the functions above. The second call does nothing. */
void order_begin(void);

/* True if the caller is the CPUs' thread. */
bool is_cpus(void);

/* True if the main loop polls, and nothing is there that would wake it. */
bool order_is_quiet(void);

/* True if the main loop waits for a condition. */
bool order_loop_waits(void);

/* Lets the main loop run until it polls or waits. Only for the CPUs' thread, without the big lock. */
void order_let_loop_run(void);

/* In a forked process, which has no main loop yet: forgets the state of the one that was there. */
void order_restart(void);

/* Waits until the new main loop polls or waits. */
void order_await_loop(void);

#endif
