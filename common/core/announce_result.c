/* SPDX-License-Identifier: Apache-2.0 */
/* What came of a work, stored: on the announced resource, and as further works. */
#include "config.h"

#include "core/announce_state.h"

/* Nodes that one portion of an ANNOUNCE_AGAIN changes. */
#define AGAIN_BATCH 64u
/* Nothing is prolonged more often. */
#define REFRESH_MIN CLOCK_SECOND

/* ---- announceTo ---- */

/* The member of from, if it has it. */
static bool
copy_num(struct arena *a, struct val **to, const struct val *from, unsigned attr)
{
	const struct val *v = from == NULL ? NULL : val_get(from->first, attr);

	return v == NULL || val_set_num(a, to, attr, v->num);
}

/* A copy of announceTo's list of which one may be left out or added; the stored one stays. */
static enum rc
edit_list(struct arena *a, struct res *self, struct slice without, struct slice with)
{
	const struct val *to = val_get(self->vals, A_ANNOUNCE_TO);
	const struct val *old = to == NULL ? NULL : val_get(to->first, A_SCL_LIST);
	struct val *next = NULL, *list, *v;

	if (!copy_num(a, &next, to, A_ACTIVATED))
		return RC_UNAVAILABLE;
	list = val_add(a, &next, A_SCL_LIST);
	for (const struct val *r = old == NULL ? NULL : old->first; r != NULL && list != NULL;
	     r = r->next) {
		if (slice_eq(r->text, without))
			continue;
		v = val_add(a, &list->first, A_REFERENCE);
		if (v == NULL)
			return RC_UNAVAILABLE;
		v->text = r->text;
	}
	if (list != NULL && with.n > 0) {
		v = val_add(a, &list->first, A_REFERENCE);
		if (v == NULL)
			return RC_UNAVAILABLE;
		v->text = with;
	}
	if (list == NULL || !copy_num(a, &next, to, A_GLOBAL))
		return RC_UNAVAILABLE;
	val_remove(&self->vals, A_ANNOUNCE_TO);
	v = val_add(a, &self->vals, A_ANNOUNCE_TO);
	if (v == NULL)
		return RC_UNAVAILABLE;
	v->first = next;
	return RC_OK;
}

/* ---- one announcement ---- */

/* The node as it is and a copy to be changed. */
struct edit {
	struct res *old, *self;
	struct announcements list;
	struct announcement *an;
	bool shown; /* announceTo has changed */
	bool lost; /* the announcement has gone: what lay below it as well */
};

static enum rc
edit_begin(struct rtx *tx, uint64_t node, struct slice scl, struct edit *e)
{
	*e = (struct edit){ 0 };
	TRY(repo_get(tx, node, &e->old));
	TRY(repo_get(tx, node, &e->self));
	TRY(announcements_read(repo_arena(tx), e->self->vals, 0, &e->list));
	e->an = announcements_find(&e->list, scl);
	return RC_OK;
}

static void
forget(struct edit *e)
{
	*e->an = e->list.v[--e->list.n];
	e->an = NULL;
}

static enum rc
edit_end(struct scl *scl, struct rtx *tx, struct edit *e)
{
	int64_t now = repo_now(tx);

	TRY(announcements_write(repo_arena(tx), &e->self->vals, &e->list));
	if (e->shown)
		e->self->modified = now > e->old->modified ? now : e->old->modified + 1;
	TRY(repo_update(tx, e->old, e->self));
	return e->shown ? event_changed(scl, tx, e->self->id, SLOT_SELF, false) : RC_OK;
}

static enum rc
refuse(struct rtx *tx, struct edit *e)
{
	if (announce_wanted(e->self, e->an->reference)) {
		TRY(edit_list(repo_arena(tx), e->self, e->an->reference, SLICE_NONE));
		e->shown = true;
	}
	return RC_OK;
}

/* It is announced there still: the list says so (TS 102 690, announcing). */
static enum rc
keep(struct rtx *tx, struct edit *e)
{
	e->an->stamp = announce_stamp(e->self);
	if (announce_wanted(e->self, e->an->reference) ||
	    val_get(e->self->vals, A_ANNOUNCE_TO) == NULL)
		return RC_OK;
	e->shown = true;
	return edit_list(repo_arena(tx), e->self, SLICE_NONE, e->an->reference);
}

static enum rc
apply(struct rtx *tx, struct edit *e, const struct announce_result *r)
{
	struct announcement *an = e->an;

	switch (r->outcome) {
	case OUTCOME_CREATED:
	case OUTCOME_TAKEN:
		an->uri = r->uri;
		an->stamp = r->outcome == OUTCOME_CREATED ? r->stamp : 0;
		return RC_OK;
	case OUTCOME_UPDATED:
	case OUTCOME_KEPT_AS_IS:
		an->stamp = r->stamp;
		return RC_OK;
	case OUTCOME_REFUSED:
		return refuse(tx, e);
	case OUTCOME_NOT_DELETED:
		return keep(tx, e);
	case OUTCOME_LOST:
	case OUTCOME_DELETED:
		e->lost = an->uri.n > 0;
		an->uri = SLICE_NONE;
		return RC_OK;
	case OUTCOME_NONE:
		break;
	}
	return RC_OK;
}

static enum rc
drop_refresh(struct rtx *tx, struct announcement *an)
{
	uint64_t key = an->refresh;

	an->refresh = 0;
	return key == 0 ? RC_OK : announce_work_remove(tx, key);
}

/* The other SCL lets it live shorter than its original: it is updated at half of that time. */
static enum rc
plan_refresh(struct scl *scl, struct rtx *tx, const struct announce_work *w,
             const struct announce_result *r, struct edit *e)
{
	int64_t now = repo_now(tx), half = (r->until - now) / 2;
	bool shown = r->outcome == OUTCOME_CREATED || r->outcome == OUTCOME_UPDATED;

	if (!shown && e->an->uri.n > 0)
		return RC_OK;
	TRY(drop_refresh(tx, e->an));
	if (!shown || r->until == 0 || r->until >= e->self->expires)
		return RC_OK;
	TRY(repo_new_number(tx, &e->an->refresh));
	return announce_work_put(
		scl, tx, e->an->refresh,
		&(struct announce_work){ .form = ANNOUNCE_REFRESH,
	                                 .node = w->node,
	                                 .scl = w->scl,
	                                 .after =
	                                         now + (half > REFRESH_MIN ? half : REFRESH_MIN) });
}

/* What is left to do when the outcome is known; the node may have changed meanwhile. */
static bool
is_settled(const struct edit *e)
{
	if (!announce_wanted(e->self, e->an->reference))
		return e->an->uri.n == 0;
	return e->an->uri.n > 0 && e->an->stamp == announce_stamp(e->self);
}

/* The children were announced below what is gone. */
static enum rc
lose_children(struct scl *scl, struct rtx *tx, const struct announce_work *w)
{
	uint64_t key;

	TRY(repo_new_number(tx, &key));
	return announce_work_put(
		scl, tx, key,
		&(struct announce_work){ .form = ANNOUNCE_AGAIN, .node = w->node, .scl = w->scl });
}

/*
 * What was refused may have been asked for at a place that is lost, which an ANNOUNCE_AGAIN is about
 * to find here: that begins the work anew, which stays for it until then.
 */
static enum rc
is_void(struct rtx *tx, const struct announce_work *w, const struct announce_result *r,
        const struct edit *e, bool *answer)
{
	*answer = false;
	return r->outcome == OUTCOME_REFUSED ? announce_is_lost(tx, e->self, w->scl, answer) : RC_OK;
}

static enum rc
store_node(struct scl *scl, struct rtx *tx, const struct announce_work *w,
           struct announce_result *r, struct edit *e)
{
	bool host, nothing;

	TRY(is_void(tx, w, r, e, &nothing));
	if (nothing)
		return RC_OK;
	TRY(apply(tx, e, r));
	TRY(plan_refresh(scl, tx, w, r, e));
	host = e->lost && rtype_rule(announced_as(e->self->type), A_CONTAINERS_REFERENCE) != NULL;
	/* What could not be deleted stays as it is until announceTo changes. */
	r->more = r->outcome != OUTCOME_NOT_DELETED && !is_settled(e);
	if (!r->more) {
		e->an->work = 0;
		TRY(announce_work_remove(tx, r->key));
	}
	if (!announce_wanted(e->self, e->an->reference) && e->an->uri.n == 0) {
		TRY(drop_refresh(tx, e->an));
		forget(e);
	}
	TRY(edit_end(scl, tx, e));
	return host ? lose_children(scl, tx, w) : RC_OK;
}

/* The original went while its announcement was made: it is known now where that is. */
static enum rc
store_gone(struct scl *scl, struct rtx *tx, struct announce_result *r)
{
	struct announce_work w;
	struct slice bytes;
	enum rc rc = repo_work_get(tx, WORK_ANNOUNCE, r->key, &bytes);

	if (rc == RC_NOT_FOUND)
		return RC_OK;
	TRY(rc);
	if (!announce_work_read(bytes, &w) || w.form != ANNOUNCE_GONE)
		return announce_work_remove(tx, r->key);
	r->more = true;
	if (r->outcome != OUTCOME_CREATED && r->outcome != OUTCOME_TAKEN)
		return RC_OK;
	w.unsure = false;
	w.uri = r->uri;
	return announce_work_put(scl, tx, r->key, &w);
}

enum rc
announce_result_store(struct scl *scl, struct rtx *tx, const struct announce_work *w,
                      struct announce_result *r)
{
	struct edit e;
	enum rc rc;

	r->more = false;
	if (w->form != ANNOUNCE_NODE)
		return announce_work_remove(tx, r->key);
	rc = edit_begin(tx, w->node, w->scl, &e);
	if (rc == RC_NOT_FOUND)
		return store_gone(scl, tx, r);
	TRY(rc);
	if (e.an == NULL || e.an->work != r->key)
		return announce_work_remove(tx, r->key);
	return store_node(scl, tx, w, r, &e);
}

enum rc
announce_refresh(struct scl *scl, struct rtx *tx, const struct announce_work *w,
                 struct announce_result *r)
{
	struct edit e;
	enum rc rc = edit_begin(tx, w->node, w->scl, &e);

	r->more = false;
	TRY(announce_work_remove(tx, r->key));
	if (rc == RC_NOT_FOUND || (rc == RC_OK && (e.an == NULL || e.an->refresh != r->key)))
		return RC_OK;
	TRY(rc);
	e.an->refresh = 0;
	e.an->stamp = 0;
	if (e.an->work == 0) {
		TRY(repo_new_number(tx, &e.an->work));
		TRY(announce_work_put(scl, tx, e.an->work,
		                      &(struct announce_work){ .form = ANNOUNCE_NODE,
		                                               .node = w->node,
		                                               .scl = w->scl }));
	}
	return edit_end(scl, tx, &e);
}

/* ---- announcing again ---- */

struct again {
	uint64_t ids[AGAIN_BATCH];
	size_t n;
};

static bool
collect(void *arg, uint64_t id, uint64_t seq)
{
	struct again *ag = arg;

	if (seq == 0)
		ag->ids[ag->n++] = id;
	return ag->n < AGAIN_BATCH;
}

/* The announcement of one node is lost, if it had one there. */
static enum rc
lose(struct scl *scl, struct rtx *tx, const struct announce_work *w, uint64_t id)
{
	struct edit e;

	TRY(edit_begin(tx, id, w->scl, &e));
	if (e.an == NULL || (w->node != ID_NONE && e.self->parent != w->node))
		return RC_OK;
	TRY(drop_refresh(tx, e.an));
	e.an->uri = SLICE_NONE;
	e.an->stamp = 0;
	/* What is under way may have been done before the loss: its result does not count. */
	if (e.an->work != 0)
		TRY(announce_work_remove(tx, e.an->work));
	TRY(repo_new_number(tx, &e.an->work));
	TRY(announce_work_put(
		scl, tx, e.an->work,
		&(struct announce_work){ .form = ANNOUNCE_NODE, .node = id, .scl = w->scl }));
	return edit_end(scl, tx, &e);
}

enum rc
announce_again(struct scl *scl, struct rtx *tx, struct announce_work *w, struct announce_result *r)
{
	struct arena *a = repo_arena(tx);
	struct again ag = { .n = 0 };

	TRY(repo_labelled_from(tx, w->scl, w->cursor, collect, &ag));
	for (size_t i = 0; i < ag.n; i++) {
		struct arena_mark mark = arena_mark(a);

		TRY(lose(scl, tx, w, ag.ids[i]));
		arena_rewind(a, mark);
	}
	r->more = ag.n == AGAIN_BATCH;
	if (!r->more)
		return announce_work_remove(tx, r->key);
	w->cursor = ag.ids[ag.n - 1] + 1;
	return announce_work_put(scl, tx, r->key, w);
}
