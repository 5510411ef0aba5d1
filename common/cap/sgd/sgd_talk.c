/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to a server: the URL, the proof of this device, the counter in it. */
#include "config.h"

#include <stdio.h>

#include "base/be.h"
#include "cap/sgd/sgd_own.h"

#define ANSWER_MAX ((size_t)8 << 20)
#define COUNTER_STEP 1000u
#define COUNTER_JUMP (2 * COUNTER_STEP)
#define COUNTER_LEAP (UINT64_C(1) << 32) /* more than there were since any backup */
#define COUNTER_EARLY 200u /* it is raised when so few are left */

/* ---- the counter ---- */

static void
raised(struct sgd_op *op, enum rc rc)
{
	struct sgd_server *s = op->a;

	s->raising = false;
	if (rc == RC_OK)
		s->ceiling = op->n;
	sgd_server_wake_at(s, clock_monotonic() + (rc == RC_OK ? 0 : CLOCK_SECOND));
}

/* A restart begins above what is stored: no number is used twice. */
static void
raise_ceiling(struct sgd_server *s)
{
	struct table_key k = sgd_key(SGD_T_COUNTER, s->key.v, sizeof(s->key.v));
	struct sgd_op *op = s->raising ? NULL : sgd_op_new(s->all, raised, s, NULL);
	uint8_t v[8];

	if (op == NULL) {
		sgd_server_wake_at(s, clock_monotonic() + CLOCK_SECOND);
		return;
	}
	s->raising = true;
	op->n = (s->counter > s->ceiling ? s->counter : s->ceiling) + COUNTER_STEP;
	be_put(v, op->n, sizeof(v));
	sgd_change_put(&op->change, &k, slice_make(v, sizeof(v)));
	sgd_op_submit(op);
}

static enum rc
next_counter(struct sgd_server *s, uint64_t *out)
{
	if (s->counter + COUNTER_EARLY >= s->ceiling)
		raise_ceiling(s);
	if (s->counter + 1 >= s->ceiling)
		return RC_PENDING;
	*out = ++s->counter;
	return RC_OK;
}

/* The server has forgotten what it had not stored; or this device has, by a backup of its store. */
void
sgd_counter_jump(struct sgd_server *s, bool far)
{
	s->counter += far ? COUNTER_LEAP : COUNTER_JUMP;
}

/* ---- one request ---- */

static enum rc
add_proof(struct sgd_server *s, struct sgd_ask *a)
{
	const struct sga_request rq = { .method = slice_of(a->method),
		                        .target = slice_of(a->path),
		                        .body = a->body };
	struct sga_tag tag;
	struct key key;
	uint64_t counter;
	enum rc rc = next_counter(s, &counter);

	if (rc != RC_OK)
		return rc;
	rc = sga_device_request_key(s->device, a->pending, &key);
	if (rc == RC_OK)
		rc = sga_tag_make(&key, &s->all->id, counter, &rq, &tag);
	key_wipe(&key);
	if (rc != RC_OK)
		return rc;
	sga_tag_format(&tag, a->tag);
	exchange_add_header(&a->ex, SLICE_LIT(SGA_TAG_HEADER), slice_of(a->tag));
	return RC_OK;
}

static void
exchange_done(struct exchange *ex)
{
	struct sgd_ask *a = ex->owner;

	a->status = ex->rc == RC_OK ? ex->http_status : 0;
	a->answer = ex->rc == RC_OK ? buf_view(&ex->answer) : SLICE_NONE;
	a->etag = ex->rc == RC_OK ? exchange_answer_header(ex, "etag") : SLICE_NONE;
	a->done(a);
}

/* Without an own gateway in between, to the server itself. */
static bool
put_url(const struct sgd_server *s, struct sgd_ask *a)
{
	const struct sga_server_conf *c = s->conf;
	int n = snprintf(a->target, sizeof(a->target), "%s%s", c->root, a->path);

	if (n < 0 || (size_t)n >= sizeof(a->target))
		return false;
	n = snprintf(a->url, sizeof(a->url), "%s", c->via == NULL ? a->target : c->via);
	return n >= 0 && (size_t)n < sizeof(a->url);
}

static void
put_headers(struct sgd_server *s, struct sgd_ask *a)
{
	static const char *const types[] = {
		[SGD_OCTETS] = "application/octet-stream", [SGD_JSON] = "application/json"
	};

	exchange_add_issuer(&a->ex, s->all->scl, 2);
	exchange_add_header(&a->ex, SLICE_LIT("Accept"),
	                    SLICE_LIT("application/octet-stream, application/json"));
	if (a->media != SGD_NO_BODY)
		exchange_add_header(&a->ex, SLICE_LIT("Content-Type"), slice_of(types[a->media]));
	if (a->if_none_match.n > 0)
		exchange_add_header(&a->ex, SLICE_LIT("If-None-Match"), a->if_none_match);
}

enum rc
sgd_ask_send(struct sgd_server *s, struct sgd_ask *a)
{
	struct exchange *ex = &a->ex;
	enum rc rc = RC_OK;

	sgd_ask_end(a);
	if (!put_url(s, a))
		return RC_TOO_LARGE;
	*ex = (struct exchange){ .method = slice_of(a->method),
		                 .url = slice_of(a->url),
		                 .target = s->conf->via == NULL ? SLICE_NONE : slice_of(a->target),
		                 .body = a->media == SGD_NO_BODY ? SLICE_NONE : a->body,
		                 .timeout_ms = s->all->conf->send_timeout_ms + a->wait * 1000,
		                 .answer_max = ANSWER_MAX,
		                 .done = exchange_done,
		                 .owner = a };
	put_headers(s, a);
	if (a->tagged)
		rc = add_proof(s, a);
	if (rc != RC_OK)
		return rc;
	a->status = 0;
	sgd_count(s->all, SGD_N_REQUESTS, 1);
	scl_send(s->all->scl, ex);
	return RC_OK;
}

void
sgd_ask_end(struct sgd_ask *a)
{
	buf_fini(&a->ex.answer);
	buf_fini(&a->ex.answer_text);
	a->answer = SLICE_NONE;
	a->etag = SLICE_NONE;
}
