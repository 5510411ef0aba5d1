/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sec/priority.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "cap/sec/overload.h"
#include "core/peer.h"
#include "sec/indicator.h"

#define LOG_PERIOD (10 * CLOCK_SECOND)

struct priority {
	struct priority_conf conf;
	struct indicator_seen *seen;
	_Atomic int64_t logged; /* clock_monotonic of the last line */
	_Atomic unsigned unsaid; /* that were not logged since */
};

struct priority *
priority_new(const struct priority_conf *conf)
{
	struct priority *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->conf = *conf;
	p->seen = indicator_seen_new();
	atomic_store(&p->logged, clock_monotonic() - LOG_PERIOD);
	if (p->seen != NULL)
		return p;
	free(p);
	return NULL;
}

void
priority_free(struct priority *p)
{
	if (p == NULL)
		return;
	indicator_seen_free(p->seen);
	free(p);
}

/* The claim is not followed. */
static bool
invalid(struct priority *p, const struct req_input *in, const char *why)
{
	int64_t now = clock_monotonic(), last = atomic_load(&p->logged);

	mas_count(p->conf.counters, LOAD_COUNT_INDICATOR_INVALID, 1);
	atomic_fetch_add(&p->unsaid, 1);
	if (now - last >= LOG_PERIOD && atomic_compare_exchange_strong(&p->logged, &last, now))
		LOG_WARN(p->conf.log, "priority-claim-invalid", LOG_Z("reason", why),
		         LOG_S("source", in->peer == NULL ? SLICE_NONE : in->peer->address),
		         LOG_N("claims", atomic_exchange(&p->unsaid, 0)));
	return false;
}

static bool
claims_in_session(struct priority *p, const struct req_input *in)
{
	bool low;

	/* What stands beside it is no session's. */
	if (in->indicator.p != NULL)
		return invalid(p, in, "an indicator within a session");
	return priority_parse(in->priority, &low) ? low
	                                          : invalid(p, in, "it is neither low nor normal");
}

/* RC_OK: the indicator is good, and new. */
static enum rc
check(struct priority *p, const struct priority_of *of, const struct indicator_request *rq,
      const struct indicator *i)
{
	int64_t now = clock_now(p->conf.clock) / CLOCK_SECOND;
	const struct mas *mas = p->conf.mas;
	struct mas_standing s;
	enum rc rc;

	if (mas->ops == NULL || !mas->ops->indicator(mas->self, of->node, of->kmr_index, &s))
		return RC_FORBIDDEN;
	rc = indicator_check(&s.indicator, rq, i, now);
	secret_wipe(&s, sizeof(s));
	return rc == RC_OK ? indicator_take(p->seen, of->node, i, now) : rc;
}

static bool
claims_outside(struct priority *p, const struct req_input *in, const struct priority_of *of,
               struct slice method, struct slice path)
{
	const struct indicator_request rq = { of->node, method, path };
	struct indicator i;
	enum rc rc;

	if (in->priority.p != NULL)
		return invalid(p, in, "X-M2M-Priority without a session");
	if (of->node == NULL)
		return invalid(p, in, "of no known node");
	if (!indicator_parse(in->indicator, &i))
		return invalid(p, in, "it is malformed");
	rc = check(p, of, &rq, &i);
	if (rc == RC_OK)
		return i.low;
	return invalid(p, in, rc == RC_CONFLICT ? "it was used before" : "tag or time");
}

bool
priority_is_low(struct priority *p, const struct req_input *in, const struct priority_of *of,
                struct slice method, struct slice path)
{
	bool claimed;

	if (in->priority.p == NULL && in->indicator.p == NULL)
		return of->low;
	claimed = of->session ? claims_in_session(p, in) : claims_outside(p, in, of, method, path);
	return of->low || claimed;
}
