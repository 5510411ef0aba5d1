/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "mas/mas_impl.h"

/* ---- outcomes ---- */

void
mas_outcome(struct mas_outcome *o, enum rc rc, const char *reason)
{
	*o = (struct mas_outcome){ .rc = rc };
	(void)string_set(o->reason, sizeof(o->reason) - 1, slice_of(reason));
}

void
mas_outcome_failed(struct mas_outcome *o, enum rc rc)
{
	mas_outcome(o, rc, rc == RC_UNAVAILABLE ? "OVERLOAD" : NULL);
	if (rc == RC_UNAVAILABLE || rc == RC_NO_SPACE) {
		o->reject = REJECT_OVERLOAD;
		o->retry_after = MAS_RETRY_AFTER;
	}
}

/* ---- effects ---- */

enum rc
mas_effect(struct mas_effects *e, const struct mas_effect *one)
{
	if (e->n == MAS_EFFECTS_MAX)
		return RC_NO_SPACE;
	e->all[e->n++] = *one;
	return RC_OK;
}

static void
tell(struct mas_local *m, const struct mas_effect *e)
{
	pthread_mutex_lock(&m->watching);
	for (struct mas_watcher *w = m->watchers; w != NULL; w = w->next)
		w->revoked(w, &e->node, e->connection, e->why);
	pthread_mutex_unlock(&m->watching);
}

void
mas_tell_keys(struct mas_local *m)
{
	pthread_mutex_lock(&m->watching);
	for (struct mas_watcher *w = m->watchers; w != NULL; w = w->next)
		if (w->keys != NULL)
			w->keys(w);
	pthread_mutex_unlock(&m->watching);
}

static void
tell_group(struct mas_local *m, const struct mas_group_event *e)
{
	pthread_mutex_lock(&m->watching);
	for (struct mas_watcher *w = m->watchers; w != NULL; w = w->next)
		if (w->group != NULL)
			w->group(w, e);
	pthread_mutex_unlock(&m->watching);
}

void
mas_effects_apply(struct mas_local *m, const struct mas_effects *e)
{
	bool keys = false;

	for (size_t i = 0; i < e->n; i++) {
		const struct mas_effect *one = &e->all[i];

		switch (one->kind) {
		case EFFECT_KMR_GONE:
			mas_psk_del(m->psk, &one->node, one->index);
			keys = true;
			break;
		case EFFECT_CLASS:
			keys = mas_psk_set_class(m->psk, &one->node, one->index, one->class) || keys;
			break;
		case EFFECT_CONN_ENDS:
			mas_live_put(m->live, one->connection, MAS_LIVE_SAME, one->end);
			break;
		case EFFECT_CONN_GONE:
			mas_live_del(m->live, one->connection);
			tell(m, one);
			break;
		case EFFECT_NODE_GONE:
			tell(m, one);
			break;
		}
	}
	if (keys)
		mas_tell_keys(m);
	for (size_t i = 0; i < e->n_groups; i++)
		tell_group(m, &e->groups[i]);
}

/* ---- jobs ---- */

void
mas_submit(struct mas_local *m, struct tables_job *j,
           enum rc (*run)(struct tables_job *j, struct tables_tx *tx),
           void (*done)(struct tables_job *j, enum rc rc))
{
	*j = (struct tables_job){ .run = run, .done = done, .self = m };
	tables_work_submit(m->work, j);
}

void
mas_submit_steps(struct mas_local *m, struct tables_job *j,
                 enum rc (*run)(struct tables_job *j, struct tables_tx *tx),
                 void (*stored)(struct tables_job *j),
                 void (*done)(struct tables_job *j, enum rc rc))
{
	*j = (struct tables_job){ .run = run, .stored = stored, .done = done, .self = m };
	tables_work_submit(m->work, j);
}

struct mas_effects *
mas_job_effects(struct tables_job *j)
{
	struct mas_effects *e = j->memory;

	if (e == NULL)
		j->memory = e = calloc(1, sizeof(*e));
	else
		e->n = e->n_groups = 0;
	return e;
}

void
mas_job_settle(struct tables_job *j, enum rc rc)
{
	if (rc == RC_OK && j->memory != NULL)
		mas_effects_apply(j->self, j->memory);
	free(j->memory);
	j->memory = NULL;
}

/* ---- audit ---- */

const char *
mas_actor(struct slice nscl, char text[MAS_NSCL_MAX + 1])
{
	return nscl.n == 0 || !string_set(text, MAS_NSCL_MAX, nscl) ? "nscl" : text;
}

enum rc
mas_trace_text(struct mas_local *m, struct tables_tx *tx, const struct mas_trace *t,
               struct slice object)
{
	struct audit_entry e = { .actor = slice_of(t->actor == NULL ? "mas" : t->actor),
		                 .action = slice_of(t->action),
		                 .object = object,
		                 .result = slice_of(t->result == NULL ? "ok" : t->result),
		                 .source = t->source };

	return audit_add(tx, mas_keys_seal(m->keys, tx), clock_now(m->conf.clock), &e);
}

enum rc
mas_trace_node(struct mas_local *m, struct tables_tx *tx, const struct mas_trace *t,
               const struct node_id *node, uint32_t kmr_index)
{
	char text[AUDIT_OBJECT_MAX], id[NODE_ID_TEXT];

	node_id_text(node, id);
	if (kmr_index == 0)
		snprintf(text, sizeof(text), "node %s", id);
	else
		snprintf(text, sizeof(text), "node %s kmr %u", id, (unsigned)kmr_index);
	return mas_trace_text(m, tx, t, slice_of(text));
}

enum rc
mas_trace_conn(struct mas_local *m, struct tables_tx *tx, const struct mas_trace *t,
               const struct mas_conn *c)
{
	char text[AUDIT_OBJECT_MAX], id[NODE_ID_TEXT], conn[CONN_ID_HEX];

	node_id_text(&c->node, id);
	conn_id_hex(c->id, conn);
	snprintf(text, sizeof(text), "connection %s node %s kmr %u kmc %u", conn, id,
	         (unsigned)c->kmr_index, (unsigned)c->kmc_index);
	return mas_trace_text(m, tx, t, slice_of(text));
}
