/* SPDX-License-Identifier: Apache-2.0 */
/* Operations that other parts of the process have added. */
#include "config.h"

#include "mas/admin_impl.h"
#include "mas/mas_path.h"

/* ---- adding ---- */

enum rc
admin_add(struct admin *a, const struct admin_more *more)
{
	for (unsigned i = 0; i < a->n_more; i++)
		if (a->more[i]->method == more->method && strcmp(a->more[i]->path, more->path) == 0)
			return RC_CONFLICT;
	if (a->n_more == ADMIN_MORE_MAX)
		return RC_UNAVAILABLE;
	a->more[a->n_more++] = more;
	return RC_OK;
}

enum rc
admin_add_counters(struct admin *a, const struct mas_counters *counters)
{
	if (a->n_counters == ADMIN_COUNTERS_MAX)
		return RC_UNAVAILABLE;
	a->counters[a->n_counters++] = counters;
	return RC_OK;
}

void
admin_on_rotation(struct admin *a,
                  void (*rotated)(void *arg, const char *scl_id, const char *actor), void *arg)
{
	a->rotated = rotated;
	a->rotated_arg = arg;
}

/* ---- a call ---- */

static struct admin_call *
call_of(struct admin_ask *ask)
{
	return (struct admin_call *)(void *)((char *)ask - offsetof(struct admin_call, ask));
}

static void
go(struct admin_call *c)
{
	c->more->begin(c->more->arg, &c->ask);
}

/* That it was asked for is in the audit before anything is done. */
static void
begin(struct admin_call *c)
{
	c->ask = (struct admin_ask){ .actor = c->actor,
		                     .source = c->source,
		                     .id = c->id,
		                     .query = endpoint_query(c->rq),
		                     .body = c->in->body,
		                     .arena = c->arena };
	admin_note(c, "ok", go);
}

bool
admin_more_find(struct admin_call *c, struct slice path, unsigned *methods)
{
	const struct admin *a = c->admin;
	struct slice id;

	for (unsigned i = 0; i < a->n_more; i++) {
		const struct admin_more *m = a->more[i];

		if (!mas_path_is(m->path, path, &id))
			continue;
		*methods |= 1u << m->method;
		if (m->method != c->in->op || (c->in->head && m->method != REQ_RETRIEVE))
			continue;
		c->more = m;
		c->id = id;
		c->more_op = (struct admin_op){
			.method = m->method, .path = m->path, .name = m->name, .begin = begin
		};
		c->op = &c->more_op;
		return true;
	}
	return false;
}

void
admin_ask_end(struct admin_ask *ask, enum rc rc, struct slice json)
{
	struct admin_call *c = call_of(ask);

	buf_slice(&c->out, json);
	admin_answer(c, rc);
}

void
admin_ask_refuse(struct admin_ask *ask, enum rc rc, const char *reason, unsigned retry_after)
{
	struct admin_call *c = call_of(ask);

	req_answer(c->rq)->retry_after = retry_after;
	admin_refuse(c, rc, reason == NULL ? "" : reason);
}
