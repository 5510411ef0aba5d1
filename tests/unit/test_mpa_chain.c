/* SPDX-License-Identifier: Apache-2.0 */
/* Every rule for chains: each is broken alone, in warrants that are all signed as they should be. */
#include "config.h"

#include "mpa_bed.h"

#define MAX 5u

/* The chain CN -> S -> D, or a longer one, before it is signed. */
struct plan {
	struct mpa_warrant w[MAX];
	size_t n;
	bool orphan; /* the last has another parent */
	/* what is asked */
	struct mpa_anchor roots[2];
	struct mpa_terms terms;
	struct mpa_octets octets;
	size_t at[MAX + 1]; /* where each begins */
};

static void
plan_init(struct plan *p)
{
	*p = (struct plan){ .w = { warrant_of(CN, S, CN), warrant_of(S, D, CN) }, .n = 2 };
	p->roots[0] = (struct mpa_anchor){ publics[S2], SLICE_NONE };
	p->roots[1] = (struct mpa_anchor){ publics[CN], SLICE_LIT("cn.sp1.example") };
	p->terms = (struct mpa_terms){ .roots = p->roots,
		                       .n_roots = 2,
		                       .kind = MPA_DEVICE,
		                       .rights = MPA_IS_DEVICE,
		                       .place = SLICE_LIT(PLACE),
		                       .now = NOW };
}

static void
plan_make(struct plan *p)
{
	struct mpa_octets one = { .n = 0 }, before;

	p->octets.n = 0;
	for (size_t i = 0; i < p->n; i++) {
		bool orphan = p->orphan && i + 1 == p->n;

		before = one;
		warrant_make(&p->w[i], (uint8_t)(i + 1),
		             i == 0   ? NULL
		             : orphan ? &w2
		                      : &before,
		             &one);
		p->at[i] = p->octets.n;
		chain_join(&p->octets, &one, &p->octets);
	}
	p->at[p->n] = p->octets.n;
}

/* As it is said, exactly: another cause would be another rule. */
static void
expect(struct plan *p, enum mpa_cause why)
{
	struct mpa_chain c;
	enum rc rc = mpa_chain_check(octets_in(&p->octets), &p->terms, &c, &cause);

	ck_assert_str_eq(mpa_cause_text(cause), mpa_cause_text(why));
	ck_assert_int_eq(rc, mpa_cause_rc(why));
	ck_assert_int_eq(mpa_chain_check(octets_in(&p->octets), &p->terms, &c, NULL), rc);
}

START_TEST(a_chain_that_holds)
{
	struct mpa_chain c;
	struct plan p;

	plan_init(&p);
	plan_make(&p);
	ck_assert_int_eq(mpa_chain_check(octets_in(&p.octets), &p.terms, &c, &cause), RC_OK);
	ck_assert(c.n == 2 && c.root == 1 && c.not_after == UNTIL && !c.known);
	ck_assert(slice_is(c.last->delegate_id, DEVICE_ID));
	ck_assert(c.last == &c.link[1] && c.link[0].kind == MPA_AGREEMENT);
	ck_assert_mem_eq(p.octets.v, from_cn.v, 76);
	/* It may be of one link as well. */
	p.w[0] = warrant_of(CN, D, CN);
	p.n = 1;
	plan_make(&p);
	expect(&p, MPA_FINE);
}
END_TEST

/* ---- rules that one change breaks ---- */

static void
no_root(struct plan *p)
{
	p->terms.n_roots = 1;
}

static void
another_name_of_root(struct plan *p)
{
	p->w[0].delegator_id = p->w[0].on_behalf_id = p->w[1].on_behalf_id =
		SLICE_LIT("cn.sp2.example");
}

static void
another_parent(struct plan *p)
{
	p->orphan = true;
}

static void
another_delegator(struct plan *p)
{
	p->w[1].delegator = publics[S2];
}

static void
another_name_of_delegator(struct plan *p)
{
	p->w[1].delegator_id = SLICE_LIT("other.example");
}

static void
root_for_another(struct plan *p)
{
	p->w[0].on_behalf = p->w[1].on_behalf = publics[S2];
}

static void
root_for_another_name(struct plan *p)
{
	p->w[0].on_behalf_id = p->w[1].on_behalf_id = SLICE_LIT("other.example");
}

static void
link_for_another(struct plan *p)
{
	p->w[1].on_behalf = publics[S];
}

static void
link_for_another_name(struct plan *p)
{
	p->w[1].on_behalf_id = SLICE_LIT("mtc.app.example");
}

static void
same_depth(struct plan *p)
{
	p->w[1].depth = 1;
}

static void
deeper(struct plan *p)
{
	p->w[1].depth = 2;
}

static void
no_depth_left(struct plan *p)
{
	p->w[0].depth = 0;
}

static void
before_its_parent(struct plan *p)
{
	p->w[1].not_before = FROM - 1;
}

static void
after_its_parent(struct plan *p)
{
	p->w[1].not_after = AGREED_UNTIL + 1;
}

static void
may_not_certify(struct plan *p)
{
	p->w[0].rights = MPA_MAY_READ;
}

static void
no_device(struct plan *p)
{
	p->w[1].rights = MPA_IS_AP;
}

static void
one_right_of_two(struct plan *p)
{
	p->terms.rights = MPA_IS_DEVICE | MPA_MAY_WRITE;
}

static void
no_agreement(struct plan *p)
{
	p->w[0].kind = MPA_DEVICE;
}

static void
not_of_a_device(struct plan *p)
{
	p->w[1].kind = MPA_ACCESS_POINT;
}

static void
wider(struct plan *p)
{
	p->w[0].scope = SLICE_LIT(PLACE);
	p->w[1].scope = SLICE_LIT("*");
}

static void
another_scope(struct plan *p)
{
	p->w[0].scope = SLICE_LIT("gscl-0103");
}

static void
another_place(struct plan *p)
{
	p->terms.place = SLICE_LIT("gscl-0103");
}

static void
another_group(struct plan *p)
{
	static const struct slice groups[] = { SLICE_INIT("a1a2a3a4a5a6a7a9") };

	p->w[1].scope = SLICE_LIT("a1a2a3a4a5a6a7a8");
	p->terms.groups = groups;
	p->terms.n_groups = 1;
}

START_TEST(each_rule_alone)
{
	static const struct {
		void (*change)(struct plan *p);
		enum mpa_cause why;
	} rows[] = {
		{ no_root, MPA_ROOT },
		{ another_name_of_root, MPA_ROOT },
		{ another_parent, MPA_PARENT },
		{ another_delegator, MPA_DELEGATOR },
		{ another_name_of_delegator, MPA_DELEGATOR },
		{ root_for_another, MPA_ON_BEHALF },
		{ root_for_another_name, MPA_ON_BEHALF },
		{ link_for_another, MPA_ON_BEHALF },
		{ link_for_another_name, MPA_ON_BEHALF },
		{ same_depth, MPA_DEPTH },
		{ deeper, MPA_DEPTH },
		{ no_depth_left, MPA_DEPTH },
		{ before_its_parent, MPA_PARENT_TIME },
		{ after_its_parent, MPA_PARENT_TIME },
		{ may_not_certify, MPA_RIGHTS },
		{ no_device, MPA_RIGHTS },
		{ one_right_of_two, MPA_RIGHTS },
		{ no_agreement, MPA_KIND },
		{ not_of_a_device, MPA_KIND },
		{ wider, MPA_SCOPE },
		{ another_scope, MPA_SCOPE },
		{ another_place, MPA_SCOPE },
		{ another_group, MPA_SCOPE },
	};
	struct plan p;

	plan_init(&p);
	rows[_i].change(&p);
	plan_make(&p);
	expect(&p, rows[_i].why);
	ck_assert_uint_eq(NITEMS(rows), 23);
}
END_TEST

/* A warrant that was made below another is no root, whoever has made it. */
START_TEST(a_root_with_a_parent)
{
	struct mpa_warrant w = warrant_of(CN, D, CN);
	struct plan p;

	plan_init(&p);
	warrant_make(&w, 9, &w2, &p.octets);
	expect(&p, MPA_ROOT);
}
END_TEST

START_TEST(a_scope_that_has_the_place)
{
	static const struct slice groups[] = { SLICE_INIT("0000000000000001"),
		                               SLICE_INIT("a1a2a3a4a5a6a7a8") };
	struct plan p;

	plan_init(&p);
	p.w[1].scope = SLICE_LIT("*");
	plan_make(&p);
	expect(&p, MPA_FINE);
	p.w[0].scope = p.w[1].scope = SLICE_LIT("a1a2a3a4a5a6a7a8");
	p.terms.groups = groups;
	p.terms.n_groups = 2;
	plan_make(&p);
	expect(&p, MPA_FINE);
	p.terms.n_groups = 1;
	expect(&p, MPA_SCOPE);
	/* Without a place: where the last one stands. */
	p.w[0] = warrant_of(CN, AP, CN);
	p.n = 1;
	p.terms.place = SLICE_NONE;
	p.terms.kind = MPA_ACCESS_POINT;
	p.terms.rights = MPA_IS_AP;
	plan_make(&p);
	expect(&p, MPA_FINE);
	p.w[0] = warrant_of(CN, AP2, CN);
	p.w[0].scope = SLICE_LIT(PLACE);
	plan_make(&p);
	expect(&p, MPA_SCOPE);
}
END_TEST

START_TEST(times_around_now)
{
	static const struct {
		int64_t now;
		enum mpa_cause why;
	} rows[] = {
		{ (int64_t)FROM - MPA_TOLERANCE - 1, MPA_TIME },
		{ (int64_t)FROM - MPA_TOLERANCE, MPA_FINE },
		{ (int64_t)FROM, MPA_FINE },
		{ (int64_t)UNTIL + MPA_TOLERANCE, MPA_FINE },
		{ (int64_t)UNTIL + MPA_TOLERANCE + 1, MPA_TIME },
		{ (int64_t)AGREED_UNTIL + MPA_TOLERANCE + 1, MPA_TIME },
		{ INT64_MAX, MPA_TIME },
		{ 0, MPA_TIME },
		{ -1, MPA_TIME },
	};
	struct plan p;

	plan_init(&p);
	plan_make(&p);
	for (size_t i = 0; i < NITEMS(rows); i++) {
		p.terms.now = rows[i].now;
		expect(&p, rows[i].why);
	}
	/* Without an end that a clock reaches. */
	p.w[0].not_before = p.w[1].not_before = 0;
	p.w[0].not_after = p.w[1].not_after = UINT64_MAX;
	plan_make(&p);
	p.terms.now = -1;
	expect(&p, MPA_FINE);
	p.terms.now = INT64_MAX;
	expect(&p, MPA_FINE);
}
END_TEST

/* ---- longer ones ---- */

/* CN -> S -> S2 -> D2 -> D, of which all but the last certify. */
static void
plan_long(struct plan *p, size_t n)
{
	static const enum mpa_party who[] = { CN, S, S2, D2, AP2, D };

	plan_init(p);
	p->n = n;
	for (size_t i = 0; i < n; i++) {
		enum mpa_party to = i + 1 == n ? D : who[i + 1];
		struct mpa_warrant w = warrant_of(who[i], to, CN);

		if (i + 1 < n) {
			w.kind = MPA_AGREEMENT;
			w.rights = MPA_MAY_CERTIFY;
			w.depth = (uint8_t)(n - 1 - i);
			w.scope = SLICE_LIT("*");
			w.not_after = AGREED_UNTIL;
		}
		p->w[i] = w;
	}
}

START_TEST(up_to_four_links)
{
	struct plan p;

	for (size_t n = 1; n <= 4; n++) {
		plan_long(&p, n);
		plan_make(&p);
		expect(&p, MPA_FINE);
	}
	/* Five would need a depth that there is not. */
	plan_long(&p, 4);
	plan_make(&p);
	chain_join(&p.octets, &w3, &p.octets);
	expect(&p, MPA_LINKS);
	p.octets.n = 0;
	expect(&p, MPA_LINKS);
}
END_TEST

static bool
serial_is(void *arg, const struct mpa_serial *serial)
{
	const struct mpa_serial *wanted = arg;

	return memcmp(wanted, serial, sizeof(*wanted)) == 0;
}

START_TEST(each_link_can_be_revoked)
{
	struct mpa_serial gone;
	const struct mpa_revocations list = { serial_is, &gone };
	struct plan p;

	plan_long(&p, 4);
	plan_make(&p);
	p.terms.revocations = &list;
	for (uint8_t i = 0; i < 4; i++) {
		gone.issuer = p.w[i].delegator;
		memset(gone.v, i + 1, sizeof(gone.v));
		expect(&p, MPA_REVOKED);
		/* The same number of somebody else. */
		gone.issuer = publics[AP];
		expect(&p, MPA_FINE);
	}
}
END_TEST

START_TEST(a_link_taken_away_or_swapped)
{
	struct plan p;
	struct mpa_octets all;

	plan_long(&p, 4);
	plan_make(&p);
	all = p.octets;
	for (size_t i = 0; i < 4; i++) {
		static const enum mpa_cause why[] = { MPA_ROOT, MPA_PARENT, MPA_PARENT, MPA_KIND };

		p.octets = all;
		memmove(p.octets.v + p.at[i], all.v + p.at[i + 1], all.n - p.at[i + 1]);
		p.octets.n -= p.at[i + 1] - p.at[i];
		expect(&p, why[i]);
	}
	/* The second and third, the other way round. */
	p.octets.n = p.at[1];
	memcpy(p.octets.v + p.octets.n, all.v + p.at[2], p.at[3] - p.at[2]);
	p.octets.n += p.at[3] - p.at[2];
	memcpy(p.octets.v + p.octets.n, all.v + p.at[1], p.at[2] - p.at[1]);
	memcpy(p.octets.v + p.at[3], all.v + p.at[3], all.n - p.at[3]);
	p.octets.n = all.n;
	expect(&p, MPA_PARENT);
}
END_TEST

/* Who has a credential cannot hand it on. */
START_TEST(a_device_that_certifies)
{
	struct mpa_warrant w = warrant_of(D, D2, CN);
	struct mpa_octets one;
	struct plan p;

	plan_init(&p);
	plan_make(&p);
	warrant_make(&w, 8, &w3, &one);
	chain_join(&p.octets, &one, &p.octets);
	/* The parent of the third is w3 of the fixture, the same octets but for serial numbers. */
	p.octets = from_cn;
	chain_join(&p.octets, &one, &p.octets);
	expect(&p, MPA_DEPTH);
}
END_TEST

/* ---- signatures ---- */

START_TEST(each_signature_is_verified)
{
	struct plan p;

	plan_long(&p, 4);
	plan_make(&p);
	for (size_t i = 0; i < 4; i++) {
		uint8_t *last = &p.octets.v[p.at[i + 1] - 1];

		/* The next one's parent is another then; the last has none after it. */
		*last ^= 0x10;
		expect(&p, i == 3 ? MPA_LINK_SIGNED : MPA_PARENT);
		*last ^= 0x10;
	}
	plan_init(&p);
	p.n = 1;
	p.w[0] = warrant_of(CN, D, CN);
	plan_make(&p);
	for (size_t i = 0; i < 64; i++) {
		p.octets.v[p.octets.n - 1 - i] ^= (uint8_t)(1u << i % 8);
		expect(&p, MPA_LINK_SIGNED);
		p.octets.v[p.octets.n - 1 - i] ^= (uint8_t)(1u << i % 8);
	}
}
END_TEST

/* The first was never signed by its delegator; all that follows is right. */
START_TEST(a_forged_root)
{
	struct mpa_warrant w = warrant_of(S, D, CN);
	struct mpa_octets one = w1, two;
	struct plan p;

	plan_init(&p);
	ck_assert_int_eq(sign_make(keys[S2], SIGN_DELEGATE, slice_make(one.v, one.n - SIGN_SIZE),
	                           one.v + one.n - SIGN_SIZE),
	                 RC_OK);
	warrant_make(&w, 3, &one, &two);
	chain_join(&one, &two, &p.octets);
	expect(&p, MPA_LINK_SIGNED);
}
END_TEST

START_TEST(weak_keys)
{
	static const size_t at[] = { 76, 108, 140 };
	struct plan p;

	for (size_t i = 0; i < NITEMS(at); i++) {
		plan_init(&p);
		p.w[0] = warrant_of(CN, D, CN);
		p.n = 1;
		plan_make(&p);
		memset(p.octets.v + at[i], 0, SIGN_PUBLIC_SIZE);
		if (at[i] != 108) {
			memset(p.octets.v + 76, 0, SIGN_PUBLIC_SIZE);
			memset(p.octets.v + 140, 0, SIGN_PUBLIC_SIZE);
			memset(&p.roots[1].key, 0, sizeof(p.roots[1].key));
		}
		/* The signature of a point of small order that fits everything. */
		memset(p.octets.v + p.octets.n - SIGN_SIZE, 0, SIGN_SIZE);
		expect(&p, MPA_WEAK_KEY);
		ck_assert_int_eq(mpa_warrant_verify(octets_in(&p.octets)), RC_FORBIDDEN);
	}
}
END_TEST

/* ---- the cache ---- */

static void
hash_n(unsigned n, uint8_t hash[DIGEST_SIZE])
{
	memset(hash, 0, DIGEST_SIZE);
	hash[7] = (uint8_t)n;
	hash[31] = (uint8_t)(n >> 8);
}

START_TEST(what_a_cache_keeps)
{
	uint8_t hash[DIGEST_SIZE];
	struct mpa_cache *cache;
	struct buf out;

	ck_assert_int_eq(mpa_cache_new(0, &cache), RC_OK);
	buf_init(&out, 1000);
	hash_n(0, hash);
	ck_assert_int_eq(mpa_cache_get(cache, hash, &out), RC_NOT_FOUND);
	for (unsigned i = 0; i < MPA_CACHE_MIN; i++) {
		hash_n(i, hash);
		mpa_cache_put(cache, hash, slice_make(&i, sizeof(i)));
		mpa_cache_put(cache, hash, slice_make(&i, sizeof(i)));
	}
	hash_n(0, hash);
	ck_assert(mpa_cache_has(cache, hash)); /* now 1 is the oldest */
	hash_n(100, hash);
	mpa_cache_put(cache, hash, SLICE_LIT("a hundred"));
	for (unsigned i = 0; i < MPA_CACHE_MIN; i++) {
		hash_n(i, hash);
		ck_assert(mpa_cache_has(cache, hash) == (i != 1));
	}
	hash_n(100, hash);
	ck_assert_int_eq(mpa_cache_get(cache, hash, &out), RC_OK);
	ck_assert(slice_is(buf_view(&out), "a hundred"));
	buf_fini(&out);
	buf_init(&out, 3);
	ck_assert_int_eq(mpa_cache_get(cache, hash, &out), RC_NO_SPACE);
	buf_fini(&out);
	mpa_cache_free(cache);
	ck_assert(!mpa_cache_has(NULL, hash));
	ck_assert_int_eq(mpa_cache_get(NULL, hash, &out), RC_NOT_FOUND);
	mpa_cache_put(NULL, hash, SLICE_LIT("x"));
	mpa_cache_free(NULL);
	ck_assert_int_eq(mpa_cache_new(SIZE_MAX, &cache), RC_OK);
	mpa_cache_free(cache);
}
END_TEST

START_TEST(a_chain_from_the_cache)
{
	struct mpa_cache *cache;
	struct mpa_chain c;
	struct plan p;

	plan_init(&p);
	plan_make(&p);
	ck_assert_int_eq(mpa_cache_new(8, &cache), RC_OK);
	p.terms.cache = cache;
	ck_assert_int_eq(mpa_chain_check(octets_in(&p.octets), &p.terms, &c, &cause), RC_OK);
	ck_assert(!c.known && !mpa_cache_has(cache, c.hash));
	mpa_cache_put(cache, c.hash, octets_in(&p.octets));
	ck_assert_int_eq(mpa_chain_check(octets_in(&p.octets), &p.terms, &c, &cause), RC_OK);
	ck_assert(c.known);
	/* One octet in the last signature: it is another chain. */
	p.octets.v[p.octets.n - 1] ^= 1;
	expect(&p, MPA_LINK_SIGNED);
	mpa_cache_free(cache);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("mpa_chain");
	TCase *c = suite_case(s, "chains", mpa_setup, mpa_teardown);

	tcase_add_test(c, a_chain_that_holds);
	tcase_add_loop_test(c, each_rule_alone, 0, 23);
	tcase_add_test(c, a_root_with_a_parent);
	tcase_add_test(c, a_scope_that_has_the_place);
	tcase_add_test(c, times_around_now);
	tcase_add_test(c, up_to_four_links);
	tcase_add_test(c, each_link_can_be_revoked);
	tcase_add_test(c, a_link_taken_away_or_swapped);
	tcase_add_test(c, a_device_that_certifies);
	tcase_add_test(c, each_signature_is_verified);
	tcase_add_test(c, a_forged_root);
	tcase_add_test(c, weak_keys);
	tcase_add_test(c, what_a_cache_keeps);
	tcase_add_test(c, a_chain_from_the_cache);
	return run_suite(s);
}
