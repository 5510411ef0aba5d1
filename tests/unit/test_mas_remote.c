/* SPDX-License-Identifier: Apache-2.0 */
/* A MAS of another process: its keys and calls by REST, and what happens when it does not work. */
#include "config.h"

#include <unistd.h>

#include "rest_bed.h"
#include "suite.h"

/* ---- waiting ---- */

struct wish {
	uint8_t node;
	uint32_t index;
	bool there;
};

static bool
far_psk(uint8_t node, uint32_t index, struct key *out)
{
	struct psk_id id = { .kind = PSK_MR, .tls = PSK_TLS_1_3, .node = bed_node(node),
		             .index = index };

	return w.far.ops->psk(w.far.self, &id, out);
}

static bool
psk_is(void *arg)
{
	const struct wish *wish = arg;
	struct key k;

	return far_psk(wish->node, wish->index, &k) == wish->there;
}

static void
await_psk(uint8_t node, uint32_t index, bool there)
{
	struct wish wish = { node, index, there };

	ck_assert(core_await(psk_is, &wish));
}

static bool
was_told(void *arg)
{
	return atomic_load(&w.last_told) == *(uint64_t *)arg;
}

static bool
node_was_told(void *arg)
{
	return atomic_load(&w.told_node) >= *(unsigned *)arg;
}

/* ---- keys ---- */

static bool
far_is_low(void *arg)
{
	struct node_id id = bed_node(1);
	struct mas_standing s;

	(void)arg;
	return w.far.ops->indicator(w.far.self, &id, 1, &s) && s.low;
}

/* K_ind comes with the keys, the class when it changes. */
static void
standing_follows(void)
{
	enum mas_priority low = MAS_PRIORITY_LOW;
	struct mas_change set = { .kind = MAS_SET, .node = bed_node(1), .flags = MAS_KEEP_FLAGS,
		                  .priority = &low, .actor = "t" };
	struct mas_standing far, near;

	ck_assert(w.far.ops->indicator(w.far.self, &set.node, 1, &far));
	ck_assert(w.mas.mas.ops->indicator(w.mas.mas.self, &set.node, 1, &near));
	ck_assert(key_equal(&far.indicator, &near.indicator) && !far.low && !far.active);
	ck_assert_int_eq(bed_change(&w.mas, &set), RC_OK);
	ck_assert(core_await(far_is_low, NULL));
}

START_TEST(keys_follow)
{
	struct key far, near;
	struct mas_change c = { .kind = MAS_REVOKE_NODE, .node = bed_node(2), .actor = "t" };
	unsigned once = 1;

	bed_issue(&w.mas, 1, 10);
	await_psk(1, 1, true);
	ck_assert(far_psk(1, 1, &far));
	ck_assert(bed_psk(&w.mas, &(struct node_id){ 0 }, 1, PSK_TLS_1_3, &near) == false);
	{
		struct node_id id = bed_node(1);

		ck_assert(bed_psk(&w.mas, &id, 1, PSK_TLS_1_3, &near));
	}
	ck_assert(key_equal(&far, &near));
	standing_follows();
	bed_issue(&w.mas, 2, 20);
	await_psk(2, 1, true);
	ck_assert_int_eq(bed_change(&w.mas, &c), RC_OK);
	await_psk(2, 1, false);
	ck_assert(far_psk(1, 1, &far));
	/* The key may be gone an answer earlier than the node. */
	ck_assert(core_await(node_was_told, &once));
}
END_TEST

static void
gateway_setup(void)
{
	rest_role = &gw_uri;
	rest_setup();
}

/* A gateway has no key of any node, is told which are revoked, and once that it may have missed some. */
START_TEST(gateway)
{
	struct mas_change c = { .kind = MAS_REVOKE_NODE, .node = bed_node(2), .actor = "t" };
	struct mas_connect connect;
	unsigned once = 1;
	struct key k;

	ck_assert_uint_eq(atomic_load(&w.told_lost), 1);
	bed_issue(&w.mas, 1, 10);
	bed_issue(&w.mas, 2, 20);
	connect = bed_connecting(1, 1);
	ck_assert_int_ne(far_connect(&connect), RC_OK);
	ck_assert_uint_eq(connect.connection.id, 0);
	ck_assert_int_eq(bed_change(&w.mas, &c), RC_OK);
	ck_assert(core_await(node_was_told, &once));
	ck_assert(!far_psk(1, 1, &k));
	ck_assert_uint_eq(atomic_load(&w.told), 1);
	ck_assert_uint_eq(atomic_load(&w.told_lost), 1);
}
END_TEST

/* More than a page has. */
START_TEST(many_keys)
{
	struct mas_provision p;

	for (unsigned i = 0; i < 2300; i++) {
		p = (struct mas_provision){ .has_node = true, .node = bed_node(0), .has_kmr = true,
			                    .kmr = bed_key((uint8_t)i), .origin = "B6" };
		p.node.v[13] = (uint8_t)(i >> 8);
		p.node.v[14] = (uint8_t)i;
		ck_assert_int_eq(bed_provision(&w.mas, &p), RC_OK);
	}
	/* A client that begins now gets all of it in pages. */
	w.far.ops->unwatch(w.far.self, &w.watcher);
	{
		struct mas_remote *old = w.remote;
		struct psk_id id = { .kind = PSK_MR, .tls = PSK_TLS_1_2, .node = p.node, .index = 1 };
		struct key k;
		int64_t end = clock_monotonic() + 60 * CLOCK_SECOND;
		unsigned missing = 1;

		start_remote();
		while (missing > 0 && clock_monotonic() < end) {
			missing = 0;
			for (unsigned i = 0; i < 2300; i++) {
				id.node.v[13] = (uint8_t)(i >> 8);
				id.node.v[14] = (uint8_t)i;
				missing += !w.far.ops->psk(w.far.self, &id, &k);
			}
			usleep(2000);
		}
		ck_assert_uint_eq(missing, 0);
		w.far.ops->unwatch(w.far.self, &w.watcher);
		mas_remote_stop(old);
		mas_remote_stop(w.remote);
		network_down();
		core_halt(&w.core);
		mas_remote_close(old);
		w.far.ops->watch(w.far.self, &w.watcher);
	}
}
END_TEST

/* ---- calls ---- */

START_TEST(connect_and_end)
{
	struct mas_connect c, near;
	struct mas_end end = { .why = "bye" };
	struct mas_report report = { .ival = { .time = SLICE_LIT("2023-11-14T22:13:20Z") } };

	bed_issue(&w.mas, 1, 10);
	c = bed_connecting(1, 1);
	ck_assert_int_eq(far_connect(&c), RC_OK);
	ck_assert_str_eq(c.connection.scl_id, "scl-1");
	ck_assert_uint_eq(c.connection.flags, MAS_CHANNEL);
	ck_assert(!key_is_zero(&c.connection.kmc));
	ck_assert_int_eq(c.connection.expires - c.connection.created, MAS_KMC_LIFETIME);
	/* Its use reaches the MAS. */
	w.far.ops->used(w.far.self, c.connection.id, 3, 400);
	end.connection_id = report.connection_id = c.connection.id;
	ck_assert_int_eq(far_report(&report), RC_FORBIDDEN);
	ck_assert_str_eq(report.outcome.reason, "IVAL_FAILED");
	ck_assert_uint_eq(report.outcome.reject, REJECT_INTEGRITY);
	ck_assert(core_await(was_told, &c.connection.id));
	ck_assert_int_eq(far_end(&end), RC_OK);
	/* Refusals are as those of a near MAS. */
	near = bed_connecting(9, 1);
	ck_assert_int_ne(bed_connect(&w.mas, &near), RC_OK);
	c = bed_connecting(9, 1);
	ck_assert_int_eq(far_connect(&c), near.outcome.rc);
	ck_assert_str_eq(c.outcome.reason, near.outcome.reason);
	ck_assert_uint_eq(c.outcome.reject, near.outcome.reject);
	ck_assert_int_eq(c.outcome.permanent, near.outcome.permanent);
}
END_TEST

static unsigned n_live;
static uint64_t live_id;

static void
each(struct mas_live *l, const struct mas_connection *c)
{
	(void)l;
	n_live++;
	live_id = c->id;
}

START_TEST(connections_come_back)
{
	struct mas_live l = { .each = each };
	struct mas_change change = { .kind = MAS_REVOKE_CONNECTION, .actor = "t" };
	struct mas_connect c;

	n_live = 0;
	bed_issue(&w.mas, 1, 10);
	bed_issue(&w.mas, 2, 20);
	(void)bed_connected(&w.mas, 2, 1); /* another NSCL's */
	c = bed_connecting(1, 1);
	ck_assert_int_eq(far_connect(&c), RC_OK);
	ck_assert_int_eq(far_live(&l), RC_OK);
	ck_assert_uint_eq(n_live, 1);
	ck_assert_uint_eq(live_id, c.connection.id);
	change.connection = c.connection.id;
	change.node = c.connection.node;
	ck_assert_int_eq(bed_change(&w.mas, &change), RC_OK);
	ck_assert(core_await(was_told, &c.connection.id));
	n_live = 0;
	ck_assert_int_eq(far_live(&l), RC_OK);
	ck_assert_uint_eq(n_live, 0);
}
END_TEST

static bool
has_news(void *arg)
{
	return atomic_load(&w.news) > *(unsigned *)arg;
}

/* Its end is under way to the client, and comes there before that of w.meanwhile. */
static void
stranger_ends(uint8_t node)
{
	struct mas_change c = { .kind = MAS_REVOKE_CONNECTION, .node = bed_node(node), .actor = "t" };
	unsigned before = atomic_load(&w.news);

	bed_issue(&w.mas, node, node);
	c.connection = bed_connected(&w.mas, node, 1).id;
	atomic_store(&w.news_held, true);
	ck_assert_int_eq(bed_change(&w.mas, &c), RC_OK);
	ck_assert(core_await(has_news, &before));
}

/* The end of a connection is here before the connection: it is not taken for a live one. */
START_TEST(ends_overtake)
{
	static const enum mas_change_kind kinds[] = { MAS_REVOKE_NODE, MAS_REVOKE_CONNECTION };
	struct mas_live l = { .each = each };
	struct mas_connect c;
	uint8_t node = 1;

	for (size_t i = 0; i < 2 * NITEMS(kinds); i++, node++) {
		bool listed = i >= NITEMS(kinds);

		bed_issue(&w.mas, node, node);
		w.meanwhile = (struct mas_change){ .kind = kinds[i % NITEMS(kinds)], .actor = "t",
			                           .node = bed_node(node) };
		c = bed_connecting(node, 1);
		if (listed) {
			ck_assert_int_eq(far_connect(&c), RC_OK);
			n_live = 0;
			stranger_ends((uint8_t)(100 + node));
			atomic_store(&w.during, "/connections");
			ck_assert_int_eq(far_live(&l), RC_OK);
			ck_assert_uint_eq(n_live, 0);
			continue;
		}
		stranger_ends((uint8_t)(100 + node));
		atomic_store(&w.during, "/connect");
		ck_assert_int_eq(far_connect(&c), RC_UNAVAILABLE);
		ck_assert_uint_eq(c.outcome.reject, REJECT_OVERLOAD);
		/* For whoever asked to end it. */
		ck_assert_uint_eq(c.connection.id, w.meanwhile.connection);
		ck_assert(key_is_zero(&c.connection.kmc));
		c = bed_connecting(node, 1);
		ck_assert_int_eq(far_connect(&c), i == 0 ? RC_FORBIDDEN : RC_OK);
		w.meanwhile.connection = c.connection.id;
		ck_assert(i == 0 || bed_change(&w.mas, &w.meanwhile) == RC_OK);
	}
	ck_assert_ptr_null(atomic_load(&w.during));
}
END_TEST

START_TEST(bootstrap_calls)
{
	static const uint8_t octets[] = { 0x50, 0x3c, 0x71 };
	struct device_fingerprint print = { { 1, 2, 3 } };
	struct mas_provision p = { .ppid = slice_make(octets, sizeof(octets)), .origin = "B6",
		                   .sub_id = SLICE_LIT("s") };
	struct mas_change c = { .kind = MAS_BIND, .fingerprints = &print, .n_fingerprints = 1 };
	struct mas_verdict v = { .id = { .kind = PSK_MR, .tls = PSK_TLS_1_3, .index = 1 } };

	ck_assert_int_eq(far_provision(&p), RC_OK);
	ck_assert(!key_is_zero(&p.kmr));
	ck_assert_uint_eq(p.kmr_index, 1);
	c.node = v.id.node = p.node;
	ck_assert_int_eq(far_change(&c), RC_OK);
	ck_assert_int_eq(bed_show(&w.mas, &p.node), RC_OK);
	ck_assert_uint_eq(w.mas.nodes[0].n_fingerprints, 1);
	ck_assert_int_eq(far_verdict(&v), RC_OK);
	ck_assert_uint_eq(v.cause, REJECT_ACCEPTED);
	c.kind = MAS_REVOKE_KMR;
	c.index = 1;
	ck_assert_int_eq(far_change(&c), RC_OK);
	ck_assert_int_eq(far_verdict(&v), RC_OK);
	ck_assert_uint_eq(v.cause, REJECT_REVOKED);
	ck_assert(v.permanent);
	c.kind = MAS_REVOKE_NODE;
	ck_assert_int_eq(far_change(&c), RC_NOT_IMPLEMENTED);
	/* Whoever the MSBF says that it was. */
	c.kind = MAS_REVOKE_KMR;
	c.actor = "timer";
	ck_assert_int_eq(far_change(&c), RC_OK);
	ck_assert_uint_eq(audited("revoke-kmr", "nscl1.example.net/timer"), 1);
	ck_assert_uint_eq(audited("revoke-kmr", "timer"), 0);
}
END_TEST

/* ---- a MAS that does not work ---- */

START_TEST(away_and_back)
{
	struct mas_connect c;
	struct mas_change change = { .kind = MAS_REVOKE_NODE, .node = bed_node(1), .actor = "t" };
	struct key k;

	bed_issue(&w.mas, 1, 10);
	await_psk(1, 1, true);
	atomic_store(&w.weather, REFUSED);
	c = bed_connecting(1, 1);
	ck_assert_int_eq(far_connect(&c), RC_UNAVAILABLE);
	ck_assert_uint_eq(c.outcome.reject, REJECT_OVERLOAD);
	ck_assert_uint_gt(c.outcome.retry_after, 0);
	/* What is known stays known. */
	ck_assert(far_psk(1, 1, &k));
	bed_issue(&w.mas, 2, 20);
	ck_assert_int_eq(bed_change(&w.mas, &change), RC_OK);
	atomic_store(&w.weather, FINE);
	await_psk(2, 1, true);
	await_psk(1, 1, false);
}
END_TEST

START_TEST(stuck)
{
	unsigned before, slow = 0;
	struct key k;

	bed_issue(&w.mas, 1, 10);
	await_psk(1, 1, true);
	atomic_store(&w.weather, STUCK);
	before = atomic_load(&w.exchanges);
	for (int i = 0; i < 1000; i++) {
		int64_t from = clock_monotonic();

		ck_assert(far_psk(1, 1, &k));
		ck_assert(!far_psk(77, 1, &k));
		slow += clock_monotonic() - from > CLOCK_SECOND / 10;
	}
	/* Nobody waits for the MAS; this thread may be kept waiting for a processor. */
	ck_assert_uint_lt(slow, 10);
	/* The courier goes on: other tasks run. */
	ck_assert_int_eq(core_status(&w.core, "GET", "/m2m", "http://a.example.org/", NULL), 200);
	/* Unknown identities do not flood the MAS. */
	ck_assert_uint_lt(atomic_load(&w.exchanges) - before, 100);
	atomic_store(&w.weather, REFUSED);
}
END_TEST

START_TEST(rubbish)
{
	struct mas_connect c;
	struct key k;

	bed_issue(&w.mas, 1, 10);
	await_psk(1, 1, true);
	atomic_store(&w.weather, RUBBISH);
	c = bed_connecting(1, 1);
	ck_assert_int_eq(far_connect(&c), RC_UNAVAILABLE);
	usleep(50000);
	ck_assert(far_psk(1, 1, &k));
	bed_issue(&w.mas, 2, 20);
	atomic_store(&w.weather, FINE);
	await_psk(2, 1, true);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("mas_remote");
	TCase *c = suite_case(s, "mas_remote", rest_setup, rest_teardown);
	TCase *g;

	tcase_set_timeout(c, 120);
	tcase_add_test(c, keys_follow);
	tcase_add_test(c, many_keys);
	tcase_add_test(c, connect_and_end);
	tcase_add_test(c, connections_come_back);
	tcase_add_test(c, ends_overtake);
	tcase_add_test(c, bootstrap_calls);
	tcase_add_test(c, away_and_back);
	tcase_add_test(c, stuck);
	tcase_add_test(c, rubbish);
	g = suite_case(s, "gateway", gateway_setup, rest_teardown);
	tcase_set_timeout(g, 120);
	tcase_add_test(g, gateway);
	return core_run(s);
}
