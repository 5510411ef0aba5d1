/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/ident.h"

#include <stdlib.h>
#include <sys/random.h>

void
ident_random(char out[IDENT_LEN + 1])
{
	static const char set[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	unsigned char raw[IDENT_LEN * 2];

	/* getrandom does not fail for up to 256 bytes once the pool is initialised. */
	if (getrandom(raw, sizeof(raw), 0) != (ssize_t)sizeof(raw))
		abort();
	for (size_t i = 0; i < IDENT_LEN; i++)
		out[i] = set[(raw[2 * i] << 8 | raw[2 * i + 1]) % (i == 0 ? 26 : 36)];
	out[IDENT_LEN] = '\0';
}
