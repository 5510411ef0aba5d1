/* SPDX-License-Identifier: Apache-2.0 */
/* What a device does next: warrants, then the gateway, then the server's decision, and again. */
#include "config.h"

#include "cap/mpa/mpa_device_own.h"

#include "cap/sec_access.h"

static bool
has_credentials(const struct mpad *d)
{
	return d->credentials.from_cn.n > 0 && d->credentials.not_after > (uint64_t)mpad_now(d);
}

static bool
has_session(const struct mpad *d)
{
	return d->session->n_links > 0;
}

/* Doubled with each failure, and less by up to a quarter: not all devices come at once. */
static int64_t
later(struct mpad *d)
{
	int64_t wait = d->conf->retry_first;
	uint8_t part = 0;

	for (unsigned i = 0; i < d->failures && wait < d->conf->retry_max; i++)
		wait *= 2;
	if (wait > d->conf->retry_max)
		wait = d->conf->retry_max;
	d->failures++;
	(void)secret_random(&part, sizeof(part));
	return clock_monotonic() + wait - wait / 4 * part / UINT8_MAX;
}

static void
show_credentials(struct mpad *d)
{
	pthread_mutex_lock(&d->lock);
	d->view.node = d->node;
	d->view.credentials_until = d->credentials.from_cn.n > 0 ? d->credentials.not_after : 0;
	pthread_mutex_unlock(&d->lock);
}

/* Whose this device is now. */
static bool
take_node(struct mpad *d)
{
	struct node_id node;
	enum rc rc;

	if (!d->sec->node(d->sec->arg, &node, NULL))
		return false;
	if (node_id_eq(&node, &d->node))
		return true;
	mpad_session_end(d);
	mpad_credentials_clear(&d->credentials);
	d->registered = d->known = false;
	d->etag[0] = '\0';
	d->fetch_at = d->renew_at = 0;
	d->node = node;
	rc = mpad_load(d, &node);
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		LOG_WARN(d->log, "mpa-book", LOG_Z("reason", status_of(rc)->text));
	return true;
}

static void
end_what_fell(struct mpad *d)
{
	const struct mpa_revocations revocations = mpad_revocations(d);

	if (!has_session(d) ||
	    (has_credentials(d) && mpa_session_stands(d->session, &revocations, mpad_now(d))))
		return;
	LOG_WARN(d->log, "mpa-session-fell", LOG_Z("gateway", d->session->peer));
	mpad_session_end(d);
	d->renew_at = 0;
}

static const char *
why_none(enum rc rc)
{
	if (rc == RC_NOT_FOUND)
		return "none are issued";
	return rc == RC_DENIED ? "refused" : "no answer";
}

/*
 * What is issued and revoked now; without an NSCL what was kept is of use. That there is nothing is said
 * when nothing goes under a session that rested on it any more.
 */
static void
step_fetch(struct mpad *d)
{
	enum rc rc = RC_UNAVAILABLE;

	d->fetch_at = clock_monotonic() + d->conf->check_interval;
	mpad_find_nscl(d);
	if (d->nscl[0] != '\0')
		rc = mpad_fetch(d);
	end_what_fell(d);
	if (has_credentials(d))
		return;
	if (d->nscl[0] == '\0')
		mpad_phase(d, MPAD_NO_CONNECTION, "no service connection");
	else
		mpad_phase(d, MPAD_NO_CREDENTIALS, why_none(rc));
}

static int64_t
step_prove(struct mpad *d)
{
	enum rc rc;

	if (!has_session(d))
		mpad_phase(d, MPAD_PROVES, d->view.why);
	rc = mpad_prove(d);
	if (rc == RC_OK) {
		d->failures = 0;
		mpad_phase(d, d->conf->require_decision ? MPAD_WAITS : MPAD_STANDS, NULL);
		d->look_at = clock_monotonic();
		return d->look_at;
	}
	/* Perhaps other warrants have been issued. */
	if (rc == RC_DENIED)
		d->fetch_at = 0;
	if (!has_session(d))
		mpad_phase(d, MPAD_PROVES, rc == RC_DENIED ? "refused" : "no answer");
	d->renew_at = later(d);
	return d->renew_at;
}

/* What the server has said, when it counts. */
static int64_t
judge(struct mpad *d)
{
	d->failures = 0;
	d->look_at = clock_monotonic() + d->conf->check_interval;
	if (!d->conf->require_decision || (d->in_use && d->view.verdict == MPAD_FOR)) {
		mpad_phase(d, MPAD_STANDS, NULL);
		return d->look_at;
	}
	if (d->view.verdict == MPAD_FOR && mpad_use(d, d->session) == RC_OK) {
		mpad_phase(d, MPAD_STANDS, NULL);
		return d->look_at;
	}
	mpad_session_end(d);
	mpad_phase(d, d->view.verdict == MPAD_AGAINST ? MPAD_REFUSED_BY_SERVER : MPAD_PROVES,
	           d->view.verdict == MPAD_AGAINST ? NULL : "no decision");
	d->failures = UINT8_MAX; /* a run costs all parties: not soon */
	d->renew_at = later(d);
	return d->renew_at;
}

static int64_t
step_look(struct mpad *d)
{
	enum rc rc = mpad_look(d);

	if (rc == RC_OK)
		return judge(d);
	if (rc == RC_UNAVAILABLE) {
		d->look_at = later(d);
		return d->look_at;
	}
	mpad_count(d, MPAD_N_LOST, 1);
	LOG_WARN(d->log, "mpa-session-lost", LOG_Z("why", mpad_failure(d)));
	mpad_session_end(d);
	mpad_phase(d, MPAD_PROVES, "the gateway has ended the session");
	d->fetch_at = 0;
	d->renew_at = later(d);
	return d->renew_at;
}

static int64_t
sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t
mpad_step(struct mpad *d)
{
	int64_t now = clock_monotonic();

	if (!take_node(d)) {
		mpad_session_end(d);
		mpad_phase(d, MPAD_NO_CONNECTION, "no root");
		return later(d);
	}
	if (now >= d->fetch_at)
		step_fetch(d);
	show_credentials(d);
	end_what_fell(d);
	if (!has_credentials(d)) {
		d->fetch_at = later(d);
		return d->fetch_at;
	}
	if (now >= d->renew_at)
		return sooner(step_prove(d), d->fetch_at);
	if (has_session(d) && now >= d->look_at)
		return sooner(step_look(d), d->fetch_at);
	return sooner(sooner(d->renew_at, d->fetch_at), has_session(d) ? d->look_at : INT64_MAX);
}
