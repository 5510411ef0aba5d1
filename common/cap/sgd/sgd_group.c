/* SPDX-License-Identifier: Apache-2.0 */
/* Groups: what is kept of them, what their owner and their members do. */
#include "config.h"

#include "cap/sgd/sgd_group.h"

#include <stdio.h>
#include <stdlib.h>

#include "codec/json_fields.h"
#include "sec/hex.h"
#include "store/pack.h"

#define FORMAT 1u
#define ROW_MAX ((size_t)128 << 10)
#define PURPOSE_MAX (sizeof(((struct sgd_group *)0)->purpose) - 1)

/* ---- in the book: version 1, state 1, own 1, lv16 ID_G, lv16 purpose, team, coming:
 *      each lv16 secret part, lv16 open part, both empty when there is none ---- */

static enum rc
put_team(const struct sga_team *t, struct buf *to)
{
	struct buf secret, open;
	enum rc rc = RC_OK;

	buf_init(&secret, ROW_MAX);
	secret.secret = true;
	buf_init(&open, ROW_MAX);
	if (t != NULL)
		rc = sga_team_save(t, &secret, &open);
	pack_text(to, buf_view(&secret));
	pack_text(to, buf_view(&open));
	if (secret.failed || open.failed)
		rc = RC_UNAVAILABLE;
	json_wipe(&secret);
	buf_fini(&open);
	return rc;
}

enum rc
sgd_group_put(struct sgd_group *g, struct sgd_change *c)
{
	struct table_key k = sgd_key(SGD_T_GROUP, g->gid.v, sizeof(g->gid.v));
	struct buf b;
	enum rc rc;

	buf_init(&b, ROW_MAX);
	b.secret = true;
	buf_be(&b, FORMAT, 1);
	buf_be(&b, (uint64_t)g->state, 1);
	buf_be(&b, g->own, 1);
	pack_text(&b, sga_id_slice(&g->server->id));
	pack_text(&b, slice_of(g->purpose));
	rc = put_team(g->team, &b);
	if (rc == RC_OK)
		rc = put_team(g->coming, &b);
	if (rc == RC_OK && b.failed)
		rc = RC_UNAVAILABLE;
	if (rc == RC_OK)
		sgd_change_put_secret(c, &k, buf_view(&b));
	json_wipe(&b);
	return rc;
}

static bool
get_team(struct unpack *u, struct sga_team **out)
{
	struct slice secret = unpack_text(u, UINT16_MAX);
	struct slice open = unpack_text(u, UINT16_MAX);

	sga_team_free(*out);
	*out = NULL;
	if (u->bad || secret.n == 0)
		return !u->bad;
	return sga_team_load(secret, open, out) == RC_OK;
}

/* Behind the version. */
static bool
read_row(struct sgd_group *g, struct unpack *u)
{
	g->state = (enum sgd_group_state)unpack_enum(u, SGD_G_FAILED);
	g->own = unpack_flag(u);
	unpack_text(u, SGA_ID_MAX);
	unpack_string(u, g->purpose, PURPOSE_MAX);
	return get_team(u, &g->team) && get_team(u, &g->coming) && unpack_done(u);
}

struct sgd_group *
sgd_group_add(struct sgd_server *s, const struct sga_sid *gid)
{
	struct sgd_dest_row row = { .group = true, .server = s->id };
	char hex[2 * SGA_SID_SIZE + 1];
	struct sgd_group *g;

	hex_encode(gid->v, sizeof(gid->v), hex);
	if (s->all->n_groups >= s->all->conf->device.joined_max ||
	    sga_id_make(slice_of(hex), &row.name) != RC_OK)
		return NULL;
	g = calloc(1, sizeof(*g));
	if (g == NULL)
		return NULL;
	g->server = s;
	g->gid = *gid;
	g->to = sgd_to_get(s->all, &row);
	if (g->to == NULL) {
		free(g);
		return NULL;
	}
	g->to->group = g;
	g->next = s->all->groups;
	s->all->groups = g;
	s->all->n_groups++;
	return g;
}

void
sgd_group_free(struct sgd_group *g)
{
	struct sgd *d = g->server->all;
	struct sgd_group **at = &d->groups;

	while (*at != g)
		at = &(*at)->next;
	*at = g->next;
	d->n_groups--;
	g->to->group = NULL;
	sga_team_free(g->team);
	sga_team_free(g->coming);
	sgd_out_free(&g->out);
	free(g);
}

struct loading {
	struct sgd *d;
	enum rc rc;
};

static bool
load_one(void *arg, struct slice rest, struct slice val)
{
	struct loading *l = arg;
	struct unpack u = unpack_of(val), at;
	struct sgd_server *s;
	struct sgd_group *g;
	struct sga_sid gid;

	l->rc = RC_INTERNAL;
	if (rest.n != sizeof(gid.v) || unpack_number(&u, 1, UINT8_MAX) != FORMAT)
		return false;
	memcpy(gid.v, rest.p, sizeof(gid.v));
	at = u;
	unpack_number(&at, 1, UINT8_MAX);
	unpack_number(&at, 1, UINT8_MAX);
	s = sgd_server_of(l->d, unpack_text(&at, SGA_ID_MAX));
	l->rc = RC_OK;
	/* Of a server that is not configured any more, or one too many: it stays in the book. */
	g = s == NULL ? NULL : sgd_group_add(s, &gid);
	if (g == NULL || read_row(g, &u))
		return true;
	l->rc = RC_INTERNAL;
	return false;
}

static bool
count_held(void *arg, struct slice rest, struct slice val)
{
	struct sgd *d = arg;
	struct unpack u = unpack_of(slice_from(rest, SGA_SID_SIZE));
	uint64_t number = unpack_number(&u, 8, UINT64_MAX);

	d->n_held++;
	d->held_octets += val.n;
	if (number > d->held)
		d->held = number;
	return true;
}

enum rc
sgd_group_load_all(struct sgd *d)
{
	struct table_key all = sgd_key(SGD_T_GROUP, NULL, 0), held = sgd_key(SGD_T_HELD, NULL, 0);
	struct loading l = { .d = d, .rc = RC_OK };
	enum rc rc = sgd_book_scan(d->book, &all, SLICE_NONE, 0, true, load_one, &l);

	d->n_held = d->held_octets = 0;
	if (rc == RC_OK)
		rc = l.rc;
	return rc == RC_OK ? sgd_book_scan(d->book, &held, SLICE_NONE, 0, false, count_held, d)
	                   : rc;
}

struct sgd_group *
sgd_group_find(struct sgd *d, const struct sga_sid *gid)
{
	for (struct sgd_group *g = d->groups; g != NULL; g = g->next)
		if (sga_sid_equal(&g->gid, gid))
			return g;
	return NULL;
}

/* ---- epochs that this device makes ---- */

/* Whose key is not known can only receive. */
static void
member_of(struct sgd_server *s, const struct sga_id *id, struct sga_member *out)
{
	struct sgd *d = s->all;
	const struct sgd_dest_row row = { .server = s->id, .name = *id };
	struct sgd_to *to = sga_id_equal(id, &d->id) ? NULL : sgd_to_get(d, &row);

	*out = (struct sga_member){ .id = *id };
	if (sga_id_equal(id, &d->id)) {
		out->signs = d->signs;
		out->sign = d->sign;
	} else if (to != NULL && to->has_sign) {
		out->signs = true;
		out->sign = to->sign;
	}
}

static uint16_t
cipher_of(const struct sgd_server *s)
{
	const struct sga_conf *c = s->all->conf;
	uint16_t has = sga_device_package(s->device)->ciphers;

	for (size_t i = 0; i < c->n_ciphers; i++)
		if ((has & sga_cipher_bit(c->ciphers[i])) != 0)
			return c->ciphers[i];
	return 0;
}

/* ids: without this device. */
static enum rc
make_epoch(struct sgd_server *s, const struct sga_sid *gid, uint32_t epoch,
           const struct sga_id *ids, size_t n, struct sga_team **out)
{
	struct sga_member *m = calloc(n + 1, sizeof(*m));
	struct sga_team_conf conf = {
		.gid = *gid, .epoch = epoch, .cid = cipher_of(s), .members = m, .count = n + 1
	};
	enum rc rc;

	if (m == NULL)
		return RC_UNAVAILABLE;
	member_of(s, &s->all->id, &m[0]);
	for (size_t i = 0; i < n; i++)
		member_of(s, &ids[i], &m[i + 1]);
	rc = sga_team_make(s->device, &conf, NULL, out);
	free(m);
	return rc;
}

enum rc
sgd_group_make(struct sgd *d, const struct sgd_group_wish *w, struct sgd_change *c,
               struct sgd_group **out)
{
	struct sgd_group *g;
	struct sga_team *t;
	struct sga_sid gid = { { 0 } };
	enum rc rc = secret_random(gid.v, sizeof(gid.v));

	(void)d;
	if (rc == RC_OK && w->server->device == NULL)
		rc = RC_UNAVAILABLE;
	if (rc == RC_OK)
		rc = make_epoch(w->server, &gid, 1, w->members, w->n, &t);
	if (rc != RC_OK)
		return rc;
	g = sgd_group_add(w->server, &gid);
	if (g == NULL) {
		sga_team_free(t);
		return RC_NO_SPACE;
	}
	g->own = true;
	g->state = SGD_G_NEW;
	g->coming = t;
	slice_copy(w->purpose, g->purpose, sizeof(g->purpose));
	*out = g;
	return sgd_group_put(g, c);
}

enum rc
sgd_group_next(struct sgd_group *g, const struct sgd_group_wish *w)
{
	struct sga_team *t;
	enum rc rc =
		make_epoch(g->server, &g->gid, sga_team_epoch(g->team) + 1, w->members, w->n, &t);

	if (rc != RC_OK)
		return rc;
	sga_team_free(g->coming);
	g->coming = t;
	g->state = SGD_G_EPOCH;
	g->until = 0;
	return RC_OK;
}

enum rc
sgd_group_change(struct sgd_group *g, const struct sgd_group_wish *w, struct sgd_change *c)
{
	enum rc rc;

	if (!g->own)
		return RC_FORBIDDEN;
	if ((g->state != SGD_G_CURRENT && g->state != SGD_G_STALE) || g->busy || g->team == NULL)
		return RC_CONFLICT;
	rc = sgd_group_next(g, w);
	return rc == RC_OK ? sgd_group_put(g, c) : rc;
}

enum rc
sgd_group_leave(struct sgd_group *g, bool end, struct sgd_change *c)
{
	if (g->own != end)
		return RC_FORBIDDEN;
	g->state = end ? SGD_G_ENDING : SGD_G_LEAVING;
	g->until = 0;
	return sgd_group_put(g, c);
}

/* The key goes to each member in a record of the session with it. */
static enum rc
queue_keys(struct sgd_group *g, struct sgd_change *c)
{
	struct sgd_server *s = g->server;
	const struct sga_member *m;
	struct buf data;
	enum rc rc;

	buf_init(&data, SGA_GROUP_KEY_MAX);
	data.secret = true;
	rc = sga_team_key_write(g->team, &data);
	for (size_t i = 0; rc == RC_OK && (m = sga_team_member_at(g->team, i)) != NULL; i++) {
		struct sgd_dest_row row = { .server = s->id, .name = m->id };

		if (!sga_id_equal(&m->id, &s->all->id) && sgd_to_get(s->all, &row) != NULL)
			sgd_change_queue(c, &row, SGD_KIND_GROUP_KEY, buf_view(&data), false);
	}
	json_wipe(&data);
	return rc;
}

/* The gateway knows the epoch that was coming. */
enum rc
sgd_group_begin(struct sgd_group *g, struct sgd_change *c)
{
	enum rc rc;

	sga_team_free(g->team);
	g->team = g->coming;
	g->coming = NULL;
	g->state = SGD_G_CURRENT;
	g->to->waits = true;
	sgd_out_drop(&g->out, &g->gid, g->to, c);
	rc = queue_keys(g, c);
	return rc == RC_OK ? sgd_group_put(g, c) : rc;
}

void
sgd_group_refused(struct sgd_group *g, struct sgd_change *c)
{
	if (g->state == SGD_G_CURRENT)
		g->state = SGD_G_STALE;
	if (sgd_group_put(g, c) != RC_OK)
		c->ops.failed = true;
}
