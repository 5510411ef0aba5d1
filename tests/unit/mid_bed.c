/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "mid_bed.h"

#include <stdio.h>

#include "cap/sec/conn_endpoint.h"
#include "sec/jose.h"

static const struct listener_policy trusted = { .trusted_access = true }, plain = { 0 };

const struct req_listener listeners[] = {
	[PSK] = { .serve = SERVE_MID, .policy = &plain, .secure = true },
	[CLEAR] = { .serve = SERVE_MID, .policy = &plain },
	[TRUSTED] = { .serve = SERVE_MID, .policy = &trusted },
	[MIXED] = { .serve = SERVE_MIA | SERVE_MID, .policy = &plain },
	[DIA] = { .serve = SERVE_DIA, .policy = &plain, .secure = true },
};

struct core_bed bed;
struct scl_peer mid_peers[2] = {
	{ .uri = LINK_PEER "/", .public_domain = "peer.example", .scl_id = "scl-1" },
	{ .uri = LINK_NOBODY },
};
struct mas_bed mb;
struct sec_conf sec;
struct live *live;
struct mid *mid;
struct psk_front *psk;
struct overload *overload;
struct mas_counters *load_counters;
struct psk_sources agreements;
static struct issuers *issuers;
static struct priority *priority;
static struct sec_guard *guard;
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

struct peer
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
configure(struct scl_conf *conf)
{
	conf->peers = mid_peers;
	conf->n_peers = 2;
	conf->public_domain = "own.peer.example";
	conf->group_parallel = 4;
	conf->group_member_timeout_ms = 5000;
	conf->group_timeout_ms = 10000;
}

static void
begin_load(struct mid_conf *conf)
{
	static const char *const names[] = {
#define LOAD_COUNTER(name, text) text,
#include "cap/sec/load_counters.def"
#undef LOAD_COUNTER
	};
	const struct overload_conf on = { .enabled = true, .queue = { 50, 70, 90 }, .hold = 1 };

	load_counters = mas_counters_new(names, LOAD_COUNTERS);
	overload = overload_new(&on, NULL, load_counters);
	priority = priority_new(&(struct priority_conf){ .mas = &mb.mas,
	                                                 .clock = &mb.clock.clock,
	                                                 .counters = load_counters });
	ck_assert(overload != NULL && priority != NULL);
	conf->overload = overload;
	conf->priority = priority;
}

static void
begin(enum mid_side side)
{
	struct live_conf live_conf = { .clock = &mb.clock.clock, .max = 64, .remember = BED_HOUR };
	struct mid_conf conf = { .side = side, .sec = &sec, .reject = sign };
	const struct issuers_conf issuers_conf = { .sec = &sec, .sources = &agreements };
	char why[SEC_WHY_MAX];

	bed_make(&mb, 0);
	bed_open(&mb);
	watcher.revoked = revoked;
	mb.mas.ops->watch(mb.mas.self, &watcher);
	live = live_new(&live_conf);
	conf.live = live;
	conf.mas = side == MID_NETWORK ? &mb.mas : NULL;
	if (side == MID_NETWORK)
		begin_load(&conf);
	ck_assert_int_eq(mid_new(&conf, &mid), RC_OK);
	ck_assert_int_eq(psk_front_new(&(struct psk_front_conf){ .mid = mid }, &psk), RC_OK);
	if (side == MID_NETWORK)
		ck_assert_int_eq(issuers_new(&issuers_conf, &issuers, why), RC_OK);
	guard = sec_guard_new(&(struct sec_guard_conf){
		.mid = mid, .live = live, .mas = conf.mas, .issuers = issuers });
	core_init_alone(&bed);
	configure(&bed.conf);
	bed.guard = sec_guard_of(guard);
	bed.attach = attach;
	core_start(&bed);
	bed.listener = &listeners[PSK];
}

void
mid_setup(void)
{
	sec = (struct sec_conf){ .base = "m2m", .clock = &mb.clock.clock };
	begin(MID_NETWORK);
}

void
mid_setup_node(void)
{
	sec = (struct sec_conf){ .base = "m2m", .clock = &mb.clock.clock };
	begin(MID_NODE);
}

void
mid_teardown(void)
{
	core_fini(&bed);
	conn_endpoints_free(endpoints);
	sec_guard_free(guard);
	issuers_free(issuers);
	psk_front_free(psk);
	mid_free(mid);
	overload_free(overload);
	priority_free(priority);
	mas_counters_free(load_counters);
	mb.mas.ops->unwatch(mb.mas.self, &watcher);
	bed_free(&mb);
	live_free(live);
}

/* ---- requests ---- */

struct reply
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
	if (q->priority != NULL)
		in->priority = slice_of(q->priority);
	if (q->indicator != NULL)
		in->indicator = slice_of(q->indicator);
	core_go(&c);
	return core_end(&c);
}

void
expect_at(const struct ask *q, int status, const char *reason, int line)
{
	struct reply r = ask(q);
	bool told = reason == NULL || strstr(r.body, reason) != NULL;

	ck_assert_msg(r.status == status && told, "line %d: %s %s from %s: %d %s, not %d %s", line,
	              q->method, q->target, q->from == NULL ? "-" : q->from, r.status, r.body, status,
	              reason == NULL ? "" : reason);
	reply_fini(&r);
}

void
set(uint8_t node, unsigned flags, const char *sources)
{
	struct mas_change c = { .kind = MAS_SET, .node = bed_node(node), .flags = flags,
		                .allowed_sources = sources, .actor = "test" };

	ck_assert_int_eq(bed_change(&mb, &c), RC_OK);
}

void
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

void
scl_doc(char out[1024], const char *id, const char *link)
{
	snprintf(out, 1024,
	         "<m2m:scl " NS " sclId=\"%s\"><m2m:link>%s</m2m:link>"
	         "<m2m:mgmtProtocolType>OMA_DM</m2m:mgmtProtocolType>"
	         "<m2m:sclType>GSCL</m2m:sclType></m2m:scl>",
	         id, link);
}

void
enrol(struct session *s, uint8_t node, const char *link)
{
	char doc[1024], id[16];

	bed_issue(&mb, node, node);
	open_session(s, node);
	snprintf(id, sizeof(id), "scl-%u", node);
	scl_doc(doc, id, link);
	expect(201, NULL, "POST", BASE "/scls", link, doc, .peer = &s->peer);
}

void
revoke(enum mas_change_kind kind, uint8_t node, uint64_t connection)
{
	struct mas_change c = { .kind = kind, .node = bed_node(node), .connection = connection,
		                .actor = "test" };

	ck_assert_int_eq(bed_change(&mb, &c), RC_OK);
}

const char *
mr_identity(uint8_t node)
{
	static char text[PSK_ID_TEXT];
	struct psk_id id = { .kind = PSK_MR, .tls = PSK_TLS_1_3, .node = bed_node(node), .index = 1 };

	ck_assert_uint_gt(psk_id_format(&id, text), 0);
	return text;
}
