/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes with a policy, by their id and by where their reports go. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "cap/geo/geo_impl.h"
#include "store/pack.h"

#define INSTANCES "/contentInstances"

static unsigned
bucket(struct slice key)
{
	unsigned hash = 5381;

	for (size_t i = 0; i < key.n; i++)
		hash = hash * 33 + (unsigned char)key.p[i];
	return hash % GEO_BUCKETS;
}

static struct geo_node **
place_of_id(struct geo *g, const struct node_id *id)
{
	struct geo_node **at = &g->by_id[bucket(slice_make(id->v, NODE_ID_BYTES))];

	while (*at != NULL && !node_id_eq(&(*at)->id, id))
		at = &(*at)->by_id;
	return at;
}

struct geo_node *
geo_find(struct geo *g, const struct node_id *id)
{
	return *place_of_id(g, id);
}

struct geo_node *
geo_find_path(struct geo *g, struct slice path)
{
	struct geo_node *n = g->by_path[bucket(path)];

	while (n != NULL && !slice_is(path, n->path))
		n = n->by_path;
	return n;
}

/* ---- where its reports go ---- */

static void
unlink_path(struct geo *g, struct geo_node *n)
{
	struct geo_node **at = &g->by_path[bucket(slice_of(n->path))];

	if (n->path[0] == '\0')
		return;
	while (*at != n)
		at = &(*at)->by_path;
	*at = n->by_path;
	n->path[0] = '\0';
}

static void
write_path(const struct geo *g, struct geo_node *n)
{
	struct slice base = scl_base_path(g->parts.scl), own = n->policy.container;
	int len = 0;

	if (own.n == 0)
		own = slice_of(g->parts.conf->container);
	if (own.n > 0 && own.p[0] == '/')
		len = snprintf(n->path, sizeof(n->path), "%.*s" INSTANCES, (int)own.n, own.p);
	else if (n->scl_id[0] != '\0')
		len = snprintf(n->path, sizeof(n->path), "%.*s/scls/%s/containers/%.*s" INSTANCES,
		               (int)base.n, base.p, n->scl_id, (int)own.n, own.p);
	if (len < 0 || (size_t)len >= sizeof(n->path))
		n->path[0] = '\0';
}

static void
link_path(struct geo *g, struct geo_node *n)
{
	struct geo_node **head;

	write_path(g, n);
	if (n->path[0] == '\0')
		return;
	head = &g->by_path[bucket(slice_of(n->path))];
	n->by_path = *head;
	*head = n;
}

void
geo_name(struct geo *g, struct geo_node *n, struct slice scl_id)
{
	unlink_path(g, n);
	(void)slice_copy(scl_id, n->scl_id, sizeof(n->scl_id));
	link_path(g, n);
}

/* ---- changes ---- */

static enum rc
add(struct geo *g, const struct node_id *id, struct geo_node **out)
{
	struct geo_node *n;

	if (g->n >= g->parts.conf->nodes_max)
		return RC_NO_SPACE;
	n = calloc(1, sizeof(*n));
	if (n == NULL)
		return RC_UNAVAILABLE;
	n->id = *id;
	*place_of_id(g, id) = n;
	atomic_store(&g->known, ++g->n);
	*out = n;
	return RC_OK;
}

/* What has changed by another policy, of which nothing has been said yet. */
static void
judge_again(struct geo *g, struct geo_node *n, unsigned wrong, enum geo_action was, const char *by)
{
	struct geo_now now = geo_now(g);
	unsigned changed = geo_state_judged(&n->state, &n->policy, wrong, &now);

	n->dirty = true;
	if (changed != 0)
		geo_changed(g, n, changed & n->state.alarm, changed & ~n->state.alarm, by);
	if (n->policy.action == was)
		return;
	n->refused = false;
	if (n->state.alarm != 0 && n->policy.action == GEO_END)
		geo_cut(n);
}

enum rc
geo_put(struct geo *g, const struct node_id *id, char *json, size_t n_json, const char *by)
{
	struct geo_node *n = geo_find(g, id);
	bool known = n != NULL;
	struct geo_policy policy;
	enum geo_action was;
	unsigned wrong;
	const char *why;
	enum rc rc = geo_policy_read(slice_make(json, n_json), &policy, &why);

	if (rc == RC_OK && n == NULL)
		rc = add(g, id, &n);
	if (rc != RC_OK) {
		free(json);
		return rc;
	}
	was = n->policy.action;
	wrong = geo_state_wrong(&n->state, &n->policy);
	unlink_path(g, n);
	free(n->json);
	n->json = json;
	n->n_json = n_json;
	n->policy = policy;
	link_path(g, n);
	if (known)
		judge_again(g, n, wrong, was, by);
	return RC_OK;
}

static void
node_free(struct geo_node *n)
{
	free(n->json);
	free(n);
}

bool
geo_drop(struct geo *g, const struct node_id *id)
{
	struct geo_node **at = place_of_id(g, id), *n = *at;

	if (n == NULL)
		return false;
	unlink_path(g, n);
	g->n_looking -= n->looks > 0;
	*at = n->by_id;
	node_free(n);
	atomic_store(&g->known, --g->n);
	return true;
}

void
geo_table_free(struct geo *g)
{
	for (unsigned i = 0; i < GEO_BUCKETS; i++)
		while (g->by_id[i] != NULL) {
			struct geo_node *n = g->by_id[i];

			g->by_id[i] = n->by_id;
			node_free(n);
		}
}

/* ---- records of states ---- */

bool
geo_state_pack(const struct geo_node *n, struct buf *to)
{
	const struct geo_state *s = &n->state;

	buf_be(to, s->alarm, 1);
	buf_be(to, n->untold, 1);
	buf_be(to, (uint64_t)s->since, 8);
	pack_text(to, slice_of(n->scl_id));
	for (unsigned i = 0; i < GEO_WAYS; i++) {
		pack_text(to, slice_of(s->seen[i]));
		pack_text(to, slice_of(s->then[i]));
	}
	buf_be(to, s->way, 1);
	return !to->failed;
}

bool
geo_state_unpack(struct geo *g, struct geo_node *n, struct slice record)
{
	struct unpack u = unpack_of(record);
	struct geo_state *s = &n->state;
	struct slice scl_id;

	*s = (struct geo_state){ .alarm = (unsigned)unpack_number(&u, 1, GEO_ALARMS) };
	n->untold = unpack_flag(&u);
	s->since = unpack_time(&u);
	scl_id = unpack_text(&u, SCL_ID_MAX);
	for (unsigned i = 0; i < GEO_WAYS; i++) {
		unpack_string(&u, s->seen[i], GEO_NAME_MAX);
		unpack_string(&u, s->then[i], GEO_NAME_MAX);
	}
	s->way = (enum geo_way)unpack_number(&u, 1, GEO_WAYS - 1);
	if (!unpack_done(&u))
		return false;
	geo_name(g, n, scl_id);
	return true;
}
