/* SPDX-License-Identifier: Apache-2.0 */
/* One attempt after the other: T1 to T9, and the key that comes of it. */
#include "config.h"

#include <stdio.h>

#include "base/be.h"
#include "cap/gaka/gaka_ue_own.h"
#include "gaka/keys.h"
#include "sec/hex.h"
#include "sec/psk_id.h"

#define MEDIA_OCTETS "application/octet-stream"
#define LIFETIME_MIN (10 * CLOCK_SECOND) /* whatever the serving network says */
#define LIFETIME_DEFAULT ((int64_t)GAKA_EXPIRY / 2 * CLOCK_SECOND) /* it says nothing */
/*
 * A server that does not know a key may end the handshake without a word, and so does a network
 * that fails. After so many in a row it is taken for the former.
 */
#define CUTS_MAX 3u
#define SHORT_LIFETIME (120 * CLOCK_SECOND) /* a key is used until its end */

static void first_answered(struct exchange *ex);

/* ---- the outcome ---- */

void
ue_detached(struct ue *u, enum ue_state state)
{
	(void)neighbour_set(u->scl, slice_of(u->conf->gateway), false);
	(void)u->sec->credential_set(u->sec->arg, slice_of(u->conf->gateway), NULL);
	gaka_try_wipe(&u->secrets->attempt);
	u->check_at = CLOCK_NEVER;
	ue_view_state(u, state);
}

/* after: microseconds that the serving network asks for; 0: as often as it has failed. */
static void
failed(struct ue *u, enum ue_counter which, const char *why, int64_t after)
{
	int64_t wait = ue_backoff(u, ++u->failures);

	if (after > wait)
		wait = after < u->conf->retry_max ? after : u->conf->retry_max;
	ue_count(u, which);
	gaka_try_wipe(&u->secrets->attempt);
	u->attach_at = clock_monotonic() + wait;
	u->turn++;
	ue_view_reason(u, why);
	LOG_WARN(u->log, "gaka-attach-failed", LOG_Z("gateway", u->conf->gateway),
	         LOG_Z("reason", why), LOG_N("retry_ms", wait / 1000));
	ue_over(u);
}

/* It may be that the keys of the groups have changed. */
static void
failed_by_keys(struct ue *u, enum ue_counter which, const char *why)
{
	u->keys_at = 0;
	failed(u, which, why, 0);
}

static bool
make_psk(const struct gaka_done *done, enum psk_tls tls, struct credential_psk *out)
{
	struct psk_id id = { .kind = PSK_GA, .tls = tls, .node = done->id };

	memcpy(id.gid, done->gid.v, sizeof(id.gid));
	return psk_id_format(&id, out->identity) > 0 &&
	       gaka_psk(&done->ks, tls, done->c, &out->key) == RC_OK;
}

static enum rc
use_key(struct ue *u, const struct gaka_done *done)
{
	struct credential_psk tls13, tls12;
	struct credential *c = NULL;
	enum rc rc = RC_UNAVAILABLE;

	if (make_psk(done, PSK_TLS_1_3, &tls13) && make_psk(done, PSK_TLS_1_2, &tls12))
		c = credential_psk(&tls13, &tls12);
	if (c != NULL)
		rc = u->sec->credential_set(u->sec->arg, slice_of(u->conf->gateway), c);
	if (rc == RC_OK)
		rc = neighbour_set(u->scl, slice_of(u->conf->gateway), true);
	credential_unref(c);
	secret_wipe(&tls13, sizeof(tls13));
	secret_wipe(&tls12, sizeof(tls12));
	return rc;
}

/* How long the key is good for: as the serving network says with its last message. */
static int64_t
lifetime_of(const struct exchange *ex)
{
	uint64_t seconds;
	int64_t time = LIFETIME_DEFAULT;

	if (slice_number(exchange_answer_header(ex, "retry-after"), GAKA_EXPIRY, &seconds))
		time = (int64_t)seconds * CLOCK_SECOND;
	return time < LIFETIME_MIN ? LIFETIME_MIN : time;
}

static void
log_attached(struct ue *u, const struct gaka_done *done, int64_t lifetime)
{
	char gid[2 * GAKA_GID_SIZE + 1];

	hex_encode(done->gid.v, GAKA_GID_SIZE, gid);
	LOG_INFO(u->log, "gaka-attached", LOG_Z("gateway", u->conf->gateway), LOG_Z("group", gid),
	         LOG_Z("role", done->leader ? "leader" : "member"),
	         LOG_N("seconds", lifetime / CLOCK_SECOND));
}

/* Who is attached attaches again a good while before the end; not all of a group at once. */
static void
attached(struct ue *u, const struct gaka_done *done, int64_t lifetime)
{
	int64_t now = clock_monotonic(), early = 0;
	uint16_t part = 0;

	if (lifetime > SHORT_LIFETIME && secret_random(&part, sizeof(part)) == RC_OK)
		early = lifetime / 8 + lifetime / 16 * part / UINT16_MAX;
	u->failures = 0;
	u->attach_at = now + lifetime - early;
	u->check_at = now + u->conf->check_interval;
	ue_count(u, done->leader ? UE_N_LEADER : UE_N_MEMBER);
	pthread_mutex_lock(&u->lock);
	u->view.gid = done->gid;
	u->view.leader = done->leader;
	u->view.since = clock_now(u->clock);
	u->view.expires = u->view.since + lifetime;
	pthread_mutex_unlock(&u->lock);
	ue_view_reason(u, "");
	ue_view_state(u, UE_ATTACHED);
	log_attached(u, done, lifetime);
	ue_over(u);
}

/* ---- answers that refuse ---- */

static const struct {
	int status;
	enum ue_counter which;
	const char *why;
} refusals[] = {
	{ 403, UE_N_REFUSED, "GAKA_MAC" },
	{ 410, UE_N_EXPIRED, "GAKA_EXPIRED" },
	{ 503, UE_N_BUSY, "GAKA_BUSY" },
};

static int64_t
retry_after(const struct exchange *ex)
{
	uint64_t seconds = 0;

	(void)slice_number(exchange_answer_header(ex, "retry-after"), 86400, &seconds);
	return (int64_t)seconds * CLOCK_SECOND;
}

/* True: it is a message, to be looked at. */
static bool
is_message(struct ue *u)
{
	const struct exchange *ex = &u->ex;

	if (ex->rc != RC_OK) {
		failed(u, UE_N_NO_ANSWER, ex->failure, 0);
		return false;
	}
	if (ex->http_status == 200)
		return true;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		if (refusals[i].status != ex->http_status)
			continue;
		if (refusals[i].status == 403)
			failed_by_keys(u, refusals[i].which, refusals[i].why);
		else
			failed(u, refusals[i].which, refusals[i].why, retry_after(ex));
		return false;
	}
	failed(u, UE_N_MALFORMED, "no answer of a serving network", 0);
	return false;
}

/* ---- messages ---- */

static void
post(struct ue *u, bool first, struct slice message, void (*done)(struct exchange *))
{
	const char *base = u->conf->attach == NULL ? u->conf->gateway : u->conf->attach;
	char id[NODE_ID_TEXT];
	size_t n = strlen(base);

	while (n > 0 && base[n - 1] == '/')
		n--;
	node_id_text(&u->node, id);
	snprintf(u->url, sizeof(u->url), first ? "%.*s/gaka" : "%.*s/gaka?id=%s", (int)n, base, id);
	ue_send(u, MEDIA_OCTETS, message, done);
}

static void
last_answered(struct exchange *ex)
{
	struct ue *u = ex->owner;
	struct gaka_done done = { .c = 0 };
	enum rc rc;

	if (!ue_answered(u) || !is_message(u))
		return;
	rc = gaka_ue_confirm(&u->secrets->attempt, buf_view(&ex->answer), &done);
	if (rc != RC_OK)
		failed(u, UE_N_FORGED, "the end of it is not what it should be", 0);
	else if (use_key(u, &done) != RC_OK)
		failed(u, UE_N_NOT_KEPT, "the key cannot be used", 0);
	else
		attached(u, &done, lifetime_of(ex));
	gaka_done_wipe(&done);
}

/* Once in an attempt: the next vector is ahead of all that the device has taken. */
static void
resynchronise(struct ue *u)
{
	ue_count(u, UE_N_SYNC);
	u->resynchronised = true;
	gaka_t12_write(GAKA_SYNC, u->out);
	post(u, false, slice_make(u->out, GAKA_SHORT_SIZE), first_answered);
}

void
ue_challenged(struct ue *u)
{
	switch (u->job.rc) {
	case RC_OK:
		post(u, false, slice_make(u->job.answer, sizeof(u->job.answer)), last_answered);
		return;
	case RC_CONFLICT:
		if (!u->resynchronised)
			resynchronise(u);
		else
			failed(u, UE_N_SYNC, "out of step with the home network", 0);
		return;
	case RC_DENIED:
		failed_by_keys(u, UE_N_FORGED,
		               "the challenge is of somebody else, or of other keys");
		return;
	case RC_PRECONDITION:
		failed(u, UE_N_REPLAYED, "a challenge of before", 0);
		return;
	case RC_BAD_REQUEST:
		failed(u, UE_N_MALFORMED, "no challenge", 0);
		return;
	default:
		LOG_ERROR(u->log, "gaka-book", LOG_Z("reason", status_of(u->job.rc)->text));
		failed(u, UE_N_NOT_KEPT, status_of(u->job.rc)->text, 0);
		return;
	}
}

static void
first_answered(struct exchange *ex)
{
	struct ue *u = ex->owner;

	if (!ue_answered(u) || !is_message(u))
		return;
	if (ex->answer.n > sizeof(u->job.message)) {
		failed(u, UE_N_MALFORMED, "no challenge", 0);
		return;
	}
	u->job.n = ex->answer.n;
	if (ex->answer.n > 0)
		memcpy(u->job.message, ex->answer.p, ex->answer.n);
	ue_worker_submit(u, UE_JOB_CHALLENGE);
}

/* ---- in which group ---- */

static unsigned
configured(const struct ue *u)
{
	unsigned n = 0;

	while (u->conf->groups[n] != NULL)
		n++;
	return n;
}

unsigned
ue_candidates(const struct ue *u)
{
	unsigned n = configured(u);

	if (u->conf->conventional)
		return 1;
	return n > 0 ? n : u->secrets->groups.n;
}

static void
choose_group(const struct ue *u, struct gaka_gid *gid)
{
	unsigned n = ue_candidates(u);

	*gid = (struct gaka_gid){ { 0 } };
	if (u->conf->conventional)
		return;
	if (configured(u) > 0)
		(void)hex_decode(slice_of(u->conf->groups[u->turn % n]), gid->v, sizeof(gid->v));
	else
		be_put(gid->v, u->secrets->groups.all[u->turn % n].gid, sizeof(gid->v));
}

void
ue_attach(struct ue *u)
{
	struct gaka_gid gid;

	choose_group(u, &gid);
	if (u->view.state == UE_NO_GROUP)
		ue_view_state(u, UE_ATTACHING);
	u->resynchronised = false;
	if (gaka_ue_begin(&u->secrets->device, &u->secrets->attempt, &gid, NULL, NULL, u->out) !=
	    RC_OK) {
		failed(u, UE_N_NOT_KEPT, "no random numbers", 0);
		return;
	}
	post(u, true, slice_make(u->out, GAKA_T1_SIZE), first_answered);
}

/* ---- is the key still known? ---- */

static bool
says(struct slice text, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i + n <= text.n; i++)
		if (memcmp(text.p + i, word, n) == 0)
			return true;
	return false;
}

static void
checked(struct exchange *ex)
{
	struct ue *u = ex->owner;
	bool lost;

	if (!ue_answered(u))
		return;
	u->cuts = ex->tls_failed ? u->cuts + 1 : 0;
	lost = ex->tls_refused || u->cuts >= CUTS_MAX ||
	       (ex->rc == RC_OK && ex->http_status == 403 &&
	        says(buf_view(&ex->answer), "SEC_REVOKED"));
	u->check_at = clock_monotonic() + u->conf->check_interval;
	if (!lost && ex->rc == RC_OK)
		ue_count(u, UE_N_CHECKED);
	if (lost) {
		ue_count(u, UE_N_LOST);
		LOG_WARN(u->log, "gaka-lost", LOG_Z("gateway", u->conf->gateway));
		u->cuts = 0;
		u->attach_at = 0;
		u->check_at = CLOCK_NEVER;
		(void)neighbour_set(u->scl, slice_of(u->conf->gateway), false);
		ue_view_state(u, UE_ATTACHING);
	}
	ue_over(u);
}

void
ue_check(struct ue *u)
{
	snprintf(u->url, sizeof(u->url), "%s", u->conf->gateway);
	ue_send(u, NULL, SLICE_NONE, checked);
}
