/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sec/object_exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/arena.h"
#include "base/uri.h"
#include "sec/jose.h"

#define HEADER_ARENA (JOSE_HEADER_MAX + 65536)

static struct exchange_header *
content_type(struct exchange *ex)
{
	static const struct slice name = SLICE_INIT("Content-Type");

	for (unsigned i = 0; i < ex->nheaders; i++)
		if (ex->headers[i].name.n == name.n &&
		    strncasecmp(ex->headers[i].name.p, name.p, name.n) == 0)
			return &ex->headers[i];
	return NULL;
}

struct slice
exchange_target(const struct exchange *ex)
{
	struct slice whole = ex->target.n > 0 ? ex->target : ex->url;
	struct uri u;

	if (whole.n == 0 || whole.p[0] == '/' || !uri_parse(whole, &u))
		return whole;
	return u.path.n == 0 ? SLICE_LIT("/") : slice_from(whole, (size_t)(u.path.p - whole.p));
}

static enum rc
direction_key(const struct object_exchange *x, enum obj_dir direction, struct key *out)
{
	struct key kmc;
	enum rc rc;

	if (!live_kmc(x->live, x->connection, x->kmc_index, &kmc))
		return RC_UNAVAILABLE;
	rc = obj_key(&kmc, direction, x->connection, x->kmc_index, out);
	key_wipe(&kmc);
	return rc;
}

/* ---- request ---- */

bool
object_exchange_wanted(const struct mas_connection *conn, const struct exchange *ex)
{
	return (conn->flags & MAS_OBJECT) != 0 && (ex->body.n > 0 || slice_is(ex->method, "GET"));
}

static enum rc
make_object(struct object_exchange *x, const struct exchange *ex)
{
	const struct jose_header h = { .connection = x->connection,
		                       .kmc_index = x->kmc_index,
		                       .direction = x->direction,
		                       .cty = x->type_value,
		                       .seq = x->seq,
		                       .method = ex->method,
		                       .target = exchange_target(ex) };
	struct key key;
	enum rc rc = direction_key(x, x->direction, &key);

	buf_init(&x->object, JOSE_HEADER_MAX + 2 * ex->body.n + 256);
	if (rc == RC_OK)
		rc = jose_seal(&h, &key, ex->body, &x->object);
	key_wipe(&key);
	return rc == RC_OK || rc == RC_TOO_LARGE ? rc : RC_UNAVAILABLE;
}

enum rc
object_exchange_seal(struct live *live, const struct mas_connection *conn, enum obj_dir direction,
                     struct exchange *ex, struct object_exchange *x)
{
	struct exchange_header *type = content_type(ex);
	enum rc rc;

	*x = (struct object_exchange){ .live = live, .connection = conn->id,
		                       .kmc_index = conn->kmc_index, .direction = direction,
		                       .body = ex->body, .type = type, .nheaders = ex->nheaders,
		                       .type_value = type == NULL ? SLICE_NONE : type->value };
	if (live_next_object(live, conn->id, &x->seq) != RC_OK)
		return RC_UNAVAILABLE;
	rc = make_object(x, ex);
	if (rc == RC_OK && type == NULL &&
	    !exchange_add_header(ex, SLICE_LIT("Content-Type"), SLICE_LIT(JOSE_MEDIA_TYPE)))
		rc = RC_TOO_LARGE;
	if (rc != RC_OK) {
		buf_fini(&x->object);
		return rc;
	}
	if (type != NULL)
		type->value = SLICE_LIT(JOSE_MEDIA_TYPE);
	ex->body = buf_view(&x->object);
	return RC_OK;
}

void
object_exchange_take_back(struct object_exchange *x, struct exchange *ex)
{
	ex->body = x->body;
	ex->nheaders = x->nheaders;
	if (x->type != NULL)
		x->type->value = x->type_value;
	buf_fini(&x->object);
}

/* ---- answer ---- */

/* It names the request that it answers, and there is one answer to a request. */
static bool
take(void *arg, uint64_t seq)
{
	(void)arg;
	(void)seq;
	return true;
}

/* What is in from is in to, too, at the same place. Names may be constants: they stay. */
static void
move_view(struct slice *view, const struct buf *from, const struct buf *to)
{
	if (view->p >= from->p && view->p < from->p + from->n)
		view->p = to->p + (view->p - from->p);
}

/* The answer's Content-Type becomes type: in a text of its own, for the views of the old one hold. */
static bool
set_answer_type(struct exchange *ex, struct slice type)
{
	struct buf text, *old = &ex->answer_text;
	bool found = false;

	buf_init(&text, old->max);
	buf_slice(&text, buf_view(old));
	buf_slice(&text, type);
	if (text.failed || text.p == NULL) {
		buf_fini(&text);
		return false;
	}
	for (unsigned i = 0; i < ex->n_answer_headers; i++) {
		struct exchange_header *h = &ex->answer_headers[i];

		move_view(&h->name, old, &text);
		move_view(&h->value, old, &text);
		if (!slice_is(h->name, "content-type"))
			continue;
		h->value = slice_make(text.p + old->n, type.n);
		found = true;
	}
	buf_fini(old);
	*old = text;
	return found;
}

static bool
open_answer(const struct object_exchange *x, struct exchange *ex, struct arena *a)
{
	const struct jose_expect want = {
		.connection = x->connection,
		.kmc_index = x->kmc_index,
		.direction = x->direction == OBJ_D2N ? OBJ_N2D : OBJ_D2N,
		.method = JOSE_RSP,
		.answers = x->seq,
		.status = (unsigned)ex->http_status,
		.take = take,
	};
	struct jose object;
	struct buf body;
	struct key key;
	bool opened = direction_key(x, want.direction, &key) == RC_OK;

	buf_init(&body, ex->answer.n);
	opened = opened && jose_parse(buf_view(&ex->answer), a, &object) == RC_OK &&
	         jose_open(&object, &key, &want, &body) == RC_OK &&
	         set_answer_type(ex, object.h.cty);
	key_wipe(&key);
	if (!opened) {
		buf_fini(&body);
		return false;
	}
	buf_fini(&ex->answer);
	ex->answer = body;
	return true;
}

void
object_exchange_open(struct object_exchange *x, struct exchange *ex)
{
	struct slice type = exchange_answer_header(ex, "content-type");
	bool object = slice_starts(type, SLICE_LIT(JOSE_MEDIA_TYPE)), opened;
	struct arena *a;

	if (ex->rc != RC_OK || ex->answer.n == 0 || (!object && ex->http_status >= 400))
		return;
	a = object ? arena_new(HEADER_ARENA) : NULL;
	opened = a != NULL && open_answer(x, ex, a);
	arena_free(a);
	if (opened)
		return;
	buf_clear(&ex->answer);
	ex->rc = RC_BAD_GATEWAY;
	ex->http_status = 0;
	snprintf(ex->failure, sizeof(ex->failure), "the answer is not protected as its request");
}
