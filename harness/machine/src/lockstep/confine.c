/* Landlock without a header: hosts with older headers have newer kernels. */
#define _GNU_SOURCE
#include "confine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

enum { VERSION_ASKED = 1, PATH_BENEATH = 1, READ_FILE = 1 << 2, READ_DIR = 1 << 3 };

/* include/uapi/linux/landlock.h, as of its version 4. */
struct ruleset {
	uint64_t files, network;
};

struct path_rule {
	uint64_t allowed;
	int32_t parent;
} __attribute__((packed));

/* What the harness looks for in QEMU's log. */
static const char in_effect[] = "lockstep: this thread opens no file any more\n";

static atomic_bool machine_runs;
static __thread bool confined __attribute__((tls_model("initial-exec")));

void confine_from_now(void)
{
	machine_runs = true;
}

/* All that a version of Landlock can forbid: of files, and of TCP since version 4. */
static size_t everything(long version, struct ruleset *rules)
{
	static const int kinds[] = { 13, 14, 15, 15, 16 };

	rules->files = (1ull << kinds[version > 5 ? 4 : version - 1]) - 1;
	rules->network = version < 4 ? 0 : 3;
	return version < 4 ? sizeof(rules->files) : sizeof(*rules);
}

static bool restrict_thread(void)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, VERSION_ASKED);
	struct path_rule proc = { READ_FILE | READ_DIR, -1 };
	struct ruleset rules;
	size_t size;
	int set;

	if (version < 1)
		return false;
	size = everything(version, &rules);
	set = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0);
	/* A forked run looks for its own descriptors there (child.c). */
	proc.parent = open("/proc", O_PATH | O_CLOEXEC);
	if (set < 0 || proc.parent < 0)
		return false;
	syscall(SYS_landlock_add_rule, set, PATH_BENEATH, &proc, 0);
	close(proc.parent);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	syscall(SYS_landlock_restrict_self, set, 0);
	close(set);
	return true;
}

/* Holds what is said against what is so. */
static bool is_kept_away(void)
{
	int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool refused = root < 0 && errno == EACCES;

	if (root >= 0)
		close(root);
	return refused;
}

void confine_thread(void)
{
	if (confined || !machine_runs)
		return;
	confined = true;
	if (restrict_thread() && is_kept_away() &&
	    write(STDERR_FILENO, in_effect, sizeof(in_effect) - 1) < 0)
		return;
}
