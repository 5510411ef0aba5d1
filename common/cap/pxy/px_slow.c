/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/pxy/px_slow.h"

#include <openssl/evp.h>
#include <string.h>

bool
px_slow_name(struct slice url, uint8_t id[PX_SLOW_ID])
{
	uint8_t digest[EVP_MAX_MD_SIZE];

	if (EVP_Digest(url.p, url.n, digest, NULL, EVP_sha256(), NULL) != 1)
		return false;
	memcpy(id, digest, PX_SLOW_ID);
	return true;
}

/* n: it is not there. */
static size_t
place_of(const struct px_slow *all, const uint8_t id[PX_SLOW_ID])
{
	size_t i = 0;

	while (i < all->n && memcmp(all->v[i].id, id, PX_SLOW_ID) != 0)
		i++;
	return i;
}

static size_t
oldest(const struct px_slow *all)
{
	size_t at = 0;

	for (size_t i = 1; i < all->n; i++)
		if (all->v[i].since < all->v[at].since)
			at = i;
	return at;
}

void
px_slow_add(struct px_slow *all, const uint8_t id[PX_SLOW_ID], int64_t now)
{
	size_t at = place_of(all, id);

	if (at == PX_SLOW_MAX)
		at = oldest(all);
	else if (at == all->n)
		all->n++;
	memcpy(all->v[at].id, id, PX_SLOW_ID);
	all->v[at].since = now;
}

void
px_slow_remove(struct px_slow *all, const uint8_t id[PX_SLOW_ID])
{
	size_t at = place_of(all, id);

	if (at < all->n)
		all->v[at] = all->v[--all->n];
}

bool
px_slow_has(const struct px_slow *all, const uint8_t id[PX_SLOW_ID], int64_t now)
{
	size_t at = place_of(all, id);

	return at < all->n && now - all->v[at].since < PX_SLOW_TIME;
}
