/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "geo_bed.h"

#include <check.h>
#include <stdlib.h>

struct geo bed;

static struct geo_conf conf;
static struct scl_call *call; /* under way */
static bool posted;

/* ---- the SCL ---- */

struct slice
scl_base_path(const struct scl *scl)
{
	(void)scl;
	return SLICE_LIT("/m2m");
}

void
scl_post(struct scl *scl, struct scl_task *task, int64_t delay)
{
	(void)scl;
	ck_assert_ptr_eq(task, &bed.task);
	posted = posted || delay == 0;
}

void
scl_call(struct scl *scl, struct scl_call *c)
{
	(void)scl;
	ck_assert_ptr_null(call);
	call = c;
}

void
scl_call_end(struct scl_call *c)
{
	(void)c;
}

/* ---- life ---- */

void
bed_setup(void)
{
	static const char *const names[] = {
#define GEO_COUNTER(name, text) text,
#include "cap/geo/geo_counters.def"
#undef GEO_COUNTER
	};

	conf = (struct geo_conf){ .nodes_max = 2,
		                  .hold = CLOCK_SECOND,
		                  .access_right = "/m2m/accessRights/r",
		                  .container = "location" };
	bed = (struct geo){ .parts = { .conf = &conf, .clock = &clock_system }, .running = true };
	bed.events_end = &bed.events;
	bed.task.run = geo_run;
	pthread_mutex_init(&bed.lock, NULL);
	bed.counters = mas_counters_new(names, GEO_COUNTS);
	ck_assert_ptr_nonnull(bed.counters);
	geo_gate_fill(&bed);
	call = NULL;
	posted = false;
}

void
bed_teardown(void)
{
	geo_events_free(&bed);
	geo_table_free(&bed);
	mas_counters_free(bed.counters);
	pthread_mutex_destroy(&bed.lock);
}

/* ---- nodes ---- */

struct node_id
bed_id(const char *hex)
{
	struct node_id id;

	ck_assert(node_id_parse(slice_of(hex), &id));
	return id;
}

struct geo_node *
bed_node(const char *hex)
{
	const struct node_id id = bed_id(hex);

	return geo_find(&bed, &id);
}

struct geo_node *
bed_put(const char *hex, const char *json)
{
	const struct node_id id = bed_id(hex);
	char *copy = strdup(json);

	ck_assert_ptr_nonnull(copy);
	ck_assert_int_eq(geo_put(&bed, &id, copy, strlen(copy), "admin"), RC_OK);
	return bed_node(hex);
}

void
bed_found(const char *hex, const char *cell)
{
	struct geo_node *n = bed_node(hex);
	struct geo_now now = geo_now(&bed);
	unsigned changed =
		geo_state_seen(&n->state, &n->policy, GEO_BY_CELL, slice_of(cell), true, &now);

	if (changed != 0)
		geo_changed(&bed, n, changed & n->state.alarm, changed & ~n->state.alarm,
		            "network");
}

/* ---- the courier ---- */

void
bed_turn(void)
{
	while (posted) {
		posted = false;
		geo_run(&bed.task);
	}
}

void
bed_wait(void)
{
	for (struct geo_event *e = bed.events; e != NULL; e = e->next)
		e->due = 0;
	for (unsigned i = 0; i < GEO_BUCKETS; i++)
		for (struct geo_node *n = bed.by_id[i]; n != NULL; n = n->by_id)
			n->look_at = 0;
	posted = true;
	bed_turn();
}

bool
bed_asks(const char *method, const char *target)
{
	size_t n = strlen(target);

	return call != NULL && slice_is(call->method, method) && call->target.n >= n &&
	       memcmp(call->target.p + call->target.n - n, target, n) == 0;
}

bool
bed_sends(const char *text)
{
	return call != NULL && memmem(call->body.p, call->body.n, text, strlen(text)) != NULL;
}

bool
bed_idle(void)
{
	return call == NULL;
}

static void
end(struct req_answer *answer, enum rc rc)
{
	struct scl_call *c = call;

	ck_assert_ptr_nonnull(c);
	call = NULL;
	c->rc = rc;
	c->answer = answer;
	c->done(c);
	bed_turn();
}

void
bed_answer(enum rc rc)
{
	struct req_answer answer = { .body = NULL };

	end(&answer, rc);
}

void
bed_answer_body(const char *body, const char *etag)
{
	char *copy = strdup(body);
	struct req_answer answer = { .body = copy,
		                     .body_len = strlen(body),
		                     .etag = slice_of(etag) };

	ck_assert_ptr_nonnull(copy);
	end(&answer, RC_OK);
	free(copy);
}

uint64_t
bed_count(enum geo_count which)
{
	return mas_counted(bed.counters, which);
}
