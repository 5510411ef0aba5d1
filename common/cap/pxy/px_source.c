/* SPDX-License-Identifier: Apache-2.0 */
/* The source as a part of the capability: its life, its destinations, what the queue tells it. */
#include "config.h"

#include "cap/pxy/px_source.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "cap/pxy/px_source_own.h"

/* The lines of the queue are looked at so often: new destinations show there. */
#define SCAN_EVERY CLOCK_SECOND
#define GATE_AGAIN (CLOCK_SECOND / 100)

int64_t
source_backoff(const struct px_parking *s, unsigned failures)
{
	const struct proxy_conf *c = s->px->conf;
	int64_t delay = c->retry_first;

	for (unsigned i = 1; i < failures && delay < c->retry_max; i++)
		delay *= 2;
	return delay < c->retry_max ? delay : c->retry_max;
}

/* ---- destinations ---- */

struct source_dest *
source_dest_of(struct px_parking *s, uint64_t destination)
{
	for (size_t i = 0; i < s->n_dests; i++)
		if (s->dests[i]->d.destination == destination)
			return s->dests[i];
	return NULL;
}

/* One that nothing is known of but that it goes by the uplink; NULL: there is none. */
static struct source_dest *
idle_dest(struct px_parking *s)
{
	for (size_t i = 0; i < s->n_dests; i++) {
		struct source_dest *t = s->dests[i];

		if (!t->is_stored && !t->busy && t->direct && t->waiting == 0 && !t->under_way)
			return t;
	}
	return NULL;
}

static void
dest_init(struct source_dest *t, struct px_parking *s, const struct px_spool_dest *d)
{
	*t = (struct source_dest){ .all = s, .d = *d, .call.owner = t };
	t->direct = d->state == PX_WAY_DIRECT;
}

struct source_dest *
source_dest_add(struct px_parking *s, uint64_t destination)
{
	struct px_spool_dest d = { .destination = destination, .state = PX_WAY_DIRECT };
	struct source_dest *t;

	if (s->n_dests >= s->conf->destinations) {
		t = idle_dest(s);
		if (t == NULL)
			return NULL;
		/* Nothing was sealed in its stream, and there are not many. */
		d.stream = t->d.stream;
		scl_cancel(s->px->scl, &t->task);
	} else {
		t = calloc(1, sizeof(*t));
		if (t == NULL || px_spool_stream(s->spool, &d.stream) != RC_OK) {
			free(t);
			return NULL;
		}
		s->dests[s->n_dests++] = t;
	}
	dest_init(t, s, &d);
	return t;
}

/* ---- what the queue tells ---- */

static bool
note_line(void *arg, const struct saf_relief_line *line)
{
	struct px_parking *s = arg;

	if (line->count > 0 && source_dest_of(s, line->destination) == NULL)
		(void)source_dest_add(s, line->destination);
	return true;
}

void
source_note_lines(struct px_parking *s)
{
	saf_relief_each(s->px->scl, note_line, s);
}

static void
scan_run(struct scl_task *task)
{
	struct px_parking *s =
		(struct px_parking *)(void *)((char *)task - offsetof(struct px_parking, scan));

	if (!atomic_load(&s->running))
		return;
	source_note_lines(s);
	source_wake(s);
	scl_post(s->px->scl, task, SCAN_EVERY);
}

static bool
may_send(void *arg, uint64_t destination, unsigned rcat)
{
	struct px_parking *s = arg;
	struct source_dest *t = source_dest_of(s, destination);

	(void)rcat;
	/* What goes by a proxy for good does so from the first one on. */
	if (t == NULL && s->conf->park == PROXY_PARK_ALWAYS) {
		t = source_dest_add(s, destination);
		if (t == NULL)
			return true;
	}
	if (t == NULL)
		return true;
	return t->direct && s->conf->park != PROXY_PARK_ALWAYS;
}

static void
pressed(void *arg, unsigned count, size_t octets)
{
	struct px_parking *s = arg;

	(void)count;
	(void)octets;
	if (atomic_load(&s->running))
		scl_post(s->px->scl, &s->scan, 0);
}

static void
link_changed(void *arg, uint64_t link, bool up)
{
	struct px_parking *s = arg;

	(void)link;
	if (atomic_load(&s->running))
		uplinks_told(s, up);
}

static enum rc
relieve(struct px_parking *s, char why[CAPABILITY_WHY_MAX])
{
	struct saf_relief_ops ops = { .arg = s,
		                      .min_delay = s->conf->min_delay,
		                      .document_max = SOURCE_DOCUMENT_MAX,
		                      .level = s->conf->park_level,
		                      .parked_max = s->conf->parked_max,
		                      .may_send = may_send,
		                      .pressed = pressed,
		                      .link_changed = link_changed };
	enum rc rc = source_rigid(s->conf->rigid_rcat, &ops.rigid, why);

	return rc == RC_OK ? scl_relieve(s->px->scl, &ops) : rc;
}

/* ---- what is kept ---- */

static bool
load_dest(void *arg, const struct px_spool_dest *d)
{
	struct px_parking *s = arg;
	struct source_dest *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return false;
	dest_init(t, s, d);
	t->is_stored = true;
	/* Whether there is one shows when it is read; there is none without a store. */
	t->spooled = d->state == PX_WAY_PARK || d->state == PX_WAY_DRAIN;
	s->dests[s->n_dests++] = t;
	return true;
}

static bool
load_sink(void *arg, const struct px_spool_sink *k)
{
	struct px_parking *s = arg;
	struct source_sink *to = &s->sinks[s->n_sinks];

	if (uplinks_pinned(s, k) || s->n_sinks == SOURCE_SINKS_MAX)
		return true;
	for (size_t i = 0; i < s->n_sinks; i++)
		if (strcmp(s->sinks[i].k.name, k->name) == 0)
			return true;
	*to = (struct source_sink){ .k = *k, .id = s->next_id++ };
	if (pre_pk_id(slice_make(k->pk2, sizeof(k->pk2)), to->pk_id) == RC_OK)
		s->n_sinks++;
	return true;
}

static bool
count_dest(void *arg, const struct px_spool_dest *d)
{
	(void)d;
	++*(size_t *)arg;
	return true;
}

static enum rc
load(struct px_parking *s)
{
	size_t stored = 0;
	enum rc rc = px_spool_dests(s->spool, count_dest, &stored);

	/* More than the configuration has by now stay: something of theirs is parked. */
	s->dests = calloc(stored + s->conf->destinations, sizeof(*s->dests));
	if (s->dests == NULL)
		return RC_UNAVAILABLE;
	if (rc == RC_OK)
		rc = px_spool_dests(s->spool, load_dest, s);
	if (rc == RC_OK && s->n_dests < stored)
		return RC_UNAVAILABLE;
	return rc == RC_OK ? px_spool_sinks(s->spool, load_sink, s) : rc;
}

/* ---- life ---- */

static enum rc
open_spool(struct px_parking *s, char why[CAPABILITY_WHY_MAX])
{
	struct px_spool_conf conf = { .engine = s->px->conf->engine, .log = s->px->log };
	char dir[PATH_MAX];
	enum rc rc = px_state_dir(s->px, PROXY_SOURCE_STORE, dir, sizeof(dir), &conf.dir);

	return rc == RC_OK ? px_spool_open(&conf, &s->spool, why) : rc;
}

static void
source_end(struct px_parking *s)
{
	for (size_t i = 0; i < s->n_dests; i++) {
		struct source_dest *t = s->dests[i];

		px_seal_free(t->seal);
		buf_fini(&t->documents);
		buf_fini(&t->octets);
		buf_fini(&t->order.batch);
		px_rekey_free(&t->keys);
		px_call_end(&t->call);
		free(t);
	}
	uplinks_end(s);
	px_find_free(s->find);
	credential_unref(s->credential);
	free(s->dests);
	free(s);
}

static enum rc
set_up(struct px_parking *s, char why[CAPABILITY_WHY_MAX])
{
	const struct px *px = s->px;
	enum rc rc = RC_OK;

	if (px->identity == NULL) {
		snprintf(why, CAPABILITY_WHY_MAX, "a source needs proxy.identity");
		return RC_BAD_REQUEST;
	}
	rc = uplinks_new(s, px->all->nscl, why);
	if (rc == RC_OK)
		rc = source_configure(s, why);
	if (rc == RC_OK)
		rc = open_spool(s, why);
	if (rc == RC_OK)
		rc = load(s);
	return rc == RC_OK ? relieve(s, why) : rc;
}

static enum rc
attach(struct px *px, char why[CAPABILITY_WHY_MAX])
{
	struct px_parking *s = calloc(1, sizeof(*s));
	enum rc rc;

	if (s == NULL)
		return RC_UNAVAILABLE;
	s->px = px;
	s->conf = &px->conf->source;
	s->next_id = 1;
	s->scan.run = scan_run;
	rc = set_up(s, why);
	if (rc == RC_OK) {
		px->source = s;
		return RC_OK;
	}
	px_spool_close(s->spool);
	source_end(s);
	return rc;
}

static enum rc
make_find(struct px_parking *s)
{
	const struct px_find_conf conf = { .client = &s->client,
		                           .proxies = s->conf->proxies,
		                           .discover = s->conf->discover,
		                           .own_root = s->px->root_uri,
		                           .authorities = s->px->conf->ca_file != NULL,
		                           .reserve = s->conf->reserve,
		                           .log = s->px->log };

	return px_find_new(&conf, &s->find);
}

/* On the courier thread, like all that follows. */
static void
begin_run(struct scl_task *task)
{
	struct px_parking *s =
		(struct px_parking *)(void *)((char *)task - offsetof(struct px_parking, begin));

	if (!atomic_load(&s->running))
		return;
	/* What comes back does so through the gate, which is opened behind the start. */
	if (!px_enter(s->px)) {
		scl_post(s->px->scl, task, GATE_AGAIN);
		return;
	}
	px_leave(s->px);
	uplinks_start(s);
	scl_post(s->px->scl, &s->scan, 0);
}

static enum rc
start(struct px *px, char why[CAPABILITY_WHY_MAX])
{
	struct px_parking *s = px->source;
	struct pre_public own;
	struct slice url = slice_of(scl_base_uri(px->scl));
	enum rc rc = pre_public_of(px->identity, px->afgh, PRE_PUBLIC_SIGN, url, &own);

	s->client = (struct px_client){ .scl = px->scl,
		                        .timeout_ms = px->conf->send_timeout_ms,
		                        .credential = s->credential,
		                        .allow_clear = px->conf->allow_clear };
	s->sign = own.sign;
	if (rc == RC_OK && !pre_url_ok(url))
		rc = RC_BAD_REQUEST;
	if (rc == RC_OK)
		rc = pre_source_name(url, s->name);
	if (rc == RC_OK)
		rc = make_find(s);
	if (rc != RC_OK) {
		snprintf(why, CAPABILITY_WHY_MAX, "%.160s: %s", scl_base_uri(px->scl),
		         rc == RC_BAD_REQUEST ? "is no URL of a source" : status_of(rc)->text);
		return rc;
	}
	s->begin.run = begin_run;
	atomic_store(&s->running, true);
	scl_post(px->scl, &s->begin, 0);
	return RC_OK;
}

static void
stop(struct px *px)
{
	atomic_store(&px->source->running, false);
	/* Managers who wait are answered while their requests are there. */
	px_spool_settle(px->source->spool);
}

/* What is under way is left: it is in the spool, or has not been taken. */
static void
detach(struct px *px)
{
	px_spool_close(px->source->spool);
	source_end(px->source);
	px->source = NULL;
}

const struct px_part px_part_source = {
	.name = "source",
	.roles = PX_SOURCE,
	.attach = attach,
	.start = start,
	.stop = stop,
	.detach = detach,
};
