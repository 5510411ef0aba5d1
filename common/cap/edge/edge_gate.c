/* SPDX-License-Identifier: Apache-2.0 */
/* What the guard asks of the gateway. */
#include "config.h"

#include "base/uri.h"
#include "cap/edge/edge_impl.h"
#include "core/identity.h"
#include "core/port.h"
#include "core/scl.h"

#define APP_URI SLICE_LIT("urn:m2m:app:")
#define MEDIA_JOSE SLICE_LIT("application/jose")

struct slice
edge_certificate_app(const struct peer *peer)
{
	struct slice app_id = SLICE_NONE;
	unsigned named = 0;

	for (size_t i = 0; peer != NULL && peer->kind == PEER_CERTIFICATE && i < peer->n_uris; i++)
		if (slice_starts(peer->uris[i], APP_URI)) {
			app_id = slice_from(peer->uris[i], APP_URI.n);
			named++;
		}
	return named == 1 && app_id.n > 0 && app_id.n <= EDGE_APP_MAX ? app_id : SLICE_NONE;
}

/* ---- refusals ---- */

/* After these nothing on the connection can be taken. */
static bool
ends_connection(enum edge_reason why)
{
	static const bool ends[EDGE_REASONS] = { [EDGE_WHY_CERTIFICATE] = true,
		                                 [EDGE_WHY_GRANT] = true,
		                                 [EDGE_WHY_KEY] = true,
		                                 [EDGE_WHY_STATE] = true,
		                                 [EDGE_WHY_EXPIRED] = true };

	return ends[why];
}

static void
note(struct edge *e, enum edge_reason why, struct slice app_id, const struct req_input *in)
{
	edge_log_refused(
		&e->log,
		&(struct edge_refusal){ .why = why,
	                                .app_id = app_id,
	                                .source = in->peer == NULL ? SLICE_NONE : in->peer->address,
	                                .what = in->target });
}

/* Who asks learns no more than it needs to go on. */
static enum rc
answer(enum edge_reason why, struct slice *reason)
{
	if (why == EDGE_WHY_RATE) {
		*reason = SLICE_LIT("OVERLOAD");
		return RC_UNAVAILABLE;
	}
	if (why == EDGE_WHY_BODY) {
		*reason = SLICE_LIT("TOO_LARGE");
		return RC_TOO_LARGE;
	}
	*reason = SLICE_LIT(EDGE_REFUSED);
	return RC_FORBIDDEN;
}

static enum rc
refuse(struct edge *e, enum edge_reason why, struct slice app_id, const struct req_input *in,
       struct slice *reason)
{
	note(e, why, app_id, in);
	return answer(why, reason);
}

/* ---- a request on the edge ---- */

struct asking {
	struct edge *e;
	struct slice app_id;
	const struct req_input *in;
	struct arena *arena;
	const struct node *doc;
	struct slice url;
	bool by_connection; /* the key is to be one of the grant's */
	enum edge_reason why;
	unsigned wait; /* of EDGE_WHY_RATE, seconds */
};

static bool
knows_key(const struct edge_grant *g, const struct peer *peer)
{
	for (unsigned i = 0; i < g->n_keys; i++)
		if (memcmp(g->keys[i], peer->fingerprint, PEER_FINGERPRINT) == 0)
			return true;
	return false;
}

static bool
is_jose(struct slice type)
{
	struct slice essence = SLICE_NONE;

	slice_split(&type, ';', &essence);
	while (essence.n > 0 && essence.p[essence.n - 1] == ' ')
		essence.n--;
	return essence.n == MEDIA_JOSE.n && strncasecmp(essence.p, MEDIA_JOSE.p, essence.n) == 0;
}

/* Its length has to be known: what comes in pieces could become any. */
static bool
body_fits(const struct edge *e, const struct req_input *in)
{
	return in->has_length && in->content_length <= e->conf->body_max &&
	       !is_jose(in->content_type);
}

static void
look_admit(void *arg, const struct edge_grant *g, struct edge_rate *rate)
{
	struct asking *a = arg;

	a->why = knows_key(g, a->in->peer) ? edge_check_state(a->e, g) : EDGE_WHY_KEY;
	if (a->why != EDGE_PASS)
		return;
	a->wait = edge_table_take(a->e->table, g, rate, clock_monotonic());
	if (a->wait != 0)
		a->why = EDGE_WHY_RATE;
	else if (!body_fits(a->e, a->in))
		a->why = EDGE_WHY_BODY;
	else
		a->why = edge_check_request(a->e, g, a->app_id, a->in, a->arena);
}

/* What speaks of hops, sessions and keys inside has no meaning from here. */
static void
strip(struct req_input *in)
{
	in->nonce = in->connection = in->device_proof = in->ival_signature = SLICE_NONE;
	in->sga = in->pre_source = in->pre_store = SLICE_NONE;
	in->group_request_id = in->via = in->last_event_id = SLICE_NONE;
	in->scl_id = in->app_id = SLICE_NONE;
	in->connection_id = 0;
	in->priority = in->indicator = SLICE_NONE;
	in->has_msg_id = false;
}

static bool
is_urn_of(struct slice uri, struct slice app_id)
{
	return slice_starts(uri, APP_URI) && slice_eq(slice_from(uri, APP_URI.n), app_id);
}

/* Nobody speaks for another; who says nothing speaks for itself. */
static bool
set_issuer(const struct edge *e, struct req_input *in, struct slice app_id, struct arena *arena,
           bool *memory)
{
	struct slice claim;
	enum rc rc = identity_claimed(in, arena, &claim);

	*memory = true;
	if (rc == RC_OK && !is_urn_of(claim, app_id) &&
	    !identity_is_application(e->scl, arena, claim, app_id))
		return false;
	if (rc != RC_OK && rc != RC_NO_ORIGINATOR)
		return false;
	in->authorization = SLICE_NONE;
	in->from = identity_of_application(e->scl, arena, app_id);
	in->app_id = arena_copy(arena, app_id);
	*memory = in->from.p != NULL && in->app_id.p != NULL;
	return true;
}

static enum rc
admit(void *arg, const struct req_listener *listener, struct req_input *in, struct arena *arena,
      struct req_answer *out, struct slice *reason)
{
	struct edge *e = arg;
	struct asking a = { .e = e, .in = in, .arena = arena, .why = EDGE_WHY_GRANT };
	bool memory = true;

	(void)listener;
	edge_log_request(&e->log);
	strip(in);
	in->body_max = e->conf->body_max;
	a.app_id = edge_certificate_app(in->peer);
	if (a.app_id.p == NULL)
		a.why = EDGE_WHY_CERTIFICATE;
	else
		(void)edge_table_look(e->table, a.app_id, look_admit, &a);
	if (a.why == EDGE_PASS && !set_issuer(e, in, a.app_id, arena, &memory))
		a.why = EDGE_WHY_IDENTITY;
	if (a.why == EDGE_PASS)
		return memory ? RC_OK : RC_UNAVAILABLE;
	out->close = ends_connection(a.why);
	out->retry_after = a.wait;
	return refuse(e, a.why, a.app_id, in, reason);
}

/* ---- the other listeners ---- */

static void
look_inner(void *arg, const struct edge_grant *g, struct edge_rate *rate)
{
	struct asking *a = arg;

	(void)rate;
	a->why = edge_check_state(a->e, g);
	if (a->why == EDGE_PASS && !g->inner)
		a->why = EDGE_WHY_INNER;
	if (a->why == EDGE_PASS && !knows_key(g, a->in->peer))
		a->why = EDGE_WHY_KEY;
}

static bool
inner(void *arg, struct slice app_id, const struct req_input *in)
{
	struct asking a = { .e = arg, .in = in, .why = EDGE_PASS };

	(void)edge_table_look(a.e->table, app_id, look_inner, &a);
	if (a.why != EDGE_PASS)
		note(a.e, a.why, app_id, in);
	return a.why == EDGE_PASS;
}

/* ---- what the SCL does for it ---- */

static void
look_behalf(void *arg, const struct edge_grant *g, struct edge_rate *rate)
{
	struct asking *a = arg;

	(void)rate;
	a->why = edge_check_state(a->e, g);
	if (a->why == EDGE_PASS)
		a->why = edge_check_request(a->e, g, a->app_id, a->in, a->arena);
}

static enum rc
behalf(void *arg, struct slice app_id, const struct req_input *in, struct arena *arena,
       struct slice *reason)
{
	struct asking a = {
		.e = arg, .app_id = app_id, .in = in, .arena = arena, .why = EDGE_PASS
	};

	(void)edge_table_look(a.e->table, app_id, look_behalf, &a);
	return a.why == EDGE_PASS ? RC_OK : refuse(a.e, a.why, app_id, in, reason);
}

static void
look_write(void *arg, const struct edge_grant *g, struct edge_rate *rate)
{
	struct asking *a = arg;

	(void)rate;
	a->why = edge_check_document(a->e, g, a->app_id, a->in, a->doc);
}

static enum rc
write_document(void *arg, struct slice app_id, const struct req_input *in, const struct node *doc,
               struct slice *reason)
{
	struct asking a = { .e = arg, .app_id = app_id, .in = in, .doc = doc, .why = EDGE_PASS };

	(void)edge_table_look(a.e->table, app_id, look_write, &a);
	return a.why == EDGE_PASS ? RC_OK : refuse(a.e, a.why, app_id, in, reason);
}

/* ---- what is sent to where it has said ---- */

/* One of the addresses that the name of a contact has at this moment. */
static bool
address_ok(void *arg, const struct sockaddr *to)
{
	struct edge *e = arg;
	char text[REACH_TEXT];
	bool ok = reach_ok(&e->reach, to, text);

	if (!ok)
		edge_log_refused(&e->log, &(struct edge_refusal){ .why = EDGE_WHY_ADDRESS,
		                                                  .what = slice_of(text) });
	return ok;
}

static void
look_contact(void *arg, const struct edge_grant *g, struct edge_rate *rate)
{
	struct asking *a = arg;

	(void)rate;
	a->why = edge_check_state(a->e, g);
	if (a->why == EDGE_PASS)
		a->why = edge_check_contact(a->e, g, a->url);
}

static enum rc
contact(void *arg, struct slice app_id, struct slice url, struct exchange *ex)
{
	struct edge *e = arg;
	struct asking a = { .e = e, .url = url, .why = EDGE_PASS };

	if (!edge_table_look(e->table, app_id, look_contact, &a))
		return RC_OK;
	if (a.why != EDGE_PASS) {
		edge_log_refused(&e->log, &(struct edge_refusal){
						  .why = a.why, .app_id = app_id, .what = url });
		return RC_FORBIDDEN;
	}
	if (ex == NULL)
		return RC_OK;
	ex->credential = e->credential;
	ex->address_ok = address_ok;
	ex->address_arg = e;
	return RC_OK;
}

/* ---- rights ---- */

static void
look_trigger(void *arg, const struct edge_grant *g, struct edge_rate *rate)
{
	struct asking *a = arg;

	(void)rate;
	a->why = edge_check_state(a->e, g);
	if (a->why == EDGE_PASS && !edge_texts_have(&g->trigger, a->url))
		a->why = EDGE_WHY_OPERATION;
}

static bool
trigger(void *arg, struct slice app_id, struct slice scl_id)
{
	struct asking a = { .e = arg, .url = scl_id };

	return edge_table_look(a.e->table, app_id, look_trigger, &a) && a.why == EDGE_PASS;
}

static void
look_kma(void *arg, const struct edge_grant *g, struct edge_rate *rate)
{
	struct asking *a = arg;

	(void)rate;
	a->why = edge_check_state(a->e, g);
	if (a->why == EDGE_PASS && !edge_texts_have(&g->kma, a->url))
		a->why = EDGE_WHY_OPERATION;
}

static bool
kma(void *arg, struct slice app_id, struct slice scl_id)
{
	struct asking a = { .e = arg, .url = scl_id };

	return edge_table_look(a.e->table, app_id, look_kma, &a) && a.why == EDGE_PASS;
}

static void
look_nothing(void *arg, const struct edge_grant *g, struct edge_rate *rate)
{
	(void)arg;
	(void)g;
	(void)rate;
}

static bool
concerns(void *arg, struct slice app_id)
{
	const struct edge *e = arg;

	return edge_table_look(e->table, app_id, look_nothing, NULL);
}

void
edge_gate_fill(struct edge *e)
{
	e->gate = (struct edge_gate){ .arg = e,
		                      .admit = admit,
		                      .inner = inner,
		                      .behalf = behalf,
		                      .write = write_document,
		                      .contact = contact,
		                      .trigger = trigger,
		                      .kma = kma,
		                      .concerns = concerns };
}
