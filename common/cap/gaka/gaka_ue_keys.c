/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of its groups, which an NSCL seals for the device's service connection. */
#include "config.h"

#include <stdio.h>

#include "base/uri.h"
#include "cap/gaka/gaka_ue_own.h"
#include "cap/gate.h"
#include "mas/mas_group_doc.h"
#include "sec/jose.h"

#define DOC_MAX 16384u

/* Writes u->url for the first NSCL of the list that there is a service connection with. */
static bool
choose(struct ue *u, const char *const *nscls)
{
	for (; nscls != NULL && *nscls != NULL; nscls++) {
		struct sec_session s;
		enum rc rc = u->sec->session(u->sec->arg, slice_of(*nscls), &s);
		size_t n = strlen(*nscls);

		key_wipe(&s.kmc);
		while (n > 0 && (*nscls)[n - 1] == '/')
			n--;
		if (rc == RC_OK && n + sizeof("/groupKeys") <= sizeof(u->url)) {
			snprintf(u->url, sizeof(u->url), "%.*s/groupKeys", (int)n, *nscls);
			return true;
		}
	}
	return false;
}

static bool
open_keys(struct ue *u, struct slice object)
{
	struct slice url = slice_of(u->url);
	struct sec_object o = { .method = SLICE_LIT("GET") };
	struct buf doc;
	struct uri at;
	bool ok;

	buf_init(&doc, DOC_MAX);
	doc.secret = true;
	ok = uri_parse(url, &at);
	o.target = ok ? at.path : SLICE_NONE;
	ok = ok && u->sec->open(u->sec->arg, url, &o, object, &doc) == RC_OK &&
	     mas_group_keys_take(buf_view(&doc), &u->secrets->fetched);
	if (doc.p != NULL)
		secret_wipe(doc.p, doc.cap);
	buf_fini(&doc);
	return ok;
}

static void
failed(struct ue *u, const char *why)
{
	ue_count(u, UE_N_KEYS_FAILED);
	u->keys_at = clock_monotonic() + ue_backoff(u, ++u->keys_failures);
	LOG_WARN(u->log, "gaka-keys-failed", LOG_Z("reason", why));
	ue_over(u);
}

static void
fetched(struct exchange *ex)
{
	struct ue *u = ex->owner;
	char status[32];

	if (!ue_answered(u))
		return;
	snprintf(status, sizeof(status), "status %d", ex->http_status);
	if (ex->rc != RC_OK)
		failed(u, ex->failure);
	else if (ex->http_status != 200)
		failed(u, status);
	else if (!slice_is(exchange_answer_header(ex, "content-type"), JOSE_MEDIA_TYPE) ||
	         !open_keys(u, buf_view(&ex->answer)))
		failed(u, "the answer is not sealed for this connection");
	else
		ue_worker_submit(u, UE_JOB_GROUPS);
}

bool
ue_keys_fetch(struct ue *u)
{
	const struct gate *gate = u->cap->gate;

	if (!choose(u, u->cap->nscl) && (gate == NULL || !choose(u, gate->nscls(gate->arg))))
		return false;
	ue_send(u, JOSE_MEDIA_TYPE, SLICE_NONE, fetched);
	return true;
}

/* The log has them when they have changed. */
static void
log_keys(struct ue *u)
{
	const struct mas_group_keys *k = &u->secrets->groups;
	uint64_t mark = 1 + k->n;

	for (unsigned i = 0; i < k->n; i++)
		mark = 31 * (31 * mark + k->all[i].gid) + k->all[i].epoch;
	if (mark != u->keys_mark)
		LOG_INFO(u->log, "gaka-keys", LOG_N("groups", k->n));
	u->keys_mark = mark;
}

void
ue_keys_kept(struct ue *u, enum rc rc)
{
	if (rc != RC_OK) {
		failed(u, status_of(rc)->text);
		return;
	}
	ue_count(u, UE_N_KEYS);
	u->keys_failures = 0;
	u->keys_at = clock_monotonic() + u->conf->keys_interval;
	log_keys(u);
	ue_view_groups(u);
	ue_over(u);
}
