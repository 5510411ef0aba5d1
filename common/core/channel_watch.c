/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What follows from channels being polled, unpolled or removed: onlineStatus of the m2mPocs that
 * lead to them (TS 102 921 10.6), deliveries that waited for a poll, polls of what is no more.
 */
#include "config.h"

#include "core/channel_impl.h"
#include "core/route.h"

#include <stdlib.h>

#define ARENA_MAX (8u << 20)
/* m2mPocs of one scl that lead to one channel. */
#define POCS_MAX 8u
/* Channels that one transaction removes, one by one; with more, all are looked at. */
#define REMOVED_MAX 65536u
/*
 * A removal that is looked at once may not be stored yet: the look is the consequence of the commit
 * before. At the second look it is stored, or was taken back.
 */
#define LOOKS 2u

/* ---- polled or not ---- */

/* The courier looks at ch. */
static void
return_to(struct channel *ch)
{
	struct channels *cs = ch->all;

	if (ch->returning)
		return;
	ch->returning = true;
	ch->next_returning = cs->returning;
	cs->returning = ch;
	scl_post(cs->scl, &cs->look, 0);
}

void
watch_returned(struct channel *ch)
{
	bool tell = ch->of_scl && !ch->gone && ch->poll != NULL && ch->told != TOLD_ONLINE;

	if (tell)
		ch->told = ch->tell = TOLD_ONLINE;
	if (tell || ch->waiters != NULL)
		return_to(ch);
}

void
watch_unpolled(struct channel *ch)
{
	struct channels *cs = ch->all;

	if (ch->gone || cs->stopped)
		return;
	ch->absent.kind = WAIT_ABSENT;
	(void)waits_add(&cs->waits, &ch->absent,
	                clock_monotonic() + 2 * scl_conf(cs->scl)->poll_hold);
}

void
watch_absent(struct channel *ch)
{
	if (!ch->of_scl || ch->told == TOLD_NOT_REACHABLE)
		return;
	ch->told = ch->tell = TOLD_NOT_REACHABLE;
	return_to(ch);
}

struct pocs {
	struct scl *scl;
	struct rtx *tx;
	struct slice contact;
	int64_t from;
	uint64_t ids[POCS_MAX];
	size_t n;
	enum rc rc;
};

static bool
take_poc(void *arg, const struct child *c)
{
	struct pocs *p = arg;
	const struct val *info;
	struct slice token;
	struct res *poc;

	p->rc = repo_get(p->tx, c->id, &poc);
	if (p->rc != RC_OK)
		return false;
	info = val_get(poc->vals, A_CONTACT_INFO);
	if (info != NULL && channel_contact(p->scl, val_text(info->first, A_CONTACT_URI), &token) &&
	    slice_eq(token, p->contact) && val_num(poc->vals, A_ONLINE_STATUS, ONLINE) == p->from)
		p->ids[p->n++] = c->id;
	return p->n < POCS_MAX;
}

/* Stores what is new to the m2mPocs of an scl. */
static void
tell(struct channels *cs, uint64_t scl_node, struct slice contact, enum told what)
{
	int64_t status = what == TOLD_ONLINE ? ONLINE : NOT_REACHABLE;
	struct pocs p = { .scl = cs->scl,
		          .contact = contact,
		          .from = what == TOLD_ONLINE ? NOT_REACHABLE : ONLINE };
	struct arena *a = arena_new(ARENA_MAX);

	if (a != NULL && repo_begin_read(cs->scl->repo, a, &p.tx) == RC_OK) {
		(void)repo_children(p.tx, scl_node, T_M2M_POCS, 0, take_poc, &p);
		repo_end_read(p.tx);
	}
	arena_free(a);
	for (size_t i = 0; i < p.n; i++)
		(void)route_poc_status(cs->scl, p.ids[i], status, NULL, NULL);
}

static void
wake_waiters(struct channel *ch)
{
	while (ch->waiters != NULL) {
		struct channel_waiter *w = ch->waiters;

		ch->waiters = w->next;
		w->at = NULL;
		scl_post(ch->all->scl, w->task, 0);
	}
}

/* Takes one of those that returned; false when there is none. */
static bool
look_at_one(struct channels *cs)
{
	char contact[IDENT_SECRET_LEN + 1] = "";
	struct channel *ch;
	uint64_t parent = ID_NONE;
	enum told what = TOLD_NOTHING;
	bool any;

	pthread_mutex_lock(&cs->lock);
	ch = cs->returning;
	any = ch != NULL;
	if (any) {
		cs->returning = ch->next_returning;
		ch->returning = false;
		what = ch->tell;
		ch->tell = TOLD_NOTHING;
		parent = ch->parent;
		memcpy(contact, ch->contact, sizeof(contact));
		if (ch->poll != NULL || ch->gone || cs->stopped)
			wake_waiters(ch);
		channel_release(ch);
	}
	pthread_mutex_unlock(&cs->lock);
	if (what != TOLD_NOTHING && !courier_stopping(cs->scl->courier))
		tell(cs, parent, slice_of(contact), what);
	return any;
}

static void
look_run(struct scl_task *task)
{
	struct channels *cs =
		(struct channels *)(void *)((char *)task - offsetof(struct channels, look));

	while (look_at_one(cs))
		continue;
}

void
channels_await(struct channels *cs, struct slice contact, struct channel_waiter *w)
{
	struct slice token;
	struct channel *ch;

	if (w->at != NULL || !channel_contact(cs->scl, contact, &token))
		return;
	pthread_mutex_lock(&cs->lock);
	ch = channel_known(cs, token);
	if (ch != NULL && !cs->stopped) {
		w->at = ch;
		w->next = ch->waiters;
		ch->waiters = w;
		/* The poll may have come before. */
		if (ch->poll != NULL)
			return_to(ch);
	}
	pthread_mutex_unlock(&cs->lock);
}

void
channels_forget(struct channels *cs, struct channel_waiter *w)
{
	struct channel_waiter **at;

	if (w->at == NULL)
		return;
	pthread_mutex_lock(&cs->lock);
	at = &w->at->waiters;
	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	channel_release(w->at);
	w->at = NULL;
	pthread_mutex_unlock(&cs->lock);
}

/* ---- removed ---- */

static bool
add_removed(struct channels *cs, const char *contact, unsigned looks)
{
	if (cs->n_removed == cs->max_removed) {
		size_t max = cs->max_removed == 0 ? 16 : cs->max_removed * 2;
		struct removed *more =
			max > REMOVED_MAX ? NULL : realloc(cs->removed, max * sizeof(*more));

		if (more == NULL)
			return false;
		cs->removed = more;
		cs->max_removed = max;
	}
	cs->removed[cs->n_removed].looks = looks;
	memcpy(cs->removed[cs->n_removed++].contact, contact, IDENT_SECRET_LEN + 1);
	return true;
}

void
channels_removed(struct channels *cs, const struct res *channel)
{
	struct slice token = val_text(channel->vals, A_CHANNEL_CONTACT);
	char contact[IDENT_SECRET_LEN + 1] = "";

	if (token.n != IDENT_SECRET_LEN)
		return;
	memcpy(contact, token.p, token.n);
	pthread_mutex_lock(&cs->lock);
	if (!add_removed(cs, contact, 0))
		cs->check_all = LOOKS;
	pthread_mutex_unlock(&cs->lock);
	courier_note_task(cs->scl->courier, &cs->reap);
}

/* The list of those to look at becomes the caller's (heap). False without memory. */
static bool
take_removed(struct channels *cs, struct removed **list, size_t *n)
{
	bool ok = true;

	pthread_mutex_lock(&cs->lock);
	if (cs->check_all > 0)
		for (size_t at = 0; ok && at < cs->by_contact.size; at++)
			for (struct keyed *k = cs->by_contact.buckets[at]; ok && k != NULL;
			     k = k->next)
				ok = add_removed(cs, ((struct channel *)(void *)k)->contact,
				                 LOOKS - 1);
	if (ok) {
		cs->check_all -= cs->check_all > 0;
		*list = cs->removed;
		*n = cs->n_removed;
		cs->removed = NULL;
		cs->max_removed = 0;
	}
	cs->n_removed = 0;
	pthread_mutex_unlock(&cs->lock);
	return ok;
}

/* True when r may be removed yet: it is to be looked at again. */
static bool
look_at_removed(struct channels *cs, struct rtx *tx, const struct removed *r)
{
	struct arena_mark mark = arena_mark(repo_arena(tx));
	struct channel *ch;
	struct ends ends;
	struct res *node;
	enum rc rc;
	uint64_t id = ID_NONE;

	pthread_mutex_lock(&cs->lock);
	ch = channel_known(cs, slice_of(r->contact));
	if (ch != NULL)
		id = ch->id;
	pthread_mutex_unlock(&cs->lock);
	rc = id == ID_NONE ? RC_OK : repo_get(tx, id, &node);
	arena_rewind(repo_arena(tx), mark);
	if (rc != RC_NOT_FOUND)
		return r->looks + 1 < LOOKS;
	channels_lock(cs, &ends);
	ch = channel_known(cs, slice_of(r->contact));
	if (ch != NULL)
		channel_end(ch, &ends);
	channels_unlock(cs, &ends);
	return false;
}

static void
reap(struct channels *cs, struct rtx *tx, const struct removed *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!look_at_removed(cs, tx, &list[i]))
			continue;
		pthread_mutex_lock(&cs->lock);
		if (!add_removed(cs, list[i].contact, list[i].looks + 1))
			cs->check_all = LOOKS;
		pthread_mutex_unlock(&cs->lock);
	}
}

static void
reap_run(struct scl_task *task)
{
	struct channels *cs =
		(struct channels *)(void *)((char *)task - offsetof(struct channels, reap));
	struct removed *list = NULL;
	struct arena *a = arena_new(ARENA_MAX);
	struct rtx *tx;
	size_t n = 0;

	if (courier_stopping(cs->scl->courier)) {
		arena_free(a);
		return;
	}
	if (a == NULL || repo_begin_read(cs->scl->repo, a, &tx) != RC_OK) {
		arena_free(a);
		scl_post(cs->scl, task, CLOCK_SECOND);
		return;
	}
	if (take_removed(cs, &list, &n))
		reap(cs, tx, list, n);
	else
		scl_post(cs->scl, task, CLOCK_SECOND);
	free(list);
	repo_end_read(tx);
	arena_free(a);
}

void
watch_init(struct channels *cs)
{
	cs->look.run = look_run;
	cs->reap.run = reap_run;
}
