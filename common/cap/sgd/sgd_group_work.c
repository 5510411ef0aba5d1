/* SPDX-License-Identifier: Apache-2.0 */
/* What the gateway is told of groups. */
#include "config.h"

#include <stdio.h>

#include "cap/sgd/sgd_group.h"
#include "codec/json_fields.h"
#include "sec/hex.h"

/* ---- stored ---- */

static void
stored(struct sgd_op *op, enum rc rc)
{
	struct sga_sid gid;
	struct sgd_group *g;

	memcpy(gid.v, op->id, sizeof(gid.v));
	g = sgd_group_find(op->all, &gid);
	if (g != NULL)
		g->busy = false;
	if (rc != RC_OK)
		sgd_engine_reload(op->all);
	/* Keys of the group wait for its members now; before it was stored nobody could see them. */
	sgd_to_load_all(op->all);
	sgd_server_wake(op->a);
}

static struct sgd_op *
begin_change(struct sgd_group *g)
{
	struct sgd_op *op = sgd_op_new(g->server->all, stored, g->server, NULL);

	if (op == NULL)
		return NULL;
	memcpy(op->id, g->gid.v, sizeof(op->id));
	g->busy = true;
	return op;
}

static void
rest(struct sgd_group *g)
{
	const struct sga_conf *c = g->server->all->conf;

	g->busy = false;
	g->failures++;
	g->until = clock_monotonic() + sgd_backoff(g->failures, c->retry_first, c->retry_max);
	sgd_server_wake_at(g->server, g->until);
}

/* ---- what was told ---- */

static void
remove_group(struct sgd_group *g, struct sgd_change *c)
{
	struct table_key k = sgd_key(SGD_T_GROUP, g->gid.v, sizeof(g->gid.v));

	sgd_group_held_drop(g, c);
	sgd_out_drop(&g->out, &g->gid, g->to, c);
	sgd_change_drop_dest(c, &g->to->key);
	sgd_change_del(c, &k);
	sgd_group_free(g);
}

/* An epoch that the gateway does not take: of a new group there is none. */
static enum rc
not_taken(struct sgd_group *g, struct sgd_change *c)
{
	LOG_WARN(g->server->all->log, "sga-group-refused",
	         LOG_S("group", sga_id_slice(&g->to->row.name)));
	sga_team_free(g->coming);
	g->coming = NULL;
	g->state = g->state == SGD_G_NEW ? SGD_G_FAILED : SGD_G_CURRENT;
	return sgd_group_put(g, c);
}

static void
conclude(struct sgd_group *g, bool taken)
{
	struct sgd_op *op = begin_change(g);
	enum rc rc = RC_OK;

	if (op == NULL) {
		rest(g);
		return;
	}
	g->failures = 0;
	if (g->state == SGD_G_LEAVING || g->state == SGD_G_ENDING)
		remove_group(g, &op->change);
	else
		rc = taken ? sgd_group_begin(g, &op->change) : not_taken(g, &op->change);
	if (rc != RC_OK)
		op->change.ops.failed = true;
	sgd_op_submit(op);
}

static void
told(struct sgd_ask *a)
{
	struct sgd_server *s = a->owner;
	struct sgd_answer answer = { .status = a->status,
		                     .tries = s->work.tries,
		                     .body = a->answer };
	struct sgd_group *g;
	enum sgd_do what;

	if (!atomic_load(&s->all->running))
		return;
	sgd_work_done(s, a);
	sgd_server_wake(s);
	g = sgd_group_find(s->all, &s->subject);
	if (g != NULL)
		g->busy = false;
	what = sgd_after_tagged(&answer);
	if (sgd_work_again(s, what))
		return;
	s->work.tries = 0;
	if (g == NULL || g->state != s->subject_group)
		return;
	if (what == SGD_DO_AGAIN || what == SGD_DO_REFUSED)
		rest(g);
	else
		conclude(g, what == SGD_DO_GO_ON && a->status != 404);
}

/* ---- what is told ---- */

static void
put_members(struct buf *b, const struct sga_team *t)
{
	const struct sga_member *m;

	json_put_open(b, "members", '[');
	for (size_t i = 0; (m = sga_team_member_at(t, i)) != NULL; i++)
		json_put_text(b, NULL, sga_id_slice(&m->id));
	buf_puts(b, "]}");
}

static bool
tell_epoch(struct sgd_group *g)
{
	struct sgd_server *s = g->server;
	bool fresh = g->state == SGD_G_NEW;
	struct sgd_ask *a = fresh ? sgd_work_ask(s, "POST", "/groups", &g->gid, NULL)
	                          : sgd_work_ask(s, "PUT", "/groups/", &g->gid, "");

	buf_clear(&s->body);
	json_put_open(&s->body, NULL, '{');
	if (fresh) {
		json_put_hex(&s->body, "id", g->gid.v, sizeof(g->gid.v));
		json_put_text(&s->body, "purpose", slice_of(g->purpose));
	} else {
		json_put_number(&s->body, "epoch", sga_team_epoch(g->coming));
	}
	put_members(&s->body, g->coming);
	a->media = SGD_JSON;
	a->body = buf_view(&s->body);
	a->done = told;
	s->subject_group = g->state;
	sgd_work_send(s);
	g->busy = s->work.busy;
	return true;
}

static bool
tell_end(struct sgd_group *g)
{
	struct sgd_server *s = g->server;
	struct sgd_ask *a;
	char after[16 + SGA_ID_MAX] = "";

	if (g->state == SGD_G_LEAVING)
		snprintf(after, sizeof(after), "/members/%.*s", s->all->id.n, s->all->id.v);
	a = sgd_work_ask(s, "DELETE", "/groups/", &g->gid, after);
	a->done = told;
	s->subject_group = g->state;
	sgd_work_send(s);
	g->busy = s->work.busy;
	return true;
}

bool
sgd_group_work(struct sgd_server *s)
{
	int64_t now = clock_monotonic();

	/* What is told is stored first. */
	if (s->all->wishes > 0)
		return false;
	for (struct sgd_group *g = s->all->groups; g != NULL; g = g->next) {
		if (g->server != s || g->busy || g->dirty || g->until > now || g->to->changing)
			continue;
		if ((g->state == SGD_G_NEW || g->state == SGD_G_EPOCH) && g->coming != NULL)
			return tell_epoch(g);
		if (g->state == SGD_G_LEAVING || g->state == SGD_G_ENDING)
			return tell_end(g);
	}
	return false;
}
