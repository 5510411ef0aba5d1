/* SPDX-License-Identifier: Apache-2.0 */
/* What CN and S see of a run, and what S decides about it. */
#include "config.h"

#include "mpa_bed.h"

static struct mpa_run r;
static struct mpa_verifier v;
static struct buf t;

static void
setup(void)
{
	mpa_setup();
	mpa_run_init(&r);
	buf_init(&t, MPA_TRANSCRIPT_MAX);
	/* As S has it: its operator, and itself. */
	v = (struct mpa_verifier){
		.anchors = { { publics[CN], SLICE_LIT("cn.sp1.example") }, servers, 1 },
		.now = NOW,
	};
}

static void
teardown(void)
{
	buf_fini(&t);
	mpa_run_fini(&r);
	mpa_teardown();
}

static void
run_whole(bool known)
{
	mpa_run_to(&r, 3, known);
	ck_assert_int_eq(mpa_ap_transcript(r.ap, &t), RC_CONFLICT);
	mpa_run_to(&r, 4, known);
	ck_assert_int_eq(mpa_ap_transcript(r.ap, &t), RC_OK);
	mpa_run_end(&r);
}

static void
refused(struct slice octets, enum mpa_cause why)
{
	struct mpa_proved p;
	enum rc rc = mpa_transcript_check(octets, &v, &p, &cause);

	ck_assert_str_eq(mpa_cause_text(cause), mpa_cause_text(why));
	ck_assert_int_eq(rc, mpa_cause_rc(why));
}

static void
proves(void)
{
	struct mpa_proved p;

	ck_assert_int_eq(mpa_transcript_check(buf_view(&t), &v, &p, &cause), RC_OK);
	ck_assert_mem_eq(&p.th, &r.at_ap.th, sizeof(p.th));
	ck_assert_mem_eq(&p.device_key, &publics[D], 32);
	ck_assert_mem_eq(&p.ap_key, &publics[AP], 32);
	ck_assert_str_eq(p.device, DEVICE_ID);
	ck_assert_str_eq(p.ap, PLACE);
	ck_assert_uint_eq(p.not_after, UNTIL);
	ck_assert_uint_eq(p.server, v.anchors.n_servers - 1);
}

START_TEST(what_a_transcript_proves)
{
	run_whole(false);
	ck_assert_uint_eq(t.n, 105 + 424 + 1265);
	proves();
}
END_TEST

START_TEST(every_octet_of_a_transcript)
{
	struct mpa_proved p;

	run_whole(false);
	for (size_t i = 0; i < t.n; i++) {
		t.p[i] = (char)(t.p[i] ^ (1 << i % 8));
		ck_assert_int_ne(mpa_transcript_check(buf_view(&t), &v, &p, &cause), RC_OK);
		t.p[i] = (char)(t.p[i] ^ (1 << i % 8));
	}
	for (size_t n = 0; n < t.n; n++) {
		char *exact = malloc(n + 1);

		memcpy(exact, t.p, n);
		refused(slice_make(exact, n), MPA_FORM);
		free(exact);
	}
	proves();
}
END_TEST

START_TEST(what_the_verifier_knows)
{
	run_whole(false);
	v.anchors.cn.key = publics[S2];
	refused(buf_view(&t), MPA_ROOT);
	v.anchors.cn.key = publics[CN];
	v.anchors.servers = &servers[1];
	refused(buf_view(&t), MPA_ROOT);
	v.anchors.servers = servers;
	v.now = (int64_t)UNTIL + 61;
	refused(buf_view(&t), MPA_TIME);
	v.now = NOW;
	proves();
}
END_TEST

static bool
serial_is(void *arg, const struct mpa_serial *serial)
{
	const uint8_t *wanted = arg;

	return serial->v[0] == *wanted;
}

START_TEST(revoked_since)
{
	uint8_t gone = 1;
	const struct mpa_revocations list = { serial_is, &gone };

	run_whole(false);
	v.revocations = &list;
	for (; gone <= 5; gone++)
		refused(buf_view(&t), MPA_REVOKED);
	proves();
}
END_TEST

/* The warrants of the device are for one place, which is where the access point says that it is. */
START_TEST(another_place)
{
	struct mpa_warrant w = warrant_of(CN, AP2, CN);
	struct mpa_octets w6;
	struct mpa_run bad;

	warrant_make(&w, 6, NULL, &w6);
	mpa_run_init(&bad);
	bad.ap_conf.key = keys[AP2];
	bad.ap_conf.chain = octets_in(&w6);
	/* It would take the device all the same. */
	mpa_run_to(&bad, 4, false);
	ck_assert_int_eq(mpa_ap_transcript(bad.ap, &t), RC_OK);
	refused(buf_view(&t), MPA_SCOPE);
	mpa_run_fini(&bad);
}
END_TEST

/* Two runs of the same parties, put together anew. */
START_TEST(a_splice)
{
	struct mpa_run other;

	mpa_run_init(&other);
	mpa_dice_init(&other.dice_d, 0x66, "another");
	mpa_dice_init(&other.dice_ap, 0x77, "more");
	mpa_run_to(&other, 4, false);
	mpa_run_to(&r, 4, false);
	for (unsigned which = 1; which < 7; which++) {
		buf_clear(&t);
		for (unsigned m = 1; m <= 3; m++)
			buf_slice(&t, message_of(which >> (m - 1) & 1 ? &other : &r, m));
		refused(buf_view(&t), MPA_SIGNED);
	}
	mpa_run_fini(&other);
}
END_TEST

/* ---- with hashes ---- */

START_TEST(a_transcript_with_hashes)
{
	struct mpa_cache *cache;
	size_t whole;

	ck_assert_int_eq(mpa_cache_new(16, &cache), RC_OK);
	r.ap_conf.cache = cache;
	run_whole(false);
	mpa_run_fini(&r);
	mpa_run_init(&r);
	r.ap_conf.cache = cache;
	buf_clear(&t);
	run_whole(true);
	whole = 105 + 424 + 140;
	ck_assert_uint_eq(t.n, whole + 8 + 2 + from_cn.n + 2 + from_s.n);
	proves();
	/* Without the chains: whoever knows them. */
	refused(slice_head(buf_view(&t), whole), MPA_UNKNOWN_CHAIN);
	v.cache = cache;
	t.n = whole;
	proves();
	v.cache = NULL;
	mpa_cache_free(cache);
}
END_TEST

START_TEST(other_chains_than_the_hashes)
{
	struct mpa_cache *cache;
	struct mpa_proved p;
	size_t at = 105 + 424 + 140;

	ck_assert_int_eq(mpa_cache_new(16, &cache), RC_OK);
	r.ap_conf.cache = cache;
	run_whole(false);
	mpa_run_fini(&r);
	mpa_run_init(&r);
	r.ap_conf.cache = cache;
	buf_clear(&t);
	run_whole(true);
	for (size_t i = at; i < t.n; i++) {
		t.p[i] = (char)(t.p[i] ^ 1);
		ck_assert_int_ne(mpa_transcript_check(buf_view(&t), &v, &p, &cause), RC_OK);
		t.p[i] = (char)(t.p[i] ^ 1);
	}
	buf_char(&t, 0);
	refused(buf_view(&t), MPA_FORM);
	/* An octet more within the last message. */
	t.p[at + 7] = (char)(t.p[at + 7] + 1);
	refused(buf_view(&t), MPA_FORM);
	t.p[at + 7] = (char)(t.p[at + 7] - 1);
	t.n--;
	proves();
	mpa_cache_free(cache);
}
END_TEST

/* What was proved once is verified with one signature of a run, not of warrants: it is in the cache. */
START_TEST(the_cache_of_a_verifier)
{
	struct mpa_chain c;

	ck_assert_int_eq(mpa_cache_new(16, &v.cache), RC_OK);
	run_whole(false);
	t.p[t.n - 1] = (char)(t.p[t.n - 1] ^ 1);
	refused(buf_view(&t), MPA_SIGNED);
	ck_assert_int_eq(mpa_chain_parse(octets_in(&w5), &c, NULL), RC_OK);
	ck_assert(!mpa_cache_has(v.cache, c.hash));
	t.p[t.n - 1] = (char)(t.p[t.n - 1] ^ 1);
	proves();
	ck_assert(mpa_cache_has(v.cache, c.hash));
	proves();
	mpa_cache_free(v.cache);
}
END_TEST

/* ---- decisions ---- */

START_TEST(what_s_decides)
{
	static const enum mpa_verdict verdicts[] = { MPA_REFUSED, MPA_ACCEPTED };
	uint8_t octets[MPA_DECISION_SIZE];
	struct mpa_decision got;

	run_whole(false);
	for (size_t i = 0; i < 2; i++) {
		ck_assert_int_eq(
			mpa_decision_make(keys[S], &r.at_ap.th, verdicts[i], (uint64_t)NOW, octets),
			RC_OK);
		ck_assert_int_eq(mpa_decision_check(slice_make(octets, sizeof(octets)), &publics[S],
		                                    &r.at_d.th, &got, &cause),
		                 RC_OK);
		ck_assert(got.verdict == verdicts[i] && got.time == (uint64_t)NOW);
		ck_assert_mem_eq(&got.th, &r.at_d.th, sizeof(got.th));
	}
	ck_assert_int_eq(mpa_decision_make(keys[S], &r.at_ap.th, (enum mpa_verdict)2, 0, octets),
	                 RC_BAD_REQUEST);
	/* Own signature(S, th || decision): nothing else is signed. */
	ck_assert_int_eq(
		sign_verify(&publics[S], SIGN_OWN, slice_make(octets + 8, 41), octets + 49), RC_OK);
}
END_TEST

START_TEST(every_octet_of_a_decision)
{
	struct mpa_th th = { { 7 } }, another = { { 8 } };
	uint8_t octets[MPA_DECISION_SIZE] = { 0 };
	struct slice s = slice_make(octets, sizeof(octets));
	struct mpa_decision got;

	ck_assert_int_eq(mpa_decision_make(keys[S], &th, MPA_ACCEPTED, (uint64_t)NOW, octets),
	                 RC_OK);
	for (size_t i = 0; i < sizeof(octets) * 8; i++) {
		octets[i / 8] ^= (uint8_t)(1u << i % 8);
		ck_assert_int_ne(mpa_decision_check(s, &publics[S], &th, &got, &cause), RC_OK);
		octets[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	octets[40] = 2;
	ck_assert_int_eq(mpa_decision_parse(s, &got), RC_BAD_REQUEST);
	octets[40] = MPA_ACCEPTED;
	for (size_t n = 0; n < sizeof(octets); n++)
		ck_assert_int_eq(mpa_decision_parse(slice_head(s, n), &got), RC_BAD_REQUEST);
	ck_assert_int_eq(mpa_decision_check(s, &publics[S], &another, &got, &cause), RC_FORBIDDEN);
	ck_assert_int_eq(cause, MPA_OTHER_RUN);
	ck_assert_int_eq(mpa_decision_check(s, &publics[S2], &th, &got, &cause), RC_FORBIDDEN);
	ck_assert_int_eq(cause, MPA_SIGNED);
	ck_assert_int_eq(mpa_decision_check(s, &publics[S], &th, &got, NULL), RC_OK);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("mpa_transcript");
	TCase *c = suite_case(s, "transcripts", setup, teardown);

	tcase_set_timeout(c, 300);
	tcase_add_test(c, what_a_transcript_proves);
	tcase_add_test(c, every_octet_of_a_transcript);
	tcase_add_test(c, what_the_verifier_knows);
	tcase_add_test(c, revoked_since);
	tcase_add_test(c, another_place);
	tcase_add_test(c, a_splice);
	tcase_add_test(c, a_transcript_with_hashes);
	tcase_add_test(c, other_chains_than_the_hashes);
	tcase_add_test(c, the_cache_of_a_verifier);
	tcase_add_test(c, what_s_decides);
	tcase_add_test(c, every_octet_of_a_decision);
	return run_suite(s);
}
