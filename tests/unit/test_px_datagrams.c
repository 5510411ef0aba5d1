/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams into stores of the proxy: what the book has is what was acknowledged. */
#include "config.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "cap/pxy/px_datagrams.h"
#include "cap/pxy/px_load.h"
#include "cap/pxy/px_own.h"
#include "pre/unit.h"
#include "px_bed.h"
#include "suite.h"

#define SOURCE "http://gw.example/m2m"
#define NONE_MS 200 /* in which an answer that is not to come would have come */
#define VIEWS 4096u /* more than there are at a time */
#define MM_OCTETS 176u /* of a management message behind its header */

static struct px_bed bed;
static struct proxy_conf conf;
static struct px px;
static int fd = -1;

/* What one store is spoken to with. */
struct line {
	uint64_t store;
	struct key data, acks;
};

static void
start_udp(void)
{
	struct px_udp_conf c = { .address = "127.0.0.1",
		                 .unit_max = 1200,
		                 .held_max = 100000,
		                 .taker = px_datagrams_taker(&px),
		                 .bad_tags = &px.counts[PX_N_UDP_BAD_TAG] };
	char why[256];

	px.book = bed.book;
	ck_assert_int_eq(px_udp_open(&c, &px.udp, why), RC_OK);
}

static void
stop_udp(void)
{
	px_udp_stop(px.udp);
	px_udp_free(px.udp);
}

static struct px_bed *
start(int engine)
{
	px_bed_start(&bed, engine);
	conf = (struct proxy_conf){ .store = { .message_max = 65536 } };
	px = (struct px){ .conf = &conf, .clock = &bed.clock.clock };
	px.rates = px_rates_new(clock_monotonic);
	ck_assert_ptr_nonnull(px.rates);
	start_udp();
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	return &bed;
}

static void
finish(struct px_bed *b)
{
	stop_udp();
	close(fd);
	px_rates_free(px.rates);
	px_bed_free(b);
}

static struct line
open_store(struct px_bed *b, uint64_t reserve, const struct px_source *source)
{
	struct px_store_new n = { .owner = SLICE_LIT("owner"),
		                  .reserve = reserve,
		                  .ttl = PX_HOUR,
		                  .mode = PX_STREAM,
		                  .class = PX_ADAPTIVE,
		                  .transport = PX_UDP,
		                  .source = source };
	struct line l;

	ck_assert_int_eq(px_bed_make_store(b, &n), RC_OK);
	l.store = n.id;
	ck_assert_int_eq(px_datagram_derive(n.udp_key, PX_DATAGRAM_DATA, n.id, &l.data), RC_OK);
	ck_assert_int_eq(px_datagram_derive(n.udp_key, PX_DATAGRAM_ACKS, n.id, &l.acks), RC_OK);
	return l;
}

/* A unit: seq -1 is the management message of the section. */
static void
unit(struct buf *b, const char *source, uint16_t key_index, int64_t seq)
{
	static const char zeros[MM_OCTETS];
	struct pre_unit u = { .hdr = { .type = seq < 0 ? PRE_MM2 : PRE_DATA,
		                       .stream = 1,
		                       .key_index = key_index,
		                       .cid = PRE_CID_DEFAULT },
		              .source = slice_of(source) };
	struct buf rest;

	buf_init(&rest, 2000);
	if (seq >= 0)
		buf_be(&rest, (uint64_t)seq, 4);
	buf_add(&rest, zeros, seq < 0 ? MM_OCTETS : 40);
	u.rest = buf_view(&rest);
	ck_assert_int_eq(pre_source_name(u.source, u.hdr.source), RC_OK);
	ck_assert_int_eq(pre_unit_write(&u, b), RC_OK);
	buf_fini(&rest);
}

static void
send_octets(const struct line *l, uint64_t number, struct slice octets)
{
	const struct sockaddr_in to = { .sin_family = AF_INET,
		                        .sin_port = htons(px_udp_port(px.udp)),
		                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	uint8_t out[2000];
	size_t n = PX_DATAGRAM_HEAD + octets.n + PX_DATAGRAM_TAG;

	ck_assert_int_eq(px_datagram_data(&l->data, l->store, number, octets, out), RC_OK);
	ck_assert_int_eq(sendto(fd, out, n, 0, (const struct sockaddr *)&to, sizeof(to)),
	                 (ssize_t)n);
}

static void
put_of(const struct line *l, const char *source, uint64_t number, uint16_t key_index, int64_t seq)
{
	struct buf b;

	buf_init(&b, 2000);
	unit(&b, source, key_index, seq);
	send_octets(l, number, buf_view(&b));
	buf_fini(&b);
}

static void
put(const struct line *l, uint64_t number, uint16_t key_index, int64_t seq)
{
	put_of(l, SOURCE, number, key_index, seq);
}

static void
expect(const struct line *l, uint64_t number, enum px_datagram_status status, uint64_t upto)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct px_datagram d;
	char in[200];
	ssize_t n;

	ck_assert_msg(poll(&p, 1, 60000) == 1, "no answer to %d", (int)number);
	n = recv(fd, in, sizeof(in), 0);
	ck_assert(n > 0 && px_datagram_parse(slice_make(in, (size_t)n), &d));
	ck_assert(px_datagram_good(&l->acks, &d));
	ck_assert_msg(d.number == number && d.status == status && d.upto == upto,
	              "%d: %d up to %d, not %d: %d up to %d", (int)d.number, (int)d.status,
	              (int)d.upto, (int)number, (int)status, (int)upto);
}

START_TEST(test_stored)
{
	struct px_bed *b = start(_i);
	struct line l = open_store(b, 10000, NULL), other = open_store(b, 10000, NULL);
	struct px_store s;

	put(&l, 1, 7, -1);
	expect(&l, 1, PX_DATAGRAM_STORED, 1);
	put(&l, 3, 7, 1);
	put(&l, 4, 7, 2);
	put(&l, 2, 7, 0);
	for (uint64_t n = 2; n <= 4; n++)
		expect(&l, n, PX_DATAGRAM_STORED, 4);
	put(&other, 1, 7, -1);
	expect(&other, 1, PX_DATAGRAM_STORED, 1);
	s = px_bed_show(b, l.store);
	ck_assert(s.last == 4 && s.udp_upto == 4);
	ck_assert_uint_eq(px_counted(&px, PX_N_STORED), 5);
	ck_assert_uint_eq(px_counted(&px, PX_N_STORED_OCTETS),
	                  s.octets + px_bed_show(b, other.store).octets);
	ck_assert_uint_ne(px_rates_get(px.rates, l.store), 0);
	/* After a restart nothing is stored again. */
	if (_i == PX_LMDB) {
		stop_udp();
		px_bed_close(b);
		px_bed_open(b);
		start_udp();
		put(&l, 4, 7, 2);
		expect(&l, 4, PX_DATAGRAM_STORED, 4);
		put(&l, 5, 7, 3);
		expect(&l, 5, PX_DATAGRAM_STORED, 5);
		ck_assert_uint_eq(px_bed_show(b, l.store).last, 5);
		ck_assert_uint_eq(px_bed_show(b, l.store).duplicates, 0);
	}
	finish(b);
}
END_TEST

/* What is never stored is refused by itself; those beside it are stored. */
START_TEST(test_refused)
{
	struct px_bed *b = start(_i);
	struct line l = open_store(b, 10000, NULL);
	struct buf batch;
	size_t at;

	buf_init(&batch, 2000);
	at = pre_batch_begin(&batch);
	unit(&batch, SOURCE, 7, 4);
	ck_assert_int_eq(pre_batch_end(&batch, at), RC_OK);

	put(&l, 2, 7, 0);
	put(&l, 3, 7, 5); /* a gap */
	put(&l, 4, 7, 1);
	put_of(&l, "http://other.example/", 5, 8, -1);
	put(&l, 6, 7, 2);
	send_octets(&l, 7, buf_view(&batch));
	send_octets(&l, 8, SLICE_LIT("forty octets of anything that is no unit."));
	put(&l, 9, 7, 3);
	put(&l, 1, 7, -1);
	for (uint64_t n = 1; n <= 9; n++)
		expect(&l, n,
		       n == 3 || n == 5 || n == 7 || n == 8 ? PX_DATAGRAM_REFUSED
		                                            : PX_DATAGRAM_STORED,
		       9);
	ck_assert_uint_eq(px_bed_show(b, l.store).last, 5);
	ck_assert_uint_eq(px_bed_show(b, l.store).udp_upto, 9);
	put(&l, 10, 7, 4);
	expect(&l, 10, PX_DATAGRAM_STORED, 10);
	buf_fini(&batch);
	finish(b);
}
END_TEST

/* With the key of the source, what it has not signed is refused. */
START_TEST(test_forged)
{
	struct px_bed *b = start(_i);
	const uint8_t sign[PX_SIGN_BYTES] = { 1, 2, 3 };
	struct px_source source = { .url = SLICE_LIT(SOURCE), .sign = sign };
	struct line l;

	ck_assert_int_eq(pre_source_name(source.url, source.name), RC_OK);
	l = open_store(b, 10000, &source);
	put(&l, 1, 7, -1);
	expect(&l, 1, PX_DATAGRAM_REFUSED, 1);
	ck_assert_uint_eq(px_bed_show(b, l.store).last, 0);
	finish(b);
}
END_TEST

/* As long as nobody can look whether it is signed, it is neither stored nor refused. */
START_TEST(test_unreadable)
{
	struct px_bed *b = start(PX_LMDB);
	const uint8_t sign[PX_SIGN_BYTES] = { 1, 2, 3 };
	struct px_source source = { .url = SLICE_LIT(SOURCE), .sign = sign };
	struct px_view *views[VIEWS];
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct line l;
	size_t n = 0;

	ck_assert_int_eq(pre_source_name(source.url, source.name), RC_OK);
	l = open_store(b, 10000, &source);
	put(&l, 1, 7, 0);
	expect(&l, 1, PX_DATAGRAM_REFUSED, 1);
	while (n < VIEWS && px_view_open(b->book, &views[n]) == RC_OK)
		n++;
	ck_assert_uint_lt(n, VIEWS);
	put(&l, 2, 7, -1);
	ck_assert_int_eq(poll(&p, 1, NONE_MS), 0);
	while (n > 0)
		px_view_close(views[--n]);
	put(&l, 2, 7, -1);
	expect(&l, 2, PX_DATAGRAM_REFUSED, 2);
	ck_assert_uint_eq(px_bed_show(b, l.store).last, 0);
	finish(b);
}
END_TEST

/* To the octet, and again when there is room. */
START_TEST(test_full)
{
	struct px_bed *b = start(_i);
	struct line l;
	struct buf first;
	size_t mm, data;

	buf_init(&first, 2000);
	unit(&first, SOURCE, 7, -1);
	mm = first.n;
	unit(&first, SOURCE, 7, 0);
	data = first.n - mm;
	buf_fini(&first);
	l = open_store(b, mm + 2 * data, NULL);
	put(&l, 1, 7, -1);
	expect(&l, 1, PX_DATAGRAM_STORED, 1);
	put(&l, 4, 7, 2);
	put(&l, 3, 7, 1);
	put(&l, 2, 7, 0);
	expect(&l, 2, PX_DATAGRAM_STORED, 3);
	expect(&l, 3, PX_DATAGRAM_STORED, 3);
	expect(&l, 4, PX_DATAGRAM_FULL, 3);
	ck_assert_uint_eq(px_bed_show(b, l.store).octets, mm + 2 * data);
	ck_assert_int_eq(px_bed_change(b, l.store, PX_STORE_RELEASE, 1), RC_OK);
	px_bed_settle(b);
	put(&l, 4, 7, 2);
	expect(&l, 4, PX_DATAGRAM_STORED, 4);
	finish(b);
}
END_TEST

START_TEST(test_gone)
{
	struct px_bed *b = start(_i);
	struct line l = open_store(b, 10000, NULL);
	uint64_t plain = px_bed_store(b, 1000);
	struct line none = { .store = plain, .data = l.data, .acks = l.acks };

	put(&l, 1, 7, -1);
	expect(&l, 1, PX_DATAGRAM_STORED, 1);
	ck_assert_int_eq(px_bed_change(b, l.store, PX_STORE_DELETE, 0), RC_OK);
	put(&l, 2, 7, 0);
	expect(&l, 2, PX_DATAGRAM_GONE, 1);
	put(&l, 3, 7, 1);
	/* A store without datagrams has no key. */
	put(&none, 1, 7, -1);
	while (px_counted(&px, PX_N_UDP_BAD_TAG) < 2)
		usleep(1000);
	finish(b);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = { test_stored, test_refused, test_forged, test_full,
		                       test_gone };
	Suite *s = suite_create("px_datagrams");
	TCase *c = suite_case(s, "datagrams", NULL, NULL);

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_loop_test(c, tests[i], 0, PX_ENGINES);
	tcase_add_test(c, test_unreadable);
	return run_suite(s);
}
