/* SPDX-License-Identifier: Apache-2.0 */
/* What a device of group authentication keeps: over restarts, for each root key, and what was changed in it. */
#include "config.h"

#include "cap/gaka/gaka_ue_own.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "suite.h"

#define STATE SLICE_LIT("what was answered")

static char dir[256];
static struct key seal;
static enum rc book_rc;
static const struct key root = { { 1 } }, other_root = { { 2 } };
static struct ue_book book;

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static enum rc
give_book(void *arg, const char *name, struct key *key, char *to, size_t n)
{
	(void)arg;
	ck_assert_str_eq(name, GAKA_BOOK);
	*key = seal;
	snprintf(to, n, "%s/book", dir);
	return book_rc;
}

static enum rc
open_book(const struct key *ka)
{
	struct sec_access sec = sec_access_none;
	struct capability_conf conf = { .sec = &sec, .gaka = { .engine = &store_lmdb } };
	char why[CAPABILITY_WHY_MAX] = "";
	enum rc rc;

	sec.book = give_book;
	memset(&book, 0, sizeof(book));
	rc = ue_book_open(&book, &conf, why);
	return rc == RC_OK ? ue_book_root(&book, ka) : rc;
}

static void
again(const struct key *ka)
{
	ue_book_close(&book);
	ck_assert_int_eq(open_book(ka), RC_OK);
}

static void
setup(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, sizeof(dir), "%s/test-gaka-XXXXXX", tmp == NULL ? "/tmp" : tmp);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	seal = (struct key){ { 7 } };
	book_rc = RC_OK;
	ck_assert_int_eq(open_book(&root), RC_OK);
}

static void
teardown(void)
{
	ue_book_close(&book);
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void
expect_state(enum rc rc, struct slice state)
{
	struct buf b;

	buf_init(&b, GAKA_STATE_MAX + 1);
	ck_assert_int_eq(ue_book_state(&book, &b), rc);
	ck_assert(slice_eq(buf_view(&b), state));
	buf_fini(&b);
}

/* ---- the state ---- */

START_TEST(kept)
{
	static uint8_t longest[GAKA_STATE_MAX];

	expect_state(RC_OK, SLICE_NONE);
	ck_assert_int_eq(ue_book_keep(&book, STATE), RC_OK);
	expect_state(RC_OK, STATE);
	again(&root);
	expect_state(RC_OK, STATE);
	memset(longest, 0x5a, sizeof(longest));
	ck_assert_int_eq(ue_book_keep(&book, slice_make(longest, sizeof(longest))), RC_OK);
	again(&root);
	expect_state(RC_OK, slice_make(longest, sizeof(longest)));
}
END_TEST

/* A root that comes back finds what was answered under it. */
START_TEST(of_a_root)
{
	ck_assert_int_eq(ue_book_keep(&book, STATE), RC_OK);
	again(&other_root);
	expect_state(RC_OK, SLICE_NONE);
	ck_assert_int_eq(ue_book_keep(&book, SLICE_LIT("of another")), RC_OK);
	again(&root);
	expect_state(RC_OK, STATE);
}
END_TEST

START_TEST(sealed)
{
	ck_assert_int_eq(ue_book_keep(&book, STATE), RC_OK);
	seal.v[31] ^= 1;
	again(&root);
	expect_state(RC_PRECONDITION, SLICE_NONE);
	seal.v[31] ^= 1;
	again(&root);
	expect_state(RC_OK, STATE);
}
END_TEST

/* Puts what change has made of the state's record in its place. */
static void
tamper(bool (*change)(uint8_t *octets, size_t *n))
{
	struct table_key k = table_key_of('S', book.print, sizeof(book.print));
	uint8_t octets[4096];
	struct tables_tx *tx;
	struct slice val;
	size_t n;

	ck_assert_int_eq(tables_begin(&book.tables, &tx), RC_OK);
	ck_assert_int_eq(tables_get(tx, table_key_view(&k), &val), RC_OK);
	ck_assert_uint_le(val.n, sizeof(octets));
	n = val.n;
	memcpy(octets, val.p, n);
	ck_assert(change(octets, &n));
	ck_assert_int_eq(tables_put(tx, table_key_view(&k), slice_make(octets, n)), RC_OK);
	ck_assert_int_eq(tables_commit(tx), RC_OK);
}

static bool
flip_last(uint8_t *octets, size_t *n)
{
	octets[*n - 1] ^= 1;
	return true;
}

static bool
flip_nonce(uint8_t *octets, size_t *n)
{
	(void)n;
	octets[0] ^= 1;
	return true;
}

static bool
cut(uint8_t *octets, size_t *n)
{
	(void)octets;
	*n = 20;
	return true;
}

START_TEST(tampered)
{
	static bool (*const changes[])(uint8_t * octets, size_t * n) = { flip_last, flip_nonce,
		                                                         cut };

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		ck_assert_int_eq(ue_book_keep(&book, STATE), RC_OK);
		tamper(changes[i]);
		expect_state(RC_PRECONDITION, SLICE_NONE);
	}
}
END_TEST

/* A record of one root is none of another. */
START_TEST(moved)
{
	uint8_t print[UE_PRINT_BYTES], octets[256];
	struct table_key k;
	struct tables_tx *tx;
	struct slice val;
	size_t n;

	ck_assert_int_eq(ue_book_keep(&book, STATE), RC_OK);
	memcpy(print, book.print, sizeof(print));
	again(&other_root);
	k = table_key_of('S', print, sizeof(print));
	ck_assert_int_eq(tables_begin(&book.tables, &tx), RC_OK);
	ck_assert_int_eq(tables_get(tx, table_key_view(&k), &val), RC_OK);
	n = val.n;
	ck_assert_uint_le(n, sizeof(octets));
	memcpy(octets, val.p, n);
	k = table_key_of('S', book.print, sizeof(book.print));
	ck_assert_int_eq(tables_put(tx, table_key_view(&k), slice_make(octets, n)), RC_OK);
	ck_assert_int_eq(tables_commit(tx), RC_OK);
	expect_state(RC_PRECONDITION, SLICE_NONE);
}
END_TEST

/* ---- the keys of groups ---- */

static void
fill(struct mas_group_keys *k, unsigned n)
{
	memset(k, 0, sizeof(*k));
	k->n = n;
	for (unsigned i = 0; i < n; i++) {
		k->all[i] = (struct mas_group_key){ .gid = UINT64_MAX - i,
			                            .epoch = i + 2,
			                            .window = UINT16_MAX };
		memset(k->all[i].gak.v, (int)i + 1, KEY_BYTES);
		k->all[i].previous_epoch = i % 2 == 0 ? i + 1 : 0;
		k->all[i].previous_until = i % 2 == 0 ? INT64_MAX : 0;
	}
}

START_TEST(groups)
{
	static struct mas_group_keys k, got;

	got.n = 3;
	ck_assert_int_eq(ue_book_groups(&book, &got), RC_OK);
	ck_assert_uint_eq(got.n, 0);
	fill(&k, MAS_NODE_GROUPS_MAX);
	ck_assert_int_eq(ue_book_keep_groups(&book, &k), RC_OK);
	again(&root);
	ck_assert_int_eq(ue_book_groups(&book, &got), RC_OK);
	ck_assert_uint_eq(got.n, k.n);
	for (unsigned i = 0; i < k.n; i++) {
		ck_assert_uint_eq(got.all[i].gid, k.all[i].gid);
		ck_assert_uint_eq(got.all[i].epoch, k.all[i].epoch);
		ck_assert_uint_eq(got.all[i].window, k.all[i].window);
		ck_assert_mem_eq(got.all[i].gak.v, k.all[i].gak.v, KEY_BYTES);
		ck_assert_uint_eq(got.all[i].previous_epoch, k.all[i].previous_epoch);
		ck_assert_int_eq(got.all[i].previous_until, k.all[i].previous_until);
	}
	fill(&k, 0);
	ck_assert_int_eq(ue_book_keep_groups(&book, &k), RC_OK);
	ck_assert_int_eq(ue_book_groups(&book, &got), RC_OK);
	ck_assert_uint_eq(got.n, 0);
	expect_state(RC_OK, SLICE_NONE);
}
END_TEST

/* ---- without a place ---- */

START_TEST(no_place)
{
	ue_book_close(&book);
	book_rc = RC_NOT_FOUND;
	ck_assert_int_eq(open_book(&root), RC_OK);
	ck_assert_int_eq(ue_book_keep(&book, STATE), RC_OK);
	expect_state(RC_OK, SLICE_NONE);
	ue_book_close(&book);
	book_rc = RC_INTERNAL;
	ck_assert_int_eq(open_book(&root), RC_INTERNAL);
}
END_TEST

static Suite *
book_suite(void)
{
	Suite *s = suite_create("gaka_ue_book");
	TCase *c = suite_case(s, "book", setup, teardown);

	tcase_add_test(c, kept);
	tcase_add_test(c, of_a_root);
	tcase_add_test(c, sealed);
	tcase_add_test(c, tampered);
	tcase_add_test(c, moved);
	tcase_add_test(c, groups);
	tcase_add_test(c, no_place);
	return s;
}

int
main(void)
{
	return run_suite(book_suite());
}
