/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What every guest program needs: turning tracing on and off, telling where it
 * is, and stopping when something is not as it must be.
 *
 * A program calls guest_init() first and does all its preparation before
 * trace_on(). Between trace_on() and its end it uses no stdio and no malloc():
 * what the trace shows should be the mechanism and nothing else.
 */
#ifndef KERNSNAP_GUEST_H
#define KERNSNAP_GUEST_H

#include <sys/types.h>

/* The exit status of a program that found something wrong. */
#define GUEST_EXIT_WRONG 125

/*
 * Opens tracing_on and trace_marker, so that using them later is a single
 * write(). Both are closed by exec. Dies if tracefs is not mounted.
 */
void guest_init(void);

/*
 * Turns tracing on. Where it was off, the function tracer empties its buffer
 * (function_trace_start()): a run with it has room for one stretch of tracing.
 * Events alone and the function-graph tracer keep what they have.
 */
void trace_on(void);

/* Turns tracing off. */
void trace_off(void);

/* Writes TEXT into the trace, as the calling task. */
void trace_mark(const char *text);

/*
 * A system call failed: prints "PROGRAM: WHAT: " and errno's text to stderr and
 * exits with GUEST_EXIT_WRONG.
 */
__attribute__((noreturn)) void die(const char *what);

/* Something else is wrong: the same without errno. */
__attribute__((noreturn)) void wrong(const char *what);

/* Stops, with the condition as text, unless it holds. */
#define check(condition)                                                       \
	do {                                                                   \
		if (!(condition))                                              \
			wrong("not true: " #condition);                        \
	} while (0)

/*
 * The number in TEXT: decimal, 0x hexadecimal or 0 octal, perhaps negative. Stops
 * if TEXT is NULL or anything else.
 */
long parse_number(const char *text);

/*
 * The system call clone with FLAGS and nothing else. Returns twice, as fork()
 * does, but the C library knows nothing of it; -1 and errno where it fails.
 */
pid_t raw_clone(unsigned long flags);

/*
 * Waits for the child PID and returns its wait status. Dies if there is no such
 * child.
 */
int wait_for(pid_t pid);

/*
 * Returns when the process PID sleeps (state S). Gives up the CPU while it does
 * not, so the two may share one; needs /proc. Dies if PID does not exist.
 */
void wait_until_asleep(pid_t pid);

/*
 * The same for the state letter STATE of /proc/PID/stat: 'Z' for a zombie. Dies
 * if PID goes away meanwhile.
 */
void wait_until_state(pid_t pid, char state);

/*
 * The letter that /proc/PID/stat shows now: R, S, D, T, t, Z or X; '-' where
 * there is no such process.
 */
char state_of(pid_t pid);

/* Sleeps for MS milliseconds. Dies if a signal ends the sleep. */
void sleep_ms(long ms);

#endif
