/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/mpa_device.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/uri.h"
#include "cap/mpa/mpa_device_own.h"
#include "cap/sec_access.h"

#define BOOK_OCTETS (UINT64_C(4) << 20)

void
mpad_count(struct mpad *d, enum mpad_counter which, uint64_t n)
{
	atomic_fetch_add_explicit(&d->counters[which], n, memory_order_relaxed);
}

void
mpad_refused(struct mpad *d, const char *what, enum mpa_cause cause)
{
	atomic_fetch_add_explicit(&d->causes[cause], 1, memory_order_relaxed);
	LOG_WARN(d->log, what, LOG_Z("cause", mpa_cause_text(cause)));
}

const char *
mpad_phase_name(enum mpad_phase phase)
{
	static const char *const names[] = {
		[MPAD_NO_CONNECTION] = "no-connection",
		[MPAD_NO_CREDENTIALS] = "no-credentials",
		[MPAD_PROVES] = "proves",
		[MPAD_WAITS] = "waits-for-decision",
		[MPAD_STANDS] = "stands",
		[MPAD_REFUSED_BY_SERVER] = "refused-by-server",
	};

	return names[phase];
}

const char *
mpad_verdict_name(enum mpad_verdict verdict)
{
	static const char *const names[] = { [MPAD_PENDING] = "pending",
		                             [MPAD_FOR] = "accepted",
		                             [MPAD_AGAINST] = "refused",
		                             [MPAD_NONE] = "none" };

	return names[verdict];
}

void
mpad_phase(struct mpad *d, enum mpad_phase phase, const char *why)
{
	bool changed = d->view.phase != phase || d->view.why != why;

	if (!changed)
		return;
	pthread_mutex_lock(&d->lock);
	d->view.phase = phase;
	d->view.why = why;
	pthread_mutex_unlock(&d->lock);
	LOG_INFO(d->log, "mpa-state", LOG_Z("state", mpad_phase_name(phase)),
	         LOG_Z("why", why == NULL ? "" : why));
}

int64_t
mpad_now(const struct mpad *d)
{
	return clock_now(d->clock) / CLOCK_SECOND;
}

static bool
is_revoked(void *arg, const struct mpa_serial *serial)
{
	const struct mpad *d = arg;
	const struct mpad_credentials *c = &d->credentials;

	for (size_t i = 0; i < c->n_revoked; i++)
		if (memcmp(&c->revoked[i], serial, sizeof(*serial)) == 0)
			return true;
	return false;
}

struct mpa_revocations
mpad_revocations(struct mpad *d)
{
	return (struct mpa_revocations){ .revoked = is_revoked, .arg = d };
}

/* ---- life ---- */

static void *
run(void *arg)
{
	struct mpad *d = arg;

	while (!mpad_stopping(d))
		(void)mpad_sleep(d, mpad_step(d));
	return NULL;
}

static void
mpad_free(struct mpad *d)
{
	mpad_ask_free(d);
	buf_fini(&d->credentials.from_cn);
	buf_fini(&d->credentials.from_s);
	mpa_session_wipe(d->session);
	mpa_session_wipe(d->next);
	secret_free(d->session, sizeof(*d->session));
	secret_free(d->next, sizeof(*d->next));
	mpa_book_close(&d->book);
	pthread_mutex_destroy(&d->lock);
	pthread_cond_destroy(&d->changed);
	free(d->path);
	free(d);
}

static enum rc
read_pin(const char *option, const char *file, struct sign_public *out,
         char why[CAPABILITY_WHY_MAX])
{
	enum rc rc = file == NULL ? RC_NOT_FOUND : sign_public_read(file, out);

	if (rc == RC_OK && !sign_public_ok(out))
		rc = RC_BAD_REQUEST;
	if (rc != RC_OK)
		snprintf(why, CAPABILITY_WHY_MAX, "%s: %.128s: %s", option,
		         file == NULL ? "absent" : file, status_of(rc)->text);
	return rc;
}

/* A key is for TLS alone. */
static enum rc
check_gateway(const struct mpa_conf *conf, char why[CAPABILITY_WHY_MAX])
{
	if (conf->gateway != NULL && uri_is_secure(slice_of(conf->gateway)))
		return RC_OK;
	snprintf(why, CAPABILITY_WHY_MAX, "mpa.gateway: %.160s has no TLS",
	         conf->gateway == NULL ? "" : conf->gateway);
	return RC_BAD_REQUEST;
}

static struct mpad *
mpad_new(struct scl *scl, const struct capability_conf *conf)
{
	struct mpad *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	if (!clock_cond_init(&d->changed)) {
		free(d);
		return NULL;
	}
	pthread_mutex_init(&d->lock, NULL);
	d->scl = scl;
	d->log = conf->log;
	d->cap = conf;
	d->conf = &conf->mpa;
	d->sec = conf->sec;
	d->clock = &clock_system;
	mpad_ask_init(d);
	mpad_credentials_clear(&d->credentials);
	d->session = secret_alloc(sizeof(*d->session));
	d->next = secret_alloc(sizeof(*d->next));
	if (d->session != NULL && d->next != NULL)
		return d;
	mpad_free(d);
	return NULL;
}

static enum rc
device_attach(struct scl *scl, const struct capability_conf *conf, void **state,
              char why[CAPABILITY_WHY_MAX])
{
	struct mpad *d;
	enum rc rc;

	*state = NULL;
	if (!conf->mpa.enabled)
		return RC_OK;
	d = mpad_new(scl, conf);
	if (d == NULL)
		return RC_UNAVAILABLE;
	rc = check_gateway(d->conf, why);
	if (rc == RC_OK)
		rc = read_pin("mpa.network_key", conf->mpa.network_key, &d->network, why);
	if (rc == RC_OK)
		rc = read_pin("mpa.server_key", conf->mpa.server_key, &d->server, why);
	if (rc == RC_OK)
		rc = mpa_book_open(&d->book, conf, BOOK_OCTETS, why);
	if (rc == RC_OK)
		rc = mpad_rest_open(d);
	if (rc == RC_OK)
		*state = d;
	else
		mpad_free(d);
	return rc;
}

static enum rc
device_start(struct scl *scl, const struct capability_conf *conf, void **state,
             char why[CAPABILITY_WHY_MAX])
{
	struct mpad *d = *state;

	if (d == NULL)
		return RC_OK;
	if (neighbour_set(scl, slice_of(d->conf->gateway), false) != RC_OK) {
		snprintf(why, CAPABILITY_WHY_MAX, "mpa.gateway is no URI of an SCL");
		return RC_BAD_REQUEST;
	}
	d->gate = conf->gate;
	d->started = pthread_create(&d->thread, NULL, run, d) == 0;
	if (d->started)
		return RC_OK;
	snprintf(why, CAPABILITY_WHY_MAX,
	         "the thread of multiparty authentication cannot be started");
	return RC_UNAVAILABLE;
}

static void
device_stop(void *state)
{
	struct mpad *d = state;

	if (d == NULL || !d->started)
		return;
	pthread_mutex_lock(&d->lock);
	d->stopping = true;
	pthread_cond_broadcast(&d->changed);
	pthread_mutex_unlock(&d->lock);
	pthread_join(d->thread, NULL);
	d->started = false;
}

static void
device_detach(void *state)
{
	if (state != NULL)
		mpad_free(state);
}

const struct capability cap_mpa_device = {
	.name = "mpa-device",
	.attach = device_attach,
	.start = device_start,
	.stop = device_stop,
	.detach = device_detach,
};
