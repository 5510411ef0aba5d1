/* SPDX-License-Identifier: Apache-2.0 */
/* The device: what it does next, and its life. All of it on the courier thread, one thing at a time. */
#include "config.h"

#include "cap/gaka_ue.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "cap/gaka/gaka_ue_own.h"

#define ROOT_TICK CLOCK_SECOND /* there is no root, or no service connection, yet */
#define TICK (30 * CLOCK_SECOND)
#define TIMEOUT_MS 15000u
#define ANSWER_MAX ((size_t)64 << 10)

/* ---- what all share ---- */

void
ue_count(struct ue *u, enum ue_counter which)
{
	atomic_fetch_add_explicit(&u->counts[which], 1, memory_order_relaxed);
}

/* The last quarter of it is random: those who were refused at once do not come back at once. */
int64_t
ue_backoff(const struct ue *u, unsigned failures)
{
	int64_t wait = u->conf->retry_first, max = u->conf->retry_max;
	uint16_t part = 0;

	for (unsigned i = 1; i < failures && wait < max; i++)
		wait *= 2;
	wait = wait < max ? wait : max;
	(void)secret_random(&part, sizeof(part));
	return wait - wait / 4 * part / UINT16_MAX;
}

static bool
has_tls(const char *url)
{
	return strncasecmp(url, "https:", 6) == 0 || strncasecmp(url, "coaps:", 6) == 0;
}

void
ue_send(struct ue *u, const char *accept, struct slice body, void (*done)(struct exchange *))
{
	struct exchange *ex = &u->ex;

	u->busy = true;
	buf_fini(&ex->answer);
	buf_fini(&ex->answer_text);
	*ex = (struct exchange){ .method = body.n > 0 ? SLICE_LIT("POST") : SLICE_LIT("GET"),
		                 .url = slice_of(u->url),
		                 .body = body,
		                 .timeout_ms = TIMEOUT_MS,
		                 .answer_max = ANSWER_MAX,
		                 .done = done,
		                 .owner = u };
	if (accept == NULL) {
		exchange_add_issuer(ex, u->scl, 2);
		accept = "application/xml";
	}
	exchange_add_header(ex, SLICE_LIT("Accept"), slice_of(accept));
	if (body.n > 0) {
		exchange_add_header(ex, SLICE_LIT("Content-Type"), slice_of(accept));
		ex->credential = has_tls(u->url) ? u->anchors : NULL;
		ex->bare = true;
	}
	scl_send(u->scl, ex);
}

bool
ue_answered(struct ue *u)
{
	return atomic_load(&u->running);
}

void
ue_over(struct ue *u)
{
	u->busy = false;
	scl_post(u->scl, &u->look, 0);
}

/* ---- the root key ---- */

static void
forget_root(struct ue *u)
{
	if (u->has_root)
		ue_detached(u, UE_OFF);
	u->has_root = false;
}

/* False: there is none, or another one is being loaded. */
static bool
look_root(struct ue *u, int64_t now)
{
	struct node_id node;
	uint32_t index = 0;

	if (!u->sec->node(u->sec->arg, &node, &index)) {
		forget_root(u);
		return false;
	}
	if (u->has_root && index == u->kmr_index && node_id_eq(&node, &u->node))
		return true;
	forget_root(u);
	if (u->root_at > now)
		return false;
	u->node = u->job.node = node;
	u->kmr_index = index;
	ue_worker_submit(u, UE_JOB_ROOT);
	return false;
}

static void
root_loaded(struct ue *u)
{
	u->has_root = u->job.rc == RC_OK;
	u->turn = u->failures = u->keys_failures = 0;
	u->keys_at = u->attach_at = 0;
	if (u->has_root) {
		ue_view_groups(u);
		ue_view_state(u, UE_ATTACHING);
	} else {
		LOG_ERROR(u->log, "gaka-book", LOG_Z("reason", status_of(u->job.rc)->text));
		u->root_at = clock_monotonic() + u->conf->retry_max;
	}
	ue_over(u);
}

void
ue_job_over(struct ue *u)
{
	if (u->job.kind == UE_JOB_ROOT)
		root_loaded(u);
	else if (u->job.kind == UE_JOB_GROUPS)
		ue_keys_kept(u, u->job.rc);
	else
		ue_challenged(u);
}

/* ---- what is next ---- */

static void
sooner(int64_t *at, int64_t other)
{
	if (other < *at)
		*at = other;
}

static void
look_groups(struct ue *u, int64_t now)
{
	if (u->keys_at > now || u->conf->conventional)
		return;
	if (!ue_keys_fetch(u))
		u->keys_at = now + ROOT_TICK;
}

static void
look_gateway(struct ue *u, int64_t now)
{
	if (ue_candidates(u) == 0) {
		if (u->view.state != UE_NO_GROUP)
			ue_detached(u, UE_NO_GROUP);
		u->attach_at = 0;
		return;
	}
	if (u->attach_at <= now)
		ue_attach(u);
	else if (u->check_at <= now)
		ue_check(u);
}

static void
look(struct scl_task *task)
{
	struct ue *u = (struct ue *)(void *)((char *)task - offsetof(struct ue, look));
	int64_t now = clock_monotonic(), at = now + TICK;

	if (!atomic_load(&u->running) || u->busy)
		return;
	if (!look_root(u, now)) {
		scl_post(u->scl, &u->look, ROOT_TICK);
		return;
	}
	look_groups(u, now);
	if (!u->busy)
		look_gateway(u, now);
	if (u->busy)
		return;
	if (!u->conf->conventional)
		sooner(&at, u->keys_at);
	if (ue_candidates(u) > 0) {
		sooner(&at, u->attach_at);
		sooner(&at, u->check_at);
	}
	scl_post(u->scl, &u->look, at > now ? at - now : 0);
}

/* ---- life ---- */

static void
ue_free(struct ue *u)
{
	ue_book_close(&u->book);
	if (u->secrets != NULL) {
		gaka_ue_wipe(&u->secrets->device);
		gaka_try_wipe(&u->secrets->attempt);
	}
	secret_free(u->secrets, sizeof(*u->secrets));
	credential_unref(u->anchors);
	buf_fini(&u->ex.answer);
	buf_fini(&u->ex.answer_text);
	pthread_mutex_destroy(&u->lock);
	pthread_cond_destroy(&u->changed);
	free(u);
}

/* A key is for TLS alone. */
static enum rc
check_gateway(const struct gaka_conf *conf, char why[CAPABILITY_WHY_MAX])
{
	if (has_tls(conf->gateway))
		return RC_OK;
	snprintf(why, CAPABILITY_WHY_MAX, "gaka.gateway: %.160s has no TLS", conf->gateway);
	return RC_BAD_REQUEST;
}

static enum rc
make_parts(struct ue *u, char why[CAPABILITY_WHY_MAX])
{
	const struct credential_files files = { .ca = u->conf->ca };
	enum rc rc = check_gateway(u->conf, why);

	if (rc != RC_OK)
		return rc;
	u->anchors = credential_certificate(&files);
	u->secrets = secret_alloc(sizeof(*u->secrets));
	if (u->anchors == NULL || u->secrets == NULL)
		return RC_UNAVAILABLE;
	rc = ue_book_open(&u->book, u->cap, why);
	return rc == RC_OK ? ue_status_open(u) : rc;
}

static enum rc
ue_cap_attach(struct scl *scl, const struct capability_conf *conf, void **state,
              char why[CAPABILITY_WHY_MAX])
{
	struct ue *u;
	enum rc rc;

	*state = NULL;
	if (!conf->gaka.enabled)
		return RC_OK;
	u = calloc(1, sizeof(*u));
	if (u == NULL)
		return RC_UNAVAILABLE;
	pthread_mutex_init(&u->lock, NULL);
	pthread_cond_init(&u->changed, NULL);
	u->scl = scl;
	u->log = conf->log;
	u->cap = conf;
	u->conf = &conf->gaka;
	u->sec = conf->sec;
	u->clock = &clock_system;
	u->look.run = look;
	u->check_at = CLOCK_NEVER;
	rc = make_parts(u, why);
	if (rc == RC_OK)
		*state = u;
	else
		ue_free(u);
	return rc;
}

static enum rc
ue_cap_start(struct scl *scl, const struct capability_conf *conf, void **state,
             char why[CAPABILITY_WHY_MAX])
{
	struct ue *u = *state;

	(void)conf;
	if (u == NULL)
		return RC_OK;
	if (neighbour_set(scl, slice_of(u->conf->gateway), false) != RC_OK) {
		snprintf(why, CAPABILITY_WHY_MAX, "gaka.gateway is no URI of an SCL");
		return RC_BAD_REQUEST;
	}
	atomic_store(&u->running, true);
	if (ue_worker_start(u) != RC_OK) {
		snprintf(why, CAPABILITY_WHY_MAX, "the thread of gaka cannot be started");
		return RC_UNAVAILABLE;
	}
	scl_post(scl, &u->look, 0);
	return RC_OK;
}

static void
ue_cap_stop(void *state)
{
	struct ue *u = state;

	if (u == NULL)
		return;
	atomic_store(&u->running, false);
	ue_worker_stop(u);
}

static void
ue_cap_detach(void *state)
{
	if (state != NULL)
		ue_free(state);
}

const struct capability cap_gaka_ue = {
	.name = "gaka-ue",
	.attach = ue_cap_attach,
	.start = ue_cap_start,
	.stop = ue_cap_stop,
	.detach = ue_cap_detach,
};
