/* SPDX-License-Identifier: Apache-2.0 */
/* Messages into a store: as a body of units, or one as CoAP carries it. */
#include "config.h"

#include <strings.h>

#include "cap/pxy/px_coap.h"
#include "cap/pxy/px_rest_own.h"

#define MEDIA_UNITS "application/octet-stream"
#define IDENTITY "identity"

/* ---- the end ---- */

static void
appended(struct px_op *op)
{
	const struct px_append *a = (const struct px_append *)op;
	struct px_call *c = op->owner;

	if (op->rc != RC_OK) {
		px_call_fail(c, op->rc, NULL);
		return;
	}
	px_count_stored(c->px, a);
	if (c->op->path == NULL) {
		char text[PX_ID_TEXT];

		px_id_text(a->store, text);
		px_call_location(c, "stores/%s", text);
		px_call_done(c, RC_CREATED);
		return;
	}
	buf_char(&c->out, '{');
	json_put_number(&c->out, "first", (int64_t)a->first);
	json_put_number(&c->out, "last", (int64_t)(a->first + a->stored - 1));
	json_put_number(&c->out, "stored", (int64_t)a->stored);
	json_put_number(&c->out, "duplicates", (int64_t)a->duplicates);
	buf_char(&c->out, '}');
	px_call_answer(c, RC_CREATED);
}

/* ---- on the way ---- */

static void
append(struct px_call *c)
{
	px_messages_append(c->px->book, &c->u.append);
}

static void
verify(struct pool_job *job)
{
	struct px_call *c = (struct px_call *)((char *)job - offsetof(struct px_call, job));
	enum rc rc = job->ending ? RC_UNAVAILABLE
	                         : px_units_verify(&c->units, c->sign, PX_REST_VERIFIED, &c->at);

	if (rc != RC_OK)
		px_call_fail(c, rc, NULL);
	else if (c->at < c->units.n)
		px_call_to_pool(c, verify);
	else
		append(c);
}

static void
begin(struct req *rq)
{
	struct px_call *c = px_call_of(rq);

	if (c->verify)
		px_call_to_pool(c, verify);
	else
		append(c);
}

/* c->id is the store, in s. */
static enum rc
take_units(struct px_call *c, const struct px_store *s, struct slice body)
{
	enum rc rc = px_units_read(body, c->px->conf->store.message_max, c->arena, &c->units);

	/* Of another source: that its signatures are not those of this one says nothing. */
	if (rc == RC_OK && s->has_source &&
	    memcmp(s->source.name, c->units.source.name, PX_SOURCE_BYTES) != 0)
		rc = RC_FORBIDDEN;
	if (rc != RC_OK)
		return px_call_refuse(c, rc, SLICE_NONE);
	c->verify = c->units.n_management > 0 && s->has_source && s->source.sign != NULL;
	if (c->verify)
		memcpy(c->sign, s->source.sign, PX_SIGN_BYTES);
	c->source = c->units.source;
	c->u.append = (struct px_append){
		.op = { .done = appended, .owner = c },
		.store = s->id,
		.source = &c->source,
		.units = c->units.v,
		.n = c->units.n,
	};
	return px_call_pend(c, begin);
}

static bool
is_named(struct slice token, const char *name)
{
	return token.n == strlen(name) && strncasecmp(token.p, name, token.n) == 0;
}

/* As it is, and nothing that stands for it. */
static bool
is_units(const struct req_input *in)
{
	struct slice type = in->content_type, name;

	return slice_split(&type, ';', &name) && is_named(name, MEDIA_UNITS) &&
	       (in->content_encoding.n == 0 || is_named(in->content_encoding, IDENTITY));
}

enum rc
px_rest_messages(struct px_call *c)
{
	if (!is_units(c->in))
		return px_call_refuse(c, RC_MEDIA_TYPE, SLICE_NONE);
	return take_units(c, &c->store, c->in->body);
}

/* ---- CoAP ---- */

struct search {
	struct slice who;
	struct px_store found;
	unsigned n;
};

static bool
look(void *arg, const struct px_store *s)
{
	struct search *of = arg;

	if (!px_store_allows(s, of->who))
		return true;
	of->found = *s;
	return ++of->n < 2;
}

/* The only one that this identity may use with that source. */
static enum rc
find_by_source(struct px_call *c, const struct pre_unit *u, struct px_store *out)
{
	struct search of = { .who = c->who.name };
	enum rc rc = px_store_of_source(c->view, u->hdr.source, look, &of);

	*out = of.found;
	return rc == RC_OK && of.n != 1 ? RC_BAD_REQUEST : rc;
}

static enum rc
find_store(struct px_call *c, const struct pre_unit *u, struct px_store *out)
{
	uint64_t id = 0;
	enum rc rc;

	if (c->in->pre_store.p == NULL)
		return find_by_source(c, u, out);
	if (c->in->pre_store.n != sizeof(id))
		return RC_BAD_REQUEST;
	for (size_t i = 0; i < sizeof(id); i++)
		id = id << 8 | (unsigned char)c->in->pre_store.p[i];
	rc = px_store_get(c->view, id, out);
	return rc == RC_OK && !px_store_allows(out, c->who.name) ? RC_FORBIDDEN : rc;
}

static enum rc
read_unit(struct px_call *c, struct slice *whole, struct pre_unit *u)
{
	const struct pre_limits limits = { .unit = c->px->conf->store.message_max };
	struct buf b;
	enum rc rc;

	buf_init(&b, limits.unit);
	rc = px_coap_read(c->in, endpoint_listener(c->rq)->secure,
	                  slice_of(c->px->conf->namespace_host), &limits, c->arena, &b);
	*whole = rc == RC_OK ? arena_copy(c->arena, buf_view(&b)) : SLICE_NONE;
	buf_fini(&b);
	if (rc != RC_OK)
		return rc == RC_NO_SPACE ? RC_TOO_LARGE : rc;
	return whole->p == NULL ? RC_UNAVAILABLE : pre_unit_parse(*whole, &limits, u);
}

enum rc
px_rest_coap(struct px_call *c)
{
	struct px_store store;
	struct pre_unit u;
	struct slice whole;
	enum rc rc = read_unit(c, &whole, &u);

	if (rc == RC_OK)
		rc = find_store(c, &u, &store);
	return rc == RC_OK ? take_units(c, &store, whole) : px_call_refuse(c, rc, SLICE_NONE);
}
