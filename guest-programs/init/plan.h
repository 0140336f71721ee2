/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The plan: what to do, one step a line. docs/guest-protocol.md has the
 * grammar. A line is parsed when it is its turn, so that a bad line is reported
 * in its place and everything before it has been done.
 */
#ifndef KERNSNAP_PLAN_H
#define KERNSNAP_PLAN_H

#include <stdint.h>

#define PLAN_BYTES_MAX (256 * 1024)
#define LINE_BYTES_MAX 1024
#define NAME_BYTES_MAX 15
#define ARGS_MAX 32
#define MSEC_MAX 1000000000ull
#define SPIN_NSEC_MAX 1000000000ull

/* Instead of a CPU number: every CPU. */
#define CPU_ANY -1

enum step_kind {
	STEP_VERSION,
	STEP_CHANNEL,
	STEP_PAYLOAD,
	STEP_MOUNT,
	STEP_DEADLINE,
	STEP_PUT,
	STEP_ADD,
	STEP_START,
	STEP_BECOME,
	STEP_INSMOD,
	STEP_KEEP,
	STEP_LOAD,
	STEP_UNLOAD,
	STEP_WAIT,
	STEP_SLEEP,
	STEP_ALIGN,
	STEP_SPIN,
	STEP_PHASE,
	STEP_SAVE,
	STEP_DRAIN,
	STEP_SAVE_FORMATS,
	STEP_CONFINE,
	STEP_GUARD,
	STEP_UNGUARD,
	STEP_END,
};

/* A program to run or to become, or a module to load or unload. */
struct job {
	const char *name;
	int cpu;			/* or CPU_ANY */
	char *args[ARGS_MAX + 1];	/* start, become: path, arguments, NULL */
	const char *module;		/* load: the file; unload: the name */
	const char *params;		/* load: all parameters, perhaps "" */
};

/* One parsed line. All strings live until the next line is parsed. */
struct step {
	enum step_kind kind;
	unsigned int line;		/* counted from 1 */
	const char *text;		/* the whole line */
	union {
		uint64_t version;
		struct {
			uint64_t addr;
			uint64_t size;
		} region;		/* channel, payload */
		struct {
			const char *type;
			const char *dir;
		} mount;
		uint64_t ns;		/* deadline, sleep, align, spin */
		struct {
			const char *file;
			const char *text;
		} put;			/* put, add */
		struct job job;		/* start, become, load, unload */
		const char *name;	/* wait */
		const char *file;	/* insmod, keep */
		const char *label;	/* phase */
		struct {
			const char *name;
			const char *file;
		} copy;			/* save, drain */
		struct {
			const char *list;
			const char *dir;
		} formats;		/* save-formats */
		struct {
			const char *dir;
			unsigned int cpus;
		} guard;
	};
};

/*
 * Reads the whole plan from FILE, in place of any that was read before. Returns 0 or a negative errno; -EFBIG if it
 * is longer than PLAN_BYTES_MAX.
 */
int plan_read(const char *file);

/*
 * Parses the next line that holds a step. Returns 1 when STEP is filled in, 0
 * at the end of the plan, or a negative errno for a bad line, of which `line`
 * and `text` are filled in: -EINVAL if it is not of the grammar,
 * -ENAMETOOLONG for a long NAME, -E2BIG for a long line or too many words, -ERANGE
 * for a number that is out of range.
 */
int plan_next(struct step *step);

#endif
