/* SPDX-License-Identifier: Apache-2.0 */
/* What the book of the proxy takes as a repetition, as a gap, as of another source. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "px_bed.h"
#include "suite.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))

static struct px_bed bed;

static struct px_bed *
start(int engine)
{
	px_bed_start(&bed, engine);
	return &bed;
}

static uint64_t
stream_store(struct px_bed *b, uint64_t reserve)
{
	struct px_store_new n = { .owner = SLICE_LIT("owner"),
		                  .reserve = reserve,
		                  .ttl = PX_HOUR,
		                  .mode = PX_STREAM,
		                  .class = PX_ADAPTIVE,
		                  .transport = PX_REST };

	ck_assert_int_eq(px_bed_make_store(b, &n), RC_OK);
	return n.id;
}

/* Streams have one digit here: "7.1.2 m" is stream 7, epoch 1, key index 2, management message. */
static struct px_unit
unit(const char *text)
{
	static const char octets[] = "a wire unit of a hundred octets, of which nothing is read"
				     " here: its header says what it is, further on.......";
	struct px_unit u = { .octets = slice_make(octets, 100) };
	unsigned stream, epoch, index, seq = 0;
	char kind;

	ck_assert_int_ge(sscanf(text, "%u.%u.%u %c%u", &stream, &epoch, &index, &kind, &seq), 4);
	u.mark.section = (struct px_section){ (uint16_t)stream, epoch, (uint16_t)index };
	u.mark.kind = kind == 'm' ? PX_MANAGEMENT : kind == 'e' ? PX_END : PX_DATA;
	u.mark.seq = seq;
	return u;
}

struct put {
	const char *texts[8]; /* one operation */
	enum rc rc;
	size_t stored;
};

static void
put_all(struct px_bed *b, uint64_t store, const struct put *puts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct px_unit units[8];
		struct px_append a = { .store = store, .units = units };
		uint64_t last = px_bed_show(b, store).last;

		while (a.n < 8 && puts[i].texts[a.n] != NULL) {
			units[a.n] = unit(puts[i].texts[a.n]);
			a.n++;
		}
		ck_assert_msg(px_bed_append(b, &a) == puts[i].rc, "%s: %d", puts[i].texts[0],
		              (int)a.op.rc);
		if (puts[i].rc != RC_OK) {
			ck_assert_uint_eq(px_bed_show(b, store).last, last);
			continue;
		}
		ck_assert_msg(a.stored == puts[i].stored, "%s: %zu", puts[i].texts[0], a.stored);
		ck_assert_uint_eq(a.stored + a.duplicates, a.n);
		ck_assert_uint_eq(a.first, last + 1);
		ck_assert_uint_eq(px_bed_show(b, store).last, last + a.stored);
	}
}

struct marks {
	struct px_mark at[8];
	size_t n;
};

static bool
see_mark(void *arg, const struct px_mark *m)
{
	struct marks *all = arg;

	all->at[all->n++] = *m;
	return true;
}

static struct marks
marks(struct px_bed *b, uint64_t store)
{
	struct px_view *v = px_bed_view(b);
	struct marks all = { .n = 0 };

	ck_assert_int_eq(px_mark_list(v, store, see_mark, &all), RC_OK);
	ck_assert_int_eq(px_mark_list(v, store ^ 1, see_mark, &all), RC_NOT_FOUND);
	px_view_close(v);
	return all;
}

static void
mark_is(const struct px_mark *m, const char *text)
{
	struct px_mark u = unit(text).mark;

	ck_assert_msg(m->section.stream == u.section.stream &&
	                      m->section.epoch == u.section.epoch &&
	                      m->section.key_index == u.section.key_index && m->kind == u.kind &&
	                      m->seq == u.seq,
	              "%s", text);
}

/* ---- mode stream ---- */

START_TEST(test_stream)
{
	static const struct put puts[] = {
		{ { "7.1.2 d0" }, RC_CONFLICT, 0 },
		{ { "7.1.2 e" }, RC_CONFLICT, 0 },
		{ { "7.1.2 m" }, RC_OK, 1 },
		{ { "7.1.2 d1" }, RC_CONFLICT, 0 },
		{ { "7.1.2 d0", "7.1.2 d1", "7.1.2 d2" }, RC_OK, 3 },
		{ { "7.1.2 d4" }, RC_CONFLICT, 0 },
		/* All or none. */
		{ { "7.1.2 d3", "7.1.2 d5" }, RC_CONFLICT, 0 },
		{ { "7.1.2 m", "7.1.2 d0", "7.1.2 d2", "7.1.2 d3" }, RC_OK, 1 },
		{ { "7.1.2 d3" }, RC_OK, 0 },
		{ { "7.1.1 m", "7.0.9 d77", "7.1.1 e" }, RC_OK, 0 },
		{ { "7.1.3 d0" }, RC_CONFLICT, 0 },
		{ { "7.1.3 e" }, RC_CONFLICT, 0 },
		{ { "7.1.2 e" }, RC_OK, 1 },
		{ { "7.1.2 e", "7.1.2 d9" }, RC_OK, 0 },
		{ { "7.1.5 m", "7.1.5 e", "7.2.0 m", "7.2.0 d0" }, RC_OK, 4 },
		/* Another stream has another mark. */
		{ { "8.0.0 d0" }, RC_CONFLICT, 0 },
		{ { "8.0.0 m", "7.2.0 d1", "8.0.0 d0", "7.2.0 d2" }, RC_OK, 4 },
		{ { "8.0.0 d0", "7.2.0 d2", "8.0.0 d1" }, RC_OK, 1 },
	};
	struct px_bed *b = start(_i);
	uint64_t store = stream_store(b, 10000);
	struct marks m;

	put_all(b, store, puts, NITEMS(puts));
	m = marks(b, store);
	ck_assert_uint_eq(m.n, 2);
	mark_is(&m.at[0], "7.2.0 d2");
	mark_is(&m.at[1], "8.0.0 d1");
	ck_assert_uint_eq(px_bed_show(b, store).duplicates, 11);
	ck_assert_uint_eq(px_bed_show(b, store).octets, 1500);
	px_bed_free(b);
}
END_TEST

/* Repetitions of a full store are acknowledged. */
START_TEST(test_stream_full)
{
	static const struct put puts[] = {
		{ { "7.1.2 m", "7.1.2 d0", "7.1.2 d1" }, RC_NO_SPACE, 0 },
		{ { "7.1.2 m", "7.1.2 d0" }, RC_OK, 2 },
		{ { "7.1.2 m", "7.1.2 d0" }, RC_OK, 0 },
		{ { "7.1.2 d0", "7.1.2 d1" }, RC_NO_SPACE, 0 },
	};
	struct px_bed *b = start(_i);
	uint64_t store = stream_store(b, 299);

	put_all(b, store, puts, NITEMS(puts));
	mark_is(&marks(b, store).at[0], "7.1.2 d0");
	/* What has gone stays known. */
	ck_assert_int_eq(px_bed_change(b, store, PX_STORE_RELEASE, 2), RC_OK);
	px_bed_settle(b);
	put_all(b, store, &puts[2], 1);
	px_bed_free(b);
}
END_TEST

START_TEST(test_streams_max)
{
	static const struct put puts[] = {
		{ { "1.0.0 m", "2.0.0 m", "3.0.0 m" }, RC_OK, 3 },
		{ { "4.0.0 m", "5.0.0 m" }, RC_FORBIDDEN, 0 },
		{ { "4.0.0 m" }, RC_OK, 1 },
		{ { "5.0.0 m" }, RC_FORBIDDEN, 0 },
		{ { "1.0.0 d0", "2.0.0 d0" }, RC_OK, 2 },
	};
	struct px_bed *b = start(_i);
	uint64_t store = stream_store(b, 10000), other = stream_store(b, 10000);

	put_all(b, store, puts, NITEMS(puts));
	put_all(b, other, puts, 1);
	ck_assert_int_eq(px_bed_change(b, store, PX_STORE_DELETE, 0), RC_OK);
	px_bed_free(b);
}
END_TEST

START_TEST(test_kinds)
{
	struct px_bed *b = start(_i);
	uint64_t stores[] = { stream_store(b, 1000), px_bed_store(b, 1000) };

	for (size_t i = 0; i < NITEMS(stores); i++) {
		struct px_unit u = unit("1.1.1 m");
		struct px_append a = { .store = stores[i], .units = &u, .n = 1 };

		u.mark.kind = 0;
		ck_assert_int_eq(px_bed_append(b, &a), RC_BAD_REQUEST);
		u.mark.kind = PX_END + 1;
		ck_assert_int_eq(px_bed_append(b, &a), RC_BAD_REQUEST);
	}
	px_bed_free(b);
}
END_TEST

/* ---- mode individual ---- */

static enum rc
put_digest(struct px_bed *b, uint64_t store, uint64_t from, size_t n, size_t *stored)
{
	struct px_unit *units = calloc(n, sizeof(*units));
	struct px_append a = { .store = store, .units = units, .n = n };

	ck_assert_ptr_nonnull(units);
	for (size_t i = 0; i < n; i++) {
		uint64_t digest = from + i;

		units[i] = unit("0.0.0 d0");
		memcpy(units[i].digest, &digest, sizeof(digest));
	}
	(void)px_bed_append(b, &a);
	free(units);
	*stored = a.stored;
	return a.op.rc;
}

START_TEST(test_individual)
{
	struct px_bed *b = start(_i);
	uint64_t store = px_bed_store(b, 100000), other = px_bed_store(b, 1000);
	size_t n;

	ck_assert_int_eq(put_digest(b, store, 1, 3, &n), RC_OK);
	ck_assert_uint_eq(n, 3);
	ck_assert_int_eq(put_digest(b, store, 2, 3, &n), RC_OK);
	ck_assert_uint_eq(n, 1);
	ck_assert_int_eq(put_digest(b, other, 1, 1, &n), RC_OK);
	ck_assert_uint_eq(n, 1);
	/* 1..4, and 252 more: 1 is the oldest that is known. */
	ck_assert_int_eq(put_digest(b, store, 5, PX_DIGESTS - 4, &n), RC_OK);
	ck_assert_uint_eq(n, PX_DIGESTS - 4);
	ck_assert_int_eq(put_digest(b, store, 1, PX_DIGESTS, &n), RC_OK);
	ck_assert_uint_eq(n, 0);
	ck_assert_int_eq(put_digest(b, store, 1000, 1, &n), RC_OK);
	ck_assert_int_eq(put_digest(b, store, 2, 1, &n), RC_OK);
	ck_assert_uint_eq(n, 0);
	ck_assert_int_eq(put_digest(b, store, PX_DIGESTS, 1, &n), RC_OK);
	ck_assert_uint_eq(n, 0);
	ck_assert_int_eq(put_digest(b, store, 1, 1, &n), RC_OK);
	ck_assert_uint_eq(n, 1);
	/* More than are known in one operation. */
	ck_assert_int_eq(put_digest(b, store, 2000, 400, &n), RC_OK);
	ck_assert_uint_eq(n, 400);
	ck_assert_uint_eq(marks(b, store).n, 0);
	ck_assert_uint_eq(px_bed_show(b, store).duplicates, 2 + PX_DIGESTS + 2);
	px_bed_free(b);
}
END_TEST

/* ---- sources ---- */

static enum rc
put_of(struct px_bed *b, uint64_t store, const struct px_source *source)
{
	struct px_unit u = unit("1.0.0 m");
	uint64_t number = atomic_fetch_add(&b->numbers, 1);
	struct px_append a = { .store = store, .source = source, .units = &u, .n = 1 };

	memcpy(u.digest, &number, sizeof(number));
	return px_bed_append(b, &a);
}

static bool
count_store(void *arg, const struct px_store *s)
{
	size_t *n = arg;

	ck_assert(slice_is(s->source.url, "http://gw.example/m2m"));
	++*n;
	return true;
}

static size_t
of_source(struct px_bed *b, const struct px_source *source)
{
	struct px_view *v = px_bed_view(b);
	size_t n = 0;

	ck_assert_int_eq(px_store_of_source(v, source->name, count_store, &n), RC_OK);
	px_view_close(v);
	return n;
}

START_TEST(test_source)
{
	static char long_url[PX_SOURCE_URL_MAX + 1];
	struct px_bed *b = start(_i);
	uint64_t store = px_bed_store(b, 1000), other = px_bed_store(b, 1000);
	struct px_source mine = { .name = { 1 }, .url = SLICE_LIT("http://gw.example/m2m") },
			 theirs = mine, bad = mine;
	struct px_view *v;
	struct px_store s;

	theirs.name[PX_SOURCE_BYTES - 1] = 1;
	memset(long_url, 'u', sizeof(long_url));
	bad.url = SLICE_NONE;
	ck_assert_int_eq(put_of(b, store, &bad), RC_BAD_REQUEST);
	bad.url = slice_make(long_url, sizeof(long_url));
	ck_assert_int_eq(put_of(b, store, &bad), RC_BAD_REQUEST);
	v = px_bed_view(b);
	ck_assert_int_eq(px_store_get(v, store, &s), RC_OK);
	ck_assert(!s.has_source);
	px_view_close(v);
	ck_assert_uint_eq(of_source(b, &mine), 0);

	ck_assert_int_eq(put_of(b, store, &mine), RC_OK);
	ck_assert_int_eq(put_of(b, store, &theirs), RC_FORBIDDEN);
	ck_assert_int_eq(put_of(b, store, &mine), RC_OK);
	ck_assert_int_eq(put_of(b, other, &mine), RC_OK);
	v = px_bed_view(b);
	ck_assert_int_eq(px_store_get(v, store, &s), RC_OK);
	ck_assert(s.has_source && s.source.sign == NULL && s.source.name[0] == 1);
	px_view_close(v);
	ck_assert_uint_eq(of_source(b, &mine), 2);
	ck_assert_uint_eq(of_source(b, &theirs), 0);
	ck_assert_int_eq(px_bed_change(b, other, PX_STORE_DELETE, 0), RC_OK);
	ck_assert_uint_eq(of_source(b, &mine), 1);
	px_bed_free(b);
}
END_TEST

/* It is said when the store is made. */
START_TEST(test_source_named)
{
	struct px_bed *b = start(_i);
	uint8_t sign[PX_SIGN_BYTES];
	struct px_source mine = { .name = { 7 },
		                  .url = SLICE_LIT("http://gw.example/m2m"),
		                  .sign = sign };
	struct px_store_new n = { .owner = SLICE_LIT("owner"),
		                  .reserve = 1000,
		                  .ttl = PX_HOUR,
		                  .mode = PX_STREAM,
		                  .class = PX_ADAPTIVE,
		                  .transport = PX_REST,
		                  .source = &mine };
	struct px_view *v;
	struct px_store s;

	memset(sign, 0x3c, sizeof(sign));
	ck_assert_int_eq(px_bed_make_store(b, &n), RC_OK);
	v = px_bed_view(b);
	ck_assert_int_eq(px_store_get(v, n.id, &s), RC_OK);
	ck_assert(s.has_source && slice_eq(s.source.url, mine.url));
	ck_assert_mem_eq(s.source.name, mine.name, PX_SOURCE_BYTES);
	ck_assert_mem_eq(s.source.sign, sign, PX_SIGN_BYTES);
	px_view_close(v);
	ck_assert_int_eq(put_of(b, n.id, &px_bed_source), RC_FORBIDDEN);
	mine.url = SLICE_NONE;
	ck_assert_int_eq(px_bed_make_store(b, &n), RC_BAD_REQUEST);
	px_bed_free(b);
}
END_TEST

/* ---- datagrams ---- */

START_TEST(test_upto)
{
	struct px_bed *b = start(_i);
	uint64_t store = stream_store(b, 1000);
	struct px_unit u = unit("1.0.0 m");
	struct px_append a = { .store = store, .units = &u, .n = 1, .udp_upto = 5 };
	struct px_append none = { .store = store, .udp_upto = 9 };

	ck_assert_int_eq(px_bed_append(b, &a), RC_OK);
	ck_assert_uint_eq(px_bed_show(b, store).udp_upto, 5);
	ck_assert_int_eq(px_bed_append(b, &none), RC_OK);
	ck_assert_uint_eq(px_bed_show(b, store).udp_upto, 9);
	ck_assert_uint_eq(px_bed_show(b, store).last, 1);
	none.udp_upto = 8;
	ck_assert_int_eq(px_bed_append(b, &none), RC_OK);
	ck_assert_uint_eq(px_bed_show(b, store).udp_upto, 9);
	/* What is refused does not count. */
	u = unit("1.0.0 d5");
	a.udp_upto = 10;
	ck_assert_int_eq(px_bed_append(b, &a), RC_CONFLICT);
	ck_assert_uint_eq(px_bed_show(b, store).udp_upto, 9);
	none.udp_upto = 0;
	ck_assert_int_eq(px_bed_append(b, &none), RC_BAD_REQUEST);
	px_bed_free(b);
}
END_TEST

START_TEST(test_kept)
{
	static const struct put first[] = { { { "7.1.2 m", "7.1.2 d0" }, RC_OK, 2 } };
	static const struct put then[] = { { { "7.1.2 m", "7.1.2 d0", "7.1.2 d1" }, RC_OK, 1 },
		                           { { "7.1.2 d3" }, RC_CONFLICT, 0 } };
	struct px_bed *b = start(PX_LMDB);
	uint64_t store = stream_store(b, 1000), individual = px_bed_store(b, 1000);
	struct px_append upto = { .store = store, .udp_upto = 3 };
	size_t n;

	put_all(b, store, first, NITEMS(first));
	ck_assert_int_eq(px_bed_append(b, &upto), RC_OK);
	ck_assert_int_eq(put_digest(b, individual, 40, 2, &n), RC_OK);
	px_bed_close(b);
	px_bed_open(b);
	ck_assert_uint_eq(px_bed_show(b, store).udp_upto, 3);
	put_all(b, store, then, NITEMS(then));
	ck_assert_int_eq(put_digest(b, individual, 40, 3, &n), RC_OK);
	ck_assert_uint_eq(n, 1);
	px_bed_free(b);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = { test_stream,       test_stream_full, test_streams_max,
		                       test_kinds,        test_individual,  test_source,
		                       test_source_named, test_upto };
	Suite *s = suite_create("px_marks");
	TCase *c = suite_case(s, "marks", NULL, NULL);

	for (size_t i = 0; i < NITEMS(tests); i++)
		tcase_add_loop_test(c, tests[i], 0, PX_ENGINES);
	tcase_add_test(c, test_kept);
	return run_suite(s);
}
