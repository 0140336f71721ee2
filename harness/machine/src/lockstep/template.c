/*
 * Stopping at the fork point and forking from there.
 *
 * The guest's init prints a mark when it is ready for its payload. QEMU writes the console inside of cpu_exec(), where the
 * CPUs' thread is an RCU reader, and a process that is forked there could not go on. The fork point is the next place where
 * this thread takes the big lock and is not a reader: in rr_cpu_thread_fn(), after tcg_cpu_exec(). The guest's instructions
 * alone decide where that is.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "boot_limit.h"
#include "child.h"
#include "order.h"
#include "protocol.h"
#include "qemu.h"
#include "touched.h"

/* A call of another architecture would have other numbers. */
#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#error "kernsnap runs on x86-64 and on arm64 hosts"
#endif

/* The mark of the x32 calls of x86-64, __X32_SYSCALL_BIT. */
#define X32_BIT 0x40000000

#define MARK "kernsnap: payload"
#define PROGRAM "qemu-system-"

/* The main loop's, the CPUs' and RCU's. A forked process would lack any other. */
enum { THREADS = 3, MOST_RUNS = 64 };

struct run {
	pid_t pid;
	int pidfd;
	int socket;
};

static int control = -1;
static int console = -1;
static struct memory memory;
static struct run runs[MOST_RUNS];
static int run_count;
static struct sigaction handlers[NSIG];

static ssize_t (*real_writev)(int, const struct iovec *, int);
static int (*real_madvise)(void *, size_t, int);

static const int ending_signals[] = { SIGINT, SIGHUP, SIGTERM };
enum { ENDING_SIGNALS = sizeof(ending_signals) / sizeof(ending_signals[0]) };

/* Ends the process, of which no template can be made. */
static void refuse(const char *reason)
{
	struct hello hello = { .ready = 0 };

	snprintf(hello.reason, sizeof(hello.reason), "%s", reason);
	send(control, &hello, sizeof(hello), MSG_NOSIGNAL);
	_exit(EXIT_FAILURE);
}

/* A template and its runs start no program. Returns whether the host takes the filter that denies it. */
static bool forbid_programs(void)
{
	struct sock_filter steps[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, X32_BIT, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execve, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execveat, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(steps) / sizeof(steps[0]), steps };

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* True if the end of the socket, or anything that comes on it, ends the process at once. */
static void set_async(bool on)
{
	int flags = fcntl(control, F_GETFL);

	fcntl(control, F_SETFL, on ? flags | O_ASYNC : flags & ~O_ASYNC);
}

/*
 * Whoever started the process may end before others who use it. So it ends with the socket, which all who use it hold, and
 * not with its parent.
 */
static void end_with_socket(void)
{
	struct pollfd end = { control, POLLIN, 0 };

	fcntl(control, F_SETOWN, getpid());
	fcntl(control, F_SETSIG, SIGKILL);
	set_async(true);
	if (poll(&end, 1, 0) > 0)
		_exit(EXIT_FAILURE);
	prctl(PR_SET_PDEATHSIG, 0);
}

__attribute__((constructor)) static void template_begin(void)
{
	int nothing;

	order_begin();
	real_writev = dlsym(RTLD_NEXT, "writev");
	real_madvise = dlsym(RTLD_NEXT, "madvise");
	/* The library is also loaded into setpriv(1), which becomes QEMU. */
	if (strncmp(program_invocation_short_name, PROGRAM, strlen(PROGRAM)))
		return;
	boot_limit_begin();
	if (!getenv("LOCKSTEP_TEMPLATE"))
		return;
	control = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
	dup2(nothing, STDIN_FILENO);
	close(nothing);
	end_with_socket();
	if (!forbid_programs())
		refuse("the host does not take a filter of system calls");
}

/* QEMU keeps guest memory out of forked processes (ram_block_add() in system/physmem.c). */
REPLACES int madvise(void *at, size_t size, int advice)
{
	if (advice == MADV_DONTFORK && control >= 0)
		return 0;
	if (!real_madvise)
		real_madvise = dlsym(RTLD_NEXT, "madvise");
	return real_madvise(at, size, advice);
}

/*
 * QEMU's RCU thread trims the heap when it starts (call_rcu_thread() in util/rcu.c). In a forked run, which ends soon, that
 * would take memory out that it needs at once.
 */
REPLACES int malloc_trim(size_t pad)
{
	(void)pad;
	return 0;
}

static void reach(void);

/* QEMU's PL011 writes the console one byte a call. */
static void follow_console(int fd, const struct iovec *part)
{
	static const char mark[] = MARK;
	static size_t matched;

	for (size_t i = 0; i < part->iov_len; i++) {
		char c = ((const char *)part->iov_base)[i];

		if (c != mark[matched])
			matched = 0;
		if (c == mark[matched] && !mark[++matched]) {
			matched = 0;
			console = fd;
			order_at_big_lock = control >= 0 ? reach : NULL;
		}
	}
}

REPLACES ssize_t writev(int fd, const struct iovec *parts, int count)
{
	if (!real_writev)
		real_writev = dlsym(RTLD_NEXT, "writev");
	if (console < 0 && is_cpus())
		for (int i = 0; i < count; i++)
			follow_console(fd, &parts[i]);
	return real_writev(fd, parts, count);
}

static int count_threads(void)
{
	DIR *all = opendir("/proc/self/task");
	struct dirent *entry;
	int count = 0;

	if (!all)
		return 0;
	while ((entry = readdir(all)))
		count += entry->d_name[0] != '.';
	closedir(all);
	return count;
}

static int note_largest(void *block, void *unused)
{
	uint64_t size = qemu.ram_used_length(block);

	(void)unused;
	if (size > memory.size)
		memory = (struct memory){
			qemu.ram_host_addr(block), size, qemu.ram_is_shared(block) ? qemu.ram_fd(block) : -1
		};
	return 0;
}

/* A signal ends the template at once: its main loop, which QEMU's handlers wake, does not run. */
static void take_signals(void)
{
	const struct sigaction end = { .sa_handler = SIG_DFL };

	for (int i = 0; i < ENDING_SIGNALS; i++)
		sigaction(ending_signals[i], &end, &handlers[ending_signals[i]]);
}

static void give_signals_back(void)
{
	for (int i = 0; i < ENDING_SIGNALS; i++)
		sigaction(ending_signals[i], &handlers[ending_signals[i]], NULL);
}

static void finish_run(int i, struct ending ending)
{
	send(runs[i].socket, &ending, sizeof(ending), MSG_NOSIGNAL);
	close(runs[i].socket);
	if (runs[i].pidfd >= 0)
		close(runs[i].pidfd);
	runs[i] = runs[--run_count];
}

static void reap(int i)
{
	struct ending ending = { 0, 0 };

	if (waitpid(runs[i].pid, &ending.status, WNOHANG) == runs[i].pid)
		finish_run(i, ending);
}

/* The new process closes what belongs to its template and to other runs. */
static void leave_template(pid_t template)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != template)
		_exit(EXIT_FAILURE);
	for (int i = 0; i < run_count; i++) {
		close(runs[i].socket);
		close(runs[i].pidfd);
	}
	close(control);
	control = -1;
	give_signals_back();
}

/* Returns true in the new process. */
static bool fork_run(const struct request *request, const int given[GIVEN_COUNT])
{
	pid_t template = getpid(), pid;
	int i = run_count;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		leave_template(template);
		child_become(request, given, &memory, console);
		return true;
	}
	run_count++;
	runs[i] = (struct run){ pid, -1, given[GIVEN_SOCKET] };
	if (pid < 0) {
		finish_run(i, (struct ending){ 0, errno });
	} else {
		runs[i].pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
		if (runs[i].pidfd < 0) {
			int error = errno;

			kill(pid, SIGKILL);
			waitpid(pid, NULL, 0);
			finish_run(i, (struct ending){ 0, error });
		}
	}
	for (int fd = 0; fd < GIVEN_COUNT; fd++)
		if (fd != GIVEN_SOCKET)
			close(given[fd]);
	return false;
}

static bool is_inside(uint64_t at, uint64_t size)
{
	return size && at <= memory.size && size <= memory.size - at;
}

/* Returns true in a new process. */
static bool serve(void)
{
	union {
		char bytes[CMSG_SPACE(GIVEN_COUNT * sizeof(int))];
		struct cmsghdr align;
	} room;
	struct request request;
	struct iovec part = { &request, sizeof(request) };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = room.bytes, .msg_controllen = sizeof(room.bytes)
	};
	int given[GIVEN_COUNT];
	struct cmsghdr *head;
	ssize_t n = recvmsg(control, &message, MSG_CMSG_CLOEXEC);

	if (n < 0 && errno == EINTR)
		return false;
	head = CMSG_FIRSTHDR(&message);
	/* No process wants runs any more, or the message is not from the harness. */
	if (n != sizeof(request) || !head || head->cmsg_type != SCM_RIGHTS || head->cmsg_len != CMSG_LEN(sizeof(given)))
		_exit(EXIT_SUCCESS);
	memcpy(given, CMSG_DATA(head), sizeof(given));
	if (!is_inside(request.channel_at, request.channel_size) || !is_inside(request.payload_at, request.payload_size))
		_exit(EXIT_FAILURE);
	return fork_run(&request, given);
}

/* Holds the big lock. Returns in the forked processes alone. */
static void be_template(void)
{
	struct hello hello = { .ready = 1 };

	touched_begin();
	take_signals();
	set_async(false);
	send(control, &hello, sizeof(hello), MSG_NOSIGNAL);
	for (;;) {
		struct pollfd fds[1 + 2 * MOST_RUNS];
		int count = run_count;

		fds[0] = (struct pollfd){ control, count < MOST_RUNS ? POLLIN : 0, 0 };
		for (int i = 0; i < count; i++) {
			fds[1 + 2 * i] = (struct pollfd){ runs[i].pidfd, POLLIN, 0 };
			fds[2 + 2 * i] = (struct pollfd){ runs[i].socket, POLLIN, 0 };
		}
		if (poll(fds, (nfds_t)(1 + 2 * count), -1) < 0)
			continue;
		for (int i = count - 1; i >= 0; i--) {
			/* A run is killed once; then its own end is awaited. */
			if (fds[2 + 2 * i].revents)
				kill(runs[i].pid, SIGKILL);
			if (fds[1 + 2 * i].revents)
				reap(i);
		}
		if (fds[0].revents && serve())
			return;
	}
}

/*
 * The CPUs' thread is about to take the big lock. At a fork point this does not return in the template; it returns in its forked
 * processes.
 */
static void reach(void)
{
	static char reason[sizeof(((struct hello *)0)->reason)];
	const char *missing = qemu_find();

	if (missing) {
		snprintf(reason, sizeof(reason), "this QEMU does not export `%s`", missing);
		refuse(reason);
	}
	if (*qemu.rcu_reader())
		return;		/* inside of cpu_exec() */
	order_at_big_lock = NULL;
	for (;;) {
		real_mutex_lock(big_lock);
		if (order_is_quiet())
			break;
		real_mutex_unlock(big_lock);
		if (order_loop_waits()) {
			order_at_big_lock = reach;
			return;
		}
		order_let_loop_run();
	}
	qemu.ram_foreach_block(note_largest, NULL);
	if (memory.fd < 0)
		refuse("guest memory is not a shared file");
	if (count_threads() != THREADS) {
		snprintf(reason, sizeof(reason), "QEMU has %d threads at the fork point, not %d", count_threads(), THREADS);
		refuse(reason);
	}
	qemu.rcu_enable_atfork();
	be_template();
}
