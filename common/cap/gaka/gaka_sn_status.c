/* SPDX-License-Identifier: Apache-2.0 */
/* What there is, for the administrator: numbers and names, no keys. */
#include "config.h"

#include "cap/gaka/gaka_sn_impl.h"

#include "codec/json_fields.h"

#define ANSWER_MAX (64u * 1024u)
#define GROUPS_MAX 256u /* that are told of one by one */

static const char *const counter_names[] = {
#define GAKA_COUNTER(name, text) text,
#include "cap/gaka/gaka_sn_counters.def"
#undef GAKA_COUNTER
};

struct mas_counters *
sn_counters_new(void)
{
	return mas_counters_new(counter_names, SN_COUNTS);
}

static void
put_group(struct buf *b, const struct sn_group *g)
{
	json_put_open(b, NULL, '{');
	json_put_hex(b, "gid", g->gid.v, GAKA_GID_SIZE);
	json_put_number(b, "members", g->members);
	json_put_number(b, "window", g->w);
	json_put_time(b, "expires", (int64_t)gaka_set_expiry(g->set) * CLOCK_SECOND);
	buf_char(b, '}');
}

static void
put_state(struct buf *b, struct gaka_sn *s)
{
	unsigned told = 0;

	pthread_mutex_lock(&s->lock);
	sn_attempts_expire(s);
	json_put_flag(b, "conventional", s->conf->conventional);
	json_put_number(b, "attempts", s->attempts.n);
	json_put_number(b, "requests", s->n_requests);
	json_put_open(b, "groups", '[');
	for (const struct sn_group *g = s->groups.first; g != NULL && told < GROUPS_MAX;
	     g = g->next) {
		if (g->set == NULL)
			continue;
		put_group(b, g);
		told++;
	}
	buf_char(b, ']');
	pthread_mutex_unlock(&s->lock);
}

enum rc
sn_status(struct gaka_sn *s, struct req *rq)
{
	struct buf b;
	enum rc rc;

	buf_init(&b, ANSWER_MAX);
	json_put_open(&b, NULL, '{');
	put_state(&b, s);
	json_put_flag(&b, "told", atomic_load(&s->feed.told));
	json_put_number(&b, "sessions", gaka_sessions_count(s->sessions));
	json_put_open(&b, "counters", '{');
	mas_counters_visit(s->counters, json_put_counter, &b);
	buf_puts(&b, "}}");
	rc = b.failed ? endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_LIT("OVERLOAD"))
	              : endpoint_answer(rq, RC_OK, "application/json", buf_view(&b));
	buf_fini(&b);
	return rc;
}
