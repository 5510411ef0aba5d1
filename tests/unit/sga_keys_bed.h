/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of libsga share: randomness that is known, a gateway's keys. */
#ifndef UNIT_SGA_KEYS_BED_H
#define UNIT_SGA_KEYS_BED_H

#include "octets.h"
#include "sec/hkdf.h"
#include "sga/keys.h"

/* Random octets that are none: HKDF of a label and the number of the call. */
struct known_random {
	struct sga_random random;
	const char *label;
	uint8_t calls;
};

static inline enum rc
known_octets(void *arg, void *out, size_t n)
{
	struct known_random *k = arg;

	k->calls++;
	return hkdf_sha256(SLICE_LIT("known"), slice_of(k->label), slice_make(&k->calls, 1), out,
	                   n);
}

static inline void
known_random_init(struct known_random *k, const char *label)
{
	*k = (struct known_random){
		.random = { .secret = known_octets, .clear = known_octets, .arg = k },
		.label = label,
	};
}

static inline struct sign_key *
known_sign_key(uint8_t first, struct sign_public *public)
{
	const uint8_t seed[SIGN_SEED_SIZE] = { first };
	struct sign_key *k;

	ck_assert_int_eq(sign_key_from_seed(seed, &k), RC_OK);
	sign_key_public(k, public);
	return k;
}

static inline struct sga_id
known_id(const char *text)
{
	struct sga_id id;

	ck_assert_int_eq(sga_id_make(slice_of(text), &id), RC_OK);
	return id;
}

/* A gateway's keys; public is of the key that signed. The caller frees them. */
static inline struct sga_keys *
known_keys(uint8_t suite, uint16_t group, struct sign_public *public)
{
	struct sign_key *sign = known_sign_key(7, public);
	const struct sga_keys_conf conf = {
		.suite = suite,
		.group = group,
		.ciphers = SGA_CIPHERS_KNOWN,
		.serial = 5,
		.not_after = 2000000000,
		.id = known_id("gateway.example"),
		.sign = sign,
	};
	struct known_random r;
	struct sga_keys *k;

	known_random_init(&r, "keys");
	ck_assert_int_eq(sga_keys_make(&conf, &r.random, &k), RC_OK);
	sign_key_free(sign);
	return k;
}

#endif
