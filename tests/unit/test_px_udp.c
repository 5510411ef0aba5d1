/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams with messages over sockets: what is taken, answered and sent again. */
#include "config.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/be.h"
#include "cap/pxy/px_udp.h"
#include "suite.h"

#define UNIT 100u
#define NONE_MS 200 /* in which an answer that is not to come would have come */
#define KNOWN 3u

/* ---- one end that takes ---- */

struct taken {
	uint64_t id, number;
	uint8_t first;
};

struct bed {
	struct px_udp *udp;
	_Atomic uint64_t bad;
	pthread_mutex_t lock; /* guards the following */
	pthread_cond_t turn;
	bool holding; /* runs are kept until the test gives them back */
	struct px_udp_run *kept[8];
	size_t n_kept;
	struct taken taken[4096];
	size_t n_taken, finds;
	uint64_t upto; /* of an id that is asked for */
	enum px_datagram_status status[PX_WINDOW]; /* of a run, when it is not held */
	size_t n_done; /* 0: all */
};

static struct bed bed;
static int fd = -1; /* the test's own socket */

static void
key_at(unsigned i, uint8_t out[KEY_BYTES])
{
	memset(out, (int)(0x10 + i), KEY_BYTES);
}

/* Identifiers below 1000 have the first key, those above another, 0 mod 10 none. */
static enum rc
find(void *arg, uint64_t id, unsigned turn, struct px_udp_known *out)
{
	struct bed *b = arg;

	pthread_mutex_lock(&b->lock);
	b->finds++;
	out->upto = b->upto;
	pthread_mutex_unlock(&b->lock);
	if (id % 10 == 0 || turn >= KNOWN)
		return RC_NOT_FOUND;
	key_at(turn, out->key);
	return RC_OK;
}

/* With the lock. */
static void
note(struct bed *b, struct px_udp_run *r)
{
	r->n_done = b->n_done > 0 && b->n_done < r->n ? b->n_done : r->n;
	for (size_t i = 0; i < r->n_done; i++) {
		r->status[i] = b->status[i];
		ck_assert_uint_eq(r->units[i].n, UNIT);
		if (b->status[i] == PX_DATAGRAM_STORED)
			b->taken[b->n_taken++ % 4096] =
				(struct taken){ r->id, r->first + i, (uint8_t)r->units[i].p[0] };
	}
	pthread_cond_broadcast(&b->turn);
}

static void
take(void *arg, struct px_udp_run *r)
{
	struct bed *b = arg;
	bool holding;

	pthread_mutex_lock(&b->lock);
	holding = b->holding;
	if (holding)
		b->kept[b->n_kept++] = r;
	else
		note(b, r);
	pthread_cond_broadcast(&b->turn);
	pthread_mutex_unlock(&b->lock);
	if (!holding)
		px_udp_taken(b->udp, r);
}

static void
give_back(struct bed *b)
{
	struct px_udp_run *r;

	pthread_mutex_lock(&b->lock);
	while (b->n_kept == 0)
		pthread_cond_wait(&b->turn, &b->lock);
	r = b->kept[0];
	memmove(b->kept, b->kept + 1, --b->n_kept * sizeof(b->kept[0]));
	note(b, r);
	pthread_mutex_unlock(&b->lock);
	px_udp_taken(b->udp, r);
}

static void
wait_kept(struct bed *b, size_t n)
{
	pthread_mutex_lock(&b->lock);
	while (b->n_kept < n)
		pthread_cond_wait(&b->turn, &b->lock);
	ck_assert_uint_eq(b->n_kept, n);
	pthread_mutex_unlock(&b->lock);
}

static size_t
wait_taken(struct bed *b, size_t n)
{
	pthread_mutex_lock(&b->lock);
	while (b->n_taken < n)
		pthread_cond_wait(&b->turn, &b->lock);
	n = b->n_taken;
	pthread_mutex_unlock(&b->lock);
	return n;
}

static size_t
finds_of(struct bed *b)
{
	size_t n;

	pthread_mutex_lock(&b->lock);
	n = b->finds;
	pthread_mutex_unlock(&b->lock);
	return n;
}

/* The answer to the message at that place of a run, and how many of a run are answered (0: all). */
static void
set_status(struct bed *b, size_t at, enum px_datagram_status status, size_t n_done)
{
	pthread_mutex_lock(&b->lock);
	b->status[at] = status;
	b->n_done = n_done;
	pthread_mutex_unlock(&b->lock);
}

static void
set_holding(struct bed *b, bool holding)
{
	pthread_mutex_lock(&b->lock);
	b->holding = holding;
	pthread_mutex_unlock(&b->lock);
}

static struct px_udp_conf
conf(bool gaps)
{
	return (struct px_udp_conf){
		.address = "127.0.0.1",
		.unit_max = 1200,
		.held_max = 100000,
		.repeat = 20000,
		.repeat_max = 100000,
		.repeats = 6,
		.bad_tags = &bed.bad,
		.taker = { .find = find, .take = take, .arg = &bed, .gaps = gaps, .ids_max = 8 },
	};
}

static struct bed *
start(const struct px_udp_conf *c)
{
	const struct sockaddr_in any = { .sin_family = AF_INET,
		                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	char why[256];

	bed = (struct bed){ .lock = PTHREAD_MUTEX_INITIALIZER, .turn = PTHREAD_COND_INITIALIZER };
	ck_assert_int_eq(px_udp_open(c, &bed.udp, why), RC_OK);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&any, sizeof(any)), 0);
	return &bed;
}

static void
finish(struct bed *b)
{
	px_udp_stop(b->udp);
	while (b->n_kept > 0)
		give_back(b);
	px_udp_free(b->udp);
	close(fd);
}

/* ---- the other end ---- */

static void
send_octets(struct bed *b, const void *p, size_t n)
{
	const struct sockaddr_in to = { .sin_family = AF_INET,
		                        .sin_port = htons(px_udp_port(b->udp)),
		                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	ck_assert_int_eq(sendto(fd, p, n, 0, (const struct sockaddr *)&to, sizeof(to)), (ssize_t)n);
}

static size_t
message(uint64_t id, uint64_t number, unsigned key_number, size_t octets, uint8_t *out)
{
	uint8_t key[KEY_BYTES];
	char unit[2000];
	struct key data;

	memset(unit, (int)(number & 0xff), sizeof(unit));
	key_at(key_number, key);
	ck_assert_int_eq(px_datagram_derive(key, PX_DATAGRAM_DATA, id, &data), RC_OK);
	ck_assert_int_eq(px_datagram_data(&data, id, number, slice_make(unit, octets), out), RC_OK);
	return PX_DATAGRAM_HEAD + octets + PX_DATAGRAM_TAG;
}

static void
put(struct bed *b, uint64_t id, uint64_t number)
{
	uint8_t out[2100];
	size_t n = message(id, number, 0, UNIT, out);

	send_octets(b, out, n);
}

/* The next answer. False: there is none. */
static bool
answer(int wait_ms, unsigned key_number, struct px_datagram *d)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	static char in[2000];
	uint8_t key[KEY_BYTES];
	struct key acks;
	ssize_t n;

	if (poll(&p, 1, wait_ms) == 0)
		return false;
	n = recv(fd, in, sizeof(in), 0);
	ck_assert_int_eq(n, (ssize_t)PX_DATAGRAM_ACK);
	ck_assert(px_datagram_parse(slice_make(in, (size_t)n), d));
	ck_assert_int_eq(d->type, PX_DATAGRAM_ACKS);
	key_at(key_number, key);
	ck_assert_int_eq(px_datagram_derive(key, PX_DATAGRAM_ACKS, d->id, &acks), RC_OK);
	ck_assert(px_datagram_good(&acks, d));
	return true;
}

static void
expect(uint64_t id, uint64_t number, enum px_datagram_status status, uint64_t upto)
{
	struct px_datagram d;

	ck_assert_msg(answer(30000, 0, &d), "no answer to %llu", (unsigned long long)number);
	ck_assert_msg(d.id == id && d.number == number && d.status == status && d.upto == upto,
	              "%llu: status %d up to %llu instead of %llu: %d, %llu",
	              (unsigned long long)d.number, (int)d.status, (unsigned long long)d.upto,
	              (unsigned long long)number, (int)status, (unsigned long long)upto);
}

static void
expect_none(void)
{
	struct px_datagram d;

	ck_assert(!answer(NONE_MS, 0, &d));
}

/* ---- a store: numbers without gaps ---- */

START_TEST(test_in_order)
{
	const struct px_udp_conf c = conf(false);
	struct bed *b = start(&c);

	for (uint64_t n = 1; n <= 200; n++) {
		put(b, 7, n);
		expect(7, n, PX_DATAGRAM_STORED, n);
	}
	ck_assert_uint_eq(wait_taken(b, 0), 200);
	ck_assert_uint_eq(finds_of(b), 1);
	for (size_t i = 0; i < 200; i++)
		ck_assert(b->taken[i].number == i + 1 && b->taken[i].first == (uint8_t)(i + 1));
	finish(b);
}
END_TEST

/* Out of order, twice, too far ahead; acknowledged together with what they have waited for. */
START_TEST(test_out_of_order)
{
	const struct px_udp_conf c = conf(false);
	struct bed *b = start(&c);

	put(b, 7, 3);
	put(b, 7, 2);
	put(b, 7, 3);
	put(b, 7, 65);
	expect_none();
	put(b, 7, 1);
	expect(7, 1, PX_DATAGRAM_STORED, 3);
	expect(7, 2, PX_DATAGRAM_STORED, 3);
	expect(7, 3, PX_DATAGRAM_STORED, 3);
	put(b, 7, 3);
	expect(7, 3, PX_DATAGRAM_STORED, 3);
	put(b, 7, 1);
	expect(7, 1, PX_DATAGRAM_STORED, 3);
	/* 65 was too far ahead. */
	for (uint64_t n = 5; n <= 64; n++)
		put(b, 7, n);
	put(b, 7, 4);
	for (uint64_t n = 4; n <= 64; n++)
		expect(7, n, PX_DATAGRAM_STORED, 64);
	expect_none();
	ck_assert_uint_eq(wait_taken(b, 0), 64);
	finish(b);
}
END_TEST

/* Nothing is said before it is durable; what comes meanwhile goes with the next run. */
START_TEST(test_busy)
{
	const struct px_udp_conf c = conf(false);
	struct bed *b = start(&c);

	set_holding(b, true);
	put(b, 7, 1);
	put(b, 7, 1);
	put(b, 7, 2);
	put(b, 7, 3);
	put(b, 8, 1);
	expect_none();
	wait_kept(b, 2);
	give_back(b);
	expect(7, 1, PX_DATAGRAM_STORED, 1);
	give_back(b);
	expect(8, 1, PX_DATAGRAM_STORED, 1);
	give_back(b);
	expect(7, 2, PX_DATAGRAM_STORED, 3);
	expect(7, 3, PX_DATAGRAM_STORED, 3);
	ck_assert_uint_eq(wait_taken(b, 0), 4);
	finish(b);
}
END_TEST

START_TEST(test_statuses)
{
	const struct px_udp_conf c = conf(false);
	struct bed *b = start(&c);

	/* A refused one is done, and stays refused. */
	set_status(b, 0, PX_DATAGRAM_REFUSED, 0);
	put(b, 7, 1);
	expect(7, 1, PX_DATAGRAM_REFUSED, 1);
	put(b, 7, 1);
	expect(7, 1, PX_DATAGRAM_REFUSED, 1);
	/* For one without room the number stays; what is behind it comes again. */
	set_status(b, 0, PX_DATAGRAM_FULL, 1);
	set_holding(b, true);
	put(b, 7, 2);
	give_back(b);
	expect(7, 2, PX_DATAGRAM_FULL, 1);
	set_status(b, 0, PX_DATAGRAM_STORED, 2);
	set_status(b, 1, PX_DATAGRAM_LATER, 2);
	put(b, 7, 4);
	put(b, 7, 3);
	put(b, 7, 2);
	give_back(b);
	expect(7, 2, PX_DATAGRAM_STORED, 2);
	expect(7, 3, PX_DATAGRAM_LATER, 2);
	put(b, 7, 2);
	expect(7, 2, PX_DATAGRAM_STORED, 2);
	finish(b);
}
END_TEST

/* A run of three of which the second finds no room. */
START_TEST(test_half_a_run)
{
	const struct px_udp_conf c = conf(false);
	struct bed *b = start(&c);

	set_status(b, 1, PX_DATAGRAM_FULL, 2);
	put(b, 7, 3);
	put(b, 7, 2);
	put(b, 7, 1);
	expect(7, 1, PX_DATAGRAM_STORED, 1);
	expect(7, 2, PX_DATAGRAM_FULL, 1);
	expect_none();
	set_status(b, 1, PX_DATAGRAM_STORED, 0);
	put(b, 7, 3);
	put(b, 7, 2);
	expect(7, 2, PX_DATAGRAM_STORED, 3);
	expect(7, 3, PX_DATAGRAM_STORED, 3);
	ck_assert_uint_eq(wait_taken(b, 0), 3);
	finish(b);
}
END_TEST

START_TEST(test_gone)
{
	const struct px_udp_conf c = conf(false);
	struct bed *b = start(&c);
	size_t finds;

	put(b, 7, 1);
	expect(7, 1, PX_DATAGRAM_STORED, 1);
	set_status(b, 0, PX_DATAGRAM_GONE, 0);
	put(b, 7, 2);
	expect(7, 2, PX_DATAGRAM_GONE, 1);
	finds = finds_of(b);
	put(b, 7, 3);
	expect_none();
	ck_assert_uint_gt(finds_of(b), finds);
	/* The same when it is said from outside: whoever has the book is asked again. */
	set_status(b, 0, PX_DATAGRAM_STORED, 0);
	put(b, 8, 1);
	expect(8, 1, PX_DATAGRAM_STORED, 1);
	finds = finds_of(b);
	px_udp_forget(b->udp, 8);
	px_udp_forget(b->udp, 9);
	pthread_mutex_lock(&b->lock);
	b->upto = 5;
	pthread_mutex_unlock(&b->lock);
	put(b, 8, 2);
	expect(8, 2, PX_DATAGRAM_STORED, 5);
	ck_assert_uint_eq(finds_of(b), finds + 1);
	/* While a run is out. */
	set_holding(b, true);
	put(b, 8, 6);
	wait_kept(b, 1);
	px_udp_forget(b->udp, 8);
	give_back(b);
	expect_none();
	finish(b);
}
END_TEST

/* ---- who is not answered ---- */

START_TEST(test_forged)
{
	const struct px_udp_conf c = conf(false);
	struct bed *b = start(&c);
	uint8_t out[2100];
	size_t n = message(7, 1, 0, UNIT, out);

	for (size_t i = 0; i < n; i += 5) {
		out[i] ^= 0x20;
		send_octets(b, out, n);
		out[i] ^= 0x20;
	}
	send_octets(b, out, n - 1);
	send_octets(b, "", 0);
	n = message(20, 1, 0, UNIT, out);
	send_octets(b, out, n);
	n = message(7, 1, KNOWN, UNIT, out);
	send_octets(b, out, n);
	n = message(7, 1, 0, 1201, out);
	send_octets(b, out, n);
	expect_none();
	ck_assert_uint_eq(wait_taken(b, 0), 0);
	/* As long as one is remembered, too; and the right ones are not disturbed. */
	put(b, 7, 1);
	expect(7, 1, PX_DATAGRAM_STORED, 1);
	ck_assert_uint_gt(atomic_load(&b->bad), 10);
	n = message(7, 2, 1, UNIT, out);
	send_octets(b, out, n);
	n = message(7, 2, 0, UNIT, out);
	out[n - 1] ^= 1;
	send_octets(b, out, n);
	expect_none();
	put(b, 7, 2);
	expect(7, 2, PX_DATAGRAM_STORED, 2);
	n = message(7, 3, 0, 1200, out);
	set_holding(b, true);
	send_octets(b, out, n);
	wait_kept(b, 1);
	pthread_mutex_lock(&b->lock);
	b->kept[0]->units[0].n = UNIT;
	pthread_mutex_unlock(&b->lock);
	finish(b);
}
END_TEST

/* One key of several; one key has several ids, of which the idlest is forgotten. */
START_TEST(test_ids)
{
	struct px_udp_conf c = conf(true);
	struct bed *b;
	struct px_datagram d;
	uint8_t out[2100];
	size_t n, finds;

	b = start(&c);
	n = message(11, 100, 2, UNIT, out);
	send_octets(b, out, n);
	ck_assert(answer(30000, 2, &d) && d.id == 11 && d.status == PX_DATAGRAM_STORED);
	for (uint64_t id = 1; id <= 8; id++) {
		put(b, id, 5);
		expect(id, 5, PX_DATAGRAM_STORED, 5);
	}
	finds = finds_of(b);
	put(b, 1, 6);
	expect(1, 6, PX_DATAGRAM_STORED, 6);
	ck_assert_uint_eq(finds_of(b), finds);
	/* 11 was forgotten, and now 2 is. */
	send_octets(b, out, n);
	ck_assert(answer(30000, 2, &d) && d.id == 11 && d.status == PX_DATAGRAM_STORED);
	ck_assert_uint_eq(finds_of(b), finds + 3);
	ck_assert_uint_eq(wait_taken(b, 0), 11);
	put(b, 1, 7);
	expect(1, 7, PX_DATAGRAM_STORED, 7);
	ck_assert_uint_eq(finds_of(b), finds + 3);
	put(b, 2, 6);
	expect(2, 6, PX_DATAGRAM_STORED, 6);
	ck_assert_uint_eq(finds_of(b), finds + 4);
	finish(b);
}
END_TEST

START_TEST(test_held_max)
{
	struct px_udp_conf c = conf(false);
	struct bed *b;

	c.held_max = 3 * UNIT;
	b = start(&c);
	for (uint64_t n = 2; n <= 9; n++)
		put(b, 7, n);
	expect_none();
	/* What waits for it makes room, also that of others; it comes again. */
	put(b, 8, 1);
	expect(8, 1, PX_DATAGRAM_STORED, 1);
	for (uint64_t n = 2; n <= 4; n++)
		put(b, 7, n);
	put(b, 7, 1);
	expect(7, 1, PX_DATAGRAM_STORED, 1);
	for (uint64_t n = 2; n <= 9; n++) {
		put(b, 7, n);
		expect(7, n, PX_DATAGRAM_STORED, n);
	}
	/* What is under way does not. */
	set_holding(b, true);
	for (uint64_t id = 11; id <= 13; id++)
		put(b, id, 1);
	wait_kept(b, 3);
	put(b, 8, 2);
	expect_none();
	for (uint64_t id = 11; id <= 13; id++) {
		give_back(b);
		expect(id, 1, PX_DATAGRAM_STORED, 1);
	}
	put(b, 8, 2);
	give_back(b);
	expect(8, 2, PX_DATAGRAM_STORED, 2);
	finish(b);
}
END_TEST

/* ---- a sink: numbers grow ---- */

START_TEST(test_sink)
{
	const struct px_udp_conf c = conf(true);
	struct bed *b = start(&c);

	put(b, 7, 10);
	expect(7, 10, PX_DATAGRAM_STORED, 10);
	put(b, 7, 15);
	expect(7, 15, PX_DATAGRAM_STORED, 15);
	put(b, 7, 10);
	expect(7, 10, PX_DATAGRAM_STORED, 15);
	ck_assert_uint_eq(wait_taken(b, 0), 2);
	/* What is refused may come again. */
	set_status(b, 0, PX_DATAGRAM_REFUSED, 0);
	put(b, 7, 16);
	expect(7, 16, PX_DATAGRAM_REFUSED, 15);
	set_status(b, 0, PX_DATAGRAM_STORED, 0);
	put(b, 7, 16);
	expect(7, 16, PX_DATAGRAM_STORED, 16);
	/* One at a time. */
	set_holding(b, true);
	put(b, 7, 17);
	put(b, 7, 17);
	put(b, 7, 18);
	give_back(b);
	expect(7, 17, PX_DATAGRAM_STORED, 17);
	expect_none();
	ck_assert_uint_eq(wait_taken(b, 0), 4);
	finish(b);
}
END_TEST

/* The section is not known there any more: all of it comes again. */
START_TEST(test_sink_back)
{
	const struct px_udp_conf c = conf(true);
	struct bed *b = start(&c);

	for (uint64_t n = 10; n <= 12; n++) {
		put(b, 7, n);
		expect(7, n, PX_DATAGRAM_STORED, n);
	}
	set_status(b, 0, PX_DATAGRAM_UNKNOWN, 0);
	put(b, 7, 13);
	expect(7, 13, PX_DATAGRAM_UNKNOWN, 0);
	set_status(b, 0, PX_DATAGRAM_STORED, 0);
	for (uint64_t n = 10; n <= 13; n++) {
		put(b, 7, n);
		expect(7, n, PX_DATAGRAM_STORED, n);
	}
	ck_assert_uint_eq(wait_taken(b, 0), 7);
	put(b, 7, 11);
	expect(7, 11, PX_DATAGRAM_STORED, 13);
	ck_assert_uint_eq(wait_taken(b, 0), 7);
	finish(b);
}
END_TEST

/* ---- sending ---- */

struct sent {
	struct px_udp_out out;
	char unit[UNIT];
	bool done; /* guarded by the lock of the bed */
};

static void
sent_done(struct px_udp_out *o)
{
	struct sent *s = o->owner;

	for (size_t i = 0; i < KEY_BYTES; i++)
		ck_assert(o->key[i] == 0 && o->acks.v[i] == 0);
	pthread_mutex_lock(&bed.lock);
	s->done = true;
	pthread_cond_broadcast(&bed.turn);
	pthread_mutex_unlock(&bed.lock);
}

static void
give(struct bed *b, struct sent *s, uint64_t id, uint64_t number, uint16_t port)
{
	memset(s, 0, sizeof(*s));
	memset(s->unit, (int)(number & 0xff), sizeof(s->unit));
	s->out = (struct px_udp_out){ .id = id,
		                      .number = number,
		                      .unit = slice_make(s->unit, UNIT),
		                      .done = sent_done,
		                      .owner = s };
	s->out.to.a.in4 = (struct sockaddr_in){ .sin_family = AF_INET,
		                                .sin_port = htons(port),
		                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	s->out.to.n = sizeof(s->out.to.a.in4);
	key_at(0, s->out.key);
	px_udp_give(b->udp, &s->out);
}

static bool
is_done(struct sent *s)
{
	bool done;

	pthread_mutex_lock(&bed.lock);
	done = s->done;
	pthread_mutex_unlock(&bed.lock);
	return done;
}

static enum rc
wait_sent(struct sent *s)
{
	pthread_mutex_lock(&bed.lock);
	while (!s->done)
		pthread_cond_wait(&bed.turn, &bed.lock);
	pthread_mutex_unlock(&bed.lock);
	return s->out.rc;
}

static uint16_t
own_port(void)
{
	struct sockaddr_in own;
	socklen_t n = sizeof(own);

	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&own, &n), 0);
	return ntohs(own.sin_port);
}

/* The next message that came to the test's own socket. */
static struct px_datagram
received(void)
{
	static char in[2000];
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct px_datagram d;
	ssize_t n;

	ck_assert_int_eq(poll(&p, 1, 30000), 1);
	n = recv(fd, in, sizeof(in), 0);
	ck_assert(px_datagram_parse(slice_make(in, (size_t)n), &d));
	ck_assert_int_eq(d.type, PX_DATAGRAM_DATA);
	return d;
}

/* That one; what comes before it are repetitions of an earlier one. */
static struct px_datagram
received_number(uint64_t number)
{
	struct px_datagram d = received();

	while (d.number < number)
		d = received();
	return d;
}

static void
reply(struct bed *b, uint64_t id, uint64_t number, unsigned key_number,
      enum px_datagram_status status)
{
	uint8_t out[PX_DATAGRAM_ACK], key[KEY_BYTES];
	struct key acks;

	key_at(key_number, key);
	ck_assert_int_eq(px_datagram_derive(key, PX_DATAGRAM_ACKS, id, &acks), RC_OK);
	ck_assert_int_eq(px_datagram_ack(&acks, id, number, status, 0, out), RC_OK);
	send_octets(b, out, sizeof(out));
}

START_TEST(test_sent)
{
	static const enum rc outcomes[] = { RC_OK,          RC_UNAVAILABLE, RC_NO_SPACE,
		                            RC_BAD_REQUEST, RC_GONE,        RC_CONFLICT };
	const struct px_udp_conf c = conf(false);
	struct bed *b = start(&c);
	struct px_datagram d;
	struct sent s;

	for (unsigned status = 0; status < PX_DATAGRAM_STATUSES; status++) {
		give(b, &s, 7, status + 1, own_port());
		d = received_number(status + 1);
		ck_assert(d.id == 7 && d.number == status + 1 && d.unit.n == UNIT);
		ck_assert_uint_eq((uint8_t)d.unit.p[UNIT - 1], status + 1);
		reply(b, 7, status + 1, 0, (enum px_datagram_status)status);
		ck_assert_int_eq(wait_sent(&s), outcomes[status]);
		ck_assert_uint_ge(s.out.tries, 1);
	}
	finish(b);
}
END_TEST

/* The same octets again and again, until nobody has answered; a forged answer is none. */
START_TEST(test_not_answered)
{
	const struct px_udp_conf c = conf(false);
	struct bed *b = start(&c);
	char first[UNIT];
	struct sent s;

	give(b, &s, 7, 1, own_port());
	for (unsigned i = 0; i < 7; i++) {
		struct px_datagram d = received();

		if (i == 0)
			memcpy(first, d.unit.p, UNIT);
		ck_assert_mem_eq(first, d.unit.p, UNIT);
		reply(b, 7, 1, 1, PX_DATAGRAM_STORED);
		reply(b, 7, 2, 0, PX_DATAGRAM_STORED);
		reply(b, 8, 1, 0, PX_DATAGRAM_STORED);
	}
	ck_assert_int_eq(wait_sent(&s), RC_GATEWAY_TIMEOUT);
	ck_assert_uint_eq(s.out.tries, 7);
	ck_assert_uint_ge(atomic_load(&b->bad), 1);
	finish(b);
}
END_TEST

START_TEST(test_taken_back)
{
	const struct px_udp_conf c = conf(false);
	struct bed *b = start(&c);
	static char big[PX_DATAGRAM_UNIT_MAX + 1];
	struct sent s, other;

	give(b, &s, 7, 1, own_port());
	give(b, &other, 263, 1, own_port()); /* the same bucket */
	(void)received();
	(void)received();
	px_udp_cancel(b->udp, &s.out);
	ck_assert_int_eq(wait_sent(&s), RC_UNAVAILABLE);
	ck_assert(!is_done(&other));
	reply(b, 263, 1, 0, PX_DATAGRAM_STORED);
	ck_assert_int_eq(wait_sent(&other), RC_OK);
	/* An address of another kind, a unit that is too long. */
	give(b, &s, 7, 0, own_port());
	ck_assert_int_eq(wait_sent(&s), RC_BAD_REQUEST);
	s.done = false;
	key_at(0, s.out.key);
	s.out.number = 1;
	s.out.unit = slice_make(big, sizeof(big));
	px_udp_give(b->udp, &s.out);
	ck_assert_int_eq(wait_sent(&s), RC_BAD_REQUEST);
	s.done = false;
	key_at(0, s.out.key);
	s.out.unit = slice_make(s.unit, UNIT);
	ck_assert(px_udp_address(SLICE_LIT("udp://[::1]:9"), &s.out.to));
	px_udp_give(b->udp, &s.out);
	ck_assert_int_eq(wait_sent(&s), RC_BAD_GATEWAY);
	/* The end takes back what is under way, and takes nothing more. */
	give(b, &s, 7, 2, own_port());
	px_udp_stop(b->udp);
	ck_assert(is_done(&s) && s.out.rc == RC_UNAVAILABLE);
	give(b, &s, 7, 3, own_port());
	ck_assert(is_done(&s) && s.out.rc == RC_UNAVAILABLE);
	px_udp_free(b->udp);
	close(fd);
}
END_TEST

START_TEST(test_addresses)
{
	static const char *const bad[] = {
		"",
		"udp://",
		"udp://192.0.2.1",
		"udp://192.0.2.1:",
		"udp://192.0.2.1:0",
		"udp://192.0.2.1:65536",
		"udp://192.0.2.1:123456",
		"udp://a.example:9",
		"udp://192.0.2:9",
		"udp://2001:db8::1:9",
		"udp://[2001:db8::g]:9",
		"udp://[192.0.2.1]:9",
		"udp://[]:9",
		"udp://u@192.0.2.1:9",
		"udp://192.0.2.1:9/x",
		"udp://192.0.2.1:9?x",
		"udp://192.0.2.1:9/?",
		"coap://192.0.2.1:9",
		"UDP://192.0.2.1:9",
		"/x",
	};
	struct px_udp_address a;
	char text[INET6_ADDRSTRLEN];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!px_udp_address(slice_of(bad[i]), &a), "%s", bad[i]);
	ck_assert(px_udp_address(SLICE_LIT("udp://192.0.2.1:65535"), &a));
	ck_assert(a.n == sizeof(a.a.in4) && a.a.any.sa_family == AF_INET);
	ck_assert_uint_eq(ntohs(a.a.in4.sin_port), 65535);
	ck_assert_str_eq(inet_ntop(AF_INET, &a.a.in4.sin_addr, text, sizeof(text)), "192.0.2.1");
	ck_assert(px_udp_address(SLICE_LIT("udp://[2001:db8::1]:9/"), &a));
	ck_assert(a.n == sizeof(a.a.in6) && a.a.any.sa_family == AF_INET6);
	ck_assert_uint_eq(ntohs(a.a.in6.sin6_port), 9);
	ck_assert_str_eq(inet_ntop(AF_INET6, &a.a.in6.sin6_addr, text, sizeof(text)),
	                 "2001:db8::1");
}
END_TEST

START_TEST(test_opened)
{
	struct px_udp_conf c = conf(false), bad[4] = { c, c, c, c };
	struct px_udp *u, *again;
	struct bed *b;
	char why[256];
	struct sent s;

	bad[0].address = "localhost";
	bad[1].unit_max = PX_DATAGRAM_UNIT_MAX + 1;
	bad[2].taker.find = NULL;
	bad[3].taker.ids_max = 0;
	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(px_udp_open(&bad[i], &u, why), RC_BAD_REQUEST);
	/* Any address, and nobody who takes: only to send. */
	c.address = "";
	c.taker = (struct px_udp_taker){ .gaps = false };
	b = start(&c);
	c.port = px_udp_port(b->udp);
	ck_assert_uint_ne(c.port, 0);
	ck_assert_int_eq(px_udp_open(&c, &again, why), RC_CONFLICT);
	ck_assert_ptr_null(again);
	put(b, 7, 1);
	expect_none();
	give(b, &s, 7, 1, own_port());
	(void)received();
	reply(b, 7, 1, 0, PX_DATAGRAM_STORED);
	ck_assert_int_eq(wait_sent(&s), RC_OK);
	finish(b);
}
END_TEST

/* ---- over a bad net ---- */

#define LANES 8u

struct net {
	int fd; /* both ends send to it */
	uint16_t sender, receiver;
	atomic_bool over;
	unsigned seed;
	uint8_t late[2000]; /* a datagram that is overtaken */
	size_t n_late;
	uint16_t late_to;
};

static void
carry(struct net *w, const uint8_t *p, size_t n, uint16_t port)
{
	const struct sockaddr_in to = { .sin_family = AF_INET,
		                        .sin_port = htons(port),
		                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	(void)sendto(w->fd, p, n, 0, (const struct sockaddr *)&to, sizeof(to));
}

/* One in five is lost, one in ten comes twice, one in ten is overtaken, one in ten is another. */
static void
carry_badly(struct net *w, uint8_t *p, size_t n, uint16_t port)
{
	unsigned fate = (unsigned)rand_r(&w->seed) % 10;

	if (fate < 2)
		return;
	if (fate == 2 && w->n_late == 0) {
		memcpy(w->late, p, n);
		w->n_late = n;
		w->late_to = port;
		return;
	}
	if (fate == 3)
		p[(unsigned)rand_r(&w->seed) % n] ^= 0x40;
	carry(w, p, n, port);
	if (fate == 4)
		carry(w, p, n, port);
	if (w->n_late > 0)
		carry(w, w->late, w->n_late, w->late_to);
	w->n_late = 0;
}

static void *
net_main(void *arg)
{
	struct net *w = arg;
	struct pollfd p = { .fd = w->fd, .events = POLLIN };
	uint8_t in[2000];

	while (!atomic_load(&w->over)) {
		struct sockaddr_in from;
		socklen_t size = sizeof(from);
		ssize_t n;

		if (poll(&p, 1, 10) <= 0)
			continue;
		n = recvfrom(w->fd, in, sizeof(in), 0, (struct sockaddr *)&from, &size);
		if (n > 0)
			carry_badly(w, in, (size_t)n,
			            ntohs(from.sin_port) == w->sender ? w->receiver : w->sender);
	}
	return NULL;
}

/* Lanes of a forwarder: one after the other, again when it has failed. */
START_TEST(test_bad_net)
{
	struct px_udp_conf c = conf(true);
	struct bed *b = start(&c);
	struct net w = { .fd = fd, .seed = 11, .receiver = px_udp_port(b->udp) };
	uint64_t number[LANES], most = getenv("OPENSCL_LONG") != NULL ? 300 : 30;
	struct px_udp_conf sending = conf(false);
	struct sent s[LANES];
	struct px_udp *from;
	struct bed sender;
	char why[256];
	pthread_t net;
	size_t left = LANES;

	sending.taker = (struct px_udp_taker){ .gaps = false };
	ck_assert_int_eq(px_udp_open(&sending, &from, why), RC_OK);
	w.sender = px_udp_port(from);
	ck_assert_int_eq(pthread_create(&net, NULL, net_main, &w), 0);
	sender.udp = from;
	for (size_t i = 0; i < LANES; i++) {
		number[i] = 1;
		give(&sender, &s[i], i + 1, 1, own_port());
	}
	while (left > 0) {
		for (size_t i = 0; i < LANES; i++) {
			if (number[i] > most || !is_done(&s[i]))
				continue;
			ck_assert(s[i].out.rc == RC_OK || s[i].out.rc == RC_GATEWAY_TIMEOUT);
			number[i] += s[i].out.rc == RC_OK;
			if (number[i] > most)
				left--;
			else
				give(&sender, &s[i], i + 1, number[i], own_port());
		}
		pthread_mutex_lock(&b->lock);
		for (size_t i = 0, any = 0; any == 0 && left > 0; i++) {
			any = number[i % LANES] <= most && s[i % LANES].done;
			if (!any && i % LANES == LANES - 1)
				pthread_cond_wait(&b->turn, &b->lock);
		}
		pthread_mutex_unlock(&b->lock);
	}
	atomic_store(&w.over, true);
	ck_assert_int_eq(pthread_join(net, NULL), 0);
	px_udp_stop(from);
	px_udp_free(from);
	/* Each once, in order. */
	ck_assert_uint_eq(wait_taken(b, LANES * most), LANES * most);
	for (size_t i = 0; i < LANES; i++)
		number[i] = 1;
	for (size_t i = 0; i < LANES * most; i++) {
		const struct taken *t = &b->taken[i];

		ck_assert_uint_eq(t->number, number[t->id - 1]++);
		ck_assert_uint_eq(t->first, (uint8_t)t->number);
	}
	finish(b);
}
END_TEST

/* A source with 32 under way to a store: all of them once, in order. */
START_TEST(test_bad_net_store)
{
	struct px_udp_conf c = conf(false);
	struct bed *b = start(&c);
	uint64_t most = getenv("OPENSCL_LONG") != NULL ? 3000 : 300, upto = 0;
	unsigned seed = 5;

	while (upto < most) {
		struct px_datagram d;

		for (uint64_t n = upto + 1; n <= upto + 32 && n <= most; n++)
			for (unsigned times = (unsigned)rand_r(&seed) % 4; times > 1; times--) {
				uint64_t other = upto + 1 + (unsigned)rand_r(&seed) % (n - upto);

				put(b, 7, times == 2 ? n : other);
			}
		while (answer(5, 0, &d)) {
			ck_assert_int_eq(d.status, PX_DATAGRAM_STORED);
			ck_assert_uint_ge(d.upto, upto);
			upto = d.upto;
		}
	}
	ck_assert_uint_eq(wait_taken(b, 0), most);
	for (size_t i = 0; i < most; i++)
		ck_assert_uint_eq(b->taken[i].number, i + 1);
	finish(b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("px_udp");
	TCase *in = suite_case(s, "in", NULL, NULL), *out = suite_case(s, "out", NULL, NULL);

	tcase_add_test(in, test_in_order);
	tcase_add_test(in, test_out_of_order);
	tcase_add_test(in, test_busy);
	tcase_add_test(in, test_statuses);
	tcase_add_test(in, test_half_a_run);
	tcase_add_test(in, test_gone);
	tcase_add_test(in, test_forged);
	tcase_add_test(in, test_ids);
	tcase_add_test(in, test_held_max);
	tcase_add_test(in, test_sink);
	tcase_add_test(in, test_sink_back);
	tcase_add_test(out, test_sent);
	tcase_add_test(out, test_not_answered);
	tcase_add_test(out, test_taken_back);
	tcase_add_test(out, test_addresses);
	tcase_add_test(out, test_opened);
	tcase_add_test(out, test_bad_net);
	tcase_add_test(out, test_bad_net_store);
	tcase_set_timeout(out, 120);
	return run_suite(s);
}
