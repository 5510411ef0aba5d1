/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an access point rests on: the operator's key, those of the servers with a contract, its own
 * warrant, and what was revoked. It is told of every change by a long poll.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "cap/mpa/mpa_cn.h"
#include "codec/json_fields.h"

#define DOC_BASE (1u << 16)
#define DOC_ROW 512u /* octets of a server, or of a revoked warrant */
#define RETRY_S 5u

/* In the arena of its request. */
struct cn_poll {
	struct pool_job job; /* first */
	struct mpa_cn *cn;
	struct req *rq;
	struct slice scl_id;
	uint64_t seen; /* the generation that the asker has; UINT64_MAX: none */
	int64_t deadline; /* monotonic */
	struct cn_poll *next;
};

static void
put_tag(const struct mpa_cn *cn, uint64_t generation, char tag[CN_TAG_MAX])
{
	snprintf(tag, CN_TAG_MAX, "%016" PRIx64 "-%" PRIu64, cn->birth, generation);
}

/* ---- the document ---- */

static bool
put_server(void *arg, const struct cn_server *s)
{
	struct buf *b = arg;

	if (s->state != CN_ACTIVE)
		return true;
	json_put_open(b, NULL, '{');
	json_put_text(b, "id", s->id);
	cn_put_public(b, "publicKey", &s->key);
	buf_char(b, '}');
	return !b->failed;
}

static bool
put_revoked(void *arg, const struct mpa_serial *serial)
{
	uint8_t octets[SIGN_PUBLIC_SIZE + MPA_SERIAL_SIZE];
	struct buf *b = arg;

	memcpy(octets, serial->issuer.v, SIGN_PUBLIC_SIZE);
	memcpy(octets + SIGN_PUBLIC_SIZE, serial->v, MPA_SERIAL_SIZE);
	cn_put_octets(b, NULL, slice_make(octets, sizeof(octets)));
	return !b->failed;
}

static enum rc
put_all(const struct cn_poll *p, struct tables_tx *tx, struct buf *b)
{
	struct slice w5;
	uint64_t number;
	enum rc rc = cn_number(tx, &number);

	json_put_open(b, NULL, '{');
	json_put_number(b, "number", (int64_t)number);
	cn_put_network(p->cn, b);
	json_put_open(b, "servers", '[');
	if (rc == RC_OK)
		rc = cn_servers(tx, put_server, b);
	buf_char(b, ']');
	if (rc == RC_OK && cn_ap_get(tx, p->scl_id, &w5) == RC_OK)
		cn_put_octets(b, "accessPoint", w5);
	json_put_open(b, "revoked", '[');
	if (rc == RC_OK)
		rc = cn_revoked(tx, 0, put_revoked, b);
	buf_puts(b, "]}");
	return rc == RC_OK && b->failed ? RC_UNAVAILABLE : rc;
}

static enum rc
describe(const struct cn_poll *p, struct buf *b)
{
	struct tables_tx *tx;
	enum rc rc = tables_read(&p->cn->book.tables, &tx);

	if (rc != RC_OK)
		return rc;
	rc = put_all(p, tx, b);
	tables_abort(tx);
	return rc;
}

/* ---- answers ---- */

static enum rc
refuse(struct req *rq)
{
	req_answer(rq)->retry_after = RETRY_S;
	return endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_LIT("OVERLOAD"));
}

/* On the pool. What is changed meanwhile is told the next time: the tag is the older one. */
static void
run(struct pool_job *job)
{
	struct cn_poll *p = (struct cn_poll *)(void *)job;
	struct mpa_cn *cn = p->cn;
	struct req *rq = p->rq;
	char tag[CN_TAG_MAX];
	struct buf doc;
	enum rc rc;

	pthread_mutex_lock(&cn->lock);
	put_tag(cn, cn->generation, tag);
	pthread_mutex_unlock(&cn->lock);
	if (endpoint_cache(rq, slice_of(tag))) {
		endpoint_finish(rq, endpoint_answer(rq, RC_NOT_MODIFIED, "", SLICE_NONE));
		return;
	}
	buf_init(&doc,
	         DOC_BASE + DOC_ROW * ((size_t)cn->conf->warrants_max + cn->conf->servers_max));
	rc = describe(p, &doc);
	rc = rc == RC_OK ? endpoint_answer(rq, RC_OK, CN_JSON, buf_view(&doc)) : refuse(rq);
	buf_fini(&doc);
	endpoint_finish(rq, rc);
}

static struct mpa_cn *
cn_of(struct scl_task *task)
{
	return (struct mpa_cn *)(void *)((char *)task - offsetof(struct mpa_cn, due));
}

/* Takes those that are due; lock is held. When the next one is, from now on: CLOCK_NEVER: none. */
static int64_t
give_due(struct mpa_cn *cn, bool all)
{
	int64_t now = clock_monotonic(), next = CLOCK_NEVER;
	struct cn_poll **at = &cn->polls, *p;

	while ((p = *at) != NULL) {
		if (all || p->seen != cn->generation || now >= p->deadline) {
			*at = p->next;
			cn->n_polls--;
			pool_submit(cn->pool, POOL_FOREIGN, &p->job);
			continue;
		}
		if (p->deadline - now < next)
			next = p->deadline - now;
		at = &p->next;
	}
	return next;
}

static void
due(struct scl_task *task)
{
	struct mpa_cn *cn = cn_of(task);
	int64_t next = CLOCK_NEVER;

	pthread_mutex_lock(&cn->lock);
	if (cn->running)
		next = give_due(cn, false);
	pthread_mutex_unlock(&cn->lock);
	if (next != CLOCK_NEVER)
		scl_post(cn->scl, task, next);
}

void
cn_anchor_open(struct mpa_cn *cn)
{
	cn->due.run = due;
}

void
cn_anchor_changed(struct mpa_cn *cn)
{
	pthread_mutex_lock(&cn->lock);
	cn->generation++;
	if (cn->running)
		(void)give_due(cn, false);
	pthread_mutex_unlock(&cn->lock);
}

void
cn_anchor_stop(struct mpa_cn *cn)
{
	pthread_mutex_lock(&cn->lock);
	if (cn->running)
		(void)give_due(cn, true);
	cn->running = false;
	pthread_mutex_unlock(&cn->lock);
}

/* ---- asking ---- */

static void
begin(struct req *rq)
{
	struct cn_poll *p = endpoint_state(rq);
	struct mpa_cn *cn = p->cn;
	bool fine;

	pthread_mutex_lock(&cn->lock);
	fine = cn->running;
	if (fine && p->seen == cn->generation && clock_monotonic() < p->deadline) {
		fine = cn->n_polls < CN_POLLS_MAX;
		if (fine) {
			p->next = cn->polls;
			cn->polls = p;
			cn->n_polls++;
			scl_post(cn->scl, &cn->due, 0);
		}
	} else if (fine) {
		pool_submit(cn->pool, POOL_FOREIGN, &p->job);
	}
	pthread_mutex_unlock(&cn->lock);
	if (!fine)
		endpoint_finish(rq, refuse(rq));
}

/* The generation of the entity tag that the asker has. */
static uint64_t
seen_of(const struct mpa_cn *cn, struct slice if_none_match)
{
	struct slice rest = if_none_match, birth;
	char own[CN_TAG_MAX];
	uint64_t n;

	if (rest.n < 2 || rest.p[0] != '"' || rest.p[rest.n - 1] != '"')
		return UINT64_MAX;
	rest = slice_make(rest.p + 1, rest.n - 2);
	if (!slice_split(&rest, '-', &birth) || !slice_number(rest, INT64_MAX, &n))
		return UINT64_MAX;
	snprintf(own, sizeof(own), "%016" PRIx64, cn->birth);
	return slice_is(birth, own) ? n : UINT64_MAX;
}

enum rc
cn_anchor_serve(void *arg, struct req *rq, const struct req_input *in)
{
	struct cn_poll *p = ARENA_NEW(req_arena(rq), struct cn_poll);
	struct mpa_cn *cn = arg;
	struct endpoint_who who;
	struct slice text;
	struct node_id node;
	uint64_t wait = 0;
	enum rc rc;

	if (in->op != REQ_RETRIEVE || in->head)
		return endpoint_not_allowed(rq, "GET");
	rc = cn_identify(cn, rq, in, &who, &node);
	if (rc != RC_OK)
		return rc;
	if (p == NULL)
		return endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_LIT("OVERLOAD"));
	if (endpoint_parameter(rq, "wait", &text) != RC_OK ||
	    (text.p != NULL && !slice_number(text, CN_WAIT_MAX, &wait)))
		return endpoint_refuse(rq, RC_BAD_REQUEST, SLICE_LIT("BAD_PARAM"));
	*p = (struct cn_poll){ .job = { .run = run },
		               .cn = cn,
		               .rq = rq,
		               .scl_id = who.scl_id,
		               .seen = seen_of(cn, in->if_none_match),
		               .deadline = clock_monotonic() + (int64_t)wait * CLOCK_SECOND };
	return endpoint_pend(rq, begin, p);
}
