/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sec/conn_endpoint.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/times.h"
#include "core/endpoint.h"
#include "mas/ival_doc.h"
#include "mas/param_set.h"
#include "sec/jose.h"

#define BODY_MAX 16384u
#define PATH_MAX_OCTETS 256
#define OVERLAP (60 * CLOCK_SECOND)

struct conn_endpoints {
	struct conn_conf conf;
	_Atomic int64_t overlap;
	struct endpoint set, self;
	char set_path[PATH_MAX_OCTETS], self_path[PATH_MAX_OCTETS];
};

/* A connection that is being made; in secret memory, for it holds keys. */
struct making {
	struct mas_connect call; /* first */
	const struct conn_endpoints *e;
	struct req *rq;
	const struct codec *codec;
	struct ival_report ival;
	bool clear; /* the key is sent as it is (v1.1) */
	struct mas_end end; /* when it was made, but the node does not get it */
	enum rc refused; /* the answer after end */
};

/* ---- POST connectionParamSet ---- */

/* Whose session A it is. */
static bool
session_a(const struct conn_endpoints *e, const struct req_listener *listener, struct req *rq,
          struct psk_id *id)
{
	struct mid_peer peer;
	struct slice reason;

	if (mid_identify(e->conf.mid, listener, req_input(rq), req_arena(rq), &peer, req_answer(rq),
	                 &reason) != RC_OK ||
	    peer.proof != MID_SESSION_A)
		return false;
	*id = peer.psk;
	return true;
}

static enum rc
write_set(const struct making *m, struct buf *out)
{
	const struct mas_connection *conn = &m->call.connection;
	const struct param_set set = {
		.kind = PARAM_CONNECTION,
		.lifetime = conn->expires,
		.clear = m->clear ? &conn->kmc : NULL,
		.wrapped = m->clear ? NULL : m->call.wrapped,
		.scl_id = conn->scl_id,
		.connection_id = conn->id,
		.kmc_index = conn->kmc_index,
		.flags = conn->flags & UINT16_MAX,
	};

	return param_set_write(&set, m->codec, out);
}

/*
 * It was in the list of the connections that stand, which a MAS of another process may send before
 * the answer about this one.
 */
static bool
is_listed(struct live *live, const struct mas_connection *conn)
{
	struct mas_connection listed;

	return live_find(live, conn->id, conn->kmc_index, &listed) == LIVE_OK &&
	       node_id_eq(&listed.node, &conn->node);
}

/* From here on session B is possible. */
static enum rc
take_up(const struct making *m)
{
	const struct mas_connection *conn = &m->call.connection;
	const struct conn_conf *conf = &m->e->conf;
	int64_t overlap = atomic_load(&m->e->overlap);
	enum rc rc = live_put(conf->live, conn);

	if (rc != RC_OK && !(rc == RC_CONFLICT && is_listed(conf->live, conn)))
		return RC_UNAVAILABLE;
	live_allow_objects(conf->live, conn->id, 1, JOSE_SEQ_MAX);
	live_overtake(conf->live, conn,
	              clock_now(conf->sec->clock) + (overlap > 0 ? overlap : OVERLAP));
	return RC_OK;
}

static enum rc
answer_set(const struct making *m)
{
	struct buf doc;
	enum rc rc;

	buf_init(&doc, PARAM_SET_MAX);
	rc = write_set(m, &doc);
	if (rc == RC_OK)
		rc = take_up(m);
	if (rc == RC_OK)
		rc = endpoint_answer(m->rq, RC_CREATED, m->codec->media_type, buf_view(&doc));
	if (rc == RC_CREATED)
		req_answer(m->rq)->location = slice_of(m->e->set_path);
	secret_wipe(doc.p, doc.n);
	buf_fini(&doc);
	return rc;
}

static enum rc
answer_refusal(const struct making *m)
{
	const struct mas_outcome *o = &m->call.outcome;
	struct req_answer *out = req_answer(m->rq);

	unsigned cause = o->reject == 0 && o->rc == RC_UNAVAILABLE ? REJECT_OVERLOAD : o->reject;

	out->retry_after = o->retry_after;
	if (cause != 0)
		mid_reject(m->e->conf.mid, req_input(m->rq), &m->call.node, cause, o->permanent,
		           req_arena(m->rq), out);
	return endpoint_refuse(m->rq, o->rc, arena_copy(req_arena(m->rq), slice_of(o->reason)));
}

static void
finish(struct making *m, enum rc rc)
{
	struct req *rq = m->rq;

	secret_free(m, sizeof(*m));
	endpoint_finish(rq, rc);
}

/* Whatever the MAS says: what it has not ended will expire. */
static void
taken_back(struct mas_end *c)
{
	struct making *m = c->owner;

	finish(m, m->refused);
}

/* The connection stands at the MAS, but nobody has its key: every try would leave one more. */
static void
take_back(struct making *m)
{
	const struct mas *mas = m->e->conf.mas;

	live_end(m->e->conf.live, m->call.connection.id, LIVE_ENDED);
	m->end = (struct mas_end){ .connection_id = m->call.connection.id, .why = "NOT_SERVED",
		                   .done = taken_back, .owner = m };
	mas->ops->end(mas->self, &m->end);
}

static void
connected(struct mas_connect *c)
{
	struct making *m = (struct making *)(void *)c;
	enum rc rc = c->outcome.rc == RC_OK ? answer_set(m) : answer_refusal(m);

	if (rc != RC_CREATED && c->outcome.rc == RC_OK)
		rc = endpoint_refuse(m->rq, RC_UNAVAILABLE, SLICE_LIT("OVERLOAD"));
	m->refused = rc;
	if (rc != RC_CREATED && c->connection.id != 0)
		take_back(m);
	else
		finish(m, rc);
}

static void
connect(struct req *rq)
{
	struct making *m = endpoint_state(rq);
	const struct mas *mas = m->e->conf.mas;

	mas->ops->connect(mas->self, &m->call);
}

/* The nonce may be in the query as well. */
static enum rc
read_parameters(struct req *rq, struct slice *scl_id)
{
	struct req_input *in = req_input(rq);
	uint8_t octets[REJECT_NONCE_SIZE];
	struct slice nonce;
	enum rc rc = endpoint_parameter(rq, "sclId", scl_id);

	if (rc == RC_OK)
		rc = endpoint_parameter(rq, "nonce", &nonce);
	if (rc != RC_OK)
		return rc;
	if (nonce.p != NULL && in->nonce.p == NULL)
		in->nonce = nonce;
	return (scl_id->p != NULL && !scl_id_ok(*scl_id)) ||
	                       (in->nonce.p != NULL && !reject_nonce_parse(in->nonce, octets))
	           ? endpoint_refuse(rq, RC_BAD_REQUEST, SLICE_LIT("BAD_PARAM"))
	           : RC_OK;
}

static enum rc
read_report(struct making *m, const struct req_input *in)
{
	enum rc rc;

	if (in->body.n == 0)
		return RC_OK;
	rc = ival_doc_read(req_arena(m->rq), in->content_type, in->body, &m->ival);
	if (rc == RC_OK)
		m->call.ival = &m->ival;
	return rc == RC_OK ? rc
	                   : endpoint_refuse(m->rq, rc, rc == RC_BAD_REQUEST ? SLICE_LIT("XSD_INVALID")
	                                                                     : SLICE_NONE);
}

/* Without an exporter there is nothing that ties Kmc to this session. */
static enum rc
read_exporter(struct making *m, const struct peer *peer)
{
	enum rc rc = peer->exporter == NULL
	                 ? RC_DENIED
	                 : peer->exporter(peer, M2M_EXPORTER_CONNECTION, m->call.exporter.v, KEY_BYTES);

	if (rc == RC_OK)
		return rc;
	req_answer(m->rq)->close = true;
	return rc == RC_DENIED ? endpoint_refuse(m->rq, RC_FORBIDDEN, SLICE_LIT("AUTH_FAILED"))
	                       : endpoint_refuse(m->rq, RC_INTERNAL, SLICE_NONE);
}

static void
fill_call(struct making *m, const struct psk_id *id, const struct req_input *in)
{
	struct mas_connect *c = &m->call;

	c->node = id->node;
	c->kmr_index = id->index;
	c->variant = MAS_C1_TLS_PSK;
	c->tls_version = in->peer->tls_version;
	c->device_proof = in->device_proof;
	c->source = in->peer->address;
	c->done = connected;
}

/* How a request of Release 1 shows (TS 102 921 annex C). */
static bool
is_release_1(const struct req_input *in)
{
	return in->from.p == NULL && in->authorization.p != NULL;
}

/* Who sends JSON gets it, too, when it takes both. */
static bool
sends_json(const struct req_input *in)
{
	size_t n = strlen(codec_json.media_type);

	return in->body.n > 0 && in->content_type.n >= n &&
	       strncasecmp(in->content_type.p, codec_json.media_type, n) == 0;
}

/* Whoever is on session A has proved which node it is: its claim counts. */
static enum rc
put_off(const struct conn_endpoints *e, struct req *rq, const struct psk_id *id,
        const struct req_input *in)
{
	struct mid_load load = { .kind = OVERLOAD_REGISTRATION,
		                 .of = { .node = &id->node, .kmr_index = id->index, .session = true } };
	const struct mas *mas = e->conf.mas;
	struct slice reason = SLICE_NONE;
	struct mas_standing s;
	enum rc rc;

	if (mas->ops->indicator(mas->self, &id->node, id->index, &s)) {
		load.of.low = s.low;
		load.active = s.active;
		secret_wipe(&s, sizeof(s));
	}
	rc = mid_put_off(e->conf.mid, in, &load, req_arena(rq), req_answer(rq), &reason);
	return rc == RC_OK ? RC_OK : endpoint_refuse(rq, rc, reason);
}

static enum rc
prepare(struct making *m, const struct psk_id *id, const struct req_input *in)
{
	bool json;
	enum rc rc = endpoint_accept(m->rq, sends_json(in), &json);

	if (rc == RC_OK)
		rc = read_parameters(m->rq, &m->call.scl_id);
	if (rc == RC_OK)
		rc = put_off(m->e, m->rq, id, in);
	if (rc == RC_OK)
		rc = read_report(m, in);
	if (rc == RC_OK)
		rc = read_exporter(m, in->peer);
	if (rc != RC_OK)
		return rc;
	m->codec = json ? &codec_json : &codec_xml;
	m->clear = m->e->conf.sec->old_documents || is_release_1(in);
	fill_call(m, id, in);
	return RC_OK;
}

static enum rc
post_set(const struct conn_endpoints *e, struct req *rq, const struct psk_id *id,
         const struct req_input *in)
{
	struct making *m = secret_alloc(sizeof(*m));
	enum rc rc;

	if (m == NULL)
		return endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_LIT("OVERLOAD"));
	m->e = e;
	m->rq = rq;
	rc = prepare(m, id, in);
	if (rc == RC_OK)
		return endpoint_pend(rq, connect, m);
	secret_free(m, sizeof(*m));
	return rc;
}

/* ---- on session B ---- */

/* RC_OK and the connection that the request came on; else it is refused. */
static enum rc
session_b(const struct conn_endpoints *e, const struct req_listener *listener, struct req *rq,
          struct mas_connection *conn)
{
	struct slice reason = SLICE_NONE;
	struct mid_peer peer;
	struct req_input *in = req_input(rq);
	enum rc rc = mid_identify(e->conf.mid, listener, in, req_arena(rq), &peer, req_answer(rq),
	                          &reason);

	*conn = peer.conn;
	if (rc == RC_OK && (peer.proof != MID_SCL || peer.conn.id == 0))
		return endpoint_refuse(rq, RC_DENIED, SLICE_LIT("AUTH_FAILED"));
	if (rc == RC_OK)
		rc = mid_put_off_peer(e->conf.mid, listener, in, &peer, req_arena(rq), req_answer(rq),
		                      &reason);
	if (rc == RC_OK && !listener->secure) {
		in->connection_id = peer.conn.id;
		rc = mid_open(e->conf.mid, listener, in, req_arena(rq), req_answer(rq), &reason);
	}
	return rc == RC_OK ? rc : endpoint_refuse(rq, rc, reason);
}

struct ending {
	struct mas_end call; /* first */
	const struct conn_endpoints *e;
	struct req *rq;
};

static void
ended(struct mas_end *c)
{
	struct ending *x = (struct ending *)(void *)c;
	struct req *rq = x->rq;
	enum rc rc = c->outcome.rc;

	/* The MAS may have forgotten it already. */
	if (rc == RC_OK || rc == RC_NOT_FOUND) {
		live_end(x->e->conf.live, c->connection_id, LIVE_ENDED);
		req_answer(rq)->close = true;
		rc = endpoint_answer(rq, RC_NO_CONTENT, "", SLICE_LIT(""));
	} else {
		req_answer(rq)->retry_after = c->outcome.retry_after;
		rc = endpoint_refuse(rq, rc, SLICE_LIT("OVERLOAD"));
	}
	free(x);
	endpoint_finish(rq, rc);
}

static void
end(struct req *rq)
{
	struct ending *x = endpoint_state(rq);
	const struct mas *mas = x->e->conf.mas;

	mas->ops->end(mas->self, &x->call);
}

static enum rc
delete_set(const struct conn_endpoints *e, struct req *rq, const struct mas_connection *conn)
{
	struct ending *x = calloc(1, sizeof(*x));

	if (x == NULL)
		return endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_LIT("OVERLOAD"));
	x->call.connection_id = conn->id;
	x->call.why = "NODE";
	x->call.done = ended;
	x->e = e;
	x->rq = rq;
	return endpoint_pend(rq, end, x);
}

static enum rc
serve_set(void *arg, struct req *rq, const struct req_input *in)
{
	const struct conn_endpoints *e = arg;
	const struct req_listener *listener = endpoint_listener(rq);
	struct mas_connection conn;
	struct psk_id id;
	enum rc rc;

	if (in->op == REQ_DELETE) {
		rc = session_b(e, listener, rq, &conn);
		return rc == RC_OK ? delete_set(e, rq, &conn) : rc;
	}
	if (in->op != REQ_CREATE)
		return endpoint_not_allowed(rq, "POST, DELETE");
	if (!session_a(e, listener, rq, &id))
		return endpoint_refuse(rq, RC_DENIED, SLICE_LIT("AUTH_FAILED"));
	return post_set(e, rq, &id, in);
}

static enum rc
describe(const struct conn_endpoints *e, struct req *rq, const struct mas_connection *conn)
{
	int64_t left = (conn->expires - clock_now(e->conf.sec->clock)) / CLOCK_SECOND;
	char id[CONN_ID_HEX], until[TIMES_TEXT_MAX], last[TIMES_TEXT_MAX] = "";
	struct live_use use = { 0 };
	struct slice doc;

	(void)live_used(e->conf.live, conn->id, &use);
	conn_id_hex(conn->id, id);
	until[times_format(conn->expires, TIMES_SECOND, until)] = '\0';
	if (use.last != 0)
		last[times_format(use.last, TIMES_SECOND, last)] = '\0';
	doc = arena_printf(req_arena(rq),
	                   "{\"connectionId\":\"%s\",\"kmcIndex\":%" PRIu32 ",\"sclId\":\"%s\","
	                   "\"mIdFlags\":\"%04x\",\"expires\":\"%s\",\"remaining\":%" PRId64 ","
	                   "\"requests\":%" PRIu64 ",\"octets\":%" PRIu64 ",\"last\":\"%s\"}",
	                   id, conn->kmc_index, conn->scl_id, conn->flags & UINT16_MAX, until, left,
	                   use.requests, use.octets, last);
	return endpoint_answer(rq, RC_OK, codec_json.media_type, doc);
}

static enum rc
serve_self(void *arg, struct req *rq, const struct req_input *in)
{
	const struct conn_endpoints *e = arg;
	struct mas_connection conn;
	bool json;
	enum rc rc;

	if (in->op != REQ_RETRIEVE)
		return endpoint_not_allowed(rq, "GET, HEAD");
	rc = endpoint_accept(rq, true, &json);
	if (rc == RC_OK && !json)
		rc = endpoint_refuse(rq, RC_NOT_ACCEPTABLE, SLICE_NONE);
	if (rc == RC_OK)
		rc = session_b(e, endpoint_listener(rq), rq, &conn);
	return rc == RC_OK ? describe(e, rq, &conn) : rc;
}

/* ---- life ---- */

enum rc
conn_endpoints_add(const struct conn_conf *conf, struct scl *scl, struct conn_endpoints **out)
{
	struct conn_endpoints *e = calloc(1, sizeof(*e));
	enum rc rc;

	*out = NULL;
	if (e == NULL)
		return RC_UNAVAILABLE;
	e->conf = *conf;
	conn_endpoints_set_overlap(e, conf->sec->network.limits.kmc_overlap);
	snprintf(e->set_path, sizeof(e->set_path), "/%.200s/connectionParamSet", conf->sec->base);
	snprintf(e->self_path, sizeof(e->self_path), "/%.200s/connections/self", conf->sec->base);
	e->set = (struct endpoint){ .path = e->set_path, .serve = SERVE_MID, .body_max = BODY_MAX,
		                    .serve_request = serve_set, .arg = e };
	e->self = (struct endpoint){ .path = e->self_path, .serve = SERVE_MID, .body_max = BODY_MAX,
		                     .serve_request = serve_self, .arg = e };
	*out = e;
	rc = endpoint_add(scl, &e->set);
	return rc == RC_OK ? endpoint_add(scl, &e->self) : rc;
}

void
conn_endpoints_set_overlap(struct conn_endpoints *e, int64_t overlap)
{
	atomic_store(&e->overlap, overlap);
}

void
conn_endpoints_free(struct conn_endpoints *e)
{
	free(e);
}
