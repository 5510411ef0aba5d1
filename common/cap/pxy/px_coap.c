/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/pxy/px_coap.h"

#include <strings.h>

#include "base/uri.h"

#define MEDIA_TYPE "application/octet-stream"

static bool
same_text(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || strncasecmp(a.p, b.p, a.n) == 0);
}

/* *sink is the name that the URI of the namespace stands for. */
static enum rc
read_name(const struct uri *u, struct arena *a, struct slice *sink)
{
	struct slice name = slice_from(u->path, 1);

	if (u->query.p != NULL)
		return RC_BAD_REQUEST;
	*sink = SLICE_LIT("");
	return name.n == 0 || uri_decode(a, name, sink) ? RC_OK : RC_BAD_REQUEST;
}

static enum rc
read_sink(const struct req_input *in, bool secure, struct slice name_space, struct arena *a,
          struct slice *sink)
{
	struct uri u;

	if (!uri_parse(in->target, &u))
		return RC_BAD_REQUEST;
	*sink = in->target;
	if (u.scheme.n == 0)
		*sink = ARENA_JOIN(a, secure ? SLICE_LIT("coaps://") : SLICE_LIT("coap://"),
		                   in->host, in->target);
	else if (name_space.n > 0 && same_text(u.authority, name_space))
		return read_name(&u, a, sink);
	return sink->p == NULL ? RC_UNAVAILABLE : RC_OK;
}

enum rc
px_coap_read(const struct req_input *in, bool secure, struct slice name_space,
             const struct pre_limits *limits, struct arena *a, struct buf *unit)
{
	struct pre_unit u;
	struct slice sink;
	enum rc rc;

	if (!same_text(in->content_type, SLICE_LIT(MEDIA_TYPE)))
		return RC_MEDIA_TYPE;
	if (in->op != REQ_CREATE || !in->has_msg_id)
		return RC_BAD_REQUEST;
	rc = read_sink(in, secure, name_space, a, &sink);
	if (rc == RC_OK)
		rc = pre_unit_from_coap(in->msg_id, in->pre_source, sink, in->body, limits, &u);
	return rc == RC_OK ? pre_unit_write(&u, unit) : rc;
}
