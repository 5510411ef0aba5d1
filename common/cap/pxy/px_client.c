/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/pxy/px_client.h"

#include <stdio.h>

#include "base/uri.h"
#include "cap/pxy/px_send.h"
#include "core/identity.h"
#include "core/scl_impl.h"

#define ANSWER_MAX ((size_t)2 << 20)
#define LOOK_ARENA 65536u

/* ---- where a URL leads ---- */

bool
px_url_is_safe(struct slice url)
{
	return uri_is_secure(url) || px_send_is_loopback(url);
}

/* A registered SCL is reached as all requests to it are: its guard sees to that. */
enum rc
px_client_knows(const struct px_client *cl, struct slice url)
{
	struct arena *a = arena_new(LOOK_ARENA);
	struct registered who;
	enum rc rc = a == NULL ? RC_UNAVAILABLE : identity_at(cl->scl, a, url, &who);

	arena_free(a);
	return rc == RC_OK || rc == RC_NOT_FOUND ? rc : RC_UNAVAILABLE;
}

/* ---- calls ---- */

void
px_call_begin(struct px_call *c, size_t body_max, bool secret)
{
	buf_fini(&c->body);
	buf_init(&c->body, body_max);
	c->body.secret = secret;
	c->accept = "application/json";
}

static void
wipe_body(struct px_call *c)
{
	if (c->body.secret && c->body.p != NULL)
		secret_wipe(c->body.p, c->body.cap);
}

static void
finish(struct px_call *c, enum rc rc)
{
	wipe_body(c);
	c->rc = rc;
	c->done(c);
}

static void
exchange_done(struct exchange *ex)
{
	struct px_call *c = ex->owner;
	bool answered = ex->rc == RC_OK;

	c->status = answered ? ex->http_status : 0;
	c->answer = answered ? buf_view(&ex->answer) : SLICE_NONE;
	finish(c, !answered ? ex->rc
	          : ex->http_status >= 200 && ex->http_status < 300
	                  ? RC_OK
	                  : status_from_http(ex->http_status));
}

/* What was refused before anything was sent. */
static void
refused_run(struct scl_task *t)
{
	struct px_call *c =
		(struct px_call *)(void *)((char *)t - offsetof(struct px_call, refused));

	finish(c, c->rc);
}

static void
set_headers(struct px_call *c, enum px_media media)
{
	static const char *const types[] = {
		[PX_MEDIA_JSON] = "application/json", [PX_MEDIA_UNITS] = "application/octet-stream"
	};

	exchange_add_header(&c->ex, SLICE_LIT("Accept"), slice_of(c->accept));
	if (media != PX_MEDIA_NONE)
		exchange_add_header(&c->ex, SLICE_LIT("Content-Type"), slice_of(types[media]));
}

static void
fill_exchange(const struct px_client *cl, struct px_call *c, const char *method,
              enum px_media media, bool registered)
{
	struct exchange *ex = &c->ex;

	buf_fini(&ex->answer);
	buf_fini(&ex->answer_text);
	*ex = (struct exchange){ .method = slice_of(method),
		                 .url = slice_of(c->url),
		                 .body = media == PX_MEDIA_NONE ? SLICE_NONE : buf_view(&c->body),
		                 .timeout_ms = cl->timeout_ms,
		                 .answer_max = ANSWER_MAX,
		                 .credential = registered || !uri_is_secure(slice_of(c->url))
		                                       ? NULL
		                                       : cl->credential,
		                 .done = exchange_done,
		                 .owner = c };
	/* As an SCL of this provider it says who it is; its connection proves it. Without TLS all else is mute. */
	if (registered || !uri_is_secure(ex->url))
		exchange_add_issuer(ex, cl->scl, 2);
	set_headers(c, media);
}

/* RC_OK: it may go out so. */
static enum rc
judge(const struct px_client *cl, const struct px_call *c, bool *registered)
{
	struct slice url = slice_of(c->url);
	enum rc rc = px_client_knows(cl, url);

	*registered = rc == RC_OK;
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	if (px_url_is_safe(url))
		return RC_OK;
	return !c->body.secret && (*registered || cl->allow_clear) ? RC_OK : RC_FORBIDDEN;
}

void
px_call_send(const struct px_client *cl, struct px_call *c, const char *method, struct slice base,
             const char *tail, enum px_media media)
{
	int n = snprintf(c->url, sizeof(c->url), "%.*s%s", (int)base.n, base.p, tail);
	bool registered = false;

	c->status = 0;
	c->answer = SLICE_NONE;
	c->rc = n < 0 || (size_t)n >= sizeof(c->url) ? RC_TOO_LARGE
	        : c->body.failed                     ? RC_UNAVAILABLE
	                                             : judge(cl, c, &registered);
	if (c->rc == RC_OK) {
		fill_exchange(cl, c, method, media, registered);
		scl_send(cl->scl, &c->ex);
		return;
	}
	c->refused = (struct scl_task){ .run = refused_run };
	scl_post(cl->scl, &c->refused, 0);
}

void
px_call_end(struct px_call *c)
{
	wipe_body(c);
	buf_fini(&c->body);
	buf_fini(&c->ex.answer);
	buf_fini(&c->ex.answer_text);
}
