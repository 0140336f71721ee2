/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What keeps a program from forging the evidence of its run. docs/security.md says against whom it holds.
 *
 * All functions return 0 or a negative errno.
 */
#ifndef KERNSNAP_GUARD_H
#define KERNSNAP_GUARD_H

/*
 * Programs that are started from now on are root without two capabilities: they cannot use physical memory (CAP_SYS_RAWIO),
 * and cannot read or change init (CAP_SYS_PTRACE). Helpers that the kernel starts for them cannot either.
 */
int guard_confine(void);

/* Does the same to the calling program alone; helpers stay as they are. */
int guard_rehearse(void);

/*
 * Notes the settings of the tracefs in DIR, and writes a mark into the buffer of each of the first CPUS CPUs. Tracing must be
 * off; it is on for the marks alone. CPUS is 0 with the function tracer, which empties the buffer whenever tracing is switched on
 * (function_trace_start() of kernel/trace/trace_functions.c): there are no marks then.
 */
int guard_begin(const char *dir, unsigned int cpus);

/*
 * Ends all other programs, reports the settings that are not those of guard_begin(), and writes the last mark if there are
 * marks. Tracing must be off; it is on for the mark alone.
 */
int guard_end(void);

/*
 * Before init writes to FILE: settings that differ by now are reported. After it: the settings are noted again. Both do nothing
 * for a file that has no settings, and where nothing is guarded.
 */
void guard_before_write(const char *file);
void guard_after_write(const char *file);

#endif
