/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "core/announce.h"
#include "core/channel.h"
#include "core/group.h"
#include "core/route.h"
#include "core/saf.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

/* On the committer thread: what is counted follows what is stored. */
static void
on_commit_event(void *arg, enum commit_event what)
{
	struct scl *scl = arg;

	observers_commit(scl->observers, what);
	if (what == COMMIT_KEPT)
		scl->subscriptions_kept += scl->subscriptions_changed;
	scl->subscriptions_changed = 0;
	saf_parked_commit(scl->parcels, what);
	if (what == COMMIT_KEPT || what == COMMIT_UNDONE)
		return;
	mgmt_batch_ended(scl->mgmt);
	if (what == COMMIT_STORED) {
		scl->subscriptions = (unsigned)((int)scl->subscriptions + scl->subscriptions_kept);
		courier_committed(scl->courier);
	} else {
		/* What the sweep has crossed out stands there again. */
		expire_note(scl, 0);
		atomic_store(&scl->removed, true);
	}
	scl->subscriptions_kept = 0;
}

/* At least once a second. */
static bool
on_committer_due(void *arg)
{
	struct scl *scl = arg;

	observers_tick(scl->observers);
	return expire_due(scl);
}

static struct scl_conf *
conf_copy(const struct scl_conf *conf)
{
	struct scl_conf *copy = malloc(sizeof(*copy));

	if (copy != NULL)
		*copy = *conf;
	return copy;
}

enum rc
scl_new(const struct scl_conf *conf, const struct scl_parts *parts, struct scl **out, char why[256])
{
	struct scl *scl = calloc(1, sizeof(*scl));
	char *path;
	enum rc rc;

	snprintf(why, 256, "out of memory");
	if (scl == NULL)
		return RC_UNAVAILABLE;
	pthread_mutex_init(&scl->arenas_lock, NULL);
	scl->conf = *conf;
	atomic_store(&scl->live, conf_copy(conf));
	scl->repo = parts->repo;
	scl->log = parts->log;
	scl->clock = parts->clock;
	scl->guard = parts->guard;
	scl->id = slice_of(conf->id);
	path = malloc(strlen(conf->base) + 2);
	if (path == NULL || atomic_load(&scl->live) == NULL) {
		free(path);
		scl_free(scl);
		return RC_UNAVAILABLE;
	}
	sprintf(path, "/%s", conf->base);
	scl->base_path = slice_of(path);
	/* A device asks little; a network node is asked by many. */
	scl->decisions = decisions_new(conf->role == SCL_NSCL ? 2048 : conf->role == SCL_GSCL ? 512 : 128);
	if (scl->decisions == NULL) {
		scl_free(scl);
		return RC_UNAVAILABLE;
	}
	rc = bootstrap(scl, why);
	if (rc == RC_OK)
		rc = courier_new(scl, parts, &scl->courier);
	if (rc == RC_OK)
		rc = saf_new(scl);
	if (rc == RC_OK && (scl->announcer = announcer_new(scl)) == NULL)
		rc = RC_UNAVAILABLE;
	if (rc == RC_OK)
		rc = channels_new(scl, &scl->channels);
	if (rc == RC_OK)
		rc = groups_new(scl, &scl->groups);
	if (rc == RC_OK)
		rc = well_known_add(scl);
	if (rc == RC_OK && (scl->mgmt = mgmt_new(scl)) == NULL)
		rc = RC_UNAVAILABLE;
	if (rc == RC_OK && (scl->observers = observers_new(scl)) == NULL)
		rc = RC_UNAVAILABLE;
	if (rc == RC_OK && (scl->neighbours = neighbours_new()) == NULL)
		rc = RC_UNAVAILABLE;
	if (rc != RC_OK) {
		scl_free(scl);
		return rc;
	}
	*out = scl;
	return RC_OK;
}

static void
own_free(struct own_names *own)
{
	free((void *)(uintptr_t)own->base_uri.p);
	free((void *)(uintptr_t)own->credentials.p);
	for (const char **a = own->authorities; a != NULL && *a != NULL; a++)
		free((void *)(uintptr_t)*a);
	free(own->authorities);
	*own = (struct own_names){ 0 };
}

static char *
lower_copy(const char *s)
{
	char *copy = strdup(s);

	for (char *p = copy; p != NULL && *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	return copy;
}

static struct slice
credentials_of(struct slice uri)
{
	struct buf b;
	size_t n;
	char *text;

	buf_init(&b, SIZE_MAX);
	originator_credentials(&b, uri);
	text = buf_take(&b, &n);
	return slice_make(text, text == NULL ? 0 : n);
}

static enum rc
own_set(struct scl *scl, const char *base_uri, const char *const *authorities)
{
	struct own_names *own = &scl->own;
	size_t n = 0;

	while (authorities[n] != NULL)
		n++;
	own->authorities = calloc(n + 1, sizeof(*own->authorities));
	own->base_uri = slice_of(strdup(base_uri));
	if (own->authorities == NULL || own->base_uri.p == NULL)
		return RC_UNAVAILABLE;
	own->credentials = credentials_of(own->base_uri);
	if (own->credentials.p == NULL)
		return RC_UNAVAILABLE;
	own->root = slice_head(own->base_uri, own->base_uri.n - scl->base_path.n);
	for (size_t i = 0; i < n; i++)
		if ((own->authorities[i] = lower_copy(authorities[i])) == NULL)
			return RC_UNAVAILABLE;
	return RC_OK;
}

enum rc
scl_start(struct scl *scl, const char *base_uri, const char *const *own_authorities)
{
	struct committer_conf cc = { .repo = scl->repo, .log = scl->log,
		                     .queue_max = scl->conf.queue_max, .batch_max = scl->conf.batch_max,
		                     .tick = expire_tick, .due = on_committer_due, .event = on_commit_event,
		                     .arg = scl };

	TRY(own_set(scl, base_uri, own_authorities));
	TRY(saf_start(scl->saf));
	TRY(committer_start(&cc, &scl->committer));
	announcer_start(scl->announcer);
	mgmt_start(scl->mgmt);
	if (courier_start(scl->courier) != RC_OK) {
		committer_stop(scl->committer);
		return RC_UNAVAILABLE;
	}
	return RC_OK;
}

void
scl_admit(struct scl *scl)
{
	atomic_store(&scl->admitting, true);
}

enum rc
scl_reconfigure(struct scl *scl, const struct scl_conf *conf)
{
	struct scl_conf *next = conf_copy(conf), *old;

	if (next == NULL)
		return RC_UNAVAILABLE;
	old = atomic_exchange(&scl->live, next);
	/* Requests under way may still read it: it is freed with the scl. */
	next->previous = old;
	return RC_OK;
}

void
scl_stop(struct scl *scl)
{
	atomic_store(&scl->admitting, false);
	if (scl->committer == NULL)
		return;
	/* What waits is stored first; the courier, whose work survives a stop, goes on meanwhile. */
	committer_stop(scl->committer);
	courier_stop(scl->courier);
}

void
scl_free(struct scl *scl)
{
	struct scl_conf *conf;

	if (scl == NULL)
		return;
	courier_free(scl->courier);
	saf_free(scl->saf);
	neighbours_free(scl->neighbours);
	announcer_free(scl->announcer);
	groups_free(scl->groups);
	mgmt_free(scl->mgmt);
	observers_free(scl);
	channels_free(scl->channels);
	decisions_free(scl->decisions);
	committer_free(scl->committer);
	own_free(&scl->own);
	while (scl->narenas > 0)
		arena_free(scl->arenas[--scl->narenas]);
	while (scl->nspares > 0)
		free(scl->spares[--scl->nspares]);
	pthread_mutex_destroy(&scl->arenas_lock);
	conf = atomic_load(&scl->live);
	while (conf != NULL) {
		struct scl_conf *previous = conf->previous;

		free(conf);
		conf = previous;
	}
	free((void *)(uintptr_t)scl->base_path.p);
	free(scl);
}

void
scl_post(struct scl *scl, struct scl_task *task, int64_t delay)
{
	(void)courier_post(scl->courier, task, delay);
}

void
scl_cancel(struct scl *scl, struct scl_task *task)
{
	courier_cancel(scl->courier, task);
}

void
scl_send(struct scl *scl, struct exchange *ex)
{
	courier_send(scl->courier, ex);
}

bool
exchange_add_issuer(struct exchange *ex, const struct scl *scl, int release)
{
	if (release == 1)
		return exchange_add_header(ex, SLICE_LIT("Authorization"), scl->own.credentials);
	return exchange_add_header(ex, SLICE_LIT("From"), scl->own.base_uri);
}

void
scl_load(struct scl *scl, struct scl_load *out)
{
	const struct scl_conf *conf = scl_conf(scl);
	unsigned parked = atomic_load_explicit(&scl->parked, memory_order_relaxed);
	unsigned all = atomic_load_explicit(&scl->requests, memory_order_relaxed);

	*out = (struct scl_load){ .requests = all > parked ? all - parked : 0,
		                  .requests_max = conf->pending_max,
		                  .writes = committer_waiting(scl->committer),
		                  .writes_max = conf->queue_max };
}

const char *
scl_base_uri(const struct scl *scl)
{
	return scl->own.base_uri.p;
}

struct slice
scl_base_path(const struct scl *scl)
{
	return scl->base_path;
}

struct log *
scl_log(struct scl *scl)
{
	return scl->log;
}
