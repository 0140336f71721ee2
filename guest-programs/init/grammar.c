// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The grammar. Each step has a function that takes its operands off the line,
 * one word after the other. The first error sticks; whatever is taken after it is
 * empty, so that only the end needs a check.
 */
#define _GNU_SOURCE
#include "grammar.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "clock.h"

struct scan {
	char *rest;	/* what is still to be taken, or NULL at the end */
	int error;	/* 0 or a negative errno */
};

static void scan_fail(struct scan *scan, int error)
{
	if (!scan->error)
		scan->error = error;
	scan->rest = NULL;
}

/* Takes everything up to the end of the line; "" at the end. */
static char *take_rest(struct scan *scan)
{
	static char nothing[] = "";
	char *rest = scan->rest ? scan->rest : nothing;

	scan->rest = NULL;
	return rest;
}

/* Takes a word that is not empty. */
static char *take_word(struct scan *scan)
{
	char *word, *space;

	if (!scan->rest || !*scan->rest || *scan->rest == ' ') {
		scan_fail(scan, -EINVAL);
		return take_rest(scan);
	}
	word = scan->rest;
	space = strchr(word, ' ');
	if (space)
		*space++ = '\0';
	scan->rest = space;
	return word;
}

static const char *take_name(struct scan *scan)
{
	const char *name = take_word(scan);

	if (strlen(name) > NAME_BYTES_MAX)
		scan_fail(scan, -ENAMETOOLONG);
	return name;
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 16;
}

/* Takes a decimal or 0x hexadecimal number of at most MAX. */
static uint64_t take_number(struct scan *scan, uint64_t max)
{
	const char *word = take_word(scan);
	int base = 10;
	uint64_t number = 0;

	if (!strncmp(word, "0x", 2)) {
		base = 16;
		word += 2;
	}
	if (!*word)
		scan_fail(scan, -EINVAL);
	for (; *word; word++) {
		int digit = digit_value(*word);

		if (digit >= base) {
			scan_fail(scan, -EINVAL);
			return 0;
		}
		if (number > (max - (unsigned int)digit) / (unsigned int)base) {
			scan_fail(scan, -ERANGE);
			return 0;
		}
		number = number * (unsigned int)base + (unsigned int)digit;
	}
	return number;
}

static int take_cpu(struct scan *scan)
{
	if (scan->rest && !strncmp(scan->rest, "any ", 4)) {
		take_word(scan);
		return CPU_ANY;
	}
	return (int)take_number(scan, CPU_SETSIZE - 1);
}

static void parse_version(struct scan *scan, struct step *step)
{
	step->version = take_number(scan, UINT64_MAX);
}

static void parse_region(struct scan *scan, struct step *step)
{
	step->region.addr = take_number(scan, UINT64_MAX);
	step->region.size = take_number(scan, UINT64_MAX);
}

static void parse_mount(struct scan *scan, struct step *step)
{
	step->mount.type = take_word(scan);
	step->mount.dir = take_word(scan);
}

static void parse_msec(struct scan *scan, struct step *step)
{
	step->ns = take_number(scan, MSEC_MAX) * NSEC_PER_MSEC;
}

static void parse_spin(struct scan *scan, struct step *step)
{
	step->ns = take_number(scan, SPIN_NSEC_MAX);
}

static void parse_align(struct scan *scan, struct step *step)
{
	parse_spin(scan, step);
	if (!step->ns)
		scan_fail(scan, -ERANGE);
}

static void parse_put(struct scan *scan, struct step *step)
{
	step->put.file = take_word(scan);
	step->put.text = take_rest(scan);
}

static void parse_become(struct scan *scan, struct step *step)
{
	struct job *job = &step->job;
	int n = 0;

	job->cpu = take_cpu(scan);
	job->args[n++] = take_word(scan);
	while (scan->rest && n < ARGS_MAX)
		job->args[n++] = take_word(scan);
	if (scan->rest)
		scan_fail(scan, -E2BIG);
}

static void parse_start(struct scan *scan, struct step *step)
{
	step->job.name = take_name(scan);
	parse_become(scan, step);
}

static void parse_load(struct scan *scan, struct step *step)
{
	step->job.name = take_name(scan);
	step->job.cpu = take_cpu(scan);
	step->job.module = take_word(scan);
	step->job.params = take_rest(scan);
}

static void parse_file(struct scan *scan, struct step *step)
{
	step->file = take_word(scan);
}

static void parse_unload(struct scan *scan, struct step *step)
{
	step->job.name = take_name(scan);
	step->job.cpu = take_cpu(scan);
	step->job.module = take_word(scan);
}

static void parse_wait(struct scan *scan, struct step *step)
{
	step->name = take_name(scan);
}

static void parse_phase(struct scan *scan, struct step *step)
{
	step->label = take_word(scan);
}

static void parse_copy(struct scan *scan, struct step *step)
{
	step->copy.name = take_word(scan);
	step->copy.file = take_word(scan);
}

static void parse_formats(struct scan *scan, struct step *step)
{
	step->formats.list = take_word(scan);
	step->formats.dir = take_word(scan);
}

static void parse_guard(struct scan *scan, struct step *step)
{
	step->guard.dir = take_word(scan);
	step->guard.cpus = (unsigned int)take_number(scan, CPU_SETSIZE);
}

static void parse_nothing(struct scan *scan, struct step *step)
{
	(void)scan;
	(void)step;
}

static const struct {
	const char *word;
	enum step_kind kind;
	void (*parse)(struct scan *scan, struct step *step);
} rules[] = {
	{ "kernsnap-plan", STEP_VERSION, parse_version },
	{ "channel", STEP_CHANNEL, parse_region },
	{ "payload", STEP_PAYLOAD, parse_region },
	{ "mount", STEP_MOUNT, parse_mount },
	{ "deadline", STEP_DEADLINE, parse_msec },
	{ "put", STEP_PUT, parse_put },
	{ "add", STEP_ADD, parse_put },
	{ "start", STEP_START, parse_start },
	{ "become", STEP_BECOME, parse_become },
	{ "insmod", STEP_INSMOD, parse_file },
	{ "keep", STEP_KEEP, parse_file },
	{ "load", STEP_LOAD, parse_load },
	{ "unload", STEP_UNLOAD, parse_unload },
	{ "wait", STEP_WAIT, parse_wait },
	{ "sleep", STEP_SLEEP, parse_msec },
	{ "spin", STEP_SPIN, parse_spin },
	{ "align", STEP_ALIGN, parse_align },
	{ "phase", STEP_PHASE, parse_phase },
	{ "save", STEP_SAVE, parse_copy },
	{ "drain", STEP_DRAIN, parse_copy },
	{ "save-formats", STEP_SAVE_FORMATS, parse_formats },
	{ "confine", STEP_CONFINE, parse_nothing },
	{ "guard", STEP_GUARD, parse_guard },
	{ "unguard", STEP_UNGUARD, parse_nothing },
	{ "end", STEP_END, parse_nothing },
};

int grammar_parse(char *line, struct step *step)
{
	struct scan scan = { .rest = line };
	const char *word = take_word(&scan);

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (strcmp(word, rules[i].word))
			continue;
		step->kind = rules[i].kind;
		rules[i].parse(&scan, step);
		if (scan.rest)
			scan_fail(&scan, -EINVAL);
		return scan.error ? scan.error : 1;
	}
	return -EINVAL;
}
