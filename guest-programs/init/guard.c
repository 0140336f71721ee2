// SPDX-License-Identifier: MIT OR Apache-2.0
/* Marks in the trace, settings that are compared, and programs that cannot reach init. */
#define _GNU_SOURCE
#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "clock.h"
#include "crc32.h"
#include "mounts.h"
#include "payload.h"
#include "report.h"
#include "tasks.h"

/* include/uapi/linux/capability.h */
#define CAP_SYS_RAWIO 17
#define CAP_SYS_PTRACE 19

#define HELPERS "/proc/sys/kernel/usermodehelper/bset"

/*
 * The files that decide what is recorded. Those that list functions are not among them: the kernel goes through all of its
 * functions to show them, 2 ms of guest time. An absolute path is a file outside of tracefs.
 */
static const char *const settings[] = {
	"buffer_size_kb", "current_tracer", "kprobe_events", "set_event", "set_event_pid", "set_ftrace_pid", "trace_clock",
	"trace_options", "tracing_cpumask", "/proc/sys/kernel/ftrace_enabled",
};
enum { SETTINGS = sizeof(settings) / sizeof(settings[0]) };

/* In place of sums. */
enum { ABSENT, UNREADABLE, PIDS };

static char root[PATH_MAX];
static int tracing_on = -1;
static int trace_marker = -1;
static bool has_marks;
static uint32_t noted[SETTINGS];

static int drop(unsigned long capability)
{
	return prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) ? -errno : 0;
}

/* The file holds two words of the set, which can only become smaller: it loses what is in WITHOUT. */
static int narrow_helpers(unsigned long without)
{
	char text[64];
	unsigned long low, high;
	ssize_t n;
	int err = 0, len, fd = mounts_open(HELPERS, O_RDWR);

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	n = read(fd, text, sizeof(text) - 1);
	text[n < 0 ? 0 : n] = '\0';
	if (sscanf(text, "%lu %lu", &low, &high) != 2) {
		close(fd);
		return -EIO;
	}
	low &= ~without;
	len = snprintf(text, sizeof(text), "%lu %lu\n", low, high);
	if (pwrite(fd, text, (size_t)len, 0) != len)
		err = -errno;
	close(fd);
	return err;
}

static int confine_caller(void)
{
	int err = drop(CAP_SYS_RAWIO);

	if (!err)
		err = drop(CAP_SYS_PTRACE);
	/* Its memory is closed to every task without CAP_SYS_PTRACE, root's included. */
	if (!err && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		err = -errno;
	return err;
}

int guard_confine(void)
{
	int err = confine_caller();

	return err ? err : narrow_helpers(1ul << CAP_SYS_RAWIO | 1ul << CAP_SYS_PTRACE);
}

int guard_rehearse(void)
{
	int err = confine_caller();

	return err ? err : narrow_helpers(0);
}

static int open_in_tracefs(const char *name, int flags)
{
	char path[PATH_MAX + 64];

	if (*name == '/')
		return mounts_open(name, flags);
	snprintf(path, sizeof(path), "%s/%s", root, name);
	return mounts_open(path, flags);
}

/* The kernel itself adds and removes pids while tasks fork and end (the options event-fork and function-fork). */
static bool lists_pids(const char *name, const char *text)
{
	return *text >= '0' && *text <= '9' && strstr(name, "_pid");
}

/* A sum of the file's text, or a number for any list of pids, or for a file that does not exist. */
static uint32_t sum_file(const char *name)
{
	static uint64_t part[512];
	uint32_t sum = crc32_begin();
	ssize_t n;
	int fd = open_in_tracefs(name, O_RDONLY);

	if (fd < 0)
		return errno == ENOENT ? ABSENT : UNREADABLE;
	while ((n = read(fd, part, sizeof(part))) > 0) {
		memset((char *)part + n, 0, -(size_t)n % sizeof(part[0]));
		if (lists_pids(name, (const char *)part)) {
			close(fd);
			return PIDS;
		}
		for (ssize_t i = 0; i < n; i += (ssize_t)sizeof(part[0]))
			sum = crc32_word(sum, part[i / (ssize_t)sizeof(part[0])]);
	}
	close(fd);
	return crc32_end(sum);
}

static void note_settings(void)
{
	for (int i = 0; i < SETTINGS; i++)
		noted[i] = sum_file(settings[i]);
}

static void compare_settings(void)
{
	for (int i = 0; i < SETTINGS; i++)
		if (sum_file(settings[i]) != noted[i])
			report_changed(settings[i]);
}

static int write_text(int fd, const char *text)
{
	size_t len = strlen(text);

	return write(fd, text, len) == (ssize_t)len ? 0 : -errno;
}

static int mark(uint64_t secret)
{
	char text[64];
	int err = write_text(tracing_on, "1"), off;

	snprintf(text, sizeof(text), "kernsnap %016" PRIx64 " %" PRIu64 "\n", secret, clock_now());
	if (!err)
		err = write_text(trace_marker, text);
	off = write_text(tracing_on, "0");
	return err ? err : off;
}

static int stay_on(unsigned int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	return sched_setaffinity(0, sizeof(cpus), &cpus) ? -errno : 0;
}

int guard_begin(const char *dir, unsigned int cpus)
{
	int err = 0;

	if (tracing_on >= 0)
		return -EBUSY;
	if (strlen(dir) >= sizeof(root))
		return -ENAMETOOLONG;
	strcpy(root, dir);
	tracing_on = open_in_tracefs("tracing_on", O_WRONLY);
	trace_marker = open_in_tracefs("trace_marker", O_WRONLY);
	if (tracing_on < 0 || trace_marker < 0)
		return -errno;
	note_settings();
	has_marks = cpus > 0;
	for (unsigned int cpu = cpus; cpu-- && !err;) {
		err = stay_on(cpu);
		if (!err)
			err = mark(payload_secrets()->begin);
	}
	report_guard("begin", clock_now());
	return err;
}

int guard_end(void)
{
	if (tracing_on < 0)
		return -EINVAL;
	report_guard("end", clock_now());
	tasks_end_all();
	compare_settings();
	return has_marks ? mark(payload_secrets()->end) : 0;
}

/* Programs switch tracing on and off as they like. */
static bool is_setting(const char *file)
{
	size_t len = strlen(root);

	return tracing_on >= 0 && !strncmp(file, root, len) && strcmp(file + len, "/tracing_on");
}

void guard_before_write(const char *file)
{
	if (is_setting(file))
		compare_settings();
}

void guard_after_write(const char *file)
{
	if (is_setting(file))
		note_settings();
}
