/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/gaka/gaka_sn_impl.h"

#include <stdio.h>
#include <stdlib.h>

#include "mas/admin.h"

#define BODY_MAX 256u /* octets: the longest message is shorter */
#define TICK CLOCK_SECOND

/* ---- facts ---- */

static int64_t
monotonic(const struct clock *c)
{
	(void)c;
	return clock_monotonic();
}

static const struct clock mono = { monotonic };

int64_t
sn_mono(const struct gaka_sn *s)
{
	return clock_now(s->mono);
}

uint64_t
sn_wall(const struct gaka_sn *s)
{
	return (uint64_t)(clock_now(s->clock) / CLOCK_SECOND);
}

bool
sn_self(const struct gaka_sn *s, struct node_id *out)
{
	if (s->cap->role != SCL_NSCL)
		return s->sec->node(s->sec->arg, out, NULL);
	*out = s->serving;
	return true;
}

void
sn_count(struct gaka_sn *s, enum sn_count which)
{
	mas_count(s->counters, which, 1);
}

/* ---- time ---- */

static void
tick(struct scl_task *task)
{
	struct gaka_sn *s =
		(struct gaka_sn *)(void *)((char *)task - offsetof(struct gaka_sn, tick));
	bool round, running;

	sn_end_waiting(s, false);
	round = gaka_sessions_sweep(s->sessions);
	pthread_mutex_lock(&s->lock);
	sn_attempts_expire(s);
	running = s->running;
	round = round && s->waiting == NULL;
	pthread_mutex_unlock(&s->lock);
	if (running)
		scl_post(s->scl, &s->tick, round ? TICK : TICK / 4);
}

/* ---- life ---- */

static void
sn_free(struct gaka_sn *s)
{
	sn_groups_free(s);
	sn_attempts_void(s, NULL, NULL);
	sn_limits_close(&s->limits);
	gaka_sessions_free(s->sessions);
	mas_counters_free(s->counters);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static enum rc
set_names(struct gaka_sn *s)
{
	struct slice base = scl_base_path(s->scl);
	int n = snprintf(s->path, sizeof(s->path), "%.*s/gaka", (int)base.n, base.p);

	if (n <= 0 || (size_t)n >= sizeof(s->path))
		return RC_BAD_REQUEST;
	return mas_serving_id(slice_of(s->cap->scl_id), &s->serving);
}

static enum rc
make_parts(struct gaka_sn *s)
{
	s->counters = sn_counters_new();
	s->sessions = gaka_sessions_new(s->conf->sessions_max, s->clock);
	if (s->counters == NULL || s->sessions == NULL)
		return RC_UNAVAILABLE;
	return sn_limits_open(&s->limits, s->conf->singles_max, s->mono);
}

/* What others ask of here. */
static enum rc
join_others(struct gaka_sn *s)
{
	const struct sec_psk psk = gaka_sessions_psk(s->sessions);
	enum rc rc = s->sec->psk_add(s->sec->arg, PSK_GA, &psk);

	s->endpoint = (struct endpoint){ .path = s->path,
		                         .serve = SERVE_DIA,
		                         .body_max = BODY_MAX,
		                         .serve_request = sn_serve,
		                         .arg = s };
	if (rc == RC_OK)
		rc = endpoint_add(s->scl, &s->endpoint);
	if (rc == RC_OK && s->sec->admin != NULL)
		rc = admin_add_counters(s->sec->admin, s->counters);
	return rc;
}

enum rc
gaka_sn_attach(struct scl *scl, const struct capability_conf *conf, struct gaka_sn **out,
               char why[CAPABILITY_WHY_MAX])
{
	struct gaka_sn *s;
	enum rc rc;

	*out = NULL;
	if (!conf->gaka.enabled)
		return RC_OK;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return RC_UNAVAILABLE;
	pthread_mutex_init(&s->lock, NULL);
	s->scl = scl;
	s->cap = conf;
	s->conf = &conf->gaka;
	s->sec = conf->sec;
	s->log = conf->log;
	s->clock = &clock_system;
	s->mono = &mono;
	s->tick.run = tick;
	s->waiting_end = &s->waiting;
	sn_ask_open(s);
	rc = make_parts(s);
	if (rc == RC_OK)
		rc = set_names(s);
	if (rc == RC_OK)
		rc = join_others(s);
	if (rc != RC_OK) {
		snprintf(why, CAPABILITY_WHY_MAX, "devices cannot be served as a group: %s",
		         status_of(rc)->text);
		sn_free(s);
		return rc;
	}
	sn_feed_open(s);
	*out = s;
	return RC_OK;
}

void
gaka_sn_start(struct gaka_sn *s)
{
	pthread_mutex_lock(&s->lock);
	s->running = true;
	pthread_mutex_unlock(&s->lock);
	sn_feed_start(s);
	scl_post(s->scl, &s->tick, TICK);
}

void
gaka_sn_stop(struct gaka_sn *s)
{
	pthread_mutex_lock(&s->lock);
	s->running = false;
	pthread_mutex_unlock(&s->lock);
	sn_ask_stop(s);
	sn_end_waiting(s, true);
}

void
gaka_sn_detach(struct gaka_sn *s)
{
	sn_feed_close(s);
	sn_free(s);
}

const struct endpoint *
gaka_sn_endpoint(const struct gaka_sn *s)
{
	return &s->endpoint;
}
