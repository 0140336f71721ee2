/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the steps do. Every function returns 0 or a negative errno; those that
 * wait return TASKS_TIMEOUT when the deadline came first. DEADLINE is guest
 * time in nanoseconds, or CLOCK_NEVER.
 */
#ifndef KERNSNAP_STEPS_H
#define KERNSNAP_STEPS_H

#include <stdbool.h>
#include <stdint.h>

#include "plan.h"

/* Creates DIR (one level) and mounts TYPE there; already mounted is fine. */
int step_mount(const char *type, const char *dir);

/*
 * Writes TEXT and a newline to FILE, which must exist; what a write() does not
 * take is written again. EXTRA_FLAG is O_TRUNC or O_APPEND.
 */
int step_put(const char *file, const char *text, int extra_flag);

/*
 * Copies FILE into the channel as section NAME; with PAGES page by page
 * without blocking, as trace_pipe_raw wants to be read.
 */
int step_copy(const char *name, const char *file, bool pages);

/*
 * Saves the format of every event that the file LIST names, as DIR has them.
 * -EFBIG for a list that is too long.
 */
int step_save_formats(const char *list, const char *dir);

/*
 * Starts JOB's program. Returns when it is running, or with the errno of
 * sched_setaffinity() or execve(); then nothing of it is left.
 */
int step_start(const struct job *job);

/*
 * Becomes JOB's program, as PID 1. Returns only the errno of sched_setaffinity()
 * or execve().
 */
int step_become(const struct job *job);

/*
 * Loads or unloads JOB's module in a child, with tracing turned on just before,
 * and waits for it. The errno is the one of the system call; -EIO if the child
 * was killed (the kernel oopsed in the module).
 */
int step_module(const struct job *job, bool load, uint64_t deadline);

/* Waits for the program NAME; its status is in the report. */
int step_wait(const char *name, uint64_t deadline);

/* Loads the module FILE, as init itself and without touching the trace. */
int step_insmod(const char *file);

#endif
