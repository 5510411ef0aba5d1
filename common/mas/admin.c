/* SPDX-License-Identifier: Apache-2.0 */
/* Who may call, which operation it is, and how a call ends. */
#include "config.h"

#include "mas/admin_impl.h"

#include <stdio.h>
#include <stdlib.h>

#include "mas/mas_path.h"
#include "sec/hex.h"

#define MEDIA_JSON "application/json"
#define MEDIA_LINES "application/x-ndjson"
#define FAILURES_SLOTS 1024u
#define TOKEN_ACTOR "admin"

static const struct admin_op *const tables[] = { admin_node_ops, admin_list_ops, admin_audit_ops,
	                                         admin_device_ops, admin_group_ops };

/* ---- the end of a call ---- */

static void
finish(struct admin_call *c, enum rc rc)
{
	struct req *rq = c->rq;

	if (c->secret) {
		json_wipe(&c->out);
		secret_wipe(&c->args, sizeof(c->args));
		secret_wipe(&c->u, sizeof(c->u));
	}
	buf_fini(&c->out);
	endpoint_finish(rq, rc);
}

void
admin_answer(struct admin_call *c, enum rc rc)
{
	if (c->out.failed)
		admin_refuse(c, RC_UNAVAILABLE, "OVERLOAD");
	else
		finish(c, endpoint_answer(c->rq, rc, c->lines ? MEDIA_LINES : MEDIA_JSON,
		                          buf_view(&c->out)));
}

void
admin_refuse(struct admin_call *c, enum rc rc, const char *reason)
{
	struct slice text = arena_copy(c->arena, slice_of(reason));

	finish(c, endpoint_refuse(c->rq, rc, text));
}

void
admin_outcome(struct admin_call *c, const struct mas_outcome *o, enum rc rc)
{
	if (o->rc == RC_OK) {
		admin_answer(c, rc);
		return;
	}
	req_answer(c->rq)->retry_after = o->retry_after;
	admin_refuse(c, o->rc, o->reason);
}

/* ---- the audit ---- */

static void
note_done(struct mas_note *n)
{
	struct admin_call *c = n->owner;

	if (n->outcome.rc == RC_OK)
		c->then(c);
	else
		admin_outcome(c, &n->outcome, RC_OK);
}

void
admin_note(struct admin_call *c, const char *result, void (*then)(struct admin_call *c))
{
	struct admin *a = c->admin;

	LOG_INFO(a->conf.log, "admin-call", LOG_Z("operation", c->op->name), LOG_Z("by", c->actor),
	         LOG_S("object", c->id), LOG_Z("result", result));
	c->then = then;
	c->note = (struct mas_note){
		.entry = { .actor = slice_of(c->actor), .action = slice_of(c->op->name),
		           .object = c->id, .result = slice_of(result), .source = c->source },
		.done = note_done,
		.owner = c,
	};
	if (a->conf.mas != NULL)
		mas_note(a->conf.mas, &c->note);
	else if (a->conf.msbf != NULL)
		msbf_note(a->conf.msbf, &c->note);
	else
		then(c);
}

static void
refuse_noted(struct admin_call *c)
{
	admin_refuse(c, c->rc, c->reason);
}

static void
begin_refusal(struct req *rq)
{
	struct admin_call *c = endpoint_state(rq);

	admin_note(c, c->reason, refuse_noted);
}

/* The call is refused once that stands in the audit. */
static enum rc
refuse(struct admin_call *c, enum rc rc, const char *reason)
{
	static const struct admin_op unknown = { .name = "admin" };

	if (c->op == NULL)
		c->op = &unknown;
	c->rc = rc;
	c->reason = reason;
	return endpoint_pend(c->rq, begin_refusal, c);
}

/* ---- who calls ---- */

bool
admin_has_role(const struct peer *peer)
{
	for (size_t i = 0; peer->kind == PEER_CERTIFICATE && i < peer->n_uris; i++)
		if (slice_is(peer->uris[i], ADMIN_ROLE))
			return true;
	return false;
}

static void
set_actor(struct admin_call *c, struct slice name)
{
	snprintf(c->actor, sizeof(c->actor), "%.*s", (int)name.n, name.n == 0 ? "" : name.p);
}

/* From where: an address, or the user at the other end of a UNIX socket. */
static struct slice
source_of(struct admin_call *c, const struct peer *peer)
{
	if (peer == NULL)
		return SLICE_LIT("?");
	if (peer->kind == PEER_UNIX)
		return arena_printf(c->arena, "uid %u", peer->uid);
	return peer->address;
}

static bool
proves(struct admin_call *c)
{
	struct admin *a = c->admin;
	struct slice name = SLICE_NONE;

	if (c->in->peer != NULL && admin_has_role(c->in->peer)) {
		set_actor(c, c->in->peer->subject);
		return true;
	}
	pthread_rwlock_rdlock(&a->lock);
	if (a->tokens != NULL)
		name = tokens_find(a->tokens, tokens_bearer(c->in->authorization));
	if (name.p != NULL)
		set_actor(c, name);
	pthread_rwlock_unlock(&a->lock);
	return name.p != NULL;
}

/* RC_PENDING: it is refused. */
static enum rc
authenticate(struct admin_call *c)
{
	struct admin *a = c->admin;
	unsigned wait = 0;

	c->source = source_of(c, c->in->peer);
	set_actor(c, SLICE_LIT("?"));
	if (!failures_allow(a->failures, SLICE_NONE, c->source, &wait)) {
		req_answer(c->rq)->retry_after = wait;
		return refuse(c, RC_UNAVAILABLE, "OVERLOAD");
	}
	if (proves(c)) {
		failures_clear(a->failures, SLICE_NONE, c->source);
		return RC_OK;
	}
	if (failures_add(a->failures, SLICE_NONE, c->source))
		LOG_WARN(a->conf.log, "admin-locked", LOG_S("source", c->source));
	return refuse(c, RC_DENIED, "AUTH_FAILED");
}

/* ---- which operation ---- */

/* What the MAS of another process would have to do; that has an administration of its own. */
static bool
is_elsewhere(const struct admin *a, const struct admin_op *op)
{
	return a->conf.mas == NULL && (op->at_mas || (op->at_store && a->conf.msbf == NULL));
}

static enum rc
refuse_method(struct admin_call *c, unsigned methods)
{
	static const struct {
		enum req_op op;
		const char *name;
	} names[] = { { REQ_DELETE, "DELETE" },
		      { REQ_RETRIEVE, "GET" },
		      { REQ_CREATE, "POST" },
		      { REQ_UPDATE, "PUT" } };
	struct slice allow = SLICE_NONE;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if ((methods & 1u << names[i].op) != 0)
			allow = arena_printf(c->arena, "%.*s%s%s", (int)allow.n,
			                     allow.n == 0 ? "" : allow.p, allow.n == 0 ? "" : ", ",
			                     names[i].name);
	req_answer(c->rq)->allow = allow;
	return refuse(c, RC_NOT_ALLOWED, "BAD_METHOD");
}

static enum rc
find(struct admin_call *c)
{
	struct slice path = endpoint_rest(c->rq), id;
	unsigned methods = 0; /* that the path has, by enum req_op */

	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
		for (const struct admin_op *op = tables[t]; op->path != NULL; op++) {
			if ((op->at_msbf && c->admin->conf.msbf == NULL) ||
			    !mas_path_is(op->path, path, &id))
				continue;
			methods |= 1u << op->method;
			if (op->method != c->in->op || (c->in->head && op->method != REQ_RETRIEVE))
				continue;
			c->op = op;
			c->id = id;
			return is_elsewhere(c->admin, op) ? refuse(c, RC_NOT_IMPLEMENTED, "NO_MAS")
			                                  : RC_OK;
		}
	if (admin_more_find(c, path, &methods))
		return RC_OK;
	return methods != 0 ? refuse_method(c, methods) : refuse(c, RC_NOT_FOUND, "NOT_FOUND");
}

/* ---- its arguments ---- */

static bool
read_query(struct admin_call *c)
{
	struct slice query = endpoint_query(c->rq);

	if (c->op->method != REQ_RETRIEVE)
		return query.n == 0;
	if (c->more != NULL)
		return true;
	return mas_query_read(c->arena, query, c->op->fields, c->op->n_fields, &c->args);
}

static enum rc
read_body(struct admin_call *c)
{
	struct slice type = c->in->content_type, essence = SLICE_NONE;

	if (c->op->method == REQ_RETRIEVE || (c->in->body.n == 0 && c->op->n_fields == 0))
		return c->in->body.n == 0 ? RC_OK : RC_BAD_REQUEST;
	(void)slice_split(&type, ';', &essence);
	while (essence.n > 0 && essence.p[essence.n - 1] == ' ')
		essence.n--;
	c->lines = c->op->lines && slice_is(essence, MEDIA_LINES);
	if (c->lines)
		return RC_OK;
	if (!slice_is(essence, MEDIA_JSON))
		return RC_MEDIA_TYPE;
	if (c->more != NULL)
		return RC_OK;
	return json_read(c->in->body, c->op->fields, c->op->n_fields, &c->args) ? RC_OK
	                                                                          : RC_BAD_REQUEST;
}

/* The segment of '*' is a node id, where it is below nodes. */
static bool
read_id(struct admin_call *c)
{
	return c->id.p == NULL || strncmp(c->op->path, "nodes/", 6) != 0 ||
	       node_id_parse(c->id, &c->node);
}

static void
begin(struct req *rq)
{
	struct admin_call *c = endpoint_state(rq);

	c->op->begin(c);
}

static enum rc
prepare(struct admin_call *c)
{
	enum rc rc;

	if (c->op->absent != NULL)
		c->args = *c->op->absent;
	rc = read_id(c) && read_query(c) ? read_body(c) : RC_BAD_REQUEST;
	if (rc == RC_OK && c->op->check != NULL)
		rc = c->op->check(c);
	if (rc != RC_OK)
		return refuse(c, rc, rc == RC_NOT_FOUND ? "NOT_FOUND" : "BAD_PARAM");
	return endpoint_pend(c->rq, begin, c);
}

static enum rc
serve(void *arg, struct req *rq, const struct req_input *in)
{
	struct arena *arena = req_arena(rq);
	struct admin_call *c = ARENA_NEW(arena, struct admin_call);
	bool json;
	enum rc rc = endpoint_accept(rq, true, &json);

	if (rc != RC_OK)
		return rc;
	if (c == NULL)
		return endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_LIT("OVERLOAD"));
	*c = (struct admin_call){ .admin = arg, .rq = rq, .in = in, .arena = arena };
	buf_init(&c->out, ADMIN_ANSWER_MAX);
	rc = authenticate(c);
	if (rc == RC_OK)
		rc = find(c);
	return rc == RC_OK ? prepare(c) : rc;
}

/* ---- arguments of several operations ---- */

bool
admin_limit(const struct admin_call *c, unsigned max, unsigned *limit)
{
	uint64_t n = 0;

	if (c->args.list.limit.p != NULL && (!slice_number(c->args.list.limit, max, &n) || n == 0))
		return false;
	*limit = (unsigned)n;
	return true;
}

void
admin_list_end(struct admin_call *c, const struct mas_outcome *o, const char *next)
{
	if (o->rc == RC_OK) {
		buf_char(&c->out, ']');
		if (next[0] != '\0')
			json_put_text(&c->out, "next", slice_of(next));
		buf_char(&c->out, '}');
	}
	admin_outcome(c, o, RC_OK);
}

bool
admin_fingerprints(struct slice list, struct device_fingerprint *out, unsigned max, unsigned *n)
{
	struct slice item, text;
	int more;

	for (*n = 0; (more = json_item(&list, &item)) == 1; ++*n)
		if (*n == max || !json_item_text(item, &text) ||
		    !hex_decode(text, out[*n].v, DEVICE_FINGERPRINT_SIZE))
			return false;
	return more == 0;
}

const char *
admin_text(struct admin_call *c, struct slice s, size_t max)
{
	return s.n > max ? NULL : arena_str(c->arena, s);
}

/* ---- life ---- */

enum rc
admin_open(const struct admin_conf *conf, struct admin **out, char why[ADMIN_WHY])
{
	struct failures_conf failures = { .clock = conf->clock, .per_subject = FAILURES_PER_SUBJECT,
		                          .per_source = FAILURES_PER_SUBJECT,
		                          .window = FAILURES_WINDOW, .slots = FAILURES_SLOTS };
	struct admin *a = calloc(1, sizeof(*a));
	enum rc rc = RC_OK;

	if (a == NULL)
		return RC_UNAVAILABLE;
	a->conf = *conf;
	pthread_rwlock_init(&a->lock, NULL);
	if (conf->token_file != NULL)
		rc = tokens_read_one(conf->token_file, TOKEN_ACTOR, &a->tokens, why);
	if (rc == RC_OK)
		rc = failures_new(&failures, &a->failures);
	if (rc == RC_OK)
		*out = a;
	else
		admin_close(a);
	return rc;
}

enum rc
admin_attach(struct admin *a, struct scl *scl)
{
	a->endpoint = (struct endpoint){ .path = ADMIN_PATH, .serve = SERVE_ADMIN,
		                         .body_max = ADMIN_BODY_MAX, .serve_request = serve,
		                         .arg = a };
	return endpoint_add(scl, &a->endpoint);
}

void
admin_reload(struct admin *a)
{
	struct tokens *fresh, *old;
	char why[ADMIN_WHY] = "";

	if (a->conf.token_file == NULL)
		return;
	if (tokens_read_one(a->conf.token_file, TOKEN_ACTOR, &fresh, why) != RC_OK) {
		LOG_ERROR(a->conf.log, "admin-token-kept", LOG_Z("reason", why));
		return;
	}
	pthread_rwlock_wrlock(&a->lock);
	old = a->tokens;
	a->tokens = fresh;
	pthread_rwlock_unlock(&a->lock);
	tokens_free(old);
}

void
admin_close(struct admin *a)
{
	if (a == NULL)
		return;
	tokens_free(a->tokens);
	failures_free(a->failures);
	pthread_rwlock_destroy(&a->lock);
	free(a);
}
