/* SPDX-License-Identifier: Apache-2.0 */
/* Which operation is asked for, and who asks. */
#include "config.h"

#include "cap/sgs/sgs_rest.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/uri.h"
#include "cap/sgs/sgs_rest_own.h"
#include "core/peer.h"

#define BODY_MAX (96u << 10) /* a message of SGA_MESSAGE_MAX in base64url, and what is around */
#define WAITING_MAX 1024u /* jobs of the pool; more private-key work has to be tried later */

#define REGISTRATION "registration"
#define NEGOTIATION "negotiation"
#define SESSION "session"

static const struct sgs_rest_op ops[] = {
	{ REQ_RETRIEVE, "package", SGS_ANYBODY, 0, "package", NULL, sgs_rest_package },

	{ REQ_CREATE, "devices", SGS_ANYBODY, SGA_R1, REGISTRATION, sgs_rest_register, NULL },
	{ REQ_RETRIEVE, "devices", SGS_MANAGER, 0, NULL, NULL, sgs_rest_devices },
	{ REQ_RETRIEVE, "devices/*", SGS_DEVICE, 0, REGISTRATION, NULL, sgs_rest_registration },
	{ REQ_DELETE, "devices/*", SGS_MANAGER, 0, NULL, NULL, sgs_rest_device_delete },
	{ REQ_UPDATE, "devices/*/contact", SGS_DEVICE, 0, NULL, NULL, sgs_rest_contact_put },
	{ REQ_DELETE, "devices/*/contact", SGS_DEVICE, 0, NULL, NULL, sgs_rest_contact_delete },
	{ REQ_RETRIEVE, "devices/*/mailbox", SGS_DEVICE, 0, NULL, NULL, sgs_rest_mailbox },
	{ REQ_DELETE, "devices/*/mailbox/*", SGS_DEVICE, 0, NULL, NULL, sgs_rest_item_delete },

	{ REQ_CREATE, "negotiations", SGS_ANYBODY, SGA_A1, NEGOTIATION, sgs_rest_invite, NULL },
	{ REQ_RETRIEVE, "negotiations/*", SGS_EITHER, 0, NULL, NULL, sgs_rest_session_get },
	{ REQ_CREATE, "negotiations/*/acceptance", SGS_ANYBODY, SGA_A3, NEGOTIATION,
	  sgs_rest_accept, NULL },
	{ REQ_CREATE, "sessions", SGS_ANYBODY, SGA_B1, SESSION, sgs_rest_request, NULL },
	{ REQ_RETRIEVE, "sessions", SGS_MANAGER, 0, NULL, NULL, sgs_rest_sessions },
	{ REQ_RETRIEVE, "sessions/*", SGS_EITHER, 0, NULL, NULL, sgs_rest_session_get },
	{ REQ_DELETE, "sessions/*", SGS_EITHER, 0, NULL, NULL, sgs_rest_session_delete },
	{ REQ_CREATE, "sessions/*/response", SGS_ANYBODY, SGA_B3, SESSION, sgs_rest_respond, NULL },
	{ REQ_CREATE, "sessions/*/messages", SGS_DEVICE, SGA_RECORD, "record", NULL,
	  sgs_rest_record },

	{ REQ_CREATE, "groups", SGS_DEVICE, 0, NULL, NULL, sgs_rest_group_create },
	{ REQ_RETRIEVE, "groups", SGS_MANAGER, 0, NULL, NULL, sgs_rest_groups },
	{ REQ_RETRIEVE, "groups/*", SGS_EITHER, 0, NULL, NULL, sgs_rest_group_get },
	{ REQ_UPDATE, "groups/*", SGS_DEVICE, 0, NULL, NULL, sgs_rest_group_change },
	{ REQ_DELETE, "groups/*", SGS_EITHER, 0, NULL, NULL, sgs_rest_group_delete },
	{ REQ_DELETE, "groups/*/members/*", SGS_DEVICE, 0, NULL, NULL, sgs_rest_member_delete },
	{ REQ_CREATE, "groups/*/messages", SGS_DEVICE, SGA_GROUP_RECORD, "record", NULL,
	  sgs_rest_group_record },

	{ REQ_CREATE, "tokens", SGS_MANAGER, 0, NULL, NULL, sgs_rest_token },
	{ REQ_RETRIEVE, "stats", SGS_MANAGER, 0, NULL, NULL, sgs_rest_stats },
	{ REQ_RETRIEVE, "lockouts", SGS_MANAGER, 0, NULL, NULL, sgs_rest_lockouts },
	{ REQ_DELETE, "lockouts/*", SGS_MANAGER, 0, NULL, NULL, sgs_rest_lockout_delete },
	{ .path = NULL },
};

enum { ENTRY_ROOT, ENTRY_BELOW, ENTRIES };

struct sgs_rest {
	struct sgs *s;
	struct endpoint endpoints[ENTRIES];
	char *paths[ENTRIES];
};

/* ---- which operation ---- */

/* A '*' is one segment that is not empty, decoded. */
static bool
is_at(struct sgs_call *c, const char *pattern, struct slice path)
{
	struct slice want = slice_of(pattern), part, segment;
	unsigned star = 0;

	while (slice_split(&want, '/', &part)) {
		if (!slice_split(&path, '/', &segment))
			return false;
		if (!slice_is(part, "*")) {
			if (!slice_eq(part, segment))
				return false;
		} else if (segment.n == 0 || !uri_decode(c->arena, segment, &c->stars[star++])) {
			return false;
		}
	}
	return path.p == NULL;
}

static enum rc
find(struct sgs_call *c, struct slice path)
{
	enum rc rc = RC_NOT_FOUND;

	for (const struct sgs_rest_op *op = ops; op->path != NULL; op++) {
		if (!is_at(c, op->path, path))
			continue;
		rc = RC_NOT_ALLOWED;
		if (op->method == c->in->op && !c->in->head) {
			c->op = op;
			return RC_OK;
		}
	}
	return rc;
}

/* 405, with the methods that there are. */
static enum rc
refuse_method(struct sgs_call *c, struct slice path)
{
	struct slice allow = SLICE_LIT("");

	for (const struct sgs_rest_op *op = ops; op->path != NULL && allow.p != NULL; op++)
		if (is_at(c, op->path, path))
			allow = arena_printf(c->arena, "%s%s%s", allow.p, allow.n > 0 ? ", " : "",
			                     sgs_method_name(op->method));
	if (allow.p == NULL)
		return endpoint_refuse(c->rq, RC_UNAVAILABLE, SLICE_NONE);
	return endpoint_not_allowed(c->rq, allow.p);
}

/* ---- who: a message ---- */

/* Type, and, where the path has one, the sid. */
static bool
is_due(struct sgs_call *c)
{
	return sga_header_read(c->message, &c->header) == RC_OK && c->header.type == c->op->type &&
	       (c->stars[0].p == NULL ||
	        (sgs_call_sid(c) && memcmp(c->sid, c->header.sid.v, SGS_SID_BYTES) == 0));
}

static bool
is_loopback(const struct sgs_call *c)
{
	return c->in->peer != NULL && c->in->peer->loopback;
}

/* Nothing that takes a private key is begun before all of this. */
static enum rc
admit_message(struct sgs_call *c)
{
	struct pool_load load;
	unsigned retry = 0;

	if (!sgs_guard_allow(c->s->guard, SLICE_NONE, c->source, &retry) ||
	    (!is_loopback(c) && !sgs_guard_spend(c->s->guard, c->source, &retry)))
		return sgs_call_later(c, retry);
	pool_load(c->s->pool, &load);
	if (load.waiting < WAITING_MAX)
		return RC_OK;
	return sgs_call_class(c, SGS_BY_BUSY, SLICE_NONE);
}

static void
begin_message(struct req *rq)
{
	struct sgs_call *c = sgs_call_of(rq);

	sgs_call_to_pool(c, c->op->run);
}

static enum rc
read_message(struct sgs_call *c)
{
	enum rc rc =
		sgs_message_read(c->arena, c->syntax_in, c->in->body, c->op->root, &c->message);

	if (rc == RC_MEDIA_TYPE)
		return sgs_call_refuse(c, rc, NULL);
	if (rc == RC_UNAVAILABLE)
		return sgs_call_failed(c, rc);
	if (rc != RC_OK || !is_due(c))
		return sgs_call_class(c, SGS_BY_SYNTAX, SLICE_NONE);
	return RC_OK;
}

static enum rc
serve_message(struct sgs_call *c)
{
	enum rc rc = admit_message(c);

	return rc == RC_OK ? sgs_call_pend(c, begin_message) : rc;
}

/* ---- a call ---- */

static enum rc
carry_out(struct sgs_call *c, const struct endpoint_who *who)
{
	enum sgs_who by = c->op->who;
	struct sgs_view *v;
	enum rc rc;

	if (c->op->type != 0) {
		rc = read_message(c);
		if (rc != RC_OK)
			return rc;
	}
	if (c->op->run != NULL)
		return serve_message(c);
	if (by == SGS_EITHER)
		by = c->in->sga.n > 0 ? SGS_DEVICE : SGS_MANAGER;
	if (by == SGS_DEVICE)
		return sgs_call_prove(c);
	if (by == SGS_MANAGER && !sgs_call_is_manager(c, who))
		return sgs_call_refuse(c, RC_FORBIDDEN, "manager");
	rc = sgs_view_open(c->s->book, &v);
	return rc == RC_OK ? sgs_call_serve(c, v) : sgs_call_failed(c, rc);
}

/* In which syntax it is, and in which it is answered; for errorInfo JSON or XML. */
static enum rc
choose_syntax(struct sgs_call *c)
{
	enum sgs_syntax preferred = SGS_JSON;
	bool json;

	c->syntax_in = sgs_syntax_of(c->in->content_type);
	if (c->in->body.n > 0 && c->syntax_in != SGS_NO_SYNTAX)
		preferred = c->syntax_in;
	else if (c->op->serve == sgs_rest_package)
		preferred = SGS_OCTETS;
	c->syntax = sgs_syntax_accepted(c->in->accept, true, preferred);
	if (c->syntax == SGS_NO_SYNTAX)
		return endpoint_refuse(c->rq, RC_NOT_ACCEPTABLE, SLICE_NONE);
	if (sgs_syntax_accepted(c->in->accept, false, SGS_JSON) != SGS_NO_SYNTAX &&
	    sgs_syntax_accepted(c->in->accept, false, SGS_JSON) != SGS_CBOR)
		return endpoint_accept(c->rq, c->syntax != SGS_XML, &json);
	return RC_OK;
}

static enum rc
serve_inside(struct sgs_call *c)
{
	struct slice path = endpoint_rest(c->rq);
	struct endpoint_who who;
	enum rc rc = endpoint_identify(c->rq, &who);

	if (rc != RC_OK)
		return rc;
	sgs_guard_count(c->s->guard, SGS_N_REQUESTS, 1);
	sgs_guard_count(c->s->guard, SGS_N_RECEIVED, c->in->body.n);
	/* Who relays for many is not one of them. */
	if (who.scl_id.n == 0 && c->in->peer != NULL)
		c->source = c->in->peer->address;
	if (path.n == 0)
		path = SLICE_LIT("package");
	rc = find(c, path);
	if (rc == RC_NOT_ALLOWED)
		return refuse_method(c, path);
	if (rc != RC_OK)
		return endpoint_refuse(c->rq, rc, SLICE_NONE);
	rc = choose_syntax(c);
	return rc == RC_OK ? carry_out(c, &who) : rc;
}

static enum rc
serve(void *arg, struct req *rq, const struct req_input *in)
{
	struct sgs *s = arg;
	struct sgs_call *c = ARENA_NEW(req_arena(rq), struct sgs_call);
	enum rc rc;

	if (c == NULL || !sgs_enter(s)) {
		req_answer(rq)->retry_after = 1;
		return endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_NONE);
	}
	c->s = s;
	c->rq = rq;
	c->in = in;
	c->arena = req_arena(rq);
	buf_init(&c->to_i, SGA_MESSAGE_MAX);
	buf_init(&c->to_j, SGA_MESSAGE_MAX);
	rc = serve_inside(c);
	sgs_leave(s);
	return rc;
}

/* ---- life ---- */

static void
rest_detach(struct sgs *s)
{
	struct sgs_rest *r = s->rest;

	for (unsigned i = 0; i < ENTRIES; i++)
		free(r->paths[i]);
	free(r);
	s->rest = NULL;
}

static enum rc
enter(struct sgs_rest *r, unsigned which)
{
	bool below = which == ENTRY_BELOW;

	if (asprintf(&r->paths[which], "/%s/sga%s", r->s->all->base, below ? "/" : "") < 0) {
		r->paths[which] = NULL;
		return RC_UNAVAILABLE;
	}
	r->endpoints[which] = (struct endpoint){
		.path = r->paths[which],
		.serve = SERVE_TREE | SERVE_ADMIN,
		.body_max = BODY_MAX,
		.internal = below,
		.channels = true,
		.serve_request = serve,
		.arg = r->s,
	};
	return endpoint_add(r->s->scl, &r->endpoints[which]);
}

static enum rc
rest_attach(struct sgs *s, char why[CAPABILITY_WHY_MAX])
{
	enum rc rc = RC_OK;

	(void)why;
	s->rest = calloc(1, sizeof(*s->rest));
	if (s->rest == NULL)
		return RC_UNAVAILABLE;
	s->rest->s = s;
	for (unsigned i = 0; rc == RC_OK && i < ENTRIES; i++)
		rc = enter(s->rest, i);
	if (rc != RC_OK)
		rest_detach(s);
	return rc;
}

const struct sgs_part sgs_part_rest = {
	.name = "REST",
	.attach = rest_attach,
	.detach = rest_detach,
};
