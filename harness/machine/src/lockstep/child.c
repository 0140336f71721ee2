/* Becoming a machine of one's own. */
#define _GNU_SOURCE
#include "child.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "order.h"
#include "qemu.h"
#include "touched.h"

#define EVENT_LINK "anon_inode:[eventfd]"
#define EVENT_COUNT "eventfd-count:"

/* The harness sees the line in the log, and the end of the process. */
static void give_up(const char *what)
{
	dprintf(STDERR_FILENO, "lockstep: cannot go on after the fork: %s: %s\n", what, strerror(errno));
	_exit(EXIT_FAILURE);
}

static bool is_event(int dir, const char *name)
{
	char link[sizeof(EVENT_LINK) + 1];
	ssize_t n = readlinkat(dir, name, link, sizeof(link));

	return n == (ssize_t)strlen(EVENT_LINK) && !memcmp(link, EVENT_LINK, (size_t)n);
}

static unsigned int event_count(int fd)
{
	char text[512], path[64];
	unsigned int count = 0;
	const char *at;
	ssize_t n;
	int info;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info = open(path, O_RDONLY | O_CLOEXEC);
	n = info < 0 ? -1 : read(info, text, sizeof(text) - 1);
	if (n < 0)
		give_up(path);
	close(info);
	text[n] = '\0';
	at = strstr(text, EVENT_COUNT);
	if (!at || sscanf(at + strlen(EVENT_COUNT), "%x", &count) != 1)
		give_up(path);
	return count;
}

/* Event descriptors are shared after a fork. This process needs its own, with the same counts and numbers. */
static void renew_events(void)
{
	DIR *all = opendir("/proc/self/fd");
	struct dirent *entry;

	if (!all)
		give_up("/proc/self/fd");
	while ((entry = readdir(all))) {
		int fd = atoi(entry->d_name), flags, fresh;

		if (!is_event(dirfd(all), entry->d_name))
			continue;
		flags = fcntl(fd, F_GETFL) & O_NONBLOCK ? EFD_NONBLOCK : 0;
		fresh = eventfd(event_count(fd), EFD_CLOEXEC | flags);
		if (fresh < 0 || dup3(fresh, fd, O_CLOEXEC) < 0)
			give_up("eventfd");
		close(fresh);
	}
	closedir(all);
}

static void map(char *at, uint64_t size, int kind, int fd)
{
	if (mmap(at, size, PROT_READ | PROT_WRITE, kind | MAP_FIXED | MAP_NORESERVE, fd, 0) == MAP_FAILED)
		give_up("mmap");
}

static void replace(int fd, int by, int flags)
{
	if (dup3(by, fd, flags) < 0)
		give_up("dup3");
}

/* The thread-local storage of the program itself, in the calling thread. */
struct storage {
	char *at;
	size_t size;
};

static int find_storage(struct dl_phdr_info *info, size_t size, void *found)
{
	struct storage *storage = found;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_TLS)
			*storage = (struct storage){ info->dlpi_tls_data, info->dlpi_phdr[i].p_memsz };
	return 1;	/* the first object is the program */
}

/*
 * Takes over what QEMU keeps for its main loop's thread: its AioContext, and its generator of random numbers, which -seed
 * has seeded. The thread did not survive the fork, but its memory did. The program's own storage is at the same distance
 * from each thread's descriptor.
 */
static void take_over(pthread_t from)
{
	struct storage own = { NULL, 0 };

	dl_iterate_phdr(find_storage, &own);
	if (!own.at)
		give_up("thread-local storage");
	memcpy(own.at, (char *)from - ((char *)pthread_self() - own.at), own.size);
}

/* As qemu_default_main() and main() do it. */
static void *run_loop(void *unused)
{
	sigset_t signals;
	int status;

	(void)unused;
	take_over(loop);
	loop = pthread_self();
	qemu.rcu_register_thread();
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGTERM);
	pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
	qemu.lock(__FILE__, __LINE__);
	status = qemu.main_loop();
	touched_note();
	qemu.cleanup(status);
	qemu.unlock();
	exit(status);
}

void child_become(const struct request *request, const int given[GIVEN_COUNT], const struct memory *memory, int console)
{
	pthread_t thread;

	replace(STDOUT_FILENO, given[GIVEN_LOG], 0);
	replace(STDERR_FILENO, given[GIVEN_LOG], 0);
	replace(console, given[GIVEN_CONSOLE], O_CLOEXEC);
	/* The template runs no further, so its memory is read-only from here on. */
	map(memory->at, memory->size, MAP_PRIVATE, memory->fd);
	map(memory->at + request->channel_at, request->channel_size, MAP_SHARED, given[GIVEN_CHANNEL]);
	map(memory->at + request->payload_at, request->payload_size, MAP_PRIVATE, given[GIVEN_PAYLOAD]);
	for (int i = 0; i < GIVEN_COUNT; i++)
		close(given[i]);
	renew_events();
	touched_take();
	order_restart();
	if (pthread_create(&thread, NULL, run_loop, NULL))
		give_up("pthread_create");
	pthread_detach(thread);
	real_mutex_unlock(big_lock);
	/* The guest goes on when its main loop is where the template's was. */
	order_await_loop();
}
