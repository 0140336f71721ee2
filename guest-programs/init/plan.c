// SPDX-License-Identifier: MIT OR Apache-2.0
/* The plan: lines and words. What the words of a step mean is in grammar.c. */
#define _GNU_SOURCE
#include "plan.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "grammar.h"

static char plan[PLAN_BYTES_MAX + 1];
static char *next_line = plan;
static unsigned int line_number;

int plan_read(const char *file)
{
	size_t len = 0;
	ssize_t n;
	int err = 0;
	int fd = open(file, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	while ((n = read(fd, plan + len, sizeof(plan) - len)) > 0)
		len += (size_t)n;
	if (n < 0)
		err = -errno;
	else if (len > PLAN_BYTES_MAX)
		err = -EFBIG;
	else
		plan[len] = '\0';
	close(fd);
	next_line = plan;
	line_number = 0;
	return err;
}

/* Cuts off and returns the next line, or NULL at the end. */
static char *take_line(void)
{
	char *line = next_line;
	char *end;

	if (!*line)
		return NULL;
	end = strchrnul(line, '\n');
	next_line = *end ? end + 1 : end;
	*end = '\0';
	line_number++;
	return line;
}

int plan_next(struct step *step)
{
	/* Parsing cuts words off; the line itself is still to be reported. */
	static char words[LINE_BYTES_MAX + 1];
	char *line;
	size_t len;

	do
		line = take_line();
	while (line && (*line == '\0' || *line == '#'));
	if (!line)
		return 0;
	memset(step, 0, sizeof(*step));
	step->line = line_number;
	step->text = line;
	len = strlen(line);
	if (len > LINE_BYTES_MAX)
		return -E2BIG;
	memcpy(words, line, len + 1);
	return grammar_parse(words, step);
}
