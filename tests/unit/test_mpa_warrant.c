/* SPDX-License-Identifier: Apache-2.0 */
/* One warrant: its octets, its forms, its signature, and how it is issued. */
#include "config.h"

#include "base/be.h"
#include "mpa_bed.h"

/* Computed by another program. */
START_TEST(the_vectors)
{
	static const struct {
		const struct mpa_octets *w;
		size_t n;
		const char *hash;
	} rows[] = {
		{ &w1, 284, "28d18047b07847a3318106075ff805dcaf5c8e7c668c6c3fc2c7c4761a891caf" },
		{ &w2, 285, "3cb3f14ec5f4fe6d1ea9f0100e331d8649f50488a426423bc37d2d4d2a078821" },
		{ &w3, 310, "c2beced7481950efcdd4a9f305542688a2756eeed10d9e9f08aab437c21fd070" },
		{ &w4, 310, "57b41abdf59330037134217b3b1db9ea11d89b1f7abce15ff3c0819ad627d203" },
		{ &w5, 286, "a1c96fdc814d5a1decd102c5617ab35aec2f17107c73a6897a20bc2d8ed855ff" },
	};

	for (size_t i = 0; i < NITEMS(rows); i++) {
		uint8_t hash[DIGEST_SIZE];

		ck_assert_uint_eq(rows[i].w->n, rows[i].n);
		expect_hash(rows[i].w->v, rows[i].w->n, rows[i].hash);
		ck_assert_int_eq(mpa_warrant_hash(octets_in(rows[i].w), hash), RC_OK);
		expect_octets(hash, sizeof(hash), rows[i].hash);
		ck_assert_int_eq(mpa_warrant_verify(octets_in(rows[i].w)), RC_OK);
	}
}
END_TEST

START_TEST(what_is_read_is_what_was_written)
{
	struct mpa_warrant want = warrant_of(S, D, CN), got;

	ck_assert_int_eq(mpa_warrant_parse(octets_in(&w3), &got), RC_OK);
	ck_assert(got.kind == want.kind && got.depth == 0 && got.rights == MPA_IS_DEVICE &&
	          got.not_before == FROM && got.not_after == UNTIL && got.serial[15] == 3);
	ck_assert_mem_eq(&got.delegator, &publics[S], 32);
	ck_assert_mem_eq(&got.delegate, &publics[D], 32);
	ck_assert_mem_eq(&got.on_behalf, &publics[CN], 32);
	ck_assert(slice_is(got.delegator_id, "mtc.app.example") &&
	          slice_is(got.delegate_id, DEVICE_ID) &&
	          slice_is(got.on_behalf_id, "cn.sp1.example") && slice_is(got.scope, PLACE));
	ck_assert_int_eq(mpa_warrant_hash(octets_in(&w1), want.parent), RC_OK);
	ck_assert_mem_eq(got.parent, want.parent, DIGEST_SIZE);
}
END_TEST

START_TEST(every_bit_counts)
{
	struct mpa_octets w = w3;

	for (size_t i = 0; i < w.n; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			w.v[i] ^= (uint8_t)(1u << bit);
			ck_assert_int_ne(mpa_warrant_verify(octets_in(&w)), RC_OK);
			w.v[i] ^= (uint8_t)(1u << bit);
		}
	for (size_t n = 0; n < w.n; n++) {
		char *exact = malloc(n + 1);

		memcpy(exact, w.v, n);
		ck_assert_int_eq(mpa_warrant_verify(slice_make(exact, n)), RC_BAD_REQUEST);
		free(exact);
	}
	w.v[w.n] = 0;
	ck_assert_int_eq(mpa_warrant_verify(slice_make(w.v, w.n + 1)), RC_BAD_REQUEST);
	ck_assert_int_eq(mpa_warrant_verify(octets_in(&w)), RC_OK);
	/* The right key, for another purpose. */
	ck_assert_int_eq(sign_make(keys[S], SIGN_OWN, slice_make(w.v, w.n - 64), w.v + w.n - 64),
	                 RC_OK);
	ck_assert_int_eq(mpa_warrant_verify(octets_in(&w)), RC_FORBIDDEN);
}
END_TEST

/* Signed all the same: it is the form that is refused. */
START_TEST(other_forms)
{
	static const struct {
		unsigned at, n;
		uint64_t value;
	} rows[] = {
		{ 0, 1, 'X' },
		{ 3, 1, '2' },
		{ 4, 1, 0 },
		{ 4, 1, 4 },
		{ 5, 1, 4 },
		{ 6, 2, 309 },
		{ 6, 2, 311 },
		{ 6, 2, 0 },
		{ 24, 8, UNTIL },
		{ 24, 8, UNTIL + 1 },
		{ 40, 4, 0x80 },
		{ 40, 4, 0x80000002 },
		{ 172, 1, 0 },
		{ 172, 1, 14 },
		{ 172, 1, 16 },
		{ 172, 1, 255 },
		{ 173, 1, ' ' },
		{ 173, 1, 0x7f },
		{ 173, 1, 0 },
		{ 172 + 16, 1, 33 },
		{ 172 + 16 + 33, 1, 0 },
		{ 189, 1, ' ' },
		{ 222, 1, ' ' },
		{ 236, 1, 8 },
		{ 310 - 64 - 9, 1, '/' },
		{ 310 - 64 - 9, 1, '.' },
	};
	struct mpa_warrant got;

	for (size_t i = 0; i < NITEMS(rows); i++) {
		struct mpa_octets w = w3;

		be_put(w.v + rows[i].at, rows[i].value, rows[i].n);
		ck_assert_int_eq(sign_make(keys[S], SIGN_DELEGATE, slice_make(w.v, w.n - 64),
		                           w.v + w.n - 64),
		                 RC_OK);
		ck_assert_msg(mpa_warrant_parse(octets_in(&w), &got) == RC_BAD_REQUEST, "row %zu",
		              i);
	}
}
END_TEST

START_TEST(what_is_not_made)
{
	static char name[MPA_ID_MAX + 1];
	struct mpa_warrant w = warrant_of(S, D, CN);
	uint8_t out[MPA_WARRANT_MAX];
	size_t n;

	memset(name, 'a', sizeof(name));
	w.delegator_id = w.delegate_id = w.on_behalf_id = slice_make(name, MPA_ID_MAX);
	w.scope = slice_make(name, MPA_SCOPE_MAX);
	ck_assert_int_eq(mpa_warrant_make(&w, keys[S], out, &n), RC_OK);
	ck_assert_uint_eq(n, MPA_WARRANT_MAX);
	ck_assert_int_eq(mpa_warrant_verify(slice_make(out, n)), RC_OK);
	ck_assert_int_eq(mpa_warrant_make(&w, keys[CN], out, &n), RC_BAD_REQUEST);
	w.scope = slice_make(name, MPA_SCOPE_MAX + 1);
	ck_assert_int_eq(mpa_warrant_make(&w, keys[S], out, &n), RC_BAD_REQUEST);
	w = warrant_of(S, D, CN);
	w.delegate_id = slice_make(name, MPA_ID_MAX + 1);
	ck_assert_int_eq(mpa_warrant_make(&w, keys[S], out, &n), RC_BAD_REQUEST);
	w = warrant_of(S, D, CN);
	w.kind = (enum mpa_kind)0;
	ck_assert_int_eq(mpa_warrant_make(&w, keys[S], out, &n), RC_BAD_REQUEST);
	w = warrant_of(S, D, CN);
	w.delegate = (struct sign_public){ { 1 } };
	ck_assert_int_eq(mpa_warrant_make(&w, keys[S], out, &n), RC_BAD_REQUEST);
}
END_TEST

/* ---- issuing ---- */

static struct mpa_grant
grant(void)
{
	return (struct mpa_grant){ .kind = MPA_DEVICE,
		                   .rights = MPA_IS_DEVICE | MPA_MAY_READ,
		                   .not_before = FROM,
		                   .not_after = UNTIL,
		                   .delegate = publics[D],
		                   .delegate_id = SLICE_LIT(DEVICE_ID),
		                   .scope = SLICE_LIT(PLACE),
		                   .parent = octets_in(&w1) };
}

START_TEST(issued_under_a_parent)
{
	const struct mpa_anchor root = { publics[CN], SLICE_NONE };
	struct mpa_terms terms = { .roots = &root,
		                   .n_roots = 1,
		                   .kind = MPA_DEVICE,
		                   .rights = MPA_IS_DEVICE,
		                   .place = SLICE_LIT(PLACE),
		                   .now = NOW };
	struct mpa_grant g = grant();
	struct mpa_chain c;
	struct buf out;
	uint8_t serial[MPA_SERIAL_SIZE];

	buf_init(&out, MPA_CHAIN_MAX);
	for (unsigned i = 0; i < 2; i++) {
		buf_clear(&out);
		buf_add(&out, w1.v, w1.n);
		ck_assert_int_eq(mpa_warrant_issue(&g, keys[S], NULL, &out, &cause), RC_OK);
		ck_assert_int_eq(mpa_chain_check(buf_view(&out), &terms, &c, &cause), RC_OK);
		ck_assert(i == 0 || memcmp(serial, c.last->serial, sizeof(serial)) != 0);
		memcpy(serial, c.last->serial, sizeof(serial));
	}
	g.parent = SLICE_NONE;
	g.issuer_id = SLICE_LIT("mtc.app.example");
	buf_clear(&out);
	ck_assert_int_eq(mpa_warrant_issue(&g, keys[S], NULL, &out, &cause), RC_OK);
	ck_assert_int_eq(mpa_warrant_verify(buf_view(&out)), RC_OK);
	buf_fini(&out);
}
END_TEST

static void
no_issue(const struct mpa_grant *g, enum mpa_party issuer, enum mpa_cause why)
{
	struct buf out;

	buf_init(&out, MPA_CHAIN_MAX);
	ck_assert_int_eq(mpa_warrant_issue(g, keys[issuer], NULL, &out, &cause), mpa_cause_rc(why));
	ck_assert_int_eq(cause, why);
	ck_assert_uint_eq(out.n, 0);
	buf_fini(&out);
}

START_TEST(what_is_not_issued)
{
	struct mpa_grant g = grant();

	g.depth = 1;
	no_issue(&g, S, MPA_DEPTH);
	g = grant();
	g.not_after = AGREED_UNTIL + 1;
	no_issue(&g, S, MPA_PARENT_TIME);
	g = grant();
	g.not_before = FROM - 1;
	no_issue(&g, S, MPA_PARENT_TIME);
	no_issue(&g, CN, MPA_DELEGATOR);
	g = grant();
	g.parent = octets_in(&w3);
	no_issue(&g, D, MPA_KIND);
	g.parent = SLICE_LIT("no warrant");
	no_issue(&g, S, MPA_FORM);
	g = grant();
	g.scope = SLICE_LIT("a/b");
	no_issue(&g, S, MPA_FORM);
	g = grant();
	g.delegate = (struct sign_public){ { 0 } };
	no_issue(&g, S, MPA_FORM);
}
END_TEST

static enum rc
no_luck(void *arg, void *out, size_t n)
{
	(void)arg;
	memset(out, 0, n);
	return RC_INTERNAL;
}

START_TEST(issued_without_room_or_luck)
{
	const struct mpa_random broken = { no_luck, NULL };
	struct mpa_grant g = grant();
	struct buf out;

	buf_init(&out, 100);
	ck_assert_int_eq(mpa_warrant_issue(&g, keys[S], NULL, &out, &cause), RC_NO_SPACE);
	buf_fini(&out);
	buf_init(&out, MPA_CHAIN_MAX);
	ck_assert_int_eq(mpa_warrant_issue(&g, keys[S], &broken, &out, &cause), RC_INTERNAL);
	ck_assert_uint_eq(out.n, 0);
	buf_fini(&out);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("mpa_warrant");
	TCase *c = suite_case(s, "warrants", mpa_setup, mpa_teardown);

	tcase_add_test(c, the_vectors);
	tcase_add_test(c, what_is_read_is_what_was_written);
	tcase_add_test(c, every_bit_counts);
	tcase_add_test(c, other_forms);
	tcase_add_test(c, what_is_not_made);
	tcase_add_test(c, issued_under_a_parent);
	tcase_add_test(c, what_is_not_issued);
	tcase_add_test(c, issued_without_room_or_luck);
	return run_suite(s);
}
