/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The report: one fact a line, gathered while the plan runs and written as the
 * channel's last section. What people should see as it happens goes to the
 * console too, with "kernsnap: " in front.
 */
#ifndef KERNSNAP_REPORT_H
#define KERNSNAP_REPORT_H

#include <stdint.h>
#include <sys/types.h>

/* The report never grows beyond this many bytes; further lines are dropped. */
#define REPORT_MAX (256 * 1024)

/* "task NAME pid=N": a program or loader was started. */
void report_task(const char *name, pid_t pid);

/* "exit NAME status=0xN": it ended with this wait status. */
void report_exit(const char *name, int status);

/* "phase LABEL ns=N", to the console too. */
void report_phase(const char *label, uint64_t ns);

/*
 * "fail line=N errno=N ENAME STEP", to the console too. LINE 0 stands for
 * the plan as a whole; ERROR is a positive errno.
 */
void report_fail(unsigned int line, int error, const char *step);

/* "timeout NAME…", to the console too. NAMES begins with a space or is "". */
void report_timeout(const char *names);

/* "changed NAME": a setting of the trace is not as it was. */
void report_changed(const char *setting);

/* "guard begin ns=N" and "guard end ns=N": between them programs ran. */
void report_guard(const char *which, uint64_t ns);

/* "seal N", hexadecimal: the report is init's own. */
void report_seal(uint64_t secret);

/* "done ns=N", to the console only. */
void report_done(uint64_t ns);

/*
 * Writes the gathered lines into the channel as section "report". Returns 0
 * or a negative errno.
 */
int report_save(void);

#endif
