/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SEC capability of a node: how it gets its credentials (bootstrapper.c), its service
 * connections with NSCLs (connector.c), what they do to requests (node_protect.c).
 */
#include "config.h"

#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "cap/sec/bootstrapper.h"
#include "cap/sec/connector.h"
#include "cap/sec/integrity.h"
#include "cap/sec/node_access.h"
#include "cap/sec/node_impl.h"
#include "cap/sec/node_protect.h"
#include "core/scl.h"
#include "sec/hex.h"
#include "sec/ppid_cert.h"

/* An ended connection is remembered so long. */
#define REMEMBER (600 * CLOCK_SECOND)
#define LIVE_MAX 256u

/* ---- helpers of the parts ---- */

bool
node_nonce(uint8_t nonce[REJECT_NONCE_SIZE], char text[NODE_NONCE_TEXT])
{
	bool made = secret_random(nonce, REJECT_NONCE_SIZE) == RC_OK;

	hex_encode(nonce, REJECT_NONCE_SIZE, text);
	return made;
}

bool
node_answer_room(struct exchange *ex)
{
	return buf_reserve(&ex->answer, ex->answer_max) != NULL;
}

void
node_exchange_end(struct exchange *ex)
{
	secret_wipe(ex->answer.p, ex->answer.cap);
	buf_fini(&ex->answer);
	buf_fini(&ex->answer_text);
	key_wipe(&ex->exported);
	ex->has_exported = false;
}

/* Seconds of Retry-After; a date is not looked at. */
static int64_t
seconds_of(struct slice s)
{
	uint64_t v;

	return slice_number(slice_head(s, 6), UINT32_MAX, &v) ? (int64_t)v * CLOCK_SECOND : 0;
}

int64_t
node_backoff(int64_t first, int64_t max, unsigned failures, struct slice retry_after)
{
	int64_t delay = first, asked = seconds_of(retry_after);
	uint32_t chance = 0;

	for (unsigned i = 1; i < failures && delay < max; i++)
		delay *= 2;
	if (delay < asked)
		delay = asked;
	if (delay > max)
		delay = max;
	(void)secret_random(&chance, sizeof(chance));
	return delay + delay / 4000 * (int64_t)(chance % 1000);
}

/* ---- roots come and go ---- */

static void
view_nscls(struct sec *n)
{
	for (unsigned i = 0; i < n->root.n_nscls; i++)
		n->nscls[i] = n->root.nscls[i];
	n->nscls[n->root.n_nscls] = NULL;
}

static struct connector *
find_connector(const struct sec *n, struct slice url)
{
	for (unsigned i = 0; i < n->n_connectors; i++)
		if (connector_is_for(n->connectors[i], url) ||
		    connector_is_clear(n->connectors[i], url))
			return n->connectors[i];
	return NULL;
}

static void
add_connector(struct sec *n, const char *base)
{
	struct connector *c;

	if (n->n_connectors == NODE_CONNECTORS_MAX || find_connector(n, slice_of(base)) != NULL ||
	    (c = connector_new(n, base)) == NULL)
		return;
	pthread_mutex_lock(&n->shared);
	n->connectors[n->n_connectors++] = c;
	pthread_mutex_unlock(&n->shared);
}

static void
add_clear(struct sec *n, const char *uri)
{
	bool added = false;

	pthread_mutex_lock(&n->shared);
	for (unsigned i = 0; i < n->n_connectors && !added; i++)
		added = connector_add_clear(n->connectors[i], uri);
	pthread_mutex_unlock(&n->shared);
}

/* kmr NULL: there is none any more. */
static void
set_root(struct sec *n, const struct node_root *root, const struct key *kmr)
{
	pthread_mutex_lock(&n->shared);
	n->root = *root;
	if (kmr != NULL)
		*n->kmr = *kmr;
	else
		key_wipe(n->kmr);
	pthread_mutex_unlock(&n->shared);
}

/* Those with TLS first: the others are ways to them. */
static void
add_connectors(struct sec *n)
{
	const char *const *lists[] = { n->conf->nscl, n->nscls };

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (const char *const *uri = lists[i]; uri != NULL && *uri != NULL; uri++)
			add_connector(n, *uri);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (const char *const *uri = lists[i]; uri != NULL && *uri != NULL; uri++)
			add_clear(n, *uri);
}

/* NSCLs that were not known: whoever waits may begin with them. */
static void
tell_new(struct sec *n)
{
	if (n->listener != NULL && n->root.n_nscls > 0)
		n->listener->changed(n->listener->owner, n->root.nscls[0], true);
}

void
node_take_root(struct sec *n, const struct node_root *root, const struct key *kmr)
{
	unsigned known = n->n_connectors;

	set_root(n, root, kmr);
	n->open = false;
	view_nscls(n);
	add_connectors(n);
	for (unsigned i = 0; i < n->n_connectors; i++)
		connector_go_on(n->connectors[i]);
	if (n->n_connectors > known)
		tell_new(n);
}

static void
erase_run(struct node_job *job)
{
	struct erasing *e = (struct erasing *)(void *)job;
	enum rc rc = node_keys_erase(e->keys, &e->node, e->kmr_index);

	if (rc != RC_OK)
		LOG_ERROR(e->log, "credentials-not-erased", LOG_Z("reason", status_of(rc)->text));
}

static void
erase_done(struct node_job *job)
{
	struct sec *n = job->owner;

	if (n->boot != NULL && !node_has_root(n))
		bootstrapper_need(n->boot);
}

void
node_erase(struct sec *n)
{
	if (!node_has_root(n) || n->erase.job.busy)
		return;
	LOG_ERROR(n->conf->log, "credentials-void",
	          LOG_Z("note", "the provider has said so, signed"));
	n->erase.node = n->root.node;
	n->erase.kmr_index = n->root.kmr_index;
	set_root(n, &(struct node_root){ .node = n->erase.node }, NULL);
	view_nscls(n);
	for (unsigned i = 0; i < n->n_connectors; i++)
		connector_drop(n->connectors[i]);
	watchers_tell(&n->watchers, &n->erase.node, 0);
	n->erase.job = (struct node_job){ .run = erase_run, .done = erase_done, .owner = n };
	n->erase.keys = n->keys;
	n->erase.log = n->conf->log;
	(void)node_work_submit(n->work, &n->erase.job);
}

/* ---- the gate ---- */

static struct connector *
gate_connector(struct sec *n, const char *nscl)
{
	struct connector *c = find_connector(n, slice_of(nscl));

	if (c == NULL) {
		add_connector(n, nscl);
		add_clear(n, nscl);
		c = find_connector(n, slice_of(nscl));
	}
	return c;
}

/* An NSCL without TLS, and no way to it with TLS, is spoken to as it is: that is for it to decide. */
static enum rc
gate_enter(void *arg, const char *nscl)
{
	struct sec *n = arg;
	struct connector *c = n->open ? NULL : gate_connector(n, nscl);

	return c == NULL || connector_want(c) ? RC_OK : RC_PENDING;
}

static void
gate_listen(void *arg, const struct gate_listener *listener)
{
	struct sec *n = arg;

	n->listener = listener;
}

static const char *const *
gate_nscls(void *arg)
{
	struct sec *n = arg;

	return n->nscls;
}

static void
gate_report(void *arg, struct buf *to)
{
	struct sec *n = arg;

	if (n->integrity != NULL && integrity_is_known(n->integrity) && node_has_root(n))
		(void)integrity_report(n->integrity, false, to);
}

static bool
gate_wake(void *arg, const char *nscl)
{
	struct sec *n = arg;

	if (n->listener == NULL)
		return false;
	n->listener->wake(n->listener->owner, nscl);
	return true;
}

static const struct gate *
node_gate(struct sec *n)
{
	return &n->gate;
}

/* ---- open ---- */

static void node_close(struct sec *n);

static enum rc
say(char why[SEC_WHY_MAX], const char *option, enum rc rc)
{
	if (rc != RC_OK)
		snprintf(why, SEC_WHY_MAX, "%s: %s", option, status_of(rc)->text);
	return rc;
}

/* What the manufacturer has given to the device. */
static enum rc
open_factory(struct sec *n, char why[SEC_WHY_MAX])
{
	const struct sec_conf *conf = n->conf;
	const struct credential_files files = { .ca = conf->bootstrap.ca,
		                                .crl = conf->bootstrap.crl,
		                                .certificate = conf->bootstrap.certificate,
		                                .key = conf->bootstrap.key };
	enum rc rc = RC_OK;

	if (conf->bootstrap.ppid != NULL) {
		enum ppid_fault fault = ppid_parse(slice_of(conf->bootstrap.ppid), true, &n->ppid);

		if (fault != PPID_OK) {
			snprintf(why, SEC_WHY_MAX, "bootstrap.ppid: %s", ppid_token(fault));
			return RC_BAD_REQUEST;
		}
	} else if (conf->bootstrap.certificate != NULL) {
		rc = say(why, "bootstrap.certificate has no urn:m2m:ppid",
		         ppid_of_certificate(conf->bootstrap.certificate, &n->ppid));
	}
	if (rc == RC_OK && conf->bootstrap.key != NULL)
		rc = say(why, "bootstrap.key", device_key_read(conf->bootstrap.key, &n->device));
	if (rc == RC_OK && conf->bootstrap.reject_key != NULL) {
		rc = say(why, "bootstrap.reject_key",
		         sign_public_read(conf->bootstrap.reject_key, &n->reject));
		n->has_reject = rc == RC_OK;
	}
	if (rc != RC_OK || conf->bootstrap.msbf == NULL)
		return rc;
	if (n->ppid.n == 0) {
		snprintf(why, SEC_WHY_MAX, "bootstrap.msbf needs bootstrap.certificate");
		return RC_BAD_REQUEST;
	}
	n->factory = credential_certificate(&files);
	return n->factory == NULL ? RC_UNAVAILABLE : RC_OK;
}

static enum rc
open_keys(struct sec *n, char why[SEC_WHY_MAX])
{
	enum rc rc;

	n->kmr = secret_alloc(sizeof(*n->kmr));
	if (n->kmr == NULL) {
		snprintf(why, SEC_WHY_MAX, "no memory that can be locked: see RLIMIT_MEMLOCK");
		return RC_UNAVAILABLE;
	}
	rc = node_keys_open(n->conf, &n->ppid, false, &n->keys, why);
	if (rc != RC_OK)
		return rc;
	rc = node_keys_root(n->keys, &n->root, n->kmr);
	if (rc == RC_NOT_FOUND)
		rc = RC_OK;
	n->open = !node_has_root(n) && n->conf->bootstrap.msbf == NULL;
	if (rc == RC_OK && node_has_root(n) && strcmp(n->root.scl_id, n->conf->scl_id) != 0) {
		snprintf(why, SEC_WHY_MAX, "the credentials are of the SCL-ID %.64s: see scl.id",
		         n->root.scl_id);
		return RC_BAD_REQUEST;
	}
	return say(why, "key store", rc);
}

static enum rc
open_rules(struct sec *n, char why[SEC_WHY_MAX])
{
	const struct live_conf live = { .clock = n->conf->clock,
		                        .max = LIVE_MAX,
		                        .remember = REMEMBER,
		                        .rate = n->conf->rate.rate,
		                        .burst = n->conf->rate.burst };
	enum rc rc;

	n->live = live_new(&live);
	if (n->live == NULL)
		return RC_UNAVAILABLE;
	rc = mid_new(&(struct mid_conf){ .side = MID_NODE, .live = n->live, .sec = n->conf },
	             &n->mid);
	if (rc == RC_OK)
		rc = issuers_new(&(struct issuers_conf){ .sec = n->conf,
		                                         .live = n->live,
		                                         .sources = &n->sources },
		                 &n->issuers, why);
	if (rc == RC_OK)
		rc = psk_front_new(&(struct psk_front_conf){ .mid = n->mid,
		                                             .app = issuers_psk,
		                                             .app_arg = n->issuers,
		                                             .sources = &n->sources },
		                   &n->psk);
	if (rc != RC_OK)
		return rc;
	n->guard = sec_guard_new(
		&(struct sec_guard_conf){ .mid = n->mid, .live = n->live, .issuers = n->issuers });
	return n->guard == NULL ? RC_UNAVAILABLE : RC_OK;
}

static enum rc
open_parts(struct sec *n, char why[SEC_WHY_MAX])
{
	enum rc rc = open_factory(n, why);

	if (rc == RC_OK && (n->authorities = authorities_new()) == NULL)
		rc = RC_UNAVAILABLE;
	if (rc == RC_OK)
		rc = open_keys(n, why);
	if (rc == RC_OK)
		rc = open_rules(n, why);
	if (rc == RC_OK)
		rc = node_mas_open(n, why);
	if (rc == RC_OK)
		rc = integrity_new(n, &n->integrity, why);
	if (rc == RC_OK && n->conf->bootstrap.msbf != NULL &&
	    (n->boot = bootstrapper_new(n)) == NULL)
		rc = RC_UNAVAILABLE;
	return rc;
}

static enum rc
node_open(const struct sec_conf *conf, struct sec **sec, char why[SEC_WHY_MAX])
{
	struct sec *n = calloc(1, sizeof(*n));
	enum rc rc;

	*sec = NULL;
	if (n == NULL)
		return RC_UNAVAILABLE;
	n->settings = *conf;
	n->conf = &n->settings;
	pthread_mutex_init(&n->shared, NULL);
	watchers_init(&n->watchers);
	node_access_init(n);
	n->gate = (struct gate){ .arg = n,
		                 .enter = gate_enter,
		                 .listen = gate_listen,
		                 .nscls = gate_nscls,
		                 .report = gate_report,
		                 .wake = gate_wake };
	rc = open_parts(n, why);
	if (rc != RC_OK) {
		if (why[0] == '\0')
			snprintf(why, SEC_WHY_MAX, "security: %s", status_of(rc)->text);
		node_close(n);
		return rc;
	}
	view_nscls(n);
	if (!n->open)
		add_connectors(n);
	for (unsigned i = 0; i < n->n_connectors; i++)
		connector_restore(n->connectors[i]);
	*sec = n;
	return RC_OK;
}

/* ---- life ---- */

static const struct guard *
node_guard(struct sec *n)
{
	return sec_guard_of(n->guard);
}

static const struct psk_source *
node_psk(struct sec *n)
{
	return psk_front_source(n->psk);
}

/* The courier has asked node_protect before; this is for what does not pass it. */
static enum rc
node_credential(void *arg, struct slice url, struct credential **out)
{
	struct sec *n = arg;
	struct credential *agreed = authorities_find(n->authorities, url);
	const struct connector *c = n->open ? NULL : find_connector(n, url);

	*out = agreed == NULL ? NULL : credential_ref(agreed);
	if (agreed != NULL)
		return RC_OK;
	if (c == NULL)
		return RC_OK;
	*out = connector_credential(c);
	return *out == NULL ? RC_UNAVAILABLE : RC_OK;
}

static const struct sec_access *
node_access(struct sec *n)
{
	return &n->access;
}

static enum rc
add_kma(struct sec *n, struct scl *scl, char why[SEC_WHY_MAX])
{
	struct kma_conf conf = { .sec = n->conf, .issuers = n->issuers, .live = n->live };
	char dir[PATH_MAX];
	struct key seal;
	enum rc rc = node_keys_book(n->keys, n->conf, SEC_KMA_STORE, &seal, dir, sizeof(dir));

	if (rc == RC_OK) {
		conf.book = dir;
		conf.seal = &seal;
	}
	if (rc == RC_OK || rc == RC_NOT_FOUND)
		rc = kma_add(&conf, scl, &n->kma, why);
	key_wipe(&seal);
	return rc;
}

static enum rc
node_attach(struct sec *n, struct scl *scl, char why[SEC_WHY_MAX])
{
	enum rc rc;

	why[0] = '\0';
	n->scl = scl;
	mid_attach(n->mid, scl);
	sec_guard_attach(n->guard, scl);
	n->work = node_work_new(scl);
	rc = n->work == NULL ? RC_UNAVAILABLE : add_kma(n, scl, why);
	if (rc == RC_OK)
		rc = node_config_open(n, why);
	if (rc == RC_OK)
		rc = node_rejects_open(n);
	if (rc != RC_OK && why[0] != '\0')
		return rc;
	return say(why, "security cannot be served", rc);
}

static void
begin(struct scl_task *task)
{
	struct sec *n = (struct sec *)(void *)((char *)task - offsetof(struct sec, begin));

	if (node_stopping(n))
		return;
	integrity_begin(n->integrity);
	for (unsigned i = 0; i < n->n_connectors; i++)
		connector_begin(n->connectors[i]);
	if (n->boot != NULL && !node_has_root(n))
		bootstrapper_need(n->boot);
}

static enum rc
node_start(struct sec *n, char why[SEC_WHY_MAX])
{
	enum rc rc = kma_start(n->kma);

	n->begin.run = begin;
	if (rc == RC_OK)
		node_mas_start(n);
	if (rc == RC_OK)
		scl_post(n->scl, &n->begin, 0);
	return say(why, "security cannot be started", rc);
}

static void
node_reload(struct sec *n, const struct sec_rate *rate, const struct mas_limits *limits)
{
	(void)limits;
	live_set_rate(n->live, rate->rate, rate->burst);
	issuers_reload(n->issuers);
}

static void
node_stop(struct sec *n)
{
	atomic_store(&n->stopping, true);
	node_mas_stop(n);
	config_gate_stop(n->config);
	kma_stop(n->kma);
	node_work_stop(n->work);
}

static void
node_close(struct sec *n)
{
	if (n->work != NULL)
		node_work_stop(n->work);
	node_work_free(n->work);
	for (unsigned i = 0; i < n->n_connectors; i++)
		connector_free(n->connectors[i]);
	bootstrapper_free(n->boot);
	integrity_free(n->integrity);
	node_mas_close(n);
	sec_guard_free(n->guard);
	config_gate_free(n->config);
	free(n->config_path);
	free(n->rejects_path);
	kma_free(n->kma);
	psk_front_free(n->psk);
	issuers_free(n->issuers);
	mid_free(n->mid);
	live_free(n->live);
	node_keys_close(n->keys);
	secret_free(n->kmr, sizeof(*n->kmr));
	device_key_free(n->device);
	credential_unref(n->factory);
	authorities_free(n->authorities);
	watchers_fini(&n->watchers);
	pthread_mutex_destroy(&n->shared);
	free(n);
}

const struct sec_ops sec_node = {
	.open = node_open,
	.guard = node_guard,
	.psk = node_psk,
	.access = node_access,
	.credential = node_credential,
	.protect = node_protect,
	.unprotect = node_unprotect,
	.gate = node_gate,
	.attach = node_attach,
	.start = node_start,
	.reload = node_reload,
	.stop = node_stop,
	.close = node_close,
};
