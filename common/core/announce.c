/* SPDX-License-Identifier: Apache-2.0 */
/* What announceTo becomes by a request, and which announcements are to be changed for it. */
#include "config.h"

#include "core/announce_state.h"

/* ---- announceTo ---- */

static bool
is_activated(const struct val *to)
{
	return to != NULL && val_num(to->first, A_ACTIVATED, 1) != 0;
}

static const struct val *
scls_of(const struct val *to)
{
	const struct val *list = to == NULL ? NULL : val_get(to->first, A_SCL_LIST);

	return list == NULL ? NULL : list->first;
}

/* What is not there reads as not activated, with an empty list (answer.c renders it so). */
static bool
same(const struct val *was, const struct val *is)
{
	const struct val *a = scls_of(was), *b = scls_of(is);

	if (is_activated(was) != is_activated(is))
		return false;
	if (val_num(was == NULL ? NULL : was->first, A_GLOBAL, 0) !=
	    val_num(is == NULL ? NULL : is->first, A_GLOBAL, 0))
		return false;
	for (; a != NULL && b != NULL; a = a->next, b = b->next)
		if (!slice_eq(a->text, b->text))
			return false;
	return a == NULL && b == NULL;
}

/* ---- who announces ---- */

/* The registered application that made the request, NULL when it is none. */
static enum rc
issuer(struct req *rq, struct res **app)
{
	struct slice path = rq->who.local_path;
	struct slice apps = ARENA_JOIN(rq->arena, rq->scl->base_path, SLICE_LIT("/applications/"));
	struct child c;
	enum rc rc;

	*app = NULL;
	if (rq->who.app_id.n == 0 || rq->who.app_id.n > REPO_NAME_MAX ||
	    !slice_starts(path, apps) || memchr(path.p + apps.n, '/', path.n - apps.n) != NULL)
		return RC_OK;
	rc = repo_child(rq->tx, ID_SCL_BASE, T_APPLICATIONS, rq->who.app_id, &c);
	if (rc == RC_OK)
		rc = repo_get(rq->tx, c.id, app);
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* What an application may be called by, also before it is stored. */
static bool
is_application(const struct req *rq)
{
	return rq->who.app_id.n > 0 && uri_path_below(rq->who.local_path, rq->scl->base_path);
}

/* ---- the list ---- */

/* An entry of sclList and the SCL that it names. */
struct wish {
	struct slice reference;
	struct res *peer;
};

struct wishes {
	struct wish *v;
	size_t n;
};

static bool
named_before(const struct wishes *w, const struct res *peer)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->v[i].peer->id == peer->id)
			return true;
	return false;
}

static enum rc
consider(struct req *rq, const struct res *self, struct slice reference, struct wishes *w)
{
	struct res *peer;
	enum rc rc = announce_peer(rq->scl, rq->tx, reference, &peer);

	if (rc == RC_OK && named_before(w, peer))
		return RC_OK;
	if (rc == RC_OK)
		rc = announce_place(rq->scl, rq->tx, self, peer, NULL);
	if (rc == RC_OK)
		w->v[w->n++] = (struct wish){ reference, peer };
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* Leaves out what is not registered, stands twice or has no place for an announcement of self. */
static enum rc
choose(struct req *rq, const struct res *self, const struct val *list, struct wishes *w)
{
	size_t n = 0, max = rq->conf->announce_scls;

	for (const struct val *v = list; v != NULL; v = v->next)
		if (++n > max && max > 0)
			return req_fail(rq, RC_FORBIDDEN, "sclList has more than %zu entries", max);
	*w = (struct wishes){ ARENA_ARRAY(rq->arena, struct wish, n + 1), 0 };
	if (w->v == NULL)
		return RC_UNAVAILABLE;
	for (const struct val *v = list; v != NULL; v = v->next)
		TRY(consider(rq, self, v->text, w));
	return RC_OK;
}

/*
 * Sets announceTo anew: what the values had is shared with what the client asked for. Of as, if it
 * is not NULL, what it says besides the list is kept.
 */
static enum rc
set_announce_to(struct req *rq, struct res *self, const struct val *as, bool activated,
                const struct wishes *w)
{
	const struct val *given = as == NULL ? NULL : val_get(as->first, A_ACTIVATED);
	const struct val *global = as == NULL ? NULL : val_get(as->first, A_GLOBAL);
	struct arena *a = rq->arena;
	struct val *to, *list;

	val_remove(&self->vals, A_ANNOUNCE_TO);
	to = val_add(a, &self->vals, A_ANNOUNCE_TO);
	if (to == NULL ||
	    ((as == NULL || given != NULL) && !val_set_num(a, &to->first, A_ACTIVATED, activated)))
		return RC_UNAVAILABLE;
	list = val_add(a, &to->first, A_SCL_LIST);
	for (size_t i = 0; i < w->n; i++) {
		struct val *v = list == NULL ? NULL : val_add(a, &list->first, A_REFERENCE);

		if (v == NULL)
			return RC_UNAVAILABLE;
		v->text = w->v[i].reference;
	}
	if (list == NULL || (global != NULL && !val_set_num(a, &to->first, A_GLOBAL, global->num)))
		return RC_UNAVAILABLE;
	return RC_OK;
}

/* ---- what is to be done ---- */

static enum rc
need_work(struct req *rq, struct announcement *an)
{
	return an->work != 0 ? RC_OK : repo_new_number(rq->tx, &an->work);
}

static enum rc
add_wish(struct req *rq, const struct wish *w, struct announcements *list)
{
	struct announcement *an = announcements_find(list, w->peer->name);

	if (an == NULL) {
		an = &list->v[list->n++];
		*an = (struct announcement){ .scl = w->peer->name };
		TRY(need_work(rq, an));
	}
	an->reference = w->reference;
	return RC_OK;
}

/*
 * Holds what is announced against what is wanted: O\N, N\O and what has changed since it was
 * announced. w is NULL when announceTo is as it was.
 */
static enum rc
reconcile(struct req *rq, struct res *self, const struct wishes *w)
{
	struct announcements list;
	int64_t stamp = announce_stamp(self);

	TRY(announcements_read(rq->arena, self->vals, w == NULL ? 0 : w->n, &list));
	for (size_t i = 0; w != NULL && i < w->n; i++)
		TRY(add_wish(rq, &w->v[i], &list));
	for (size_t i = 0; i < list.n; i++) {
		struct announcement *an = &list.v[i];

		if (!announce_wanted(self, an->reference) || an->stamp != stamp)
			TRY(need_work(rq, an));
	}
	return announcements_write(rq->arena, &self->vals, &list);
}

/* ---- active and passive ---- */

static enum rc
set_issuer(struct req *rq, struct res *self, bool active)
{
	val_remove(&self->vals, A_ANNOUNCED_BY);
	if (!active || !is_application(rq))
		return RC_OK;
	return val_set_text(rq->arena, &self->vals, A_ANNOUNCED_BY,
	                    absolute_uri(rq->scl, rq->arena, rq->who.local_path))
	               ? RC_OK
	               : RC_UNAVAILABLE;
}

/* asked is the client's announceTo, NULL for passive announcing. */
static enum rc
announce_to_list(struct req *rq, struct res *self, const struct val *list, const struct val *asked)
{
	struct wishes w = { 0 };

	TRY(choose(rq, self, list, &w));
	/* A list without SCLs that nobody has asked for is not stored. */
	if (asked == NULL && w.n == 0)
		val_remove(&self->vals, A_ANNOUNCE_TO);
	else
		TRY(set_announce_to(rq, self, asked, true, &w));
	TRY(set_issuer(rq, self, asked != NULL));
	return reconcile(rq, self, &w);
}

static enum rc
announce_active(struct req *rq, const struct res *old, struct res *self, const struct val *to)
{
	if (is_activated(to))
		return announce_to_list(rq, self, scls_of(to), to);
	/* TS 102 921 10.3.2.8.1: to take it back is to send an empty list. */
	if (old != NULL)
		return req_fail(rq, RC_FORBIDDEN,
		                "announceTo cannot be changed with activated false");
	return RC_OK;
}

/* The application's list without announcing: what it has not activated is stored so. */
static enum rc
store_inactive(struct req *rq, struct res *self, const struct val *list)
{
	struct wishes w;
	size_t n = 0;

	for (const struct val *v = list; v != NULL; v = v->next)
		n++;
	w = (struct wishes){ ARENA_ARRAY(rq->arena, struct wish, n + 1), 0 };
	if (w.v == NULL)
		return RC_UNAVAILABLE;
	for (const struct val *v = list; v != NULL; v = v->next)
		w.v[w.n++].reference = v->text;
	TRY(set_announce_to(rq, self, NULL, false, &w));
	return reconcile(rq, self, NULL);
}

struct policy_search {
	struct rtx *tx;
	struct res *mo;
	enum rc rc;
};

static bool
take_own_mo(void *arg, uint64_t id)
{
	struct policy_search *s = arg;
	struct res *node;

	s->rc = repo_get(s->tx, id, &node);
	/* Those below a scl or an application are about that one. */
	if (s->rc == RC_OK && node->parent == ID_SCL_BASE && node->expires > repo_now(s->tx) &&
	    val_get(node->vals, A_ANNOUNCED_TO_SCL_LIST) != NULL)
		s->mo = node;
	return s->rc == RC_OK && s->mo == NULL;
}

/* announcedToSclList of this SCL's own EtsiSclMo, else the configuration (TS 102 921 annex B). */
static enum rc
policy_list(struct req *rq, const struct val **list)
{
	struct policy_search s = { .tx = rq->tx };
	const char *const *to = rq->conf->announce_to;
	struct val *first = NULL;

	TRY(repo_of_type(rq->tx, T_ETSI_SCL_MO, take_own_mo, &s));
	TRY(s.rc);
	*list = s.mo == NULL ? NULL : val_get(s.mo->vals, A_ANNOUNCED_TO_SCL_LIST);
	if (*list != NULL) {
		*list = (*list)->first;
		return RC_OK;
	}
	for (; to != NULL && *to != NULL; to++) {
		struct val *v = val_add(rq->arena, &first, A_REFERENCE);

		if (v == NULL)
			return RC_UNAVAILABLE;
		v->text = slice_of(*to);
	}
	*list = first;
	return RC_OK;
}

/* Remote collections and what other SCLs announce here are not this SCL's to announce. */
static enum rc
is_own_resource(struct req *rq, const struct res *self, bool *own)
{
	const struct res *at = self;
	struct res *up;

	*own = false;
	while (at->parent != ID_SCL_BASE && at->parent != ID_NONE) {
		TRY(repo_get(rq->tx, at->parent, &up));
		at = up;
	}
	*own = at->type->number != T_SCL && !rtype_is_annc(self->type);
	return RC_OK;
}

static enum rc
announce_passive(struct req *rq, struct res *self)
{
	const struct val *list = NULL, *to = NULL;
	struct res *app;
	bool own;

	TRY(is_own_resource(rq, self, &own));
	if (own) {
		TRY(issuer(rq, &app));
		if (app != NULL && app->id != self->id)
			to = val_get(app->vals, A_ANNOUNCE_TO);
		if (to != NULL && val_num(to->first, A_GLOBAL, 0) != 0) {
			if (!is_activated(to))
				return store_inactive(rq, self, scls_of(to));
			list = scls_of(to);
		} else {
			TRY(policy_list(rq, &list));
		}
	}
	return announce_to_list(rq, self, list, NULL);
}

enum rc
announce_decide(struct req *rq, const struct res *old, struct res *self)
{
	const struct val *was = old == NULL ? NULL : val_get(old->vals, A_ANNOUNCE_TO);
	const struct val *is = val_get(self->vals, A_ANNOUNCE_TO);

	if (announced_as(self->type) == NULL || rtype_rule(self->type, A_ANNOUNCE_TO) == NULL)
		return RC_OK;
	if (old == NULL ? is == NULL : is == NULL && was != NULL)
		return announce_passive(rq, self);
	if (old == NULL || !same(was, is))
		return announce_active(rq, old, self, is);
	return val_get(self->vals, A_ANNOUNCED) == NULL ? RC_OK : reconcile(rq, self, NULL);
}

/* ---- works ---- */

enum rc
announce_stored(struct req *rq, const struct res *old, const struct res *self)
{
	struct announcements before, list;

	if (val_get(self->vals, A_ANNOUNCED) == NULL)
		return RC_OK;
	TRY(announcements_read(rq->arena, old == NULL ? NULL : old->vals, 0, &before));
	TRY(announcements_read(rq->arena, self->vals, 0, &list));
	for (size_t i = 0; i < list.n; i++) {
		const struct announcement *an = &list.v[i];
		const struct announcement *was = announcements_find(&before, an->scl);

		if (an->work == 0 || (was != NULL && was->work == an->work))
			continue;
		TRY(announce_work_put(rq->scl, rq->tx, an->work,
		                      &(struct announce_work){ .form = ANNOUNCE_NODE,
		                                               .node = self->id,
		                                               .scl = an->scl }));
	}
	return RC_OK;
}

/* True when the announcement goes with that of the parent, which is going as well. */
static bool
goes_with(const struct announcements *above, const struct announcement *an)
{
	const struct announcement *p = announcements_find(above, an->scl);

	return p != NULL && p->uri.n > 0 && (an->uri.n == 0 || uri_path_below(an->uri, p->uri));
}

static enum rc
remove_one(struct scl *scl, struct rtx *tx, const struct res *node, struct slice link,
           struct announcement *an)
{
	struct announce_work w = { .form = ANNOUNCE_GONE,
		                   .scl = an->scl,
		                   .uri = an->uri,
		                   .link = link,
		                   .unsure = an->uri.n == 0 };
	struct res *peer;
	enum rc rc;

	w.from = announce_issuer(node, link);
	/* It may be there although its creation is not known to have succeeded. */
	if (w.unsure) {
		rc = announce_peer_named(tx, an->scl, &peer);
		if (rc == RC_OK)
			rc = announce_uri(scl, tx, node, peer, 0, &w.uri, NULL);
		/* Without a place, or before its parent's, nothing was created. */
		if (rc == RC_NOT_FOUND || (rc == RC_UNAVAILABLE && !arena_failed(repo_arena(tx))))
			return announce_work_remove(tx, an->work);
		TRY(rc);
	}
	if (an->work == 0)
		TRY(repo_new_number(tx, &an->work));
	return announce_work_put(scl, tx, an->work, &w);
}

enum rc
announce_removed(struct scl *scl, struct rtx *tx, const struct res *node, bool nested)
{
	struct announcements list, above = { 0 };
	struct res *parent;
	struct slice path;

	if (val_get(node->vals, A_ANNOUNCED) == NULL)
		return RC_OK;
	TRY(announcements_read(repo_arena(tx), node->vals, 0, &list));
	if (nested) {
		TRY(repo_get(tx, node->parent, &parent));
		TRY(announcements_read(repo_arena(tx), parent->vals, 0, &above));
	}
	TRY(repo_path(tx, node->id, SLOT_SELF, &path));
	path = absolute_uri(scl, repo_arena(tx), path);
	for (size_t i = 0; i < list.n; i++) {
		struct announcement *an = &list.v[i];

		if (an->refresh != 0)
			TRY(announce_work_remove(tx, an->refresh));
		if (goes_with(&above, an))
			TRY(an->work == 0 ? RC_OK : announce_work_remove(tx, an->work));
		else
			TRY(remove_one(scl, tx, node, path, an));
	}
	return RC_OK;
}

struct first_announced {
	struct rtx *tx;
	struct slice scl;
	bool found;
	enum rc rc;
};

/* A name may be a search string of many other resources. */

static bool
take_announced(void *arg, uint64_t id, uint64_t seq)
{
	struct first_announced *f = arg;
	struct arena_mark mark = arena_mark(repo_arena(f->tx));
	struct announcements list;
	struct res *node;

	if (seq != 0)
		return true;
	f->rc = repo_get(f->tx, id, &node);
	if (f->rc == RC_OK)
		f->rc = announcements_read(repo_arena(f->tx), node->vals, 0, &list);
	f->found = f->rc == RC_OK && announcements_find(&list, f->scl) != NULL;
	arena_rewind(repo_arena(f->tx), mark);
	return f->rc == RC_OK && !f->found;
}

enum rc
announce_registered(struct scl *scl, struct rtx *tx, const struct res *peer)
{
	struct first_announced f = { .tx = tx, .scl = peer->name };
	uint64_t key;

	announcer_note_peer(scl);
	TRY(repo_labelled(tx, peer->name, take_announced, &f));
	if (f.rc != RC_OK || !f.found)
		return f.rc;
	TRY(repo_new_number(tx, &key));
	return announce_work_put(
		scl, tx, key, &(struct announce_work){ .form = ANNOUNCE_AGAIN, .scl = peer->name });
}
