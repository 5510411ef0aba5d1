/* SPDX-License-Identifier: Apache-2.0 */
/* What is done next, and for whom: servers are looked at, one after the other. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "cap/sgd/sgd_own.h"

#define TICK (2 * CLOCK_SECOND)

/* ---- servers ---- */

/* Nothing is under way that a reload would overtake; what has only been taken is given up. */
static bool
is_quiet(struct sgd *d)
{
	for (size_t i = 0; i < d->n_servers; i++) {
		struct sgd_server *s = &d->servers[i];

		if (s->steps > 0 || s->work.busy)
			return false;
		if (!s->mail.busy)
			sgd_mail_reset(s);
	}
	return d->ops == NULL && d->wishes == 0;
}

/* What the book has of sessions and groups, and of what they have sealed. */
static enum rc
load_all(struct sgd *d)
{
	enum rc rc = sgd_session_load_all(d);

	if (rc == RC_OK)
		rc = sgd_group_load_all(d);
	return rc == RC_OK ? sgd_out_load(d) : rc;
}

static void
free_all(struct sgd *d)
{
	while (d->sessions != NULL)
		sgd_session_remove(d->sessions);
	while (d->groups != NULL)
		sgd_group_free(d->groups);
}

static void
reload(struct sgd *d)
{
	free_all(d);
	d->reload = load_all(d) != RC_OK;
}

void
sgd_engine_reload(struct sgd *d)
{
	d->reload = true;
	for (size_t i = 0; i < d->n_servers; i++)
		sgd_server_wake_at(&d->servers[i], clock_monotonic() + CLOCK_SECOND);
}

static void
sooner(int64_t *at, int64_t until, int64_t now)
{
	if (until > now && until < *at)
		*at = until;
}

/* When something ends its rest, or a tick is due. */
static int64_t
next_look(const struct sgd_server *s, int64_t now)
{
	const struct sgd *d = s->all;
	int64_t at = now + TICK;

	sooner(&at, s->first.until, now);
	sooner(&at, s->mail.until, now);
	sooner(&at, s->work.until, now);
	for (const struct sgd_session *se = d->sessions; se != NULL; se = se->next)
		if (se->server == s)
			sooner(&at, se->until, now);
	for (const struct sgd_group *g = d->groups; g != NULL; g = g->next)
		if (g->server == s)
			sooner(&at, g->until, now);
	for (const struct sgd_to *to = d->tos; to != NULL; to = to->next)
		if (to->server == s && to->waits)
			sooner(&at, to->until, now);
	return at;
}

static void
look(struct scl_task *t)
{
	struct sgd_server *s = (struct sgd_server *)(void *)t;
	int64_t now = clock_monotonic();

	s->posted = 0;
	if (!atomic_load(&s->all->running))
		return;
	sgd_server_wake_at(s, next_look(s, now));
	if (s->all->reload && is_quiet(s->all))
		reload(s->all);
	if (s->all->reload)
		return;
	sgd_server_first(s);
	if (s->state != SGD_S_READY)
		return;
	sgd_session_tick(s, sgd_now(s->all));
	sgd_mail_look(s);
	if (s->work.busy || s->work.until > now || s->barred)
		return;
	if (!sgd_session_work(s) && !sgd_group_work(s))
		sgd_send_work(s);
}

void
sgd_server_wake_at(struct sgd_server *s, int64_t at)
{
	int64_t now = clock_monotonic();

	if (s->posted != 0 && s->posted <= at)
		return;
	s->posted = at > now ? at : now;
	scl_post(s->all->scl, &s->task, s->posted - now);
}

void
sgd_server_wake(struct sgd_server *s)
{
	sgd_server_wake_at(s, clock_monotonic());
}

void
sgd_lane_rest(struct sgd_server *s, struct sgd_lane *l)
{
	const struct sga_conf *c = s->all->conf;

	l->failures++;
	l->until = clock_monotonic() + sgd_backoff(l->failures, c->retry_first, c->retry_max);
	sgd_server_wake_at(s, l->until);
}

struct sgd_server *
sgd_server_of(struct sgd *d, struct slice id)
{
	for (size_t i = 0; i < d->n_servers; i++)
		if (slice_eq(id, sga_id_slice(&d->servers[i].id)))
			return &d->servers[i];
	return NULL;
}

/* ---- life ---- */

static void
begin(struct scl_task *t)
{
	struct sgd *d = (struct sgd *)(void *)((char *)t - offsetof(struct sgd, begin));

	for (size_t i = 0; i < d->n_servers && atomic_load(&d->running); i++)
		sgd_server_wake(&d->servers[i]);
}

static enum rc
load_peers(struct sgd *d)
{
	for (size_t i = 0; i < d->conf->device.n_peers; i++) {
		struct sgd_dest_row row;
		struct sga_id id;
		enum rc rc = sga_id_make(slice_of(d->conf->device.peers[i].id), &id);

		if (rc != RC_OK || !sgd_peer_row(d, &id, &row))
			return RC_BAD_REQUEST;
		if (sgd_to_get(d, &row) == NULL)
			return RC_UNAVAILABLE;
	}
	return RC_OK;
}

enum rc
sgd_engine_load(struct sgd *d, char why[CAPABILITY_WHY_MAX])
{
	enum rc rc = load_peers(d);

	if (rc == RC_BAD_REQUEST)
		snprintf(why, CAPABILITY_WHY_MAX, "sga.peers: an id or a server that there is not");
	for (size_t i = 0; i < d->n_servers && rc == RC_OK; i++) {
		d->servers[i].task.run = look;
		rc = sgd_server_load(&d->servers[i]);
	}
	if (rc == RC_OK)
		rc = sgd_to_load_all(d);
	return rc == RC_OK ? load_all(d) : rc;
}

void
sgd_engine_start(struct sgd *d)
{
	d->told_task.run = sgd_told_run;
	d->begin.run = begin;
	scl_post(d->scl, &d->begin, 0);
}

static void
server_free(struct sgd_server *s)
{
	sga_device_free(s->device);
	buf_fini(&s->r1);
	buf_fini(&s->items);
	buf_fini(&s->body);
	sgd_ask_end(&s->first.ask);
	sgd_ask_end(&s->mail.ask);
	sgd_ask_end(&s->work.ask);
	sga_session_free(s->mail_step.invited);
	sga_session_free(s->work_step.made);
	buf_fini(&s->mail_step.message);
	buf_fini(&s->work_step.message);
	secret_wipe(s->token, sizeof(s->token));
}

void
sgd_engine_free(struct sgd *d)
{
	free_all(d);
	while (d->tos != NULL) {
		struct sgd_to *to = d->tos;

		d->tos = to->next;
		free(to);
	}
	for (size_t i = 0; i < d->n_servers; i++)
		server_free(&d->servers[i]);
}
