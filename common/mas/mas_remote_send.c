/* SPDX-License-Identifier: Apache-2.0 */
/* Exchanges with another MAS, and what their ends mean. */
#include "config.h"

#include "mas/mas_remote_impl.h"

#include <stdio.h>
#include <stdlib.h>

#define RETRY_AFTER 5 /* seconds, while the MAS does not answer */

static void
landed(struct exchange *ex)
{
	struct remote_flight *f = ex->owner;

	f->landed(f);
}

struct remote_flight *
remote_flight(struct mas_remote *r, const char *method, const char *path)
{
	struct remote_flight *f = calloc(1, sizeof(*f));
	int n;

	if (f == NULL)
		return NULL;
	f->r = r;
	buf_init(&f->body, REMOTE_BODY_MAX);
	f->body.secret = f->ex.secret_answer = true;
	n = snprintf(f->url, sizeof(f->url), "%s/%s", r->uri, path);
	if (n < 0 || (size_t)n >= sizeof(f->url)) {
		free(f);
		return NULL;
	}
	f->ex.method = slice_of(method);
	f->ex.url = slice_make(f->url, (size_t)n);
	f->ex.credential = r->credential;
	f->ex.answer_max = REMOTE_ANSWER_MAX;
	f->ex.done = landed;
	f->ex.owner = f;
	return f;
}

void
remote_send(struct remote_flight *f, unsigned timeout_ms)
{
	const char *type = f->media_type == NULL ? "application/json" : f->media_type;

	f->ended = f->r->feed.n_ended;
	f->ex.timeout_ms = timeout_ms;
	f->ex.body = buf_view(&f->body);
	(void)exchange_add_header(&f->ex, SLICE_LIT("Accept"), slice_of(type));
	if (f->body.n > 0)
		(void)exchange_add_header(&f->ex, SLICE_LIT("Content-Type"), slice_of(type));
	scl_send(f->r->scl, &f->ex);
}

void
remote_free(struct remote_flight *f)
{
	json_wipe(&f->body);
	json_wipe(&f->ex.answer);
	buf_fini(&f->ex.answer_text);
	free(f);
}

bool
remote_stopping(struct mas_remote *r)
{
	bool stopping;

	pthread_mutex_lock(&r->lock);
	stopping = r->stopping;
	pthread_mutex_unlock(&r->lock);
	return stopping;
}

/* ---- outcomes ---- */

struct error_info {
	struct slice code, info;
};

/* additionalInfo of an errorInfo, whatever it is called. */
static struct slice
info_of(struct slice body)
{
	static const struct json_field whole[] = {
		JSON_FIELD(struct error_info, code, "errorInfo", JSON_OBJECT, true)
	};
	static const struct json_field prefixed[] = {
		JSON_FIELD(struct error_info, code, "m2m:errorInfo", JSON_OBJECT, true)
	};
	static const struct json_field fields[] = {
		JSON_FIELD(struct error_info, code, "statusCode", JSON_TEXT, false),
		JSON_FIELD(struct error_info, info, "additionalInfo", JSON_TEXT, true),
	};
	struct error_info e = { .info = SLICE_NONE };

	if (!json_read(body, whole, 1, &e) && !json_read(body, prefixed, 1, &e))
		e.code = body;
	return json_read(e.code, fields, 2, &e) ? e.info : SLICE_NONE;
}

/* The number of "NAME=NUMBER", with what follows; false when it is not that. */
static bool
read_part(struct slice *rest, const char *name, unsigned *v)
{
	struct slice part, key;
	uint64_t n;

	*v = 0;
	if (!slice_split(rest, ';', &part) || !slice_split(&part, '=', &key) || !slice_is(key, name) ||
	    part.n > 9 || !slice_number(part, UINT32_MAX, &n))
		return false;
	*v = (unsigned)n;
	return true;
}

/* "TOKEN;reject=N;permanent=0;retry=N" of mas_rest.c. False: not an answer of the MAS itself. */
static bool
read_info(struct slice info, struct mas_outcome *o)
{
	unsigned permanent;
	struct slice token;

	if (!slice_split(&info, ';', &token) || !read_part(&info, "reject", &o->reject) ||
	    !read_part(&info, "permanent", &permanent) ||
	    !read_part(&info, "retry", &o->retry_after) || info.p != NULL)
		return false;
	o->permanent = permanent != 0;
	return string_set(o->reason, sizeof(o->reason) - 1, token);
}

static void
unavailable(struct mas_outcome *o)
{
	mas_outcome(o, RC_UNAVAILABLE, "OVERLOAD");
	o->reject = REJECT_OVERLOAD;
	o->retry_after = RETRY_AFTER;
}

void
remote_outcome(const struct remote_flight *f, struct mas_outcome *o)
{
	const struct exchange *ex = &f->ex;

	mas_outcome(o, RC_OK, NULL);
	if (ex->rc == RC_OK && ex->http_status >= 200 && ex->http_status < 300)
		return;
	if (ex->rc != RC_OK || !read_info(info_of(buf_view(&ex->answer)), o)) {
		LOG_WARN(f->r->conf.log, "mas-unavailable", LOG_N("status", ex->http_status),
		         LOG_Z("reason", ex->failure));
		unavailable(o);
		return;
	}
	o->rc = status_from_http(ex->http_status);
	if (o->rc == RC_OK)
		unavailable(o);
}
