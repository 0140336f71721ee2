// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * /init: PID 1 of a kernsnap guest. It carries out /plan, step by step, and
 * powers off. A payload can replace the plan on the way. docs/guest-protocol.md is the contract with the harness.
 *
 * It never exits, whatever goes wrong: the kernel would panic.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "channel.h"
#include "clock.h"
#include "console.h"
#include "guard.h"
#include "payload.h"
#include "plan.h"
#include "report.h"
#include "steps.h"
#include "tasks.h"
#include "warm_up.h"

#define PLAN_FILE "/plan"
#define PLAN_VERSION 1
/* The phase at which the plan goes on after a failure. */
#define COLLECT "collect"

/* How far the plan has come. */
enum stage {
	STAGE_RUN,	/* a failure or the deadline ends this stage */
	STAGE_SKIP,	/* on the way to the collect phase */
	STAGE_COLLECT,	/* a failure ends only its own step */
};

static enum stage stage = STAGE_RUN;
static uint64_t deadline = CLOCK_NEVER;

static void step_phase(const char *label)
{
	report_phase(label, clock_now());
	if (!strcmp(label, COLLECT)) {
		stage = STAGE_COLLECT;
		deadline = CLOCK_NEVER;
	}
}

/* Keeps the CPU until NS have passed: a sleep would end with a timer. */
static int step_spin(uint64_t ns)
{
	uint64_t until = clock_now() + ns;

	while (clock_now() < until)
		;
	return 0;
}

static int step_deadline(uint64_t ns)
{
	/* Collecting evidence is never cut short. */
	if (stage == STAGE_COLLECT)
		return -EINVAL;
	deadline = clock_now() + ns;
	return 0;
}

/* Where the channel is written to as well, or "". */
static char kept[LINE_BYTES_MAX];

static int step_keep(const char *file)
{
	if (strlen(file) >= sizeof(kept))
		return -ENAMETOOLONG;
	strcpy(kept, file);
	return 0;
}

/* Sleeps until the kernel's clock, by which its ticks come, is a multiple of NS. */
static int step_align(uint64_t ns)
{
	struct timespec now;
	uint64_t until;

	clock_gettime(CLOCK_MONOTONIC, &now);
	until = ((uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec) / ns * ns + ns;
	now = (struct timespec){ (time_t)(until / NSEC_PER_SEC), (long)(until % NSEC_PER_SEC) };
	return -clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &now, NULL);
}

/* Reads the plan and checks its version. Returns 0 or a negative errno. */
static int open_plan(void)
{
	struct step step;
	int err;

	err = plan_read(PLAN_FILE);
	if (err)
		return err;
	if (plan_next(&step) != 1 || step.kind != STEP_VERSION)
		return -EINVAL;
	return step.version == PLAN_VERSION ? 0 : -EPROTONOSUPPORT;
}

/* Leaves the run for the collect phase, if that is not where we are. */
static void give_up(void)
{
	if (stage == STAGE_RUN)
		stage = STAGE_SKIP;
	deadline = CLOCK_NEVER;
}

/* Unpacks the payload and goes on with the plan in it. */
static int step_payload(uint64_t addr, uint64_t size)
{
	int err;

	payload_mark();
	err = payload_unpack(addr, size);
	if (err)
		return err;
	channel_close();
	err = open_plan();
	if (err) {
		/* The text of this step is gone with the plan it stood in. */
		report_fail(0, -err, PLAN_FILE);
		give_up();
	}
	return 0;
}

/* Returns 0, a negative errno, or TASKS_TIMEOUT. */
static int carry_out(const struct step *step)
{
	switch (step->kind) {
	case STEP_VERSION:	/* only the first line is one */
		return -EINVAL;
	case STEP_CHANNEL:
		return channel_open(step->region.addr, step->region.size);
	case STEP_PAYLOAD:
		return step_payload(step->region.addr, step->region.size);
	case STEP_MOUNT:
		return step_mount(step->mount.type, step->mount.dir);
	case STEP_DEADLINE:
		return step_deadline(step->ns);
	case STEP_PUT:
		return step_put(step->put.file, step->put.text, O_TRUNC);
	case STEP_ADD:
		return step_put(step->put.file, step->put.text, O_APPEND);
	case STEP_START:
		return step_start(&step->job);
	case STEP_BECOME:
		return step_become(&step->job);
	case STEP_LOAD:
		return step_module(&step->job, true, deadline);
	case STEP_UNLOAD:
		return step_module(&step->job, false, deadline);
	case STEP_WAIT:
		return step_wait(step->name, deadline);
	case STEP_SLEEP:
		return tasks_sleep(clock_now() + step->ns, deadline);
	case STEP_ALIGN:
		return step_align(step->ns);
	case STEP_SPIN:
		return step_spin(step->ns);
	case STEP_PHASE:
		step_phase(step->label);
		return 0;
	case STEP_SAVE:
		return step_copy(step->copy.name, step->copy.file, false);
	case STEP_DRAIN:
		return step_copy(step->copy.name, step->copy.file, true);
	case STEP_KEEP:
		return step_keep(step->file);
	case STEP_INSMOD:
		return step_insmod(step->file);
	case STEP_SAVE_FORMATS:
		return step_save_formats(step->formats.list, step->formats.dir);
	case STEP_CONFINE:
		return guard_confine();
	case STEP_GUARD:
		return guard_begin(step->guard.dir, step->guard.cpus);
	case STEP_UNGUARD:
		return guard_end();
	case STEP_END:
		return 0;
	}
	return -EINVAL;
}

static bool is_collect(const struct step *step)
{
	return step->kind == STEP_PHASE && !strcmp(step->label, COLLECT);
}

static void fail(const struct step *step, int error)
{
	report_fail(step->line, error, step->text);
	give_up();
}

static void time_out(void)
{
	tasks_reap();
	report_timeout(tasks_running());
	give_up();
}

static void run_step(const struct step *step)
{
	int err;

	if (clock_now() >= deadline)
		time_out();
	if (stage == STAGE_SKIP && !is_collect(step))
		return;
	err = carry_out(step);
	if (err == TASKS_TIMEOUT)
		time_out();
	else if (err)
		fail(step, -err);
}

/* Carries out the plan from behind its first line to `end`. */
static void run_plan(void)
{
	struct step step;
	int got;

	while ((got = plan_next(&step)) != 0) {
		if (got < 0) {
			if (stage != STAGE_SKIP)
				fail(&step, -got);
			continue;
		}
		if (step.kind == STEP_END)
			return;
		run_step(&step);
	}
	/* Without its last line the plan may be cut off anywhere. */
	report_fail(0, ENODATA, "end");
}

static void stay_on_cpu0(void)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
}

static void finish(void)
{
	int err;

	tasks_reap();
	report_seal(payload_secrets()->seal);
	err = report_save();
	if (err && err != -ENXIO)
		report_fail(0, -err, "report");
	channel_complete();
	err = *kept ? channel_keep(kept) : 0;
	if (err)
		report_fail(0, -err, kept);
	report_done(clock_now());
	console_drain();
}

int main(int argc, char *argv[])
{
	int err;

	/* On a developer's machine: do not power it off. */
	if (getpid() != 1)
		return argc == 2 && !strcmp(argv[1], "warm-up") ? warm_up() : 1;
	console_init();
	stay_on_cpu0();
	tasks_init();
	err = open_plan();
	if (err)
		report_fail(0, -err, PLAN_FILE);
	else
		run_plan();
	finish();
	reboot(RB_POWER_OFF);
	for (;;)		/* no power-off driver: the harness ends QEMU */
		pause();
}
