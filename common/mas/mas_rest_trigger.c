/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens that wake a node, for the NSCL of another process. */
#include "config.h"

#include "mas/mas_rest_impl.h"

#define FIELD(name, member, kind, required)                                                        \
	JSON_FIELD(struct rest_args, member, name, kind, required)
#define SOURCE_MAX 64u

const struct json_field rest_trigger_fields[REST_TRIGGER_FIELDS] = {
	FIELD("sclId", scl_id, JSON_TEXT, false), /* or nodeId */
	FIELD("nodeId", node, JSON_TEXT, false),
	FIELD("reason", trigger_reason, JSON_NUMBER, true),
	FIELD("notAfter", not_after, JSON_NUMBER, true), /* seconds since 1970 */
	FIELD("scheme", scheme, JSON_NUMBER, true),
	FIELD("port", port, JSON_NUMBER, true),
	FIELD("host", host, JSON_TEXT, true),
	FIELD("actor", actor, JSON_TEXT, false),
	FIELD("source", source, JSON_TEXT, false),
};

/* Whom the NSCL names stands behind its own name. */
static const char *
actor_of(struct rest_call *c)
{
	struct slice named = c->args.actor;
	struct slice text;

	if (named.p == NULL)
		return c->nscl;
	text = arena_printf(c->arena, "%.64s/%.*s", c->nscl, (int)named.n, named.p);
	return text.p == NULL ? NULL : arena_str(c->arena, slice_head(text, AUDIT_ACTOR_MAX));
}

bool
rest_trigger_check(struct rest_call *c)
{
	const struct rest_args *a = &c->args;
	struct mas_trigger *t = &c->u.trigger;

	if (a->trigger_reason < TRIGGER_CONNECT || a->trigger_reason > TRIGGER_REASONS ||
	    a->scheme < TRIGGER_HTTPS_PSK || a->scheme > TRIGGER_COAPS || a->port < 1 ||
	    a->port > UINT16_MAX || a->not_after < 0 || a->scl_id.n > MAS_SCL_ID_MAX ||
	    a->source.n > SOURCE_MAX || a->actor.n > AUDIT_ACTOR_MAX)
		return false;
	*t = (struct mas_trigger){ .scl_id = a->scl_id,
		                   .reason = (enum trigger_reason)a->trigger_reason,
		                   .not_after = (uint64_t)a->not_after,
		                   .scheme = (enum trigger_scheme)a->scheme,
		                   .port = (uint16_t)a->port,
		                   .host = a->host,
		                   .nscl = slice_of(c->nscl),
		                   .actor = actor_of(c),
		                   .source = a->source,
		                   .owner = c };
	return t->actor != NULL && (a->scl_id.n > 0) != (a->node.n > 0) &&
	       (a->node.n == 0 || node_id_parse(a->node, &t->node));
}

static void
trigger_done(struct mas_trigger *t)
{
	struct rest_call *c = t->owner;
	struct buf *b = &c->out;

	if (t->outcome.rc == RC_OK) {
		buf_char(b, '{');
		json_put_hex(b, "nodeId", t->node.v, NODE_ID_BYTES);
		json_put_number(b, "counter", (int64_t)t->counter);
		json_put_open(b, "tokens", '[');
		for (unsigned i = 0; i < t->n_tokens; i++)
			json_put_hex(b, NULL, t->tokens[i].v, t->tokens[i].n);
		buf_puts(b, "]}");
	}
	rest_outcome(c, &t->outcome, RC_OK);
}

void
rest_trigger_begin(struct rest_call *c)
{
	struct mas mas = mas_of(c->rest->conf.mas);

	c->u.trigger.done = trigger_done;
	mas.ops->trigger(mas.self, &c->u.trigger);
}
