/* SPDX-License-Identifier: Apache-2.0 */
/* Control of a forward: what is said of URLs becomes changes of sinks, all or none of them. */
#include "config.h"

#include <stdio.h>

#include "cap/pxy/px_lanes.h"
#include "cap/pxy/px_rest_own.h"

#define MANY "too many sinks or keys"

/* A sink of the forward as it is, and what is to become of it. Slices live in the view. */
struct known {
	uint32_t number;
	struct slice url;
	bool changed;
	struct px_sink_change change;
	struct px_section last[PX_LAST_MAX];
};

struct plan {
	struct px_call *c;
	const struct px_json_control *j;
	struct px_control *to;
	struct known *v; /* those that have not ended */
	size_t n, room;
	uint32_t *ended; /* numbers of those that have */
	size_t n_ended;
};

/* ---- what there is ---- */

static bool
note_sink(void *arg, const struct px_sink *s)
{
	struct plan *p = arg;
	struct known *k = &p->v[p->n];

	if (p->n + p->n_ended == p->room)
		return false;
	if (s->ended) {
		p->ended[p->n_ended++] = s->number;
		return true;
	}
	p->n++;
	*k = (struct known){ .number = s->number, .url = s->url };
	memcpy(k->last, s->last, sizeof(s->last[0]) * s->n_last);
	k->change = (struct px_sink_change){
		.sink = s->number,
		.rate = s->rate,
		.compress = s->compress,
		.batch = s->batch,
		.until = s->until == UINT64_MAX ? 0 : s->until,
		.last = k->last,
		.n_last = s->n_last,
	};
	return true;
}

static enum rc
note_sinks(struct plan *p)
{
	p->room = p->c->forward.n_sinks;
	p->v = ARENA_ARRAY(p->c->arena, struct known, p->room + 1);
	p->ended = ARENA_ARRAY(p->c->arena, uint32_t, p->room + 1);
	if (p->v == NULL || p->ended == NULL)
		return RC_UNAVAILABLE;
	return px_sink_list(p->c->view, p->c->id, note_sink, p);
}

/* NULL: no sink that goes on has it. */
static struct known *
find(struct plan *p, struct slice url)
{
	for (size_t i = 0; i < p->n; i++)
		if (slice_eq(p->v[i].url, url))
			return &p->v[i];
	return NULL;
}

/* ---- what is wanted ---- */

struct pk_search {
	struct plan *p;
	uint32_t sink;
	bool found;
	uint8_t pk_id[PX_PK_ID_BYTES];
};

static bool
look_at_key(void *arg, const struct px_key_of *of)
{
	struct pk_search *s = arg;
	struct px_key k;

	s->found = px_key_get(s->p->c->view, s->p->c->id, s->sink, of, &k) == RC_OK;
	memcpy(s->pk_id, k.pk_id, sizeof(s->pk_id));
	secret_wipe(&k, sizeof(k));
	return false;
}

/* Keys that do not say for which public key of the sink they are go with those that there are. */
static enum rc
complete_keys(struct plan *p, const struct px_json_grant *g, uint32_t sink)
{
	struct pk_search s = { .p = p, .sink = sink };
	enum rc rc = px_key_list(p->c->view, p->c->id, sink, NULL, look_at_key, &s);

	if (rc != RC_OK || !s.found)
		return rc != RC_OK ? rc : RC_BAD_REQUEST;
	for (size_t i = 0; i < g->n_keys; i++)
		memcpy(g->keys[i].pk_id, s.pk_id, PX_PK_ID_BYTES);
	return RC_OK;
}

/* Keys of a SINK that is there: copies, which are wiped with the call. */
static enum rc
plan_grants(struct plan *p)
{
	struct px_grant *v = ARENA_ARRAY(p->c->arena, struct px_grant, p->c->keys.n + 1);
	enum rc rc = RC_OK;

	if (v == NULL)
		return RC_UNAVAILABLE;
	p->to->grant = v;
	p->c->grants = v;
	for (size_t i = 0; rc == RC_OK && i < p->j->n_grant; i++) {
		const struct px_json_grant *g = &p->j->grant[i];
		const struct known *k = find(p, g->url);

		if (k == NULL)
			return RC_NOT_FOUND;
		if (!g->has_pk_id)
			rc = complete_keys(p, g, k->number);
		for (size_t n = 0; rc == RC_OK && n < g->n_keys; n++)
			v[p->c->n_grants++] =
				(struct px_grant){ .sink = k->number, .key = g->keys[n] };
	}
	p->to->n_grant = p->c->n_grants;
	return rc;
}

static enum rc
plan_additions(struct plan *p)
{
	struct px_sink_terms *v = ARENA_ARRAY(p->c->arena, struct px_sink_terms, p->j->n_add + 1);

	if (v == NULL)
		return RC_UNAVAILABLE;
	p->to->add = v;
	for (size_t i = 0; i < p->j->n_add; i++) {
		for (size_t k = 0; k < i; k++)
			if (slice_eq(p->j->add[i].url, p->j->add[k].url))
				return RC_CONFLICT;
		if (find(p, p->j->add[i].url) != NULL)
			return RC_CONFLICT;
		if (!px_rest_terms(p->c, &p->j->add[i], NULL, NULL, &v[i]))
			return RC_UNAVAILABLE;
	}
	p->to->n_add = p->j->n_add;
	return RC_OK;
}

struct border {
	struct known *k;
	bool many;
};

/* Of each stream its newest section is the last. An earlier end stays. */
static bool
end_stream(void *arg, const struct px_mark *m)
{
	struct border *b = arg;
	size_t n = b->k->change.n_last, i = 0;

	while (i < n && b->k->last[i].stream != m->section.stream)
		i++;
	b->many = i == PX_LAST_MAX;
	if (b->many)
		return false;
	if (i == n || px_section_order(&m->section, &b->k->last[i]) < 0)
		b->k->last[i] = m->section;
	b->k->change.n_last = i == n ? n + 1 : n;
	return true;
}

static enum rc
end_at_section(struct plan *p, struct known *k)
{
	struct border b = { .k = k };
	uint64_t newest = p->c->store.last;
	enum rc rc;

	k->changed = true;
	if (p->c->store.mode == PX_INDIVIDUAL) {
		/* Each message is a section of its own. */
		if (k->change.until == 0 || k->change.until > newest)
			k->change.until = newest;
		return RC_OK;
	}
	rc = px_mark_list(p->c->view, p->c->forward.store, end_stream, &b);
	return rc == RC_OK && b.many ? RC_TOO_LARGE : rc;
}

static enum rc
plan_removals(struct plan *p)
{
	uint32_t *v = ARENA_ARRAY(p->c->arena, uint32_t, p->j->n_remove + p->n_ended + 1);
	enum rc rc = RC_OK;

	if (v == NULL)
		return RC_UNAVAILABLE;
	p->to->remove = v;
	for (size_t i = 0; rc == RC_OK && i < p->j->n_remove; i++) {
		struct known *k = find(p, p->j->remove[i].url);

		if (k == NULL)
			return RC_NOT_FOUND;
		/* Without a message there is no section to be ended. */
		if (p->j->remove[i].at_section && p->c->store.last > 0) {
			rc = end_at_section(p, k);
			continue;
		}
		v[p->to->n_remove++] = k->number;
		/* Nothing else is said of what is removed. */
		k->url = SLICE_NONE;
		k->changed = false;
	}
	/* What has ended makes room for who comes. */
	for (size_t i = 0; i < p->n_ended && p->j->n_add > 0; i++)
		v[p->to->n_remove++] = p->ended[i];
	return rc;
}

static enum rc
plan_rates(struct plan *p)
{
	for (size_t i = 0; i < p->j->n_rate; i++) {
		const struct px_json_rate *r = &p->j->rate[i];
		struct known *k = find(p, r->url);

		if (k == NULL)
			return RC_NOT_FOUND;
		k->changed = true;
		if (r->has_rate)
			k->change.rate = r->rate != 0 ? r->rate : p->c->px->conf->store.rate;
		if (r->batch != 0)
			k->change.batch = r->batch;
	}
	return RC_OK;
}

/* Only what the sink has refused is passed over. */
static bool
is_refused(const struct plan *p, uint32_t sink, uint64_t number)
{
	struct px_lane_look look;

	return px_lanes_look(p->c->px->lanes, p->c->forward.store, p->c->id, sink, &look) &&
	       look.state == PX_LANE_REFUSED && look.refused == number;
}

static enum rc
plan_skips(struct plan *p)
{
	struct px_skip *v = ARENA_ARRAY(p->c->arena, struct px_skip, p->j->n_skip + 1);

	if (v == NULL)
		return RC_UNAVAILABLE;
	p->to->skip = v;
	for (size_t i = 0; i < p->j->n_skip; i++) {
		const struct known *k = find(p, p->j->skip[i].url);

		if (k == NULL)
			return RC_NOT_FOUND;
		if (!is_refused(p, k->number, p->j->skip[i].number))
			return RC_CONFLICT;
		v[p->to->n_skip++] =
			(struct px_skip){ .sink = k->number, .number = p->j->skip[i].number };
	}
	return RC_OK;
}

/* What has come together for each sink. */
static enum rc
plan_changes(struct plan *p)
{
	struct px_sink_change *v = ARENA_ARRAY(p->c->arena, struct px_sink_change, p->n + 1);

	if (v == NULL)
		return RC_UNAVAILABLE;
	p->to->change = v;
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].changed)
			v[p->to->n_change++] = p->v[i].change;
	return RC_OK;
}

static enum rc
make_plan(struct plan *p)
{
	static enum rc (*const steps[])(struct plan * p) = {
		note_sinks,  plan_removals, plan_additions, plan_rates,
		plan_grants, plan_skips,    plan_changes,
	};
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < sizeof(steps) / sizeof(steps[0]); i++)
		rc = steps[i](p);
	return rc;
}

/* ---- carried out ---- */

static enum rc
refuse_revision(struct px_call *c, uint64_t version)
{
	return px_call_refuse(
		c, RC_CONFLICT,
		arena_printf(c->arena, "revision is %llu", (unsigned long long)version));
}

static void
controlled(struct px_op *op)
{
	const struct px_control *n = (const struct px_control *)op;
	struct px_call *c = op->owner;

	if (op->rc == RC_PRECONDITION || op->rc == RC_CONFLICT) {
		refuse_revision(c, n->version_now);
		return;
	}
	if (op->rc != RC_OK) {
		px_call_fail(c, op->rc, MANY);
		return;
	}
	buf_char(&c->out, '{');
	json_put_number(&c->out, "revision", (int64_t)n->version_now);
	buf_char(&c->out, '}');
	px_call_answer(c, RC_OK);
}

static void
control(struct px_call *c)
{
	px_forward_control(c->px->book, &c->u.control);
}

static void
begin(struct req *rq)
{
	px_rest_check_keys(px_call_of(rq), control);
}

enum rc
px_rest_control(struct px_call *c)
{
	static const enum px_state states[] = {
		[PX_JSON_CHANGE] = 0, [PX_JSON_PAUSE] = PX_PAUSED, [PX_JSON_RESUME] = PX_RUNNING
	};
	struct px_json_control j;
	struct plan p = { .c = c, .j = &j, .to = &c->u.control };
	const char *why = NULL;
	char what[32 + PX_ID_TEXT];
	enum rc rc = px_json_control(c->in->body, c->arena, &j, &c->keys, &why);

	if (rc != RC_OK)
		return px_call_refuse(c, rc, slice_of(why));
	rc = px_call_takes_keys(c);
	if (rc != RC_OK)
		return rc;
	snprintf(what, sizeof(what), "control %016llx", (unsigned long long)c->id);
	rc = px_call_request(c, &(struct px_json_again){ .given = false }, what);
	if (rc != RC_OK)
		return rc;
	c->u.control = (struct px_control){ .op = { .done = controlled, .owner = c },
		                            .forward = c->id,
		                            .version = j.revision,
		                            .digest = c->request.digest,
		                            .state = states[j.action] };
	/*
	 * Versions only grow: what names an older one can only be the last control again, which the book
	 * knows by its digest; nothing has to be found for that, and sinks may be gone by it.
	 */
	if (c->forward.version < j.revision)
		return refuse_revision(c, c->forward.version);
	if (c->forward.version == j.revision)
		rc = make_plan(&p);
	return rc == RC_OK ? px_call_pend(c, begin) : px_call_fail(c, rc, MANY);
}
