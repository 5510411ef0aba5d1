/* SPDX-License-Identifier: Apache-2.0 */
/* The MAS: what becomes of nodes, Kmr and connections, by rule. */
#include "config.h"

#include "mas_bed.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/times.h"
#include "mas/mas_impl.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))

static struct mas_bed bed;

static struct mas_bed *
start(int engine)
{
	bed_make(&bed, engine);
	bed_open(&bed);
	return &bed;
}

/* The reason of a refused connect. */
static void
refused(struct mas_bed *b, struct mas_connect *c, enum rc rc, const char *reason, unsigned reject)
{
	enum rc got = bed_connect(b, c);

	ck_assert_msg(got == rc, "rc %d %s", (int)got, c->outcome.reason);
	ck_assert_str_eq(c->outcome.reason, reason);
	ck_assert_uint_eq(c->outcome.reject, reject);
	ck_assert(key_is_zero(&c->connection.kmc));
}

static void
refuses(struct mas_bed *b, uint8_t node, uint32_t kmr, const char *reason, unsigned reject)
{
	struct mas_connect c = bed_connecting(node, kmr);

	refused(b, &c, RC_FORBIDDEN, reason, reject);
}

static enum mas_kmr_state
kmr_state(struct mas_bed *b, uint8_t node, uint32_t index)
{
	struct node_id id = bed_node(node);
	const struct mas_kmr *k;

	ck_assert_int_eq(bed_show(b, &id), RC_OK);
	k = bed_kmr(b, index);
	return k == NULL ? (enum mas_kmr_state)0 : k->state;
}

static bool
has_psk(struct mas_bed *b, uint8_t node, uint32_t index)
{
	struct node_id id = bed_node(node);
	struct key k;

	return bed_psk(b, &id, index, PSK_TLS_1_3, &k);
}

static bool
no_kmr(struct mas_bed *b, void *arg)
{
	const uint32_t *at = arg; /* node, index */

	return kmr_state(b, (uint8_t)at[0], at[1]) == 0;
}

static bool
conn_ended(struct mas_bed *b, void *arg)
{
	const struct mas_connection *c = arg;
	const struct mas_conn *found;

	ck_assert_int_eq(bed_show(b, &c->node), RC_OK);
	found = bed_conn(b, c->id);
	return found != NULL && found->state == MAS_CONN_ENDED;
}

static bool
conn_lives(struct mas_bed *b, const struct mas_connection *c)
{
	const struct mas_conn *found;

	ck_assert_int_eq(bed_show(b, &c->node), RC_OK);
	found = bed_conn(b, c->id);
	return found != NULL && found->state == MAS_CONN_ACTIVE;
}

/* ---- provision ---- */

/* The key of session A is the one of the published vectors. */
START_TEST(test_psk)
{
	static const uint8_t psk3[] = { 0xb9, 0x0c, 0x7c, 0x37, 0x83, 0xf8, 0x68, 0xc6 };
	static const uint8_t psk2[] = { 0x6a, 0x98, 0xcb, 0x77, 0xcf, 0x74, 0xf5, 0x4a };
	struct mas_bed *b = start(_i);
	struct node_id node = bed_node(0x0c);
	struct psk_id other = { .kind = PSK_MC, .tls = PSK_TLS_1_3, .index = 1, .connection = 1 };
	struct key k;

	ck_assert_uint_eq(bed_issue(b, 0x0c, 0), 1);
	ck_assert(bed_psk(b, &node, 1, PSK_TLS_1_3, &k));
	ck_assert_mem_eq(k.v, psk3, sizeof(psk3));
	ck_assert(bed_psk(b, &node, 1, PSK_TLS_1_2, &k));
	ck_assert_mem_eq(k.v, psk2, sizeof(psk2));
	ck_assert(!bed_psk(b, &node, 2, PSK_TLS_1_3, &k));
	ck_assert(!has_psk(b, 0x0d, 1));
	other.node = node;
	ck_assert(!b->mas.ops->psk(b->mas.self, &other, &k));
	ck_assert_uint_eq(mas_counted(mas_counters_of(b->m), MAS_COUNT_PSK_HIT), 2);
	ck_assert_uint_eq(mas_counted(mas_counters_of(b->m), MAS_COUNT_PSK_UNKNOWN), 3);
	bed_free(b);
}
END_TEST

START_TEST(test_provision)
{
	struct mas_bed *b = start(_i);
	struct mas_provision first = { .ppid = SLICE_LIT("\x80\x00\x1a\x7d\xda\x71\x13"),
		                       .scl_id = "gscl-1", .sub_id = SLICE_LIT("sub"), .origin = "B6" };
	struct mas_provision again = { .ppid = first.ppid, .scl_id = "other", .origin = "B6" };
	struct mas_provision taken = { .scl_id = "gscl-1", .actor = "admin", .origin = "B0" };
	struct mas_provision plain = { .actor = "admin", .origin = "B0", .lifetime = BED_HOUR };
	struct mas_provision two = { .ppid = first.ppid, .has_node = true, .node = bed_node(9) };
	char text[NODE_ID_TEXT];

	ck_assert_int_eq(bed_provision(b, &first), RC_OK);
	ck_assert_uint_eq(first.kmr_index, 1);
	ck_assert(node_id_of_provider(&first.node, SLICE_LIT("sp1.example")));
	ck_assert(!key_is_zero(&first.kmr));
	ck_assert_int_eq(first.expires, BED_START + MAS_KMR_LIFETIME);
	/* The same device is the same node, with a new key. */
	ck_assert_int_eq(bed_provision(b, &again), RC_OK);
	ck_assert(node_id_eq(&again.node, &first.node));
	ck_assert_str_eq(again.scl_id, "gscl-1");
	ck_assert_uint_eq(again.kmr_index, 2);
	ck_assert(!key_equal(&again.kmr, &first.kmr));

	ck_assert_int_eq(bed_provision(b, &taken), RC_CONFLICT);
	ck_assert_str_eq(taken.outcome.reason, "SCLID_TAKEN");
	ck_assert(key_is_zero(&taken.kmr));
	ck_assert_int_eq(bed_provision(b, &two), RC_CONFLICT);
	ck_assert_str_eq(two.outcome.reason, "NODE_TAKEN");
	ck_assert_int_eq(bed_provision(b, &plain), RC_OK);
	node_id_text(&plain.node, text);
	ck_assert_str_eq(plain.scl_id, text);
	ck_assert_int_eq(plain.expires, BED_START + BED_HOUR);
	bed_free(b);
}
END_TEST

START_TEST(test_provision_index)
{
	struct mas_bed *b = start(_i);
	struct mas_provision p = { .has_node = true, .node = bed_node(1), .kmr_index = 7,
		                   .origin = "B6" };

	ck_assert_int_eq(bed_provision(b, &p), RC_OK);
	ck_assert_uint_eq(p.kmr_index, 7);
	ck_assert_int_eq(bed_provision(b, &p), RC_CONFLICT);
	ck_assert_str_eq(p.outcome.reason, "KMR_INDEX");
	ck_assert_uint_eq(p.kmr_index, 7);
	p.kmr_index = 3;
	ck_assert_int_eq(bed_provision(b, &p), RC_CONFLICT);
	ck_assert_uint_eq(p.kmr_index, 7);
	p.kmr_index = UINT32_MAX;
	ck_assert_int_eq(bed_provision(b, &p), RC_OK);
	p.kmr_index = 0;
	ck_assert_int_eq(bed_provision(b, &p), RC_CONFLICT);
	ck_assert_uint_eq(p.kmr_index, UINT32_MAX);
	bed_free(b);
}
END_TEST

START_TEST(test_provision_bad)
{
	struct mas_bed *b = start(_i);
	char long_text[MAS_SUB_ID_MAX + 2];
	struct mas_provision all[] = {
		{ .origin = "B6" }, /* nothing that names a node */
		{ .has_node = true, .lifetime = -1 },
		{ .has_node = true, .scl_id = "scls" },
		{ .has_node = true, .scl_id = "a/b" },
		{ .has_node = true, .sub_id = slice_make(long_text, sizeof(long_text)) },
		{ .has_node = true, .sub_id = SLICE_LIT("a\0b") },
		{ .ppid = SLICE_LIT("x") },
		{ .has_node = true, .has_kmr = true },
	};

	memset(long_text, 'a', sizeof(long_text));
	for (size_t i = 0; i < NITEMS(all); i++) {
		all[i].node = bed_node(1);
		ck_assert_int_eq(bed_provision(b, &all[i]), RC_BAD_REQUEST);
		ck_assert_str_eq(all[i].outcome.reason, "BAD_PARAM");
	}
	ck_assert(!has_psk(b, 1, 1));
	bed_free(b);
}
END_TEST

/* Of two keys that were never used only the newer one exists; a lost answer locks nobody out. */
START_TEST(test_pending)
{
	struct mas_bed *b = start(_i);
	struct mas_connection old, new;

	ck_assert_uint_eq(bed_issue(b, 1, 10), 1);
	ck_assert_uint_eq(bed_issue(b, 1, 20), 2);
	ck_assert_int_eq(kmr_state(b, 1, 1), 0);
	ck_assert_int_eq(kmr_state(b, 1, 2), MAS_KMR_PENDING);
	ck_assert(!has_psk(b, 1, 1));
	refuses(b, 1, 1, "SEC_REBOOTSTRAP", REJECT_EXPIRED);
	(void)bed_connected(b, 1, 2);
	ck_assert_int_eq(kmr_state(b, 1, 2), MAS_KMR_ACTIVE);

	/* The answer with key 3 is lost: key 2 goes on. */
	ck_assert_uint_eq(bed_issue(b, 1, 30), 3);
	ck_assert(has_psk(b, 1, 2) && has_psk(b, 1, 3));
	old = bed_connected(b, 1, 2);
	ck_assert_int_eq(kmr_state(b, 1, 3), MAS_KMR_PENDING);

	/* The next one arrives; its use retires key 2. */
	ck_assert_uint_eq(bed_issue(b, 1, 40), 4);
	ck_assert(!has_psk(b, 1, 3));
	new = bed_connected(b, 1, 4);
	ck_assert_int_eq(kmr_state(b, 1, 2), MAS_KMR_RETIRED);
	ck_assert_int_eq(kmr_state(b, 1, 4), MAS_KMR_ACTIVE);
	ck_assert(conn_lives(b, &new));
	ck_assert_int_eq(bed_conn(b, old.id)->expires, BED_START + MAS_KMC_OVERLAP);
	bed_free(b);
}
END_TEST

/* A retired key says only that a new bootstrap is due, for a day. */
START_TEST(test_retired)
{
	struct mas_bed *b = start(_i);
	uint32_t at[] = { 1, 1 };

	(void)bed_issue(b, 1, 10);
	(void)bed_connected(b, 1, 1);
	(void)bed_issue(b, 1, 20);
	(void)bed_connected(b, 1, 2);
	ck_assert(has_psk(b, 1, 1));
	refuses(b, 1, 1, "SEC_REBOOTSTRAP", REJECT_EXPIRED);
	bed_pass(b, BED_DAY - 1);
	ck_assert_int_eq(kmr_state(b, 1, 1), MAS_KMR_RETIRED);
	bed_pass(b, 1);
	bed_until(b, no_kmr, at);
	ck_assert(!has_psk(b, 1, 1));
	ck_assert(has_psk(b, 1, 2));
	refuses(b, 1, 1, "SEC_REBOOTSTRAP", REJECT_EXPIRED);
	bed_free(b);
}
END_TEST

START_TEST(test_kmr_expires)
{
	struct mas_bed *b = start(_i);
	struct mas_provision p = { .has_node = true, .node = bed_node(1), .origin = "B6",
		                   .lifetime = BED_HOUR };
	struct mas_connection c;
	uint32_t at[] = { 1, 1 };

	ck_assert_int_eq(bed_provision(b, &p), RC_OK);
	c = bed_connected(b, 1, 1);
	/* Never beyond Kmr. */
	ck_assert_int_eq(c.expires, BED_START + BED_HOUR);
	bed_pass(b, BED_HOUR);
	ck_assert(!has_psk(b, 1, 1));
	bed_until(b, no_kmr, at);
	ck_assert(conn_ended(b, &c));
	ck_assert(bed_was_told(b, c.id, MAS_EXPIRED));
	p.lifetime = 20 * 365 * BED_DAY;
	p.kmr_index = 0;
	ck_assert_int_eq(bed_provision(b, &p), RC_OK);
	ck_assert_int_eq(p.expires - BED_START - BED_HOUR, MAS_KMR_LIFETIME_MAX);
	bed_free(b);
}
END_TEST

/* Keys that are replaced again and again do not fill the store. */
START_TEST(test_kmr_room)
{
	struct mas_bed *b = start(_i);
	struct node_id id = bed_node(1);

	for (uint32_t i = 1; i <= 2 * MAS_KMRS_PER_NODE; i++) {
		ck_assert_uint_eq(bed_issue(b, 1, (uint8_t)i), i);
		(void)bed_connected(b, 1, i);
	}
	ck_assert_int_eq(bed_show(b, &id), RC_OK);
	ck_assert_uint_eq(b->n_kmrs, MAS_KMRS_PER_NODE);
	ck_assert(!has_psk(b, 1, 1));
	ck_assert(has_psk(b, 1, 2 * MAS_KMRS_PER_NODE));
	bed_free(b);
}
END_TEST

/* ---- connect ---- */

START_TEST(test_connect)
{
	struct mas_bed *b = start(_i);
	struct key kmr = bed_key(10), exporter = bed_key(0xe0), want;
	struct mas_connection c, second;
	struct kmc_terms terms;

	(void)bed_issue(b, 1, 10);
	c = bed_connected(b, 1, 1);
	terms = (struct kmc_terms){ .node = bed_node(1), .kmr_index = 1, .kmc_index = 1,
		                    .connection = c.id, .scl_id = SLICE_LIT("scl-1") };
	ck_assert_int_eq(kmc_derive(&kmr, &exporter, &terms, &want), RC_OK);
	ck_assert(key_equal(&c.kmc, &want));
	ck_assert_uint_eq(c.kmc_index, 1);
	ck_assert_uint_eq(c.flags, MAS_CHANNEL);
	ck_assert_str_eq(c.scl_id, "scl-1");
	ck_assert_int_eq(c.expires - c.created, MAS_KMC_LIFETIME);
	ck_assert(c.id != 0);
	second = bed_connected(b, 1, 1);
	ck_assert_uint_eq(second.kmc_index, 2);
	ck_assert(second.id != c.id && !key_equal(&second.kmc, &c.kmc));
	ck_assert_uint_eq(mas_counted(mas_counters_of(b->m), MAS_COUNT_CONNECT_OK), 2);
	ck_assert_uint_eq(mas_counted(mas_counters_of(b->m), MAS_COUNT_HN_IN), 2);
	ck_assert_uint_eq(mas_counted(mas_counters_of(b->m), MAS_COUNT_HN_OUT), 2);
	bed_free(b);
}
END_TEST

START_TEST(test_connect_bad)
{
	struct mas_bed *b = start(_i);
	struct mas_connect c;

	(void)bed_issue(b, 1, 10);
	c = bed_connecting(1, 1);
	key_wipe(&c.exporter);
	refused(b, &c, RC_BAD_REQUEST, "BAD_PARAM", 0);
	c = bed_connecting(1, 1);
	c.tls_version = 0x0302;
	refused(b, &c, RC_BAD_REQUEST, "BAD_PARAM", 0);
	c = bed_connecting(1, 0);
	refused(b, &c, RC_BAD_REQUEST, "BAD_PARAM", 0);
	c = bed_connecting(1, 1);
	c.scl_id = SLICE_LIT("../etc");
	refused(b, &c, RC_BAD_REQUEST, "BAD_PARAM", 0);
	c = bed_connecting(1, 1);
	c.source = SLICE_LIT("1\0x");
	refused(b, &c, RC_BAD_REQUEST, "BAD_PARAM", 0);
	ck_assert_int_eq(kmr_state(b, 1, 1), MAS_KMR_PENDING);
	bed_free(b);
}
END_TEST

START_TEST(test_connect_refused)
{
	struct mas_bed *b = start(_i);
	struct mas_change flags = { .kind = MAS_SET, .node = bed_node(1), .flags = MAS_TLS13 };
	struct mas_connect c;

	(void)bed_issue(b, 1, 10);
	(void)bed_issue(b, 2, 20);
	refuses(b, 3, 1, "AUTH_FAILED", REJECT_UNKNOWN);
	refuses(b, 1, 2, "AUTH_FAILED", REJECT_UNKNOWN);
	c = bed_connecting(1, 1);
	c.scl_id = SLICE_LIT("scl-2");
	refused(b, &c, RC_CONFLICT, "SCLID_TAKEN", 0);
	c.scl_id = SLICE_LIT("scl-3");
	refused(b, &c, RC_FORBIDDEN, "AUTH_FAILED", 0);
	ck_assert_int_eq(bed_change(b, &flags), RC_OK);
	c = bed_connecting(1, 1);
	c.tls_version = 0x0303;
	refused(b, &c, RC_FORBIDDEN, "AUTH_FAILED", 0);
	ck_assert_int_eq(kmr_state(b, 1, 1), MAS_KMR_PENDING);
	ck_assert_uint_eq(b->nodes[0].failures, 4);
	ck_assert_str_eq(b->nodes[0].last_reason, "TLS_VERSION");
	c = bed_connecting(1, 1);
	c.scl_id = SLICE_LIT("scl-1");
	ck_assert_int_eq(bed_connect(b, &c), RC_OK);
	ck_assert_uint_eq(c.connection.flags, MAS_TLS13);
	bed_free(b);
}
END_TEST

/* A newer connection ends the older one after the overlap, or when it is used. */
START_TEST(test_overlap)
{
	struct mas_bed *b = start(_i);
	struct mas_connection first, second, third, elsewhere;
	struct mas_connect other = bed_connecting(1, 1);

	(void)bed_issue(b, 1, 10);
	first = bed_connected(b, 1, 1);
	other.nscl = SLICE_LIT("nscl2.example");
	ck_assert_int_eq(bed_connect(b, &other), RC_OK);
	elsewhere = other.connection;
	second = bed_connected(b, 1, 1);
	ck_assert(conn_lives(b, &first));
	bed_pass(b, MAS_KMC_OVERLAP - 1);
	ck_assert(conn_lives(b, &first));
	bed_pass(b, 1);
	bed_until(b, conn_ended, &first);
	ck_assert(bed_was_told(b, first.id, MAS_EXPIRED));

	third = bed_connected(b, 1, 1);
	bed_pass(b, 3 * CLOCK_SECOND);
	ck_assert(conn_lives(b, &second));
	b->mas.ops->used(b->mas.self, third.id, 1, 100);
	bed_until(b, conn_ended, &second);
	ck_assert(conn_lives(b, &third));
	ck_assert(conn_lives(b, &elsewhere));
	ck_assert_int_eq(bed_conn(b, elsewhere.id)->expires, BED_START + MAS_KMC_LIFETIME);
	bed_free(b);
}
END_TEST

/* What is in flight on the older one has 2 s. */
START_TEST(test_in_flight)
{
	struct mas_bed *b = start(_i);
	struct mas_connection first, second;

	(void)bed_issue(b, 1, 10);
	first = bed_connected(b, 1, 1);
	second = bed_connected(b, 1, 1);
	b->mas.ops->used(b->mas.self, second.id, 1, 0);
	while (bed_conn(b, first.id) == NULL ||
	       bed_conn(b, first.id)->expires != BED_START + 2 * CLOCK_SECOND) {
		ck_assert(conn_lives(b, &first));
		mas_work_wake(b->m->work);
	}
	bed_pass(b, 2 * CLOCK_SECOND);
	bed_until(b, conn_ended, &first);
	bed_free(b);
}
END_TEST

START_TEST(test_limits)
{
	struct mas_bed *b = start(_i);
	struct mas_connection c;

	(void)bed_issue(b, 1, 10);
	c = bed_connected(b, 1, 1);
	b->mas.ops->used(b->mas.self, c.id, MAS_KMC_REQUESTS_MAX - 1, 0);
	b->mas.ops->used(b->mas.self, 12345, 1, 1);
	do {
		ck_assert(conn_lives(b, &c));
		mas_work_wake(b->m->work);
	} while (bed_conn(b, c.id)->requests != MAS_KMC_REQUESTS_MAX - 1);
	ck_assert_int_eq(bed_conn(b, c.id)->last_seen, BED_START);
	b->mas.ops->used(b->mas.self, c.id, 1, 0);
	bed_until(b, conn_ended, &c);
	ck_assert(bed_was_told(b, c.id, MAS_EXPIRED));

	c = bed_connected(b, 1, 1);
	b->mas.ops->used(b->mas.self, c.id, 1, MAS_KMC_OCTETS_MAX);
	bed_until(b, conn_ended, &c);
	ck_assert_uint_eq(mas_counted(mas_counters_of(b->m), MAS_COUNT_KMC_LIMIT), 2);
	bed_free(b);
}
END_TEST

static bool
conn_forgotten(struct mas_bed *b, void *arg)
{
	const struct mas_connection *c = arg;

	ck_assert_int_eq(bed_show(b, &c->node), RC_OK);
	return bed_conn(b, c->id) == NULL;
}

START_TEST(test_end)
{
	struct mas_bed *b = start(_i);
	struct mas_connection c;

	(void)bed_issue(b, 1, 10);
	c = bed_connected(b, 1, 1);
	ck_assert_int_eq(bed_end(b, c.id), RC_OK);
	ck_assert(conn_ended(b, &c));
	ck_assert(bed_was_told(b, c.id, MAS_ENDED));
	ck_assert_uint_eq(b->n_told, 1);
	ck_assert_int_eq(bed_end(b, c.id), RC_OK);
	ck_assert_int_eq(bed_end(b, 99), RC_OK);
	ck_assert_uint_eq(b->n_told, 1);
	ck_assert_uint_eq(mas_live_count(b->m->live), 0);
	bed_pass(b, MAS_FORGET - 1);
	ck_assert(conn_ended(b, &c));
	bed_pass(b, 1);
	bed_until(b, conn_forgotten, &c);
	bed_free(b);
}
END_TEST

/* Records of one node are bounded; the ended ones go first. */
START_TEST(test_conn_room)
{
	struct mas_bed *b = start(_i);
	struct mas_connection first, last = { 0 };
	struct node_id id = bed_node(1);

	(void)bed_issue(b, 1, 10);
	first = bed_connected(b, 1, 1);
	for (unsigned i = 0; i < MAS_CONNS_PER_NODE; i++) {
		last = bed_connected(b, 1, 1);
		ck_assert_int_eq(bed_end(b, last.id), RC_OK);
	}
	ck_assert_int_eq(bed_show(b, &id), RC_OK);
	ck_assert_uint_eq(b->n_conns, MAS_CONNS_PER_NODE);
	ck_assert(conn_lives(b, &first));
	ck_assert(conn_ended(b, &last));
	bed_free(b);
}
END_TEST

START_TEST(test_connections_max)
{
	struct mas_bed *b = &bed;
	struct mas_connect c;
	unsigned made = 0;

	bed_make(b, _i);
	b->conf.connections_max = 4;
	b->conf.batch_max = 1;
	bed_open(b);
	for (uint8_t i = 1; i < 10; i++) {
		(void)bed_issue(b, i, i);
		c = bed_connecting(i, 1);
		made += bed_connect(b, &c) == RC_OK;
	}
	ck_assert_uint_eq(made, 4);
	ck_assert_int_eq(c.outcome.rc, RC_UNAVAILABLE);
	ck_assert_str_eq(c.outcome.reason, "OVERLOAD");
	ck_assert_uint_eq(c.outcome.retry_after, MAS_RETRY_AFTER);
	bed_free(b);
}
END_TEST

/* Who was refused too often is not looked at, until an administrator unlocks. */
START_TEST(test_failures)
{
	struct mas_bed *b = start(_i);
	struct mas_change unlock = { .kind = MAS_UNLOCK, .node = bed_node(1) };
	struct mas_connect c;

	(void)bed_issue(b, 1, 10);
	for (unsigned i = 0; i < FAILURES_PER_SUBJECT; i++)
		refuses(b, 1, 2, "AUTH_FAILED", REJECT_UNKNOWN);
	c = bed_connecting(1, 1);
	refused(b, &c, RC_UNAVAILABLE, "OVERLOAD", REJECT_OVERLOAD);
	ck_assert_uint_gt(c.outcome.retry_after, 60);
	ck_assert_int_eq(bed_change(b, &unlock), RC_OK);
	(void)bed_connected(b, 1, 1);
	ck_assert_int_eq(kmr_state(b, 1, 1), MAS_KMR_ACTIVE);
	ck_assert_uint_eq(b->nodes[0].failures, 0);
	bed_free(b);
}
END_TEST

/* ---- integrity ---- */

static struct ival_report
report_of(uint8_t node, uint8_t kmr, int64_t results, int64_t at, char text[TIMES_TEXT_MAX])
{
	struct node_id id = bed_node(node);
	char scl_id[16];
	struct ival_report r = { .results = results };
	struct ival_origin o = { .node = &id };
	struct key key = bed_key(kmr), k;

	snprintf(scl_id, sizeof(scl_id), "scl-%u", (unsigned)node);
	o.scl_id = slice_of(scl_id);
	r.time = slice_make(text, times_format(at, TIMES_SECOND, text));
	ck_assert_int_eq(ival_key(&key, &id, &k), RC_OK);
	ck_assert_int_eq(ival_sign(&k, &o, &r), RC_OK);
	return r;
}

START_TEST(test_ival)
{
	struct mas_bed *b = start(_i);
	uint64_t required = 0x1f;
	struct mas_change set = { .kind = MAS_SET, .node = bed_node(1), .flags = MAS_KEEP_FLAGS,
		                  .ival_required = &required };
	char text[TIMES_TEXT_MAX];
	struct ival_report r;
	struct mas_connect c;

	(void)bed_issue(b, 1, 10);
	ck_assert_int_eq(bed_change(b, &set), RC_OK);
	c = bed_connecting(1, 1);
	refused(b, &c, RC_FORBIDDEN, "IVAL_FAILED", REJECT_INTEGRITY);
	r = report_of(1, 10, 0x1e, BED_START, text);
	c.ival = &r;
	refused(b, &c, RC_FORBIDDEN, "IVAL_FAILED", REJECT_INTEGRITY);
	r = report_of(1, 11, 0x1f, BED_START, text);
	refused(b, &c, RC_FORBIDDEN, "IVAL_FAILED", REJECT_INTEGRITY);
	r = report_of(1, 10, 0x1f, BED_START - BED_DAY, text);
	refused(b, &c, RC_FORBIDDEN, "IVAL_FAILED", REJECT_INTEGRITY);
	r = report_of(1, 10, 0x1f, BED_START, text);
	r.time = SLICE_LIT("yesterday");
	refused(b, &c, RC_BAD_REQUEST, "BAD_PARAM", 0);
	ck_assert_int_eq(kmr_state(b, 1, 1), MAS_KMR_PENDING);
	r = report_of(1, 10, 0x3f, BED_START, text);
	ck_assert_int_eq(bed_connect(b, &c), RC_OK);
	/* Not twice. */
	refused(b, &c, RC_FORBIDDEN, "IVAL_FAILED", REJECT_INTEGRITY);
	ck_assert_uint_eq(mas_counted(mas_counters_of(b->m), MAS_COUNT_IVAL_ALARM), 5);
	bed_free(b);
}
END_TEST

START_TEST(test_report)
{
	struct mas_bed *b = start(_i);
	uint64_t required = 1;
	struct mas_change set = { .kind = MAS_SET, .node = bed_node(1), .flags = MAS_KEEP_FLAGS,
		                  .ival_required = &required };
	char text[TIMES_TEXT_MAX];
	struct mas_connection c;
	struct mas_report r;

	(void)bed_issue(b, 1, 10);
	c = bed_connected(b, 1, 1);
	ck_assert_int_eq(bed_change(b, &set), RC_OK);
	r = (struct mas_report){ .connection_id = c.id,
		                 .ival = report_of(1, 10, 1, BED_START, text) };
	ck_assert_int_eq(bed_report(b, &r), RC_OK);
	bed_pass(b, CLOCK_SECOND);
	r.ival.time = SLICE_LIT("?");
	ck_assert_int_eq(bed_report(b, &r), RC_BAD_REQUEST);
	ck_assert(conn_lives(b, &c));
	r.ival = report_of(1, 10, 0, BED_START + CLOCK_SECOND, text);
	ck_assert_int_eq(bed_report(b, &r), RC_FORBIDDEN);
	ck_assert_str_eq(r.outcome.reason, "IVAL_FAILED");
	ck_assert(conn_ended(b, &c));
	ck_assert(bed_was_told(b, c.id, MAS_ENDED));
	ck_assert_int_eq(bed_report(b, &r), RC_NOT_FOUND);
	bed_free(b);
}
END_TEST

/* ---- device binding ---- */

/* Ed25519 keys of two devices. */
static struct device_key *
device(unsigned which)
{
	static const char *const pems[] = {
		"-----BEGIN PRIVATE KEY-----\n"
		"MC4CAQAwBQYDK2VwBCIEIDNuNCvk2jwp32yIMLqrgHemJ5Dl1Z0nMw6K5nueTx1N\n"
		"-----END PRIVATE KEY-----\n",
		"-----BEGIN PRIVATE KEY-----\n"
		"MC4CAQAwBQYDK2VwBCIEIENuNCvk2jwp32yIMLqrgHemJ5Dl1Z0nMw6K5nueTx1N\n"
		"-----END PRIVATE KEY-----\n",
	};
	struct device_key *k = NULL;

	ck_assert_int_eq(device_key_from_pem(slice_of(pems[which]), &k), RC_OK);
	return k;
}

static void
proof_of(const struct device_key *k, uint8_t exporter, char out[PROOF_TEXT_MAX + 1])
{
	struct node_id id = bed_node(1);
	struct key e = bed_key(exporter);

	ck_assert_int_eq(proof_make(k, &id, &e, out), RC_OK);
}

START_TEST(test_binding)
{
	struct mas_bed *b = start(_i);
	struct device_key *right = device(0), *wrong = device(1);
	struct device_fingerprint print;
	struct mas_change bind = { .kind = MAS_BIND, .node = bed_node(1), .fingerprints = &print,
		                   .n_fingerprints = 1 };
	struct mas_connect c = bed_connecting(1, 1);
	char text[PROOF_TEXT_MAX + 1];

	(void)bed_issue(b, 1, 10);
	ck_assert_int_eq(device_fingerprint(device_key_spki(right), print.v), RC_OK);
	ck_assert_int_eq(bed_change(b, &bind), RC_OK);
	refused(b, &c, RC_FORBIDDEN, "AUTH_FAILED", REJECT_WRONG_DEVICE);
	proof_of(wrong, 0xe0, text);
	c.device_proof = slice_of(text);
	refused(b, &c, RC_FORBIDDEN, "AUTH_FAILED", REJECT_WRONG_DEVICE);
	/* Of another session: relayed. */
	proof_of(right, 0xe1, text);
	c.device_proof = slice_of(text);
	refused(b, &c, RC_FORBIDDEN, "AUTH_FAILED", REJECT_WRONG_DEVICE);
	ck_assert_int_eq(kmr_state(b, 1, 1), MAS_KMR_PENDING);
	ck_assert_str_eq(b->nodes[0].last_reason, "BINDING_ALARM");
	ck_assert_uint_eq(mas_counted(mas_counters_of(b->m), MAS_COUNT_BINDING_ALARM), 3);
	proof_of(right, 0xe0, text);
	c.device_proof = slice_of(text);
	ck_assert_int_eq(bed_connect(b, &c), RC_OK);
	bind.n_fingerprints = MAS_FINGERPRINTS + 1;
	ck_assert_int_eq(bed_change(b, &bind), RC_BAD_REQUEST);
	bind.n_fingerprints = 0;
	ck_assert_int_eq(bed_change(b, &bind), RC_OK);
	(void)bed_connected(b, 1, 1);
	device_key_free(right);
	device_key_free(wrong);
	bed_free(b);
}
END_TEST

/* ---- revocation and rotation ---- */

START_TEST(test_revoke_connection)
{
	struct mas_bed *b = start(_i);
	struct mas_change revoke = { .kind = MAS_REVOKE_CONNECTION, .reason = "STOLEN",
		                     .actor = "admin" };
	struct mas_connection c;

	(void)bed_issue(b, 1, 10);
	c = bed_connected(b, 1, 1);
	revoke.connection = c.id;
	ck_assert_int_eq(bed_change(b, &revoke), RC_OK);
	ck_assert(conn_ended(b, &c));
	ck_assert(bed_was_told(b, c.id, MAS_REVOKED));
	ck_assert_int_eq(bed_change(b, &revoke), RC_OK);
	ck_assert_uint_eq(b->n_told, 1);
	revoke.connection = 99;
	ck_assert_int_eq(bed_change(b, &revoke), RC_NOT_FOUND);
	(void)bed_connected(b, 1, 1);
	bed_free(b);
}
END_TEST

START_TEST(test_revoke_kmr)
{
	struct mas_bed *b = start(_i);
	struct mas_change revoke = { .kind = MAS_REVOKE_KMR, .node = bed_node(1), .index = 1 };
	struct mas_connection c;
	unsigned cause;

	(void)bed_issue(b, 1, 10);
	c = bed_connected(b, 1, 1);
	(void)bed_issue(b, 1, 20);
	ck_assert_int_eq(bed_change(b, &revoke), RC_OK);
	ck_assert(!has_psk(b, 1, 1));
	ck_assert(has_psk(b, 1, 2));
	ck_assert(bed_was_told(b, c.id, MAS_REVOKED));
	ck_assert(conn_ended(b, &c));
	ck_assert_int_eq(kmr_state(b, 1, 1), MAS_KMR_REVOKED);
	refuses(b, 1, 1, "AUTH_FAILED", REJECT_REVOKED);
	ck_assert_int_eq(bed_verdict(b, &revoke.node, 1, &cause), RC_OK);
	ck_assert_uint_eq(cause, REJECT_REVOKED + 100);
	ck_assert_int_eq(bed_change(b, &revoke), RC_OK);
	revoke.index = 9;
	ck_assert_int_eq(bed_change(b, &revoke), RC_NOT_FOUND);
	(void)bed_connected(b, 1, 2);
	bed_free(b);
}
END_TEST

START_TEST(test_revoke_node)
{
	struct mas_bed *b = start(_i);
	struct mas_change revoke = { .kind = MAS_REVOKE_NODE, .node = bed_node(1) };
	struct mas_provision p = { .has_node = true, .node = bed_node(1) };
	struct mas_connection c;
	unsigned cause;

	(void)bed_issue(b, 1, 10);
	c = bed_connected(b, 1, 1);
	(void)bed_issue(b, 1, 20);
	ck_assert_int_eq(bed_change(b, &revoke), RC_OK);
	ck_assert(!has_psk(b, 1, 1) && !has_psk(b, 1, 2));
	ck_assert(bed_was_told(b, c.id, MAS_REVOKED));
	ck_assert(bed_was_told(b, 0, MAS_REVOKED));
	ck_assert_int_eq(bed_change(b, &revoke), RC_OK);
	refuses(b, 1, 2, "AUTH_FAILED", REJECT_REVOKED);
	ck_assert_int_eq(bed_show(b, &p.node), RC_OK);
	ck_assert_str_eq(b->nodes[0].last_reason, "NODE_REVOKED");
	ck_assert_int_eq(bed_provision(b, &p), RC_FORBIDDEN);
	ck_assert_str_eq(p.outcome.reason, "AUTH_FAILED");
	ck_assert_int_eq(bed_verdict(b, &p.node, 3, &cause), RC_OK);
	ck_assert_uint_eq(cause, REJECT_REVOKED + 100);
	revoke.node = bed_node(7);
	ck_assert_int_eq(bed_change(b, &revoke), RC_NOT_FOUND);
	bed_free(b);
}
END_TEST

static bool
is_retired(struct mas_bed *b, void *arg)
{
	return kmr_state(b, *(uint8_t *)arg, 1) == MAS_KMR_RETIRED;
}

START_TEST(test_rotate)
{
	struct mas_bed *b = start(_i);
	struct mas_change rotate = { .kind = MAS_ROTATE, .node = bed_node(1),
		                     .deadline = BED_START + BED_DAY };
	struct mas_connection c;
	uint8_t node = 1;

	(void)bed_issue(b, 1, 10);
	c = bed_connected(b, 1, 1);
	ck_assert_int_eq(bed_change(b, &rotate), RC_OK);
	refuses(b, 1, 1, "SEC_REBOOTSTRAP", REJECT_EXPIRED);
	ck_assert_int_eq(kmr_state(b, 1, 1), MAS_KMR_ACTIVE);
	ck_assert(conn_lives(b, &c));
	bed_pass(b, BED_DAY);
	bed_until(b, is_retired, &node);
	ck_assert(has_psk(b, 1, 1));
	ck_assert_int_eq(bed_change(b, &rotate), RC_NOT_FOUND);
	(void)bed_issue(b, 1, 20);
	(void)bed_connected(b, 1, 2);
	/* Without a deadline: at once. */
	(void)bed_issue(b, 2, 30);
	rotate = (struct mas_change){ .kind = MAS_ROTATE, .node = bed_node(2) };
	ck_assert_int_eq(bed_change(b, &rotate), RC_OK);
	node = 2;
	bed_until(b, is_retired, &node);
	bed_free(b);
}
END_TEST

/* ---- verdicts and rejects ---- */

START_TEST(test_verdict)
{
	struct mas_bed *b = start(_i);
	struct node_id known = bed_node(1), stranger = bed_node(2);
	unsigned cause;

	(void)bed_issue(b, 1, 10);
	(void)bed_connected(b, 1, 1);
	(void)bed_issue(b, 1, 20);
	(void)bed_connected(b, 1, 2);
	ck_assert_int_eq(bed_verdict(b, &stranger, 1, &cause), RC_OK);
	ck_assert_uint_eq(cause, REJECT_UNKNOWN + 100);
	ck_assert_int_eq(bed_verdict(b, &known, 1, &cause), RC_OK);
	ck_assert_uint_eq(cause, REJECT_EXPIRED);
	ck_assert_int_eq(bed_verdict(b, &known, 2, &cause), RC_OK);
	ck_assert_uint_eq(cause, REJECT_ACCEPTED);
	ck_assert_int_eq(bed_verdict(b, &known, 3, &cause), RC_OK);
	ck_assert_uint_eq(cause, REJECT_UNKNOWN);
	bed_free(b);
}
END_TEST

START_TEST(test_reject)
{
	struct mas_bed *b = start(_i);
	struct node_id node = bed_node(1);
	uint8_t nonce[REJECT_NONCE_SIZE] = { 1, 2, 3 }, space[REJECT_MAX];
	struct sign_public pinned;
	struct reject_check check = { .pinned = &pinned, .node = &node, .nonce = nonce,
		                      .now = BED_START / CLOCK_SECOND };
	char text[REJECT_TEXT_MAX + 1];
	struct reject r;

	ck_assert(mas_reject_public(b->m, &pinned));
	ck_assert(mas_reject(b->m, &node, nonce, REJECT_REVOKED, true, 30, text));
	ck_assert_int_eq(reject_verify_text(slice_of(text), &check, space, &r), RC_OK);
	ck_assert_int_eq(r.cause, REJECT_REVOKED);
	ck_assert(r.permanent);
	ck_assert_uint_eq(r.retry_after, 30);
	ck_assert(slice_is(r.sp_id, "sp1.example"));
	ck_assert(!mas_reject(b->m, &node, nonce, REJECT_CAUSES, true, 30, text));
	bed_close(b);
	b->conf.reject_key_file = NULL;
	b->conf.store.path = NULL;
	b->conf.engine = &store_memory;
	bed_open(b);
	ck_assert(!mas_reject(b->m, &node, nonce, REJECT_REVOKED, true, 30, text));
	ck_assert_str_eq(text, "");
	bed_free(b);
}
END_TEST

/* ---- lists ---- */

START_TEST(test_lists)
{
	struct mas_bed *b = start(_i);
	struct mas_query q = { .list = MAS_LIST_NODES, .limit = 3 };
	unsigned pages = 0, rows = 0;
	char after[MAS_CURSOR_MAX + 1];

	for (uint8_t i = 1; i <= 7; i++) {
		(void)bed_issue(b, i, i);
		(void)bed_connected(b, i, 1);
	}
	do {
		ck_assert_int_eq(bed_query(b, &q), RC_OK);
		rows += b->n_nodes;
		pages++;
		memcpy(after, q.next, sizeof(after));
		q.after = slice_of(after);
	} while (q.after.n > 0);
	ck_assert_uint_eq(rows, 7);
	ck_assert_uint_eq(pages, 3);

	q = (struct mas_query){ .list = MAS_LIST_NODES, .scl_id = SLICE_LIT("scl-5") };
	ck_assert_int_eq(bed_query(b, &q), RC_OK);
	ck_assert_uint_eq(b->n_nodes, 1);
	q = (struct mas_query){ .list = MAS_LIST_KMRS, .state = MAS_KMR_ACTIVE, .limit = 5 };
	ck_assert_int_eq(bed_query(b, &q), RC_OK);
	ck_assert_uint_eq(b->n_kmrs, 5);
	ck_assert_uint_eq(b->kmrs[0].wrapped.n, 0);
	memcpy(after, q.next, sizeof(after));
	q.after = slice_of(after);
	ck_assert_int_eq(bed_query(b, &q), RC_OK);
	ck_assert_uint_eq(b->n_kmrs, 2);
	q = (struct mas_query){ .list = MAS_LIST_CONNECTIONS, .has_node = true, .node = bed_node(2) };
	ck_assert_int_eq(bed_query(b, &q), RC_OK);
	ck_assert_uint_eq(b->n_conns, 1);
	ck_assert_uint_eq(b->conns[0].wrapped.n, 0);
	bed_free(b);
}
END_TEST

START_TEST(test_lists_bad)
{
	struct mas_bed *b = start(_i);
	static const char *const cursors[] = { "0", "zz", "00",
		                               "000000000000000000000000000000000000000000" };
	struct mas_query q;

	for (size_t i = 0; i < NITEMS(cursors); i++) {
		q = (struct mas_query){ .list = MAS_LIST_NODES, .after = slice_of(cursors[i]) };
		ck_assert_int_eq(bed_query(b, &q), RC_BAD_REQUEST);
	}
	q = (struct mas_query){ .list = MAS_SHOW_NODE };
	ck_assert_int_eq(bed_query(b, &q), RC_BAD_REQUEST);
	q.has_node = true;
	ck_assert_int_eq(bed_query(b, &q), RC_NOT_FOUND);
	bed_free(b);
}
END_TEST

/* What is set is what the next connection says. */
START_TEST(test_settings)
{
	struct mas_bed *b = start(_i);
	enum mas_priority low = MAS_PRIORITY_LOW;
	struct mas_change set = { .kind = MAS_SET, .node = bed_node(1),
		                  .flags = MAS_CHANNEL | MAS_ACCESS_NETWORK, .priority = &low,
		                  .allowed_sources = "10.0.0.0/8,2001:db8::/32", .sub_id = "s-1" };
	char long_text[MAS_SOURCES_MAX + 2];
	struct mas_connection c;

	(void)bed_issue(b, 1, 10);
	ck_assert_int_eq(bed_change(b, &set), RC_OK);
	c = bed_connected(b, 1, 1);
	ck_assert_uint_eq(c.flags, MAS_CHANNEL | MAS_ACCESS_NETWORK | MAS_LOW_PRIORITY);
	ck_assert_str_eq(c.allowed_sources, "10.0.0.0/8,2001:db8::/32");
	memset(long_text, '1', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	set.allowed_sources = long_text;
	ck_assert_int_eq(bed_change(b, &set), RC_BAD_REQUEST);
	set = (struct mas_change){ .kind = MAS_SET, .node = bed_node(1), .flags = 0x20000 };
	ck_assert_int_eq(bed_change(b, &set), RC_BAD_REQUEST);
	ck_assert_int_eq(bed_show(b, &set.node), RC_OK);
	ck_assert_str_eq(b->nodes[0].sub_id, "s-1");
	bed_free(b);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {
		test_psk, test_provision, test_provision_index, test_provision_bad, test_pending,
		test_retired, test_kmr_expires, test_kmr_room, test_connect, test_connect_bad,
		test_connect_refused, test_overlap, test_in_flight, test_limits, test_end,
		test_conn_room, test_connections_max, test_failures, test_ival, test_report,
		test_binding, test_revoke_connection, test_revoke_kmr, test_revoke_node, test_rotate,
		test_verdict, test_reject, test_lists, test_lists_bad, test_settings,
	};
	Suite *s = suite_create("mas");
	TCase *tc = tcase_create("engines");
	SRunner *r;
	int failed;

	tcase_set_timeout(tc, 120);
	for (size_t i = 0; i < NITEMS(tests); i++)
		tcase_add_loop_test(tc, tests[i], 0, BED_ENGINES);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
