/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets what is parked; sinks that managers name meanwhile, and what they are shown of it. */
#include "config.h"

#include "cap/pxy/px_source_own.h"
#include "codec/json_fields.h"

/* ---- which ---- */

static struct source_sink *
sink_named(struct px_parking *s, const char *name)
{
	for (size_t i = 0; i < s->n_sinks; i++)
		if (strcmp(s->sinks[i].k.name, name) == 0)
			return &s->sinks[i];
	return NULL;
}

static bool
is_uplink(const char *name)
{
	return strncmp(name, SOURCE_UPLINK, sizeof(SOURCE_UPLINK) - 1) == 0;
}

static bool
url_is_anothers(const struct px_parking *s, const struct px_spool_sink *k)
{
	for (size_t i = 0; i < s->n_sinks; i++)
		if (strcmp(s->sinks[i].k.url, k->url) == 0 &&
		    strcmp(s->sinks[i].k.name, k->name) != 0)
			return true;
	for (size_t i = 0; i < s->n_uplinks; i++)
		if (strcmp(s->uplinks[i].sink.k.url, k->url) == 0)
			return true;
	return false;
}

/* ---- who gets it ---- */

struct source_uplink *
dest_uplink(struct source_dest *t)
{
	struct px_parking *s = t->all;

	for (size_t i = 0; i < s->n_uplinks; i++)
		if (s->uplinks[i].destination == t->d.destination)
			return &s->uplinks[i];
	return &s->uplinks[0];
}

bool
dest_has_standin(const struct source_dest *t)
{
	const struct px_parking *s = t->all;

	for (size_t i = 0; i < s->n_sinks; i++)
		if (s->sinks[i].k.destination == t->d.destination)
			return true;
	return false;
}

size_t
dest_sinks(struct source_dest *t, const struct source_sink *out[SOURCE_SINKS_MAX + 1])
{
	const struct px_parking *s = t->all;
	const struct source_uplink *u = dest_uplink(t);
	size_t n = 0;

	for (size_t i = 0; i < s->n_sinks; i++)
		if (s->sinks[i].k.destination == t->d.destination)
			out[n++] = &s->sinks[i];
	if (n == 0 && !u->known)
		return 0;
	if (n == 0)
		out[n++] = &u->sink;
	for (size_t i = 0; i < s->n_sinks; i++)
		if (s->sinks[i].k.destination == 0)
			out[n++] = &s->sinks[i];
	return n;
}

/* ---- the end of a call ---- */

/* Who has got keys of the open epochs, or who was named behind them, gets none of the following. */
static void
begin_epochs(struct px_parking *s)
{
	for (size_t i = 0; i < s->n_dests; i++)
		s->dests[i]->next_epoch = true;
	source_wake(s);
}

static void
answer_run(struct scl_task *task)
{
	struct px_naming *n =
		(struct px_naming *)(void *)((char *)task - offsetof(struct px_naming, task));

	n->done(n);
}

static void
answer(struct px_naming *n, enum rc rc)
{
	n->rc = rc;
	n->task.run = answer_run;
	scl_post(n->source->px->scl, &n->task, 0);
}

static void
op_done(struct px_spool_op *op)
{
	struct px_naming *n = op->owner;

	if (px_post(n->source->px, &n->task, 0))
		return;
	/* The courier is about to stop. */
	n->rc = RC_UNAVAILABLE;
	n->done(n);
}

static void
write_naming(struct px_naming *n, void (*run)(struct scl_task *task))
{
	n->source->naming = true;
	n->task.run = run;
	n->op.done = op_done;
	n->op.owner = n;
	px_spool_write(n->source->spool, &n->op);
}

/* ---- a name ---- */

static void
named(struct scl_task *task)
{
	struct px_naming *n =
		(struct px_naming *)(void *)((char *)task - offsetof(struct px_naming, task));
	struct px_parking *s = n->source;
	struct source_sink *k = sink_named(s, n->sink.name);

	s->naming = false;
	n->rc = n->op.rc;
	if (n->rc == RC_OK) {
		n->rc = k == NULL ? RC_CREATED : RC_OK;
		if (k == NULL)
			k = &s->sinks[s->n_sinks++];
		n->sink.from = n->op.from;
		/* Another one to those who knew the name before. */
		*k = (struct source_sink){ .k = n->sink, .id = s->next_id++ };
		(void)pre_pk_id(slice_make(k->k.pk2, sizeof(k->k.pk2)), k->pk_id);
		begin_epochs(s);
	}
	n->done(n);
}

static bool
is_the_same(const struct px_spool_sink *a, const struct px_spool_sink *b)
{
	return strcmp(a->url, b->url) == 0 && a->destination == b->destination &&
	       memcmp(a->pk2, b->pk2, sizeof(a->pk2)) == 0;
}

/* The serial of the first epoch that begins there or behind; from_now when there is none yet. */
static enum rc
find_point(struct px_parking *s, struct px_naming *n)
{
	struct px_epoch e[2];
	size_t found, i = 0;

	for (size_t at = 0; at < s->n_dests; at++) {
		const struct source_dest *t = s->dests[at];
		enum rc rc;

		if (t->d.stream != n->stream)
			continue;
		rc = px_spool_epochs(s->spool, t->d.destination, (int64_t)n->epoch - 1, 0, e, 2,
		                     &found);
		if (rc != RC_OK)
			return rc;
		if (found > 0 && e[0].epoch == n->epoch && e[0].key_index < n->key_index)
			i = 1;
		n->from_now = i >= found;
		n->sink.from = n->from_now ? 0 : e[i].serial;
		return RC_OK;
	}
	return RC_NOT_FOUND;
}

static enum rc
may_name(struct px_parking *s, struct px_naming *n)
{
	const struct source_sink *k = sink_named(s, n->sink.name);

	if (is_uplink(n->sink.name) || (k != NULL && k->configured) || url_is_anothers(s, &n->sink))
		return RC_CONFLICT;
	if (k == NULL && s->n_sinks == SOURCE_SINKS_MAX)
		return RC_NO_SPACE;
	return s->naming ? RC_UNAVAILABLE : RC_OK;
}

void
px_source_name(struct px_parking *s, struct px_naming *n)
{
	const struct source_sink *k = sink_named(s, n->sink.name);
	enum rc rc = may_name(s, n);

	n->source = s;
	if (rc == RC_OK && n->from_point)
		rc = find_point(s, n);
	if (rc != RC_OK || (k != NULL && is_the_same(&k->k, &n->sink))) {
		answer(n, rc);
		return;
	}
	n->op = (struct px_spool_op){ .sink = &n->sink, .from_now = n->from_now };
	write_naming(n, named);
}

/* ---- the end of a name ---- */

static void
unnamed(struct scl_task *task)
{
	struct px_naming *n =
		(struct px_naming *)(void *)((char *)task - offsetof(struct px_naming, task));
	struct px_parking *s = n->source;
	struct source_sink *k = sink_named(s, n->sink.name);

	s->naming = false;
	n->rc = n->op.rc;
	if (n->rc == RC_OK) {
		if (k != NULL)
			*k = s->sinks[--s->n_sinks];
		else
			(void)uplinks_forget(s, n->sink.name);
		begin_epochs(s);
	}
	n->done(n);
}

void
px_source_unname(struct px_parking *s, struct px_naming *n)
{
	const struct source_sink *k = sink_named(s, n->sink.name);
	enum rc rc = s->naming ? RC_UNAVAILABLE : RC_OK;

	if (k != NULL && k->configured)
		rc = RC_CONFLICT;
	else if (k == NULL && !uplinks_has(s, n->sink.name))
		rc = RC_NOT_FOUND;
	n->source = s;
	if (rc != RC_OK) {
		answer(n, rc);
		return;
	}
	n->op = (struct px_spool_op){ .remove_sink = n->sink.name };
	write_naming(n, unnamed);
}

/* ---- by hand ---- */

void
px_source_park(struct px_parking *s)
{
	source_note_lines(s);
	for (size_t i = 0; i < s->n_dests; i++)
		s->dests[i]->hand = true;
	source_wake(s);
}

/* ---- what there is ---- */

static void
show_dest(const struct source_dest *t, struct buf *to)
{
	const struct px_spool_dest *d = &t->d;

	json_put_open(to, NULL, '{');
	json_put_number(to, "stream", d->stream);
	json_put_text(to, "state",
	              slice_of(source_state_name(t->direct ? PX_WAY_DIRECT : d->state)));
	json_put_number(to, "waiting", (int64_t)t->waiting);
	json_put_number(to, "parked", (int64_t)d->parked);
	if (d->store[0] != '\0')
		json_put_text(to, "store", slice_of(d->store));
	if (d->forward[0] != '\0')
		json_put_text(to, "forward", slice_of(d->forward));
	if (d->sealed) {
		json_put_open(to, "section", '{');
		json_put_number(to, "epoch", d->last.epoch);
		json_put_number(to, "keyIndex", d->last.key_index);
		json_put_number(to, "messages", d->last.count);
		buf_char(to, '}');
	}
	buf_char(to, '}');
}

static void
show_sink(const struct source_sink *k, struct buf *to)
{
	json_put_open(to, NULL, '{');
	json_put_text(to, "name", slice_of(k->k.name));
	json_put_text(to, "url", slice_of(k->k.url));
	json_put_hex(to, "pkId", k->pk_id, sizeof(k->pk_id));
	json_put_flag(to, "configured", k->configured);
	json_put_flag(to, "standsIn", k->k.destination != 0);
	buf_char(to, '}');
}

void
px_source_show(struct px_parking *s, struct buf *to)
{
	json_put_open(to, NULL, '{');
	json_put_open(to, "destinations", '[');
	for (size_t i = 0; i < s->n_dests; i++)
		show_dest(s->dests[i], to);
	buf_char(to, ']');
	json_put_open(to, "uplinks", '[');
	for (size_t i = 0; i < s->n_uplinks; i++) {
		const struct source_uplink *u = &s->uplinks[i];

		json_put_open(to, NULL, '{');
		json_put_text(to, "url", slice_of(u->url));
		json_put_flag(to, "up", u->up);
		json_put_flag(to, "keyKnown", u->known);
		buf_char(to, '}');
	}
	buf_char(to, ']');
	json_put_open(to, "sinks", '[');
	for (size_t i = 0; i < s->n_sinks; i++)
		show_sink(&s->sinks[i], to);
	buf_puts(to, "]}");
}
