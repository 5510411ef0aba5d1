/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link of an access point with its operator, the NSCL that it has a service connection with: its
 * key is registered, then anchors are asked for again and again; the answer comes when they change.
 * All on the courier thread.
 */
#include "config.h"

#include <stdio.h>

#include "base/clock.h"
#include "cap/gate.h"
#include "cap/mpa/mpa_ap.h"
#include "codec/json_fields.h"
#include "sec/b64url.h"

#define POLL_S 45u
#define KEY_TIMEOUT_MS 15000u
#define POLL_TIMEOUT_MS (1000u * POLL_S + 15000u)
#define ANCHORS_MAX (64u << 20)
#define BODY_MAX 512u

static struct ap *
ap_of(struct ap_link *l)
{
	return (struct ap *)(void *)((char *)l - offsetof(struct ap, link));
}

static void
end_exchange(struct ap_link *l)
{
	buf_fini(&l->ex.answer);
	buf_fini(&l->ex.answer_text);
	buf_fini(&l->body);
	l->under_way = false;
}

/* Not when it is the end: what is under way is told so then. */
static void
again(struct ap_link *l, int64_t delay)
{
	struct ap *ap = ap_of(l);

	pthread_mutex_lock(&ap->lock);
	if (ap->running)
		scl_post(ap->scl, &l->task, delay);
	pthread_mutex_unlock(&ap->lock);
}

/* Later, and from the beginning: the connection may be another one then. */
static void
fail(struct ap_link *l, const char *why)
{
	struct ap *ap = ap_of(l);

	LOG_WARN(ap->log, "mpa-link", LOG_Z("nscl", l->nscl), LOG_Z("why", why));
	l->registered = false;
	l->which++;
	again(l, l->wait);
	l->wait = l->wait < ap->conf->retry_max / 2 ? l->wait * 2 : ap->conf->retry_max;
}

static bool
set_url(struct ap_link *l, const char *tail)
{
	int n = snprintf(l->url, sizeof(l->url), "%s%s", l->nscl, tail);

	return n > 0 && (size_t)n < sizeof(l->url);
}

static void
go(struct ap_link *l, const char *method, unsigned timeout_ms, void (*done)(struct exchange *ex))
{
	struct ap *ap = ap_of(l);

	l->ex = (struct exchange){ .method = slice_of(method),
		                   .url = slice_of(l->url),
		                   .body = buf_view(&l->body),
		                   .timeout_ms = timeout_ms,
		                   .answer_max = ANCHORS_MAX,
		                   .done = done,
		                   .owner = l };
	exchange_add_issuer(&l->ex, ap->scl, ap->cap->nscl_release);
	exchange_add_header(&l->ex, SLICE_LIT("Accept"), SLICE_LIT(AP_JSON));
	if (l->body.n > 0)
		exchange_add_header(&l->ex, SLICE_LIT("Content-Type"), SLICE_LIT(AP_JSON));
	if (l->tag[0] != '\0')
		exchange_add_header(&l->ex, SLICE_LIT("If-None-Match"), slice_of(l->tag));
	l->under_way = true;
	scl_send(ap->scl, &l->ex);
}

/* ---- the key ---- */

static void
key_put(struct exchange *ex)
{
	struct ap_link *l = ex->owner;
	int status = ex->rc == RC_OK ? ex->http_status : 0;
	const char *why = status == 409 ? "another key is registered for this node"
	                  : status != 0 ? "the NSCL has refused the key"
	                                : ex->failure;

	l->registered = status == 201 || status == 204;
	if (l->registered) {
		l->wait = ap_of(l)->conf->retry_first;
		again(l, 0);
	} else {
		fail(l, why);
	}
	end_exchange(l);
}

static enum rc
make_body(struct ap *ap, const struct node_id *node, struct buf *body)
{
	uint8_t signature[SIGN_SIZE];
	struct buf message;
	char text[B64URL_LEN(SIGN_SIZE)];
	enum rc rc;

	buf_init(&message, BODY_MAX);
	buf_puts(&message, "mpa key");
	buf_add(&message, node->v, NODE_ID_BYTES);
	buf_slice(&message, ap->id);
	rc = message.failed ? RC_UNAVAILABLE
	                    : sign_make(ap->book.key, SIGN_OWN, buf_view(&message), signature);
	buf_fini(&message);
	if (rc != RC_OK)
		return rc;
	json_put_open(body, NULL, '{');
	b64url_encode(text, ap->book.public.v, SIGN_PUBLIC_SIZE);
	json_put_text(body, "publicKey", slice_make(text, B64URL_LEN(SIGN_PUBLIC_SIZE)));
	b64url_encode(text, signature, SIGN_SIZE);
	json_put_text(body, "signature", slice_make(text, B64URL_LEN(SIGN_SIZE)));
	buf_char(body, '}');
	return body->failed ? RC_UNAVAILABLE : RC_OK;
}

static void
put_key(struct ap_link *l, const struct node_id *node)
{
	l->tag[0] = '\0';
	buf_init(&l->body, BODY_MAX);
	if (make_body(ap_of(l), node, &l->body) != RC_OK || !set_url(l, "/mpa/key")) {
		buf_fini(&l->body);
		fail(l, "the key cannot be signed");
		return;
	}
	go(l, "PUT", KEY_TIMEOUT_MS, key_put);
}

/* ---- anchors ---- */

/* A list that has fewer revocations than the last one is an old one. */
static bool
is_older(struct ap *ap, const struct ap_anchors *a)
{
	bool older;

	pthread_mutex_lock(&ap->lock);
	older = ap->anchors != NULL && a->number < ap->anchors->number &&
	        memcmp(ap->anchors->v.cn.key.v, a->v.cn.key.v, SIGN_PUBLIC_SIZE) == 0;
	pthread_mutex_unlock(&ap->lock);
	return older;
}

static const char *
take(struct ap_link *l)
{
	struct ap *ap = ap_of(l);
	struct ap_anchors *a;

	if (ap_anchors_read(buf_view(&l->ex.answer), &ap->book.public, &a) != RC_OK)
		return "its answer cannot be read";
	if (is_older(ap, a)) {
		ap_anchors_unref(a);
		return "its list of revocations is an older one";
	}
	if (!slice_copy(exchange_answer_header(&l->ex, "etag"), l->tag, sizeof(l->tag)))
		l->tag[0] = '\0';
	ap_anchors_set(ap, a);
	return NULL;
}

static void
anchors_got(struct exchange *ex)
{
	struct ap_link *l = ex->owner;
	struct ap *ap = ap_of(l);
	int status = ex->rc == RC_OK ? ex->http_status : 0;
	const char *why = status == 0 ? ex->failure : "the NSCL has refused to tell the anchors";

	if (status == 200)
		why = take(l);
	if (status == 304) {
		pthread_mutex_lock(&ap->lock);
		ap->anchored = clock_monotonic();
		pthread_mutex_unlock(&ap->lock);
		why = NULL;
	}
	if (why == NULL) {
		l->wait = ap->conf->retry_first;
		again(l, 0);
		scl_post(ap->scl, &ap->forward, 0);
	} else {
		fail(l, why);
	}
	end_exchange(l);
}

/* ---- the NSCL ---- */

static size_t
count(const char *const *list)
{
	size_t n = 0;

	while (list != NULL && list[n] != NULL)
		n++;
	return n;
}

/* Of those that are configured, or that the provider has named, the next with a connection. */
static bool
choose(struct ap *ap, struct sec_session *session)
{
	const struct gate *gate = ap->cap->gate;
	const char *const *more = gate == NULL ? NULL : gate->nscls(gate->arg);
	size_t n_own = count(ap->cap->nscl), n = n_own + count(more);
	struct ap_link *l = &ap->link;

	for (size_t i = 0; i < n; i++) {
		size_t at = (l->which + i) % n;
		const char *nscl = at < n_own     ? ap->cap->nscl[at]
		                   : more == NULL ? NULL
		                                  : more[at - n_own];
		size_t size = nscl == NULL ? 0 : strlen(nscl);

		if (size == 0 || size > AP_URL_MAX ||
		    ap->sec->session(ap->sec->arg, slice_of(nscl), session) != RC_OK)
			continue;
		l->which = at;
		if (strcmp(l->nscl, nscl) != 0)
			l->tag[0] = '\0';
		memcpy(l->nscl, nscl, size + 1);
		while (size > 0 && l->nscl[size - 1] == '/')
			l->nscl[--size] = '\0';
		return true;
	}
	return false;
}

static void
run(struct scl_task *task)
{
	struct ap_link *l =
		(struct ap_link *)(void *)((char *)task - offsetof(struct ap_link, task));
	struct ap *ap = ap_of(l);
	struct sec_session session = { 0 };
	bool found = choose(ap, &session);
	char query[32];

	key_wipe(&session.kmc);
	if (l->under_way)
		return;
	if (!found) {
		l->registered = false;
		again(l, ap->conf->retry_first);
	} else if (!l->registered) {
		put_key(l, &session.node);
	} else {
		snprintf(query, sizeof(query), "/mpa/anchor?wait=%u", POLL_S);
		if (set_url(l, query))
			go(l, "GET", POLL_TIMEOUT_MS, anchors_got);
	}
}

/* ---- life ---- */

void
ap_link_open(struct ap *ap)
{
	ap->link.task.run = run;
	ap->link.wait = ap->conf->retry_first;
}

void
ap_link_start(struct ap *ap)
{
	again(&ap->link, 0);
}

void
ap_link_close(struct ap *ap)
{
	buf_fini(&ap->link.body);
}
