/* QEMU's own functions. QEMU exports them for its modules, and they have kept their meaning since version 7.2. */
#ifndef KERNSNAP_QEMU_H
#define KERNSNAP_QEMU_H

#include <stdbool.h>
#include <stdint.h>

struct qemu {
	void (*rcu_enable_atfork)(void);
	unsigned long *(*rcu_reader)(void);		/* its first word is 0 outside of read sections */
	void (*rcu_register_thread)(void);
	void (*lock)(const char *file, int line);	/* the big lock */
	void (*unlock)(void);
	int (*main_loop)(void);
	void (*cleanup)(int status);
	int (*ram_foreach_block)(int (*)(void *block, void *opaque), void *opaque);
	void *(*ram_host_addr)(void *block);
	uint64_t (*ram_used_length)(void *block);
	int (*ram_fd)(void *block);
	bool (*ram_is_shared)(void *block);
};

extern struct qemu qemu;

/* Finds all of them. Returns NULL, or the name of one that this QEMU does not export. */
const char *qemu_find(void);

#endif
