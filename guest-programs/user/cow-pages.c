// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * cow-pages: parent and child write to memory after a fork, and some writes
 * copy.
 *
 * A parent fills two private pages and one shared page and forks. The child
 * reads the private pages, writes to them, and writes to the shared page. When
 * the child is gone, the parent writes to the private pages again. A marker
 * comes before each of these steps, and a marker at the end records which of
 * the child's writes the parent sees.
 *
 * The pages have fixed addresses, so that a trace can distinguish their faults
 * from others. The fork itself and the preparations of parent and child are not
 * traced: after a fork the first step of each process also copies its stack.
 *
 * Run it pinned to one CPU: a page that another CPU has just allocated is in
 * that CPU's pagevec, which is one more user of the page.
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>

#include "guest.h"

#define PAGE	0x1000
#define PAGES	2

/*
 * One page table has the entries of all pages; the first access creates it.
 * These are constants, because variables would be on pages of their own.
 */
#define PRIVATE	((volatile char *)0x10000000)
#define SHARED	((volatile char *)0x10010000)

static void map(volatile char *at, size_t size, int flags)
{
	check(mmap((void *)at, size, PROT_READ | PROT_WRITE,
		   flags | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == at);
}

static void read_private(char expected)
{
	for (int i = 0; i < PAGES; i++)
		check(PRIVATE[i * PAGE] == expected);
}

static void write_private(char value)
{
	for (int i = 0; i < PAGES; i++)
		PRIVATE[i * PAGE] = value;
}

static _Noreturn void child(void)
{
	/* After this the child has its own copy of the stack. */
	wait_until_asleep(getppid());
	trace_on();
	trace_mark("child-reads");
	read_private('p');
	trace_mark("child-writes");
	write_private('c');
	trace_mark("child-writes-shared");
	*SHARED = 'c';
	trace_mark("child-done");
	trace_off();
	_exit(0);
}

int main(void)
{
	pid_t pid;

	guest_init();
	map(PRIVATE, PAGES * PAGE, MAP_PRIVATE);
	map(SHARED, PAGE, MAP_SHARED);
	*SHARED = 'p';

	trace_on();
	trace_mark("parent-touches");
	write_private('p');
	trace_off();

	pid = fork();
	if (pid == 0)
		child();
	check(pid > 0);
	check(wait_for(pid) == 0);

	trace_on();
	read_private('p');
	trace_mark(*SHARED == 'c' ? "parent-sees:shared"
				  : "parent-sees:nothing");
	trace_mark("parent-writes");
	write_private('q');
	trace_mark("parent-done");
	trace_off();
	_exit(0);
}
