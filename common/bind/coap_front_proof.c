/* SPDX-License-Identifier: Apache-2.0 */
/* Proofs of an address without state: an HMAC over it, by a secret that is replaced each minute. */
#include "config.h"

#include "bind/coap_front_impl.h"

#include <openssl/evp.h>

bool
front_proof_init(struct front_proof *p, int64_t now)
{
	*p = (struct front_proof){ .period = now / FRONT_ROLL_US };
	return key_random(&p->secrets[0]) == RC_OK && key_random(&p->secrets[1]) == RC_OK;
}

void
front_proof_fini(struct front_proof *p)
{
	key_wipe(&p->secrets[0]);
	key_wipe(&p->secrets[1]);
}

bool
front_proof_roll(struct front_proof *p, int64_t now)
{
	int64_t period = now / FRONT_ROLL_US;

	if (period == p->period)
		return true;
	/* After a longer rest nothing of before is good any more. */
	if (period != p->period + 1 && key_random(&p->secrets[(period + 1) & 1]) != RC_OK)
		return false;
	if (key_random(&p->secrets[period & 1]) != RC_OK)
		return false;
	p->period = period;
	return true;
}

static bool
make(const struct key *secret, char use, const struct front_source *s, struct key *out)
{
	unsigned char text[1 + sizeof(s->address) + 2];
	size_t n;

	text[0] = (unsigned char)use;
	memcpy(text + 1, s->address, sizeof(s->address));
	text[17] = (unsigned char)(s->port >> 8);
	text[18] = (unsigned char)s->port;
	return EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, secret->v, KEY_BYTES, text,
	                 sizeof(text), out->v, KEY_BYTES, &n) != NULL;
}

bool
front_proof_make(const struct front_proof *p, char use, const struct front_source *source,
                 unsigned char *out, size_t n)
{
	struct key mac;

	if (!make(&p->secrets[p->period & 1], use, source, &mac))
		return false;
	memcpy(out, mac.v, n);
	return true;
}

bool
front_proof_good(const struct front_proof *p, char use, const struct front_source *source,
                 struct slice proof, size_t n)
{
	for (unsigned i = 0; i < 2 && proof.n == n; i++) {
		struct key mac;

		if (make(&p->secrets[i], use, source, &mac) &&
		    secret_equal(slice_make(mac.v, n), proof))
			return true;
	}
	return false;
}
