// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * fork-stacks: two children, one after the other; the second gets the first's
 * kernel stack.
 *
 * With CONFIG_VMAP_STACK a CPU caches the stacks of up to two dead tasks for
 * the next forks. To start with an empty cache, the program creates more
 * children than that before tracing is turned on; they live, with their stacks,
 * until the end. So the first traced fork must allocate a stack.
 *
 * The program also uses a privilege before, as a daemon might: the kernel
 * records that in the task's flags (PF_SUPERPRIV), which a child must not
 * inherit.
 *
 * Run it pinned to one CPU: stacks are cached per CPU, and the parent is the
 * task that runs when a child has died.
 */
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "guest.h"

#define HOLDERS 4

static pid_t holders[HOLDERS];

static void take_cached_stacks(void)
{
	for (int i = 0; i < HOLDERS; i++) {
		holders[i] = fork();
		if (holders[i] == 0) {
			for (;;)
				pause();
		}
		check(holders[i] > 0);
		wait_until_asleep(holders[i]);
	}
}

static void use_privilege(void)
{
	check(setpriority(PRIO_PROCESS, 0, -1) == 0);
	check(setpriority(PRIO_PROCESS, 0, 0) == 0);
}

static void fork_and_wait(void)
{
	pid_t child;

	child = fork();
	if (child == 0)
		_exit(0);
	check(child > 0);
	check(wait_for(child) == 0);
}

int main(void)
{
	guest_init();
	take_cached_stacks();
	use_privilege();
	trace_on();
	fork_and_wait();
	fork_and_wait();
	trace_off();
	for (int i = 0; i < HOLDERS; i++) {
		check(kill(holders[i], SIGKILL) == 0);
		check(wait_for(holders[i]) == SIGKILL);
	}
	_exit(0);
}
