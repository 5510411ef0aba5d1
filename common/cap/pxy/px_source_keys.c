/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The forward of a destination: who gets what was parked, with the re-encryption keys of the epochs
 * that are sealed. What the proxy knows is asked of it, after a start and
 * whenever it says that it was changed: what is missing follows from that.
 *
 * Keys are not kept: they are made again of the identity and the epoch.
 */
#include "config.h"

#include "cap/pxy/px_source_own.h"

#include <stdio.h>

/* A key takes 260 octets, a sink some more. */
#define BODY_MAX ((size_t)64 << 10)
#define NGRANTS (SOURCE_SINKS_MAX + 1)
#define DELIVERY 64u /* messages at a time for our sinks */

/* ---- what the forward knows ---- */

struct source_grant *
dest_grant(struct source_dest *t, uint64_t id)
{
	for (size_t i = 0; i < NGRANTS; i++)
		if (t->grants[i].id == id)
			return &t->grants[i];
	return NULL;
}

static struct source_grant *
grant_at(struct source_dest *t, const char *url)
{
	for (size_t i = 0; i < NGRANTS; i++)
		if (t->grants[i].id != 0 && strcmp(t->grants[i].url, url) == 0)
			return &t->grants[i];
	return NULL;
}

static void
grant_put(struct source_dest *t, const struct source_sink *k, int64_t epoch)
{
	struct source_grant *g = grant_at(t, k->k.url);

	if (g == NULL)
		g = dest_grant(t, 0);
	if (g == NULL)
		return;
	g->id = k->id;
	g->epoch = epoch;
	memcpy(g->url, k->k.url, sizeof(g->url));
}

static void
forward_gone(struct source_dest *t)
{
	if (!dest_unchanged(t, REST_KEYS))
		dest_later(t, REST_KEYS, "forward", RC_GONE);
}

/* The proxy has ended it: another one is made. If the store is gone too, that will be said. */
static void
forward_forget(struct source_dest *t)
{
	struct px_spool_dest *d = dest_change(t);

	d->forward[0] = '\0';
	memset(t->grants, 0, sizeof(t->grants));
	if (secret_random(d->request, sizeof(d->request)) != RC_OK) {
		t->d = t->before;
		dest_later(t, REST_KEYS, "forward", RC_UNAVAILABLE);
		return;
	}
	dest_store(t, forward_gone);
}

/* The answer to a call on the forward that is none of those that are expected. */
void
forward_failed(struct source_dest *t, const char *what)
{
	t->forward_known = false;
	if (t->call.rc == RC_NOT_FOUND || t->call.rc == RC_GONE)
		forward_forget(t);
	else
		dest_later(t, REST_KEYS, what, t->call.rc == RC_OK ? RC_BAD_GATEWAY : t->call.rc);
}

size_t
dest_told(struct source_dest *t, struct px_told_sink told[SOURCE_SINKS_MAX + 1],
          const struct source_sink *sinks[SOURCE_SINKS_MAX + 1])
{
	size_t n = dest_sinks(t, sinks);

	for (size_t i = 0; i < n; i++)
		told[i] = (struct px_told_sink){ .url = slice_of(sinks[i]->k.url), .epoch = -1 };
	return n;
}

/* Sinks that were removed when the proxy could not be told of it any more. */
static void
note_others(struct source_dest *t, const struct px_told_sink *told, size_t n)
{
	struct slice others[SOURCE_SINKS_MAX];
	size_t found = px_read_others(t->call.answer, told, n, others, SOURCE_SINKS_MAX);

	for (size_t i = 0; i < found; i++) {
		struct source_sink k = { .id = t->all->next_id++ };

		if (slice_copy(others[i], k.k.url, sizeof(k.k.url)))
			grant_put(t, &k, -1);
	}
	t->others_known = true;
}

static void
note_told(struct source_dest *t, const struct px_told_sink *told, const struct source_sink *k)
{
	struct source_grant *g = grant_at(t, k->k.url);
	/* One that was there before it was named again. */
	struct source_sink before = { .k = k->k };

	if (!told->there) {
		if (g != NULL)
			*g = (struct source_grant){ 0 };
	} else if (told->going) {
		before.id = t->all->next_id++;
		grant_put(t, &before, -1);
	} else if (g == NULL || g->id == k->id) {
		grant_put(t, k, told->epoch);
	}
}

static void
forward_read(struct px_call *c)
{
	struct source_dest *t = c->owner;
	struct px_told_sink told[SOURCE_SINKS_MAX + 1];
	const struct source_sink *sinks[SOURCE_SINKS_MAX + 1];
	size_t n = dest_told(t, told, sinks);

	if (c->rc != RC_OK || !px_read_revision(c->answer, &t->revision) ||
	    !px_read_sinks(c->answer, t->d.stream, told, n)) {
		forward_failed(t, "forward");
		return;
	}
	for (size_t i = 0; i < n; i++)
		note_told(t, &told[i], sinks[i]);
	if (!t->others_known)
		note_others(t, told, n);
	t->forward_known = true;
	dest_done(t, REST_KEYS);
}

static void
ask_forward(struct source_dest *t)
{
	t->busy = true;
	px_call_begin(&t->call, 0, false);
	t->call.done = forward_read;
	px_call_send(&t->all->client, &t->call, "GET", slice_of(t->d.forward), "", PX_MEDIA_NONE);
}

/* ---- what it is told ---- */

static struct px_ask_sink
ask_of(const struct source_dest *t)
{
	return (struct px_ask_sink){ .url = slice_of(t->granting.k.url),
		                     .pk_id = t->granting.pk_id,
		                     .keys = t->keys.keys,
		                     .n_keys = t->keys.n,
		                     .batch = DELIVERY };
}

static void
granted(struct source_dest *t)
{
	grant_put(t, &t->granting, t->keys.epochs[t->keys.n - 1]);
}

static void
forward_kept(struct source_dest *t)
{
	if (dest_unchanged(t, REST_KEYS))
		return;
	granted(t);
	t->forward_known = t->others_known = true;
	if (t->d.state == PX_WAY_PARK)
		dest_set_state(t, PX_WAY_DRAIN);
	else
		dest_done(t, REST_KEYS);
}

static void
forward_made(struct px_call *c)
{
	struct source_dest *t = c->owner;
	struct px_spool_dest *d;
	struct slice id;
	int n;

	if (c->rc == RC_NOT_FOUND || c->rc == RC_GONE) {
		store_lost(t);
		return;
	}
	if (c->rc == RC_CONFLICT) {
		/* By that name another one was asked for before. */
		forward_forget(t);
		return;
	}
	if (c->rc != RC_OK || !px_read_forward(c->answer, &id, &t->revision)) {
		dest_later(t, REST_KEYS, "forwards", c->rc == RC_OK ? RC_BAD_GATEWAY : c->rc);
		return;
	}
	d = dest_change(t);
	n = snprintf(d->forward, sizeof(d->forward), "%s/forwards/%.*s", d->root, (int)id.n, id.p);
	if (n < 0 || (size_t)n >= sizeof(d->forward)) {
		t->d = t->before;
		dest_later(t, REST_KEYS, "forwards", RC_TOO_LARGE);
		return;
	}
	dest_store(t, forward_kept);
}

static void
make_forward(struct source_dest *t)
{
	struct px_ask_sink ask = ask_of(t);
	uint8_t request[PX_SPOOL_REQUEST];

	/* Another one than that of the store. */
	memcpy(request, t->d.request, sizeof(request));
	request[0] ^= 0x80;
	px_call_begin(&t->call, BODY_MAX, true);
	px_put_forward(&t->call.body, request, &ask);
	t->call.done = forward_made;
	px_call_send(&t->all->client, &t->call, "POST", slice_of(t->d.store), "/forwards",
	             PX_MEDIA_JSON);
}

static void
controlled(struct px_call *c)
{
	struct source_dest *t = c->owner;

	/* Somebody else has changed it, or an answer was lost. */
	if (c->rc == RC_CONFLICT) {
		t->forward_known = false;
		dest_later(t, REST_KEYS, "control", c->rc);
		return;
	}
	if (t->keys.n == 0 && c->status >= 400 && c->status < 500) {
		/* It does not have the sink any more. */
		t->forward_known = false;
	} else if (c->rc != RC_OK || !px_read_revision(c->answer, &t->revision)) {
		t->forward_known = false;
		dest_later(t, REST_KEYS, "control", c->rc == RC_OK ? RC_BAD_GATEWAY : c->rc);
		return;
	}
	if (t->keys.n > 0)
		granted(t);
	else
		memset(dest_grant(t, t->granting.id), 0, sizeof(struct source_grant));
	dest_done(t, REST_KEYS);
}

static void
control(struct source_dest *t, enum px_ask_do what)
{
	struct px_ask_sink ask = ask_of(t);

	t->busy = true;
	px_call_begin(&t->call, BODY_MAX, what != PX_ASK_REMOVE);
	px_put_control(&t->call.body, t->revision, what, &ask);
	t->call.done = controlled;
	px_call_send(&t->all->client, &t->call, "PUT", slice_of(t->d.forward), "/control",
	             PX_MEDIA_JSON);
}

/* ---- keys ---- */

static void
keys_made(struct source_dest *t)
{
	if (t->keys.rc != RC_OK) {
		px_rekey_free(&t->keys);
		dest_later(t, REST_KEYS, "keys", t->keys.rc);
		return;
	}
	if (t->d.forward[0] == '\0')
		make_forward(t);
	else
		control(t, dest_grant(t, t->granting.id) != NULL    ? PX_ASK_KEYS
		           : grant_at(t, t->granting.k.url) != NULL ? PX_ASK_REPLACE
		                                                    : PX_ASK_ADD);
	px_rekey_free(&t->keys);
}

static void
keys_done(struct px_rekey_order *o)
{
	dest_back(o->owner);
}

/* RC_UNAVAILABLE also when the gate is closed, and the pool about to end. */
static enum rc
run_order(struct source_dest *t)
{
	struct px *px = t->all->px;
	enum rc rc;

	if (!px_enter(px))
		return RC_UNAVAILABLE;
	t->keys.pool = px->pool;
	rc = px_rekey_run(&t->keys);
	px_leave(px);
	return rc;
}

/*
 * Makes the keys of the sink that the forward does not have yet, if any. The first call of a forward
 * has one alone: so it says the same when it is made again.
 */
static bool
make_keys(struct source_dest *t, const struct source_sink *k)
{
	const struct source_grant *g = dest_grant(t, k->id);
	struct px_epoch epochs[PX_REKEY_MAX];
	size_t n, max = t->d.forward[0] == '\0' ? 1 : PX_REKEY_MAX;
	enum rc rc = px_spool_epochs(t->all->spool, t->d.destination, g == NULL ? -1 : g->epoch,
	                             k->k.from, epochs, max, &n);

	if (rc == RC_OK && n == 0)
		return false;
	t->busy = true;
	t->granting = *k;
	t->keys = (struct px_rekey_order){ .identity = t->all->px->identity,
		                           .stream = t->d.stream,
		                           .pk2 = slice_make(t->granting.k.pk2,
		                                             sizeof(t->granting.k.pk2)),
		                           .n = n,
		                           .done = keys_done,
		                           .owner = t };
	memcpy(t->keys.source, t->all->name, sizeof(t->keys.source));
	for (size_t i = 0; i < n; i++)
		t->keys.epochs[i] = epochs[i].epoch;
	t->then = keys_made;
	if (rc == RC_OK)
		rc = run_order(t);
	if (rc != RC_OK)
		dest_later(t, REST_KEYS, "keys", rc);
	return true;
}

/*
 * One that the forward knows and at whose URL there is none any more. An uplink whose key was
 * forgotten stays: without it the proxy would let go what is for it.
 */
static bool
remove_one(struct source_dest *t, const struct source_sink *const *sinks, size_t n)
{
	const struct source_uplink *u = dest_uplink(t);

	for (size_t i = 0; i < NGRANTS; i++) {
		const struct source_grant *g = &t->grants[i];
		bool stays =
			g->id == 0 || (!dest_has_standin(t) && strcmp(g->url, u->sink.k.url) == 0);

		for (size_t k = 0; k < n && !stays; k++)
			stays = strcmp(sinks[k]->k.url, g->url) == 0;
		if (stays)
			continue;
		t->granting = (struct source_sink){ .id = g->id };
		memcpy(t->granting.k.url, g->url, sizeof(t->granting.k.url));
		t->keys.n = 0;
		control(t, PX_ASK_REMOVE);
		return true;
	}
	return false;
}

/* Now, and not when the uplink is there: others get it too, or somebody stands for the uplink. */
static bool
is_wanted(struct source_dest *t, size_t n_sinks)
{
	return t->d.forward[0] != '\0' || n_sinks > 1 || dest_has_standin(t) || dest_uplink(t)->up;
}

bool
keys_go_on(struct source_dest *t)
{
	const struct source_sink *sinks[SOURCE_SINKS_MAX + 1];
	size_t n = dest_sinks(t, sinks);

	if (n == 0 || !t->d.sealed || !is_wanted(t, n))
		return false;
	if (t->d.forward[0] != '\0' && !t->forward_known) {
		ask_forward(t);
		return true;
	}
	for (size_t i = 0; i < n; i++)
		if (make_keys(t, sinks[i]))
			return true;
	return t->d.forward[0] != '\0' && remove_one(t, sinks, n);
}
