/* SPDX-License-Identifier: Apache-2.0 */
/* The thread of the device that waits for its disk: one job at a time. */
#include "config.h"

#include "base/be.h"
#include "cap/gaka/gaka_ue_own.h"

#define OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* ---- jobs ---- */

static enum rc
keep(void *arg, struct slice state)
{
	struct ue *u = arg;

	return ue_book_keep(&u->book, state);
}

/* Without its state a device must not answer anything: then it has no root either. */
static enum rc
load_device(struct ue *u, const struct key *ka)
{
	const struct gaka_keeper keeper = { .arg = u, .keep = keep };
	struct buf state;
	enum rc rc = ue_book_root(&u->book, ka);

	buf_init(&state, GAKA_STATE_MAX + 1);
	if (rc == RC_OK)
		rc = ue_book_state(&u->book, &state);
	if (rc == RC_OK)
		rc = gaka_ue_init(&u->secrets->device, &u->job.node, ka, buf_view(&state), &keeper);
	buf_fini(&state);
	return rc;
}

static enum rc
do_root(struct ue *u)
{
	struct key ka;
	enum rc rc = u->sec->derive(u->sec->arg, SEC_USE_AKA, &ka);

	gaka_try_wipe(&u->secrets->attempt);
	gaka_ue_wipe(&u->secrets->device);
	if (rc == RC_OK)
		rc = load_device(u, &ka);
	key_wipe(&ka);
	return rc == RC_OK ? ue_book_groups(&u->book, &u->secrets->groups) : rc;
}

/* The keys of groups that it has left are gone for good: whoever joins again gets others. */
static enum rc
forget_left(struct ue *u)
{
	const struct mas_group_keys *k = &u->secrets->groups;
	struct gaka_gid gids[MAS_NODE_GROUPS_MAX];

	for (unsigned i = 0; i < k->n; i++)
		be_put(gids[i].v, k->all[i].gid, GAKA_GID_SIZE);
	return gaka_ue_forget_others(&u->secrets->device, gids, k->n);
}

static enum rc
do_groups(struct ue *u)
{
	struct mas_group_keys *now = &u->secrets->groups, *fetched = &u->secrets->fetched;
	enum rc rc = ue_book_keep_groups(&u->book, fetched);

	if (rc == RC_OK) {
		now->n = fetched->n;
		memcpy(now->all, fetched->all, sizeof(now->all));
		rc = forget_left(u);
	}
	secret_wipe(fetched->all, sizeof(fetched->all));
	return rc;
}

/* The keys of the attempt's group; false: it has none of that. */
static bool
find_keys(const struct ue *u, struct gaka_gaks *out)
{
	const struct mas_group_keys *k = &u->secrets->groups;
	uint64_t gid = be_get(u->secrets->attempt.done.gid.v, GAKA_GID_SIZE);

	for (unsigned i = 0; i < k->n; i++) {
		const struct mas_group_key *g = &k->all[i];

		if (g->gid != gid)
			continue;
		*out = (struct gaka_gaks){ .current = &g->gak };
		if (g->previous_epoch != 0 && clock_now(u->clock) < g->previous_until)
			out->previous = &g->previous;
		return true;
	}
	return false;
}

static enum rc
do_challenge(struct ue *u)
{
	struct gaka_gaks gaks;
	bool has = find_keys(u, &gaks);

	return gaka_ue_challenge(&u->secrets->device, &u->secrets->attempt,
	                         slice_make(u->job.message, u->job.n), has ? &gaks : NULL,
	                         u->job.answer);
}

/* ---- the thread ---- */

static bool
next_job(struct ue *u)
{
	bool has;

	pthread_mutex_lock(&u->lock);
	while (!u->stopping && !u->job_waits)
		pthread_cond_wait(&u->changed, &u->lock);
	has = !u->stopping;
	u->job_waits = false;
	pthread_mutex_unlock(&u->lock);
	return has;
}

static void *
run(void *arg)
{
	static enum rc (*const jobs[])(struct ue * u) = { [UE_JOB_ROOT] = do_root,
		                                          [UE_JOB_GROUPS] = do_groups,
		                                          [UE_JOB_CHALLENGE] = do_challenge };
	struct ue *u = arg;

	while (next_job(u)) {
		u->job.rc = jobs[u->job.kind](u);
		scl_post(u->scl, &u->job_done, 0);
	}
	return NULL;
}

static void
job_done(struct scl_task *t)
{
	struct ue *u = OF(t, struct ue, job_done);

	if (atomic_load(&u->running))
		ue_job_over(u);
}

void
ue_worker_submit(struct ue *u, enum ue_job_kind kind)
{
	u->busy = true;
	u->job.kind = kind;
	pthread_mutex_lock(&u->lock);
	u->job_waits = true;
	pthread_cond_signal(&u->changed);
	pthread_mutex_unlock(&u->lock);
}

enum rc
ue_worker_start(struct ue *u)
{
	u->job_done.run = job_done;
	u->started = pthread_create(&u->thread, NULL, run, u) == 0;
	return u->started ? RC_OK : RC_UNAVAILABLE;
}

void
ue_worker_stop(struct ue *u)
{
	if (!u->started)
		return;
	pthread_mutex_lock(&u->lock);
	u->stopping = true;
	pthread_cond_signal(&u->changed);
	pthread_mutex_unlock(&u->lock);
	pthread_join(u->thread, NULL);
	u->started = false;
}
