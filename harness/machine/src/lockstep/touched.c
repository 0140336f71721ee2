/* Reading which pages a process has of its own, and asking for them. */
#define _GNU_SOURCE
#include "touched.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

/* include/uapi/asm-generic/mman-common.h, since Linux 5.14. Older hosts refuse it. */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* Documentation/admin-guide/mm/pagemap.rst */
#define PRESENT (1ull << 63)
#define OF_FILE (1ull << 61)
#define EXCLUSIVE (1ull << 56)

/* A page between two others is taken with them. */
enum { MOST_RANGES = 2000, GAP_PAGES = 1, ENTRIES = 512 };
enum state { NOTHING, BEING_MADE, MADE };

struct range {
	uintptr_t at, end;
};

/* It is shared by the template and all of its runs. */
struct note {
	_Atomic int state;
	int count;
	struct range ranges[MOST_RANGES];
};

static struct note *note;
/* Ranges that this process has noted. */
static int noted;

void touched_begin(void)
{
	void *place = mmap(NULL, sizeof(*note), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	note = place == MAP_FAILED ? NULL : place;
}

void touched_take(void)
{
	if (!note || note->state != MADE)
		return;
	/* Every run can write to the note: its count is not trusted. */
	for (int i = 0; i < note->count && i < MOST_RANGES; i++) {
		struct range range = note->ranges[i];

		/* Fails where the heap is not that large yet, and on hosts that do not have it. */
		madvise((void *)range.at, range.end - range.at, MADV_POPULATE_WRITE);
	}
}

static void add_page(uintptr_t at, uintptr_t size, uintptr_t mapping)
{
	struct range *last = noted ? &note->ranges[noted - 1] : NULL;

	if (last && last->end >= mapping && at - last->end <= GAP_PAGES * size)
		last->end = at + size;
	else if (noted < MOST_RANGES)
		note->ranges[noted++] = (struct range){ at, at + size };
}

/* Adds the pages of a mapping that this process has alone. */
static void add_mapping(int pagemap, uintptr_t at, uintptr_t end)
{
	const uintptr_t size = (uintptr_t)sysconf(_SC_PAGESIZE), mapping = at;
	uint64_t entries[ENTRIES];

	while (at < end) {
		size_t count = (end - at) / size < ENTRIES ? (end - at) / size : ENTRIES;
		ssize_t n = pread(pagemap, entries, count * sizeof(*entries), (off_t)(at / size * sizeof(*entries)));

		if (n < (ssize_t)sizeof(*entries))
			return;
		for (size_t i = 0; i < (size_t)n / sizeof(*entries); i++, at += size)
			if ((entries[i] & (PRESENT | OF_FILE | EXCLUSIVE)) == (PRESENT | EXCLUSIVE))
				add_page(at, size, mapping);
	}
}

void touched_note(void)
{
	int expected = NOTHING, pagemap;
	char line[512], kind[5];
	uintptr_t at, end;
	FILE *maps;

	if (!note || !atomic_compare_exchange_strong(&note->state, &expected, BEING_MADE))
		return;
	maps = fopen("/proc/self/maps", "re");
	pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	while (maps && pagemap >= 0 && fgets(line, sizeof(line), maps))
		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s", &at, &end, kind) == 3 && kind[1] == 'w' && kind[3] == 'p')
			add_mapping(pagemap, at, end);
	if (maps)
		fclose(maps);
	if (pagemap >= 0)
		close(pagemap);
	note->count = noted;
	note->state = MADE;
}
