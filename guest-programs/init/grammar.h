/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The grammar: which words follow which step, and what they mean. */
#ifndef KERNSNAP_GRAMMAR_H
#define KERNSNAP_GRAMMAR_H

#include "plan.h"

/*
 * Parses LINE, cutting it into words, and fills in STEP's kind and operands,
 * which then point into LINE. Returns 1 or a negative errno as plan_next() does.
 */
int grammar_parse(char *line, struct step *step);

#endif
