/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "mas/mas_local.h"

#include <stdio.h>
#include <stdlib.h>

#include "mas/mas_group_impl.h"

#define QUEUE_MAX 4096u
#define BATCH_MAX 64u
#define NODES_MAX 100000u
#define CONNECTIONS_MAX 200000u
#define FAILURES_SLOTS 4096u
#define TICK CLOCK_SECOND
/* Group authentication: refusals of one device, of one serving network, and its T10, in a minute. */
#define AKA_FAILURES 3u
#define AKA_NETWORK_FAILURES 60u
#define AKA_SINGLES 60u /* unless it is configured */
#define AKA_WINDOW (60 * CLOCK_SECOND)

/* ---- options ---- */

static enum rc
bad(char why[256], const char *text)
{
	snprintf(why, 256, "%s", text);
	return RC_BAD_REQUEST;
}

static unsigned
or_default(unsigned v, unsigned standard)
{
	return v == 0 ? standard : v;
}

static int64_t
time_or_default(int64_t v, int64_t standard)
{
	return v == 0 ? standard : v;
}

static void
fill_defaults(struct mas_conf *c)
{
	c->queue_max = or_default(c->queue_max, QUEUE_MAX);
	c->batch_max = or_default(c->batch_max, BATCH_MAX);
	c->nodes_max = or_default(c->nodes_max, NODES_MAX);
	c->connections_max = or_default(c->connections_max, CONNECTIONS_MAX);
	c->flags = or_default(c->flags, MAS_CHANNEL);
	c->failures_max = or_default(c->failures_max, FAILURES_PER_SUBJECT);
	c->kmr_lifetime = time_or_default(c->kmr_lifetime, MAS_KMR_LIFETIME);
	c->kmc_lifetime = time_or_default(c->kmc_lifetime, MAS_KMC_LIFETIME);
	c->kmc_overlap = time_or_default(c->kmc_overlap, MAS_KMC_OVERLAP);
}

static enum rc
check_limits(const struct mas_conf *c, char why[256])
{
	if (c->kmr_lifetime < 0 || c->kmr_lifetime > MAS_KMR_LIFETIME_MAX)
		return bad(why, "the lifetime of Kmr is above 10 years");
	if (c->kmc_lifetime < 0 || c->kmc_lifetime > MAS_KMC_LIFETIME_MAX)
		return bad(why, "the lifetime of Kmc is above 7 days");
	if (c->kmc_overlap < 0 || c->kmc_overlap > MAS_KMC_LIFETIME_MAX || c->audit_keep < 0 ||
	    c->flags > UINT16_MAX || c->failures_max > UINT8_MAX || c->ival_required > INT64_MAX)
		return bad(why, "an option of the MAS is out of its range");
	return RC_OK;
}

static enum rc
take_conf(struct mas_local *m, const struct mas_conf *conf, char why[256])
{
	m->conf = *conf;
	fill_defaults(&m->conf);
	if (conf->sp_id == NULL || conf->sp_id[0] == '\0' ||
	    !string_set(m->sp_id, REJECT_SP_ID_MAX, slice_of(conf->sp_id)))
		return bad(why, "the M2M-SP-ID is missing or too long");
	if (check_limits(&m->conf, why) != RC_OK)
		return RC_BAD_REQUEST;
	if (conf->kek_file == NULL)
		return bad(why, "there is no file with a master key");
	return RC_OK;
}

/* ---- files ---- */

/* The present key and, when its file is there, the next. */
static enum rc
read_keys(const struct mas_conf *conf, struct key kek[2], unsigned *n, char why[256])
{
	enum rc rc = kek_read_file(conf->kek_file, &kek[0], why);

	*n = 1;
	if (rc != RC_OK || conf->kek_next_file == NULL)
		return rc;
	rc = kek_read_file(conf->kek_next_file, &kek[1], why);
	if (rc == RC_OK)
		*n = 2;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc
read_reject_key(struct mas_local *m, const struct mas_conf *conf, char why[256])
{
	enum rc rc;

	if (conf->reject_key_file == NULL)
		return RC_OK;
	rc = sign_key_read(conf->reject_key_file, &m->reject_key);
	if (rc != RC_OK)
		snprintf(why, 256, "reject key %s: %s", conf->reject_key_file, status_of(rc)->text);
	return rc;
}

/* ---- what is in the store ---- */

struct loading {
	struct mas_local *m;
	struct tables_tx *tx;
	int64_t now, monotonic;
	enum rc rc;
	char *why; /* 256 octets */
};

static bool
load_node(void *arg, const struct mas_node *n)
{
	struct loading *l = arg;

	(void)n;
	l->m->nodes++;
	return true;
}

static bool
load_group(void *arg, const struct mas_group *g)
{
	struct loading *l = arg;

	(void)g;
	l->m->groups++;
	return true;
}

static bool
load_kmr(void *arg, const struct mas_kmr *k)
{
	struct loading *l = arg;
	struct mas_node node;
	struct key kmr;

	if (!mas_kmr_alive(k, l->now))
		return true;
	l->rc = mas_node_get(l->tx, &k->node, &node);
	if (l->rc == RC_NOT_FOUND)
		l->rc = RC_INTERNAL;
	if (l->rc == RC_OK)
		l->rc = mas_psk_room(l->m->psk, 1);
	if (l->rc == RC_OK)
		l->rc = mas_kmr_unwrap(l->m->keys, k, &kmr);
	if (l->rc == RC_OK) {
		l->rc = mas_psk_put(l->m->psk, &k->node, k->index, &kmr, k->not_after,
		                    mas_class_of(&node, k));
		key_wipe(&kmr);
	}
	return l->rc == RC_OK;
}

static bool
load_conn(void *arg, const struct mas_conn *c)
{
	struct loading *l = arg;

	if (c->state != MAS_CONN_ACTIVE)
		return true;
	if (mas_live_count(l->m->live) >= l->m->conf.connections_max)
		l->rc = bad(l->why, "the store has more connections than this MAS may have");
	else
		l->rc = mas_live_room(l->m->live, 1);
	if (l->rc == RC_OK)
		mas_live_put(l->m->live, c->id, mas_live_owner(slice_of(c->nscl)),
		             l->monotonic + c->expires - l->now);
	return l->rc == RC_OK;
}

static enum rc
load(struct mas_local *m, struct tables_tx *tx, char why[256])
{
	struct loading l = { .m = m,
		             .tx = tx,
		             .now = clock_now(m->conf.clock),
		             .monotonic = clock_monotonic(),
		             .why = why };
	enum rc rc = mas_counters_load(m->counters, tx);

	if (rc == RC_OK)
		rc = mas_node_scan(tx, NULL, 0, load_node, &l);
	if (rc == RC_OK)
		rc = mas_group_scan(tx, 0, 0, load_group, &l);
	if (rc == RC_OK)
		rc = mas_kmr_scan(tx, NULL, NULL, 0, load_kmr, &l);
	if (rc == RC_OK && l.rc == RC_OK)
		rc = mas_conn_scan(tx, 0, 0, load_conn, &l);
	return rc != RC_OK ? rc : l.rc;
}

static enum rc
trace_start(struct mas_local *m, struct tables_tx *tx)
{
	struct mas_trace t = { .action = "start" };

	return mas_trace_text(m, tx, &t, SLICE_NONE);
}

static enum rc
read_store(struct mas_local *m, const struct mas_conf *conf, char why[256])
{
	struct key kek[2] = { 0 };
	struct tables_tx *tx;
	unsigned n;
	enum rc rc = read_keys(conf, kek, &n, why);

	if (rc == RC_OK)
		rc = tables_begin(&m->store, &tx);
	if (rc != RC_OK) {
		secret_wipe(kek, sizeof(kek));
		return rc;
	}
	rc = mas_master_open(tx, kek, n, &m->keys, m->next_kek, why);
	secret_wipe(kek, sizeof(kek));
	if (rc == RC_OK)
		rc = load(m, tx, why);
	if (rc == RC_OK)
		rc = trace_start(m, tx);
	if (rc == RC_OK)
		return tables_commit(tx);
	tables_abort(tx);
	return rc;
}

/* ---- open and close ---- */

static const char *const counter_names[] = {
#define MAS_COUNTER(name, text) text,
#include "mas/mas_counters.def"
#undef MAS_COUNTER
};

static enum rc
make_limits(struct mas_local *m)
{
	struct failures_conf connect = { .clock = m->conf.clock,
		                         .per_subject = m->conf.failures_max,
		                         .per_source = FAILURES_PER_SOURCE,
		                         .window = FAILURES_WINDOW,
		                         .slots = FAILURES_SLOTS };
	struct failures_conf aka = { .clock = m->conf.clock,
		                     .per_subject = AKA_FAILURES,
		                     .per_source = AKA_NETWORK_FAILURES,
		                     .window = AKA_WINDOW,
		                     .slots = FAILURES_SLOTS };
	struct failures_conf singles = aka;
	enum rc rc = failures_new(&connect, &m->failures);

	singles.per_subject = m->conf.gaka_singles == 0 ? AKA_SINGLES : m->conf.gaka_singles;
	if (rc == RC_OK)
		rc = failures_new(&aka, &m->aka_failures);
	return rc == RC_OK ? failures_new(&singles, &m->aka_singles) : rc;
}

static enum rc
make_tables(struct mas_local *m)
{
	m->counters = mas_counters_new(counter_names, MAS_COUNTERS);
	m->psk = mas_psk_new(m->conf.clock);
	m->live = mas_live_new(m->conf.connections_max);
	m->next_kek = secret_alloc(sizeof(*m->next_kek));
	if (m->counters == NULL || m->psk == NULL || m->live == NULL || m->next_kek == NULL ||
	    mas_tick_new(m) != RC_OK)
		return RC_UNAVAILABLE;
	return make_limits(m);
}

static enum rc
start_work(struct mas_local *m)
{
	struct tables_work_conf work = { .store = &m->store,
		                         .log = m->conf.log,
		                         .store_failed = "security-store-failed",
		                         .tick_failed = "security-timers-failed",
		                         .queue_max = m->conf.queue_max,
		                         .batch_max = m->conf.batch_max,
		                         .period = TICK,
		                         .tick = mas_tick,
		                         .ticked = mas_ticked,
		                         .arg = m };
	enum rc rc = tables_work_start(&work, &m->work);

	if (rc == RC_OK && mas_keys_changing(m->keys))
		mas_rewrap_resume(m);
	return rc;
}

static enum rc
open_all(struct mas_local *m, const struct mas_conf *conf, char why[256])
{
	enum rc rc = take_conf(m, conf, why);

	if (rc == RC_OK)
		rc = make_tables(m);
	if (rc == RC_OK)
		rc = read_reject_key(m, conf, why);
	if (rc == RC_OK)
		rc = tables_open(m->conf.engine, &m->conf.store, &m->store, why);
	if (rc == RC_OK)
		rc = read_store(m, conf, why);
	return rc == RC_OK ? start_work(m) : rc;
}

/* What only open reads is not to be found later. */
static void
forget_strings(struct mas_conf *c)
{
	c->store.path = NULL;
	c->sp_id = c->kek_file = c->kek_next_file = c->reject_key_file = NULL;
}

enum rc
mas_open(const struct mas_conf *conf, struct mas_local **out, char why[256])
{
	struct mas_local *m = calloc(1, sizeof(*m));
	enum rc rc;

	why[0] = '\0';
	if (m == NULL)
		return RC_UNAVAILABLE;
	pthread_mutex_init(&m->watching, NULL);
	rc = open_all(m, conf, why);
	forget_strings(&m->conf);
	if (rc == RC_OK) {
		*out = m;
		return RC_OK;
	}
	if (why[0] == '\0')
		snprintf(why, 256, "the store of the MAS: %s", status_of(rc)->text);
	mas_close(m);
	return rc;
}

void
mas_close(struct mas_local *m)
{
	if (m == NULL)
		return;
	tables_work_stop(m->work);
	tables_close(&m->store);
	mas_keys_free(m->keys);
	mas_psk_free(m->psk);
	mas_live_free(m->live);
	failures_free(m->failures);
	failures_free(m->aka_failures);
	failures_free(m->aka_singles);
	mas_counters_free(m->counters);
	sign_key_free(m->reject_key);
	mas_tick_free(m);
	pthread_mutex_destroy(&m->watching);
	secret_free(m->next_kek, sizeof(*m->next_kek));
	free(m);
}

/* ---- limits that change ---- */

struct limiting {
	struct tables_job job; /* first */
	struct mas_limits limits;
};

static void
take_limits(struct mas_conf *c, const struct mas_limits *l)
{
	c->kmr_lifetime = l->kmr_lifetime;
	c->kmc_lifetime = l->kmc_lifetime;
	c->kmc_overlap = l->kmc_overlap;
	c->audit_keep = l->audit_keep;
	c->flags = l->flags;
	c->ival_required = l->ival_required;
	fill_defaults(c);
}

/* The worker alone reads them. Not in done: jobs that were submitted later run before that. */
static enum rc
limit_run(struct tables_job *j, struct tables_tx *tx)
{
	const struct limiting *l = (const struct limiting *)(const void *)j;
	struct mas_local *m = j->self;

	(void)tx;
	take_limits(&m->conf, &l->limits);
	return RC_OK;
}

static void
limit_done(struct tables_job *j, enum rc rc)
{
	struct limiting *l = (struct limiting *)(void *)j;
	const struct mas_local *m = j->self;

	if (rc != RC_OK)
		LOG_ERROR(m->conf.log, "limits-kept", LOG_Z("of", "MAS"),
		          LOG_Z("reason", status_of(rc)->text));
	free(l);
}

enum rc
mas_set_limits(struct mas_local *m, const struct mas_limits *limits)
{
	struct limiting *l;
	struct mas_conf c = { .failures_max = 1 };
	char why[256];

	take_limits(&c, limits);
	if (check_limits(&c, why) != RC_OK)
		return RC_BAD_REQUEST;
	l = calloc(1, sizeof(*l));
	if (l == NULL)
		return RC_UNAVAILABLE;
	l->limits = *limits;
	mas_submit(m, &l->job, limit_run, limit_done);
	return RC_OK;
}

/* ---- the functions of mas.h that are not calls ---- */

static bool
local_psk(void *self, const struct psk_id *id, struct key *psk)
{
	struct mas_local *m = self;
	bool found = id->kind == PSK_MR && mas_psk_find(m->psk, id, psk);

	mas_count(m->counters, found ? MAS_COUNT_PSK_HIT : MAS_COUNT_PSK_UNKNOWN, 1);
	return found;
}

static bool
local_indicator(void *self, const struct node_id *node, uint32_t kmr_index,
                struct mas_standing *out)
{
	struct mas_local *m = self;

	return mas_psk_standing(m->psk, node, kmr_index, out);
}

static bool
local_low(void *self, const struct node_id *node)
{
	struct mas_local *m = self;

	return mas_psk_low(m->psk, node);
}

static void
local_watch(void *self, struct mas_watcher *w)
{
	struct mas_local *m = self;

	pthread_mutex_lock(&m->watching);
	w->next = m->watchers;
	m->watchers = w;
	pthread_mutex_unlock(&m->watching);
}

static void
local_unwatch(void *self, struct mas_watcher *w)
{
	struct mas_local *m = self;
	struct mas_watcher **at = &m->watchers;

	pthread_mutex_lock(&m->watching);
	while (*at != NULL && *at != w)
		at = &(*at)->next;
	if (*at != NULL)
		*at = w->next;
	pthread_mutex_unlock(&m->watching);
}

static void
local_used(void *self, uint64_t connection_id, uint64_t requests, uint64_t octets)
{
	struct mas_local *m = self;

	if (mas_live_used(m->live, connection_id, requests, octets))
		tables_work_wake(m->work);
}

void
mas_used_by(struct mas_local *m, struct slice nscl, uint64_t connection_id, uint64_t requests,
            uint64_t octets)
{
	if (mas_live_is_of(m->live, connection_id, mas_live_owner(nscl)))
		local_used(m, connection_id, requests, octets);
	else
		mas_log_foreign(m, "used", nscl, connection_id);
}

static const struct mas_ops local_ops = {
	.psk = local_psk,
	.indicator = local_indicator,
	.low = local_low,
	.connect = mas_local_connect,
	.end = mas_local_end,
	.report = mas_local_report,
	.provision = mas_local_provision,
	.live = mas_local_live,
	.gaka = mas_local_gaka,
	.group_keys = mas_local_group_keys,
	.watch = local_watch,
	.unwatch = local_unwatch,
	.used = local_used,
	.trigger = mas_local_trigger,
	.identity = mas_local_identity,
	.inquire = mas_local_inquire,
};

struct mas
mas_of(struct mas_local *m)
{
	return (struct mas){ .ops = &local_ops, .self = m };
}

struct mas_psk *
mas_psk_of(struct mas_local *m)
{
	return m->psk;
}

struct mas_counters *
mas_counters_of(struct mas_local *m)
{
	return m->counters;
}
