/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/base64.h"

#include <stdint.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
base64_encode(struct buf *to, struct slice s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	size_t left = s.n;
	size_t out = (s.n + 2) / 3 * 4;
	char *q = out == 0 ? NULL : buf_reserve(to, out);

	if (q == NULL)
		return;
	to->n += out;
	for (; left >= 3; left -= 3, p += 3) {
		uint32_t v = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];

		*q++ = alphabet[v >> 18];
		*q++ = alphabet[v >> 12 & 63];
		*q++ = alphabet[v >> 6 & 63];
		*q++ = alphabet[v & 63];
	}
	if (left > 0) {
		uint32_t v = (uint32_t)p[0] << 16 | (left == 2 ? (uint32_t)p[1] << 8 : 0);

		*q++ = alphabet[v >> 18];
		*q++ = alphabet[v >> 12 & 63];
		*q++ = left == 2 ? alphabet[v >> 6 & 63] : '=';
		*q++ = '=';
	}
}

static int
digit_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Octets that the decoding of n characters takes at most. */
static size_t
room_for(size_t n)
{
	return n / 4 * 3 + 3;
}

/* Decodes into to, which has room; the number of octets goes to *out_n. */
static bool
decode_to(char *to, struct slice s, size_t *out_n)
{
	size_t n = 0;
	unsigned digits = 0, pad = 0;
	uint32_t v = 0;

	for (size_t i = 0; i < s.n; i++) {
		int d = digit_of(s.p[i]);

		if (is_space(s.p[i]))
			continue;
		if (s.p[i] == '=' && digits % 4 >= 2 && pad < 2) {
			pad++;
			v <<= 6;
		} else if (d >= 0 && pad == 0) {
			v = v << 6 | (uint32_t)d;
		} else {
			return false;
		}
		digits += pad == 0;
		if (pad == 0 && digits % 4 == 0) {
			to[n++] = (char)(v >> 16);
			to[n++] = (char)(v >> 8);
			to[n++] = (char)v;
			v = 0;
		}
	}
	if (digits % 4 + pad != 4 && digits % 4 + pad != 0)
		return false;
	if (pad > 0)
		to[n++] = (char)(v >> 16);
	if (pad == 1)
		to[n++] = (char)(v >> 8);
	*out_n = n;
	return true;
}

bool
base64_decode(struct arena *a, struct slice s, struct slice *out)
{
	char *to = arena_alloc(a, room_for(s.n));
	size_t n = 0;

	if (to == NULL || !decode_to(to, s, &n))
		return false;
	*out = slice_make(to, n);
	return true;
}

bool
base64_append(struct buf *to, struct slice s)
{
	char *at = buf_reserve(to, room_for(s.n));
	size_t n = 0;

	if (at == NULL || !decode_to(at, s, &n))
		return false;
	to->n += n;
	return true;
}
