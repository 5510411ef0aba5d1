/* SPDX-License-Identifier: Apache-2.0 */
/* A MAS behind REST: its server and its client against each other, without a network between. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "endpoint_bed.h"
#include "mas/mas_json.h"
#include "mas/mas_remote.h"
#include "mas/mas_rest.h"

#define URI "https://mas.example.net:8446/mas/v1"
#define ANSWERS 256

/* What the network between them does. */
enum weather { FINE, REFUSED, STUCK, RUBBISH };

struct world {
	struct core_bed core;
	struct mas_bed mas;
	struct mas_rest *rest;
	struct mas_remote *remote;
	struct mas far; /* through it */
	struct mas_watcher watcher;
	_Atomic enum weather weather;
	_Atomic unsigned exchanges, told, told_node;
	_Atomic uint64_t last_told;
	/* Of the exchange whose URL ends so: what happens at the MAS before the answer comes. */
	_Atomic(const char *) during;
	struct mas_change meanwhile;
	_Atomic bool held; /* that answer */
	/* Bodies live until the end. */
	char *bodies[ANSWERS];
	unsigned at;
};

static struct world w;
static const struct slice nscl_uri = SLICE_INIT("urn:m2m:role:nscl");
static const struct slice msbf_uri = SLICE_INIT("urn:m2m:role:msbf");
static const struct slice dns = SLICE_INIT("nscl1.example.net");

/* ---- the network ---- */

static const char *
keep(char *body)
{
	char **place = &w.bodies[w.at++ % ANSWERS];

	free(*place);
	*place = body;
	return body;
}

/* The test's own long poll: answered at once, but late. */
static void
target_of(const struct exchange *ex, char *out, size_t size)
{
	char *wait;

	ck_assert(slice_starts(ex->url, SLICE_LIT("https://mas.example.net:8446/")));
	snprintf(out, size, "%.*s", (int)ex->url.n - 28, ex->url.p + 28);
	wait = strstr(out, "wait=30");
	if (wait != NULL)
		memcpy(wait, "wait=00", 7);
}

/* The answer is made, and comes after the feed has told what has happened since. */
static const _Atomic bool *
hold(const struct exchange *ex)
{
	const char *during = atomic_load(&w.during);
	size_t n = during == NULL ? 0 : strlen(during);

	if (during == NULL || ex->url.n < n || memcmp(ex->url.p + ex->url.n - n, during, n) != 0)
		return NULL;
	atomic_store(&w.during, NULL);
	atomic_store(&w.held, true);
	ck_assert_int_eq(bed_show(&w.mas, &w.meanwhile.node), RC_OK);
	w.meanwhile.connection = w.mas.conns[0].id;
	ck_assert_int_eq(bed_change(&w.mas, &w.meanwhile), RC_OK);
	return &w.held;
}

static struct port_answer
carry(void *arg, const struct exchange *ex)
{
	char target[512], method[8], *body = NULL;
	bool provision = memmem(ex->url.p, ex->url.n, "/nodes", 6) != NULL ||
	                 memmem(ex->url.p, ex->url.n, "/verdict", 8) != NULL;
	struct asker who = asker_certified(SERVE_MAS, provision ? &msbf_uri : &nscl_uri, &dns);
	bool poll = memmem(ex->url.p, ex->url.n, "wait=30", 7) != NULL;
	enum weather weather = atomic_load(&w.weather);
	struct told t;

	(void)arg;
	atomic_fetch_add(&w.exchanges, 1);
	if (weather == REFUSED || weather == STUCK)
		return (struct port_answer){ .status = weather == STUCK ? ANSWER_NEVER : ANSWER_REFUSED };
	if (weather == RUBBISH)
		return (struct port_answer){ .status = 200, .body = "{\"keys\":[{}],\"upTo\":-3}",
			                     .delay = 5000 };
	target_of(ex, target, sizeof(target));
	snprintf(method, sizeof(method), "%.*s", (int)ex->method.n, ex->method.p);
	if (ex->body.n > 0) {
		body = calloc(1, ex->body.n + 1);
		memcpy(body, ex->body.p, ex->body.n);
	}
	t = ask(&w.core, &who, method, target, "application/json", body);
	free(body);
	return (struct port_answer){ .status = t.status, .body = keep(t.body),
		                     .delay = poll ? 20000 : 0, .held = hold(ex) };
}

static void
told_revoked(struct mas_watcher *watcher, const struct node_id *node, uint64_t id, enum mas_why why)
{
	(void)watcher;
	(void)node;
	(void)why;
	if (id == 0)
		atomic_fetch_add(&w.told_node, 1);
	else
		atomic_store(&w.last_told, id);
	atomic_fetch_add(&w.told, 1);
	atomic_store(&w.held, false);
}

/* ---- life ---- */

static void
start_remote(void)
{
	const struct mas_remote_conf conf = { .uri = URI "/", .feeds = true,
		                              .clock = &w.mas.clock.clock, .log = w.core.log };

	ck_assert_int_eq(mas_remote_open(&conf, &w.remote), RC_OK);
	w.far = mas_of_remote(w.remote);
	w.watcher.revoked = told_revoked;
	w.far.ops->watch(w.far.self, &w.watcher);
	mas_remote_start(w.remote, w.core.scl);
}

static void
setup(void)
{
	struct mas_rest_conf conf;

	memset(&w, 0, sizeof(w));
	core_init(&w.core);
	port_fake_set(carry, NULL);
	core_start(&w.core);
	bed_make(&w.mas, 0);
	bed_open(&w.mas);
	conf = (struct mas_rest_conf){ .mas = w.mas.m };
	ck_assert_int_eq(mas_rest_open(&conf, &w.rest), RC_OK);
	ck_assert_int_eq(mas_rest_attach(w.rest, w.core.scl), RC_OK);
	start_remote();
}

static void
teardown(void)
{
	w.far.ops->unwatch(w.far.self, &w.watcher);
	mas_remote_stop(w.remote);
	mas_rest_stop(w.rest);
	core_stop(&w.core);
	core_fini(&w.core);
	mas_remote_close(w.remote);
	mas_rest_close(w.rest);
	bed_free(&w.mas);
	for (unsigned i = 0; i < ANSWERS; i++)
		free(w.bodies[i]);
}

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

#define FAR_CALL(function, type, op)                                                               \
	static void function##_done(type *c)                                                       \
	{                                                                                          \
		bed_over(c->owner);                                                                \
	}                                                                                          \
	static enum rc function(type *c)                                                           \
	{                                                                                          \
		static struct bed_call call;                                                       \
                                                                                                   \
		call = (struct bed_call){ .b = &w.mas };                                           \
		c->owner = &call;                                                                  \
		c->done = function##_done;                                                         \
		op;                                                                                \
		bed_wait(&call);                                                                   \
		return c->outcome.rc;                                                              \
	}

FAR_CALL(far_connect, struct mas_connect, w.far.ops->connect(w.far.self, c))
FAR_CALL(far_end, struct mas_end, w.far.ops->end(w.far.self, c))
FAR_CALL(far_report, struct mas_report, w.far.ops->report(w.far.self, c))
FAR_CALL(far_provision, struct mas_provision, w.far.ops->provision(w.far.self, c))
FAR_CALL(far_live, struct mas_live, w.far.ops->live(w.far.self, c))
FAR_CALL(far_change, struct mas_change,
         msbf_mas_of_remote(w.remote).change(msbf_mas_of_remote(w.remote).self, c))
FAR_CALL(far_verdict, struct mas_verdict,
         msbf_mas_of_remote(w.remote).verdict(msbf_mas_of_remote(w.remote).self, c))

/* ---- keys ---- */

START_TEST(keys_follow)
{
	struct key far, near;
	struct mas_change c = { .kind = MAS_REVOKE_NODE, .node = bed_node(2), .actor = "t" };

	bed_issue(&w.mas, 1, 10);
	await_psk(1, 1, true);
	ck_assert(far_psk(1, 1, &far));
	ck_assert(bed_psk(&w.mas, &(struct node_id){ 0 }, 1, PSK_TLS_1_3, &near) == false);
	{
		struct node_id id = bed_node(1);

		ck_assert(bed_psk(&w.mas, &id, 1, PSK_TLS_1_3, &near));
	}
	ck_assert(key_equal(&far, &near));
	bed_issue(&w.mas, 2, 20);
	await_psk(2, 1, true);
	ck_assert_int_eq(bed_change(&w.mas, &c), RC_OK);
	await_psk(2, 1, false);
	ck_assert(far_psk(1, 1, &far));
	ck_assert_uint_ge(atomic_load(&w.told_node), 1);
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
			atomic_store(&w.during, "/connections");
			ck_assert_int_eq(far_live(&l), RC_OK);
			ck_assert_uint_eq(n_live, 0);
			continue;
		}
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

/* ---- the audit ---- */

struct looking {
	struct bed_call call;
	const char *action, *actor;
	unsigned found;
};

static void
looking_begin(struct mas_audit_page *p)
{
	((struct looking *)p->owner)->found = 0;
}

static void
looking_row(struct mas_audit_page *p, const struct audit_row *row)
{
	struct looking *l = p->owner;

	l->found += slice_is(row->entry.action, l->action) && slice_is(row->entry.actor, l->actor);
}

static void
looking_done(struct mas_audit_page *p)
{
	bed_over(&((struct looking *)p->owner)->call);
}

static unsigned
audited(const char *action, const char *actor)
{
	struct looking l = { .call = { .b = &w.mas }, .action = action, .actor = actor };
	struct mas_audit_page p = { .begin = looking_begin, .row = looking_row,
		                    .done = looking_done, .owner = &l };

	mas_audit_page(w.mas.m, &p);
	bed_wait(&l.call);
	ck_assert_int_eq(p.outcome.rc, RC_OK);
	return l.found;
}

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
	struct key k;
	int64_t from;

	bed_issue(&w.mas, 1, 10);
	await_psk(1, 1, true);
	atomic_store(&w.weather, STUCK);
	from = clock_monotonic();
	for (int i = 0; i < 1000; i++) {
		ck_assert(far_psk(1, 1, &k));
		ck_assert(!far_psk(77, 1, &k));
	}
	ck_assert_int_lt(clock_monotonic() - from, CLOCK_SECOND);
	/* The courier goes on: other tasks run. */
	ck_assert_int_eq(core_status(&w.core, "GET", "/m2m", "http://a.example.org/", NULL), 200);
	/* Unknown identities do not flood the MAS. */
	ck_assert_uint_lt(atomic_load(&w.exchanges), 100);
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

/* ---- the server alone ---- */

START_TEST(roles_count)
{
	struct asker nscl = asker_certified(SERVE_MAS, &nscl_uri, &dns);
	struct asker msbf = asker_certified(SERVE_MAS, &msbf_uri, &dns);
	struct asker nobody = asker_plain(SERVE_MAS);
	struct slice app = SLICE_LIT("urn:m2m:app:x");
	struct asker other = asker_certified(SERVE_MAS, &app, &dns);

	ck_assert_int_eq(ask_status(&w.core, &nobody, "GET", "/mas/v1/stats", NULL), 401);
	ck_assert_int_eq(ask_status(&w.core, &other, "GET", "/mas/v1/stats", NULL), 403);
	ck_assert_int_eq(ask_status(&w.core, &nscl, "GET", "/mas/v1/stats", NULL), 200);
	ck_assert_int_eq(ask_status(&w.core, &nscl, "POST", "/mas/v1/nodes", "{\"origin\":\"B6\"}"), 403);
	ck_assert_int_eq(ask_status(&w.core, &msbf, "GET", "/mas/v1/psk-feed", NULL), 403);
	ck_assert_int_eq(ask_status(&w.core, &msbf, "GET", "/mas/v1/connections", NULL), 403);
	ck_assert_int_eq(ask_status(&w.core, &msbf, "POST", "/mas/v1/connect", "{}"), 403);
	ck_assert_int_eq(ask_status(&w.core, &nscl, "DELETE", "/mas/v1/connect", NULL), 405);
	ck_assert_int_eq(ask_status(&w.core, &nscl, "GET", "/mas/v1/kmr", NULL), 404);
}
END_TEST

/* Two NSCLs with names that cannot be kept would be one owner of connections. */
START_TEST(nscl_needs_a_name)
{
	char name[MAS_NSCL_MAX + 2];
	struct slice dns_name;
	struct asker who = asker_certified(SERVE_MAS, &nscl_uri, &dns_name);

	memset(name, 'n', sizeof(name));
	dns_name = slice_make(name, MAS_NSCL_MAX);
	ck_assert_int_eq(ask_status(&w.core, &who, "GET", "/mas/v1/connections", NULL), 200);
	dns_name = slice_make(name, MAS_NSCL_MAX + 1);
	ck_assert_int_eq(ask_status(&w.core, &who, "GET", "/mas/v1/connections", NULL), 403);
	ck_assert_int_eq(ask_status(&w.core, &who, "POST", "/mas/v1/connect", "{}"), 403);
	ck_assert_int_eq(ask_status(&w.core, &who, "GET", "/mas/v1/stats", NULL), 200);
	name[3] = '\0';
	dns_name = slice_make(name, 5);
	ck_assert_int_eq(ask_status(&w.core, &who, "GET", "/mas/v1/connections", NULL), 403);
	who.peer.n_dns_names = 0;
	ck_assert_int_eq(ask_status(&w.core, &who, "GET", "/mas/v1/connections", NULL), 200);
	memset(name, 's', sizeof(name));
	who.peer.subject = slice_make(name, MAS_NSCL_MAX + 1);
	ck_assert_int_eq(ask_status(&w.core, &who, "GET", "/mas/v1/connections", NULL), 403);
	who.peer.subject = SLICE_NONE;
	ck_assert_int_eq(ask_status(&w.core, &who, "GET", "/mas/v1/connections", NULL), 403);
}
END_TEST

START_TEST(server_is_strict)
{
	static const char *const bad[] = {
		"", "{}", "[]", "{\"nodeId\":1}", "{\"nodeId\":\"00\",\"kmrIndex\":1}",
		"{\"nodeId\":\"01bcad980102030405060708090a0b01\",\"kmrIndex\":1,\"exporter\":\"x\","
		"\"variant\":\"C1\",\"tlsVersion\":772}",
		"{\"nodeId\":\"01bcad980102030405060708090a0b01\",\"kmrIndex\":1,\"exporter\":"
		"\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\",\"variant\":\"C2\",\"tlsVersion\":772}",
		"{\"nodeId\":\"01bcad980102030405060708090a0b01\",\"kmrIndex\":1,\"exporter\":"
		"\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\",\"variant\":\"C1\",\"tlsVersion\":1}",
	};
	struct asker nscl = asker_certified(SERVE_MAS, &nscl_uri, &dns);

	for (size_t i = 0; i < NITEMS(bad); i++)
		ck_assert_msg(ask_status(&w.core, &nscl, "POST", "/mas/v1/connect", bad[i]) == 400, "%s",
		              bad[i]);
	ck_assert_int_eq(ask_status(&w.core, &nscl, "GET", "/mas/v1/psk-feed?since=x", NULL), 400);
	ck_assert_int_eq(ask_status(&w.core, &nscl, "GET", "/mas/v1/psk-feed?wait=9999", NULL), 400);
	ck_assert_int_eq(ask_status(&w.core, &nscl, "GET", "/mas/v1/psk-feed?after=zz.1", NULL), 400);
	ck_assert_int_eq(ask_status(&w.core, &nscl, "POST", "/mas/v1/used", "{\"uses\":[1]}"), 400);
	ck_assert_int_eq(ask_status(&w.core, &nscl, "POST", "/mas/v1/connections/0/end", "{}"), 400);
}
END_TEST

static bool
was_used(struct mas_bed *b, void *arg)
{
	const struct mas_connection *c = arg;

	return bed_show(b, &c->node) == RC_OK && bed_conn(b, c->id)->requests > 0;
}

/* A NSCL names connections of another one: they are unknown to it. */
START_TEST(another_nscl)
{
	static const char ival[] = "{\"ival\":{\"results\":1,\"mac\":1,"
				   "\"time\":\"2023-11-14T22:13:20Z\"}}";
	struct slice name = SLICE_LIT("nscl2.example.net");
	struct asker mine = asker_certified(SERVE_MAS, &nscl_uri, &dns);
	struct asker other = asker_certified(SERVE_MAS, &nscl_uri, &name);
	char end[80], report[80], used[160];
	struct mas_connect c;

	bed_issue(&w.mas, 1, 10);
	c = bed_connecting(1, 1);
	ck_assert_int_eq(far_connect(&c), RC_OK);
	snprintf(end, sizeof(end), "/mas/v1/connections/%016" PRIx64 "/end", c.connection.id);
	snprintf(report, sizeof(report), "/mas/v1/connections/%016" PRIx64 "/report", c.connection.id);
	snprintf(used, sizeof(used),
	         "{\"uses\":[{\"connection\":\"%016" PRIx64 "\",\"requests\":7,\"octets\":7}]}",
	         c.connection.id);
	ck_assert_int_eq(ask_status(&w.core, &other, "POST", end, "{}"), 404);
	ck_assert_int_eq(ask_status(&w.core, &other, "POST", "/mas/v1/connections/00000000000000ff/end",
	                            "{}"), 404);
	/* A wrong report of its own would end it. */
	ck_assert_int_eq(ask_status(&w.core, &other, "POST", report, ival), 404);
	ck_assert_int_eq(ask_status(&w.core, &other, "POST", "/mas/v1/used", used), 204);
	w.far.ops->used(w.far.self, c.connection.id, 3, 400);
	bed_until(&w.mas, was_used, &c.connection);
	ck_assert_uint_eq(bed_conn(&w.mas, c.connection.id)->requests, 3);
	ck_assert_int_eq(bed_conn(&w.mas, c.connection.id)->state, MAS_CONN_ACTIVE);
	ck_assert_int_eq(ask_status(&w.core, &mine, "POST", report, ival), 403);
	ck_assert_uint_eq(audited("integrity-report", "nscl1.example.net"), 1);
	ck_assert_int_eq(ask_status(&w.core, &mine, "POST", end, "{}"), 204);
	ck_assert_int_eq(ask_status(&w.core, &other, "POST", end, "{}"), 404);
}
END_TEST

/* A poll waits, and is answered by what happens. */
struct poller {
	pthread_t thread;
	char target[160];
	struct told told;
	int64_t took;
};

static void *
poll_main(void *arg)
{
	struct poller *p = arg;
	struct asker nscl = asker_certified(SERVE_MAS, &nscl_uri, &dns);
	int64_t from = clock_monotonic();

	p->told = ask(&w.core, &nscl, "GET", p->target, NULL, NULL);
	p->took = clock_monotonic() - from;
	return NULL;
}

START_TEST(poll_waits)
{
	struct asker nscl = asker_certified(SERVE_MAS, &nscl_uri, &dns);
	struct told t = ask(&w.core, &nscl, "GET", "/mas/v1/psk-feed", NULL, NULL);
	struct poller p;

	snprintf(p.target, sizeof(p.target), "/mas/v1/psk-feed?since=%s&events=%s&wait=30",
	         told_text(&t, "upTo"), told_text(&t, "events"));
	told_fini(&t);
	ck_assert_int_eq(pthread_create(&p.thread, NULL, poll_main, &p), 0);
	usleep(100000);
	bed_issue(&w.mas, 1, 10);
	pthread_join(p.thread, NULL);
	ck_assert_int_eq(p.told.status, 200);
	ck_assert_int_ge(p.took, 90000);
	ck_assert_int_lt(p.took, 20 * CLOCK_SECOND);
	ck_assert_ptr_nonnull(strstr(p.told.body, "\"psk3\""));
	ck_assert_ptr_nonnull(strstr(p.told.body, "\"reset\":false"));
	told_fini(&p.told);
}
END_TEST

START_TEST(stop_answers_polls)
{
	struct asker nscl = asker_certified(SERVE_MAS, &nscl_uri, &dns);
	struct told t = ask(&w.core, &nscl, "GET", "/mas/v1/psk-feed", NULL, NULL);
	struct poller p;

	snprintf(p.target, sizeof(p.target), "/mas/v1/psk-feed?since=%s&events=%s&wait=60",
	         told_text(&t, "upTo"), told_text(&t, "events"));
	told_fini(&t);
	ck_assert_int_eq(pthread_create(&p.thread, NULL, poll_main, &p), 0);
	usleep(50000);
	mas_rest_stop(w.rest);
	pthread_join(p.thread, NULL);
	ck_assert_int_lt(p.took, 20 * CLOCK_SECOND);
	ck_assert(p.told.status == 200 || p.told.status == 503);
	told_fini(&p.told);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = { keys_follow,     many_keys,   connect_and_end,
		                              connections_come_back, ends_overtake, bootstrap_calls, away_and_back,
		                              stuck,           rubbish,     roles_count,
		                              nscl_needs_a_name,
		                              server_is_strict, another_nscl, poll_waits, stop_answers_polls };
	Suite *s = suite_create("mas_rest");
	TCase *tc = tcase_create("mas_rest");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	for (size_t i = 0; i < NITEMS(tests); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(s, tc);
	return core_run(s);
}
