// SPDX-License-Identifier: MIT OR Apache-2.0
/* The report: lines gathered in memory, some of them shown on the console. */
#define _GNU_SOURCE
#include "report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "channel.h"
#include "console.h"

#define PREFIX "kernsnap: "
/* Longest line: a fail line holding a whole step. */
#define LINE_BYTES 2048

enum {
	TO_REPORT = 1,
	TO_CONSOLE = 2,
	TO_BOTH = TO_REPORT | TO_CONSOLE,
};

static char lines[REPORT_MAX];
static size_t lines_len;

static void remember(const char *line, size_t len)
{
	if (len > REPORT_MAX - lines_len)
		return;
	memcpy(lines + lines_len, line, len);
	lines_len += len;
}

/* Formats one line, without its end, and hands it on. */
__attribute__((format(printf, 2, 3)))
static void tell(int where, const char *format, ...)
{
	char line[LINE_BYTES] = PREFIX;
	size_t len = strlen(PREFIX);
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line + len, sizeof(line) - len, format, args);
	va_end(args);
	if (n < 0)
		return;
	len += (size_t)n;
	if (len > sizeof(line) - 1)
		len = sizeof(line) - 1;
	line[len++] = '\n';
	if (where & TO_REPORT)
		remember(line + strlen(PREFIX), len - strlen(PREFIX));
	if (where & TO_CONSOLE)
		console_write(line, len);
}

void report_task(const char *name, pid_t pid)
{
	tell(TO_REPORT, "task %s pid=%d", name, (int)pid);
}

void report_exit(const char *name, int status)
{
	tell(TO_REPORT, "exit %s status=0x%x", name, (unsigned int)status);
}

void report_phase(const char *label, uint64_t ns)
{
	tell(TO_BOTH, "phase %s ns=%" PRIu64, label, ns);
}

void report_fail(unsigned int line, int error, const char *step)
{
	const char *name = strerrorname_np(error);

	tell(TO_BOTH, "fail line=%u errno=%d %s %s", line, error,
	     name ? name : "EUNKNOWN", step);
}

void report_timeout(const char *names)
{
	tell(TO_BOTH, "timeout%s", names);
}

void report_changed(const char *setting)
{
	tell(TO_REPORT, "changed %s", setting);
}

void report_guard(const char *which, uint64_t ns)
{
	tell(TO_REPORT, "guard %s ns=%" PRIu64, which, ns);
}

void report_seal(uint64_t secret)
{
	tell(TO_REPORT, "seal %016" PRIx64, secret);
}

void report_done(uint64_t ns)
{
	tell(TO_CONSOLE, "done ns=%" PRIu64, ns);
}

int report_save(void)
{
	return channel_write("report", lines, lines_len);
}
