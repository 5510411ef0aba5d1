/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "mas/msbf_impl.h"

#include <stdio.h>
#include <stdlib.h>

#include "sec/hex.h"

#define QUEUE_MAX 1024u
#define BATCH_MAX 64u
#define FAILURES_SLOTS 4096u
#define TICK (60 * CLOCK_SECOND)
#define US_PER_MS INT64_C(1000)
#define OCSP_TIMEOUT_MS 5000u
#define OCSP_TIMEOUT_MAX (60 * CLOCK_SECOND)
#define TRIM_MAX 256u /* audit records that one tick removes */

/* ---- options ---- */

static enum rc
bad(char why[256], const char *text)
{
	snprintf(why, 256, "%s", text);
	return RC_BAD_REQUEST;
}

/* A domain name as it goes into documents and signatures. */
static bool
take_name(char to[REJECT_SP_ID_MAX + 1], const char *name)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";

	return name != NULL && name[0] != '\0' && name[strspn(name, allowed)] == '\0' &&
	       string_set(to, REJECT_SP_ID_MAX, slice_of(name));
}

static unsigned
or_default(unsigned v, unsigned standard)
{
	return v == 0 ? standard : v;
}

static enum rc
take_conf(struct msbf *m, const struct msbf_conf *conf, char why[256])
{
	m->conf = *conf;
	m->conf.devices_max = or_default(conf->devices_max, MSBF_DEVICES_MAX);
	m->conf.queue_max = or_default(conf->queue_max, QUEUE_MAX);
	m->conf.batch_max = or_default(conf->batch_max, BATCH_MAX);
	if (!take_name(m->sp_id, conf->sp_id))
		return bad(why, "the M2M-SP-ID is missing or no domain name");
	if (!take_name(m->msbf_id, conf->msbf_id))
		return bad(why, "the MSBF-ID is missing or no domain name");
	if (conf->kek_file == NULL)
		return bad(why, "there is no file with a master key");
	if (conf->kmr_lifetime < 0 || conf->kmr_lifetime > MAS_KMR_LIFETIME_MAX ||
	    conf->audit_keep < 0 || conf->ival_required > INT64_MAX)
		return bad(why, "an option of the MSBF is out of its range");
	if (conf->ocsp_timeout < 0 || conf->ocsp_timeout > OCSP_TIMEOUT_MAX)
		return bad(why, "the time for an OCSP responder is out of its range");
	if (conf->ocsp_responder != NULL && !ocsp_uri_ok(slice_of(conf->ocsp_responder)))
		return bad(why, "the URI of the OCSP responder is none with the scheme http");
	return RC_OK;
}

static enum rc
read_sign_keys(struct msbf *m, const struct msbf_conf *conf, char why[256])
{
	const char *sign =
		conf->sign_key_file == NULL ? conf->reject_key_file : conf->sign_key_file;
	enum rc rc = RC_OK;

	if (conf->reject_key_file == NULL)
		return RC_OK;
	rc = sign_key_read(conf->reject_key_file, &m->reject_key);
	if (rc == RC_OK)
		rc = sign_key_read(sign, &m->sign_key);
	if (rc != RC_OK)
		snprintf(why, 256, "%s: %s", m->reject_key == NULL ? conf->reject_key_file : sign,
		         status_of(rc)->text);
	return rc;
}

/* ---- the store ---- */

static enum rc
read_seal(const char *file, struct key *seal, char why[256])
{
	struct key kek;
	enum rc rc = kek_read_file(file, &kek, why);

	if (rc == RC_OK)
		rc = audit_seal_key(&kek, seal);
	key_wipe(&kek);
	return rc;
}

/* The audit is under the present key, or under the next when that has come meanwhile. */
static enum rc
read_seals(struct msbf *m, const struct msbf_conf *conf, struct tables_tx *tx, char why[256])
{
	enum rc rc = read_seal(conf->kek_file, m->seal, why);
	bool begun;

	if (rc == RC_OK && conf->kek_next_file != NULL) {
		rc = read_seal(conf->kek_next_file, m->next_seal, why);
		rc = rc == RC_NOT_FOUND ? RC_OK : rc;
	}
	if (rc != RC_OK)
		return rc;
	why[0] = '\0';
	begun = tables_has(tx, SLICE_LIT("Mkeyed"));
	if (!begun)
		return tables_put(tx, SLICE_LIT("Mkeyed"), SLICE_LIT("1"));
	if (audit_sealed_by(tx, m->seal))
		return RC_OK;
	if (key_is_zero(m->next_seal) || !audit_sealed_by(tx, m->next_seal))
		return bad(why, "the master key is not that of the store of the MSBF");
	*m->seal = *m->next_seal;
	key_wipe(m->next_seal);
	return RC_OK;
}

static bool
count_one(void *arg, const struct msbf_device *d)
{
	(void)d;
	++*(unsigned *)arg;
	return true;
}

static enum rc
load(struct msbf *m, const struct msbf_conf *conf, struct tables_tx *tx, char why[256])
{
	struct audit_entry e = { .actor = SLICE_LIT("msbf"),
		                 .action = SLICE_LIT("start"),
		                 .result = SLICE_LIT("ok") };
	enum rc rc = read_seals(m, conf, tx, why);

	if (rc == RC_OK)
		rc = mas_counters_load(m->counters, tx);
	if (rc == RC_OK)
		rc = msbf_device_scan(tx, NULL, 0, count_one, &m->devices);
	return rc != RC_OK ? rc : audit_add(tx, m->seal, clock_now(m->conf.clock), &e);
}

static enum rc
read_store(struct msbf *m, const struct msbf_conf *conf, char why[256])
{
	struct tables_tx *tx;
	enum rc rc = tables_begin(&m->store, &tx);

	if (rc != RC_OK)
		return rc;
	rc = load(m, conf, tx, why);
	if (rc == RC_OK)
		return tables_commit(tx);
	tables_abort(tx);
	return rc;
}

/* ---- the worker ---- */

static enum rc
tick(void *arg, struct tables_tx *tx, bool *more)
{
	struct msbf *m = arg;
	int64_t keep = atomic_load(&m->audit_keep);
	size_t removed = 0;
	enum rc rc = RC_OK;

	if (keep > 0)
		rc = audit_trim(tx, msbf_seal(m, tx), clock_now(m->conf.clock) - keep, TRIM_MAX,
		                &removed);
	*more = removed == TRIM_MAX;
	return rc != RC_OK ? rc : mas_counters_write(m->counters, tx);
}

static enum rc
start_work(struct msbf *m)
{
	struct tables_work_conf work = { .store = &m->store,
		                         .log = m->conf.log,
		                         .store_failed = "security-store-failed",
		                         .tick_failed = "security-timers-failed",
		                         .queue_max = m->conf.queue_max,
		                         .batch_max = m->conf.batch_max,
		                         .period = TICK,
		                         .tick = tick,
		                         .arg = m };

	return tables_work_start(&work, &m->work);
}

/* ---- open and close ---- */

static const char *const counter_names[] = {
#define MSBF_COUNTER(name, text) text,
#include "mas/msbf_counters.def"
#undef MSBF_COUNTER
};

static enum rc
make_tables(struct msbf *m)
{
	struct failures_conf failures = { .clock = m->conf.clock,
		                          .per_subject = FAILURES_PER_SUBJECT,
		                          .per_source = FAILURES_PER_SOURCE,
		                          .window = FAILURES_WINDOW,
		                          .slots = FAILURES_SLOTS };

	m->counters = mas_counters_new(counter_names, MSBF_COUNTERS);
	m->boot_rate = msbf_rate_new(MSBF_BOOT_RATE);
	m->status_rate = msbf_rate_new(MSBF_STATUS_RATE);
	m->seal = secret_alloc(sizeof(*m->seal));
	m->next_seal = secret_alloc(sizeof(*m->next_seal));
	if (m->counters == NULL || m->boot_rate == NULL || m->status_rate == NULL ||
	    m->seal == NULL || m->next_seal == NULL)
		return RC_UNAVAILABLE;
	return failures_new(&failures, &m->failures);
}

static enum rc
make_ocsp(struct msbf *m, const struct msbf_conf *conf)
{
	unsigned timeout_ms = (unsigned)(conf->ocsp_timeout / US_PER_MS);
	struct msbf_ocsp_conf ocsp = { .clock = conf->clock,
		                       .log = conf->log,
		                       .counters = m->counters,
		                       .responder = conf->ocsp_responder,
		                       .timeout_ms = or_default(timeout_ms, OCSP_TIMEOUT_MS) };

	if (!conf->ocsp)
		return RC_OK;
	m->ocsp = msbf_ocsp_new(&ocsp);
	return m->ocsp == NULL ? RC_UNAVAILABLE : RC_OK;
}

static enum rc
open_all(struct msbf *m, const struct msbf_conf *conf, char why[256])
{
	enum rc rc = take_conf(m, conf, why);

	if (rc == RC_OK)
		rc = make_tables(m);
	if (rc == RC_OK)
		rc = make_ocsp(m, conf);
	if (rc == RC_OK)
		rc = read_sign_keys(m, conf, why);
	if (rc == RC_OK)
		rc = msbf_info_make(m, conf, why);
	if (rc == RC_OK)
		rc = tables_open(m->conf.engine, &m->conf.store, &m->store, why);
	if (rc == RC_OK)
		rc = read_store(m, conf, why);
	return rc == RC_OK ? start_work(m) : rc;
}

/* What only open reads is not to be found later. */
static void
forget_strings(struct msbf_conf *c)
{
	c->store.path = NULL;
	c->kek_file = c->kek_next_file = c->sp_id = c->msbf_id = NULL;
	c->sign_key_file = c->reject_key_file = c->ca_file = c->ocsp_responder = NULL;
}

enum rc
msbf_open(const struct msbf_conf *conf, struct msbf **out, char why[256])
{
	struct msbf *m = calloc(1, sizeof(*m));
	enum rc rc;

	why[0] = '\0';
	if (m == NULL)
		return RC_UNAVAILABLE;
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->idle, NULL);
	msbf_set_limits(m, conf->kmr_lifetime, conf->ival_required, conf->audit_keep);
	rc = open_all(m, conf, why);
	forget_strings(&m->conf);
	if (rc == RC_OK) {
		*out = m;
		return RC_OK;
	}
	if (why[0] == '\0')
		snprintf(why, 256, "the store of the MSBF: %s", status_of(rc)->text);
	msbf_close(m);
	return rc;
}

void
msbf_stop(struct msbf *m)
{
	pthread_mutex_lock(&m->lock);
	m->stopping = true;
	pthread_mutex_unlock(&m->lock);
	if (m->ocsp != NULL)
		msbf_ocsp_stop(m->ocsp);
	pthread_mutex_lock(&m->lock);
	while (m->under_way > 0)
		pthread_cond_wait(&m->idle, &m->lock);
	pthread_mutex_unlock(&m->lock);
}

void
msbf_close(struct msbf *m)
{
	if (m == NULL)
		return;
	msbf_stop(m);
	msbf_ocsp_free(m->ocsp);
	tables_work_stop(m->work);
	tables_close(&m->store);
	failures_free(m->failures);
	mas_counters_free(m->counters);
	msbf_rate_free(m->boot_rate);
	msbf_rate_free(m->status_rate);
	sign_key_free(m->sign_key);
	sign_key_free(m->reject_key);
	secret_free(m->seal, sizeof(*m->seal));
	secret_free(m->next_seal, sizeof(*m->next_seal));
	pthread_cond_destroy(&m->idle);
	pthread_mutex_destroy(&m->lock);
	free(m->info);
	free(m);
}

void
msbf_set_limits(struct msbf *m, int64_t kmr_lifetime, uint64_t ival_required, int64_t audit_keep)
{
	atomic_store(&m->kmr_lifetime, kmr_lifetime);
	atomic_store(&m->ival_required, ival_required);
	atomic_store(&m->audit_keep, audit_keep);
}

static const struct {
	const char *path;
	size_t body_max;
	enum rc (*serve)(void *arg, struct req *rq, const struct req_input *in);
	bool signs; /* of no use without a key */
} endpoints[MSBF_ENDPOINTS] = {
	{ "bootstrapParamSet", 16384, msbf_serve_boot, false },
	{ "info", 0, msbf_serve_info, true },
	{ "status", 1024, msbf_serve_status, true },
};

enum rc
msbf_attach(struct msbf *m, struct scl *scl, const char *base)
{
	enum rc rc = RC_OK;

	if (m->ocsp != NULL)
		msbf_ocsp_attach(m->ocsp, scl);
	for (unsigned i = 0; i < MSBF_ENDPOINTS && rc == RC_OK; i++) {
		int n = snprintf(m->paths[i], MSBF_PATH_MAX, "/%s/msbf/%s", base,
		                 endpoints[i].path);

		if (n < 0 || (size_t)n >= MSBF_PATH_MAX)
			return RC_BAD_REQUEST;
		m->endpoints[i] = (struct endpoint){ .path = m->paths[i],
			                             .serve = SERVE_MSBF,
			                             .body_max = endpoints[i].body_max,
			                             .serve_request = endpoints[i].serve,
			                             .arg = m };
		if (!endpoints[i].signs || m->reject_key != NULL)
			rc = endpoint_add(scl, &m->endpoints[i]);
	}
	return rc;
}

struct mas_counters *
msbf_counters_of(struct msbf *m)
{
	return m->counters;
}

/* ---- what is under way ---- */

bool
msbf_enter(struct msbf *m, unsigned max)
{
	bool ok;

	pthread_mutex_lock(&m->lock);
	ok = !m->stopping && m->under_way < max;
	m->under_way += ok;
	pthread_mutex_unlock(&m->lock);
	return ok;
}

void
msbf_leave(struct msbf *m)
{
	pthread_mutex_lock(&m->lock);
	if (--m->under_way == 0)
		pthread_cond_broadcast(&m->idle);
	pthread_mutex_unlock(&m->lock);
}

/* ---- calls ---- */

const char *
msbf_result(const struct mas_outcome *o)
{
	if (o->rc == RC_OK)
		return "ok";
	return o->reason[0] != '\0' ? o->reason : status_of(o->rc)->text;
}

void
msbf_submit(struct msbf *m, struct tables_job *j,
            enum rc (*run)(struct tables_job *j, struct tables_tx *tx),
            void (*stored)(struct tables_job *j), void (*done)(struct tables_job *j, enum rc rc))
{
	bool stopping;

	*j = (struct tables_job){ .run = run, .stored = stored, .done = done, .self = m };
	pthread_mutex_lock(&m->lock);
	stopping = m->stopping;
	m->under_way++;
	pthread_mutex_unlock(&m->lock);
	if (stopping)
		done(j, RC_UNAVAILABLE);
	else
		tables_work_submit(m->work, j);
}

static void
local_change(void *self, struct mas_change *c)
{
	mas_change(self, c);
}

static void
local_verdict(void *self, struct mas_verdict *v)
{
	mas_verdict(self, v);
}

struct msbf_mas
msbf_mas_of(struct mas_local *m)
{
	return (struct msbf_mas){ .change = local_change, .verdict = local_verdict, .self = m };
}

/* ---- audit ---- */

const struct key *
msbf_seal(const struct msbf *m, struct tables_tx *tx)
{
	return m->changing && audit_sealed_by(tx, m->next_seal) ? m->next_seal : m->seal;
}

enum rc
msbf_trace(struct msbf *m, struct tables_tx *tx, const struct msbf_trace *t,
           const uint8_t hash[PPID_HASH], const struct node_id *node)
{
	char device[2 * PPID_HASH + 1], id[NODE_ID_TEXT] = "", object[AUDIT_OBJECT_MAX + 1];
	struct audit_entry e = { .actor = slice_of(t->actor),
		                 .action = slice_of(t->action),
		                 .result = slice_of(t->result == NULL ? "ok" : t->result),
		                 .source = t->source };

	hex_encode(hash, PPID_HASH, device);
	if (node != NULL)
		node_id_text(node, id);
	if (t->kmr_index != 0)
		snprintf(object, sizeof(object), "%s %s %u", device, id, (unsigned)t->kmr_index);
	else
		snprintf(object, sizeof(object), "%s%s%s", device, node == NULL ? "" : " ", id);
	e.object = slice_of(object);
	return audit_add(tx, msbf_seal(m, tx), clock_now(m->conf.clock), &e);
}

/* ---- verdicts ---- */

bool
msbf_reject(struct msbf *m, const struct reject *r, uint8_t out[REJECT_MAX], size_t *n)
{
	struct reject signed_one = *r;

	signed_one.sp_id = slice_of(m->sp_id);
	signed_one.time = (uint64_t)(clock_now(m->conf.clock) / CLOCK_SECOND);
	if (m->reject_key == NULL || reject_make(&signed_one, m->reject_key, out, n) != RC_OK)
		return false;
	mas_count(m->counters, MSBF_COUNT_REJECT_SIGNED, 1);
	return true;
}
