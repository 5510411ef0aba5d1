/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sec/b64url.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void
b64url_encode(char *to, const void *octets, size_t n)
{
	const uint8_t *p = octets;

	for (; n >= 3; n -= 3, p += 3) {
		*to++ = alphabet[p[0] >> 2];
		*to++ = alphabet[(p[0] & 3) << 4 | p[1] >> 4];
		*to++ = alphabet[(p[1] & 15) << 2 | p[2] >> 6];
		*to++ = alphabet[p[2] & 63];
	}
	if (n == 0)
		return;
	*to++ = alphabet[p[0] >> 2];
	*to++ = alphabet[(p[0] & 3) << 4 | (n == 2 ? p[1] >> 4 : 0)];
	if (n == 2)
		*to++ = alphabet[(p[1] & 15) << 2];
}

void
b64url_add(struct buf *to, struct slice s)
{
	size_t n = B64URL_LEN(s.n);
	char *p = n == 0 ? NULL : buf_reserve(to, n);

	if (p == NULL)
		return;
	b64url_encode(p, s.p, s.n);
	to->n += n;
}

size_t
b64url_octets(size_t n)
{
	return n % 4 == 1 ? SIZE_MAX : n / 4 * 3 + (n % 4 == 0 ? 0 : n % 4 - 1);
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
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

bool
b64url_decode(struct slice text, uint8_t *to)
{
	unsigned v = 0, bits = 0;

	if (b64url_octets(text.n) == SIZE_MAX)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		int d = digit_of(text.p[i]);

		if (d < 0)
			return false;
		v = (v << 6 | (unsigned)d) & 0xffff;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			*to++ = (uint8_t)(v >> bits);
		}
	}
	return (v & ((1u << bits) - 1)) == 0;
}
