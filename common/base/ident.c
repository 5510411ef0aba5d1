/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/ident.h"

#include <stdlib.h>
#include <sys/random.h>

static void
take_random(unsigned char *raw, size_t n)
{
	/* getrandom does not fail for up to 256 bytes once the pool is initialised. */
	if (getrandom(raw, n, 0) != (ssize_t)n)
		abort();
}

void
ident_random(char out[IDENT_LEN + 1])
{
	static const char set[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	unsigned char raw[IDENT_LEN * 2];

	take_random(raw, sizeof(raw));
	for (size_t i = 0; i < IDENT_LEN; i++)
		out[i] = set[(raw[2 * i] << 8 | raw[2 * i + 1]) % (i == 0 ? 26 : 36)];
	out[IDENT_LEN] = '\0';
}

void
ident_secret(char out[IDENT_SECRET_LEN + 1])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char raw[IDENT_SECRET_LEN / 2];

	take_random(raw, sizeof(raw));
	for (size_t i = 0; i < sizeof(raw); i++) {
		out[2 * i] = digits[raw[i] >> 4];
		out[2 * i + 1] = digits[raw[i] & 15];
	}
	out[IDENT_SECRET_LEN] = '\0';
}
