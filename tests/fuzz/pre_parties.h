/* SPDX-License-Identifier: Apache-2.0 */
/* A source with the same keys in each run, for the targets of openings. */
#ifndef FUZZ_PRE_PARTIES_H
#define FUZZ_PRE_PARTIES_H

#include "pre/pre.h"

#include <stdlib.h>

#define PARTIES_SOURCE "coap://gateway.example/alpha_1"

struct parties {
	struct afgh *afgh;
	struct afgh_keys *keys;
	struct sign_key *sign;
};

/* Once; NULL in a build without pairing. */
static const struct parties *
parties(void)
{
	static struct parties p;
	uint8_t secret[AFGH_SECRET] = { [31] = 2, [63] = 3 };
	const uint8_t seed[SIGN_SEED_SIZE] = { 1 };

	if (p.sign != NULL)
		return &p;
	if (afgh_new(&p.afgh) != RC_OK)
		return NULL;
	if (afgh_keys_read(slice_make(secret, sizeof(secret)), &p.keys) != RC_OK ||
	    sign_key_from_seed(seed, &p.sign) != RC_OK)
		abort();
	return &p;
}

/* The source itself reads. */
static struct pre_opening_conf
parties_conf(const struct parties *p)
{
	struct pre_opening_conf conf = {
		.afgh = p->afgh,
		.keys = p->keys,
		.as = PRE_AS_OWNER,
		.source = SLICE_LIT(PARTIES_SOURCE),
		.streams = 2,
		.sections = 2,
	};

	sign_key_public(p->sign, &conf.key);
	return conf;
}

#endif
