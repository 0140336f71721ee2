/*
 * Loaded into QEMU (LD_PRELOAD), so that its CPUs and its main loop take turns.
 *
 * With -icount, QEMU runs all guest CPUs in one thread, and devices' bottom halves and the jump over idle time in another,
 * its main loop. The first wakes the second at each timer, and goes on without waiting for it. How soon the main loop runs
 * is up to the host, and it may find the CPUs just gone idle whose instructions are not yet counted: it then jumps too far
 * (icount_start_warp_timer() in accel/tcg/icount-common.c), and the guest's clock tells how busy the host was.
 *
 * Here the CPUs' thread waits, where it next takes QEMU's big lock, until the main loop has done what it was woken for. That
 * place is given by the guest's instructions, so the main loop's turns are a part of the guest's own order.
 */
#define _GNU_SOURCE
#include "order.h"

#include "confine.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_FDS = 64, MOST_LOOKS = 40, LOOK_US = 50, WORST_US = 500, ONE_OF = 4 };

/* What the harness looks for in QEMU's log: without it the threads were not ordered. */
static const char in_effect[] = "lockstep: the main loop and the CPUs take turns\n";

int (*real_mutex_lock)(pthread_mutex_t *);
int (*real_mutex_unlock)(pthread_mutex_t *);
int (*real_cond_wait)(pthread_cond_t *, pthread_mutex_t *);
static int (*real_ppoll)(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *);
static ssize_t (*real_write)(int, const void *, size_t);
static void (*real_siglongjmp)(sigjmp_buf, int) __attribute__((noreturn));
static void (*real_longjmp_chk)(struct __jmp_buf_tag *, int) __attribute__((noreturn));

void (*order_at_big_lock)(void);

/* QEMU's first thread. */
pthread_t loop;
/* The thread of the CPUs, which waits for its start with the big lock, and that lock. */
static pthread_t cpus;
pthread_mutex_t *_Atomic big_lock;
/* A thread may have woken the main loop. */
static atomic_bool woken;
/* True if the main loop is to run when it does most harm, to try the order; and whether it waits for that time. */
static bool adverse;
static atomic_bool lurks;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static _Atomic enum { RUNS, WAITS, POLLS } state;
static struct pollfd polled[MOST_FDS];
static nfds_t polled_fds;

/* Other libraries' constructors may come first: whoever is called begins. */
__attribute__((constructor)) void order_begin(void)
{
	if (real_write)
		return;
	loop = pthread_self();
	real_mutex_lock = dlsym(RTLD_NEXT, "pthread_mutex_lock");
	real_mutex_unlock = dlsym(RTLD_NEXT, "pthread_mutex_unlock");
	real_cond_wait = dlsym(RTLD_NEXT, "pthread_cond_wait");
	real_ppoll = dlsym(RTLD_NEXT, "ppoll");
	real_siglongjmp = dlsym(RTLD_NEXT, "siglongjmp");
	real_longjmp_chk = dlsym(RTLD_NEXT, "__longjmp_chk");
	real_write = dlsym(RTLD_NEXT, "write");
	adverse = getenv("LOCKSTEP_ADVERSE");
}

static bool is_loop(void)
{
	return pthread_equal(pthread_self(), loop);
}

bool is_cpus(void)
{
	return big_lock && pthread_equal(pthread_self(), cpus);
}

/* The main loop, awake, waits for a CPU that leaves the guest's code: most often one that goes idle. */
static void wait_for_worst_time(void)
{
	if (!adverse)
		return;
	lurks = true;
	for (int looks = 0; lurks && looks < MOST_LOOKS; looks++)
		usleep(LOOK_US);
	lurks = false;
}

/* The main loop's state, and what it polls where it does. */
static void becomes(int next, const struct pollfd *fds, nfds_t count)
{
	real_mutex_lock(&mutex);
	if (count)
		memcpy(polled, fds, count * sizeof(*fds));
	polled_fds = count;
	state = next;
	pthread_cond_broadcast(&changed);
	real_mutex_unlock(&mutex);
}

/* True if the log has the line already. */
static bool told;

static void let_loop_run(void)
{
	if (!atomic_exchange(&woken, false) && state != RUNS)
		return;
	real_mutex_lock(&mutex);
	while (state == RUNS || (state == POLLS && poll(polled, polled_fds, 0) > 0))
		real_cond_wait(&changed, &mutex);
	real_mutex_unlock(&mutex);
	if (!told)
		told = real_write(STDERR_FILENO, in_effect, sizeof(in_effect) - 1) > 0;
}

bool order_is_quiet(void)
{
	bool quiet;

	real_mutex_lock(&mutex);
	quiet = state == POLLS && poll(polled, polled_fds, 0) == 0;
	real_mutex_unlock(&mutex);
	return quiet;
}

bool order_loop_waits(void)
{
	return state == WAITS;
}

void order_let_loop_run(void)
{
	woken = true;
	let_loop_run();
}

void order_restart(void)
{
	pthread_mutex_init(&mutex, NULL);
	pthread_cond_init(&changed, NULL);
	state = RUNS;
	polled_fds = 0;
	lurks = false;
	told = false;
}

void order_await_loop(void)
{
	real_mutex_lock(&mutex);
	while (state == RUNS)
		real_cond_wait(&changed, &mutex);
	real_mutex_unlock(&mutex);
}

/* As QEMU itself says. In a QEMU that does not export this, the first other thread that waits for a condition holds it. */
static bool holds_big_lock(void)
{
	bool (*says)(void) = (bool (*)(void))dlsym(RTLD_DEFAULT, "bql_locked");

	if (!says)		/* before QEMU 9.0 */
		says = (bool (*)(void))dlsym(RTLD_DEFAULT, "qemu_mutex_iothread_locked");
	return !says || says();
}

REPLACES int pthread_mutex_lock(pthread_mutex_t *lock)
{
	order_begin();
	confine_thread();
	if (lock == big_lock && is_cpus())
		let_loop_run();
	if (order_at_big_lock && lock == big_lock && is_cpus())
		order_at_big_lock();
	return real_mutex_lock(lock);
}

REPLACES int pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *lock)
{
	int result;

	order_begin();
	if (is_loop()) {
		becomes(WAITS, NULL, 0);
		result = real_cond_wait(condition, lock);
		becomes(RUNS, NULL, 0);
		return result;
	}
	if (!big_lock && holds_big_lock()) {
		cpus = pthread_self();
		big_lock = lock;
	}
	result = real_cond_wait(condition, lock);
	if (lock == big_lock && is_cpus()) {
		/* The machine starts: QEMU has opened all of its files. */
		confine_from_now();
		confine_thread();
		/* It comes back with the lock. The main loop that woke it may not be done. */
		real_mutex_unlock(lock);
		let_loop_run();
		real_mutex_lock(lock);
	}
	return result;
}

REPLACES int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *signals)
{
	bool blocks = !timeout || timeout->tv_sec || timeout->tv_nsec;
	int result;

	order_begin();
	confine_thread();
	if (!is_loop())
		return real_ppoll(fds, count, timeout, signals);
	if (blocks && count <= MOST_FDS)
		becomes(POLLS, fds, count);
	result = real_ppoll(fds, count, timeout, signals);
	becomes(RUNS, NULL, 0);
	wait_for_worst_time();
	return result;
}

/* An event file descriptor takes eight bytes (eventfd(2)): this is how QEMU's threads wake its main loop. */
REPLACES ssize_t write(int fd, const void *bytes, size_t count)
{
	ssize_t result;

	order_begin();
	result = real_write(fd, bytes, count);
	if (count == sizeof(uint64_t) && !is_loop())
		woken = true;
	return result;
}

/*
 * How a CPU leaves the guest's code (cpu_loop_exit() in accel/tcg/cpu-exec-common.c), as when it goes idle: here it is idle,
 * and its instructions are not yet counted.
 */
static void leaves_guest(void)
{
	static unsigned int times;

	if (lurks && is_cpus() && ++times % ONE_OF == 0) {
		lurks = false;
		usleep(WORST_US);
	}
}

REPLACES void siglongjmp(sigjmp_buf environment, int value)
{
	order_begin();
	leaves_guest();
	real_siglongjmp(environment, value);
}

/* The same in programs that are compiled with _FORTIFY_SOURCE. */
REPLACES void __longjmp_chk(struct __jmp_buf_tag *environment, int value)
{
	order_begin();
	leaves_guest();
	real_longjmp_chk(environment, value);
}
