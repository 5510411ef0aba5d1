/* SPDX-License-Identifier: Apache-2.0 */
/* Who calls the MAS from outside, what is asked, and how it ends. */
#include "config.h"

#include "mas/mas_rest_impl.h"

#include <stdlib.h>

#include "mas/mas_impl.h"
#include "mas/mas_path.h"

#define MEDIA_JSON "application/json"

/* ---- the end of a call ---- */

static void
finish(struct rest_call *c, enum rc rc)
{
	struct req *rq = c->rq;

	json_wipe(&c->out);
	secret_wipe(&c->args, sizeof(c->args));
	secret_wipe(&c->u, sizeof(c->u));
	endpoint_finish(rq, rc);
}

static void
refuse(struct rest_call *c, enum rc rc, struct slice reason)
{
	finish(c, endpoint_refuse(c->rq, rc, reason));
}

void
rest_answer(struct rest_call *c, enum rc rc)
{
	if (c->out.failed)
		refuse(c, RC_UNAVAILABLE, SLICE_LIT("OVERLOAD"));
	else
		finish(c, endpoint_answer(c->rq, rc, MEDIA_JSON, buf_view(&c->out)));
}

void
rest_answer_octets(struct rest_call *c, const char *media_type, struct slice body)
{
	finish(c, endpoint_answer(c->rq, RC_OK, media_type, body));
}

/* What the caller has to know beside the code stands behind the token: mas_remote.c reads it. */
static struct slice
reason_of(struct rest_call *c, const struct mas_outcome *o)
{
	return arena_printf(c->arena, "%s;reject=%u;permanent=%d;retry=%u", o->reason, o->reject,
	                    o->permanent, o->retry_after);
}

void
rest_outcome(struct rest_call *c, const struct mas_outcome *o, enum rc rc)
{
	if (o->rc == RC_OK)
		rest_answer(c, rc);
	else
		refuse(c, o->rc, reason_of(c, o));
}

/* ---- who calls ---- */

static unsigned
roles_of(const struct peer *peer)
{
	static const struct {
		const char *uri;
		enum rest_role role;
	} roles[] = { { "urn:m2m:role:nscl", ROLE_NSCL_URI },
		      { "urn:m2m:role:msbf", ROLE_MSBF_URI },
		      { "urn:m2m:role:admin", ROLE_ADMIN_URI },
		      { "urn:m2m:role:gw", ROLE_GW_URI } };
	unsigned found = 0;

	for (size_t i = 0; i < peer->n_uris; i++)
		for (size_t k = 0; k < sizeof(roles) / sizeof(roles[0]); k++)
			if (slice_is(peer->uris[i], roles[k].uri))
				found |= roles[k].role;
	return found;
}

/* What it owns goes by this name: one that is cut could be the name of another. */
static bool
name_nscl(struct rest_call *c, const struct peer *peer)
{
	struct slice name = peer->n_dns_names > 0 ? peer->dns_names[0] : peer->subject;

	if (name.n > 0 && memchr(name.p, '\0', name.n) == NULL &&
	    string_set(c->nscl, MAS_NSCL_MAX, name))
		return true;
	LOG_WARN(c->rest->conf.log, "client-unnamed", LOG_S("subject", peer->subject),
	         LOG_S("source", peer->address));
	return false;
}

/* ---- which operation ---- */

static enum rc
find(struct rest_call *c)
{
	struct slice path = endpoint_rest(c->rq);
	enum rc rc = RC_NOT_FOUND;

	for (const struct rest_op *op = rest_ops; op->path != NULL; op++) {
		if (!mas_path_is(op->path, path, &c->id))
			continue;
		rc = RC_NOT_ALLOWED;
		if (op->method == c->in->op && !c->in->head) {
			c->op = op;
			return RC_OK;
		}
	}
	return rc;
}

static bool
read_arguments(struct rest_call *c)
{
	struct slice query = endpoint_query(c->rq);

	/* A message is no JSON: its fields are those of the query. */
	if (c->op->method != REQ_RETRIEVE && c->op->begin != rest_gaka_begin)
		return query.n == 0 &&
		       json_read(c->in->body, c->op->fields, c->op->n_fields, &c->args);
	return mas_query_read(c->arena, query, c->op->fields, c->op->n_fields, &c->args);
}

/* Errors are JSON then: who asks for octets need not say that of them. */
static bool
takes_octets(const struct req_input *in)
{
	static const char octets[] = "application/octet-stream";

	return in->accept.n > 0 && memmem(in->accept.p, in->accept.n, octets, strlen(octets)) != NULL;
}

static void
begin(struct req *rq)
{
	struct rest_call *c = endpoint_state(rq);

	c->op->begin(c);
}

static enum rc
serve(void *arg, struct req *rq, const struct req_input *in)
{
	struct arena *arena = req_arena(rq);
	struct rest_call *c = ARENA_NEW(arena, struct rest_call);
	bool json;
	enum rc rc = takes_octets(in) ? RC_OK : endpoint_accept(rq, true, &json);

	if (rc != RC_OK)
		return rc;
	if (c == NULL)
		return endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_LIT("OVERLOAD"));
	if (in->peer == NULL || in->peer->kind != PEER_CERTIFICATE)
		return endpoint_refuse(rq, RC_DENIED, SLICE_LIT("AUTH_FAILED"));
	*c = (struct rest_call){ .rest = arg, .rq = rq, .in = in, .arena = arena };
	rc = find(c);
	if (rc == RC_NOT_ALLOWED)
		return endpoint_not_allowed(rq, "GET, POST, PUT");
	if (rc == RC_OK && (roles_of(in->peer) & c->op->roles) == 0)
		return endpoint_refuse(rq, RC_FORBIDDEN, SLICE_LIT("AUTH_FAILED"));
	if (rc != RC_OK)
		return endpoint_refuse(rq, rc, SLICE_NONE);
	c->gateway = (roles_of(in->peer) & ROLE_NSCL_URI) == 0;
	if ((c->op->roles & ~(unsigned)(ROLE_NSCL_URI | ROLE_GW_URI)) == 0 &&
	    !name_nscl(c, in->peer))
		return endpoint_refuse(rq, RC_FORBIDDEN, SLICE_LIT("AUTH_FAILED"));
	buf_init(&c->out, REST_ANSWER_MAX);
	c->out.secret = true;
	if (read_arguments(c) && c->op->check(c))
		return endpoint_pend(rq, begin, c);
	secret_wipe(&c->args, sizeof(c->args));
	secret_wipe(&c->u, sizeof(c->u));
	return endpoint_refuse(rq, RC_BAD_REQUEST, SLICE_LIT("BAD_PARAM"));
}

/* ---- life ---- */

enum rc
mas_rest_open(const struct mas_rest_conf *conf, struct mas_rest **out)
{
	struct mas_rest *r = calloc(1, sizeof(*r));
	enum rc rc;

	if (r == NULL)
		return RC_UNAVAILABLE;
	r->conf = *conf;
	rc = rest_feed_start(r);
	if (rc == RC_OK)
		*out = r;
	else
		free(r);
	return rc;
}

enum rc
mas_rest_attach(struct mas_rest *r, struct scl *scl)
{
	r->endpoint = (struct endpoint){ .path = MAS_REST_PATH, .serve = SERVE_MAS,
		                         .body_max = REST_BODY_MAX, .serve_request = serve,
		                         .arg = r };
	return endpoint_add(scl, &r->endpoint);
}

void
mas_rest_stop(struct mas_rest *r)
{
	rest_feed_stop(r);
}

void
mas_rest_close(struct mas_rest *r)
{
	if (r == NULL)
		return;
	rest_feed_stop(r);
	pthread_mutex_destroy(&r->feed.lock);
	pthread_cond_destroy(&r->feed.wake);
	mas_group_news_free(r->feed.news);
	free(r);
}
