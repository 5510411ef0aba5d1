/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The home network of group authentication (Lai et al., group based authentication of MTC devices;
 * gaka/hn.h): T2 -> T3, T10 -> T11, refusals as T12. Sequence numbers and counters are durable
 * before the answer is given.
 */
#include "config.h"

#include <stdlib.h>

#include "mas/mas_gaka_impl.h"
#include "sec/digest.h"

#define ANSWER_MAX GAKA_T3_SIZE(MAS_GROUP_MEMBERS)

/* A message as it came: one of the two. */
struct request {
	enum gaka_type type;
	struct gaka_t2 t2;
	struct gaka_t10 t10;
};

static bool
read_request(struct slice message, struct request *r)
{
	r->type = (enum gaka_type)gaka_type_of(message);
	if (r->type == GAKA_T2)
		return gaka_t2_read(message, &r->t2) == RC_OK;
	return r->type == GAKA_T10 && gaka_t10_read(message, &r->t10) == RC_OK;
}

/* The device as that asker knows it: no other one can lock it out there. */
static struct slice
counted_device(const struct node_id *device, struct slice asker, uint8_t to[DIGEST_SIZE])
{
	const struct slice parts[] = { slice_make(device->v, NODE_ID_BYTES), asker };

	return digest_sha256(parts, 2, to) == RC_OK ? slice_make(to, DIGEST_SIZE) : parts[0];
}

static bool
locked(const struct gaka_work *w)
{
	struct slice asker = gaka_counted_asker(w->g);
	uint8_t pair[DIGEST_SIZE];

	return !failures_allow(w->m->aka_failures, counted_device(&w->device, asker, pair), asker,
	                       NULL);
}

static enum rc
serve(struct gaka_work *w, const struct request *r)
{
	const struct node_id *named = r->type == GAKA_T2 ? &r->t2.sn : &r->t10.sn;
	enum rc rc;

	w->device = r->type == GAKA_T2 ? r->t2.leader : r->t10.id;
	w->resync = r->type == GAKA_T2 ? r->t2.resync : r->t10.resync;
	rc = gaka_find_asker(w);
	if (rc == RC_FORBIDDEN || rc == RC_NOT_FOUND) {
		w->g->counted = MAS_COUNT_GAKA_NETWORK;
		mas_outcome(&w->g->outcome, RC_FORBIDDEN, "AUTH_FAILED");
		return gaka_trace(w, "NO_SERVING_NETWORK");
	}
	if (rc != RC_OK)
		return rc;
	if (locked(w) || w->g->counted == MAS_COUNT_GAKA_BUSY)
		return gaka_refuse(w, GAKA_REFUSED_TOO_OFTEN);
	if (!node_id_eq(named, &w->sn))
		return gaka_refuse(w, GAKA_REFUSED_NETWORK);
	return r->type == GAKA_T2 ? gaka_serve_t2(w, &r->t2) : gaka_serve_t10(w, &r->t10);
}

static void
free_making(struct tables_job *j)
{
	struct gaka_making *k = j->memory;

	if (k == NULL)
		return;
	if (k->to != NULL)
		secret_free(k->to, k->size);
	free(k);
	j->memory = NULL;
}

static enum rc
run(struct tables_job *j, struct tables_tx *tx)
{
	struct mas_gaka *g = MAS_CALL(j, struct mas_gaka);
	struct gaka_work w = { .m = j->self, .tx = tx, .g = g };
	struct request r;
	enum rc rc;

	free_making(j);
	buf_clear(&g->answer);
	mas_outcome(&g->outcome, RC_OK, NULL);
	g->now = clock_now(w.m->conf.clock);
	if (!read_request(g->message, &r)) {
		g->counted = MAS_COUNT_GAKA_PARAM;
		mas_outcome(&g->outcome, RC_BAD_REQUEST, "BAD_PARAM");
		return RC_OK;
	}
	w.making = j->memory = calloc(1, sizeof(*w.making));
	rc = w.making == NULL ? RC_UNAVAILABLE : serve(&w, &r);
	key_wipe(&w.ka);
	return rc;
}

/*
 * A refusal is counted against who asks, and against the device there when it has to do with that:
 * nobody locks out a device in a group or by a serving network that has nothing to do with it.
 */
static void
count_failure(struct mas_local *m, const struct mas_gaka *g)
{
	const struct node_id *device;
	struct slice subject = SLICE_NONE, asker = gaka_counted_asker(g);
	struct request r;
	char node[NODE_ID_TEXT];
	uint8_t pair[DIGEST_SIZE];
	bool resync;

	if (!read_request(g->message, &r))
		return;
	device = r.type == GAKA_T2 ? &r.t2.leader : &r.t10.id;
	resync = r.type == GAKA_T2 ? r.t2.resync : r.t10.resync;
	if (g->counted == MAS_COUNT_GAKA_GROUP || g->counted == MAS_COUNT_GAKA_SINGLE) {
		if (!resync)
			return;
		mas_count(m->counters, MAS_COUNT_GAKA_RESYNC, 1);
	} else if (g->counted == MAS_COUNT_GAKA_BUSY || g->counted == MAS_COUNT_GAKA_STORE) {
		return;
	}
	if (g->counted != MAS_COUNT_GAKA_UNKNOWN && g->counted != MAS_COUNT_GAKA_NETWORK)
		subject = counted_device(device, asker, pair);
	if (!failures_add(m->aka_failures, subject, asker))
		return;
	node_id_text(device, node);
	LOG_WARN(m->conf.log, "gaka-locked", LOG_Z("node", node), LOG_S("source", g->source));
}

/* The counters are stored: now it may go out. */
static void
give(struct mas_gaka *g, struct gaka_making *k)
{
	struct slice message = k->single ? slice_make(k->to, k->size) : gaka_hn_end(&k->hn);

	if (gaka_put_answer(g, message.p, message.n) != RC_OK)
		mas_outcome_failed(&g->outcome, RC_UNAVAILABLE);
}

static void
done(struct tables_job *j, enum rc rc)
{
	struct mas_gaka *g = MAS_CALL(j, struct mas_gaka);
	struct gaka_making *k = j->memory;
	struct mas_local *m = j->self;

	if (rc != RC_OK) {
		mas_outcome_failed(&g->outcome, rc);
		g->counted = MAS_COUNT_GAKA_STORE;
		buf_clear(&g->answer);
	} else if (k != NULL && k->to != NULL) {
		give(g, k);
	}
	free_making(j);
	mas_count(m->counters, g->counted, 1);
	count_failure(m, g);
	mas_count(m->counters, MAS_COUNT_HN_IN, 1);
	mas_count(m->counters, MAS_COUNT_HN_OUT, 1);
	mas_count(m->counters, MAS_COUNT_HN_BYTES_IN, g->message.n);
	mas_count(m->counters, MAS_COUNT_HN_BYTES_OUT, g->answer.n);
	g->done(g);
}

/* Counted here: of those that are carried out together none would see the others. */
static bool
takes_single(struct mas_local *m, const struct mas_gaka *g)
{
	struct slice name = gaka_counted_asker(g);

	if (gaka_type_of(g->message) != GAKA_T10)
		return true;
	if (!failures_allow(m->aka_singles, name, SLICE_NONE, NULL))
		return false;
	(void)failures_add(m->aka_singles, name, SLICE_NONE);
	return true;
}

void
mas_local_gaka(void *self, struct mas_gaka *g)
{
	buf_init(&g->answer, ANSWER_MAX);
	g->answer.secret = true;
	g->counted = takes_single(self, g) ? MAS_COUNT_GAKA_STORE : MAS_COUNT_GAKA_BUSY;
	mas_submit(self, &g->job, run, done);
}
