/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The segment "lp" below sclBase: contactURIs, where what is for a client comes in, and
 * longPollingURIs, where the client asks for it and answers (TS 102 690, long polling). Both are
 * unguessable; who knows a contactURI may send there, only who created the channel may poll.
 */
#include "config.h"

#include "core/channel_impl.h"

#include <stdlib.h>

#define SEGMENT "lp"
#define CONTACT "contact"
#define POLL "poll"

/* What a request that is taken needs to know, in its arena. */
struct taking {
	struct channel like;
	uint64_t generation; /* of the store when the channel was found; 0 = none */
};

/* ---- URIs ---- */

static struct slice
lp_uri(const struct scl *scl, struct arena *a, const char *kind, struct slice token)
{
	return arena_printf(a, "%.*s/" SEGMENT "/%s/%.*s", (int)scl->own.base_uri.n,
	                    scl->own.base_uri.p, kind, (int)token.n, token.p);
}

struct slice
channel_contact_uri(const struct scl *scl, struct arena *a, struct slice token)
{
	return lp_uri(scl, a, CONTACT, token);
}

struct slice
channel_poll_uri(const struct scl *scl, struct arena *a, struct slice token)
{
	return lp_uri(scl, a, POLL, token);
}

bool
channel_contact(const struct scl *scl, struct slice text, struct slice *token)
{
	const struct slice places[] = { scl->base_path, SLICE_LIT("/" SEGMENT "/" CONTACT "/") };
	struct slice rest;
	struct uri u;

	if (!uri_parse(text, &u) || (u.scheme.n > 0 && !own_authority(scl, u.authority)))
		return false;
	rest = u.path;
	for (size_t i = 0; i < 2; i++) {
		if (!slice_starts(rest, places[i]))
			return false;
		rest = slice_from(rest, places[i].n);
	}
	return slice_split(&rest, '/', token) && channel_key(*token) != 0;
}

bool
channel_serves(const struct scl *scl, struct rtx *tx, struct slice uri)
{
	struct res *node, *parent;
	struct slice token;

	return channel_contact(scl, uri, &token) &&
	       channel_find(tx, A_CHANNEL_CONTACT, token, &node, &parent) == RC_OK;
}

/* ---- the resource ---- */

struct finding {
	struct rtx *tx;
	unsigned attr;
	struct slice token;
	struct res *node;
};

static bool
match(void *arg, uint64_t id, uint64_t seq)
{
	struct finding *f = arg;
	struct res *node;

	if (seq != 0 || repo_get(f->tx, id, &node) != RC_OK ||
	    (node->type->number != T_NOTIFICATION_CHANNEL &&
	     node->type->number != T_COMMUNICATION_CHANNEL) ||
	    !slice_eq(val_text(node->vals, f->attr), f->token))
		return true;
	f->node = node;
	return false;
}

enum rc
channel_find(struct rtx *tx, unsigned attr, struct slice token, struct res **node,
             struct res **parent)
{
	struct finding f = { .tx = tx, .attr = attr, .token = token };

	if (channel_key(token) == 0)
		return RC_NOT_FOUND;
	TRY(repo_labelled(tx, token, match, &f));
	if (f.node == NULL)
		return RC_NOT_FOUND;
	TRY(repo_get(tx, f.node->parent, parent));
	*node = f.node;
	return (*parent)->expires > repo_now(tx) ? RC_OK : RC_NOT_FOUND;
}

static void
copy_token(char to[IDENT_SECRET_LEN + 1], const struct res *node, unsigned attr)
{
	struct slice token = val_text(node->vals, attr);

	if (token.n == IDENT_SECRET_LEN)
		memcpy(to, token.p, token.n);
}

void
channel_describe(struct channel *ch, const struct res *node, const struct res *parent)
{
	*ch = (struct channel){ .id = node->id,
		                .parent = parent->id,
		                .of_scl = parent->type->number == T_SCL };
	copy_token(ch->contact, node, A_CHANNEL_CONTACT);
	copy_token(ch->secret, node, A_CHANNEL_POLL);
}

/* ---- taking ---- */

static void
refuse(struct req *rq, const char *why)
{
	req_fail(rq, RC_UNAVAILABLE, "%s", why);
	req_finish(rq);
}

/* Makes rq one that waits; false without memory. */
static bool
take(struct req *rq, struct ended *e, struct taking *t)
{
	*t = *(struct taking *)rq->taken;
	if (req_park(rq) != RC_OK)
		return false;
	rq->taken = NULL;
	e->rq = rq;
	return true;
}

/*
 * A channel that was removed after it was looked up, and before it began to wait here, is found by
 * nobody else.
 */
static void
look_again(struct channels *cs, const struct taking *t)
{
	struct arena *a;
	struct channel *ch;
	struct ends ends;
	struct res *node;
	struct rtx *tx;
	enum rc rc = RC_OK;

	if (t->generation != 0 && t->generation == repo_generation(cs->scl->repo))
		return;
	a = arena_new(1u << 20);
	if (a != NULL && repo_begin_read(cs->scl->repo, a, &tx) == RC_OK) {
		rc = repo_get(tx, t->like.id, &node);
		repo_end_read(tx);
	}
	arena_free(a);
	if (rc != RC_NOT_FOUND)
		return;
	channels_lock(cs, &ends);
	ch = channel_known(cs, slice_of(t->like.contact));
	if (ch != NULL)
		channel_end(ch, &ends);
	channels_unlock(cs, &ends);
}

static void
take_poll(struct req *rq)
{
	struct channels *cs = rq->scl->channels;
	struct poll *p = calloc(1, sizeof(*p));
	struct taking t;
	struct channel *ch;
	struct ends ends;
	enum rc rc = RC_UNAVAILABLE;

	if (p == NULL || !take(rq, &p->ended, &t)) {
		free(p);
		refuse(rq, "no memory to wait");
		return;
	}
	p->wait.kind = WAIT_POLL;
	channels_lock(cs, &ends);
	ch = channel_get(cs, &t.like);
	if (ch != NULL) {
		rc = channel_poll(ch, p, &ends);
		channel_release(ch);
	}
	channels_unlock(cs, &ends);
	if (rc == RC_OK) {
		look_again(cs, &t);
		return;
	}
	free(p);
	refuse(rq, "too many polls are waiting");
}

static void
message_free(struct message *m)
{
	if (m == NULL)
		return;
	free(m->sender);
	free(m->body);
	free(m);
}

static struct message *
message_of(const struct req *rq)
{
	struct message *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->sender = calloc(1, sizeof(*m->sender));
	m->body = malloc(rq->in.body.n);
	if (m->sender == NULL || m->body == NULL) {
		message_free(m);
		return NULL;
	}
	memcpy(m->body, rq->in.body.p, rq->in.body.n);
	m->n = rq->in.body.n;
	m->media_type = rq->in_codec->media_type;
	m->wait.kind = WAIT_SENDER;
	return m;
}

/* RC_OK: m waits, or has ended. */
static enum rc
enter(struct channels *cs, struct message *m, const struct taking *t, unsigned ms)
{
	bool kept = m->sender->rq->notification;
	struct channel *ch;
	struct ends ends;
	enum rc rc = RC_UNAVAILABLE;

	channels_lock(cs, &ends);
	m->channel = ch = channel_get(cs, &t->like);
	if (ch != NULL && waits_add(&cs->waits, &m->wait, clock_monotonic() + (int64_t)ms * 1000))
		rc = channel_put(ch, m, &ends);
	if (rc != RC_OK)
		waits_remove(&cs->waits, &m->wait);
	/* It comes again when there is a poll; what others send may not be able to. */
	else if (kept && !m->handed)
		message_end(m, RC_GATEWAY_TIMEOUT, &ends);
	if (ch != NULL)
		channel_release(ch);
	channels_unlock(cs, &ends);
	return rc;
}

static void
take_message(struct req *rq)
{
	struct channels *cs = rq->scl->channels;
	struct message *m = message_of(rq);
	unsigned ms = rq->timeout_ms > 0 ? rq->timeout_ms : rq->conf->notify_timeout_ms;
	struct taking t;

	if (m == NULL || !take(rq, m->sender, &t)) {
		message_free(m);
		refuse(rq, "no memory to wait");
	} else if (enter(cs, m, &t, ms) == RC_OK) {
		look_again(cs, &t);
	} else {
		message_free(m);
		refuse(rq, "too many messages are waiting for the channel");
	}
}

/* ---- serving ---- */

static const struct {
	const char *name;
	const struct shape *shape;
} messages[] = {
	{ "notify", &shape_notify },
	{ "notifyCollection", &shape_notify_collection },
	{ "responseNotify", &shape_response_notify },
	{ "requestNotify", &shape_request_notify },
};

static enum rc
decode(struct req *rq)
{
	const char *why = "";
	enum rc rc;

	if (rq->in.body.n == 0)
		return req_fail(rq, RC_BAD_REQUEST, "the body is empty");
	if (rq->in_codec == NULL)
		return req_fail(rq, RC_MEDIA_TYPE, "the media type of the body is not supported");
	rc = rq->in_codec->decode(rq->arena, rq->in.body, &rq->conf->document, &rq->doc, &why);
	return rc == RC_BAD_REQUEST ? req_fail(rq, rc, "%s", why) : rc;
}

/* Who is served by a channel believes what a requestNotify says: nobody asks in another's name. */
static enum rc
check_issuer(struct req *rq, const struct val *vals)
{
	struct slice issuer =
		comparable_uri(rq->scl, rq->arena, val_text(vals, A_REQUESTING_ENTITY));

	if (issuer.n > 0 && slice_eq(issuer, rq->who.normal))
		return RC_OK;
	return req_fail(rq, RC_FORBIDDEN, "requestingEntity is not the issuer");
}

static enum rc
check_message(struct req *rq)
{
	struct binder b = { .arena = rq->arena, .ordered = !rq->conf->tolerate_unordered };
	struct val *vals;

	TRY(decode(rq));
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		enum rc rc;

		if (!slice_is(rq->doc->name, messages[i].name))
			continue;
		rc = bind_shape(&b, messages[i].shape, rq->doc, &vals);
		if (rc != RC_OK)
			return req_fail(rq, rc, "%.*s", (int)b.why.n, b.why.p);
		return messages[i].shape == &shape_request_notify ? check_issuer(rq, vals) : RC_OK;
	}
	return req_fail(rq, RC_BAD_REQUEST, "a channel does not take such a document");
}

static enum rc
wait_as(struct req *rq, const struct taking *t, void (*how)(struct req *rq))
{
	struct taking *copy = ARENA_NEW(rq->arena, struct taking);

	if (copy == NULL)
		return RC_UNAVAILABLE;
	*copy = *t;
	rq->taken = copy;
	rq->take = how;
	return RC_PENDING;
}

static enum rc
serve_contact(struct req *rq, const struct taking *t)
{
	if (!rq->notification || rq->in_codec == NULL)
		TRY(check_message(rq));
	return wait_as(rq, t, take_message);
}

static enum rc
serve_poll(struct req *rq, const struct res *node, const struct taking *t)
{
	struct slice creator =
		comparable_uri(rq->scl, rq->arena, val_text(node->vals, A_CHANNEL_CREATOR));

	if (!slice_eq(creator, rq->who.normal))
		return req_fail(rq, RC_DENIED, "the channel is another's");
	if (rq->in.body.n == 0)
		return wait_as(rq, t, take_poll);
	TRY(decode(rq));
	if (!slice_is(rq->doc->name, "responseNotify"))
		return req_fail(rq, RC_BAD_REQUEST,
		                "a poll has no body, an answer is a responseNotify");
	return tunnel_answer(rq->scl->channels, rq, slice_of(t->like.contact));
}

/* What is in memory of a contact's channel, while nothing in the store has changed since. */
static bool
recall(struct req *rq, struct slice contact, struct taking *t)
{
	struct channels *cs = rq->scl->channels;
	const struct channel *ch;
	bool holds;

	pthread_mutex_lock(&cs->lock);
	ch = channel_known(cs, contact);
	holds = ch != NULL && !ch->gone && ch->found != 0 && ch->found == t->generation &&
	        ch->until > repo_now(rq->tx);
	if (holds) {
		t->like = (struct channel){ .id = ch->id,
			                    .parent = ch->parent,
			                    .of_scl = ch->of_scl,
			                    .found = ch->found,
			                    .until = ch->until };
		memcpy(t->like.contact, ch->contact, sizeof(ch->contact));
		memcpy(t->like.secret, ch->secret, sizeof(ch->secret));
	}
	pthread_mutex_unlock(&cs->lock);
	return holds;
}

static enum rc
lp_serve(const struct segment *self, struct req *rq)
{
	struct slice token = rq->target.rest, kind;
	struct res *node = NULL, *parent;
	struct taking t = { .generation = rq->generation };
	bool poll;
	enum rc rc = RC_OK;

	(void)self;
	if (!slice_split(&token, '/', &kind) || token.p == NULL)
		return req_fail(rq, RC_NOT_FOUND, "there is no such resource");
	poll = slice_is(kind, POLL);
	if (!poll && !slice_is(kind, CONTACT))
		return req_fail(rq, RC_NOT_FOUND, "there is no such resource");
	if (poll || !recall(rq, token, &t))
		rc = channel_find(rq->tx, poll ? A_CHANNEL_POLL : A_CHANNEL_CONTACT, token, &node,
		                  &parent);
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? req_fail(rq, rc, "there is no such channel") : rc;
	if (node != NULL) {
		channel_describe(&t.like, node, parent);
		t.like.found = t.generation;
		t.like.until = parent->expires;
	}
	if (rq->in.op != REQ_CREATE && rq->in.op != REQ_EXECUTE) {
		rq->out.allow = SLICE_LIT("POST");
		return req_fail(rq, RC_NOT_ALLOWED, "a channel takes POST alone");
	}
	return poll ? serve_poll(rq, node, &t) : serve_contact(rq, &t);
}

void
serve_init(struct channels *cs)
{
	cs->segment = (struct segment){ .name = SEGMENT, .serve = lp_serve, .owner = cs };
}
