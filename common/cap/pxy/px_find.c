/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/pxy/px_find.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/uri.h"
#include "cap/pxy/px_send.h"

#define SEARCH "/discovery?searchString=Capability%2Fproxy"
#define LINKS "/.well-known/core?title=Capability/proxy"

struct candidate {
	char root[PX_SPOOL_URL + 1];
	bool configured;
	int64_t rests; /* until then, of the clock that never jumps */
};

/* What is asked next: candidates[at] or discover[at]; who rests is asked when nobody else is there. */
enum phase { CONFIGURED, DISCOVER, DISCOVERED, RESTING };

struct px_find {
	struct px_find_conf conf;
	struct candidate candidates[PX_FIND_MAX];
	size_t n;
	struct px_call call;
	bool running;
	struct scl_task begin; /* so that done is not called from within */
	void (*done)(void *arg, const struct px_found *found);
	void *arg;
	enum phase phase;
	size_t at;
	struct px_found best; /* of those discovered; its root is empty: none yet */
};

/* ---- candidates ---- */

static struct candidate *
candidate_of(struct px_find *f, struct slice root)
{
	for (size_t i = 0; i < f->n; i++)
		if (slice_is(root, f->candidates[i].root))
			return &f->candidates[i];
	return NULL;
}

/* The place of a new one: at the end, or that of a discovered one that rests. */
static struct candidate *
candidate_place(struct px_find *f)
{
	int64_t now = clock_monotonic();

	if (f->n < PX_FIND_MAX)
		return &f->candidates[f->n++];
	for (size_t i = 0; i < f->n; i++)
		if (!f->candidates[i].configured && f->candidates[i].rests > now)
			return &f->candidates[i];
	return NULL;
}

static void
add(struct px_find *f, struct slice root, bool configured)
{
	struct candidate *c;

	while (root.n > 0 && root.p[root.n - 1] == '/')
		root.n--;
	if (root.n == 0 || root.n > PX_SPOOL_URL || slice_is(root, f->conf.own_root) ||
	    !uri_is_transport(root) || candidate_of(f, root) != NULL)
		return;
	c = candidate_place(f);
	if (c == NULL)
		return;
	*c = (struct candidate){ .configured = configured };
	(void)slice_copy(root, c->root, sizeof(c->root));
}

void
px_find_rest(struct px_find *f, const char *root)
{
	struct candidate *c = candidate_of(f, slice_of(root));

	if (c != NULL)
		c->rests = clock_monotonic() + PX_FIND_REST;
}

/* ---- asking ---- */

static void next(struct px_find *f);

static void
found(struct px_find *f, const struct px_found *which)
{
	if (which != NULL)
		LOG_INFO(f->conf.log, "proxy-found", LOG_Z("url", which->root),
		         LOG_N("available", which->info.available));
	f->running = false;
	f->done(f->arg, which);
}

static bool
has_room(const struct px_find *f, const struct px_told_info *i)
{
	return i->suite && i->largest >= PX_FIND_LARGEST && i->batch >= PX_FIND_LARGEST &&
	       i->available >= f->conf.reserve;
}

/* Who has no room now is asked again the next time; who does not answer rests. */
static void
info_done(struct px_call *call)
{
	struct px_find *f = call->owner;
	struct candidate *c = &f->candidates[f->at++];
	struct px_found it = { 0 };

	if (call->rc != RC_OK || !px_read_info(call->answer, &it.info)) {
		LOG_DEBUG(f->conf.log, "proxy-not-found", LOG_Z("url", c->root),
		          LOG_Z("status", status_of(call->rc)->text));
		c->rests = clock_monotonic() + PX_FIND_REST;
	} else if (has_room(f, &it.info)) {
		memcpy(it.root, c->root, sizeof(it.root));
		if (c->configured || f->phase == RESTING) {
			c->rests = 0;
			found(f, &it);
			return;
		}
		if (f->best.root[0] == '\0' || it.info.available > f->best.info.available)
			f->best = it;
	}
	next(f);
}

/* Nobody else may have this SCL call what is on its host. */
static bool
is_usable(const struct px_find *f, struct slice asked, struct slice root)
{
	if (memchr(root.p, '?', root.n) != NULL || memchr(root.p, '#', root.n) != NULL)
		return false;
	if (px_send_is_loopback(root))
		return px_send_is_loopback(asked);
	return uri_is_secure(root) &&
	       (f->conf.authorities || px_client_knows(f->conf.client, root) == RC_OK);
}

/* One that a discovery has named: a path is of whoever was asked. */
static bool
discovered(void *arg, struct slice reference)
{
	struct px_find *f = arg;
	const char *asked = f->conf.discover[f->at];
	char text[PX_SPOOL_URL + 1];
	struct uri u;
	int n;

	if (reference.n > 0 && reference.p[0] == '/' && uri_parse(slice_of(asked), &u)) {
		n = snprintf(text, sizeof(text), "%.*s://%.*s%.*s", (int)u.scheme.n, u.scheme.p,
		             (int)u.authority.n, u.authority.p, (int)reference.n, reference.p);
		if (n < 0 || (size_t)n >= sizeof(text))
			return true;
		reference = slice_of(text);
	}
	if (is_usable(f, slice_of(asked), reference))
		add(f, reference, false);
	return true;
}

static bool
is_coap(struct slice url)
{
	return slice_starts(url, SLICE_LIT("coap"));
}

static void
discover_done(struct px_call *call)
{
	struct px_find *f = call->owner;
	bool links = is_coap(slice_of(f->conf.discover[f->at]));
	bool read = call->rc == RC_OK && (links ? px_find_links(call->answer, discovered, f)
	                                        : px_find_references(call->answer, discovered, f));

	if (!read)
		LOG_DEBUG(f->conf.log, "proxy-discovery-failed",
		          LOG_Z("url", f->conf.discover[f->at]),
		          LOG_Z("status", status_of(call->rc)->text));
	f->at++;
	next(f);
}

static void
ask_info(struct px_find *f, const struct candidate *c)
{
	px_call_begin(&f->call, 0, false);
	f->call.done = info_done;
	px_call_send(f->conf.client, &f->call, "GET", slice_of(c->root), "/info", PX_MEDIA_NONE);
}

static void
ask_discovery(struct px_find *f, const char *url)
{
	struct slice base = slice_of(url);
	struct uri u;

	px_call_begin(&f->call, 0, false);
	f->call.done = discover_done;
	if (is_coap(base))
		f->call.accept = "application/link-format";
	if (is_coap(base) && uri_parse(base, &u))
		base = slice_make(base.p, (size_t)(u.authority.p + u.authority.n - base.p));
	while (base.n > 0 && base.p[base.n - 1] == '/')
		base.n--;
	px_call_send(f->conf.client, &f->call, "GET", base, is_coap(base) ? LINKS : SEARCH,
	             PX_MEDIA_NONE);
}

/* The next candidate of the phase that does not rest. */
static bool
ask_candidate(struct px_find *f)
{
	int64_t now = clock_monotonic();

	for (; f->at < f->n; f->at++) {
		const struct candidate *c = &f->candidates[f->at];

		if (f->phase == RESTING
		            ? c->rests > now
		            : c->configured == (f->phase == CONFIGURED) && c->rests <= now) {
			ask_info(f, c);
			return true;
		}
	}
	return false;
}

static bool
ask_discover(struct px_find *f)
{
	const char *url = f->conf.discover[f->at];

	if (url != NULL)
		ask_discovery(f, url);
	return url != NULL;
}

static void
next(struct px_find *f)
{
	for (;;) {
		if (f->phase == DISCOVER ? ask_discover(f) : ask_candidate(f))
			return;
		if (f->phase == RESTING || (f->phase == DISCOVERED && f->best.root[0] != '\0'))
			break;
		f->phase++;
		f->at = 0;
	}
	found(f, f->best.root[0] == '\0' ? NULL : &f->best);
}

/* ---- life ---- */

static void
begin_run(struct scl_task *t)
{
	struct px_find *f = (struct px_find *)(void *)((char *)t - offsetof(struct px_find, begin));

	next(f);
}

enum rc
px_find_run(struct px_find *f, void (*done)(void *arg, const struct px_found *found), void *arg)
{
	if (f->running)
		return RC_CONFLICT;
	f->running = true;
	f->done = done;
	f->arg = arg;
	f->phase = CONFIGURED;
	f->at = 0;
	f->best.root[0] = '\0';
	f->begin.run = begin_run;
	scl_post(f->conf.client->scl, &f->begin, 0);
	return RC_OK;
}

enum rc
px_find_new(const struct px_find_conf *conf, struct px_find **out)
{
	struct px_find *f = calloc(1, sizeof(*f));

	*out = f;
	if (f == NULL)
		return RC_UNAVAILABLE;
	f->conf = *conf;
	f->call.owner = f;
	for (size_t i = 0; conf->proxies[i] != NULL; i++)
		add(f, slice_of(conf->proxies[i]), true);
	return RC_OK;
}

void
px_find_free(struct px_find *f)
{
	if (f == NULL)
		return;
	px_call_end(&f->call);
	free(f);
}
