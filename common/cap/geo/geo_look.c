/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reports: something was written where those of a node go, so the latest one there is read, a few
 * times, for a write takes its time and may be refused.
 */
#include "config.h"

#include <stdio.h>

#include "cap/geo/geo_impl.h"

#define LATEST "/latest/content"

static const int64_t waits[GEO_LOOKS] = { 8 * CLOCK_SECOND, 3 * CLOCK_SECOND, CLOCK_SECOND,
	                                  CLOCK_SECOND / 4 };

int64_t
geo_look_wait(unsigned looks)
{
	return waits[looks - 1];
}

/* FNV-1a. */
static uint64_t
mix(uint64_t h, struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * UINT64_C(0x100000001b3);
	return (h ^ 0xff) * UINT64_C(0x100000001b3);
}

/* Which instance it is. */
static uint64_t
mark_of(const struct req_answer *a)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	h = mix(h, a->etag);
	h = mix(h, a->last_modified);
	h = mix(h, a->content_location);
	return mix(h, slice_make(a->body, a->body_len));
}

static void
judge(struct geo *g, struct geo_node *n, struct slice body)
{
	struct geo_now now = geo_now(g);
	struct geo_report r;
	unsigned begun;

	if (!geo_report_read(body, &r)) {
		mas_count(g->counters, GEO_COUNT_REPORTS_BAD, 1);
		return;
	}
	mas_count(g->counters, GEO_COUNT_REPORTS, 1);
	begun = geo_state_reported(&n->state, &n->policy, &r, &now);
	if (begun != 0)
		geo_changed(g, n, begun, 0, "report");
}

static void
was_read(struct scl_call *call)
{
	struct geo *g = call->owner;
	struct geo_node *n;
	uint64_t mark = 0;

	pthread_mutex_lock(&g->lock);
	g->busy = false;
	n = geo_find(g, &g->looking);
	if (n != NULL && call->rc == RC_OK && call->answer->body != NULL)
		mark = mark_of(call->answer);
	if (mark != 0 && mark != n->last_report) {
		n->last_report = mark;
		judge(g, n, slice_make(call->answer->body, call->answer->body_len));
	}
	geo_wake(g, 0);
	pthread_mutex_unlock(&g->lock);
	scl_call_end(call);
}

static void
prepare(struct geo *g, struct geo_node *n)
{
	g->busy = true;
	g->looking = n->id;
	snprintf(g->path, sizeof(g->path), "%s" LATEST, n->path);
	g->call = (struct scl_call){ .method = SLICE_LIT("GET"),
		                     .target = slice_of(g->path),
		                     .accept = SLICE_LIT("*/*"),
		                     .done = was_read,
		                     .owner = g };
}

bool
geo_look(struct geo *g, int64_t now, int64_t *next)
{
	if (g->n_looking == 0)
		return false;
	for (unsigned i = 0; i < GEO_BUCKETS; i++)
		for (struct geo_node *n = g->by_id[i]; n != NULL; n = n->by_id) {
			if (n->looks == 0)
				continue;
			if (n->look_at > now) {
				*next = n->look_at < *next ? n->look_at : *next;
				continue;
			}
			n->looks--;
			g->n_looking -= n->looks == 0;
			if (n->looks > 0)
				n->look_at = now + geo_look_wait(n->looks);
			if (n->path[0] == '\0')
				continue;
			prepare(g, n);
			return true;
		}
	return false;
}
