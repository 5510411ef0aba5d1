/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/mpa/mpa_ap.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cap/mpa.h"

#define THREADS 1u /* that verify */
#define MAP_OCTETS (UINT64_C(1) << 20)

int64_t
ap_now(void)
{
	return clock_now(&clock_system) / CLOCK_SECOND;
}

void
ap_count(struct ap *ap, unsigned which)
{
	mas_count(ap->counters, which, 1);
}

enum rc
ap_refused(struct ap *ap, enum mpa_cause why, const char *what, struct slice who,
           const char **reason)
{
	static const struct {
		enum rc rc, told;
		const char *reason;
	} rows[] = {
		{ RC_BAD_REQUEST, RC_BAD_REQUEST, "BAD_PARAM" },
		{ RC_PRECONDITION, RC_PRECONDITION, "MPA_UNKNOWN_CHAIN" },
		{ RC_CONFLICT, RC_NOT_FOUND, "MPA_NO_RUN" },
		{ RC_UNAVAILABLE, RC_UNAVAILABLE, "OVERLOAD" },
		{ RC_NO_SPACE, RC_UNAVAILABLE, "OVERLOAD" },
		{ RC_INTERNAL, RC_INTERNAL, "" },
	};
	enum rc rc = mpa_cause_rc(why);
	int64_t since_last;

	ap_count(ap, AP_CAUSES_N + (unsigned)why);
	if (log_pace_due(&ap->refusing, &since_last))
		LOG_WARN(ap->log, "mpa-refused", LOG_Z("what", what), LOG_S("who", who),
		         LOG_Z("cause", mpa_cause_text(why)), LOG_N("since_last", since_last));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].rc == rc) {
			*reason = rows[i].reason;
			return rows[i].told;
		}
	*reason = "MPA_REFUSED";
	return RC_FORBIDDEN;
}

/* ---- life ---- */

static enum rc
open_counters(struct ap *ap)
{
	static const char *const names[AP_CAUSES_N] = {
		[AP_RUNS_N] = "mpa_runs",
		[AP_SESSIONS_N] = "mpa_sessions",
		[AP_CUT_N] = "mpa_cut",
		[AP_BUSY_N] = "mpa_busy",
		[AP_FORWARDED_N] = "mpa_forwarded",
		[AP_ANCHORS_N] = "mpa_anchors",
	};

	memcpy(ap->counter_names, names, sizeof(names));
	for (unsigned i = 0; i < MPA_CAUSES; i++) {
		snprintf(ap->cause_names[i], sizeof(ap->cause_names[i]),
		         "mpa_refused{reason=\"%s\"}", mpa_cause_text((enum mpa_cause)i));
		ap->counter_names[AP_CAUSES_N + i] = ap->cause_names[i];
	}
	ap->counters = mas_counters_new(ap->counter_names, AP_COUNTS);
	ap->runs = calloc(ap->conf->attempts_max, sizeof(*ap->runs));
	return ap->counters == NULL || ap->runs == NULL ? RC_UNAVAILABLE : RC_OK;
}

static enum rc
add(struct ap *ap, struct endpoint *e, char path[AP_PATH_MAX], const char *tail,
    enum rc (*serve)(void *arg, struct req *rq, const struct req_input *in), size_t body_max)
{
	struct slice base = scl_base_path(ap->scl);
	int n = snprintf(path, AP_PATH_MAX, "%.*s/mpa%s", (int)base.n, base.p, tail);

	if (n < 0 || n >= (int)AP_PATH_MAX)
		return RC_BAD_REQUEST;
	*e = (struct endpoint){ .path = path,
		                .serve = SERVE_DIA,
		                .body_max = body_max,
		                .internal = true,
		                .serve_request = serve,
		                .arg = ap };
	return endpoint_add(ap->scl, e);
}

static enum rc
open_parts(struct ap *ap, char why[CAPABILITY_WHY_MAX])
{
	enum rc rc = mpa_book_open(&ap->book, ap->cap, MAP_OCTETS, why);

	if (rc == RC_OK && ap->conf->chains_max > 0)
		rc = mpa_cache_new(ap->conf->chains_max, &ap->cache);
	if (rc == RC_OK)
		rc = open_counters(ap);
	if (rc == RC_OK)
		rc = ap_psk_open(ap);
	if (rc == RC_OK)
		rc = add(ap, &ap->mpa, ap->mpa_path, "", ap_serve, MPA_MESSAGE_MAX);
	return rc == RC_OK ? add(ap, &ap->decisions, ap->decisions_path, "/decisions/",
	                         ap_decision_serve, 0)
	                   : rc;
}

static void
ap_free(struct ap *ap)
{
	ap_link_close(ap);
	ap_forward_close(ap);
	ap_sessions_close(ap);
	ap_runs_close(ap);
	ap_anchors_unref(ap->anchors);
	mpa_cache_free(ap->cache);
	mpa_book_close(&ap->book);
	mas_counters_free(ap->counters);
	pthread_mutex_destroy(&ap->lock);
	free(ap);
}

static void
revoked(struct sec_watcher *w, const struct node_id *node, uint64_t connection)
{
	struct ap *ap = (struct ap *)(void *)((char *)w - offsetof(struct ap, watcher));

	if (connection == 0)
		ap_sessions_cut_node(ap, node);
}

static enum rc
ap_attach(struct scl *scl, const struct capability_conf *conf, void **state,
          char why[CAPABILITY_WHY_MAX])
{
	struct ap *ap;
	enum rc rc;

	*state = NULL;
	if (!conf->mpa.enabled)
		return RC_OK;
	ap = calloc(1, sizeof(*ap));
	if (ap == NULL)
		return RC_UNAVAILABLE;
	pthread_mutex_init(&ap->lock, NULL);
	ap->scl = scl;
	ap->log = conf->log;
	ap->cap = conf;
	ap->conf = &conf->mpa;
	ap->sec = conf->sec;
	ap->id = slice_of(conf->scl_id);
	ap_link_open(ap);
	ap_forward_open(ap);
	why[0] = '\0';
	rc = open_parts(ap, why);
	if (rc != RC_OK) {
		if (why[0] == '\0')
			snprintf(why, CAPABILITY_WHY_MAX,
			         "multiparty authentication cannot be served: %s",
			         status_of(rc)->text);
		ap_free(ap);
		return rc;
	}
	ap->watcher = (struct sec_watcher){ .revoked = revoked };
	conf->sec->revoked_watch(conf->sec->arg, &ap->watcher);
	*state = ap;
	return RC_OK;
}

static enum rc
ap_start(struct scl *scl, const struct capability_conf *conf, void **state,
         char why[CAPABILITY_WHY_MAX])
{
	struct ap *ap = *state;
	struct pool *pool;
	enum rc rc;

	(void)scl;
	(void)conf;
	if (ap == NULL)
		return RC_OK;
	rc = pool_start(THREADS, &pool);
	if (rc != RC_OK) {
		snprintf(why, CAPABILITY_WHY_MAX, "no thread for multiparty authentication");
		return rc;
	}
	pthread_mutex_lock(&ap->lock);
	ap->pool = pool;
	ap->running = true;
	pthread_mutex_unlock(&ap->lock);
	ap_link_start(ap);
	return RC_OK;
}

static void
ap_stop(void *state)
{
	struct ap *ap = state;
	struct pool *pool;

	if (ap == NULL)
		return;
	pthread_mutex_lock(&ap->lock);
	ap->running = false;
	pool = ap->pool;
	ap->pool = NULL;
	pthread_mutex_unlock(&ap->lock);
	pool_stop(pool);
}

static void
ap_detach(void *state)
{
	struct ap *ap = state;

	if (ap == NULL)
		return;
	ap->sec->revoked_unwatch(ap->sec->arg, &ap->watcher);
	ap_free(ap);
}

const struct capability cap_mpa_ap = {
	.name = "mpa-ap",
	.attach = ap_attach,
	.start = ap_start,
	.stop = ap_stop,
	.detach = ap_detach,
};
