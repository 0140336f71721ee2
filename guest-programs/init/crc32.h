/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * CRC-32 (ISO-HDLC, the one of zip), a word or a byte at a time.
 *
 * A sum begins with crc32_begin(), takes the data in order and is finished by
 * crc32_end(). On arm64 each step is one instruction (the Raspberry Pi 3 and 4
 * have the CRC extension); elsewhere it is a table look-up.
 */
#ifndef KERNSNAP_CRC32_H
#define KERNSNAP_CRC32_H

#include <stddef.h>
#include <stdint.h>

#ifdef __aarch64__
/* Every 64-bit Raspberry Pi has the instructions; no compiler flag needed. */
#pragma GCC target("+crc")
#include <arm_acle.h>
#else
/* One byte by table; the portable form. Defined in crc32.c. */
uint32_t crc32_table_byte(uint32_t sum, uint8_t byte);
#endif

static inline uint32_t crc32_begin(void)
{
	return 0xffffffff;
}

/* Takes one byte. */
static inline uint32_t crc32_byte(uint32_t sum, uint8_t byte)
{
#ifdef __aarch64__
	return __crc32b(sum, byte);
#else
	return crc32_table_byte(sum, byte);
#endif
}

/* Takes the eight bytes of a little-endian word. */
static inline uint32_t crc32_word(uint32_t sum, uint64_t word)
{
#ifdef __aarch64__
	return __crc32d(sum, word);
#else
	for (int i = 0; i < 8; i++)
		sum = crc32_table_byte(sum, (uint8_t)(word >> (8 * i)));
	return sum;
#endif
}

static inline uint32_t crc32_end(uint32_t sum)
{
	return ~sum;
}

/* The CRC-32 of LEN bytes at DATA. */
uint32_t crc32(const void *data, size_t len);

#endif
