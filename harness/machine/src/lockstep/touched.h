/*
 * The memory that runs write to. A forked process shares its template's pages until it writes to them, and each first write is a
 * page fault: 3,500 of a small run, a quarter of its time. Runs of a template write to much the same pages, so the first one notes
 * them when it ends, and the later ones take copies of them together before they begin.
 *
 * Only time depends on it: a page has the same bytes whenever it is copied.
 */
#ifndef KERNSNAP_TOUCHED_H
#define KERNSNAP_TOUCHED_H

/* In the template, before its first fork: makes the place for the note. Without memory there is none. */
void touched_begin(void);

/* In a run, before its guest goes on: takes the pages of the note, if there is one by now. */
void touched_take(void);

/* In a run, when its guest is off: makes the note, if there is none. */
void touched_note(void);

#endif
