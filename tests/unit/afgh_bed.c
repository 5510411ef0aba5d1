/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "afgh_bed.h"

struct afgh *afgh;
struct afgh_keys *owner, *sink;

struct afgh_keys *
keys_of(const char *first, const char *second)
{
	char text[2 * AFGH_SECRET + 1];
	struct afgh_keys *k;
	struct octets o;

	ck_assert_int_lt(snprintf(text, sizeof(text), "%s%s%s", first, second, KAT_SEED),
	                 (int)sizeof(text));
	o = octets_of(text);
	ck_assert_uint_eq(afgh_keys_read(octets_slice(&o), &k), RC_OK);
	return k;
}

void
afgh_setup(void)
{
	ck_assert_uint_eq(afgh_new(&afgh), RC_OK);
	owner = keys_of(KAT_A1, KAT_A2);
	sink = keys_of(KAT_M, KAT_B2);
}

void
afgh_teardown(void)
{
	afgh_keys_free(owner);
	afgh_keys_free(sink);
	afgh_free(afgh);
}

struct sealed
seal(const struct afgh_epoch *e)
{
	struct sealed s;

	ck_assert_uint_eq(afgh_encrypt(afgh, e, s.c1, &s.k), RC_OK);
	return s;
}

struct afgh_rk *
delegate(const struct afgh_epoch *e, const struct afgh_keys *to)
{
	uint8_t pk2[AFGH_G2], rk[AFGH_G2];
	struct afgh_rk *loaded;

	afgh_keys_public(to, pk2);
	ck_assert_uint_eq(afgh_rekey(e, slice_make(pk2, sizeof(pk2)), rk), RC_OK);
	ck_assert_uint_eq(afgh_rk_load(slice_make(rk, sizeof(rk)), &loaded), RC_OK);
	return loaded;
}

bool
opens(const struct afgh_rk *rk, const struct afgh_keys *k, const struct sealed *s)
{
	uint8_t d[AFGH_GT];
	struct afgh_gt got;

	ck_assert_uint_eq(afgh_reencrypt(rk, slice_make(s->c1, AFGH_G1), d), RC_OK);
	ck_assert_uint_eq(afgh_decrypt_first(k, slice_make(d, sizeof(d)), &got), RC_OK);
	return memcmp(got.raw, s->k.raw, AFGH_GT_RAW) == 0;
}

bool
owner_opens(const struct afgh_epoch *e, const struct sealed *s)
{
	struct afgh_gt got;

	ck_assert_uint_eq(afgh_decrypt_second(afgh, e, slice_make(s->c1, AFGH_G1), &got), RC_OK);
	return memcmp(got.raw, s->k.raw, AFGH_GT_RAW) == 0;
}

struct afgh_epoch *
epoch(const struct afgh_keys *k, uint8_t source, uint16_t stream, uint32_t number)
{
	const struct afgh_epoch_id id = { .source = { source }, .stream = stream, .epoch = number };
	struct afgh_epoch *e;

	ck_assert_uint_eq(afgh_epoch_new(k, &id, &e), RC_OK);
	return e;
}
