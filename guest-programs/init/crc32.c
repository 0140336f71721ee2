// SPDX-License-Identifier: MIT OR Apache-2.0
/* CRC-32 of a whole buffer, and the table for machines without the instruction. */
#include "crc32.h"

#ifndef __aarch64__
static uint32_t table[256];

static void fill_table(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t sum = i;

		for (int bit = 0; bit < 8; bit++)
			sum = sum >> 1 ^ (sum & 1 ? 0xedb88320 : 0);
		table[i] = sum;
	}
}

uint32_t crc32_table_byte(uint32_t sum, uint8_t byte)
{
	if (!table[255])
		fill_table();
	return sum >> 8 ^ table[(sum ^ byte) & 0xff];
}
#endif

uint32_t crc32(const void *data, size_t len)
{
	const uint8_t *bytes = data;
	uint32_t sum = crc32_begin();

	for (size_t i = 0; i < len; i++)
		sum = crc32_byte(sum, bytes[i]);
	return crc32_end(sum);
}
