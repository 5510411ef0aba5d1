/* SPDX-License-Identifier: Apache-2.0 */
/* The MAS: connections, what they take and what ends them. */
#include "config.h"

#include <stdio.h>

#include "base/times.h"
#include "mas/mas_impl.h"
#include "mas_case.h"

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
		tables_work_wake(b->m->work);
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
		tables_work_wake(b->m->work);
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

/* A node whose key is to be replaced tries until it has another one, and others with its address. */
START_TEST(test_rotated_is_no_failure)
{
	struct mas_bed *b = start(_i);
	struct mas_change rotate = { .kind = MAS_ROTATE, .node = bed_node(1), .deadline = BED_START };

	(void)bed_issue(b, 1, 10);
	(void)bed_issue(b, 2, 20);
	rotate.deadline += BED_DAY;
	ck_assert_int_eq(bed_change(b, &rotate), RC_OK);
	for (unsigned i = 0; i <= FAILURES_PER_SOURCE; i++)
		refuses(b, 1, 1, "SEC_REBOOTSTRAP", REJECT_EXPIRED);
	ck_assert_str_eq((bed_show(b, &rotate.node), b->nodes[0].last_reason), "KMR_ROTATED");
	(void)bed_connected(b, 2, 1);
	(void)bed_issue(b, 1, 11);
	(void)bed_connected(b, 1, 2);
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

int
main(void)
{
	const TTest *const tests[] = {
		test_connect, test_connect_bad, test_connect_refused, test_overlap,
		test_in_flight, test_limits, test_end, test_conn_room, test_connections_max,
		test_failures, test_rotated_is_no_failure, test_ival, test_report, test_binding,
	};
	Suite *s = suite_create("mas connect");
	TCase *c = suite_case(s, "engines", NULL, NULL);

	tcase_set_timeout(c, 120);
	for (size_t i = 0; i < NITEMS(tests); i++)
		tcase_add_loop_test(c, tests[i], 0, BED_ENGINES);
	return run_suite(s);
}
