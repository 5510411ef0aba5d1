/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/mpa/mpa_cn.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "cap/mpa.h"
#include "core/peer.h"

#define QUEUE_MAX 256u
#define THREADS 1u /* that verify */
#define PERIOD (600 * CLOCK_SECOND)
#define FORGET_SOME 32u /* in one transaction */
#define FORGET_AFTER UINT64_C(86400) /* seconds after its end */
#define MAP_BASE (UINT64_C(64) << 20)
#define MAP_WARRANT                                                                                \
	UINT64_C(8192) /* octets of the map for each warrant, chains and keys included */

int64_t
cn_now(void)
{
	return clock_now(&clock_system) / CLOCK_SECOND;
}

void
cn_count(struct mpa_cn *cn, unsigned which)
{
	mas_count(cn->counters, which, 1);
}

enum rc
cn_refused(struct mpa_cn *cn, enum mpa_cause why, const char *what, struct slice who,
           const char **reason)
{
	enum rc rc = mpa_cause_rc(why);
	int64_t since_last;

	cn_count(cn, CN_CAUSES_N + (unsigned)why);
	if (log_pace_due(&cn->refusing, &since_last))
		LOG_WARN(cn->log, "mpa-refused", LOG_Z("what", what), LOG_S("who", who),
		         LOG_Z("cause", mpa_cause_text(why)), LOG_N("since_last", since_last));
	switch (rc) {
	case RC_BAD_REQUEST:
		*reason = "BAD_PARAM";
		return rc;
	case RC_PRECONDITION:
		*reason = "MPA_UNKNOWN_CHAIN";
		return rc;
	case RC_UNAVAILABLE:
	case RC_NO_SPACE:
		*reason = "OVERLOAD";
		return RC_UNAVAILABLE;
	case RC_INTERNAL:
		*reason = "";
		return rc;
	default:
		*reason = "MPA_REFUSED";
		return RC_FORBIDDEN;
	}
}

bool
cn_pool(struct mpa_cn *cn, struct pool_job *job)
{
	bool running;

	pthread_mutex_lock(&cn->lock);
	running = cn->running;
	if (running)
		pool_submit(cn->pool, POOL_FOREIGN, job);
	pthread_mutex_unlock(&cn->lock);
	return running;
}

bool
cn_is_type(struct slice type, const char *media)
{
	struct slice essence = type;

	(void)slice_split(&type, ';', &essence);
	while (essence.n > 0 && essence.p[essence.n - 1] == ' ')
		essence.n--;
	return essence.n == strlen(media) && strncasecmp(essence.p, media, essence.n) == 0;
}

enum rc
cn_identify(struct mpa_cn *cn, struct req *rq, const struct req_input *in, struct endpoint_who *who,
            struct node_id *node)
{
	enum rc rc = endpoint_identify(rq, who);

	if (rc != RC_OK)
		return rc;
	if (in->connection_id == 0 || who->scl_id.n == 0 ||
	    !cn->sec->peer_node(cn->sec->arg, in, node))
		return endpoint_refuse(rq, RC_DENIED, SLICE_LIT("AUTH_FAILED"));
	return RC_OK;
}

/* ---- the book ---- */

static bool
count_one(void *arg, const struct cn_warrant *w)
{
	struct mpa_cn *cn = arg;

	(void)w;
	cn->n_warrants++;
	return true;
}

static enum rc
load(struct mpa_cn *cn)
{
	struct tables_tx *tx;
	enum rc rc = tables_read(&cn->book.tables, &tx);

	if (rc != RC_OK)
		return rc;
	rc = cn_warrants(tx, SLICE_NONE, count_one, cn);
	tables_abort(tx);
	return rc;
}

/* What has ended long ago is not asked about any more. */
static enum rc
tick(void *arg, struct tables_tx *tx, bool *more)
{
	struct mpa_cn *cn = arg;
	uint64_t now = (uint64_t)cn_now();
	unsigned n = 0;
	enum rc rc = cn_forget(tx, now - FORGET_AFTER, FORGET_SOME, &n);

	*more = rc == RC_OK && n == FORGET_SOME;
	if (rc == RC_OK)
		cn->n_warrants -= n < cn->n_warrants ? n : cn->n_warrants;
	return rc;
}

static enum rc
open_book(struct mpa_cn *cn, char why[CAPABILITY_WHY_MAX])
{
	const struct tables_work_conf work = { .store = &cn->book.tables,
		                               .log = cn->log,
		                               .store_failed = "mpa-store-failed",
		                               .tick_failed = "mpa-store-failed",
		                               .queue_max = QUEUE_MAX,
		                               .batch_max = 1,
		                               .period = PERIOD,
		                               .tick = tick,
		                               .arg = cn };
	enum rc rc = mpa_book_open(&cn->book, cn->cap,
	                           MAP_BASE + MAP_WARRANT * cn->conf->warrants_max, why);

	if (rc == RC_OK)
		rc = load(cn);
	return rc == RC_OK ? tables_work_start(&work, &cn->work) : rc;
}

/* ---- life ---- */

static enum rc
open_counters(struct mpa_cn *cn)
{
	static const char *const names[] = {
#define MPA_COUNTER(name, text) text,
#include "cap/mpa/mpa_counters.def"
#undef MPA_COUNTER
	};

	memcpy(cn->counter_names, names, sizeof(names));
	for (unsigned i = 0; i < MPA_CAUSES; i++) {
		snprintf(cn->cause_names[i], sizeof(cn->cause_names[i]),
		         "mpa_refused{reason=\"%s\"}", mpa_cause_text((enum mpa_cause)i));
		cn->counter_names[CN_CAUSES_N + i] = cn->cause_names[i];
	}
	cn->counters = mas_counters_new(cn->counter_names, CN_COUNTS);
	return cn->counters == NULL ? RC_UNAVAILABLE : RC_OK;
}

static void
cn_revoked_node(struct sec_watcher *w, const struct node_id *node, uint64_t connection)
{
	struct mpa_cn *cn = (struct mpa_cn *)(void *)((char *)w - offsetof(struct mpa_cn, watcher));

	if (connection == 0)
		cn_node_revoked(cn, node);
}

static void
cn_lost(struct sec_watcher *w)
{
	cn_doubt_begin((struct mpa_cn *)(void *)((char *)w - offsetof(struct mpa_cn, watcher)));
}

static void
cn_free(struct mpa_cn *cn)
{
	cn_doubt_close(cn);
	tables_work_stop(cn->work);
	pool_stop(cn->pool);
	mpa_cache_free(cn->cache);
	mpa_book_close(&cn->book);
	mas_counters_free(cn->counters);
	pthread_mutex_destroy(&cn->lock);
	free(cn);
}

static enum rc
open_parts(struct mpa_cn *cn, char why[CAPABILITY_WHY_MAX])
{
	enum rc rc = open_book(cn, why);

	if (rc == RC_OK)
		rc = cn_doubt_open(cn);
	if (rc == RC_OK)
		rc = secret_random(&cn->birth, sizeof(cn->birth));
	if (rc == RC_OK && cn->conf->chains_max > 0)
		rc = mpa_cache_new(cn->conf->chains_max, &cn->cache);
	if (rc == RC_OK)
		rc = open_counters(cn);
	if (rc == RC_OK)
		rc = cn_rest_open(cn);
	return rc == RC_OK ? cn_admin_open(cn) : rc;
}

static enum rc
cn_attach(struct scl *scl, const struct capability_conf *conf, void **state,
          char why[CAPABILITY_WHY_MAX])
{
	struct mpa_cn *cn;
	enum rc rc;

	*state = NULL;
	if (!conf->mpa.enabled)
		return RC_OK;
	cn = calloc(1, sizeof(*cn));
	if (cn == NULL)
		return RC_UNAVAILABLE;
	pthread_mutex_init(&cn->lock, NULL);
	cn->scl = scl;
	cn->log = conf->log;
	cn->cap = conf;
	cn->conf = &conf->mpa;
	cn->sec = conf->sec;
	cn->id = slice_of(conf->scl_id);
	cn_anchor_open(cn);
	why[0] = '\0';
	rc = open_parts(cn, why);
	if (rc != RC_OK) {
		if (why[0] == '\0')
			snprintf(why, CAPABILITY_WHY_MAX,
			         "multiparty authentication cannot be served: %s",
			         status_of(rc)->text);
		cn_free(cn);
		return rc;
	}
	cn->watcher = (struct sec_watcher){ .revoked = cn_revoked_node, .lost = cn_lost };
	conf->sec->revoked_watch(conf->sec->arg, &cn->watcher);
	*state = cn;
	return RC_OK;
}

static enum rc
cn_start(struct scl *scl, const struct capability_conf *conf, void **state,
         char why[CAPABILITY_WHY_MAX])
{
	struct mpa_cn *cn = *state;
	struct pool *pool;
	enum rc rc;

	(void)scl;
	(void)conf;
	if (cn == NULL)
		return RC_OK;
	rc = pool_start(THREADS, &pool);
	if (rc != RC_OK) {
		snprintf(why, CAPABILITY_WHY_MAX, "no thread for multiparty authentication");
		return rc;
	}
	pthread_mutex_lock(&cn->lock);
	cn->pool = pool;
	cn->running = true;
	pthread_mutex_unlock(&cn->lock);
	/* The MAS may have said something of which the end of this process came first. */
	cn_doubt_begin(cn);
	return RC_OK;
}

static void
cn_stop(void *state)
{
	struct mpa_cn *cn = state;
	struct tables_work *work;
	struct pool *pool;

	if (cn == NULL)
		return;
	cn_anchor_stop(cn);
	pthread_mutex_lock(&cn->lock);
	pool = cn->pool;
	work = cn->work;
	cn->work = NULL;
	pthread_mutex_unlock(&cn->lock);
	pool_stop(pool);
	tables_work_stop(work);
	pthread_mutex_lock(&cn->lock);
	cn->pool = NULL;
	pthread_mutex_unlock(&cn->lock);
}

static void
cn_detach(void *state)
{
	struct mpa_cn *cn = state;

	if (cn == NULL)
		return;
	cn->sec->revoked_unwatch(cn->sec->arg, &cn->watcher);
	cn_free(cn);
}

const struct capability cap_mpa_cn = {
	.name = "mpa-cn",
	.attach = cn_attach,
	.start = cn_start,
	.stop = cn_stop,
	.detach = cn_detach,
};
