/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/edge/edge_log.h"

#include "base/clock.h"
#include "codec/json_fields.h"

#define LINES_MAX 10u /* of one reason in a second */
#define WHAT_MAX 160u

static const char *const names[] = {
#define EDGE_REASON(id, name) name,
#include "cap/edge/edge_reasons.def"
#undef EDGE_REASON
};

void
edge_log_init(struct edge_log *l, struct log *log)
{
	*l = (struct edge_log){ .log = log };
	pthread_mutex_init(&l->lock, NULL);
}

void
edge_log_fini(struct edge_log *l)
{
	pthread_mutex_destroy(&l->lock);
}

void
edge_log_request(struct edge_log *l)
{
	atomic_fetch_add_explicit(&l->requests, 1, memory_order_relaxed);
}

/* False: it is not written. *before: how many before it were not. */
static bool
may_write(struct edge_log *l, enum edge_reason why, uint64_t *before)
{
	int64_t second = clock_monotonic() / CLOCK_SECOND;
	bool yes;

	pthread_mutex_lock(&l->lock);
	if (second != l->lines[why].second) {
		l->lines[why].second = second;
		l->lines[why].lines = 0;
	}
	yes = l->lines[why].lines < LINES_MAX;
	if (yes) {
		l->lines[why].lines++;
		*before = l->lines[why].unwritten;
		l->lines[why].unwritten = 0;
	} else {
		l->lines[why].unwritten++;
	}
	pthread_mutex_unlock(&l->lock);
	return yes;
}

void
edge_log_refused(struct edge_log *l, const struct edge_refusal *r)
{
	uint64_t before = 0;

	atomic_fetch_add_explicit(&l->refused[r->why], 1, memory_order_relaxed);
	if (may_write(l, r->why, &before))
		LOG_WARN(l->log, "edge-refused", LOG_Z("reason", names[r->why]),
		         LOG_S("application", r->app_id), LOG_S("source", r->source),
		         LOG_S("what", slice_head(r->what, WHAT_MAX)), LOG_N("unwritten", before));
}

void
edge_log_counters(struct edge_log *l, struct buf *out)
{
	json_put_number(out, "edge_requests", (int64_t)atomic_load(&l->requests));
	json_put_open(out, "edge_refused", '{');
	for (unsigned i = 0; i < EDGE_REASONS; i++)
		json_put_number(out, names[i], (int64_t)atomic_load(&l->refused[i]));
	buf_char(out, '}');
}
