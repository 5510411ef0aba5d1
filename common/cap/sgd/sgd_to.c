/* SPDX-License-Identifier: Apache-2.0 */
/* Whom messages are for, and what other threads tell the engine. */
#include "config.h"

#include <stdlib.h>

#include "cap/sgd/sgd_own.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))

/* ---- whom messages are for ---- */

static const struct sga_peer_conf *
listed(const struct sgd *d, const struct sga_id *peer)
{
	for (size_t i = 0; i < d->conf->device.n_peers; i++)
		if (slice_is(sga_id_slice(peer), d->conf->device.peers[i].id))
			return &d->conf->device.peers[i];
	return NULL;
}

/* ID of the server where the peer is met; NULL: there is none. */
static const struct sga_id *
meets_at(const struct sgd *d, const struct sga_peer_conf *c)
{
	for (size_t i = 0; i < d->n_servers; i++)
		if (c == NULL || c->server == NULL ||
		    slice_is(sga_id_slice(&d->servers[i].id), c->server))
			return &d->servers[i].id;
	return NULL;
}

bool
sgd_peer_row(const struct sgd *d, const struct sga_id *peer, struct sgd_dest_row *out)
{
	const struct sga_peer_conf *c = listed(d, peer);
	const struct sga_id *server = meets_at(d, c);

	if (server == NULL || sga_id_equal(peer, &d->id) ||
	    (c == NULL && !d->conf->device.accept_any))
		return false;
	*out = (struct sgd_dest_row){ .server = *server, .name = *peer };
	return true;
}

struct sgd_to *
sgd_to_find(struct sgd *d, const struct sgd_dest *key)
{
	for (struct sgd_to *to = d->tos; to != NULL; to = to->next)
		if (memcmp(to->key.v, key->v, sizeof(key->v)) == 0)
			return to;
	return NULL;
}

/* What the configuration says of a peer that is met there. */
static void
to_configure(struct sgd *d, struct sgd_to *to)
{
	const struct sga_peer_conf *c = to->row.group ? NULL : listed(d, &to->row.name);

	if (c == NULL || meets_at(d, c) == NULL || !sga_id_equal(meets_at(d, c), &to->row.server))
		return;
	to->conf = c;
	to->has_sign = c->sign_key != NULL && sign_public_read(c->sign_key, &to->sign) == RC_OK;
	if (c->sign_key == NULL || to->has_sign)
		return;
	/* Who is to be known and is not, nothing is taken of. */
	to->require = true;
	LOG_ERROR(d->log, "sga-peer-key", LOG_Z("peer", c->id), LOG_Z("file", c->sign_key));
}

static bool
is_full(const struct sgd *d)
{
	const struct sga_conf_device *c = &d->conf->device;

	return d->n_tos >= c->n_peers + c->peers_max + c->joined_max;
}

/* Not of the configuration, and without anything that there is or waits. */
static bool
is_idle(struct sgd *d, const struct sgd_to *to)
{
	struct sgd_dest_row row;

	if (to->conf != NULL || to->group != NULL || to->changing)
		return false;
	for (const struct sgd_session *se = d->sessions; se != NULL; se = se->next)
		if (se->to == to)
			return false;
	return sgd_book_dest(d->book, &to->key, &row) == RC_NOT_FOUND;
}

/* Groups that are over, devices that were met once. */
static void
forget_some(struct sgd *d)
{
	struct sgd_to **at = &d->tos;

	while (*at != NULL) {
		struct sgd_to *to = *at;

		if (!is_idle(d, to)) {
			at = &to->next;
			continue;
		}
		*at = to->next;
		free(to);
		d->n_tos--;
	}
}

struct sgd_to *
sgd_to_get(struct sgd *d, const struct sgd_dest_row *row)
{
	struct sgd_dest key;
	struct sgd_to *to;

	if (sgd_dest_of(row, &key) != RC_OK)
		return NULL;
	to = sgd_to_find(d, &key);
	if (to != NULL)
		return to;
	if (is_full(d))
		forget_some(d);
	if (is_full(d))
		return NULL;
	to = calloc(1, sizeof(*to));
	if (to == NULL)
		return NULL;
	to->row = *row;
	to->key = key;
	to->server = sgd_server_of(d, sga_id_slice(&row->server));
	to_configure(d, to);
	to->next = d->tos;
	d->tos = to;
	d->n_tos++;
	return to;
}

/* ---- what others queue ---- */

static bool
take_dest(void *arg, struct slice rest, struct slice val)
{
	struct sgd *d = arg;
	struct sgd_dest_row row;
	struct sgd_to *to;

	(void)rest;
	if (!sgd_dest_read(val, &row))
		return true;
	to = sgd_to_get(d, &row);
	if (to != NULL)
		to->waits = true;
	return true;
}

enum rc
sgd_to_load_all(struct sgd *d)
{
	struct table_key all = sgd_key(SGD_T_DEST, NULL, 0);

	return sgd_book_scan(d->book, &all, SLICE_NONE, 0, false, take_dest, d);
}

static void
take_told(struct sgd *d, const struct sgd_dest *dest)
{
	struct sgd_to *to = sgd_to_find(d, dest);
	struct sgd_dest_row row;

	if (to == NULL && sgd_book_dest(d->book, dest, &row) == RC_OK)
		to = sgd_to_get(d, &row);
	if (to == NULL)
		return;
	to->waits = true;
	if (to->server != NULL)
		sgd_server_wake(to->server);
}

static void
wake_all(struct sgd *d)
{
	for (size_t i = 0; i < d->n_servers; i++)
		sgd_server_wake(&d->servers[i]);
}

void
sgd_told_run(struct scl_task *t)
{
	struct sgd *d = (struct sgd *)(void *)((char *)t - offsetof(struct sgd, told_task));
	struct sgd_dest dests[NITEMS(d->told)];
	bool changed, failed;
	unsigned n;

	pthread_mutex_lock(&d->told_lock);
	n = d->n_told;
	memcpy(dests, d->told, sizeof(dests));
	d->n_told = 0;
	changed = d->told_changed;
	failed = d->told_failed;
	d->wishes -= d->told_wishes;
	d->told_wishes = 0;
	d->told_changed = d->told_failed = d->told_posted = false;
	pthread_mutex_unlock(&d->told_lock);
	if (!atomic_load(&d->running))
		return;
	for (unsigned i = 0; i < n && n <= NITEMS(dests); i++)
		take_told(d, &dests[i]);
	if (n > NITEMS(dests))
		sgd_to_load_all(d);
	if (failed)
		sgd_engine_reload(d);
	if (changed || n > NITEMS(dests))
		wake_all(d);
}

/* Inside the lock: true when the task is to be posted. */
static bool
must_post(struct sgd *d)
{
	bool first = !d->told_posted;

	d->told_posted = true;
	return first;
}

void
sgd_engine_queued(struct sgd *d, const struct sgd_dest *dest)
{
	bool first, known = false;

	pthread_mutex_lock(&d->told_lock);
	for (unsigned i = 0; i < d->n_told && i < NITEMS(d->told); i++)
		known = known || memcmp(&d->told[i], dest, sizeof(*dest)) == 0;
	if (!known && d->n_told < NITEMS(d->told))
		d->told[d->n_told] = *dest;
	if (!known && d->n_told <= NITEMS(d->told))
		d->n_told++;
	first = must_post(d);
	pthread_mutex_unlock(&d->told_lock);
	if (first)
		sgd_post(d, &d->told_task);
}

static void
tell_change(struct sgd *d, unsigned wishes, bool ok)
{
	bool first;

	pthread_mutex_lock(&d->told_lock);
	d->told_changed = true;
	d->told_failed = d->told_failed || !ok;
	d->told_wishes += wishes;
	first = must_post(d);
	pthread_mutex_unlock(&d->told_lock);
	if (first)
		sgd_post(d, &d->told_task);
}

void
sgd_engine_changed(struct sgd *d, bool ok)
{
	tell_change(d, 1, ok);
}

void
sgd_engine_room(struct sgd *d)
{
	tell_change(d, 0, true);
}
