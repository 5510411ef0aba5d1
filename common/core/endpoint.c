/* SPDX-License-Identifier: Apache-2.0 */
/* What is served beside the resource tree. */
#include "config.h"

#include "core/endpoint.h"

#include "core/scl_impl.h"

static bool
below(const char *path)
{
	return path[strlen(path) - 1] == '/';
}

/* What a path that begins as e's has more, less e's tail; p NULL when it ends otherwise. */
static struct slice
rest_of(const struct endpoint *e, struct slice path)
{
	struct slice rest = slice_from(path, strlen(e->path)), tail;

	if (e->tail == NULL)
		return rest;
	tail = slice_of(e->tail);
	if (rest.n <= tail.n || !slice_eq(slice_from(rest, rest.n - tail.n), tail))
		return SLICE_NONE;
	return slice_head(rest, rest.n - tail.n);
}

static bool
is_for_others(const struct req *rq)
{
	return rq->uri.scheme.n > 0 && !own_authority(rq->scl, rq->uri.authority);
}

/* Endpoints of one path on one listener exclude each other. */
static bool
same_place(const struct endpoint *a, const struct endpoint *b)
{
	return strcmp(a->path, b->path) == 0 && slice_eq(slice_of(a->tail), slice_of(b->tail)) &&
	       (a->serve & b->serve) != 0;
}

static bool
covers(const struct endpoint *e, struct slice path)
{
	struct slice name;

	if (!below(e->path))
		return slice_is(path, e->path);
	if (!slice_starts(path, slice_of(e->path)))
		return false;
	if (e->tail == NULL)
		return true;
	name = rest_of(e, path);
	return name.n > 0 && memchr(name.p, '/', name.n) == NULL;
}

enum rc
endpoint_add(struct scl *scl, const struct endpoint *endpoint)
{
	for (unsigned i = 0; i < scl->nendpoints; i++)
		if (same_place(scl->endpoints[i], endpoint))
			return RC_CONFLICT;
	if (scl->nendpoints == ENDPOINTS_ADDED)
		return RC_UNAVAILABLE;
	scl->endpoints[scl->nendpoints++] = endpoint;
	return RC_OK;
}

const struct endpoint *
endpoint_find(const struct req *rq)
{
	const struct scl *scl = rq->scl;
	/* To whom it is to go on; but by whatever name a client calls this SCL (Host). */
	bool foreign = is_for_others(rq);
	const struct endpoint *best = NULL;

	if (foreign && (rq->in.pre_source.p == NULL || rq->local))
		return NULL;
	for (unsigned i = 0; i < scl->nendpoints; i++) {
		const struct endpoint *e = scl->endpoints[i];

		if ((e->serve & rq->listener->serve) == 0 || (!e->channels && rq->local) ||
		    !(foreign ? e->foreign : covers(e, rq->uri.path)))
			continue;
		if (foreign)
			return e;
		/* One below another's path takes what is its own. */
		if (best == NULL || strlen(e->path) > strlen(best->path))
			best = e;
	}
	return best;
}

enum rc
endpoint_admit(struct req *rq)
{
	rq->out.no_store = true;
	if (rq->in.has_length && rq->in.content_length > rq->endpoint->body_max)
		return req_fail(rq, RC_TOO_LARGE, "TOO_LARGE");
	return RC_OK;
}

enum rc
endpoint_identify(struct req *rq, struct endpoint_who *who)
{
	enum rc rc;

	*who = (struct endpoint_who){ .peer = rq->in.peer };
	if ((rq->listener->serve & SERVE_RESOURCES) == 0)
		return RC_OK;
	rc = req_identify(rq);
	if (rc != RC_OK)
		return rc;
	who->scl_id = rq->in.scl_id;
	who->app_id = rq->in.app_id;
	who->claimed = rq->who.normal;
	return RC_OK;
}

bool
endpoint_is_foreign(const struct req *rq)
{
	return is_for_others(rq);
}

const struct req_listener *
endpoint_listener(const struct req *rq)
{
	return rq->listener;
}

struct slice
endpoint_rest(const struct req *rq)
{
	return is_for_others(rq) ? SLICE_NONE : rest_of(rq->endpoint, rq->uri.path);
}

struct slice
endpoint_query(const struct req *rq)
{
	return rq->uri.query;
}

enum rc
endpoint_parameter(struct req *rq, const char *name, struct slice *value)
{
	struct slice rest = rq->uri.query, pair, key;

	*value = SLICE_NONE;
	while (slice_split(&rest, '&', &pair)) {
		struct slice raw = pair;

		slice_split(&raw, '=', &key);
		if (!slice_is(key, name))
			continue;
		if (value->p != NULL)
			return req_fail(rq, RC_BAD_REQUEST, "BAD_PARAM");
		if (raw.p == NULL)
			raw = SLICE_LIT("");
		if (!uri_decode(rq->arena, raw, value))
			return req_fail(rq, RC_BAD_REQUEST, "BAD_PARAM");
	}
	return RC_OK;
}

enum rc
endpoint_answer(struct req *rq, enum rc rc, const char *media_type, struct slice body)
{
	rq->raw = arena_copy(rq->arena, body);
	rq->raw_type = slice_of(media_type);
	if (rq->raw.p == NULL && body.n > 0)
		return endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_LIT("OVERLOAD"));
	rq->answer = body.n > 0 ? ANSWER_RAW : ANSWER_NONE;
	rq->rc = rc;
	return rc;
}

/* Of a list of tags (RFC 9110 section 13.1.2); weak comparison. */
static bool
names_tag(struct slice list, struct slice tag)
{
	struct slice one;

	while (filter_next_tag(&list, &one)) {
		if (slice_starts(one, SLICE_LIT("W/")))
			one = slice_from(one, 2);
		if (slice_is(one, "*") || slice_eq(one, tag))
			return true;
	}
	return false;
}

bool
endpoint_cache(struct req *rq, struct slice tag)
{
	struct slice quoted = ARENA_JOIN(rq->arena, SLICE_LIT("\""), tag, SLICE_LIT("\""));

	if (quoted.p == NULL)
		return false;
	rq->out.no_store = false;
	rq->out.etag = quoted;
	return rq->in.if_none_match.n > 0 && names_tag(rq->in.if_none_match, quoted);
}

bool
endpoint_is_again(const struct req *rq)
{
	return rq->observer != NULL && !rq->observer_new;
}

enum rc
endpoint_refuse(struct req *rq, enum rc rc, struct slice reason)
{
	rq->answer = ANSWER_NONE;
	rq->message = reason;
	rq->rc = rc;
	return rc;
}

bool
endpoint_has_octets(const struct req_input *in)
{
	return media_is(media_essence(in->content_type), "application/octet-stream");
}

enum rc
endpoint_not_allowed(struct req *rq, const char *allow)
{
	rq->out.allow = slice_of(allow);
	return endpoint_refuse(rq, RC_NOT_ALLOWED, SLICE_NONE);
}

enum rc
endpoint_accept(struct req *rq, bool prefer_json, bool *json)
{
	struct slice xml_type = slice_of(codec_xml.media_type);
	struct slice json_type = slice_of(codec_json.media_type);
	bool takes_xml = accept_covers(rq->in.accept, xml_type);
	bool takes_json = accept_covers(rq->in.accept, json_type);

	*json = takes_json && (prefer_json || !takes_xml);
	rq->out_codec = *json ? &codec_json : &codec_xml;
	if (takes_xml || takes_json)
		return RC_OK;
	return endpoint_refuse(rq, RC_NOT_ACCEPTABLE, SLICE_NONE);
}

void
endpoint_watch(struct req *rq, uint64_t key)
{
	rq->watched = true;
	rq->watch = key;
}

enum rc
endpoint_pend(struct req *rq, void (*begin)(struct req *rq), void *state)
{
	rq->take = begin;
	rq->taken = state;
	return RC_PENDING;
}

void *
endpoint_state(const struct req *rq)
{
	return rq->taken;
}

void
endpoint_finish(struct req *rq, enum rc rc)
{
	rq->rc = rc;
	req_finish(rq);
}
