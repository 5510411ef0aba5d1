/* SPDX-License-Identifier: Apache-2.0 */
/* What an SGA device keeps: queue, inbox, limits, over restarts and when its process is killed. */
#include "config.h"

#include "cap/sgd/sgd_book.h"

#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/be.h"
#include "sec/secret.h"
#include "suite.h"

static char dir[256];
static const struct key kek = { { 1, 2, 3 } };
static const struct sgd_limits limits = {
	.queue_items = 8, .queue_octets = 64, .dests = 2, .inbox_items = 3, .inbox_octets = 4096
};

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void
setup(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, sizeof(dir), "%s/test-sgd-XXXXXX", tmp == NULL ? "/tmp" : tmp);
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void
teardown(void)
{
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static enum rc
open_with(const struct key *key, struct sgd_book **out)
{
	char path[300], why[256];
	const struct sgd_book_conf conf = { .dir = path,
		                            .engine = &store_lmdb,
		                            .kek = key,
		                            .limits = limits,
		                            .clock = &clock_system };

	snprintf(path, sizeof(path), "%s/book", dir);
	return sgd_book_open(&conf, out, why);
}

static struct sgd_book *
open_book(void)
{
	struct sgd_book *b;

	if (open_with(&kek, &b) != RC_OK)
		abort();
	return b;
}

static void
done(struct sgd_change *c)
{
	(void)c;
}

static enum rc
store(struct sgd_book *b, struct sgd_change *c)
{
	c->done = done;
	sgd_book_submit(b, c);
	sgd_book_settle(b);
	return c->rc;
}

static struct sgd_dest_row
peer(const char *name)
{
	struct sgd_dest_row row = { .items = 0 };

	if (sga_id_make(slice_of(name), &row.name) != RC_OK ||
	    sga_id_make(SLICE_LIT("gateway"), &row.server) != RC_OK)
		abort();
	return row;
}

static struct sgd_dest
dest(const char *name)
{
	const struct sgd_dest_row row = peer(name);
	struct sgd_dest d;

	if (sgd_dest_of(&row, &d) != RC_OK)
		abort();
	return d;
}

static enum rc
queue(struct sgd_book *b, const char *name, struct slice data, bool limited, uint64_t *number)
{
	const struct sgd_dest_row row = peer(name);
	struct sgd_change c = { .rc = RC_OK };
	enum rc rc;

	sgd_change_begin(&c);
	sgd_change_queue(&c, &row, SGD_KIND_DATA, data, limited);
	rc = store(b, &c);
	if (number != NULL)
		*number = c.number;
	return rc;
}

struct seen {
	unsigned n;
	char text[16][32];
};

static bool
see(void *arg, struct slice rest, struct slice val)
{
	struct seen *s = arg;

	(void)rest;
	if (s->n < 16 && !slice_copy(val, s->text[s->n], sizeof(s->text[0])))
		abort();
	s->n++;
	return true;
}

static struct seen
waiting(struct sgd_book *b, const char *name)
{
	const struct sgd_dest d = dest(name);
	const struct table_key k = sgd_key(SGD_T_QUEUE, d.v, sizeof(d.v));
	struct seen s = { .n = 0 };

	ck_assert_int_eq(sgd_book_scan(b, &k, SLICE_NONE, 0, true, see, &s), RC_OK);
	return s;
}

START_TEST(a_queue_is_kept)
{
	struct sgd_book *b = open_book();
	struct sgd_dest d = dest("lamp");
	struct sgd_message_row m;
	struct sgd_dest_row row;
	struct sgd_change c = { .rc = RC_OK };
	struct seen s;
	uint64_t n;

	ck_assert_int_eq(queue(b, "lamp", SLICE_LIT("one"), true, NULL), RC_OK);
	ck_assert_int_eq(queue(b, "lamp", SLICE_LIT("two"), true, &n), RC_OK);
	ck_assert_uint_eq(n, 2);
	sgd_book_close(b);
	b = open_book();
	s = waiting(b, "lamp");
	ck_assert_uint_eq(s.n, 2);
	ck_assert_str_eq(s.text[0], "\001one");
	ck_assert_str_eq(s.text[1], "\001two");
	ck_assert_int_eq(sgd_book_dest(b, &d, &row), RC_OK);
	ck_assert(row.items == 2 && row.octets == 8);
	sgd_change_begin(&c);
	sgd_change_unqueue(&c, &d, 1, SGD_SENT);
	ck_assert_int_eq(store(b, &c), RC_OK);
	ck_assert_int_eq(sgd_book_message(b, 1, &m), RC_OK);
	ck_assert(m.state == SGD_SENT && slice_is(sga_id_slice(&m.name), "lamp"));
	ck_assert_int_eq(sgd_book_message(b, 2, &m), RC_OK);
	ck_assert_int_eq(m.state, SGD_QUEUED);
	ck_assert_int_eq(sgd_book_message(b, 3, &m), RC_NOT_FOUND);
	sgd_change_begin(&c);
	sgd_change_drop_dest(&c, &d);
	ck_assert_int_eq(store(b, &c), RC_OK);
	ck_assert_int_eq(sgd_book_message(b, 2, &m), RC_OK);
	ck_assert_int_eq(m.state, SGD_FAILED);
	ck_assert_int_eq(sgd_book_dest(b, &d, &row), RC_NOT_FOUND);
	sgd_book_close(b);
}
END_TEST

START_TEST(a_queue_has_limits)
{
	struct sgd_book *b = open_book();
	struct sgd_totals t;
	unsigned n = 0;

	while (queue(b, "lamp", SLICE_LIT("12345"), true, NULL) == RC_OK)
		n++;
	ck_assert_uint_eq(n, limits.queue_items);
	ck_assert_int_eq(queue(b, "meter", SLICE_LIT("1"), true, NULL), RC_OK);
	ck_assert_int_eq(
		queue(b, "meter",
	              SLICE_LIT("123456789012345678901234567890123456789012345678901234567890123"),
	              true, NULL),
		RC_NO_SPACE);
	ck_assert_int_eq(queue(b, "third", SLICE_LIT("1"), true, NULL), RC_NO_SPACE);
	ck_assert_int_eq(sgd_book_totals(b, &t), RC_OK);
	ck_assert_uint_eq(t.messages, limits.queue_items + 1);
	/* What the device itself has to say is taken all the same. */
	ck_assert_int_eq(queue(b, "third", SLICE_LIT("1"), false, NULL), RC_OK);
	sgd_book_close(b);
}
END_TEST

static void
arrive(struct sgd_change *c, const char *data)
{
	struct sgd_item i = { .time = 7, .data = slice_of(data) };

	if (sga_id_make(SLICE_LIT("lamp"), &i.from) != RC_OK)
		abort();
	sgd_change_inbox(c, &i);
}

static bool
see_item(void *arg, struct slice rest, struct slice val)
{
	struct seen *s = arg;
	struct sgd_item i;

	(void)rest;
	if (!sgd_item_read(val, &i) || i.time != 7 || !slice_is(sga_id_slice(&i.from), "lamp"))
		abort();
	return see(s, rest, i.data);
}

START_TEST(an_inbox_is_kept)
{
	const struct table_key k = sgd_key(SGD_T_INBOX, NULL, 0);
	struct sgd_book *b = open_book();
	struct sgd_change c = { .rc = RC_OK };
	struct seen s = { .n = 0 };
	struct sgd_totals t;

	sgd_change_begin(&c);
	arrive(&c, "one");
	arrive(&c, "two");
	ck_assert_int_eq(store(b, &c), RC_OK);
	ck_assert(sgd_book_has_room(b));
	sgd_change_begin(&c);
	arrive(&c, "three");
	ck_assert_int_eq(store(b, &c), RC_OK);
	ck_assert(!sgd_book_has_room(b));
	sgd_book_close(b);
	b = open_book();
	ck_assert(!sgd_book_has_room(b));
	ck_assert_int_eq(sgd_book_scan(b, &k, SLICE_NONE, 0, true, see_item, &s), RC_OK);
	ck_assert_uint_eq(s.n, 3);
	ck_assert_str_eq(s.text[2], "three");
	sgd_change_begin(&c);
	sgd_change_inbox_del(&c, 2, true);
	ck_assert_int_eq(store(b, &c), RC_OK);
	ck_assert_int_eq(sgd_book_totals(b, &t), RC_OK);
	ck_assert(t.inbox_items == 1 && t.items == 3);
	sgd_change_begin(&c);
	sgd_change_inbox_del(&c, 3, false);
	sgd_change_inbox_del(&c, 99, false);
	ck_assert_int_eq(store(b, &c), RC_OK);
	ck_assert_int_eq(sgd_book_totals(b, &t), RC_OK);
	ck_assert(t.inbox_items == 0 && t.inbox_octets == 0);
	sgd_book_close(b);
}
END_TEST

START_TEST(what_fails_leaves_nothing)
{
	const struct sgd_dest_row row = peer("lamp");
	const struct table_key k = sgd_key(SGD_T_COUNTER, "12345678", 8);
	struct sgd_book *b = open_book();
	struct sgd_change c = { .rc = RC_OK };
	struct buf v;

	sgd_change_begin(&c);
	sgd_change_put(&c, &k, SLICE_LIT("value"));
	for (unsigned i = 0; i <= limits.queue_items; i++)
		sgd_change_queue(&c, &row, SGD_KIND_DATA, SLICE_LIT("x"), true);
	ck_assert_int_eq(store(b, &c), RC_NO_SPACE);
	buf_init(&v, 64);
	ck_assert_int_eq(sgd_book_get(b, &k, false, &v), RC_NOT_FOUND);
	buf_fini(&v);
	ck_assert_uint_eq(waiting(b, "lamp").n, 0);
	sgd_book_close(b);
}
END_TEST

/* A wrapped record is nothing at another place, nor under another key. */
START_TEST(secrets_are_wrapped)
{
	const struct table_key k = sgd_key(SGD_T_SESSION, "0123456789abcdef", 16);
	const struct table_key other = sgd_key(SGD_T_SESSION, "0123456789abcdeF", 16);
	const struct key wrong = { { 9 } };
	struct sgd_book *b = open_book(), *none;
	struct sgd_change c = { .rc = RC_OK };
	struct buf v;

	sgd_change_begin(&c);
	sgd_change_put_secret(&c, &k, SLICE_LIT("very secret"));
	ck_assert_int_eq(store(b, &c), RC_OK);
	buf_init(&v, 256);
	ck_assert_int_eq(sgd_book_get(b, &k, false, &v), RC_OK);
	for (size_t i = 0; i + 4 <= v.n; i++)
		ck_assert(memcmp(v.p + i, "secr", 4) != 0);
	sgd_change_begin(&c);
	sgd_change_put(&c, &other, buf_view(&v));
	ck_assert_int_eq(store(b, &c), RC_OK);
	buf_clear(&v);
	ck_assert_int_eq(sgd_book_get(b, &k, true, &v), RC_OK);
	ck_assert(slice_is(buf_view(&v), "very secret"));
	ck_assert_int_eq(sgd_book_get(b, &other, true, &v), RC_INTERNAL);
	buf_fini(&v);
	sgd_book_close(b);
	ck_assert_int_eq(open_with(&wrong, &none), RC_DENIED);
	ck_assert_ptr_null(none);
}
END_TEST

/* ---- killed ---- */

/* Two records that always change together, and the number that was told last. */
static void
store_until_killed(int to)
{
	const struct table_key a = sgd_key(SGD_T_COUNTER, "aaaaaaaa", 8);
	const struct table_key z = sgd_key(SGD_T_SESSION, "zzzzzzzzzzzzzzzz", 16);
	struct sgd_book *b = open_book();

	for (uint32_t i = 1;; i++) {
		struct sgd_change c = { .rc = RC_OK };
		uint8_t v[4];

		be_put(v, i, sizeof(v));
		sgd_change_begin(&c);
		sgd_change_put(&c, &a, slice_make(v, sizeof(v)));
		sgd_change_put_secret(&c, &z, slice_make(v, sizeof(v)));
		if (store(b, &c) != RC_OK || write(to, &i, sizeof(i)) != sizeof(i))
			abort();
	}
}

static uint32_t
number_at(struct sgd_book *b, const struct table_key *k, bool secret)
{
	struct buf v;
	uint32_t n;

	buf_init(&v, 64);
	ck_assert_int_eq(sgd_book_get(b, k, secret, &v), RC_OK);
	ck_assert_uint_eq(v.n, 4);
	n = (uint32_t)be_get(v.p, 4);
	buf_fini(&v);
	return n;
}

START_TEST(killed_at_any_step)
{
	const struct table_key a = sgd_key(SGD_T_COUNTER, "aaaaaaaa", 8);
	const struct table_key z = sgd_key(SGD_T_SESSION, "zzzzzzzzzzzzzzzz", 16);
	const unsigned steps = (unsigned)_i * 3 + 1;
	struct sgd_book *b;
	uint32_t told = 0, found;
	int ends[2], status;
	pid_t child;

	ck_assert_int_eq(pipe(ends), 0);
	child = fork();
	if (child == 0)
		store_until_killed(ends[1]);
	close(ends[1]);
	for (unsigned i = 0; i < steps; i++)
		ck_assert_int_eq(read(ends[0], &told, sizeof(told)), sizeof(told));
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	ck_assert(WIFSIGNALED(status));
	while (read(ends[0], &told, sizeof(told)) == sizeof(told))
		;
	close(ends[0]);
	b = open_book();
	found = number_at(b, &a, false);
	ck_assert_uint_eq(found, number_at(b, &z, true));
	ck_assert(found == told || found == told + 1);
	sgd_book_close(b);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("sgd_book");
	TCase *c = suite_case(s, "book", setup, teardown);

	tcase_add_test(c, a_queue_is_kept);
	tcase_add_test(c, a_queue_has_limits);
	tcase_add_test(c, an_inbox_is_kept);
	tcase_add_test(c, what_fails_leaves_nothing);
	tcase_add_test(c, secrets_are_wrapped);
	tcase_add_loop_test(c, killed_at_any_step, 0, 8);
	return s;
}

int
main(void)
{
	return run_suite(suite());
}
