// SPDX-License-Identifier: GPL-2.0
/*
 * types: never loaded. Its debugging information tells the harness where this
 * kernel keeps the fields that scenarios name, such as task.real_parent.pid.
 * What is included here is what a scenario can name.
 */
#include <linux/cred.h>
#include <linux/fdtable.h>
#include <linux/fs_struct.h>
#include <linux/kthread.h>
#include <linux/mm_types.h>
#include <linux/module.h>
#include <linux/nsproxy.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>
#include <uapi/linux/sched/types.h>

MODULE_DESCRIPTION("The kernel's types, for its debugging information only");
MODULE_LICENSE("GPL");
