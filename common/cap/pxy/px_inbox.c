/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/pxy/px_inbox.h"

#include <stdlib.h>

#include "base/clock.h"
#include "cap/pxy/px_inbox_own.h"

#define MEDIA_JSON "application/json"
#define RETRY_AFTER 2u /* seconds */
/* Of a source, which has a stream for each of its destinations. */
#define STREAMS_MAX PRE_STREAMS_DEFAULT
/* Of a stream; with STREAMS_MAX it bounds the state that each request stores. */
#define SECTIONS_MAX 4u

/* ---- sources ---- */

enum rc
px_inbox_find(const struct px_inbox *in, const uint8_t name[PRE_SOURCE_SIZE], size_t *source)
{
	for (size_t i = 0; i < in->conf.n_sources; i++)
		if (memcmp(in->sources[i].name.v, name, PRE_SOURCE_SIZE) == 0) {
			*source = i;
			return RC_OK;
		}
	return RC_NOT_FOUND;
}

enum rc
px_inbox_give(struct px_inbox *in, struct px_delivery *d)
{
	size_t source;

	if (d->n == 0)
		return RC_BAD_REQUEST;
	if (px_inbox_find(in, d->units[0].hdr.source, &source) != RC_OK)
		return RC_FORBIDDEN;
	for (size_t i = 1; i < d->n; i++)
		if (memcmp(d->units[i].hdr.source, d->units[0].hdr.source, PRE_SOURCE_SIZE) != 0)
			return RC_FORBIDDEN;
	if (!atomic_load(&in->started) || !px_opener_submit(in->sources[source].opener, d))
		return RC_UNAVAILABLE;
	return RC_OK;
}

/* ---- a delivery ---- */

struct call {
	struct px_delivery d; /* first */
	struct px_inbox *in;
	struct req *rq;
	bool fig5; /* one unit of a CoAP message: the code says all */
};

static enum rc
refuse(struct req *rq, enum rc rc)
{
	if (rc == RC_UNAVAILABLE)
		req_answer(rq)->retry_after = RETRY_AFTER;
	return endpoint_refuse(rq, rc, SLICE_NONE);
}

static enum rc
answer(const struct call *c)
{
	struct slice text;

	if (c->fig5)
		return endpoint_answer(c->rq, RC_NO_CONTENT, MEDIA_JSON, SLICE_NONE);
	text = arena_printf(req_arena(c->rq), "{\"taken\":%llu,\"duplicates\":%llu}",
	                    (unsigned long long)c->d.taken, (unsigned long long)c->d.duplicates);
	return endpoint_answer(c->rq, RC_OK, MEDIA_JSON, text);
}

static void
delivered(struct px_delivery *d)
{
	const struct call *c = (const struct call *)(const void *)d;

	endpoint_finish(c->rq, d->rc == RC_OK ? answer(c) : refuse(c->rq, d->rc));
}

static void
tell_unknown(struct px_inbox *in, struct slice source)
{
	int64_t since_last;

	if (log_pace_due(&in->unknown, &since_last))
		LOG_WARN(in->conf.log, "proxy-source-unknown", LOG_S("source", source),
		         LOG_N("since_last", since_last));
}

static void
begin(struct req *rq)
{
	struct call *c = endpoint_state(rq);
	enum rc rc = px_inbox_give(c->in, &c->d);

	if (rc == RC_OK)
		return;
	if (rc == RC_FORBIDDEN)
		tell_unknown(c->in, c->d.units[0].source);
	atomic_fetch_add(c->in->conf.stats.refused, 1);
	endpoint_finish(rq, refuse(rq, rc));
}

static enum rc
serve_post(void *arg, struct req *rq, const struct req_input *input)
{
	struct px_inbox *in = arg;
	struct arena *a = req_arena(rq);
	struct pre_unit *units;
	struct call *c;
	bool json;
	enum rc rc = in->conf.may(in->conf.arg, rq, SIZE_MAX);

	if (rc == RC_OK)
		rc = endpoint_accept(rq, true, &json);
	if (rc != RC_OK)
		return rc;
	if (input->op != REQ_CREATE)
		return endpoint_not_allowed(rq, "POST");
	c = ARENA_NEW(a, struct call);
	if (c == NULL)
		return refuse(rq, RC_UNAVAILABLE);
	*c = (struct call){
		.d = { .done = delivered }, .in = in, .rq = rq, .fig5 = input->pre_source.p != NULL
	};
	rc = px_inbox_read(a, input, in->conf.body_max, &units, &c->d.n);
	c->d.units = units;
	if (rc == RC_OK)
		return endpoint_pend(rq, begin, c);
	atomic_fetch_add(in->conf.stats.refused, 1);
	return refuse(rq, rc);
}

/* ---- looking ---- */

static enum rc
serve_get(void *arg, struct req *rq, const struct req_input *input)
{
	struct px_inbox *in = arg;
	uint8_t name[PRE_SOURCE_SIZE];
	size_t source = SIZE_MAX;
	bool json, known;
	enum rc rc;

	known = hex_decode(endpoint_rest(rq), name, sizeof(name)) &&
	        px_inbox_find(in, name, &source) == RC_OK;
	rc = in->conf.may(in->conf.arg, rq, source);
	if (rc == RC_OK)
		rc = endpoint_accept(rq, true, &json);
	if (rc != RC_OK)
		return rc;
	if (input->op != REQ_RETRIEVE)
		return endpoint_not_allowed(rq, "GET");
	if (!known)
		return endpoint_refuse(rq, RC_NOT_FOUND, SLICE_NONE);
	return px_inbox_look(in, rq, source);
}

/* ---- life ---- */

static void
queued(void *arg)
{
	const struct inbox_source *s = arg;
	const struct px_outlet *outlet = &s->in->conf.outlet;

	outlet->queued(outlet->arg, (size_t)(s - s->in->sources));
}

static enum rc
add_source(struct px_inbox *in, size_t i)
{
	struct inbox_source *s = &in->sources[i];
	struct slice url = slice_of(in->conf.sources[i].url);
	size_t other;
	enum rc rc;

	s->in = in;
	s->key = in->conf.sources[i].key;
	s->url = strdup(in->conf.sources[i].url);
	if (s->url == NULL)
		return RC_UNAVAILABLE;
	rc = pre_url_ok(url) ? pre_source_name(url, s->name.v) : RC_BAD_REQUEST;
	/* With two names that are equal the first is found. */
	if (rc == RC_OK && px_inbox_find(in, s->name.v, &other) == RC_OK && other != i)
		rc = RC_BAD_REQUEST;
	return rc;
}

static enum rc
fill(struct px_inbox *in, const struct px_inbox_conf *conf)
{
	size_t n = strlen(conf->path) + 2;
	enum rc rc = RC_OK;

	in->conf = *conf;
	in->path = malloc(n);
	in->below = malloc(n);
	in->sources = calloc(conf->n_sources + 1, sizeof(*in->sources));
	if (in->path == NULL || in->below == NULL || in->sources == NULL)
		return RC_UNAVAILABLE;
	memcpy(in->path, conf->path, n - 1);
	memcpy(in->below, conf->path, n - 2);
	memcpy(in->below + n - 2, "/", 2);
	for (size_t i = 0; i < conf->n_sources && rc == RC_OK; i++)
		rc = add_source(in, i);
	in->conf.sources = NULL;
	in->post = (struct endpoint){ .path = in->path,
		                      .serve = conf->serve,
		                      .body_max = conf->body_max,
		                      .internal = true,
		                      .serve_request = serve_post,
		                      .arg = in };
	in->get = (struct endpoint){ .path = in->below,
		                     .serve = conf->serve,
		                     .internal = true,
		                     .serve_request = serve_get,
		                     .arg = in };
	return rc;
}

enum rc
px_inbox_new(const struct px_inbox_conf *conf, struct px_inbox **out)
{
	struct px_inbox *in = calloc(1, sizeof(*in));
	enum rc rc;

	*out = NULL;
	if (in == NULL)
		return RC_UNAVAILABLE;
	rc = fill(in, conf);
	if (rc == RC_OK)
		*out = in;
	else
		px_inbox_free(in);
	return rc;
}

enum rc
px_inbox_attach(struct px_inbox *in, struct scl *scl)
{
	enum rc rc = endpoint_add(scl, &in->post);

	return rc == RC_OK ? endpoint_add(scl, &in->get) : rc;
}

static enum rc
start_source(struct px_inbox *in, struct pool *pool, struct inbox_source *s)
{
	const struct px_opener_conf conf = { .opening = { .afgh = in->conf.afgh,
		                                          .keys = in->conf.keys,
		                                          .as = PRE_AS_SINK,
		                                          .source = slice_of(s->url),
		                                          .key = s->key,
		                                          .streams = STREAMS_MAX,
		                                          .sections = SECTIONS_MAX,
		                                          .archive = in->conf.archive },
		                             .pool = pool,
		                             .book = in->conf.book,
		                             .log = in->conf.log,
		                             .stats = in->conf.stats,
		                             .waiting_max = in->conf.waiting_max,
		                             .octets_max = in->conf.octets_max,
		                             .queued = queued,
		                             .arg = s };

	return px_opener_new(&conf, &s->opener);
}

enum rc
px_inbox_start(struct px_inbox *in, struct pool *pool)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < in->conf.n_sources && rc == RC_OK; i++)
		rc = start_source(in, pool, &in->sources[i]);
	if (rc == RC_OK)
		atomic_store(&in->started, true);
	return rc;
}

void
px_inbox_stop(struct px_inbox *in)
{
	for (size_t i = 0; i < in->conf.n_sources; i++)
		if (in->sources[i].opener != NULL)
			px_opener_stop(in->sources[i].opener);
}

void
px_inbox_free(struct px_inbox *in)
{
	if (in == NULL)
		return;
	for (size_t i = 0; in->sources != NULL && i < in->conf.n_sources; i++) {
		px_opener_free(in->sources[i].opener);
		free(in->sources[i].url);
	}
	free(in->sources);
	free(in->path);
	free(in->below);
	free(in);
}
