/* SPDX-License-Identifier: Apache-2.0 */
/* The key store of a node: what is put there, what one change is, counters, threads. */
#include "config.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keystore_bed.h"

START_TEST(what_is_put_is_there_afterwards)
{
	struct keystore *ks;
	struct stat st;
	struct key k;

	fill();
	ck_assert_int_eq(stat(dir, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0700);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert_int_ne(access(temporary, F_OK), 0);
	ks = must_open();
	ck_assert_uint_eq(count(ks), 3);
	expect_key(ks, &kmr1, "mas=a", &secret);
	expect_key(ks, &kmr2, "mas=b", &kek);
	expect_key(ks, &kmc1, "", &secret);
	put(ks, &kmr1, "mas=c", &kek);
	ck_assert_uint_eq(take_away(ks, &kmr2), RC_OK);
	ck_assert_uint_eq(take_away(ks, &kmr2), RC_OK);
	keystore_close(ks);
	ks = must_open();
	ck_assert_uint_eq(count(ks), 2);
	expect_key(ks, &kmr1, "mas=c", &kek);
	k = secret;
	ck_assert_uint_eq(keystore_key(ks, &kmr2, &k), RC_NOT_FOUND);
	ck_assert(key_is_zero(&k));
	ck_assert_uint_eq(keystore_text(ks, &kmr2, NULL, NULL), RC_NOT_FOUND);
	keystore_close(ks);
}
END_TEST

static bool
note(void *arg, const struct keystore_item *item)
{
	struct buf *b = arg;

	buf_printf(b, "%u.%u ", item->id.type, item->id.index);
	return b->n < 12;
}

START_TEST(records_are_visited_in_order)
{
	struct keystore *ks;
	struct buf b;

	fill();
	ks = must_open();
	buf_init(&b, 100);
	keystore_each(ks, 0, note, &b);
	ck_assert(slice_is(buf_view(&b), "1.1 1.2 2.1 "));
	buf_clear(&b);
	keystore_each(ks, KS_KMC, note, &b);
	ck_assert(slice_is(buf_view(&b), "2.1 "));
	buf_clear(&b);
	keystore_each(ks, KS_COUNTER, note, &b);
	ck_assert_uint_eq(b.n, 0);
	buf_fini(&b);
	keystore_close(ks);
}
END_TEST

/* Neither the keys nor anything like them is in the file in clear. */
START_TEST(the_file_has_no_secret_in_clear)
{
	static char file[10000];
	FILE *f;
	size_t n;

	fill();
	f = fopen(path, "rb");
	n = fread(file, 1, sizeof(file), f);
	fclose(f);
	ck_assert_uint_gt(n, 3 * RECORD_FIXED);
	ck_assert_ptr_null(memmem(file, n, secret.v, 8));
	ck_assert_ptr_null(memmem(file, n, kek.v, 8));
	ck_assert_ptr_nonnull(memmem(file, n, "mas=a", 5));
}
END_TEST

START_TEST(several_changes_are_one)
{
	static char large[RECORD_SECRET_MAX + 1];
	struct keystore_change changes[] = {
		{ { kmr1, 1700000000, SLICE_INIT("x") }, { NULL, 0 } },
		{ { kmr1, 1700000000, SLICE_INIT("y") }, { NULL, 0 } },
		{ { .id = kmr2 }, { NULL, 0 } },
		{ { kmc1, 1700000000, SLICE_INIT("") }, { NULL, 0 } },
	};
	struct keystore *ks;
	struct key k;

	fill();
	ks = must_open();
	changes[0].secret = changes[1].secret = key_slice(&kek);
	changes[3].secret = slice_make(large, sizeof(large));
	ck_assert_uint_eq(keystore_apply(ks, changes, NITEMS(changes)), RC_BAD_REQUEST);
	ck_assert_uint_eq(count(ks), 3);
	expect_key(ks, &kmr1, "mas=a", &secret);
	changes[3].secret = key_slice(&kek);
	ck_assert_uint_eq(keystore_apply(ks, changes, NITEMS(changes)), RC_OK);
	ck_assert_uint_eq(count(ks), 2);
	keystore_close(ks);
	ks = must_open();
	expect_key(ks, &kmr1, "y", &kek);
	expect_key(ks, &kmc1, "", &kek);
	ck_assert_uint_eq(keystore_key(ks, &kmr2, &k), RC_NOT_FOUND);
	keystore_close(ks);
}
END_TEST

START_TEST(changes_have_limits)
{
	static char text[KEYSTORE_TEXT_MAX + 1];
	struct keystore *ks = must_open();
	struct keystore_item item = { .id = { 0, 1, SLICE_INIT("n") } };
	uint8_t out[10];
	struct key k;
	size_t n = 1;

	ck_assert_uint_eq(keystore_put(ks, &item, SLICE_LIT("s")), RC_BAD_REQUEST);
	item.id.type = 200;
	ck_assert_uint_eq(keystore_put(ks, &item, SLICE_NONE), RC_BAD_REQUEST);
	item.id.name = SLICE_NONE;
	ck_assert_uint_eq(keystore_put(ks, &item, SLICE_LIT("s")), RC_BAD_REQUEST);
	item.id.name = slice_make(text, KEYSTORE_NAME_MAX + 1);
	ck_assert_uint_eq(keystore_put(ks, &item, SLICE_LIT("s")), RC_BAD_REQUEST);
	item.id.name = slice_make(text, KEYSTORE_NAME_MAX);
	item.text = slice_make(text, KEYSTORE_TEXT_MAX + 1);
	ck_assert_uint_eq(keystore_put(ks, &item, SLICE_LIT("s")), RC_BAD_REQUEST);
	item.text = slice_make(text, KEYSTORE_TEXT_MAX);
	ck_assert_uint_eq(keystore_put(ks, &item, SLICE_LIT("0123456789")), RC_OK);
	ck_assert_uint_eq(keystore_secret(ks, &item.id, out, 9, &n), RC_TOO_LARGE);
	ck_assert_uint_eq(n, 0);
	ck_assert_uint_eq(keystore_secret(ks, &item.id, out, 10, &n), RC_OK);
	ck_assert_uint_eq(n, 10);
	ck_assert_uint_eq(keystore_key(ks, &item.id, &k), RC_PRECONDITION);
	keystore_close(ks);
	ck_assert_uint_eq(try_open(), RC_OK);
}
END_TEST

START_TEST(a_store_is_full_at_its_limit)
{
	static struct keystore_change changes[KEYSTORE_ITEMS_MAX + 1];
	struct keystore *ks = must_open();

	for (uint32_t i = 0; i <= KEYSTORE_ITEMS_MAX; i++)
		changes[i] = (struct keystore_change){ { { 9, i, SLICE_INIT("n") }, 0, SLICE_NONE },
			                                   SLICE_INIT("s") };
	ck_assert_uint_eq(keystore_apply(ks, changes, KEYSTORE_ITEMS_MAX + 1), RC_NO_SPACE);
	ck_assert_uint_eq(count(ks), 0);
	ck_assert_uint_eq(keystore_apply(ks, changes, KEYSTORE_ITEMS_MAX), RC_OK);
	ck_assert_uint_eq(keystore_apply(ks, changes + KEYSTORE_ITEMS_MAX, 1), RC_NO_SPACE);
	ck_assert_uint_eq(keystore_apply(ks, changes + 5, 1), RC_OK);
	keystore_close(ks);
	ks = must_open();
	ck_assert_uint_eq(count(ks), KEYSTORE_ITEMS_MAX);
	keystore_close(ks);
}
END_TEST

START_TEST(counters_never_go_back)
{
	struct keystore *ks = must_open();
	uint64_t v = 9;

	ck_assert_uint_eq(keystore_counter(ks, &seq, &v), RC_OK);
	ck_assert_uint_eq(v, 0);
	ck_assert_uint_eq(keystore_counter_raise(ks, &seq, 0), RC_CONFLICT);
	ck_assert_uint_eq(keystore_counter_raise(ks, &seq, 2000), RC_OK);
	keystore_close(ks);
	ks = must_open();
	ck_assert_uint_eq(keystore_counter(ks, &seq, &v), RC_OK);
	ck_assert_uint_eq(v, 2000);
	ck_assert_uint_eq(keystore_counter_raise(ks, &seq, 2000), RC_CONFLICT);
	ck_assert_uint_eq(keystore_counter_raise(ks, &seq, 1), RC_CONFLICT);
	ck_assert_uint_eq(keystore_counter_raise(ks, &seq, UINT64_MAX), RC_OK);
	ck_assert_uint_eq(keystore_counter_raise(ks, &seq, UINT64_MAX), RC_CONFLICT);
	ck_assert_uint_eq(keystore_counter(ks, &seq, &v), RC_OK);
	ck_assert_uint_eq(v, UINT64_MAX);
	keystore_close(ks);
}
END_TEST

/* ---- threads ---- */

#define RAISERS 4
#define RAISES 25

struct raiser {
	struct keystore *ks;
	bool read_well;
	bool mine[RAISES + 1]; /* the numbers that this one has raised the counter to */
};

static void *
raise_numbers(void *arg)
{
	struct raiser *r = arg;
	struct key k;

	r->read_well = true;
	for (uint64_t v = 1; v <= RAISES; v++) {
		r->mine[v] = keystore_counter_raise(r->ks, &seq, v) == RC_OK;
		if (keystore_key(r->ks, &kmr1, &k) != RC_OK || !key_equal(&k, &secret))
			r->read_well = false;
	}
	return NULL;
}

START_TEST(of_several_threads_one_raises_a_counter)
{
	static struct raiser raisers[RAISERS];
	pthread_t threads[RAISERS];
	struct keystore *ks;
	uint64_t value;

	fill();
	ks = must_open();
	for (size_t i = 0; i < RAISERS; i++) {
		raisers[i].ks = ks;
		ck_assert_int_eq(pthread_create(&threads[i], NULL, raise_numbers, &raisers[i]), 0);
	}
	for (size_t i = 0; i < RAISERS; i++) {
		pthread_join(threads[i], NULL);
		ck_assert(raisers[i].read_well);
	}
	for (uint64_t v = 1; v <= RAISES; v++) {
		unsigned n = 0;

		for (size_t i = 0; i < RAISERS; i++)
			n += raisers[i].mine[v];
		ck_assert_uint_eq(n, 1);
	}
	ck_assert_uint_eq(keystore_counter(ks, &seq, &value), RC_OK);
	ck_assert_uint_eq(value, RAISES);
	keystore_close(ks);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sec_keystore");
	TCase *c = suite_case(s, "store", make_home, remove_home);

	tcase_add_test(c, what_is_put_is_there_afterwards);
	tcase_add_test(c, records_are_visited_in_order);
	tcase_add_test(c, the_file_has_no_secret_in_clear);
	tcase_add_test(c, several_changes_are_one);
	tcase_add_test(c, changes_have_limits);
	tcase_add_test(c, a_store_is_full_at_its_limit);
	tcase_add_test(c, counters_never_go_back);
	tcase_add_test(c, of_several_threads_one_raises_a_counter);
	return run_suite(s);
}
