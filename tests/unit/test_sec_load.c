/* SPDX-License-Identifier: Apache-2.0 */
/* What is put off when there is too much to do: levels, classes, claims, and what is said then. */
#include "config.h"

#include <stdio.h>

#include "mid_bed.h"
#include "sec/access_tag.h"
#include "sec/indicator.h"

#define NONCE "00112233445566778899aabbccddeeff"

/* ---- the level ---- */

static const struct overload_conf levels = {
	.enabled = true, .queue = { 50, 70, 90 }, .cpu = { 80, 0, 95 }, .hold = 3 * CLOCK_SECOND
};
static struct mas_counters *counters;
static struct overload *alone;

static void
setup_alone(void)
{
	static const char *const names[] = {
#define LOAD_COUNTER(name, text) text,
#include "cap/sec/load_counters.def"
#undef LOAD_COUNTER
	};

	counters = mas_counters_new(names, LOAD_COUNTERS);
	alone = overload_new(&levels, NULL, counters);
	ck_assert_ptr_nonnull(alone);
}

static void
teardown_alone(void)
{
	overload_free(alone);
	mas_counters_free(counters);
}

static unsigned
take(unsigned queue, unsigned cpu, int64_t second)
{
	overload_take(alone, &(struct overload_measure){ queue, cpu, second * CLOCK_SECOND });
	return overload_level(alone);
}

START_TEST(rises_at_once)
{
	ck_assert_uint_eq(take(0, 0, 1), 0);
	ck_assert_uint_eq(take(49, 79, 2), 0);
	ck_assert_uint_eq(take(50, 0, 3), 1);
	ck_assert_uint_eq(take(90, 0, 4), 3);
	overload_free(alone);
	alone = overload_new(&levels, NULL, counters);
	ck_assert_uint_eq(take(0, 80, 1), 1);
	/* A threshold of 0 is none. */
	ck_assert_uint_eq(take(0, 94, 2), 1);
	ck_assert_uint_eq(take(0, 95, 3), 3);
}
END_TEST

START_TEST(falls_one_by_one)
{
	ck_assert_uint_eq(take(95, 0, 10), 3);
	/* Not clearly below: it never falls. */
	for (int64_t t = 11; t < 30; t++)
		ck_assert_uint_eq(take(81, 0, t), 3);
	ck_assert_uint_eq(take(79, 0, 30), 3);
	ck_assert_uint_eq(take(79, 0, 32), 3);
	/* The time begins anew. */
	ck_assert_uint_eq(take(85, 0, 33), 3);
	ck_assert_uint_eq(take(0, 0, 34), 3);
	ck_assert_uint_eq(take(0, 0, 36), 3);
	ck_assert_uint_eq(take(0, 0, 37), 2);
	ck_assert_uint_eq(take(0, 0, 39), 2);
	ck_assert_uint_eq(take(0, 0, 40), 1);
	/* The other measure counts as well. */
	ck_assert_uint_eq(take(0, 75, 43), 1);
	ck_assert_uint_eq(take(0, 60, 44), 1);
	ck_assert_uint_eq(take(0, 60, 47), 0);
	ck_assert_uint_eq(take(0, 60, 60), 0);
}
END_TEST

START_TEST(drills)
{
	struct overload_conf off = levels;
	struct overload *o;

	ck_assert(overload_force(alone, 2));
	ck_assert_uint_eq(overload_level(alone), 2);
	ck_assert_uint_eq(take(95, 0, 1), 2);
	ck_assert(overload_force(alone, 0));
	ck_assert_uint_eq(overload_level(alone), 0);
	ck_assert(!overload_force(alone, 4) && !overload_force(alone, -2));
	ck_assert(overload_force(alone, OVERLOAD_MEASURED));
	ck_assert_uint_eq(overload_level(alone), 3);
	off.enabled = false;
	o = overload_new(&off, NULL, counters);
	ck_assert(!overload_force(o, 1) && !overload_force(o, OVERLOAD_MEASURED));
	ck_assert_uint_eq(overload_level(o), 0);
	overload_free(o);
}
END_TEST

/* Level, kind, class, whether the key is in use: all of them. */
START_TEST(what_is_put_off)
{
	for (unsigned i = 0; i < 4 * 3 * 2 * 2; i++) {
		unsigned level = i / 12, kind = i / 4 % 3, retry_after = 0;
		struct overload_ask ask = { .kind = (enum overload_kind)kind,
			                    .low = i % 2 != 0,
			                    .active = i / 2 % 2 != 0 };
		bool want = (level == 1 && ask.low && kind != OVERLOAD_OTHER) ||
		            (level == 2 && ask.low) || (level == 3 && (ask.low || !ask.active));

		ck_assert(overload_force(alone, (int)level));
		ck_assert_msg(overload_sheds(alone, &ask, &retry_after) == want, "row %u", i);
		ck_assert(want ? retry_after >= OVERLOAD_RETRY_MIN &&
		                          retry_after <= OVERLOAD_RETRY_MAX
		               : retry_after == 0);
	}
	ck_assert_uint_eq(mas_counted(counters, LOAD_COUNT_SHED_LOW), 4 + 6 + 6);
	ck_assert_uint_eq(mas_counted(counters, LOAD_COUNT_SHED_NORMAL), 3);
}
END_TEST

START_TEST(they_come_back_spread)
{
	struct overload_ask ask = { .low = true };
	unsigned below = 0, above = 0, v = 0;

	ck_assert(overload_force(alone, 2));
	for (unsigned i = 0; i < 1000; i++) {
		ck_assert(overload_sheds(alone, &ask, &v));
		ck_assert_uint_ge(v, OVERLOAD_RETRY_MIN);
		ck_assert_uint_le(v, OVERLOAD_RETRY_MAX);
		below += v < 100;
		above += v > 230;
	}
	ck_assert_uint_gt(below, 100);
	ck_assert_uint_gt(above, 100);
}
END_TEST

/* ---- on mId ---- */

static uint64_t
counted(enum load_counter c)
{
	return mas_counted(load_counters, c);
}

static void
set_low(uint8_t node)
{
	enum mas_priority low = MAS_PRIORITY_LOW;
	struct mas_change c = { .kind = MAS_SET,
		                .node = bed_node(node),
		                .flags = MAS_KEEP_FLAGS,
		                .priority = &low,
		                .actor = "test" };

	ck_assert_int_eq(bed_change(&mb, &c), RC_OK);
}

/* Put off, and said so as it has to be. */
static void
expect_put_off(const struct ask *q, uint8_t node, int line)
{
	struct ask with = *q;
	struct reply r;
	struct reject verdict;
	struct sign_public pinned = bed_reject_public();
	struct node_id id = bed_node(node);
	uint8_t nonce[REJECT_NONCE_SIZE], space[REJECT_MAX];
	struct reject_check check = { &pinned, &id, nonce,
		                      clock_now(&mb.clock.clock) / CLOCK_SECOND };

	ck_assert(reject_nonce_parse(SLICE_LIT(NONCE), nonce));
	with.nonce = NONCE;
	r = ask(&with);
	ck_assert_msg(r.status == 503 && strstr(r.body, "OVERLOAD") != NULL, "line %d: %d %s", line,
	              r.status, r.body);
	ck_assert_uint_ge(r.retry_after, OVERLOAD_RETRY_MIN);
	ck_assert_uint_le(r.retry_after, OVERLOAD_RETRY_MAX);
	ck_assert_msg(reject_verify_text(slice_of(r.reject), &check, space, &verdict) == RC_OK,
	              "line %d: %s", line, r.reject);
	ck_assert(verdict.cause == REJECT_OVERLOAD && !verdict.permanent &&
	          verdict.retry_after == r.retry_after);
	reply_fini(&r);
}
#define put_off(node, ...) expect_put_off(&(struct ask){ __VA_ARGS__ }, node, __LINE__)

START_TEST(classes_of_subscriptions)
{
	struct session normal, low;
	char doc[1024];

	enrol(&normal, 1, LINK_1);
	bed_issue(&mb, 2, 2);
	set_low(2);
	open_session(&low, 2);
	scl_doc(doc, "scl-2", LINK_2);
	ck_assert(overload_force(overload, 1));
	put_off(2, "POST", BASE "/scls", LINK_2, doc, .peer = &low.peer);
	expect(200, NULL, "GET", BASE, LINK_2, .peer = &low.peer);
	ck_assert(overload_force(overload, 0));
	expect(201, NULL, "POST", BASE "/scls", LINK_2, doc, .peer = &low.peer);
	ck_assert(overload_force(overload, 2));
	put_off(2, "GET", BASE, LINK_2, .peer = &low.peer);
	/* What it claims does not help it. */
	put_off(2, "GET", BASE, LINK_2, .peer = &low.peer, .priority = "normal");
	ck_assert_uint_eq(counted(LOAD_COUNT_INDICATOR_INVALID), 0);
	for (int level = 0; level <= 3; level++) {
		ck_assert(overload_force(overload, level));
		expect(200, NULL, "GET", BASE, LINK_1, .peer = &normal.peer);
	}
	ck_assert_uint_eq(counted(LOAD_COUNT_SHED_LOW), 3);
	ck_assert_uint_eq(counted(LOAD_COUNT_SHED_NORMAL), 0);
}
END_TEST

START_TEST(claims_in_a_session)
{
	struct session s;

	enrol(&s, 1, LINK_1);
	ck_assert(overload_force(overload, 2));
	expect(200, NULL, "GET", BASE, LINK_1, .peer = &s.peer, .priority = "normal");
	put_off(1, "GET", BASE, LINK_1, .peer = &s.peer, .priority = "low");
	expect(200, NULL, "GET", BASE, LINK_1, .peer = &s.peer, .priority = "lower");
	ck_assert_uint_eq(counted(LOAD_COUNT_INDICATOR_INVALID), 1);
	expect(200, NULL, "GET", BASE, LINK_1, .peer = &s.peer,
	       .indicator = "low;1700000000;" NONCE ";" NONCE);
	ck_assert_uint_eq(counted(LOAD_COUNT_INDICATOR_INVALID), 2);
}
END_TEST

/* ---- nodes that have agreed on a key of group or multiparty authentication ---- */

static bool
agreed_stands(void *arg, const struct psk_id *id)
{
	(void)arg;
	(void)id;
	return true;
}

/* Of a multiparty session the hash names the node. */
static bool
agreed_node(void *arg, const struct psk_id *id, struct node_id *out)
{
	(void)arg;
	*out = id->kind == PSK_GA ? id->node : bed_node(id->th[0]);
	return true;
}

static bool
agreed_find(void *arg, const struct psk_id *id, struct key *out)
{
	(void)arg;
	(void)id;
	(void)out;
	return false;
}

static const struct sec_psk agreement = { .find = agreed_find,
	                                  .stands = agreed_stands,
	                                  .node = agreed_node };

/* status: of a request of that node with that claim, NULL: without one. */
static void
expect_agreed(uint8_t node, enum psk_kind kind, const char *claim, int status, int line)
{
	const struct psk_id id = { .kind = kind,
		                   .tls = PSK_TLS_1_3,
		                   .node = bed_node(node),
		                   .gid = { 1 },
		                   .th = { node } };
	char identity[PSK_ID_TEXT];
	struct peer p;

	ck_assert_uint_gt(psk_id_format(&id, identity), 0);
	p = peer_of(identity);
	expect_at(&(struct ask){ "GET", BASE, .peer = &p, .priority = claim }, status,
	          status == 503 ? "OVERLOAD" : NULL, line);
}

START_TEST(nodes_of_agreements)
{
	static const enum psk_kind kinds[] = { PSK_GA, PSK_MP };
	enum { NORMAL = 1, LOW, FOREIGN };

	bed_issue(&mb, NORMAL, NORMAL);
	bed_issue(&mb, LOW, LOW);
	set_low(LOW);
	bed.listener = &listeners[DIA];
	for (size_t i = 0; i < NITEMS(kinds); i++)
		ck_assert_int_eq(psk_sources_add(&agreements, kinds[i], &agreement), RC_OK);
	for (size_t i = 0; i < NITEMS(kinds); i++)
		for (int level = 0; level <= 3; level++) {
			int low = level < 2 ? 200 : 503;

			ck_assert(overload_force(overload, level));
			expect_agreed(NORMAL, kinds[i], NULL, 200, __LINE__);
			expect_agreed(NORMAL, kinds[i], "normal", 200, __LINE__);
			expect_agreed(NORMAL, kinds[i], "low", low, __LINE__);
			expect_agreed(LOW, kinds[i], NULL, low, __LINE__);
			expect_agreed(LOW, kinds[i], "normal", low, __LINE__);
			expect_agreed(LOW, kinds[i], "low", low, __LINE__);
			/* Of another home network: nothing is known but what it claims. */
			expect_agreed(FOREIGN, kinds[i], NULL, 200, __LINE__);
			expect_agreed(FOREIGN, kinds[i], "low", low, __LINE__);
		}
	ck_assert_uint_eq(counted(LOAD_COUNT_INDICATOR_INVALID), 0);
}
END_TEST

/* Whoever has proved nothing claims nothing; and is the first to wait at level 3. */
START_TEST(strangers)
{
	struct peer p = peer_of(NULL);

	p.loopback = true;
	sec.open_on_loopback = true;
	bed.listener = &listeners[MIXED];
	ck_assert(overload_force(overload, 2));
	expect(200, NULL, "GET", BASE, ADMIN, .peer = &p, .priority = "low");
	expect(200, NULL, "GET", BASE, ADMIN, .peer = &p,
	       .indicator = "low;1700000000;" NONCE ";" NONCE);
	ck_assert_uint_eq(counted(LOAD_COUNT_INDICATOR_INVALID), 2);
	ck_assert(overload_force(overload, 3));
	expect(503, "OVERLOAD", "GET", BASE, ADMIN, .peer = &p);
	ck_assert_uint_eq(counted(LOAD_COUNT_SHED_NORMAL), 1);
}
END_TEST

/* Of session A the MAS knows the class before there is a connection. */
START_TEST(service_connections)
{
	char identity[PSK_ID_TEXT], low[PSK_ID_TEXT];
	struct peer p, q;

	bed_issue(&mb, 1, 1);
	bed_issue(&mb, 2, 2);
	set_low(2);
	snprintf(identity, sizeof(identity), "%s", mr_identity(1));
	snprintf(low, sizeof(low), "%s", mr_identity(2));
	p = peer_of(identity);
	q = peer_of(low);
	ck_assert(overload_force(overload, 1));
	put_off(2, "POST", BASE "/connectionParamSet", .peer = &q);
	put_off(1, "POST", BASE "/connectionParamSet", .peer = &p, .priority = "low");
	/* Of a node that was never here nothing is in use. */
	ck_assert(overload_force(overload, 3));
	put_off(1, "POST", BASE "/connectionParamSet", .peer = &p);
	ck_assert(overload_force(overload, 1));
	expect(201, NULL, "POST", BASE "/connectionParamSet", .peer = &p);
	ck_assert(overload_force(overload, 3));
	expect(201, NULL, "POST", BASE "/connectionParamSet", .peer = &p);
}
END_TEST

/* ---- without a session ---- */

static const char *
tagged(const struct session *s, const char *method, const char *target, uint64_t counter)
{
	static char text[ACCESS_TAG_TEXT + 1];
	const struct access_request rq = { slice_of(method), slice_of(target), SLICE_NONE };
	struct access_tag t;
	struct key k;

	ck_assert_int_eq(access_tag_key(&s->conn.kmc, s->conn.id, s->conn.kmc_index, &k), RC_OK);
	ck_assert_int_eq(access_tag_make(&k, s->conn.id, counter, &rq, &t), RC_OK);
	access_tag_format(&t, text);
	return text;
}

static const char *
indicated(uint8_t node, bool low, const char *method, const char *path, int64_t when, uint8_t nonce)
{
	static char text[INDICATOR_TEXT + 1];
	struct node_id id = bed_node(node);
	const struct indicator_request rq = { &id, slice_of(method), slice_of(path) };
	struct indicator i = { .low = low, .time = (uint64_t)when, .nonce = { nonce } };
	struct key kmr = bed_key(node), k;

	ck_assert_int_eq(indicator_key(&kmr, &id, &k), RC_OK);
	ck_assert_int_eq(indicator_make(&k, &rq, &i), RC_OK);
	indicator_format(&i, text);
	return text;
}

START_TEST(indicators)
{
	int64_t now = clock_now(&mb.clock.clock) / CLOCK_SECOND;
	struct peer p = peer_of(NULL);
	struct session s;
	char bad[INDICATOR_TEXT + 1], doc[1024];

	p.loopback = true;
	bed_issue(&mb, 1, 1);
	set(1, MAS_ACCESS_NETWORK, "192.0.2.0/24");
	open_session(&s, 1);
	scl_doc(doc, "scl-1", LINK_1);
	expect(201, NULL, "POST", BASE "/scls", LINK_1, doc, .peer = &s.peer);
	bed.listener = &listeners[TRUSTED];
	ck_assert(overload_force(overload, 2));
#define ACCESS(n) .peer = &p, .connection = tagged(&s, "GET", BASE "?x=1", n)
	expect(200, NULL, "GET", BASE "?x=1", LINK_1, ACCESS(1));
	/* The query is no part of what is indicated. */
	put_off(1, "GET", BASE "?x=1", LINK_1, ACCESS(2),
	        .indicator = indicated(1, true, "GET", BASE, now, 1));
	expect(200, NULL, "GET", BASE "?x=1", LINK_1, ACCESS(3),
	       .indicator = indicated(1, false, "GET", BASE, now, 2));
	ck_assert_uint_eq(counted(LOAD_COUNT_INDICATOR_INVALID), 0);
	/* Used before, too old, of another request, of another node, altered, without protection. */
	expect(200, NULL, "GET", BASE "?x=1", LINK_1, ACCESS(4),
	       .indicator = indicated(1, true, "GET", BASE, now, 1));
	expect(200, NULL, "GET", BASE "?x=1", LINK_1, ACCESS(5),
	       .indicator = indicated(1, true, "GET", BASE, now - 301, 3));
	expect(200, NULL, "GET", BASE "?x=1", LINK_1, ACCESS(6),
	       .indicator = indicated(1, true, "PUT", BASE, now, 4));
	expect(200, NULL, "GET", BASE "?x=1", LINK_1, ACCESS(7),
	       .indicator = indicated(2, true, "GET", BASE, now, 5));
	snprintf(bad, sizeof(bad), "low%s", indicated(1, false, "GET", BASE, now, 6) + 6);
	expect(200, NULL, "GET", BASE "?x=1", LINK_1, ACCESS(8), .indicator = bad);
	expect(200, NULL, "GET", BASE "?x=1", LINK_1, ACCESS(9), .priority = "low");
	ck_assert_uint_eq(counted(LOAD_COUNT_INDICATOR_INVALID), 6);
	/* To "normal", where the subscription is low. */
	set_low(1);
	open_session(&s, 1);
	put_off(1, "GET", BASE "?x=1", LINK_1, ACCESS(1),
	        .indicator = indicated(1, false, "GET", BASE, now, 7));
	ck_assert_uint_eq(counted(LOAD_COUNT_INDICATOR_INVALID), 6);
}
END_TEST

/* ---- bodies ---- */

/* Of whom nothing is known before the body is there, it is a short one. */
START_TEST(bodies_without_a_session)
{
	static char body[65538];
	struct peer far = peer_of(NULL), near = far;
	struct session s;

	near.loopback = true;
	bed_issue(&mb, 1, 1);
	set(1, MAS_ACCESS_NETWORK, "192.0.2.0/24");
	open_session(&s, 1);
	bed.listener = &listeners[TRUSTED];
	memset(body, 'x', sizeof(body) - 2);
	expect(403, "AUTH_FAILED", "POST", BASE "/scls", LINK_1, body, .peer = &far,
	       .connection = tagged(&s, "POST", BASE "/scls", 1));
	body[65536] = 'x';
	expect(413, NULL, "POST", BASE "/scls", LINK_1, body, .peer = &far,
	       .connection = tagged(&s, "POST", BASE "/scls", 2));
	expect(403, "AUTH_FAILED", "POST", BASE "/scls", LINK_1, body, .peer = &near,
	       .connection = tagged(&s, "POST", BASE "/scls", 3));
	bed.listener = &listeners[PSK];
	expect(400, NULL, "POST", BASE "/scls", LINK_1, body, .peer = &s.peer);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sec load");
	TCase *c = suite_case(s, "level", setup_alone, teardown_alone);

	tcase_add_test(c, rises_at_once);
	tcase_add_test(c, falls_one_by_one);
	tcase_add_test(c, drills);
	tcase_add_test(c, what_is_put_off);
	tcase_add_test(c, they_come_back_spread);
	c = suite_case(s, "mId", mid_setup, mid_teardown);
	tcase_add_test(c, classes_of_subscriptions);
	tcase_add_test(c, claims_in_a_session);
	tcase_add_test(c, nodes_of_agreements);
	tcase_add_test(c, strangers);
	tcase_add_test(c, service_connections);
	tcase_add_test(c, indicators);
	tcase_add_test(c, bodies_without_a_session);
	return run_suite(s);
}
