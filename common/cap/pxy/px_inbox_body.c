/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a delivery: units, perhaps compressed (RFC 1952). */
#include "config.h"

#include "cap/pxy/px_inbox_own.h"

#include <strings.h>
#include <zlib.h>

#define MEDIA_UNITS "application/octet-stream"
#define UNIT_LEAST (PRE_LENGTH_SIZE + 40u) /* octets of the smallest unit in a batch */
#define GZIP_WINDOW (MAX_WBITS + 16) /* with header and trailer of gzip */
#define PIECE 65536u

static const struct pre_limits limits = { 0 };

/* ---- compression ---- */

/* Ends where the stream does; what comes out is at most as long as to may become. */
static enum rc
inflate_all(z_stream *z, struct buf *to)
{
	int status = Z_OK;

	while (status == Z_OK) {
		size_t room = to->max - to->n < PIECE ? to->max - to->n : PIECE;
		char *p = room == 0 ? NULL : buf_reserve(to, room);

		if (p == NULL)
			return room == 0 ? RC_TOO_LARGE : RC_UNAVAILABLE;
		z->next_out = (Bytef *)p;
		z->avail_out = (uInt)room;
		status = inflate(z, Z_NO_FLUSH);
		to->n += room - z->avail_out;
	}
	if (status == Z_MEM_ERROR)
		return RC_UNAVAILABLE;
	return status == Z_STREAM_END && z->avail_in == 0 ? RC_OK : RC_BAD_REQUEST;
}

/* *body becomes what was compressed, in a. */
static enum rc
gunzip(struct arena *a, size_t max, struct slice *body)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)body->p, .avail_in = (uInt)body->n };
	struct buf to;
	enum rc rc;

	if (inflateInit2(&z, GZIP_WINDOW) != Z_OK)
		return RC_UNAVAILABLE;
	/* One octet more tells that it would be longer. */
	buf_init(&to, max + 1);
	rc = inflate_all(&z, &to);
	(void)inflateEnd(&z);
	if (rc == RC_OK && to.n > max)
		rc = RC_TOO_LARGE;
	if (rc == RC_OK) {
		*body = arena_copy(a, buf_view(&to));
		rc = body->p == NULL && to.n > 0 ? RC_UNAVAILABLE : RC_OK;
	}
	buf_fini(&to);
	return rc;
}

/* ---- units ---- */

/* The units of a batch, or the only one: its first octet is its version, that of a length is 0. */
static enum rc
read_units(struct arena *a, struct slice body, struct pre_unit **units, size_t *n)
{
	size_t room = body.n / UNIT_LEAST + 1;
	struct pre_unit *u;
	enum rc rc = RC_OK;

	if (room > PX_INBOX_UNITS_MAX)
		room = PX_INBOX_UNITS_MAX;
	u = ARENA_ARRAY(a, struct pre_unit, room);
	*n = 0;
	*units = u;
	if (u == NULL)
		return RC_UNAVAILABLE;
	if (body.n > 0 && body.p[0] == PRE_VERSION) {
		*n = 1;
		return pre_unit_parse(body, &limits, u);
	}
	for (; rc == RC_OK && *n < room; *n += rc == RC_OK)
		rc = pre_batch_next(&body, &limits, &u[*n]);
	if (rc == RC_OK && body.n > 0)
		return RC_TOO_LARGE;
	if (rc == RC_OK || rc == RC_NOT_FOUND)
		return *n > 0 ? RC_OK : RC_BAD_REQUEST;
	return rc;
}

/* The only one, whose source is an option and whose number is the token. */
static enum rc
read_fig5(struct arena *a, const struct req_input *in, struct pre_unit **units, size_t *n)
{
	*units = ARENA_NEW(a, struct pre_unit);
	*n = 1;
	if (*units == NULL)
		return RC_UNAVAILABLE;
	if (!in->has_msg_id)
		return RC_BAD_REQUEST;
	return pre_unit_from_coap(in->msg_id, in->pre_source, SLICE_NONE, in->body, &limits,
	                          *units);
}

static bool
takes(struct slice content_type)
{
	struct slice units = SLICE_LIT(MEDIA_UNITS), more;

	if (content_type.n == 0)
		return true;
	more = slice_from(content_type, units.n);
	return content_type.n >= units.n && strncasecmp(content_type.p, units.p, units.n) == 0 &&
	       (more.n == 0 || more.p[0] == ';' || more.p[0] == ' ');
}

static bool
is_coded(struct slice encoding, const char *name)
{
	return encoding.n == strlen(name) && strncasecmp(encoding.p, name, encoding.n) == 0;
}

enum rc
px_inbox_read(struct arena *a, const struct req_input *in, size_t body_max, struct pre_unit **units,
              size_t *n)
{
	struct slice body = in->body, encoding = in->content_encoding;
	enum rc rc = RC_OK;

	if (!takes(in->content_type))
		return RC_MEDIA_TYPE;
	if (in->pre_source.p != NULL)
		return read_fig5(a, in, units, n);
	if (is_coded(encoding, "gzip"))
		rc = gunzip(a, body_max, &body);
	else if (encoding.n > 0 && !is_coded(encoding, "identity"))
		rc = RC_MEDIA_TYPE;
	return rc == RC_OK ? read_units(a, body, units, n) : rc;
}
