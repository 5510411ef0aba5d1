/* SPDX-License-Identifier: Apache-2.0 */
/* The MAS: nodes and their Kmr, by rule; what is set and listed of them. */
#include "config.h"

#include "mas/mas_impl.h"
#include "mas_case.h"

static bool
no_kmr(struct mas_bed *b, void *arg)
{
	const uint32_t *at = arg; /* node, index */

	return kmr_state(b, (uint8_t)at[0], at[1]) == 0;
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
	node_id_text(&first.node, text);
	/* SHA-256 of the provider's name begins with bcad98. */
	ck_assert_int_eq(strncmp(text, "01bcad98", 8), 0);
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

/* Whoever judges a claim of priority has what it takes in memory: from the first moment, and at once. */
START_TEST(test_standing)
{
	static const uint8_t k_ind[] = { 0x18, 0x50, 0x70, 0x67, 0xcf, 0xff, 0x24, 0xab };
	struct mas_bed *b = start(_i);
	enum mas_priority low = MAS_PRIORITY_LOW, normal = MAS_PRIORITY_NORMAL;
	struct mas_change set = { .kind = MAS_SET, .node = bed_node(0x0c), .flags = MAS_KEEP_FLAGS,
		                  .priority = &low };
	struct mas_change revoke = { .kind = MAS_REVOKE_KMR, .node = bed_node(0x0c), .index = 1 };
	const struct mas_ops *ops = b->mas.ops;
	struct mas_standing s = { .low = true, .active = true };
	unsigned news;

	ck_assert(!ops->indicator(b->mas.self, &set.node, 1, &s));
	ck_assert_uint_eq(bed_issue(b, 0x0c, 0), 1);
	ck_assert(ops->indicator(b->mas.self, &set.node, 1, &s));
	ck_assert_mem_eq(s.indicator.v, k_ind, sizeof(k_ind));
	ck_assert(!s.low && !s.active);
	ck_assert(!ops->indicator(b->mas.self, &set.node, 2, &s));
	news = atomic_load(&b->key_news);
	ck_assert_int_eq(bed_change(b, &set), RC_OK);
	ck_assert(ops->indicator(b->mas.self, &set.node, 1, &s) && s.low && !s.active);
	ck_assert_uint_eq(atomic_load(&b->key_news), news + 1);
	/* Nothing new, nothing told. */
	ck_assert_int_eq(bed_change(b, &set), RC_OK);
	ck_assert_uint_eq(atomic_load(&b->key_news), news + 1);
	(void)bed_connected(b, 0x0c, 1);
	ck_assert(ops->indicator(b->mas.self, &set.node, 1, &s) && s.low && s.active);
	/* The next Kmr has the class of its node. */
	ck_assert_uint_eq(bed_issue(b, 0x0c, 11), 2);
	ck_assert(ops->indicator(b->mas.self, &set.node, 2, &s) && s.low && !s.active);
	set.priority = &normal;
	ck_assert_int_eq(bed_change(b, &set), RC_OK);
	ck_assert(ops->indicator(b->mas.self, &set.node, 1, &s) && !s.low && s.active);
	ck_assert(ops->indicator(b->mas.self, &set.node, 2, &s) && !s.low && !s.active);
	ck_assert_int_eq(bed_change(b, &revoke), RC_OK);
	ck_assert(!ops->indicator(b->mas.self, &set.node, 1, &s));
	bed_free(b);
}
END_TEST

/* What there is stays; what is made from then on has them. */
START_TEST(test_limits_change)
{
	struct mas_bed *b = start(_i);
	struct mas_limits l = { .kmr_lifetime = 2 * BED_HOUR, .kmc_lifetime = BED_HOUR,
		                .kmc_overlap = BED_HOUR / 2, .flags = MAS_CHANNEL | MAS_TLS13,
		                .ival_required = 5 };
	struct node_id new_node = bed_node(2);
	struct mas_connection first, c;

	(void)bed_issue(b, 1, 10);
	first = bed_connected(b, 1, 1);
	ck_assert_int_eq(first.expires - first.created, MAS_KMC_LIFETIME);
	ck_assert_int_eq(mas_set_limits(b->m, &l), RC_OK);
	c = bed_connected(b, 1, 1);
	ck_assert_int_eq(c.expires - c.created, BED_HOUR);
	ck_assert_uint_eq(c.flags, MAS_CHANNEL);
	ck_assert_int_eq(bed_show(b, &first.node), RC_OK);
	ck_assert_int_eq(bed_kmr(b, 1)->not_after - BED_START, MAS_KMR_LIFETIME);
	(void)bed_issue(b, 2, 20);
	ck_assert_int_eq(bed_show(b, &new_node), RC_OK);
	ck_assert_uint_eq(b->nodes[0].flags, MAS_CHANNEL | MAS_TLS13);
	ck_assert_uint_eq(b->nodes[0].ival_required, 5);
	ck_assert_int_eq(bed_kmr(b, 1)->not_after - BED_START, 2 * BED_HOUR);
	/* 0 is the default again; what is out of range changes nothing. */
	l.kmc_lifetime = MAS_KMC_LIFETIME_MAX + 1;
	ck_assert_int_eq(mas_set_limits(b->m, &l), RC_BAD_REQUEST);
	c = bed_connected(b, 1, 1);
	ck_assert_int_eq(c.expires - c.created, BED_HOUR);
	l.kmc_lifetime = 0;
	ck_assert_int_eq(mas_set_limits(b->m, &l), RC_OK);
	c = bed_connected(b, 1, 1);
	ck_assert_int_eq(c.expires - c.created, MAS_KMC_LIFETIME);
	bed_free(b);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {
		test_psk, test_provision, test_provision_index, test_provision_bad,
		test_pending, test_retired, test_kmr_expires, test_kmr_room, test_lists,
		test_lists_bad, test_settings, test_standing, test_limits_change,
	};
	Suite *s = suite_create("mas");
	TCase *c = suite_case(s, "engines", NULL, NULL);

	tcase_set_timeout(c, 120);
	for (size_t i = 0; i < NITEMS(tests); i++)
		tcase_add_loop_test(c, tests[i], 0, BED_ENGINES);
	return run_suite(s);
}
