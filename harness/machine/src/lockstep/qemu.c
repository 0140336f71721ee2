/* Finding QEMU's functions. */
#define _GNU_SOURCE
#include "qemu.h"

#include <dlfcn.h>
#include <stddef.h>

struct qemu qemu;

static const struct {
	size_t at;
	const char *name;
	const char *before;	/* the name before QEMU 9.0, if it was another */
} functions[] = {
	{ offsetof(struct qemu, rcu_enable_atfork), "rcu_enable_atfork", NULL },
	{ offsetof(struct qemu, rcu_reader), "get_ptr_rcu_reader", NULL },
	{ offsetof(struct qemu, rcu_register_thread), "rcu_register_thread", NULL },
	{ offsetof(struct qemu, lock), "bql_lock_impl", "qemu_mutex_lock_iothread_impl" },
	{ offsetof(struct qemu, unlock), "bql_unlock", "qemu_mutex_unlock_iothread" },
	{ offsetof(struct qemu, main_loop), "qemu_main_loop", NULL },
	{ offsetof(struct qemu, cleanup), "qemu_cleanup", NULL },
	{ offsetof(struct qemu, ram_foreach_block), "qemu_ram_foreach_block", NULL },
	{ offsetof(struct qemu, ram_host_addr), "qemu_ram_get_host_addr", NULL },
	{ offsetof(struct qemu, ram_used_length), "qemu_ram_get_used_length", NULL },
	{ offsetof(struct qemu, ram_fd), "qemu_ram_get_fd", NULL },
	{ offsetof(struct qemu, ram_is_shared), "qemu_ram_is_shared", NULL },
};

const char *qemu_find(void)
{
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		void *found = dlsym(RTLD_DEFAULT, functions[i].name);

		if (!found && functions[i].before)
			found = dlsym(RTLD_DEFAULT, functions[i].before);
		if (!found)
			return functions[i].name;
		*(void **)((char *)&qemu + functions[i].at) = found;
	}
	return NULL;
}
