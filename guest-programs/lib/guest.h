/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The functions that guest programs share: they turn tracing on and off, write
 * markers, and stop the program when a condition does not hold.
 *
 * A program calls guest_init() first and does all its preparation before
 * trace_on(). Between trace_on() and its exit it uses no stdio and no malloc(),
 * so that the trace shows the mechanism and nothing else.
 */
#ifndef KERNSNAP_GUEST_H
#define KERNSNAP_GUEST_H

#include <sys/types.h>

/* The exit status of a program that found an error. */
#define GUEST_EXIT_WRONG 125

/*
 * Opens tracing_on and trace_marker, so that later each use is a single
 * write(). Both are closed by exec. Dies if tracefs is not mounted.
 */
void guest_init(void);

/*
 * Turns tracing on. If it was off, the function tracer clears its buffer
 * (function_trace_start()), so a run with the function tracer can only have one
 * traced section. Events alone and the function-graph tracer keep the buffer.
 */
void trace_on(void);

/* Turns tracing off. */
void trace_off(void);

/* Writes TEXT into the trace, as the calling task. */
void trace_mark(const char *text);

/*
 * Call this when a system call has failed: prints "PROGRAM: WHAT: " and the
 * text of errno to stderr and exits with GUEST_EXIT_WRONG.
 */
__attribute__((noreturn)) void die(const char *what);

/* The same for other errors, without errno. */
__attribute__((noreturn)) void wrong(const char *what);

/* Exits with the condition as the message if it does not hold. */
#define check(condition)                                                       \
	do {                                                                   \
		if (!(condition))                                              \
			wrong("not true: " #condition);                        \
	} while (0)

/*
 * Returns the number in TEXT: decimal, hexadecimal with 0x, or octal with 0,
 * with an optional minus sign. Exits if TEXT is NULL or not a number.
 */
long parse_number(const char *text);

/*
 * The system call clone with FLAGS and no other arguments. It returns twice, as
 * fork() does, but without the C library's work in the child. Returns -1 and
 * sets errno on failure.
 */
pid_t raw_clone(unsigned long flags);

/*
 * Waits for the child PID and returns its wait status. Dies if there is no such
 * child.
 */
int wait_for(pid_t pid);

/*
 * Returns when the process PID sleeps (state S). Yields the CPU until then, so
 * the two may share one; needs /proc. Dies if PID does not exist.
 */
void wait_until_asleep(pid_t pid);

/*
 * The same for the state letter STATE of /proc/PID/stat, such as 'Z' for a
 * zombie. Dies if PID ceases to exist.
 */
void wait_until_state(pid_t pid, char state);

/*
 * Returns the letter that /proc/PID/stat shows: R, S, D, T, t, Z or X, or '-'
 * if there is no such process.
 */
char state_of(pid_t pid);

/* Sleeps for MS milliseconds. Dies if a signal ends the sleep. */
void sleep_ms(long ms);

#endif
