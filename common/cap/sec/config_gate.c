/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sec/config_gate.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/be.h"
#include "core/peer.h"
#include "sec/config_doc.h"
#include "sec/digest.h"
#include "store/tables_work.h"

#define REASON SLICE_LIT("CONFIG_REJECTED")
#define TABLE 'V' /* SHA-256 of the path of a resource -> version, tag over both */
#define TAG 16u
#define VALUE (8u + TAG)
#define QUEUE_MAX 256u
#define BATCH_MAX 16u

struct config_gate {
	struct config_gate_conf conf;
	struct sign_public key;
	struct key *seal;
	struct tables store;
	pthread_mutex_t lock; /* of work */
	struct tables_work *work; /* NULL: stopped */
	unsigned objects; /* of the worker */
	_Atomic uint64_t accepted, rejected[CONFIG_FAULTS];
};

/* One that waits for the worker. */
struct judging {
	struct tables_job job; /* first */
	struct config_gate *g;
	struct guard_config config; /* the request's */
	struct guard_wait *w;
	uint8_t resource[DIGEST_SIZE];
	enum config_fault fault; /* CONFIG_FAULTS: none */
	bool added; /* it is counted in objects */
};

const char *
config_fault_name(enum config_fault fault)
{
	static const char *const names[CONFIG_FAULTS] = {
		[CONFIG_UNSIGNED] = "unsigned", [CONFIG_FORGED] = "signature",
		[CONFIG_FOREIGN] = "target",    [CONFIG_STALE] = "version",
		[CONFIG_CHANNEL] = "channel",   [CONFIG_FULL] = "full",
		[CONFIG_NOT_KEPT] = "store",
	};

	return names[fault];
}

uint64_t
config_gate_accepted(const struct config_gate *g)
{
	return atomic_load_explicit(&g->accepted, memory_order_relaxed);
}

uint64_t
config_gate_rejected(const struct config_gate *g, enum config_fault fault)
{
	return atomic_load_explicit(&g->rejected[fault], memory_order_relaxed);
}

static enum rc
refuse(struct config_gate *g, const struct guard_config *config, enum config_fault fault,
       struct slice *reason)
{
	uint64_t version = config->doc == NULL ? 0 : config->doc->version;

	atomic_fetch_add_explicit(&g->rejected[fault], 1, memory_order_relaxed);
	LOG_WARN(g->conf.log, "config-rejected", LOG_S("object", config->object),
	         LOG_Z("why", config_fault_name(fault)), LOG_N("version", (int64_t)version));
	*reason = REASON;
	return fault == CONFIG_NOT_KEPT ? RC_UNAVAILABLE : RC_FORBIDDEN;
}

/* ---- at once ---- */

/* What this process itself carries out for who has come by its own connection has no peer. */
static bool
is_proved(const struct req_input *in)
{
	return in->peer == NULL || in->connection_id != 0 || in->peer->kind == PEER_CERTIFICATE ||
	       in->peer->kind == PEER_PSK;
}

static bool
is_this_node(const struct config_gate *g, struct slice name)
{
	char text[NODE_ID_TEXT];
	struct node_id node;

	if (slice_is(name, g->conf.scl_id) ||
	    (g->conf.sub_id != NULL && slice_is(name, g->conf.sub_id)))
		return true;
	if (!g->conf.node(g->conf.arg, &node))
		return false;
	node_id_text(&node, text);
	return slice_is(name, text);
}

/* CONFIG_FAULTS: what can be said without the store is well. */
static enum config_fault
look(const struct config_gate *g, const struct req_input *in, const struct guard_config *config)
{
	const struct config_doc *d = config->doc;

	if (d == NULL)
		return g->conf.require ? CONFIG_UNSIGNED : CONFIG_FAULTS;
	if (!is_proved(in))
		return CONFIG_CHANNEL;
	if (!is_this_node(g, config_doc_node(d)) || !slice_eq(config_doc_object(d), config->object))
		return CONFIG_FOREIGN;
	return CONFIG_FAULTS;
}

/* ---- versions, on the worker ---- */

static enum rc
tag_of(const struct config_gate *g, const uint8_t resource[DIGEST_SIZE], const uint8_t version[8],
       uint8_t tag[DIGEST_SIZE])
{
	const struct slice parts[] = { SLICE_LIT("configuration version"),
		                       slice_make(resource, DIGEST_SIZE), slice_make(version, 8) };

	return digest_hmac(slice_make(g->seal->v, KEY_BYTES), parts, 3, tag);
}

/* RC_NOT_FOUND: there is none yet; RC_PRECONDITION: it is damaged. */
static enum rc
read_version(const struct config_gate *g, struct tables_tx *tx, const uint8_t resource[DIGEST_SIZE],
             uint64_t *version)
{
	struct table_key k = table_key_of(TABLE, resource, DIGEST_SIZE);
	uint8_t tag[DIGEST_SIZE], octets[8];
	struct slice val;
	enum rc rc = tables_get(tx, table_key_view(&k), &val);

	*version = 0;
	if (rc != RC_OK)
		return rc;
	if (val.n != VALUE)
		return RC_PRECONDITION;
	memcpy(octets, val.p, sizeof(octets));
	rc = tag_of(g, resource, octets, tag);
	if (rc != RC_OK)
		return rc;
	if (!secret_equal(slice_make(tag, TAG), slice_from(val, sizeof(octets))))
		return RC_PRECONDITION;
	*version = be_get(octets, sizeof(octets));
	return RC_OK;
}

static enum rc
write_version(const struct config_gate *g, struct tables_tx *tx,
              const uint8_t resource[DIGEST_SIZE], uint64_t version)
{
	struct table_key k = table_key_of(TABLE, resource, DIGEST_SIZE);
	uint8_t value[8 + DIGEST_SIZE];
	enum rc rc;

	be_put(value, version, 8);
	rc = tag_of(g, resource, value, value + 8);
	return rc == RC_OK ? tables_put(tx, table_key_view(&k), slice_make(value, VALUE)) : rc;
}

/* What was signed once is not taken without a signature any more. */
static enum rc
judge(struct judging *j, struct tables_tx *tx)
{
	const struct config_doc *d = j->config.doc;
	struct config_gate *g = j->g;
	uint64_t last;
	enum rc rc = read_version(g, tx, j->resource, &last);
	bool first = rc == RC_NOT_FOUND;

	if (rc != RC_OK && !first)
		return rc;
	rc = RC_OK;
	if (d == NULL)
		j->fault = first ? CONFIG_FAULTS : CONFIG_UNSIGNED;
	else if (d->version <= last)
		j->fault = CONFIG_STALE;
	else if (first && g->objects >= CONFIG_OBJECTS_MAX)
		j->fault = CONFIG_FULL;
	else
		rc = write_version(g, tx, j->resource, d->version);
	j->added = rc == RC_OK && d != NULL && first && j->fault == CONFIG_FAULTS;
	g->objects += j->added;
	return rc;
}

/* What was not stored does not count. */
static void
take_back(struct judging *j)
{
	j->g->objects -= j->added;
	j->added = false;
}

static enum rc
judging_run(struct tables_job *job, struct tables_tx *tx)
{
	struct judging *j = (struct judging *)(void *)job;
	const struct config_doc *d = j->config.doc;
	enum rc rc;

	j->fault = CONFIG_FAULTS;
	take_back(j);
	rc = d == NULL ? RC_OK : config_doc_verify(d, &j->g->key);
	if (rc == RC_FORBIDDEN || rc == RC_BAD_REQUEST) {
		j->fault = CONFIG_FORGED;
		return RC_OK;
	}
	return rc == RC_OK ? judge(j, tx) : rc;
}

static void
judging_done(struct tables_job *job, enum rc rc)
{
	struct judging *j = (struct judging *)(void *)job;
	struct config_gate *g = j->g;
	struct slice reason = SLICE_NONE;
	struct guard_wait *w = j->w;

	if (rc != RC_OK) {
		j->fault = CONFIG_NOT_KEPT;
		take_back(j);
	}
	if (j->fault != CONFIG_FAULTS) {
		rc = refuse(g, &j->config, j->fault, &reason);
	} else if (j->config.doc != NULL) {
		atomic_fetch_add_explicit(&g->accepted, 1, memory_order_relaxed);
		LOG_INFO(g->conf.log, "config-accepted", LOG_S("object", j->config.object),
		         LOG_N("version", (int64_t)j->config.doc->version));
	}
	free(j);
	w->then(w, rc, reason);
}

/* False: it was stopped. */
static bool
submit(struct config_gate *g, struct judging *j)
{
	bool runs;

	pthread_mutex_lock(&g->lock);
	runs = g->work != NULL;
	if (runs)
		tables_work_submit(g->work, &j->job);
	pthread_mutex_unlock(&g->lock);
	return runs;
}

enum rc
config_gate_judge(struct config_gate *g, const struct req_input *in,
                  const struct guard_config *config, struct guard_wait *w, struct slice *reason)
{
	enum config_fault fault = look(g, in, config);
	struct judging *j;

	if (fault != CONFIG_FAULTS)
		return refuse(g, config, fault, reason);
	j = calloc(1, sizeof(*j));
	if (j == NULL)
		return refuse(g, config, CONFIG_NOT_KEPT, reason);
	j->job = (struct tables_job){ .run = judging_run, .done = judging_done, .self = g };
	j->g = g;
	j->config = *config;
	j->w = w;
	if (digest_sha256(&config->resource, 1, j->resource) == RC_OK && submit(g, j))
		return RC_PENDING;
	free(j);
	return refuse(g, config, CONFIG_NOT_KEPT, reason);
}

/* ---- life ---- */

static bool
count_one(void *arg, struct slice key, struct slice val)
{
	struct config_gate *g = arg;

	(void)key;
	(void)val;
	g->objects++;
	return true;
}

static enum rc
count_objects(struct config_gate *g)
{
	static const char table[] = { TABLE };
	struct tables_tx *tx;
	enum rc rc = tables_read(&g->store, &tx);

	if (rc != RC_OK)
		return rc;
	rc = tables_scan(tx, slice_make(table, 1), SLICE_NONE, 0, count_one, g);
	tables_abort(tx);
	return rc;
}

static enum rc
open_store(struct config_gate *g, char why[SEC_WHY_MAX])
{
	const struct config_gate_conf *conf = &g->conf;
	const struct store_ops *ops = conf->dir == NULL ? &store_memory : conf->engine;
	const struct store_conf store = { .path = conf->dir,
		                          .max_bytes = 1u << 24,
		                          .max_readers = 8 };
	const struct tables_work_conf work = { .store = &g->store,
		                               .log = conf->log,
		                               .store_failed = "config-store-failed",
		                               .queue_max = QUEUE_MAX,
		                               .batch_max = BATCH_MAX,
		                               .arg = g };
	char text[256] = "";
	enum rc rc = tables_open(ops, &store, &g->store, text);

	if (rc == RC_OK)
		rc = count_objects(g);
	if (rc == RC_OK)
		rc = tables_work_start(&work, &g->work);
	if (rc != RC_OK)
		snprintf(why, SEC_WHY_MAX, "versions of configuration: %.200s",
		         text[0] != '\0' ? text : status_of(rc)->text);
	return rc;
}

enum rc
config_gate_new(const struct config_gate_conf *conf, struct config_gate **out,
                char why[SEC_WHY_MAX])
{
	struct config_gate *g = calloc(1, sizeof(*g));
	enum rc rc;

	*out = NULL;
	if (g == NULL)
		return RC_UNAVAILABLE;
	pthread_mutex_init(&g->lock, NULL);
	g->conf = *conf;
	g->seal = secret_alloc(sizeof(*g->seal));
	rc = g->seal == NULL ? RC_UNAVAILABLE : sign_public_read(conf->key, &g->key);
	if (rc == RC_OK && conf->seal != NULL)
		*g->seal = *conf->seal;
	if (rc == RC_OK)
		rc = open_store(g, why);
	else
		snprintf(why, SEC_WHY_MAX, "config.key: %s", status_of(rc)->text);
	if (rc == RC_OK)
		*out = g;
	else
		config_gate_free(g);
	return rc;
}

void
config_gate_stop(struct config_gate *g)
{
	struct tables_work *work;

	if (g == NULL)
		return;
	pthread_mutex_lock(&g->lock);
	work = g->work;
	g->work = NULL;
	pthread_mutex_unlock(&g->lock);
	tables_work_stop(work);
}

void
config_gate_free(struct config_gate *g)
{
	if (g == NULL)
		return;
	config_gate_stop(g);
	pthread_mutex_destroy(&g->lock);
	tables_close(&g->store);
	secret_free(g->seal, sizeof(*g->seal));
	free(g);
}
