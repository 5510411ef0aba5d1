/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sec/hex.h"

#include <stdint.h>

/* No tables and no branches by the octets: what is converted may be a key. */
static char
digit(unsigned v)
{
	/* 'a' - 10 is 39 above '0'; the mask is all ones from ten on. */
	return (char)('0' + v + (((9u - v) >> 8) & 39u));
}

/* All ones when first <= c <= last (all at most 255), else 0. */
static unsigned
within(unsigned c, unsigned first, unsigned last)
{
	return ~(((c - first) | (last - c)) >> 8) & 255u;
}

/* The value of a digit, or one above 15. */
static unsigned
value(unsigned char c)
{
	unsigned lower = c | 32u;
	unsigned is_digit = within(c, '0', '9'), is_letter = within(lower, 'a', 'f');

	return (is_digit & (c - '0')) | (is_letter & (lower - 'a' + 10)) |
	       (~(is_digit | is_letter) & 16u);
}

void
hex_encode(const void *p, size_t n, char *out)
{
	const uint8_t *from = p;

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digit(from[i] >> 4);
		out[2 * i + 1] = digit(from[i] & 15u);
	}
	out[2 * n] = '\0';
}

bool
hex_decode(struct slice text, void *out, size_t n)
{
	uint8_t *to = out;
	unsigned bad = 0;

	if (text.n % 2 != 0 || text.n / 2 != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned high = value((unsigned char)text.p[2 * i]);
		unsigned low = value((unsigned char)text.p[2 * i + 1]);

		bad |= high | low;
		to[i] = (uint8_t)(high << 4 | (low & 15u));
	}
	return bad < 16;
}
