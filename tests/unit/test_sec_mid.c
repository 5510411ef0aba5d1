/* SPDX-License-Identifier: Apache-2.0 */
/* mId: keys of handshakes, making a connection, what may be done on one, objects, reports. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "cap/sec/conn_endpoint.h"
#include "cap/sec/guard.h"
#include "cap/sec/psk.h"
#include "core_bed.h"
#include "mas_bed.h"
#include "sec/access_tag.h"
#include "sec/hex.h"
#include "sec/jose.h"

#define LINK_1 "https://scl-1.example/m2m"
#define LINK_2 "https://scl-2.example/m2m"
#define SET BASE "/connectionParamSet"

static const struct listener_policy trusted = { .trusted_access = true }, plain = { 0 };

enum { PSK, CLEAR, TRUSTED, MIXED };
static const struct req_listener listeners[] = {
	[PSK] = { .serve = SERVE_MID, .policy = &plain, .secure = true },
	[CLEAR] = { .serve = SERVE_MID, .policy = &plain },
	[TRUSTED] = { .serve = SERVE_MID, .policy = &trusted },
	[MIXED] = { .serve = SERVE_MIA | SERVE_MID, .policy = &plain },
};

static struct core_bed bed;
static struct mas_bed mb;
static struct sec_conf sec;
static struct live *live;
static struct mid *mid;
static struct sec_guard *guard;
static struct psk_front *psk;
static struct conn_endpoints *endpoints;
static struct mas_watcher watcher;

/* ---- the surroundings ---- */

static enum rc
exporter(const struct peer *peer, const char *label, void *out, size_t n)
{
	ck_assert_str_eq(label, M2M_EXPORTER_CONNECTION);
	if (peer->tls_version == 0x0303)
		return RC_DENIED; /* without the extended master secret */
	memcpy(out, bed_key(0xe0).v, n);
	return RC_OK;
}

static struct peer
peer_of(const char *identity)
{
	return (struct peer){ .kind = identity == NULL ? PEER_UNPROVED : PEER_PSK,
		              .address = SLICE_LIT("192.0.2.1"),
		              .psk_identity = identity == NULL ? SLICE_NONE : slice_of(identity),
		              .tls_version = identity == NULL ? 0 : 0x0304,
		              .exporter = exporter };
}

static void
attach(struct scl *scl)
{
	const struct conn_conf conf = { .mid = mid, .live = live, .mas = &mb.mas, .sec = &sec };

	mid_attach(mid, scl);
	sec_guard_attach(guard, scl);
	ck_assert_int_eq(conn_endpoints_add(&conf, scl, &endpoints), RC_OK);
}

static void
revoked(struct mas_watcher *w, const struct node_id *node, uint64_t id, enum mas_why why)
{
	(void)w;
	if (id != 0)
		live_end(live, id, why == MAS_REVOKED ? LIVE_REVOKED : LIVE_ENDED);
	else
		live_end_node(live, node, 0, LIVE_REVOKED);
}

static bool
sign(void *arg, const struct node_id *node, const uint8_t nonce[REJECT_NONCE_SIZE], unsigned cause,
     bool permanent, uint32_t retry_after, char out[REJECT_TEXT_MAX + 1])
{
	(void)arg;
	return mas_reject(mb.m, node, nonce, cause, permanent, retry_after, out);
}

static void
begin(enum mid_side side)
{
	struct live_conf live_conf = { .clock = &mb.clock.clock, .max = 64, .remember = BED_HOUR };
	struct mid_conf conf = { .side = side, .sec = &sec, .reject = sign };

	bed_make(&mb, 0);
	bed_open(&mb);
	watcher.revoked = revoked;
	mb.mas.ops->watch(mb.mas.self, &watcher);
	live = live_new(&live_conf);
	conf.live = live;
	conf.mas = side == MID_NETWORK ? &mb.mas : NULL;
	ck_assert_int_eq(mid_new(&conf, &mid), RC_OK);
	ck_assert_int_eq(psk_front_new(mid, NULL, NULL, &psk), RC_OK);
	guard = sec_guard_new(&(struct sec_guard_conf){ .mid = mid, .live = live, .mas = conf.mas });
	core_init_alone(&bed);
	bed.guard = sec_guard_of(guard);
	bed.attach = attach;
	core_start(&bed);
	bed.listener = &listeners[PSK];
}

static void
setup(void)
{
	sec = (struct sec_conf){ .base = "m2m", .clock = &mb.clock.clock };
	begin(MID_NETWORK);
}

static void
setup_node(void)
{
	sec = (struct sec_conf){ .base = "m2m", .clock = &mb.clock.clock };
	begin(MID_NODE);
}

static void
teardown(void)
{
	core_fini(&bed);
	conn_endpoints_free(endpoints);
	sec_guard_free(guard);
	psk_front_free(psk);
	mid_free(mid);
	mb.mas.ops->unwatch(mb.mas.self, &watcher);
	bed_free(&mb);
	live_free(live);
}

/* ---- requests ---- */

struct ask {
	const char *method, *target, *from, *body, *type, *connection, *nonce;
	const struct peer *peer;
};

static struct reply
ask(const struct ask *q)
{
	struct core_call c;
	struct req_input *in;

	core_prepare_call(&bed, &c, q->method, q->target, q->from,
	                  q->type != NULL ? q->type : q->body != NULL ? "application/xml" : NULL,
	                  q->body);
	in = req_input(c.rq);
	in->peer = q->peer;
	if (q->connection != NULL)
		in->connection = slice_of(q->connection);
	if (q->nonce != NULL)
		in->nonce = slice_of(q->nonce);
	core_go(&c);
	return core_end(&c);
}

static void
expect_at(const struct ask *q, int status, const char *reason, int line)
{
	struct reply r = ask(q);
	bool told = reason == NULL || strstr(r.body, reason) != NULL;

	ck_assert_msg(r.status == status && told, "line %d: %s %s from %s: %d %s, not %d %s", line,
	              q->method, q->target, q->from == NULL ? "-" : q->from, r.status, r.body, status,
	              reason == NULL ? "" : reason);
	reply_fini(&r);
}
#define expect(status, reason, ...)                                                                \
	expect_at(&(struct ask){ __VA_ARGS__ }, (status), (reason), __LINE__)

/* A connection of scl-N, as the MAS makes it, and the peer of its session B. */
struct session {
	struct mas_connection conn;
	char identity[PSK_ID_TEXT];
	struct peer peer;
};

static void
set(uint8_t node, unsigned flags, const char *sources)
{
	struct mas_change c = { .kind = MAS_SET, .node = bed_node(node), .flags = flags,
		                .allowed_sources = sources, .actor = "test" };

	ck_assert_int_eq(bed_change(&mb, &c), RC_OK);
}

static void
open_session(struct session *s, uint8_t node)
{
	struct psk_id id = { .kind = PSK_MC, .tls = PSK_TLS_1_3 };

	s->conn = bed_connected(&mb, node, 1);
	ck_assert_int_eq(live_put(live, &s->conn), RC_OK);
	live_allow_objects(live, s->conn.id, 1, JOSE_SEQ_MAX);
	id.connection = s->conn.id;
	id.index = s->conn.kmc_index;
	ck_assert_uint_gt(psk_id_format(&id, s->identity), 0);
	s->peer = peer_of(s->identity);
}

static void
scl_doc(char out[1024], const char *id, const char *link)
{
	snprintf(out, 1024,
	         "<m2m:scl " NS " sclId=\"%s\"><m2m:link>%s</m2m:link>"
	         "<m2m:mgmtProtocolType>OMA_DM</m2m:mgmtProtocolType>"
	         "<m2m:sclType>GSCL</m2m:sclType></m2m:scl>",
	         id, link);
}

static void
enrol(struct session *s, uint8_t node, const char *link)
{
	char doc[1024], id[16];

	bed_issue(&mb, node, node);
	open_session(s, node);
	snprintf(id, sizeof(id), "scl-%u", node);
	scl_doc(doc, id, link);
	expect(201, NULL, "POST", BASE "/scls", link, doc, .peer = &s->peer);
}

static void
revoke(enum mas_change_kind kind, uint8_t node, uint64_t connection)
{
	struct mas_change c = { .kind = kind, .node = bed_node(node), .connection = connection,
		                .actor = "test" };

	ck_assert_int_eq(bed_change(&mb, &c), RC_OK);
}

/* ---- handshakes ---- */

static struct key
found(const char *identity, unsigned version)
{
	const struct psk_source *source = psk_front_source(psk);
	struct key k;

	ck_assert(source->find(source->arg, slice_of(identity), version, &k));
	return k;
}

/* What is known has its key in its version of TLS alone, all else one that nobody knows. */
START_TEST(handshakes)
{
	struct node_id node = bed_node(1);
	char mr3[PSK_ID_TEXT], mn3[PSK_ID_TEXT];
	struct psk_id id = { .kind = PSK_MR, .tls = PSK_TLS_1_3, .node = node, .index = 1 };
	struct key kmr = bed_key(1), want, got;
	struct session s;

	bed_issue(&mb, 1, 1);
	open_session(&s, 1);
	psk_id_format(&id, mr3);
	ck_assert_int_eq(psk_mr(&kmr, PSK_TLS_1_3, &node, 1, &want), RC_OK);
	got = found(mr3, 0x0304);
	ck_assert(key_equal(&got, &want));
	got = found(mr3, 0x0303);
	ck_assert(!key_equal(&got, &want));
	want = found(mr3, 0x0303);
	ck_assert(key_equal(&got, &want));

	ck_assert_int_eq(psk_mc(&s.conn.kmc, PSK_TLS_1_3, s.conn.id, 1, &want), RC_OK);
	got = found(s.identity, 0x0304);
	ck_assert(key_equal(&got, &want));
	id = (struct psk_id){ .kind = PSK_MN, .tls = PSK_TLS_1_3, .connection = s.conn.id, .index = 1 };
	psk_id_format(&id, mn3);
	ck_assert_int_eq(psk_mn(&s.conn.kmc, PSK_TLS_1_3, s.conn.id, 1, &want), RC_OK);
	got = found(mn3, 0x0304);
	ck_assert(!key_equal(&got, &want));

	revoke(MAS_REVOKE_NODE, 1, 0);
	got = found(s.identity, 0x0304);
	ck_assert_int_eq(psk_mc(&s.conn.kmc, PSK_TLS_1_3, s.conn.id, 1, &want), RC_OK);
	ck_assert(!key_equal(&got, &want));
	want = found("rubbish", 0x0304);
	ck_assert(!key_equal(&got, &want));
}
END_TEST

START_TEST(tls_1_3_alone)
{
	struct mas_connection c = { .id = 5, .kmc_index = 1, .flags = MAS_CHANNEL | MAS_TLS13,
		                    .expires = BED_START + BED_HOUR, .scl_id = "scl-1" };
	struct psk_id id = { .kind = PSK_MC, .tls = PSK_TLS_1_2, .connection = 5, .index = 1 };
	struct key k;

	ck_assert_int_eq(live_put(live, &c), RC_OK);
	ck_assert(!mid_psk(mid, &id, &k));
	id.tls = PSK_TLS_1_3;
	ck_assert(mid_psk(mid, &id, &k));
}
END_TEST

/* ---- making a connection ---- */

static const char *
mr_identity(uint8_t node)
{
	static char text[PSK_ID_TEXT];
	struct psk_id id = { .kind = PSK_MR, .tls = PSK_TLS_1_3, .node = bed_node(node), .index = 1 };

	ck_assert_uint_gt(psk_id_format(&id, text), 0);
	return text;
}

static struct slice
element(const char *doc, const char *name)
{
	char tag[64];
	const char *from, *to;

	snprintf(tag, sizeof(tag), "<m2m:%s>", name);
	from = strstr(doc, tag);
	ck_assert_msg(from != NULL, "no %s in %s", name, doc);
	from += strlen(tag);
	to = strchr(from, '<');
	return slice_make(from, (size_t)(to - from));
}

static void
check_set(const char *doc, bool clear)
{
	struct key kmr = bed_key(1), e_conn = bed_key(0xe0), kmc, kek, got;
	uint8_t wrapped[KEYWRAP_BYTES];
	struct kmc_terms t = { .node = bed_node(1), .kmr_index = 1, .scl_id = SLICE_LIT("scl-1") };

	ck_assert(conn_id_parse_decimal(element(doc, "securityConnectionId"), &t.connection));
	t.kmc_index = (uint32_t)strtoul(element(doc, "securityKmcIndex").p, NULL, 10);
	ck_assert_int_eq(kmc_derive(&kmr, &e_conn, &t, &kmc), RC_OK);
	if (clear) {
		ck_assert(hex_decode(element(doc, "securityM2MKey"), got.v, KEY_BYTES));
	} else {
		ck_assert(hex_decode(element(doc, "securityEncryptedM2MKey"), wrapped,
		                     sizeof(wrapped)));
		ck_assert_int_eq(kek_conn(&kmr, &t.node, t.connection, t.kmc_index, &kek), RC_OK);
		ck_assert_int_eq(key_unwrap(&kek, slice_make(wrapped, sizeof(wrapped)), &got), RC_OK);
	}
	ck_assert(key_equal(&got, &kmc));
	ck_assert(live_kmc(live, t.connection, t.kmc_index, &got));
	ck_assert(key_equal(&got, &kmc));
	ck_assert(slice_is(element(doc, "securitymIdFlags"), "4000"));
	ck_assert(slice_is(element(doc, "sclId"), "scl-1"));
}

START_TEST(parameter_set)
{
	struct peer p = peer_of(mr_identity(1));
	struct reply r;

	bed_issue(&mb, 1, 1);
	for (int clear = 0; clear < 2; clear++) {
		sec.old_documents = clear;
		r = ask(&(struct ask){ "POST", SET "?sclId=scl-1", .peer = &p });
		ck_assert_msg(r.status == 201, "%d %s", r.status, r.body);
		check_set(r.body, clear);
		reply_fini(&r);
	}
}
END_TEST

START_TEST(no_parameter_set)
{
	struct peer p = peer_of(mr_identity(1)), nobody = peer_of(NULL);
	struct session s;

	bed_issue(&mb, 1, 1);
	bed_issue(&mb, 2, 2);
	open_session(&s, 2);
	expect(401, "AUTH_FAILED", "POST", SET "?sclId=scl-2", .peer = &s.peer);
	expect(401, "AUTH_FAILED", "POST", SET "?sclId=scl-1", .peer = &nobody);
	expect(401, "AUTH_FAILED", "DELETE", SET, .peer = &p);
	expect(405, NULL, "GET", SET, .peer = &p);
	expect(405, NULL, "PUT", SET, .body = "<x/>", .peer = &p);
	expect(409, "SCLID_TAKEN", "POST", SET "?sclId=scl-2", .peer = &p);
	expect(400, "BAD_PARAM", "POST", SET "?sclId=a%2Fb", .peer = &p);
	expect(400, "BAD_PARAM", "POST", SET "?sclId=%zz", .peer = &p);
	expect(400, "XSD_INVALID", "POST", SET "?sclId=scl-1", .body = "<x/>", .peer = &p);
	p.tls_version = 0x0303;
	expect(403, "AUTH_FAILED", "POST", SET "?sclId=scl-1", .peer = &p);
	p.tls_version = 0x0304;
	revoke(MAS_REVOKE_KMR, 1, 0);
	expect(403, "AUTH_FAILED", "POST", SET "?sclId=scl-1", .peer = &p);
	expect(403, "SEC_NO_CONNECTION", "GET", BASE, LINK_1, .peer = &p);
}
END_TEST

START_TEST(ends_itself)
{
	struct session s;

	bed_issue(&mb, 1, 1);
	open_session(&s, 1);
	expect(200, "\"remaining\":86400", "GET", BASE "/connections/self", .peer = &s.peer);
	expect(405, NULL, "DELETE", BASE "/connections/self", .peer = &s.peer);
	expect(204, NULL, "DELETE", SET, .peer = &s.peer);
	expect(401, "SEC_KMC_EXPIRED", "DELETE", SET, .peer = &s.peer);
	expect(401, "SEC_KMC_EXPIRED", "GET", BASE, LINK_1, .peer = &s.peer);
}
END_TEST

/* ---- identities ---- */

START_TEST(issuers_of_an_scl)
{
	static const char *const own[] = { LINK_1, LINK_1 "/", LINK_1 "/applications/a",
		                           "HTTPS://SCL-1.EXAMPLE:443/m2m", NULL };
	static const char *const others[] = {
		LINK_2, LINK_2 "/applications/a", BASE, BASE "/applications/a",
		"http://scl.example.org:8080/m2m", "https://elsewhere.example/m2m",
		"https://scl-1.example", "https://scl-1.example/m2m2", LINK_1 "/../m2m", LINK_1 "/%2e%2e/x",
	};
	struct session one, two;

	enrol(&one, 1, LINK_1);
	enrol(&two, 2, LINK_2);
	for (size_t i = 0; i < NITEMS(own); i++)
		expect(200, NULL, "GET", BASE, own[i], .peer = &one.peer);
	for (size_t i = 0; i < NITEMS(others); i++)
		expect(403, "SEC_IDENTITY", "GET", BASE, others[i], .peer = &one.peer);
	/* Again, for what was found out is remembered. */
	expect(200, NULL, "GET", BASE, LINK_1, .peer = &one.peer);
	expect(403, "SEC_IDENTITY", "GET", BASE, LINK_2, .peer = &one.peer);
	expect(403, "SEC_IDENTITY", "GET", BASE, LINK_1, .peer = &two.peer);
}
END_TEST

/* What was allowed while nobody had it is not, once somebody has. */
START_TEST(issuer_before_registration)
{
	struct session one, two;
	char doc[1024];

	bed_issue(&mb, 1, 1);
	open_session(&one, 1);
	expect(200, NULL, "GET", BASE, LINK_2, .peer = &one.peer);
	expect(200, NULL, "GET", BASE, LINK_2, .peer = &one.peer);
	expect(403, "SEC_IDENTITY", "GET", BASE, BASE, .peer = &one.peer);
	enrol(&two, 2, LINK_2);
	expect(403, "SEC_IDENTITY", "GET", BASE, LINK_2, .peer = &one.peer);
	scl_doc(doc, "scl-1", LINK_2);
	expect(403, "SEC_IDENTITY", "POST", BASE "/scls", LINK_2, doc, .peer = &one.peer);
	scl_doc(doc, "scl-3", LINK_1);
	expect(403, "SEC_IDENTITY", "POST", BASE "/scls", LINK_1, doc, .peer = &one.peer);
}
END_TEST

START_TEST(paths_of_others)
{
	static const char *const paths[] = {
		BASE "/scls/scl-2", BASE "/SL/scl-2", "/m2m//scls//scl-2/", "/%6d2m/scls/scl%2D2",
		BASE "/scls/scl-2/containers", "http://scl.example.org:8080/m2m/scls/scl-2",
		BASE "/scls/%zz",
	};
	struct session one, two;

	enrol(&one, 1, LINK_1);
	enrol(&two, 2, LINK_2);
	for (size_t i = 0; i < NITEMS(paths); i++) {
		expect(403, "SEC_IDENTITY", "PUT", paths[i], LINK_1, "<x/>", .peer = &one.peer);
		expect(403, "SEC_IDENTITY", "DELETE", paths[i], LINK_1, .peer = &one.peer);
	}
	/* To look is a matter of access rights. */
	expect(404, NULL, "GET", BASE "/scls/scl-2", LINK_1, .peer = &one.peer);
	expect(204, NULL, "DELETE", BASE "/scls/scl-1", LINK_1, .peer = &one.peer);
}
END_TEST

static struct peer
certified(const struct slice *uris, size_t n)
{
	struct peer p = peer_of(NULL);

	p.kind = PEER_CERTIFICATE;
	p.uris = uris;
	p.n_uris = n;
	return p;
}

START_TEST(static_credentials)
{
	static const struct slice good[] = { SLICE_INIT("urn:m2m:role:scl"), SLICE_INIT("urn:m2m:scl:a") };
	static const struct slice two[] = { SLICE_INIT("urn:m2m:role:scl"), SLICE_INIT("urn:m2m:scl:a"),
		                            SLICE_INIT("urn:m2m:scl:b") };
	struct peer yes = certified(good, 2), role = certified(good, 1), name = certified(good + 1, 1),
	            both = certified(two, 3);
	char doc[1024];

	scl_doc(doc, "a", LINK_1);
	expect(403, "SEC_NO_CONNECTION", "POST", BASE "/scls", LINK_1, doc, .peer = &yes);
	sec.static_credentials = true;
	expect(403, "SEC_NO_CONNECTION", "POST", BASE "/scls", LINK_1, doc, .peer = &role);
	expect(403, "SEC_NO_CONNECTION", "POST", BASE "/scls", LINK_1, doc, .peer = &name);
	expect(403, "SEC_NO_CONNECTION", "POST", BASE "/scls", LINK_1, doc, .peer = &both);
	expect(201, NULL, "POST", BASE "/scls", LINK_1, doc, .peer = &yes);
	scl_doc(doc, "b", LINK_1);
	expect(403, "SEC_IDENTITY", "POST", BASE "/scls", LINK_1, doc, .peer = &yes);
	expect(403, "SEC_IDENTITY", "GET", BASE, LINK_2, .peer = &yes);
}
END_TEST

START_TEST(without_connection)
{
	struct peer p = peer_of(NULL), local = peer_of(NULL);
	struct session one;
	unsigned refused = 0;
	char doc[1024];

	local.loopback = true;
	local.address = SLICE_LIT("127.0.0.1");
	enrol(&one, 1, LINK_1);
	scl_doc(doc, "x", LINK_2);
	bed.listener = &listeners[CLEAR];
	expect(403, "SEC_NO_CONNECTION", "POST", BASE "/scls", LINK_2, doc, .peer = &local);
	expect(403, "SEC_NO_CONNECTION", "GET", BASE, LINK_2, .peer = &local);
	bed.listener = &listeners[MIXED];
	expect(403, "SEC_NO_CONNECTION", "POST", BASE "/SL", LINK_2, doc, .peer = &local);
	expect(403, "SEC_NO_CONNECTION", "GET", BASE, LINK_1 "/applications/a", .peer = &local);
	expect(200, NULL, "GET", BASE, "http://app.example/", .peer = &local);
	sec.open_on_loopback = true;
	expect(201, NULL, "POST", BASE "/scls", LINK_2, doc, .peer = &local);
	expect(403, "SEC_NO_CONNECTION", "POST", BASE "/scls", LINK_2, doc, .peer = &p);
	for (int i = 0; i < 40; i++) {
		struct reply r = ask(&(struct ask){ "POST", BASE "/scls", LINK_2, doc, .peer = &p });

		ck_assert(r.status == 403 || r.status == 503);
		refused += r.status == 503;
		reply_fini(&r);
	}
	ck_assert_uint_gt(refused, 10);
}
END_TEST

/* ---- ends ---- */

START_TEST(over)
{
	struct session one, two;

	enrol(&one, 1, LINK_1);
	enrol(&two, 2, LINK_2);
	revoke(MAS_REVOKE_CONNECTION, 1, one.conn.id);
	expect(403, "SEC_REVOKED", "GET", BASE, LINK_1, .peer = &one.peer);
	expect(200, NULL, "GET", BASE, LINK_2, .peer = &two.peer);
	bed_pass(&mb, 86400 * CLOCK_SECOND);
	expect(401, "SEC_KMC_EXPIRED", "GET", BASE, LINK_2, .peer = &two.peer);
	two.peer = peer_of("mc3.0000000000000001.1");
	expect(401, "SEC_KMC_EXPIRED", "GET", BASE, LINK_2, .peer = &two.peer);
}
END_TEST

/* An answer that was waited for is not for whoever has a key that was revoked meanwhile. */
START_TEST(revoked_while_it_waits)
{
	struct arena *a = arena_new(4096);
	struct req_answer out = { .http_status = 200, .body = strdup("secret"), .body_len = 6 };
	struct req_input in = { 0 };
	struct session one;

	bed_issue(&mb, 1, 1);
	open_session(&one, 1);
	in.connection_id = one.conn.id;
	ck_assert(mid_seal(mid, &in, a, &out));
	live_end(live, one.conn.id, LIVE_ENDED);
	ck_assert(mid_seal(mid, &in, a, &out));
	live_end(live, one.conn.id, LIVE_REVOKED);
	ck_assert(!mid_seal(mid, &in, a, &out));
	free(out.body);
	arena_free(a);
}
END_TEST

/* ---- trusted access ---- */

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

START_TEST(places)
{
	static const struct {
		const char *allowed, *source;
		bool ok;
	} rows[] = {
		{ "192.0.2.0/24", "192.0.2.255", true },
		{ "192.0.2.0/24", "192.0.3.0", false },
		{ "192.0.2.1", "192.0.2.1", true },
		{ "192.0.2.1", "192.0.2.2", false },
		{ "10.0.0.0/8,192.0.2.128/25", "192.0.2.200", true },
		{ "10.0.0.0/8,192.0.2.128/25", "192.0.2.100", false },
		{ "0.0.0.0/0", "203.0.113.9", true },
		{ "0.0.0.0/0", "2001:db8::1", false },
		{ "2001:db8::/33", "2001:db8:7fff::1", true },
		{ "2001:db8::/33", "2001:db8:8000::1", false },
		{ "fe80::/10", "fe80::1%eth0", true },
		{ "192.0.2.0/24", "::ffff:192.0.2.9", true },
		{ "192.0.2.0/33", "192.0.2.1", false },
		{ "192.0.2.0/", "192.0.2.0", false },
		{ "x", "192.0.2.1", false },
		{ "", "192.0.2.1", false },
		{ "192.0.2.0/24", "", false },
	};
	struct session s;

	bed_issue(&mb, 1, 1);
	bed.listener = &listeners[TRUSTED];
	for (size_t i = 0; i < NITEMS(rows); i++) {
		struct peer p = peer_of(NULL);

		open_session(&s, 1);
		live_end(live, s.conn.id, LIVE_ENDED);
		s.conn.id += 1;
		s.conn.flags = MAS_ACCESS_NETWORK;
		snprintf(s.conn.allowed_sources, sizeof(s.conn.allowed_sources), "%s",
		         rows[i].allowed);
		ck_assert_int_eq(live_put(live, &s.conn), RC_OK);
		p.address = slice_of(rows[i].source);
		p.loopback = true; /* so that the rate does not count */
		expect(rows[i].ok ? 200 : 403, rows[i].ok ? NULL : "SEC_CHANNEL_REQUIRED", "GET", BASE,
		       LINK_1, .peer = &p, .connection = tagged(&s, "GET", BASE, 1));
	}
}
END_TEST

START_TEST(tags)
{
	struct peer p = peer_of(NULL);
	struct session s;

	p.loopback = true;
	bed_issue(&mb, 1, 1);
	set(1, MAS_ACCESS_NETWORK, "192.0.2.0/24");
	open_session(&s, 1);
	bed.listener = &listeners[CLEAR];
	expect(403, "SEC_CHANNEL_REQUIRED", "GET", BASE, LINK_1, .peer = &p,
	       .connection = tagged(&s, "GET", BASE, 1));
	bed.listener = &listeners[TRUSTED];
	expect(200, NULL, "GET", BASE, LINK_1, .peer = &p, .connection = tagged(&s, "GET", BASE, 5));
	expect(403, "AUTH_FAILED", "GET", BASE, LINK_1, .peer = &p,
	       .connection = tagged(&s, "GET", BASE, 5));
	expect(403, "AUTH_FAILED", "GET", BASE, LINK_1, .peer = &p,
	       .connection = tagged(&s, "GET", BASE, 4));
	expect(403, "AUTH_FAILED", "GET", BASE "/scls", LINK_1, .peer = &p,
	       .connection = tagged(&s, "GET", BASE, 6));
	expect(403, "AUTH_FAILED", "DELETE", BASE, LINK_1, .peer = &p,
	       .connection = tagged(&s, "GET", BASE, 6));
	expect(403, "SEC_IDENTITY", "GET", BASE, BASE "/applications/a", .peer = &p,
	       .connection = tagged(&s, "GET", BASE, 6));
	expect(403, "AUTH_FAILED", "GET", BASE, LINK_1, .peer = &p, .connection = "");
	expect(200, NULL, "GET", BASE, LINK_1, .peer = &p, .connection = tagged(&s, "GET", BASE, 6));
	live_end(live, s.conn.id, LIVE_REVOKED);
	expect(403, "SEC_REVOKED", "GET", BASE, LINK_1, .peer = &p,
	       .connection = tagged(&s, "GET", BASE, 7));
	bed_issue(&mb, 2, 2);
	set(2, MAS_CHANNEL, "192.0.2.0/24");
	open_session(&s, 2);
	expect(403, "SEC_CHANNEL_REQUIRED", "GET", BASE, LINK_2, .peer = &p,
	       .connection = tagged(&s, "GET", BASE, 1));
}
END_TEST

/* ---- objects ---- */

static void
sealed(const struct session *s, enum obj_dir dir, uint64_t seq, const char *method,
       const char *target, const char *body, struct buf *out)
{
	const struct jose_header h = { .connection = s->conn.id, .kmc_index = s->conn.kmc_index,
		                       .direction = dir, .cty = SLICE_LIT("application/xml"),
		                       .seq = seq, .method = slice_of(method),
		                       .target = slice_of(target) };
	struct key k;

	ck_assert_int_eq(obj_key(&s->conn.kmc, dir, s->conn.id, s->conn.kmc_index, &k), RC_OK);
	buf_init(out, 1u << 16);
	ck_assert_int_eq(jose_seal(&h, &k, slice_of(body), out), RC_OK);
	buf_char(out, '\0');
	out->n--;
}

static bool
any(void *arg, uint64_t seq)
{
	ck_assert_uint_eq(seq, *(const uint64_t *)arg);
	return true;
}

static void
check_answer(const struct session *s, const char *text, uint64_t answers, unsigned status,
             uint64_t seq)
{
	struct jose_expect want = { .connection = s->conn.id, .kmc_index = s->conn.kmc_index,
		                    .direction = OBJ_N2D, .method = JOSE_RSP, .answers = answers,
		                    .status = status, .take = any, .arg = &seq };
	struct arena *a = arena_new(1u << 20);
	struct jose j;
	struct buf body;
	struct key k;

	buf_init(&body, 1u << 16);
	ck_assert_int_eq(obj_key(&s->conn.kmc, OBJ_N2D, s->conn.id, s->conn.kmc_index, &k), RC_OK);
	ck_assert_int_eq(jose_parse(slice_of(text), a, &j), RC_OK);
	ck_assert_int_eq(jose_open(&j, &k, &want, &body), RC_OK);
	buf_fini(&body);
	arena_free(a);
}

START_TEST(objects)
{
	struct session s;
	struct buf object;
	struct reply r;
	char doc[1024];

	bed_issue(&mb, 1, 1);
	set(1, MAS_CHANNEL | MAS_OBJECT | MAS_OBJECT_JWE, NULL);
	open_session(&s, 1);
	scl_doc(doc, "scl-1", LINK_1);
	expect(403, "SEC_OBJECT_REQUIRED", "POST", BASE "/scls", LINK_1, doc, .peer = &s.peer);
	expect(403, "SEC_OBJECT_REQUIRED", "GET", BASE, LINK_1, .peer = &s.peer);
	sealed(&s, OBJ_D2N, 7, "POST", BASE "/scls", doc, &object);
	r = ask(&(struct ask){ "POST", BASE "/scls", LINK_1, object.p, "application/JOSE ; a=b",
	                       .peer = &s.peer });
	ck_assert_int_eq(r.status, 201);
	check_answer(&s, r.body, 7, 201, 1);
	reply_fini(&r);
	expect(403, "AUTH_FAILED", "POST", BASE "/scls", LINK_1, object.p, JOSE_MEDIA_TYPE,
	       .peer = &s.peer);
	expect(403, "AUTH_FAILED", "POST", BASE "/applications", LINK_1, object.p, JOSE_MEDIA_TYPE,
	       .peer = &s.peer);
	buf_fini(&object);
	sealed(&s, OBJ_N2D, 8, "POST", BASE "/scls", doc, &object);
	expect(403, "AUTH_FAILED", "POST", BASE "/scls", LINK_1, object.p, JOSE_MEDIA_TYPE,
	       .peer = &s.peer);
	expect(400, "OBJ_INVALID", "POST", BASE "/scls", LINK_1, "a.b.c.d", JOSE_MEDIA_TYPE,
	       .peer = &s.peer);
	buf_fini(&object);
	sealed(&s, OBJ_D2N, 9, "GET", BASE "/nothing", "", &object);
	r = ask(&(struct ask){ "GET", BASE "/nothing", LINK_1, object.p, JOSE_MEDIA_TYPE,
	                       .peer = &s.peer });
	ck_assert_int_eq(r.status, 404);
	check_answer(&s, r.body, 9, 404, 2);
	reply_fini(&r);
	buf_fini(&object);
}
END_TEST

/* Without a connection there is no key for one. */
START_TEST(object_of_nobody)
{
	struct peer local = peer_of(NULL);

	local.loopback = true;
	sec.open_on_loopback = true;
	bed.listener = &listeners[CLEAR];
	expect(403, "AUTH_FAILED", "POST", BASE "/scls", LINK_1, "a..b.c.d", JOSE_MEDIA_TYPE,
	       .peer = &local);
}
END_TEST

/* ---- integrity reports ---- */

#define REPORT                                                                                     \
	"<m2m:integrityValResults " NS "><ivalResults>1</ivalResults><signedIvalResult>2"          \
	"</signedIvalResult><secureTimeStamp>2023-11-14T22:13:20Z</secureTimeStamp>"               \
	"</m2m:integrityValResults>"

START_TEST(reports)
{
	struct session one;
	struct key k;

	enrol(&one, 1, LINK_1);
	expect(400, "XSD_INVALID", "PUT", BASE "/scls/scl-1/integrityValResults", LINK_1,
	       "<m2m:integrityValResults " NS "/>", .peer = &one.peer);
	ck_assert(live_kmc(live, one.conn.id, 0, &k));
	/* Its MAC is wrong. */
	expect(403, "IVAL_FAILED", "PUT", BASE "/scls/scl-1/integrityValResults", LINK_1, REPORT,
	       .peer = &one.peer);
	ck_assert(!live_kmc(live, one.conn.id, 0, &k));
	expect(401, "SEC_KMC_EXPIRED", "GET", BASE, LINK_1, .peer = &one.peer);
}
END_TEST

/* ---- at a node ---- */

START_TEST(at_a_node)
{
	struct mas_connection c = { .id = 5, .kmc_index = 1, .flags = MAS_CHANNEL,
		                    .expires = BED_START + BED_HOUR, .scl_id = "scl-1" };
	struct peer nscl = peer_of("mn3.0000000000000005.1"), other = peer_of("mc3.0000000000000005.1"),
	            root = peer_of(mr_identity(1));
	struct psk_id id = { .kind = PSK_MC, .tls = PSK_TLS_1_3, .connection = 5, .index = 1 };
	struct reply r;
	struct key k;

	ck_assert_int_eq(live_put(live, &c), RC_OK);
	ck_assert(!mid_psk(mid, &id, &k));
	id.kind = PSK_MN;
	ck_assert(mid_psk(mid, &id, &k));
	expect(200, NULL, "GET", BASE, "https://anybody.example/x", .peer = &nscl);
	r = ask(&(struct ask){ "GET", "http://elsewhere.example/m2m", "https://anybody.example/x",
	                       .peer = &nscl });
	ck_assert_int_eq(r.status, 404);
	ck_assert_msg(strstr(r.body, "known SCL") == NULL, "it was looked for: %s", r.body);
	reply_fini(&r);
	expect(403, "SEC_NO_CONNECTION", "GET", BASE, "https://anybody.example/x", .peer = &other);
	expect(403, "SEC_NO_CONNECTION", "GET", BASE, "https://anybody.example/x", .peer = &root);
	live_end(live, 5, LIVE_ENDED);
	expect(401, "SEC_KMC_EXPIRED", "GET", BASE, "https://anybody.example/x", .peer = &nscl);
}
END_TEST

static TCase *
tcase(const char *name, void (*begins)(void))
{
	TCase *c = tcase_create(name);

	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, begins, teardown);
	return c;
}

int
main(void)
{
	Suite *s = suite_create("sec_mid");
	TCase *c = tcase("network", setup);
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(c, handshakes);
	tcase_add_test(c, tls_1_3_alone);
	tcase_add_test(c, parameter_set);
	tcase_add_test(c, no_parameter_set);
	tcase_add_test(c, ends_itself);
	tcase_add_test(c, issuers_of_an_scl);
	tcase_add_test(c, issuer_before_registration);
	tcase_add_test(c, paths_of_others);
	tcase_add_test(c, static_credentials);
	tcase_add_test(c, without_connection);
	tcase_add_test(c, over);
	tcase_add_test(c, revoked_while_it_waits);
	tcase_add_test(c, places);
	tcase_add_test(c, tags);
	tcase_add_test(c, objects);
	tcase_add_test(c, object_of_nobody);
	tcase_add_test(c, reports);
	suite_add_tcase(s, c);
	c = tcase("node", setup_node);
	tcase_add_test(c, at_a_node);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
