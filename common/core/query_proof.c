/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The proof of a device that has no header to stand in: a request that came through a channel
 * (requestNotify has no free headers), or over HTTP from whoever cannot set one.
 */
#include "config.h"

#include "core/scl_impl.h"

#define NAME "x-m2m-sga"

/* value: of a pair of the query that is the proof. */
static bool
is_proof(struct slice pair, struct slice *value)
{
	struct slice name;

	*value = pair;
	return slice_split(value, '=', &name) && value->p != NULL && slice_is(name, NAME);
}

/* A header goes out of it again. */
static bool
fits_header(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return false;
	return true;
}

static enum rc
take(struct req *rq, struct slice value)
{
	struct slice text;

	if (rq->in.sga.p != NULL)
		return req_fail(rq, RC_BAD_REQUEST, NAME " is given twice");
	if (!uri_decode(rq->arena, value, &text) || !fits_header(text))
		return req_fail(rq, RC_BAD_REQUEST, NAME " is malformed");
	rq->in.sga = text;
	return RC_OK;
}

enum rc
query_proof_take(struct req *rq)
{
	struct slice rest = rq->uri.query, pair, value;
	struct slice target = rq->in.target;
	char *begin, *to, mark = '?';

	if (rest.n == 0 || memmem(rest.p, rest.n, NAME "=", sizeof(NAME)) == NULL)
		return RC_OK;
	begin = arena_alloc(rq->arena, target.n);
	if (begin == NULL)
		return RC_UNAVAILABLE;
	to = mempcpy(begin, target.p, (size_t)(rest.p - target.p) - 1);
	while (slice_split(&rest, '&', &pair)) {
		if (is_proof(pair, &value)) {
			TRY(take(rq, value));
			continue;
		}
		*to++ = mark;
		mark = '&';
		to = pair.n == 0 ? to : mempcpy(to, pair.p, pair.n);
	}
	rq->in.target = slice_make(begin, (size_t)(to - begin));
	return uri_parse(rq->in.target, &rq->uri) ? RC_OK : RC_INTERNAL;
}
