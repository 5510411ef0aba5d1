/* SPDX-License-Identifier: Apache-2.0 */
/* What the answers of the home network mean: sets of vectors, challenges, refusals. */
#include "config.h"

#include "cap/gaka/gaka_sn_impl.h"

/*
 * Seconds; more than any group lives, and than clocks differ. What is beyond is no time to reckon
 * with.
 */
#define LIFETIME_MAX (UINT64_C(31) * 86400)

/* Nobody can be authenticated by it now. */
static void
away(struct gaka_sn *s, struct sn_request *r, struct sn_group *g, const char *why)
{
	int64_t since_last;

	if (log_pace_due(&s->logged_home, &since_last))
		LOG_WARN(s->log, "gaka-home", LOG_Z("why", why), LOG_N("since_last", since_last));
	if (g != NULL)
		g->away = true;
	(void)sn_refuse(s, r, GAKA_BUSY, SN_COUNT_HOME);
}

/* True when it is about names that the device has given. */
static bool
refused(struct gaka_sn *s, struct sn_request *r, struct sn_group *g, struct slice message)
{
	enum gaka_reason reason;

	if (gaka_t12_read(message, &reason) != RC_OK || reason == GAKA_BUSY) {
		away(s, r, g, "it is busy");
		return false;
	}
	if (reason == GAKA_UNKNOWN && g != NULL) {
		g->unknown = true;
		(void)sn_refuse(s, r, GAKA_MAC, SN_COUNT_UNKNOWN);
		return true;
	}
	if (reason == GAKA_UNKNOWN || reason == GAKA_NOT_MEMBER) {
		(void)sn_fail(s, r, &r->t1.id, SN_COUNT_UNKNOWN);
		return true;
	}
	away(s, r, g, "it does not know this serving network by that name");
	return false;
}

static bool
is_time(const struct gaka_sn *s, uint64_t expiry)
{
	uint64_t now = sn_wall(s);

	return expiry <= now || expiry - now <= LIFETIME_MAX;
}

/* A set that finds no room is none: each member is asked for alone then. */
static void
take_set(struct gaka_sn *s, struct sn_request *r, struct sn_group *g, const struct gaka_t3 *t3)
{
	struct gaka_set *set;
	int64_t since_last;

	if (gaka_set_make(&r->t2, t3, sn_wall(s), &set) != RC_OK) {
		away(s, r, g, "its vectors are of no use");
		return;
	}
	g->vouched = true;
	if (!sn_group_keep(s, g, set, t3->count, t3->w) &&
	    log_pace_due(&s->logged_full, &since_last))
		LOG_WARN(s->log, "gaka-full", LOG_Z("of", "gaka.members_max"),
		         LOG_N("since_last", since_last));
	sn_step_vector(s, r, &t3->leader, t3->expiry);
}

static void
take_t3(struct gaka_sn *s, struct sn_request *r, struct sn_group *g, struct slice message)
{
	struct gaka_t3 t3;

	if (gaka_t3_read(message, &t3) != RC_OK) {
		away(s, r, g, "its answer cannot be read");
		return;
	}
	if (is_time(s, t3.expiry))
		take_set(s, r, g, &t3);
	else
		away(s, r, g, "its vectors have no end");
	gaka_t3_wipe(&t3);
}

static void
take_t11(struct gaka_sn *s, struct sn_request *r, struct slice message)
{
	struct gaka_t11 t11;

	if (gaka_t11_read(message, &t11) != RC_OK) {
		away(s, r, NULL, "its answer cannot be read");
		return;
	}
	if (is_time(s, t11.expiry))
		sn_step_vector(s, r, &t11.vector, t11.expiry);
	else
		away(s, r, NULL, "its vectors have no end");
	gaka_t11_wipe(&t11);
}

/* Makes r answered. True when the names in it were refused. */
static bool
take(struct gaka_sn *s, struct sn_request *r, struct sn_group *g, enum rc rc, struct slice message)
{
	unsigned type = gaka_type_of(message);

	if (rc != RC_OK)
		away(s, r, g, "it does not answer");
	else if (type == GAKA_T12)
		return refused(s, r, g, message);
	else if (r->voids != s->voids) /* it may be of what was declared void meanwhile */
		(void)sn_refuse(s, r, GAKA_BUSY, SN_COUNT_CHANGED);
	else if (type == GAKA_T3 && r->group && g != NULL)
		take_t3(s, r, g, message);
	else if (type == GAKA_T11 && !r->group)
		take_t11(s, r, message);
	else
		away(s, r, g, "its answer cannot be read");
	return false;
}

void
sn_home_answered(struct sn_request *r, enum rc rc, struct slice message)
{
	struct gaka_sn *s = r->s;
	struct sn_request *waiting = NULL, *next;
	struct sn_group *g;
	bool group = r->group;

	pthread_mutex_lock(&s->lock);
	s->n_requests--;
	g = group ? sn_group_find(s, &r->t1.gid) : NULL;
	if (g != NULL)
		g->asking = false;
	sn_limit_done(s, r, take(s, r, g, rc, message));
	if (group)
		waiting = sn_take_waiting(s, &r->t1.gid);
	pthread_mutex_unlock(&s->lock);
	sn_finish(r);
	for (; waiting != NULL; waiting = next) {
		next = waiting->next;
		sn_go(waiting);
	}
}
