/* SPDX-License-Identifier: Apache-2.0 */
/* Stores: made, looked at, kept longer, deleted, released. */
#include "config.h"

#include "cap/pxy/px_rest_own.h"
#include "pre/hdr.h"

/* ---- POST stores ---- */

static void
put_id(struct buf *b, const char *name, uint64_t id)
{
	char text[PX_ID_TEXT];

	px_id_text(id, text);
	json_put_text(b, name, slice_of(text));
}

static void
put_udp(struct px_call *c, const struct px_store_new *n)
{
	const char *address = c->px->conf->udp.address;

	json_put_open(&c->out, "udp", '{');
	if (address != NULL)
		json_put_text(&c->out, "host", slice_of(address));
	json_put_number(&c->out, "port", c->px->conf->udp.port);
	put_id(&c->out, "id", n->id);
	json_put_hex(&c->out, "key", n->udp_key, PX_UDP_KEY_BYTES);
	json_put_text(&c->out, "next", SLICE_LIT("1"));
	buf_char(&c->out, '}');
}

static void
log_made(struct px_call *c, const struct px_store_new *n)
{
	char text[PX_ID_TEXT];

	px_id_text(n->id, text);
	LOG_INFO(c->px->log, "proxy-store-made", LOG_Z("store", text), LOG_S("owner", n->owner),
	         LOG_N("reserve", n->reserve));
}

static void
made(struct px_op *op)
{
	struct px_store_new *n = (struct px_store_new *)op;
	struct px_call *c = op->owner;
	char text[PX_ID_TEXT];

	if (op->rc != RC_OK) {
		px_call_fail(c, op->rc, "this identity has too many stores");
		return;
	}
	if (!n->again)
		log_made(c, n);
	px_id_text(n->id, text);
	px_call_location(c, "stores/%s", text);
	buf_char(&c->out, '{');
	json_put_text(&c->out, "id", slice_of(text));
	json_put_time(&c->out, "expires", n->expires);
	if (n->transport == PX_UDP)
		put_udp(c, n);
	buf_char(&c->out, '}');
	px_call_answer(c, RC_CREATED);
}

static void
make(struct req *rq)
{
	struct px_call *c = px_call_of(rq);

	px_store_make(c->px->book, &c->u.make);
}

static enum rc
fill_source(struct px_call *c, const struct px_json_store *j)
{
	c->source.url = j->source;
	memcpy(c->sign, j->sign, PX_SIGN_BYTES);
	c->source.sign = j->has_sign ? c->sign : NULL;
	return pre_source_name(j->source, c->source.name);
}

static enum rc
fill_store(struct px_call *c, const struct px_json_store *j)
{
	struct px_store_new *n = &c->u.make;
	struct slice *named = ARENA_ARRAY(c->arena, struct slice, PX_NAMED_MAX);

	*n = (struct px_store_new){
		.op = { .done = made, .owner = c },
		.owner = c->who.name,
		.named = named,
		.n_named = j->n_allow,
		.reserve = j->reserve,
		.ttl = j->ttl,
		.mode = j->mode,
		.class = j->class,
		.transport = j->transport,
		.consume = j->release,
		.source = j->source.n > 0 ? &c->source : NULL,
		.request = j->request.given ? &c->request : NULL,
	};
	if (named == NULL)
		return RC_UNAVAILABLE;
	memcpy(named, j->allow, sizeof(j->allow));
	return j->source.n > 0 ? fill_source(c, j) : RC_OK;
}

enum rc
px_rest_store_create(struct px_call *c)
{
	struct px_json_store j;
	const char *why = NULL;
	enum rc rc = px_json_store(c->in->body, c->px->conf->store.ttl_max, &j, &why);

	if (rc != RC_OK)
		return px_call_refuse(c, rc, slice_of(why));
	if (j.class == PX_RIGID)
		return px_call_refuse(c, RC_FORBIDDEN, SLICE_LIT("rigid traffic is never parked"));
	if (j.transport == PX_UDP && c->px->udp == NULL)
		return px_call_refuse(c, RC_BAD_REQUEST, SLICE_LIT("no datagrams are taken here"));
	if (j.transport == PX_UDP && (rc = px_call_needs_safety(c)) != RC_OK)
		return rc;
	rc = px_call_request(c, &j.request, "store");
	if (rc != RC_OK)
		return rc;
	rc = fill_store(c, &j);
	return rc == RC_OK ? px_call_pend(c, make) : px_call_fail(c, rc, NULL);
}

/* ---- GET stores/{s} ---- */

static bool
put_mark(void *arg, const struct px_mark *m)
{
	struct buf *b = arg;

	json_put_open(b, NULL, '{');
	json_put_number(b, "stream", m->section.stream);
	json_put_number(b, "epoch", m->section.epoch);
	json_put_number(b, "keyIndex", m->section.key_index);
	if (m->kind == PX_DATA)
		json_put_number(b, "seq", m->seq);
	json_put_flag(b, "ended", m->kind == PX_END);
	buf_char(b, '}');
	return true;
}

static void
put_source(struct buf *b, const struct px_store *s)
{
	if (!s->has_source)
		return;
	json_put_open(b, "source", '{');
	json_put_text(b, "url", s->source.url);
	if (s->source.sign != NULL)
		json_put_hex(b, "sign", s->source.sign, PX_SIGN_BYTES);
	buf_char(b, '}');
}

static void
put_terms(struct buf *b, const struct px_store *s)
{
	put_id(b, "id", s->id);
	json_put_text(b, "owner", s->owner);
	json_put_open(b, "allow", '[');
	for (size_t i = 0; i < s->n_named; i++)
		json_put_text(b, NULL, s->named[i]);
	buf_char(b, ']');
	json_put_number(b, "reserve", (int64_t)s->reserve);
	json_put_number(b, "ttl", s->ttl / CLOCK_SECOND);
	json_put_time(b, "expires", s->expires);
	json_put_text(b, "mode", slice_of(s->mode == PX_STREAM ? "stream" : "individual"));
	json_put_text(b, "class", SLICE_LIT("adaptive"));
	json_put_text(b, "transport", slice_of(s->transport == PX_UDP ? "udp" : "rest"));
	json_put_flag(b, "release", s->consume);
}

enum rc
px_rest_store_get(struct px_call *c)
{
	const struct px_store *s = &c->store;
	struct buf *b = &c->out;
	enum rc rc;

	buf_char(b, '{');
	put_terms(b, s);
	put_source(b, s);
	json_put_number(b, "messages", (int64_t)(s->last + 1 - s->first));
	json_put_number(b, "octets", (int64_t)s->octets);
	json_put_number(b, "oldest", (int64_t)s->first);
	json_put_number(b, "newest", (int64_t)s->last);
	json_put_number(b, "stored", (int64_t)s->last);
	json_put_number(b, "duplicates", (int64_t)s->duplicates);
	json_put_number(b, "released", (int64_t)(s->released & INT64_MAX));
	json_put_open(b, "marks", '[');
	rc = px_mark_list(c->view, c->id, put_mark, b);
	buf_char(b, ']');
	if (s->transport == PX_UDP)
		json_put_number(b, "next", (int64_t)(s->udp_upto + 1));
	buf_char(b, '}');
	return rc == RC_OK ? px_call_answer(c, RC_OK) : px_call_fail(c, rc, NULL);
}

/* ---- changes ---- */

static void
change(struct req *rq)
{
	struct px_call *c = px_call_of(rq);

	px_store_change(c->px->book, &c->u.change);
}

static enum rc
change_store(struct px_call *c, const struct px_store_change *what, void (*done)(struct px_op *op))
{
	c->u.change = *what;
	c->u.change.op.done = done;
	c->u.change.op.owner = c;
	c->u.change.store = c->id;
	return px_call_pend(c, change);
}

static void
renewed(struct px_op *op)
{
	const struct px_store_change *n = (const struct px_store_change *)op;
	struct px_call *c = op->owner;

	if (op->rc != RC_OK) {
		px_call_fail(c, op->rc, NULL);
		return;
	}
	buf_char(&c->out, '{');
	json_put_time(&c->out, "expires", n->expires);
	buf_char(&c->out, '}');
	px_call_answer(c, RC_OK);
}

enum rc
px_rest_store_renew(struct px_call *c)
{
	struct px_store_change n = { .what = PX_STORE_RENEW };
	const char *why = NULL;
	enum rc rc = px_json_ttl(c->in->body, c->px->conf->store.ttl_max, &n.ttl, &why);

	return rc == RC_OK ? change_store(c, &n, renewed) : px_call_refuse(c, rc, slice_of(why));
}

enum rc
px_rest_store_delete(struct px_call *c)
{
	return change_store(c, &(struct px_store_change){ .what = PX_STORE_DELETE }, px_call_ended);
}

enum rc
px_rest_store_release(struct px_call *c)
{
	struct px_store_change n = { .what = PX_STORE_RELEASE };
	const char *why = NULL;
	enum rc rc = px_json_upto(c->in->body, &n.up_to, &why);

	return rc == RC_OK ? change_store(c, &n, px_call_ended)
	                   : px_call_refuse(c, rc, slice_of(why));
}
