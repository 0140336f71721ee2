/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The children the plan knows by name, and waiting for them. As PID 1 we also
 * inherit every orphan; those are reaped and not reported.
 */
#ifndef KERNSNAP_TASKS_H
#define KERNSNAP_TASKS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define TASKS_MAX 64

/* tasks_wait() and tasks_sleep(): the deadline came first. */
#define TASKS_TIMEOUT 1

/* Blocks SIGCHLD, so that waiting can be for it and for a point in time. */
void tasks_init(void);

/*
 * Whether a child may be started under NAME: 0, -EEXIST if the name was used
 * before, or -ENFILE if TASKS_MAX children were started.
 */
int tasks_check_name(const char *name);

/* Enters child PID under NAME, which tasks_check_name() allowed. */
void tasks_add(const char *name, pid_t pid);

/* Reaps every child that has ended and reports those with a name. */
void tasks_reap(void);

/*
 * Waits until the child NAME has ended, but not beyond DEADLINE (guest time in
 * nanoseconds). Returns 0 with its wait status in *STATUS, TASKS_TIMEOUT, or
 * -ESRCH if no child was started under NAME.
 */
int tasks_wait(const char *name, uint64_t deadline, int *status);

/* Reaps until guest time UNTIL. Returns 0, or TASKS_TIMEOUT at DEADLINE. */
int tasks_sleep(uint64_t until, uint64_t deadline);

/*
 * Reaps what has ended by itself, kills all other processes and waits until they are gone, at most a second of guest time. Their
 * ends are not reported.
 */
void tasks_end_all(void);

/*
 * The names of the children still running, each behind a space, in the order
 * they were started. Valid until the next call.
 */
const char *tasks_running(void);

#endif
