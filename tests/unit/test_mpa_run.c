/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of a device and an access point that are as they should be, and what both have then. */
#include "config.h"

#include "mpa_bed.h"

static struct mpa_run r;

static void
setup(void)
{
	mpa_setup();
	mpa_run_init(&r);
}

static void
teardown(void)
{
	mpa_run_fini(&r);
	mpa_teardown();
}

/* Computed by another program: the key is made of every octet of A1, A2 and A3. */
START_TEST(the_vector)
{
	mpa_run_to(&r, 4, false);
	ck_assert_uint_eq(r.a1.n, 105);
	ck_assert_uint_eq(r.a2.n, 424);
	ck_assert_uint_eq(r.a3.n, 1265);
	mpa_run_end(&r);
	expect_octets(r.at_d.key.v, KEY_BYTES, K_SESS);
	expect_octets(r.at_ap.key.v, KEY_BYTES, K_SESS);
	ck_assert_mem_eq(r.a1.p, "MP\x01\x01\0\0\0\x69", 8);
	ck_assert_mem_eq(r.a2.p, "MP\x01\x02\0\0\x01\xa8", 8);
	ck_assert_mem_eq(r.a3.p, "MP\x01\x03\0\0\x04\xf1", 8);
	ck_assert_mem_eq(r.a4, "MP\x01\x04\0\0\0\x28", 8);
	expect_octets(r.a4 + 8, DIGEST_SIZE,
	              "2271117e01ff634c1a48b13b29b841437a221a65f8add1403180ab61c2de8993");
}
END_TEST

START_TEST(what_both_know)
{
	mpa_run_to(&r, 4, false);
	mpa_run_end(&r);
	ck_assert_str_eq(r.at_d.peer, PLACE);
	ck_assert_mem_eq(&r.at_d.peer_key, &publics[AP], 32);
	ck_assert_str_eq(r.at_ap.peer, DEVICE_ID);
	ck_assert_mem_eq(&r.at_ap.peer_key, &publics[D], 32);
	ck_assert_uint_eq(r.at_ap.server, 0);
	ck_assert_uint_eq(r.at_d.n_links, 5);
	ck_assert_uint_eq(r.at_ap.n_links, 5);
	ck_assert_uint_eq(r.at_d.not_after, UNTIL);
	ck_assert_uint_eq(r.at_ap.not_after, UNTIL);
}
END_TEST

/* Of all warrants the one that ends first, whoever's it is. */
START_TEST(the_end_of_a_session)
{
	struct mpa_warrant w = warrant_of(CN, AP, CN);
	struct mpa_octets shorter;

	w.not_after = UNTIL - 100;
	warrant_make(&w, 5, NULL, &shorter);
	r.ap_conf.chain = octets_in(&shorter);
	mpa_run_to(&r, 4, false);
	mpa_run_end(&r);
	ck_assert_uint_eq(r.at_d.not_after, UNTIL - 100);
	ck_assert_uint_eq(r.at_ap.not_after, UNTIL - 100);
}
END_TEST

START_TEST(the_name_of_a_run)
{
	uint8_t a[MPA_RUN_SIZE], b[MPA_RUN_SIZE], hash[DIGEST_SIZE];

	mpa_run_to(&r, 2, false);
	ck_assert(!mpa_device_run(r.d, a));
	mpa_run_to(&r, 3, false);
	ck_assert(mpa_device_run(r.d, a));
	mpa_ap_run(r.ap, b);
	ck_assert_mem_eq(a, b, sizeof(a));
	const struct slice parts[] = { buf_view(&r.a1), buf_view(&r.a2) };
	ck_assert_int_eq(digest_sha256(parts, 2, hash), RC_OK);
	ck_assert_mem_eq(a, hash, sizeof(a));
}
END_TEST

START_TEST(keys_of_the_area_link)
{
	struct key k2, k3, want;

	mpa_run_to(&r, 4, false);
	mpa_run_end(&r);
	ck_assert_int_eq(mpa_session_psk(&r.at_d, PSK_TLS_1_2, &k2), RC_OK);
	ck_assert_int_eq(mpa_session_psk(&r.at_ap, PSK_TLS_1_3, &k3), RC_OK);
	ck_assert(!key_equal(&k2, &k3));
	ck_assert_int_eq(m2m_expand(&r.at_d.key, "psk mp2", slice_make(r.at_d.th.v, DIGEST_SIZE),
	                            want.v, KEY_BYTES),
	                 RC_OK);
	ck_assert(key_equal(&k2, &want));
	ck_assert_int_eq(m2m_expand(&r.at_d.key, "psk mp3", slice_make(r.at_d.th.v, DIGEST_SIZE),
	                            want.v, KEY_BYTES),
	                 RC_OK);
	ck_assert(key_equal(&k3, &want));
	ck_assert_int_eq(mpa_session_psk(&r.at_d, (enum psk_tls)1, &k2), RC_BAD_REQUEST);
	ck_assert(key_is_zero(&k2));
}
END_TEST

/* ---- how long ---- */

static bool
serial_is(void *arg, const struct mpa_serial *serial)
{
	const struct mpa_serial *wanted = arg;

	return memcmp(wanted, serial, sizeof(*wanted)) == 0;
}

START_TEST(a_session_stands_as_long_as_its_warrants)
{
	struct mpa_serial gone = { .v = { 0 } };
	const struct mpa_revocations list = { serial_is, &gone };
	const struct mpa_session *both[] = { &r.at_d, &r.at_ap };

	mpa_run_to(&r, 4, false);
	mpa_run_end(&r);
	for (size_t k = 0; k < 2; k++) {
		ck_assert(mpa_session_stands(both[k], &list, NOW));
		ck_assert(mpa_session_stands(both[k], NULL, (int64_t)UNTIL + MPA_TOLERANCE));
		ck_assert(!mpa_session_stands(both[k], NULL, (int64_t)UNTIL + MPA_TOLERANCE + 1));
		for (size_t i = 0; i < both[k]->n_links; i++) {
			gone = both[k]->links[i];
			ck_assert(!mpa_session_stands(both[k], &list, NOW));
			gone.issuer.v[0] ^= 1;
			ck_assert(mpa_session_stands(both[k], &list, NOW));
		}
		/* Each of the five is in it. */
		for (uint8_t serial = 1; serial <= 5; serial++) {
			bool found = false;

			for (size_t i = 0; i < both[k]->n_links; i++)
				found = found || both[k]->links[i].v[0] == serial;
			ck_assert(found);
		}
	}
}
END_TEST

/* ---- hashes for chains ---- */

static void
again(struct mpa_run *next, struct mpa_cache *cache)
{
	mpa_run_init(next);
	next->ap_conf.cache = cache;
	mpa_dice_init(&next->dice_d, 0x66, "another");
	mpa_dice_init(&next->dice_ap, 0x77, "more");
}

START_TEST(a_chain_that_is_known)
{
	struct mpa_cache *cache;
	struct mpa_run next;

	ck_assert_int_eq(mpa_cache_new(16, &cache), RC_OK);
	again(&next, cache);
	mpa_run_to(&next, 3, true);
	ck_assert_uint_eq(next.a3.n, 140);
	ck_assert_int_eq(give(&next, 3, buf_view(&next.a3)), RC_PRECONDITION);
	ck_assert_int_eq(cause, MPA_UNKNOWN_CHAIN);
	mpa_run_fini(&next);

	r.ap_conf.cache = cache;
	mpa_run_to(&r, 4, false);
	mpa_run_end(&r);

	again(&next, cache);
	mpa_run_to(&next, 4, true);
	ck_assert_uint_eq(next.a3.n, 140);
	mpa_run_end(&next);
	ck_assert(!key_equal(&next.at_d.key, &r.at_d.key));
	mpa_run_fini(&next);
	mpa_cache_free(cache);
}
END_TEST

/* What is known is looked at like anything else, but for its signatures. */
START_TEST(a_known_chain_that_no_longer_holds)
{
	struct mpa_serial gone = { .issuer = publics[S] };
	const struct mpa_revocations list = { serial_is, &gone };
	struct mpa_cache *cache;
	struct mpa_run next;

	memset(gone.v, 3, sizeof(gone.v));
	ck_assert_int_eq(mpa_cache_new(16, &cache), RC_OK);
	r.ap_conf.cache = cache;
	mpa_run_to(&r, 4, false);
	again(&next, cache);
	mpa_run_to(&next, 3, true);
	next.ap_conf.revocations = &list;
	ck_assert_int_eq(give(&next, 3, buf_view(&next.a3)), RC_FORBIDDEN);
	ck_assert_int_eq(cause, MPA_REVOKED);
	next.ap_conf.revocations = NULL;
	next.ap_conf.anchors.n_servers = 0;
	ck_assert_int_eq(give(&next, 3, buf_view(&next.a3)), RC_FORBIDDEN);
	ck_assert_int_eq(cause, MPA_ROOT);
	next.ap_conf.anchors.n_servers = 2;
	next.ap_conf.place = SLICE_LIT("gscl-0103");
	ck_assert_int_eq(give(&next, 3, buf_view(&next.a3)), RC_FORBIDDEN);
	ck_assert_int_eq(cause, MPA_SCOPE);
	next.ap_conf.place = SLICE_LIT(PLACE);
	ck_assert_int_eq(mpa_ap_take_a3(next.ap, &next.ap_conf, buf_view(&next.a3),
	                                (int64_t)UNTIL + 61, next.a4, &next.at_ap, &cause),
	                 RC_FORBIDDEN);
	ck_assert_int_eq(cause, MPA_TIME);
	mpa_run_to(&next, 4, true);
	mpa_run_end(&next);
	mpa_run_fini(&next);
	mpa_cache_free(cache);
}
END_TEST

/* Only the chains of a device that has proved itself are kept. */
START_TEST(a_stranger_fills_no_cache)
{
	struct mpa_cache *cache;
	struct mpa_chain c;

	ck_assert_int_eq(mpa_cache_new(16, &cache), RC_OK);
	r.ap_conf.cache = cache;
	mpa_run_to(&r, 3, false);
	r.a3.p[r.a3.n - 1] ^= 1;
	ck_assert_int_eq(give(&r, 3, buf_view(&r.a3)), RC_FORBIDDEN);
	ck_assert_int_eq(cause, MPA_SIGNED);
	ck_assert_int_eq(mpa_chain_parse(octets_in(&from_cn), &c, NULL), RC_OK);
	ck_assert(!mpa_cache_has(cache, c.hash));
	r.a3.p[r.a3.n - 1] ^= 1;
	mpa_run_to(&r, 4, false);
	ck_assert(mpa_cache_has(cache, c.hash));
	mpa_cache_free(cache);
}
END_TEST

/* ---- the own side ---- */

static enum rc
no_luck(void *arg, void *out, size_t n)
{
	unsigned *left = arg;

	memset(out, 1, n);
	return (*left)-- > 0 ? RC_OK : RC_INTERNAL;
}

START_TEST(without_random_octets)
{
	for (unsigned turns = 0; turns < 2; turns++) {
		unsigned left = turns;
		const struct mpa_random broken = { no_luck, &left };

		r.d_conf.random = &broken;
		ck_assert_int_eq(mpa_device_start(&r.d_conf, &r.d, &r.a1), RC_INTERNAL);
		ck_assert(r.d == NULL && r.a1.n == 0);
	}
	r.d_conf.random = NULL;
	mpa_run_to(&r, 1, false);
	for (unsigned turns = 0; turns < 2; turns++) {
		unsigned left = turns;
		const struct mpa_random broken = { no_luck, &left };

		r.ap_conf.random = &broken;
		ck_assert_int_eq(give(&r, 1, buf_view(&r.a1)), RC_INTERNAL);
	}
	r.ap_conf.random = NULL;
	mpa_run_to(&r, 4, false);
	mpa_run_end(&r);
}
END_TEST

START_TEST(without_room)
{
	struct buf little;

	buf_init(&little, 100);
	ck_assert_int_eq(mpa_device_start(&r.d_conf, &r.d, &little), RC_NO_SPACE);
	ck_assert(r.d == NULL && little.n == 0);
	mpa_run_to(&r, 1, false);
	buf_clear(&little);
	ck_assert_int_eq(mpa_ap_start(&r.ap_conf, buf_view(&r.a1), &r.ap, &little, &cause),
	                 RC_NO_SPACE);
	ck_assert(r.ap == NULL && little.n == 0);
	mpa_run_to(&r, 2, false);
	buf_clear(&little);
	ck_assert_int_eq(mpa_device_take_a2(r.d, buf_view(&r.a2), NOW, false, &little, &cause),
	                 RC_NO_SPACE);
	mpa_run_to(&r, 4, false);
	buf_clear(&little);
	ck_assert_int_eq(mpa_ap_transcript(r.ap, &little), RC_NO_SPACE);
	mpa_run_end(&r);
	expect_octets(r.at_d.key.v, KEY_BYTES, K_SESS);
	buf_fini(&little);
}
END_TEST

START_TEST(a_device_that_is_none)
{
	r.d_conf.id = SLICE_NONE;
	ck_assert_int_eq(mpa_device_start(&r.d_conf, &r.d, &r.a1), RC_BAD_REQUEST);
	r.d_conf.id = SLICE_LIT("a b");
	ck_assert_int_eq(mpa_device_start(&r.d_conf, &r.d, &r.a1), RC_BAD_REQUEST);
	r.d_conf.id = SLICE_LIT(DEVICE_ID);
	r.d_conf.from_s.n--;
	ck_assert_int_eq(mpa_device_start(&r.d_conf, &r.d, &r.a1), RC_BAD_REQUEST);
	r.d_conf.from_s.n++;
	r.d_conf.from_cn = SLICE_NONE;
	ck_assert_int_eq(mpa_device_start(&r.d_conf, &r.d, &r.a1), RC_BAD_REQUEST);
	ck_assert_ptr_null(r.d);
}
END_TEST

START_TEST(the_texts_of_causes)
{
	for (unsigned i = 0; i < MPA_CAUSES; i++)
		for (unsigned k = 0; k < i; k++)
			ck_assert_str_ne(mpa_cause_text((enum mpa_cause)i),
			                 mpa_cause_text((enum mpa_cause)k));
	ck_assert_str_eq(mpa_cause_text(MPA_PARENT_TIME), "parent_time");
	ck_assert_str_eq(mpa_cause_text(MPA_CAUSES), "broken");
	ck_assert_int_eq(mpa_cause_rc(MPA_CAUSES), RC_INTERNAL);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("mpa_run");
	TCase *c = suite_case(s, "runs", setup, teardown);

	tcase_add_test(c, the_vector);
	tcase_add_test(c, what_both_know);
	tcase_add_test(c, the_end_of_a_session);
	tcase_add_test(c, the_name_of_a_run);
	tcase_add_test(c, keys_of_the_area_link);
	tcase_add_test(c, a_session_stands_as_long_as_its_warrants);
	tcase_add_test(c, a_chain_that_is_known);
	tcase_add_test(c, a_known_chain_that_no_longer_holds);
	tcase_add_test(c, a_stranger_fills_no_cache);
	tcase_add_test(c, without_random_octets);
	tcase_add_test(c, without_room);
	tcase_add_test(c, a_device_that_is_none);
	tcase_add_test(c, the_texts_of_causes);
	return run_suite(s);
}
