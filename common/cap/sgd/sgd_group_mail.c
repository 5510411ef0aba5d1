/* SPDX-License-Identifier: Apache-2.0 */
/* What comes for groups: keys of epochs, records, notices of members that left. */
#include "config.h"

#include <stdlib.h>

#include "cap/sgd/sgd_group.h"
#include "codec/json_fields.h"

#define HELD_MAX 1024u /* records whose key has not come */
#define HELD_OCTETS ((size_t)8 << 20) /* of them: one change opens all */
#define GID_AT 4u /* in the data that carry a key: behind "SGAG" */

/* ---- records ---- */

static void
inbox(struct sgd_group *g, const struct sga_team_plain *p, struct sgd_change *c)
{
	const struct sgd_item item = { .from = p->sender->id,
		                       .has_group = true,
		                       .group = g->gid,
		                       .time = clock_now(g->server->all->clock),
		                       .data = p->data };

	sgd_change_inbox(c, &item);
	g->server->came++;
}

static enum rc
open_record(struct sgd_group *g, struct slice record, struct sgd_change *c)
{
	struct sga_team_plain p;
	struct buf plain;
	enum rc rc;

	buf_init(&plain, SGA_MESSAGE_MAX);
	plain.secret = true;
	rc = sga_team_open(g->team, record, &p, &plain);
	if (rc == RC_OK) {
		g->dirty = true;
		inbox(g, &p, c);
		sgd_count(g->server->all, SGD_N_MISSED, p.missed);
	}
	json_wipe(&plain);
	return rc;
}

/* Until the key of its epoch comes, which another member may have had before. */
static enum rc
hold(struct sgd *d, const struct sga_sid *gid, struct slice record, struct sgd_change *c)
{
	struct table_key k;

	if (d->n_held >= HELD_MAX || d->held_octets + record.n > HELD_OCTETS)
		return RC_DENIED;
	k = sgd_key_number(SGD_T_HELD, gid->v, sizeof(gid->v), ++d->held, 8);
	sgd_change_put(c, &k, record);
	d->n_held++;
	d->held_octets += record.n;
	sgd_count(d, SGD_N_HELD, 1);
	return RC_OK;
}

enum rc
sgd_group_item(struct sgd_server *s, struct slice item, struct sgd_change *c)
{
	struct sga_header h;
	struct sgd_group *g;
	struct sga_id sender;
	uint32_t epoch;
	enum rc rc = sga_header_read(item, &h);

	if (rc == RC_OK)
		rc = sga_team_peek(item, &epoch, &sender);
	if (rc != RC_OK)
		return rc;
	g = sgd_group_find(s->all, &h.sid);
	if (g != NULL && g->server != s)
		return RC_DENIED;
	if (g == NULL || g->team == NULL || epoch > sga_team_epoch(g->team))
		return hold(s->all, &h.sid, item, c);
	rc = open_record(g, item, c);
	return rc == RC_PRECONDITION ? RC_CONFLICT : rc;
}

/* ---- keys ---- */

struct held {
	struct sgd_group *g;
	struct sgd_change *c;
	struct table_key prefix;
};

static bool
drop_held(void *arg, struct slice rest, struct slice val)
{
	struct held *h = arg;
	struct sgd *d = h->g->server->all;
	struct table_key k = h->prefix;

	table_key_add(&k, rest.p, rest.n);
	sgd_change_del(h->c, &k);
	d->n_held -= d->n_held > 0;
	d->held_octets -= val.n < d->held_octets ? val.n : d->held_octets;
	return true;
}

static bool
open_held(void *arg, struct slice rest, struct slice val)
{
	struct held *h = arg;
	struct sga_id sender;
	uint32_t epoch;

	if (sga_team_peek(val, &epoch, &sender) == RC_OK && epoch > sga_team_epoch(h->g->team))
		return true;
	open_record(h->g, val, h->c);
	return drop_held(arg, rest, val);
}

static enum rc
visit_held(struct sgd_group *g, struct sgd_change *c, sgd_visit *visit)
{
	struct held h = { .g = g,
		          .c = c,
		          .prefix = sgd_key(SGD_T_HELD, g->gid.v, sizeof(g->gid.v)) };

	return sgd_book_scan(g->server->all->book, &h.prefix, SLICE_NONE, 0, false, visit, &h);
}

void
sgd_group_held_drop(struct sgd_group *g, struct sgd_change *c)
{
	if (visit_held(g, c, drop_held) != RC_OK)
		c->ops.failed = true;
}

enum rc
sgd_group_key(struct sgd_server *s, const struct sga_id *from, struct slice data,
              struct sgd_change *c)
{
	struct sgd_group *g;
	struct sga_team *t;
	struct sga_sid gid;
	enum rc rc;

	if (data.n < GID_AT + sizeof(gid.v))
		return RC_BAD_REQUEST;
	memcpy(gid.v, data.p + GID_AT, sizeof(gid.v));
	g = sgd_group_find(s->all, &gid);
	if (g != NULL && (g->own || g->server != s))
		return RC_DENIED;
	rc = sga_team_take(s->device, data, from, g == NULL ? NULL : g->team, &t);
	if (rc != RC_OK)
		return rc;
	if (g == NULL)
		g = sgd_group_add(s, &gid);
	if (g == NULL) {
		sga_team_free(t);
		return RC_DENIED;
	}
	sga_team_free(g->team);
	g->team = t;
	if (g->state != SGD_G_LEAVING)
		g->state = SGD_G_CURRENT;
	g->dirty = true;
	g->to->waits = true;
	sgd_out_drop(&g->out, &g->gid, g->to, c);
	return visit_held(g, c, open_held);
}

/* ---- members that left ---- */

static const struct sga_team *
last_epoch(const struct sgd_group *g)
{
	return g->coming != NULL ? g->coming : g->team;
}

static bool
is_member(const struct sgd_group *g, const struct sga_id *id)
{
	const struct sga_member *m;

	for (size_t i = 0; (m = sga_team_member_at(last_epoch(g), i)) != NULL; i++)
		if (sga_id_equal(&m->id, id))
			return true;
	return false;
}

static enum rc
epoch_without(struct sgd_group *g, const struct sga_id *left)
{
	const struct sga_team *now = last_epoch(g);
	struct sga_id *ids = calloc(SGA_GROUP_MEMBERS_MAX, sizeof(*ids));
	struct sgd_group_wish w = { .server = g->server, .members = ids };
	const struct sga_member *m;
	enum rc rc;

	if (ids == NULL)
		return RC_UNAVAILABLE;
	for (size_t i = 0; (m = sga_team_member_at(now, i)) != NULL; i++)
		if (!sga_id_equal(&m->id, left) && !sga_id_equal(&m->id, &g->server->all->id))
			ids[w.n++] = m->id;
	rc = sgd_group_next(g, &w);
	free(ids);
	return rc;
}

enum rc
sgd_group_notice(struct sgd_server *s, struct slice item, struct sgd_change *c)
{
	struct sga_header h;
	struct sgd_group *g;
	struct sga_id left;
	enum rc rc = sga_header_read(item, &h);

	(void)c;
	if (rc != RC_OK)
		return rc;
	g = sgd_group_find(s->all, &h.sid);
	if (g == NULL || !g->own || g->server != s || g->team == NULL)
		return RC_CONFLICT;
	/* The gateway is being told of an epoch: afterwards. */
	if (g->busy)
		return RC_UNAVAILABLE;
	rc = sga_notice_take(g->team, s->device, item, &left);
	if (rc != RC_OK && rc != RC_EXPIRED)
		return rc == RC_PRECONDITION ? RC_CONFLICT : rc;
	if (g->state == SGD_G_ENDING || !is_member(g, &left))
		return RC_OK;
	rc = epoch_without(g, &left);
	if (rc == RC_OK)
		g->dirty = true;
	return rc;
}
