// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * fork-32bit: a 32-bit ARM process calls fork and vfork.
 *
 * A 64-bit kernel with CONFIG_COMPAT also runs 32-bit programs. For them it has
 * the system calls of 32-bit ARM, among them fork (2) and vfork (190).
 * Compilers for arm64 cannot build such programs, so this one writes a very
 * small one and executes it with tracing on.
 */
#include <elf.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include "guest.h"

#define PROGRAM "/fork-32bit.a32"
#define BASE 0x20000

/* Headers and instructions: the file, and the memory image from BASE on. */
static const struct {
	Elf32_Ehdr header;
	Elf32_Phdr segment;
	uint32_t code[15];
} image = {
	.header = {
		.e_ident = {
			ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3,
			ELFCLASS32, ELFDATA2LSB, EV_CURRENT,
		},
		.e_type = ET_EXEC,
		.e_machine = EM_ARM,
		.e_version = EV_CURRENT,
		.e_entry = BASE + sizeof(Elf32_Ehdr) + sizeof(Elf32_Phdr),
		.e_phoff = sizeof(Elf32_Ehdr),
		.e_flags = EF_ARM_EABI_VER5,
		.e_ehsize = sizeof(Elf32_Ehdr),
		.e_phentsize = sizeof(Elf32_Phdr),
		.e_phnum = 1,
	},
	.segment = {
		.p_type = PT_LOAD,
		.p_vaddr = BASE,
		.p_paddr = BASE,
		.p_filesz = sizeof(image),
		.p_memsz = sizeof(image),
		.p_flags = PF_R | PF_X,
		.p_align = 0x1000,
	},
	.code = {
		0xe3a07002,	/* mov r7, #2		fork() */
		0xef000000,	/* svc #0 */
		0xe3500000,	/* cmp r0, #0 */
		0x0a000008,	/* beq end		in the child */
		0xe3e00000,	/* mvn r0, #0		wait4(-1, 0, 0, 0) */
		0xe3a01000,	/* mov r1, #0 */
		0xe3a02000,	/* mov r2, #0 */
		0xe3a03000,	/* mov r3, #0 */
		0xe3a07072,	/* mov r7, #114 */
		0xef000000,	/* svc #0 */
		0xe3a070be,	/* mov r7, #190		vfork() */
		0xef000000,	/* svc #0		returns twice */
		0xe3a00000,	/* mov r0, #0		exit(0) */
		0xe3a07001,	/* end: mov r7, #1 */
		0xef000000,	/* svc #0 */
	},
};

int main(void)
{
	static char *const argv[] = { PROGRAM, NULL };
	static char *const environment[] = { NULL };
	int fd;

	guest_init();
	fd = open(PROGRAM, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
	if (fd < 0)
		die(PROGRAM);
	check(write(fd, &image, sizeof(image)) == sizeof(image));
	/* A file that is open for writing cannot be executed. */
	close(fd);
	trace_on();
	execve(PROGRAM, argv, environment);
	die("execve");
}
