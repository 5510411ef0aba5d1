/* SPDX-License-Identifier: Apache-2.0 */
/* Groups, as applications see them: errands. */
#include "config.h"

#include "cap/sgd/sgd_rest_own.h"
#include "sec/hex.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define PURPOSE_MAX (sizeof(((struct sgd_group *)0)->purpose) - 1)

/* ---- showing ---- */

static void
put_group(struct buf *b, const struct sgd_group *g)
{
	static const char *const states[] = {
		[SGD_G_NEW] = "pending",   [SGD_G_EPOCH] = "pending",   [SGD_G_CURRENT] = "current",
		[SGD_G_STALE] = "stale",   [SGD_G_LEAVING] = "leaving", [SGD_G_ENDING] = "leaving",
		[SGD_G_FAILED] = "failed",
	};
	const struct sga_team *t = g->coming != NULL ? g->coming : g->team;
	const struct sga_member *m;

	json_put_open(b, NULL, '{');
	json_put_hex(b, "id", g->gid.v, sizeof(g->gid.v));
	json_put_text(b, "server", sga_id_slice(&g->server->id));
	if (t != NULL) {
		json_put_text(b, "owner", sga_id_slice(sga_team_owner(t)));
		json_put_number(b, "epoch", sga_team_epoch(t));
	}
	json_put_text(b, "purpose", slice_of(g->purpose));
	json_put_text(b, "state", slice_of(states[g->state]));
	json_put_open(b, "members", '[');
	for (size_t i = 0; t != NULL && (m = sga_team_member_at(t, i)) != NULL; i++)
		json_put_text(b, NULL, sga_id_slice(&m->id));
	buf_puts(b, "]}");
}

static struct sgd_group *
named(struct sgd_call *c)
{
	struct sga_sid gid;

	return hex_decode(c->id, gid.v, sizeof(gid.v)) ? sgd_group_find(c->d, &gid) : NULL;
}

enum rc
sgd_rest_groups(struct sgd_call *c)
{
	json_put_open(&c->out, NULL, '{');
	json_put_open(&c->out, "group", '[');
	for (struct sgd_group *g = c->d->groups; g != NULL; g = g->next)
		put_group(&c->out, g);
	buf_puts(&c->out, "]}");
	return sgd_call_answer(c, RC_OK);
}

enum rc
sgd_rest_group(struct sgd_call *c)
{
	struct sgd_group *g = named(c);

	if (g == NULL)
		return sgd_call_refuse(c, RC_NOT_FOUND, NULL);
	put_group(&c->out, g);
	return sgd_call_answer(c, RC_OK);
}

/* ---- reading ---- */

struct wish_body {
	struct slice members, purpose, server;
};

static const struct json_field wish_fields[] = {
	JSON_FIELD(struct wish_body, members, "members", JSON_LIST, true),
	JSON_FIELD(struct wish_body, purpose, "purpose", JSON_TEXT, false),
	JSON_FIELD(struct wish_body, server, "server", JSON_TEXT, false),
};

static bool
is_among(const struct sga_id *id, const struct sga_id *ids, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (sga_id_equal(id, &ids[i]))
			return true;
	return false;
}

/* Each once, without this device, which is a member anyhow. */
static enum rc
read_members(struct sgd_call *c, struct slice list, struct sgd_group_wish *w)
{
	struct sga_id *ids = ARENA_ARRAY(c->arena, struct sga_id, SGA_GROUP_MEMBERS_MAX);
	struct sgd_dest_row row;
	struct slice item, text;
	int more;

	if (ids == NULL)
		return RC_UNAVAILABLE;
	w->members = ids;
	while ((more = json_item(&list, &item)) == 1) {
		struct sga_id id;

		if (!json_item_text(item, &text) || sga_id_make(text, &id) != RC_OK)
			return RC_BAD_REQUEST;
		if (sga_id_equal(&id, &c->d->id) || is_among(&id, ids, w->n))
			continue;
		if (!sgd_peer_row(c->d, &id, &row))
			return RC_NOT_FOUND;
		if (w->n + 1 == SGA_GROUP_MEMBERS_MAX)
			return RC_TOO_LARGE;
		ids[w->n++] = id;
	}
	return more == 0 ? RC_OK : RC_BAD_REQUEST;
}

static enum rc
read_wish(struct sgd_call *c, bool fresh, struct sgd_group_wish *w)
{
	struct wish_body b = { 0 };

	*w = (struct sgd_group_wish){ 0 };
	if (!json_read(c->in->body, wish_fields, fresh ? NITEMS(wish_fields) : 1, &b) ||
	    b.purpose.n > PURPOSE_MAX)
		return RC_BAD_REQUEST;
	w->purpose = b.purpose;
	w->server = b.server.p != NULL    ? sgd_server_of(c->d, b.server)
	            : c->d->n_servers > 0 ? &c->d->servers[0]
	                                  : NULL;
	if (fresh && w->server == NULL)
		return RC_NOT_FOUND;
	return read_members(c, b.members, w);
}

/* ---- changing: the change of the book answers the call ---- */

/* On the book's thread. What is in memory is put right by the courier. */
static void
changed(struct sgd_change *change)
{
	struct sgd_call *c = change->owner;

	sgd_engine_changed(c->d, change->rc == RC_OK);
	if (!sgd_call_claim(c))
		return;
	if (change->rc != RC_OK)
		sgd_call_refuse(c, change->rc, NULL);
	else if (c->op->method == REQ_CREATE)
		sgd_call_answer(c, RC_CREATED);
	else
		sgd_call_done(c, RC_NO_CONTENT);
}

/* rc: of what was put into c->change. */
static enum rc
submit(struct sgd_call *c, enum rc rc)
{
	static const char *const reasons[RC_COUNT] = { [RC_FORBIDDEN] = "owner",
		                                       [RC_CONFLICT] = "state",
		                                       [RC_NO_SPACE] = "groups",
		                                       [RC_NOT_FOUND] = "peer" };

	if (rc == RC_OK && !sgd_call_relist(c))
		rc = RC_UNAVAILABLE;
	if (rc != RC_OK) {
		sgd_change_end(&c->change);
		return sgd_call_refuse(c, rc, reasons[rc]);
	}
	c->d->wishes++;
	c->change.done = changed;
	c->change.owner = c;
	sgd_book_submit(c->d->book, &c->change);
	return RC_PENDING;
}

enum rc
sgd_rest_group_make(struct sgd_call *c)
{
	struct sgd_group_wish w;
	struct sgd_group *g = NULL;
	char hex[2 * SGA_SID_SIZE + 1];
	enum rc rc = read_wish(c, true, &w);

	if (rc == RC_OK && !c->d->signs)
		return sgd_call_refuse(c, RC_CONFLICT, "key");
	sgd_change_begin(&c->change);
	if (rc == RC_OK)
		rc = sgd_group_make(c->d, &w, &c->change, &g);
	if (rc == RC_OK) {
		hex_encode(g->gid.v, sizeof(g->gid.v), hex);
		sgd_call_location(c, "groups", hex);
		json_put_open(&c->out, NULL, '{');
		json_put_text(&c->out, "id", slice_of(hex));
		buf_char(&c->out, '}');
	}
	return submit(c, rc);
}

enum rc
sgd_rest_group_change(struct sgd_call *c)
{
	struct sgd_group *g = named(c);
	struct sgd_group_wish w;
	enum rc rc;

	if (g == NULL)
		return sgd_call_refuse(c, RC_NOT_FOUND, NULL);
	rc = read_wish(c, false, &w);
	w.server = g->server;
	sgd_change_begin(&c->change);
	if (rc == RC_OK)
		rc = sgd_group_change(g, &w, &c->change);
	return submit(c, rc);
}

static enum rc
leave(struct sgd_call *c, bool end)
{
	struct sgd_group *g = named(c);

	if (g == NULL)
		return sgd_call_refuse(c, RC_NOT_FOUND, NULL);
	sgd_change_begin(&c->change);
	return submit(c, sgd_group_leave(g, end, &c->change));
}

enum rc
sgd_rest_group_end(struct sgd_call *c)
{
	return leave(c, true);
}

enum rc
sgd_rest_group_leave(struct sgd_call *c)
{
	return leave(c, false);
}
