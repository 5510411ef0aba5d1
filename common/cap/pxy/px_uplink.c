/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SCLs that this one registers with, as sinks of what was parked for them: whether they are
 * reached, which requests tell, and, while they are not (requests may be held back), one of this file; and their
 * key, which is asked for once over the connection that proves who they are, and kept.
 */
#include "config.h"

#include "cap/pxy/px_source_own.h"

#include <stdio.h>

#define INBOX "/proxy/inbox"
#define INFO "/proxy/info"
#define ANSWER_MAX 65536u

static void look(struct source_uplink *u);

static void
task_run(struct scl_task *task)
{
	look((struct source_uplink *)(void *)task);
}

static void
post(struct source_uplink *u, int64_t delay)
{
	u->task.run = task_run;
	if (atomic_load(&u->all->running))
		scl_post(u->all->px->scl, &u->task, delay);
}

static void
set_up(struct source_uplink *u, bool up)
{
	u->seen = clock_monotonic();
	if (u->up && !up)
		u->down_since = u->seen;
	if (u->up != up)
		source_wake(u->all);
	u->up = up;
	u->failures = 0;
}

/* ---- its key ---- */

static void
pinned(struct scl_task *task)
{
	struct source_uplink *u =
		(struct source_uplink *)(void *)((char *)task -
	                                         offsetof(struct source_uplink, back));

	u->busy = false;
	u->known = u->op.rc == RC_OK;
	if (u->known)
		source_wake(u->all);
	/* It may have gone down meanwhile. */
	post(u, u->known ? 0 : source_backoff(u->all, ++u->failures));
}

static void
pin_done(struct px_spool_op *op)
{
	struct source_uplink *u = op->owner;

	u->back.run = pinned;
	(void)px_post(u->all->px, &u->back, 0);
}

static void
info_done(struct px_call *c)
{
	struct source_uplink *u = c->owner;
	struct px_told_info info;

	if (c->rc != RC_OK || !px_read_info(c->answer, &info) || !info.has_identity) {
		LOG_INFO(u->all->px->log, "proxy-uplink-without-key", LOG_Z("url", u->url),
		         LOG_Z("status", status_of(c->rc)->text));
		u->busy = false;
		post(u, source_backoff(u->all, ++u->failures));
		return;
	}
	memcpy(u->sink.k.pk2, info.pk2, sizeof(info.pk2));
	memcpy(u->sink.pk_id, info.pk_id, sizeof(info.pk_id));
	u->op = (struct px_spool_op){ .done = pin_done, .owner = u, .sink = &u->sink.k };
	px_spool_write(u->all->spool, &u->op);
}

static void
ask_key(struct source_uplink *u)
{
	u->busy = true;
	px_call_begin(&u->call, 0, false);
	u->call.done = info_done;
	u->call.owner = u;
	px_call_send(&u->all->client, &u->call, "GET", slice_of(u->url), INFO, PX_MEDIA_NONE);
}

/* ---- whether it answers ---- */

static void
probed(struct exchange *ex)
{
	struct source_uplink *u = ex->owner;

	u->busy = false;
	/* Whatever it says, it is there; but for a gateway that speaks in its stead. */
	if (ex->rc == RC_OK && (ex->http_status < 500 || ex->http_status == 501)) {
		set_up(u, true);
		post(u, 0);
	} else {
		set_up(u, false);
		post(u, source_backoff(u->all, ++u->failures));
	}
}

static void
probe(struct source_uplink *u)
{
	u->busy = true;
	buf_fini(&u->ex.answer);
	buf_fini(&u->ex.answer_text);
	u->ex = (struct exchange){ .method = SLICE_LIT("GET"),
		                   .url = slice_of(u->url),
		                   .timeout_ms = u->all->client.timeout_ms,
		                   .answer_max = ANSWER_MAX,
		                   .done = probed,
		                   .owner = u };
	exchange_add_issuer(&u->ex, u->all->px->scl, 2);
	exchange_add_header(&u->ex, SLICE_LIT("Accept"), SLICE_LIT("application/xml"));
	scl_send(u->all->px->scl, &u->ex);
}

static void
look(struct source_uplink *u)
{
	if (u->busy || !atomic_load(&u->all->running))
		return;
	if (!u->up)
		probe(u);
	else if (!u->known)
		ask_key(u);
}

/*
 * The queue tells of what its requests find only when that changes, and they may have found last
 * that it is down.
 */
void
uplink_doubt(struct source_uplink *u)
{
	if (u->up && !u->busy && clock_monotonic() - u->seen > u->all->px->conf->retry_max / 4)
		probe(u);
}

void
uplinks_told(struct px_parking *s, bool up)
{
	for (size_t i = 0; i < s->n_uplinks; i++) {
		if (!up || s->n_uplinks == 1)
			set_up(&s->uplinks[i], up);
		post(&s->uplinks[i], 0);
	}
}

/* ---- what is pinned ---- */

static struct source_uplink *
named(struct px_parking *s, const char *name)
{
	for (size_t i = 0; i < s->n_uplinks; i++)
		if (strcmp(s->uplinks[i].sink.k.name, name) == 0)
			return &s->uplinks[i];
	return NULL;
}

bool
uplinks_pinned(struct px_parking *s, const struct px_spool_sink *k)
{
	struct source_uplink *u = named(s, k->name);

	/* One that was configured goes before; a key of another SCL is none of this one. */
	if (u != NULL && !u->sink.configured && strcmp(k->url, u->sink.k.url) == 0) {
		memcpy(u->sink.k.pk2, k->pk2, sizeof(k->pk2));
		u->known = pre_pk_id(slice_make(k->pk2, sizeof(k->pk2)), u->sink.pk_id) == RC_OK;
	}
	return slice_starts(slice_of(k->name), SLICE_LIT(SOURCE_UPLINK));
}

bool
uplinks_has(struct px_parking *s, const char *name)
{
	return named(s, name) != NULL;
}

bool
uplinks_forget(struct px_parking *s, const char *name)
{
	struct source_uplink *u = named(s, name);

	if (u == NULL || u->sink.configured)
		return false;
	u->known = false;
	u->sink.id = s->next_id++;
	post(u, 0);
	return true;
}

/* ---- life ---- */

/* A key of the configuration is of the first one. */
static enum rc
read_key(struct source_uplink *u, const char *path, char why[CAPABILITY_WHY_MAX])
{
	struct pre_public p;
	enum rc rc = pre_public_read(path, &p);

	if (rc == RC_OK && (p.parts & PRE_PUBLIC_SECOND) == 0)
		rc = RC_BAD_REQUEST;
	if (rc == RC_OK)
		rc = pre_pk_id(slice_make(p.pk2, sizeof(p.pk2)), u->sink.pk_id);
	if (rc != RC_OK) {
		snprintf(why, CAPABILITY_WHY_MAX,
		         "proxy.uplink_key: %.160s: no key for sources (PK2)", path);
		return rc;
	}
	memcpy(u->sink.k.pk2, p.pk2, sizeof(p.pk2));
	u->sink.configured = u->known = true;
	return RC_OK;
}

static enum rc
add(struct px_parking *s, const char *url, char why[CAPABILITY_WHY_MAX])
{
	struct source_uplink *u = &s->uplinks[s->n_uplinks];
	struct slice base = slice_of(url);
	int n;

	while (base.n > 0 && base.p[base.n - 1] == '/')
		base.n--;
	*u = (struct source_uplink){ .all = s,
		                     .destination = saf_relief_destination(base),
		                     .down_since = clock_monotonic(),
		                     .sink.id = s->next_id++ };
	n = snprintf(u->sink.k.url, sizeof(u->sink.k.url), "%.*s" INBOX, (int)base.n, base.p);
	if (n < 0 || (size_t)n >= sizeof(u->sink.k.url)) {
		snprintf(why, CAPABILITY_WHY_MAX, "an NSCL's URI is too long");
		return RC_BAD_REQUEST;
	}
	(void)slice_copy(base, u->url, sizeof(u->url));
	if (s->n_uplinks == 0)
		snprintf(u->sink.k.name, sizeof(u->sink.k.name), SOURCE_UPLINK);
	else
		snprintf(u->sink.k.name, sizeof(u->sink.k.name), SOURCE_UPLINK "%zu",
		         s->n_uplinks + 1);
	s->n_uplinks++;
	return RC_OK;
}

enum rc
uplinks_new(struct px_parking *s, const char *const *nscl, char why[CAPABILITY_WHY_MAX])
{
	enum rc rc = RC_OK;

	for (; *nscl != NULL && s->n_uplinks < SOURCE_UPLINKS_MAX && rc == RC_OK; nscl++)
		rc = add(s, *nscl, why);
	if (rc == RC_OK && s->n_uplinks == 0) {
		snprintf(why, CAPABILITY_WHY_MAX, "proxy.source is for who registers with an NSCL");
		rc = RC_BAD_REQUEST;
	}
	if (rc == RC_OK && s->conf->uplink_key != NULL)
		rc = read_key(&s->uplinks[0], s->conf->uplink_key, why);
	return rc;
}

void
uplinks_start(struct px_parking *s)
{
	for (size_t i = 0; i < s->n_uplinks; i++)
		post(&s->uplinks[i], 0);
}

void
uplinks_end(struct px_parking *s)
{
	for (size_t i = 0; i < s->n_uplinks; i++) {
		px_call_end(&s->uplinks[i].call);
		buf_fini(&s->uplinks[i].ex.answer);
		buf_fini(&s->uplinks[i].ex.answer_text);
	}
}
