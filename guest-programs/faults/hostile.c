// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Forks a child while the trace is on, and then does its best to hide that: each argument names something that a hostile program
 * may do. After `daemon`, the rest is done in the background while the first process ends as if nothing were wrong; after `late`, some
 * time later. As `helper` of the kernel, it tries with the rights that the kernel gives it.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"

#define TRACEFS "/sys/kernel/tracing/"
/* Where the channel of the Raspberry Pi 3 is (images/boards/raspi3b.yaml). */
#define CHANNEL 0xc000000

static void put(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY | O_TRUNC);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		errno = 0;
	close(fd);
}

static void trace_put(const char *file, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), TRACEFS "%s", file);
	put(path, text);
}

static void say(const char *text)
{
	if (write(STDERR_FILENO, text, strlen(text)) < 0)
		errno = 0;
}

static void empty(void)
{
	trace_put("trace", "");
}

static void empty_cpu(void)
{
	trace_put("per_cpu/cpu1/trace", "");
}

static void empty_and_mark(void)
{
	char pages[4096], *mark;
	int fd = open(TRACEFS "trace", O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, pages, sizeof(pages) - 1);

	pages[n < 0 ? 0 : n] = '\0';
	empty();
	mark = strstr(pages, "kernsnap ");
	if (mark)
		trace_put("trace_marker", mark);
}

static void consume(void)
{
	static char pages[65536];
	int fd;

	for (int cpu = 0; cpu < 4; cpu++) {
		snprintf(pages, sizeof(pages), TRACEFS "per_cpu/cpu%d/trace_pipe_raw", cpu);
		fd = open(pages, O_RDONLY | O_NONBLOCK);
		while (fd >= 0 && read(fd, pages, sizeof(pages)) > 0)
			;
	}
}

static void mount_over(void)
{
	mount("ramfs", TRACEFS, "ramfs", 0, NULL);
	mkdir(TRACEFS "per_cpu", 0755);
	for (int cpu = 0; cpu < 4; cpu++) {
		char path[128];

		snprintf(path, sizeof(path), TRACEFS "per_cpu/cpu%d", cpu);
		mkdir(path, 0755);
		for (int i = 0; i < 2; i++) {
			snprintf(path, sizeof(path), TRACEFS "per_cpu/cpu%d/%s", cpu, i ? "stats" : "trace_pipe_raw");
			close(open(path, O_CREAT | O_WRONLY, 0644));
		}
		put(path, "entries: 0\nread events: 0\n");
	}
	close(open(TRACEFS "saved_cmdlines", O_CREAT | O_WRONLY, 0644));
	close(open(TRACEFS "tracing_on", O_CREAT | O_WRONLY, 0644));
}

static void mount_over_pages(void)
{
	mount("tmpfs", TRACEFS "per_cpu", "tmpfs", 0, NULL);
}

static void bind_pages(void)
{
	mount("/dev/null", TRACEFS "per_cpu/cpu1/trace_pipe_raw", NULL, MS_BIND, NULL);
}

static void mount_over_all(void)
{
	mount("ramfs", "/sys", "ramfs", 0, NULL);
	mount("ramfs", "/proc", "ramfs", 0, NULL);
	mount("ramfs", "/", "ramfs", 0, NULL);
}

static void unmount(void)
{
	umount2(TRACEFS, MNT_DETACH);
	umount2("/sys", MNT_DETACH);
	umount2("/proc", MNT_DETACH);
	umount2("/dev", MNT_DETACH);
}

static void change_clock(void)
{
	trace_put("trace_clock", "counter");
}

static void tracing_off(void)
{
	trace_put("tracing_on", "0");
}

static void change_tracer(void)
{
	trace_put("current_tracer", "nop");
}

static void forget_events(void)
{
	trace_put("set_event", "");
}

static void shrink(void)
{
	trace_put("buffer_size_kb", "4");
}

static void give_up_buffer(void)
{
	int fd = open(TRACEFS "free_buffer", O_WRONLY);

	if (fd >= 0)
		close(fd);
}

static void mask(void)
{
	trace_put("tracing_cpumask", "0");
}

static void change_options(void)
{
	trace_put("trace_options", "nooverwrite");
	trace_put("options/event-fork", "1");
}

static void write_channel(int mem)
{
	/* A header that says: complete, and nothing in it. */
	static const uint64_t header[] = { 0x31484350414e534bull, 0, 0x100000000ull, 0x87c02a15ull, 0, 0, 0, 0 };
	volatile uint64_t *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, mem, CHANNEL);

	if (at == MAP_FAILED)
		return;
	for (size_t i = 0; i < sizeof(header) / sizeof(header[0]); i++)
		at[i] = header[i];
	say("kernsnap: done ns=1000\n");
	reboot(RB_POWER_OFF);
}

static void forge_channel(void)
{
	int mem;

	mknod("/tmp/mem", S_IFCHR | 0600, makedev(1, 1));
	mem = open("/dev/mem", O_RDWR);
	if (mem < 0)
		mem = open("/tmp/mem", O_RDWR);
	if (mem >= 0)
		write_channel(mem);
}

static void use_helper(void)
{
	put("/proc/sys/kernel/core_pattern", "|/bin/hostile helper");
	if (fork() == 0)
		abort();
	wait(NULL);
}

static void write_init(void)
{
	static const char text[64];
	int mem = open("/proc/1/mem", O_RDWR);

	for (off_t at = 0x400000; mem >= 0 && at < 0x500000; at += sizeof(text))
		if (pwrite(mem, text, sizeof(text), at) < 0)
			return;
}

static void trace_init(void)
{
	if (!ptrace(PTRACE_SEIZE, 1, NULL, NULL))
		ptrace(PTRACE_INTERRUPT, 1, NULL, NULL);
}

static void starve_init(void)
{
	const struct rlimit none = { 0, 0 };

	prlimit(1, RLIMIT_NOFILE, &none, NULL);
	prlimit(1, RLIMIT_FSIZE, &none, NULL);
}

static void forge_marks(void)
{
	trace_put("trace_marker", "kernsnap 0000000000000000 1\n");
	say("kernsnap 0000000000000000 1\n");
}

static void forge_end(void)
{
	say("kernsnap: phase collect ns=5\nkernsnap: done ns=9\n[    1.000000] reboot: Power down\n");
}

static void forge_panic(void)
{
	say("Kernel panic - not syncing: forged\n---[ end Kernel panic - not syncing: forged ]---\n");
}

static void forge_results(void)
{
	say("KTAP version 1\n1..1\nok 1 all\n{\"schema\":1,\"verdict\":\"passed\"}\npassed: hostile\n");
}

static void colour(void)
{
	say("\033[2J\033[31mred\033]0;title\a\r\n\xff\xfe\xc2\x9b" "31m\n\xe2\x80\xae reversed\n");
	trace_put("trace_marker", "\033[2J\r\n\xe2\x80\xae");
}

static void rename_self(void)
{
	prctl(PR_SET_NAME, "\033[31m\n\r\xc2\x9b\t|");
}

static void write_log(void)
{
	put("/dev/kmsg", "<0>Kernel panic - not syncing: forged\n");
	put("/dev/kmsg", "<4>\033[31mWARNING: forged\n");
}

static void eat_log(void)
{
	static char text[8192];
	int fd = open("/proc/kmsg", O_RDONLY | O_NONBLOCK);

	while (fd >= 0 && read(fd, text, sizeof(text)) > 0)
		;
}

static void kill_init(void)
{
	kill(1, SIGKILL);
	kill(1, SIGSEGV);
	kill(1, SIGSTOP);
}

static void kill_all(void)
{
	kill(-1, SIGKILL);
}

static void stop_all(void)
{
	kill(-1, SIGSTOP);
	kill(getpid(), SIGSTOP);
}

static void fork_bomb(void)
{
	for (;;)
		fork();
}

static void eat_memory(void)
{
	for (;;) {
		char *at = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (at == MAP_FAILED)
			return;
		memset(at, 1, 1 << 20);
	}
}

static void flood(void)
{
	for (int i = 0; i < 200000; i++)
		trace_put("trace_marker", "flood");
}

static void fill_disk(void)
{
	static char text[1 << 16];
	int fd = open("/tmp/full", O_CREAT | O_WRONLY, 0600);

	while (fd >= 0 && write(fd, text, sizeof(text)) > 0)
		;
}

static void power_off(void)
{
	reboot(RB_POWER_OFF);
}

static void restart(void)
{
	reboot(RB_AUTOBOOT);
}

static void halt(void)
{
	reboot(RB_HALT_SYSTEM);
}

static void sysrq(void)
{
	put("/proc/sysrq-trigger", "o");
	put("/proc/sysrq-trigger", "b");
	put("/proc/sysrq-trigger", "c");
}

static void spin(void)
{
	for (;;)
		;
}

static void hog(void)
{
	const struct sched_param param = { .sched_priority = 99 };

	sched_setscheduler(0, SCHED_FIFO, &param);
	for (int i = 0; i < 4; i++)
		if (fork() == 0)
			spin();
}

static void sleep_on(void)
{
	pause();
}

static void remove_all(void)
{
	unlink("/init");
	unlink("/plan");
	unlink("/dev/mem");
	unlink("/dev/console");
}

static void hide_roots(void)
{
	unshare(CLONE_NEWNS | CLONE_NEWPID);
	if (chroot("/tmp"))
		errno = 0;
}

static const struct {
	const char *name;
	void (*act)(void);
} acts[] = {
	{ "empty", empty }, { "empty-cpu", empty_cpu }, { "empty-and-mark", empty_and_mark }, { "consume", consume },
	{ "mount-over", mount_over }, { "mount-over-pages", mount_over_pages }, { "bind-pages", bind_pages },
	{ "mount-over-all", mount_over_all }, { "unmount", unmount }, { "clock", change_clock }, { "off", tracing_off },
	{ "tracer", change_tracer }, { "events", forget_events }, { "shrink", shrink }, { "free-buffer", give_up_buffer },
	{ "mask", mask }, { "options", change_options }, { "channel", forge_channel }, { "use-helper", use_helper },
	{ "helper", forge_channel }, { "write-init", write_init }, { "ptrace-init", trace_init }, { "starve-init", starve_init },
	{ "marks", forge_marks }, { "end", forge_end }, { "panic", forge_panic }, { "results", forge_results },
	{ "colour", colour }, { "rename", rename_self }, { "write-log", write_log }, { "eat-log", eat_log },
	{ "kill-init", kill_init }, { "kill-all", kill_all }, { "stop-all", stop_all }, { "fork-bomb", fork_bomb },
	{ "memory", eat_memory }, { "flood", flood }, { "fill-disk", fill_disk }, { "power-off", power_off },
	{ "restart", restart }, { "halt", halt }, { "sysrq", sysrq }, { "spin", spin }, { "hog", hog }, { "sleep", sleep_on },
	{ "remove-all", remove_all }, { "hide", hide_roots },
};

static void do_act(const char *name)
{
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
		if (!strcmp(name, acts[i].name)) {
			acts[i].act();
			return;
		}
	if (!strcmp(name, "daemon")) {
		if (fork())
			_exit(0);
	} else if (!strcmp(name, "late")) {
		sleep_ms(30);
	} else {
		wrong(name);
	}
}

int main(int argc, char **argv)
{
	pid_t pid;

	if (argc > 1 && strcmp(argv[1], "helper")) {
		guest_init();
		trace_on();
		pid = fork();
		if (pid == 0)
			_exit(0);
		wait_for(pid);
	}
	for (int i = 1; i < argc; i++)
		do_act(argv[i]);
	return 0;
}
