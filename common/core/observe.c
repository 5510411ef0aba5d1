/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is to read again, by the nodes and collections that a commit has touched. The marks of a
 * transaction are the committer's alone; the table is behind a lock that is held while observers
 * are told, so that an observer that has ended is not.
 */
#include "config.h"

#include "core/observe.h"
#include "core/scl_impl.h"

#include <stdlib.h>

#define BUCKETS 1024u
#define MARKS_MAX 256u
/* A mark is compared with that many before it. */
#define MARKS_NEAR 8u
#define ALL_INTERVAL CLOCK_SECOND
/* Keys of endpoints among the ids of nodes, which grow from 1. */
#define WATCHED (UINT64_C(1) << 63)

struct observer {
	struct observers *all;
	struct observer *next; /* of the bucket */
	uint64_t id;
	slot_t slot;
	bool placed; /* in the table */
	bool wide; /* the answer is of the whole tree */
	bool beside; /* it is of an endpoint: id is its key, with WATCHED */
	bool told; /* not read again since */
	uint64_t epoch; /* of before the present reading */
	void (*changed)(void *arg);
	void *arg;
};

struct mark {
	uint64_t id;
	slot_t slot;
};

/* What a transaction has touched. */
struct marks {
	size_t n; /* of list */
	bool full; /* some are not in the list */
	bool nodes; /* nodes or collections */
	bool any;
};

struct observers {
	_Atomic unsigned count; /* also of those that are not in the table yet */
	/* The committer's. */
	struct mark list[MARKS_MAX];
	struct marks marks, kept; /* kept: by the jobs before the present one */

	pthread_mutex_t lock; /* of what follows, and of the observers */
	uint64_t epoch; /* grows after each commit that touched something */
	bool owed_all, owed_wide; /* to be told when the time has come */
	int64_t told_all; /* when, monotonic; 0 = never */
	struct observer *buckets[BUCKETS];
};

static struct observer **
bucket_of(struct observers *os, uint64_t id)
{
	uint64_t h = id * UINT64_C(0x9e3779b97f4a7c15);

	return &os->buckets[h >> 32 & (BUCKETS - 1)];
}

/* ---- the marks of a transaction ---- */

static bool
marked_lately(const struct observers *os, uint64_t id, slot_t slot)
{
	size_t n = os->marks.n;

	for (size_t i = n; i-- > 0 && i + MARKS_NEAR > n;)
		if (os->list[i].id == id && os->list[i].slot == slot)
			return true;
	return false;
}

static void
touched(void *arg, uint64_t id, slot_t slot)
{
	struct observers *os = arg;

	os->marks.any = true;
	os->marks.nodes = os->marks.nodes || slot != T_CONTENT_INSTANCES;
	/* Whoever is there when the commit is told has come meanwhile: all are asked to look. */
	if (atomic_load_explicit(&os->count, memory_order_relaxed) == 0 ||
	    os->marks.n == MARKS_MAX) {
		os->marks.full = true;
		return;
	}
	if (!marked_lately(os, id, slot))
		os->list[os->marks.n++] = (struct mark){ id, slot };
}

/* ---- telling, under the lock ---- */

static void
tell(struct observer *o)
{
	if (o->told)
		return;
	o->told = true;
	o->changed(o->arg);
}

/* A node takes what is in its collections with it, and gives them its rights. */
static void
tell_marked(struct observers *os, const struct mark *m)
{
	for (struct observer *o = *bucket_of(os, m->id); o != NULL; o = o->next)
		if (o->id == m->id && (o->slot == m->slot || m->slot == SLOT_SELF))
			tell(o);
}

static void
tell_all(struct observers *os, bool wide_only)
{
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct observer *o = os->buckets[i]; o != NULL; o = o->next)
			if (!o->beside && (o->wide || !wide_only))
				tell(o);
}

static void
tell_owed(struct observers *os)
{
	int64_t now = clock_monotonic();

	if ((!os->owed_all && !os->owed_wide) ||
	    (os->told_all != 0 && now - os->told_all < ALL_INTERVAL))
		return;
	tell_all(os, !os->owed_all);
	os->owed_all = os->owed_wide = false;
	os->told_all = now;
}

static void
tell_touched(struct observers *os)
{
	if (os->marks.full)
		tell_all(os, false);
	for (size_t i = 0; i < os->marks.n && !os->marks.full; i++)
		tell_marked(os, &os->list[i]);
	os->owed_all = os->owed_all || os->marks.nodes;
	os->owed_wide = true;
	tell_owed(os);
}

static void
stored(struct observers *os)
{
	if (!os->marks.any)
		return;
	pthread_mutex_lock(&os->lock);
	os->epoch++;
	if (atomic_load_explicit(&os->count, memory_order_relaxed) > 0)
		tell_touched(os);
	pthread_mutex_unlock(&os->lock);
}

void
observers_commit(struct observers *os, enum commit_event what)
{
	switch (what) {
	case COMMIT_KEPT:
		os->kept = os->marks;
		return;
	case COMMIT_UNDONE:
		os->marks = os->kept;
		return;
	case COMMIT_STORED:
		stored(os);
		break;
	case COMMIT_LOST:
		break;
	}
	os->marks = os->kept = (struct marks){ 0 };
}

void
observers_tick(struct observers *os)
{
	if (atomic_load_explicit(&os->count, memory_order_relaxed) == 0)
		return;
	pthread_mutex_lock(&os->lock);
	tell_owed(os);
	pthread_mutex_unlock(&os->lock);
}

struct observers *
observers_new(struct scl *scl)
{
	struct observers *os = calloc(1, sizeof(*os));

	if (os == NULL)
		return NULL;
	pthread_mutex_init(&os->lock, NULL);
	repo_watch(scl->repo, touched, os);
	return os;
}

void
observers_free(struct scl *scl)
{
	if (scl->observers == NULL)
		return;
	repo_watch(scl->repo, NULL, NULL);
	pthread_mutex_destroy(&scl->observers->lock);
	free(scl->observers);
}

/* ---- the observers ---- */

static void
take_out(struct observer *o)
{
	struct observer **at = bucket_of(o->all, o->id);

	while (*at != o)
		at = &(*at)->next;
	*at = o->next;
	o->placed = false;
}

static void
put_in(struct observer *o, const struct req *rq, const struct mark *place)
{
	struct observer **at = bucket_of(o->all, place->id);

	o->id = place->id;
	o->slot = place->slot;
	o->beside = rq->endpoint != NULL;
	o->wide = !o->beside && rq->target.kind == TARGET_DISCOVERY;
	o->next = *at;
	*at = o;
	o->placed = true;
}

bool
req_observe(struct req *rq, void (*changed)(void *arg), void *arg)
{
	struct observers *os = rq->scl->observers;
	struct observer *o = NULL;

	if (rq->in.op != REQ_RETRIEVE)
		return false;
	if (atomic_fetch_add(&os->count, 1) < OBSERVERS_MAX)
		o = calloc(1, sizeof(*o));
	if (o == NULL) {
		atomic_fetch_sub(&os->count, 1);
		return false;
	}
	o->all = os;
	o->changed = changed;
	o->arg = arg;
	rq->observer = o;
	rq->observer_new = true;
	return true;
}

struct observer *
req_observer(struct req *rq)
{
	struct observer *o = rq->observer_new ? rq->observer : NULL;

	if (o == NULL || !o->placed)
		return NULL;
	rq->observer = NULL;
	return o;
}

void
req_observe_again(struct req *rq, struct observer *o)
{
	rq->observer = o;
	rq->observer_new = false;
}

void
observe_begin(struct req *rq)
{
	struct observer *o = rq->observer;

	if (o == NULL)
		return;
	pthread_mutex_lock(&o->all->lock);
	o->told = false;
	o->epoch = o->all->epoch;
	pthread_mutex_unlock(&o->all->lock);
}

static bool
is_observable(const struct req *rq, enum rc rc)
{
	static const enum target_kind kinds[] = { TARGET_NODE, TARGET_COLLECTION, TARGET_INSTANCE,
		                                  TARGET_DISCOVERY };

	if ((rc != RC_OK && rc != RC_NOT_MODIFIED) || rq->in.op != REQ_RETRIEVE)
		return false;
	if (rq->endpoint != NULL)
		return rq->watched;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (rq->target.type != NULL && rq->target.kind == kinds[i])
			return true;
	return false;
}

static struct mark
place_of(const struct req *rq)
{
	if (rq->endpoint != NULL)
		return (struct mark){ rq->watch | WATCHED, SLOT_SELF };
	return (struct mark){ rq->target.id, rq->target.slot };
}

void
observe_place(struct req *rq, enum rc rc)
{
	struct observer *o = rq->observer;
	struct mark place;

	if (o == NULL || !is_observable(rq, rc))
		return;
	place = place_of(rq);
	pthread_mutex_lock(&o->all->lock);
	if (!o->placed || o->id != place.id || o->slot != place.slot) {
		if (o->placed)
			take_out(o);
		put_in(o, rq, &place);
		/* What was committed meanwhile was told to whoever stood there. */
		if (o->epoch != o->all->epoch)
			tell(o);
	}
	pthread_mutex_unlock(&o->all->lock);
}

void
observe_tell(struct scl *scl, uint64_t key)
{
	const struct mark m = { key | WATCHED, SLOT_SELF };
	struct observers *os = scl->observers;

	pthread_mutex_lock(&os->lock);
	os->epoch++;
	tell_marked(os, &m);
	pthread_mutex_unlock(&os->lock);
}

void
observer_end(struct observer *o)
{
	if (o == NULL)
		return;
	pthread_mutex_lock(&o->all->lock);
	if (o->placed)
		take_out(o);
	pthread_mutex_unlock(&o->all->lock);
	atomic_fetch_sub(&o->all->count, 1);
	free(o);
}
