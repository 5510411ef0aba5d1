/* SPDX-License-Identifier: Apache-2.0 */
/* The store of a destination at a proxy: found, asked for, renewed, deleted, lost. */
#include "config.h"

#include "cap/pxy/px_source_own.h"

#include <stdio.h>

#define BODY_MAX 8192u

/* ---- a new one ---- */

static void
store_kept(struct source_dest *t)
{
	if (dest_unchanged(t, REST_STORE))
		return;
	t->forward_known = false;
	dest_set_state(t, PX_WAY_PARK);
}

/* Another proxy is looked for. */
static void
give_up_root(struct source_dest *t, enum rc rc)
{
	px_find_rest(t->all->find, t->d.root);
	t->d.root[0] = '\0';
	dest_later(t, REST_STORE, "stores", rc);
}

static void
made(struct px_call *c)
{
	struct source_dest *t = c->owner;
	struct px_spool_dest *d;
	struct slice id;
	int n;

	if (c->rc != RC_OK || !px_read_id(c->answer, &id)) {
		give_up_root(t, c->rc == RC_OK ? RC_BAD_GATEWAY : c->rc);
		return;
	}
	d = dest_change(t);
	n = snprintf(d->store, sizeof(d->store), "%s/stores/%.*s", d->root, (int)id.n, id.p);
	if (n < 0 || (size_t)n >= sizeof(d->store)) {
		t->d = t->before;
		give_up_root(t, RC_TOO_LARGE);
		return;
	}
	d->expires = clock_now(t->all->px->clock) + t->all->conf->store_ttl;
	d->parked = 0;
	dest_store(t, store_kept);
}

static void
make(struct source_dest *t)
{
	struct px_ask_store ask = { .request = t->d.request,
		                    .reserve = t->all->conf->reserve,
		                    .ttl = t->all->conf->store_ttl / CLOCK_SECOND,
		                    .source = slice_of(scl_base_uri(t->all->px->scl)),
		                    .sign = &t->all->sign };

	t->busy = true;
	px_call_begin(&t->call, BODY_MAX, false);
	px_put_store(&t->call.body, &ask);
	t->call.done = made;
	px_call_send(&t->all->client, &t->call, "POST", slice_of(t->d.root), "/stores",
	             PX_MEDIA_JSON);
}

/* That it is asked for is durable first: a process that is killed asks for the same one again. */
static void
root_kept(struct source_dest *t)
{
	if (!dest_unchanged(t, REST_STORE))
		make(t);
}

static void
found(void *arg, const struct px_found *f)
{
	struct source_dest *t = arg;
	struct px_spool_dest *d;
	enum rc rc;

	if (f == NULL) {
		dest_later(t, REST_STORE, "find", RC_NOT_FOUND);
		return;
	}
	d = dest_change(t);
	rc = secret_random(d->request, sizeof(d->request));
	if (rc != RC_OK) {
		t->d = t->before;
		dest_later(t, REST_STORE, "find", rc);
		return;
	}
	memcpy(d->root, f->root, sizeof(d->root));
	t->batch_max = f->info.batch;
	dest_store(t, root_kept);
}

void
store_find(struct source_dest *t)
{
	enum rc rc;

	if (t->d.store[0] != '\0') {
		dest_set_state(t, PX_WAY_PARK);
		return;
	}
	if (t->d.root[0] != '\0') {
		make(t);
		return;
	}
	rc = px_find_run(t->all->find, found, t);
	t->busy = rc == RC_OK;
}

/* ---- its time ---- */

static void
renewal_kept(struct source_dest *t)
{
	if (!dest_unchanged(t, REST_STORE))
		dest_done(t, REST_STORE);
}

static void
renewed(struct px_call *c)
{
	struct source_dest *t = c->owner;
	struct px_spool_dest *d;

	if (c->rc != RC_OK) {
		if (!store_was_lost(t))
			dest_later(t, REST_STORE, "ttl", c->rc);
		return;
	}
	d = dest_change(t);
	d->expires = clock_now(t->all->px->clock) + t->all->conf->store_ttl;
	dest_store(t, renewal_kept);
}

bool
store_renew(struct source_dest *t)
{
	int64_t left = t->d.expires - clock_now(t->all->px->clock);

	/* More than there can be: the clock was put back, that of the proxy goes on. */
	if (left > t->all->conf->store_ttl / 2 && left <= t->all->conf->store_ttl)
		return false;
	t->busy = true;
	px_call_begin(&t->call, BODY_MAX, false);
	px_put_ttl(&t->call.body, t->all->conf->store_ttl / CLOCK_SECOND);
	t->call.done = renewed;
	px_call_send(&t->all->client, &t->call, "PUT", slice_of(t->d.store), "", PX_MEDIA_JSON);
	return true;
}

/* ---- its end ---- */

/* Nothing of the store is kept any more. */
static struct px_spool_dest *
change_to_none(struct source_dest *t)
{
	struct px_spool_dest *d = dest_change(t);

	d->root[0] = d->store[0] = d->forward[0] = '\0';
	d->expires = 0;
	d->parked = 0;
	d->sealed = false;
	t->op.forget_epochs = true;
	memset(t->grants, 0, sizeof(t->grants));
	t->forward_known = false;
	return d;
}

static void
closed(struct source_dest *t)
{
	if (dest_unchanged(t, REST_KEYS))
		return;
	px_count(t->all->px, PX_N_DRAINED, t->before.parked);
	dest_done(t, REST_KEYS);
}

static bool
is_gone(const struct px_call *c)
{
	return c->rc == RC_OK || c->rc == RC_NOT_FOUND || c->rc == RC_GONE;
}

static void
store_deleted(struct px_call *c)
{
	struct source_dest *t = c->owner;

	if (!is_gone(c)) {
		dest_later(t, REST_KEYS, "delete", c->rc);
		return;
	}
	(void)change_to_none(t);
	/* The section ended with the drain; what is sealed next is of another epoch than what was granted. */
	t->next_epoch = true;
	dest_store(t, closed);
}

static void
forward_deleted(struct px_call *c)
{
	struct source_dest *t = c->owner;

	if (!is_gone(c)) {
		dest_later(t, REST_KEYS, "delete", c->rc);
		return;
	}
	t->call.done = store_deleted;
	px_call_send(&t->all->client, &t->call, "DELETE", slice_of(t->d.store), "", PX_MEDIA_NONE);
}

void
store_close(struct source_dest *t)
{
	bool forward = t->d.forward[0] != '\0';

	t->busy = true;
	px_call_begin(&t->call, 0, false);
	t->call.done = forward ? forward_deleted : store_deleted;
	px_call_send(&t->all->client, &t->call, "DELETE",
	             slice_of(forward ? t->d.forward : t->d.store), "", PX_MEDIA_NONE);
}

/* ---- lost ---- */

static void
loss_kept(struct source_dest *t)
{
	if (dest_unchanged(t, REST_STORE))
		return;
	batch_return(t);
	t->spooled = t->loaded = t->unstored = t->arrived = false;
	dest_done(t, REST_STORE);
}

/*
 * What the proxy has acknowledged is not there any more: an alarm. What it has not acknowledged is
 * sealed again, in a section of its own.
 */
void
store_lost(struct source_dest *t)
{
	struct px_spool_dest *d;

	LOG_ERROR(t->all->px->log, "proxy-parked-lost", LOG_N("destination", t->d.destination),
	          LOG_Z("store", t->d.store), LOG_N("requests", t->d.parked));
	px_find_rest(t->all->find, t->d.root);
	d = change_to_none(t);
	t->op.unspool = true;
	t->give_up = true;
	if (d->state != PX_WAY_DIRECT)
		d->state = PX_WAY_FIND;
	dest_store(t, loss_kept);
}

bool
store_was_lost(struct source_dest *t)
{
	bool lost = t->call.rc == RC_NOT_FOUND || t->call.rc == RC_GONE;

	if (lost)
		store_lost(t);
	return lost;
}
