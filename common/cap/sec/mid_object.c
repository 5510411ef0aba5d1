/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies that are protected as objects on their way over mId (sec/jose.h). */
#include "config.h"

#include <stdlib.h>
#include <strings.h>

#include "cap/sec/mid_impl.h"
#include "sec/jose.h"

/* The body was sent as an object. */
static bool
is_object(const struct req_input *in)
{
	struct slice type = in->content_type, rest = type;

	if (!slice_split(&rest, ';', &type))
		return false;
	while (type.n > 0 && (type.p[type.n - 1] == ' ' || type.p[type.n - 1] == '\t'))
		type.n--;
	return type.n == strlen(JOSE_MEDIA_TYPE) &&
	       strncasecmp(type.p, JOSE_MEDIA_TYPE, type.n) == 0;
}

/* The key of one direction of a live connection; the caller wipes it. */
static enum rc
object_key(struct mid *mid, const struct mas_connection *conn, bool incoming, struct key *out)
{
	enum obj_dir dir = incoming == (mid->conf.side == MID_NETWORK) ? OBJ_D2N : OBJ_N2D;
	struct key kmc;
	enum rc rc;

	if (!live_kmc(mid->conf.live, conn->id, conn->kmc_index, &kmc))
		return RC_NOT_FOUND;
	rc = obj_key(&kmc, dir, conn->id, conn->kmc_index, out);
	key_wipe(&kmc);
	return rc;
}

struct receiver {
	struct live *live;
	uint64_t connection;
};

static bool
take(void *arg, uint64_t seq)
{
	const struct receiver *r = arg;

	return live_take_object(r->live, r->connection, seq);
}

/* What was in it becomes the body. */
static enum rc
open_with(struct mid *mid, const struct mas_connection *conn, const struct key *key,
          struct req_input *in, struct arena *arena)
{
	struct receiver r = { mid->conf.live, conn->id };
	struct jose_expect want = {
		.connection = conn->id,
		.kmc_index = conn->kmc_index,
		.direction = mid->conf.side == MID_NETWORK ? OBJ_D2N : OBJ_N2D,
		.method = mid_method(in),
		.target = mid_target(in),
		.take = take,
		.arg = &r,
	};
	struct jose object;
	struct buf body;
	enum rc rc = jose_parse(in->body, arena, &object);

	if (rc != RC_OK)
		return rc;
	buf_init(&body, in->body.n);
	rc = jose_open(&object, key, &want, &body);
	if (rc == RC_OK) {
		in->body = arena_copy(arena, buf_view(&body));
		in->content_type = object.h.cty.n > 0 ? object.h.cty : SLICE_NONE;
		in->was_sealed = true;
		in->seal_seq = object.h.seq;
		rc = arena_failed(arena) ? RC_UNAVAILABLE : RC_OK;
	}
	buf_fini(&body);
	return rc;
}

static enum rc
open_object(struct mid *mid, const struct mas_connection *conn, struct req_input *in,
            struct arena *arena, struct slice *reason)
{
	struct key key;
	enum rc rc = object_key(mid, conn, true, &key);

	if (rc == RC_OK)
		rc = open_with(mid, conn, &key, in, arena);
	key_wipe(&key);
	if (rc == RC_BAD_REQUEST)
		return mid_refuse(rc, "OBJ_INVALID", reason);
	if (rc == RC_FORBIDDEN || rc == RC_TOO_LARGE)
		return mid_refuse(RC_FORBIDDEN, "AUTH_FAILED", reason);
	return rc == RC_NOT_FOUND ? mid_refuse(RC_DENIED, "SEC_KMC_EXPIRED", reason) : rc;
}

/*
 * Of a connection with object security every body is one: also that of an answer, which belongs to
 * the number of its request.
 */
static bool
must_be_object(const struct mas_connection *conn, const struct req_input *in)
{
	return (conn->flags & MAS_OBJECT) != 0 && (in->body.n > 0 || in->op == REQ_RETRIEVE);
}

enum rc
mid_open(struct mid *mid, const struct req_listener *listener, struct req_input *in,
         struct arena *arena, struct req_answer *out, struct slice *reason)
{
	struct mas_connection conn;
	enum rc rc;

	if (in->connection_id == 0)
		return is_object(in) ? mid_refuse(RC_FORBIDDEN, "AUTH_FAILED", reason) : RC_OK;
	rc = mid_state(mid, live_find(mid->conf.live, in->connection_id, 0, &conn), &conn, in, arena,
	               out, reason);
	if (rc == RC_OK && !listener->secure)
		rc = mid_access_prove(mid, in, &conn, reason);
	if (rc == RC_OK && !listener->secure)
		rc = mid_limit(mid, in, &conn, arena, out, reason);
	if (rc != RC_OK)
		return rc;
	if (is_object(in))
		return open_object(mid, &conn, in, arena, reason);
	return must_be_object(&conn, in) ? mid_refuse(RC_FORBIDDEN, "SEC_OBJECT_REQUIRED", reason)
	                                 : RC_OK;
}

/* ---- answers ---- */

static bool
seal_with(struct mid *mid, const struct mas_connection *conn, const struct req_input *in,
          const struct key *key, struct req_answer *out, struct buf *to)
{
	struct jose_header h = {
		.connection = conn->id,
		.kmc_index = conn->kmc_index,
		.direction = mid->conf.side == MID_NETWORK ? OBJ_N2D : OBJ_D2N,
		.cty = out->content_type,
		.method = JOSE_RSP,
		.answers = in->seal_seq,
		.status = (unsigned)out->http_status,
	};

	return live_next_object(mid->conf.live, conn->id, &h.seq) == RC_OK &&
	       jose_seal(&h, key, slice_make(out->body, out->body_len), to) == RC_OK;
}

static bool
seal(struct mid *mid, const struct mas_connection *conn, const struct req_input *in,
     struct req_answer *out)
{
	struct buf to;
	struct key key;
	bool sealed = object_key(mid, conn, false, &key) == RC_OK;

	buf_init(&to, JOSE_HEADER_MAX + 2 * out->body_len + 256);
	sealed = sealed && seal_with(mid, conn, in, &key, out, &to);
	key_wipe(&key);
	if (sealed) {
		free(out->body);
		out->body = buf_take(&to, &out->body_len);
		out->content_type = SLICE_LIT(JOSE_MEDIA_TYPE);
	}
	buf_fini(&to);
	return sealed && out->body != NULL;
}

bool
mid_seal(struct mid *mid, const struct req_input *in, struct arena *arena, struct req_answer *out)
{
	struct mas_connection conn;
	enum live_state state;

	(void)arena;
	if (in->connection_id == 0)
		return true;
	(void)live_use(mid->conf.live, in->connection_id, 0, in->body.n + out->body_len);
	state = live_find(mid->conf.live, in->connection_id, 0, &conn);
	/* What waited is not for whoever has a key that was revoked meanwhile. */
	if (state == LIVE_REVOKED)
		return out->body_len == 0 || !status_is_success(status_from_http(out->http_status));
	return !in->was_sealed || out->body_len == 0 || seal(mid, &conn, in, out);
}
