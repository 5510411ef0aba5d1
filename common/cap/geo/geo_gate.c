/* SPDX-License-Identifier: Apache-2.0 */
/* What the guard asks, on serving threads: look-ups in memory. */
#include "config.h"

#include "base/uri.h"
#include "cap/geo/geo_impl.h"

#define APPLICATIONS SLICE_LIT("/applications/")

/* The path of a request, without query and a slash at its end. */
static struct slice
path_of(const struct req_input *in)
{
	struct slice path = SLICE_NONE;
	struct uri u;

	if (uri_parse(in->target, &u))
		path = u.path;
	while (path.n > 1 && path.p[path.n - 1] == '/')
		path.n--;
	return path;
}

/* The application in whose name it is, if its App-ID is a node id. */
static bool
node_in(struct slice uri, struct node_id *out)
{
	struct slice mark = APPLICATIONS, id;
	const char *at = uri.n == 0 ? NULL : memmem(uri.p, uri.n, mark.p, mark.n);

	if (at == NULL)
		return false;
	uri = slice_from(uri, (size_t)(at - uri.p) + mark.n);
	return slice_split(&uri, '/', &id) && node_id_parse(id, out);
}

/* in NULL: it is not of the node. */
static enum geo_verdict
verdict(struct geo *g, struct geo_node *n, const struct req_input *in)
{
	enum geo_verdict v = n->policy.action == GEO_END ? GEO_ENDED : GEO_RESTRICTED;
	char id[NODE_ID_TEXT];

	if (n->state.alarm == 0 || n->policy.action == GEO_WARN)
		return GEO_PASS;
	if (v == GEO_RESTRICTED && in != NULL && in->op == REQ_CREATE && n->path[0] != '\0' &&
	    slice_is(path_of(in), n->path))
		return GEO_PASS;
	mas_count(g->counters, v == GEO_ENDED ? GEO_COUNT_ENDED : GEO_COUNT_RESTRICTED, 1);
	if (!n->refused) {
		node_id_text(&n->id, id);
		LOG_WARN(g->parts.log, "geo-refused", LOG_Z("node", id), LOG_Z("scl", n->scl_id),
		         LOG_Z("policy", geo_action_name(n->policy.action)));
	}
	n->refused = true;
	return v;
}

static enum geo_verdict
see(struct geo *g, struct geo_node *n, enum geo_way way, struct slice where,
    const struct req_input *in)
{
	struct geo_now now = geo_now(g);
	bool news = !slice_is(where, n->state.seen[way]);
	unsigned changed = geo_state_seen(&n->state, &n->policy, way, where, false, &now);

	/* Where nothing changes but that, it is stored with what comes next: no request costs a write. */
	n->dirty = n->dirty || news;
	if (changed != 0)
		geo_changed(g, n, changed & n->state.alarm, changed & ~n->state.alarm, "network");
	return verdict(g, n, in);
}

static enum geo_verdict
see_own(struct geo *g, const struct geo_ask *ask)
{
	struct geo_node *n = ask->node == NULL ? NULL : geo_find(g, ask->node);
	struct slice address = ask->in->peer == NULL ? SLICE_NONE : ask->in->peer->address;

	if (n == NULL)
		return GEO_PASS;
	if (ask->scl_id.n > 0 && !slice_is(ask->scl_id, n->scl_id)) {
		geo_name(g, n, ask->scl_id);
		n->dirty = true;
		geo_wake(g, 0);
	}
	return see(g, n, GEO_BY_ADDRESS, address, ask->in);
}

static enum geo_verdict
seen(void *arg, const struct geo_ask *ask, bool *own)
{
	struct geo *g = arg;
	enum geo_verdict v, by_gateway = GEO_PASS;
	struct geo_node *n;
	struct node_id id;

	*own = true;
	if (atomic_load_explicit(&g->known, memory_order_relaxed) == 0)
		return GEO_PASS;
	pthread_mutex_lock(&g->lock);
	v = see_own(g, ask);
	if (ask->scl_id.n > 0 && node_in(ask->issuer, &id) && (n = geo_find(g, &id)) != NULL &&
	    !slice_is(ask->scl_id, n->scl_id))
		by_gateway = see(g, n, GEO_BY_GATEWAY, ask->scl_id, ask->in);
	pthread_mutex_unlock(&g->lock);
	if (v != GEO_PASS)
		return v;
	*own = false;
	return by_gateway;
}

static enum geo_verdict
announced(void *arg, struct slice scl_id, struct slice link)
{
	struct geo *g = arg;
	enum geo_verdict v = GEO_PASS;
	struct geo_node *n;
	struct node_id id;

	if (atomic_load_explicit(&g->known, memory_order_relaxed) == 0 || !node_in(link, &id))
		return GEO_PASS;
	pthread_mutex_lock(&g->lock);
	n = geo_find(g, &id);
	if (n != NULL)
		v = see(g, n, GEO_BY_GATEWAY, scl_id, NULL);
	pthread_mutex_unlock(&g->lock);
	return v;
}

static enum geo_verdict
located_as(void *arg, const struct node_id *node, struct slice target)
{
	struct geo *g = arg;
	struct geo_now now = geo_now(g);
	enum geo_verdict v = GEO_PASS;
	struct geo_node *n;
	unsigned begun;

	pthread_mutex_lock(&g->lock);
	n = geo_find(g, node);
	if (n != NULL) {
		begun = geo_state_located_as(&n->state, &n->policy, target, &now);
		if (begun != 0)
			geo_changed(g, n, begun, 0, "report");
		v = verdict(g, n, NULL);
	}
	pthread_mutex_unlock(&g->lock);
	return v;
}

/* Who writes all the time puts the next look off no more than who writes once. */
static void
expect_report(struct geo *g, struct geo_node *n)
{
	int64_t at = clock_monotonic() + geo_look_wait(GEO_LOOKS);

	if (n->looks == 0 || at < n->look_at)
		n->look_at = at;
	g->n_looking += n->looks == 0;
	n->looks = GEO_LOOKS;
	geo_wake(g, 0);
}

static void
writes(void *arg, const struct req_input *in)
{
	struct geo *g = arg;
	struct geo_node *n;

	if (atomic_load_explicit(&g->known, memory_order_relaxed) == 0)
		return;
	pthread_mutex_lock(&g->lock);
	n = geo_find_path(g, path_of(in));
	if (n != NULL)
		expect_report(g, n);
	pthread_mutex_unlock(&g->lock);
}

static bool
cuts(void *arg, const struct node_id *node)
{
	struct geo *g = arg;
	const struct geo_node *n;
	bool yes = false;

	if (atomic_load_explicit(&g->known, memory_order_relaxed) == 0)
		return false;
	pthread_mutex_lock(&g->lock);
	n = geo_find(g, node);
	if (n != NULL && n->cut_until != 0)
		yes = clock_monotonic() < n->cut_until;
	pthread_mutex_unlock(&g->lock);
	return yes;
}

void
geo_gate_fill(struct geo *g)
{
	g->gate = (struct geo_gate){ .arg = g,
		                     .seen = seen,
		                     .announced = announced,
		                     .located_as = located_as,
		                     .writes = writes,
		                     .cuts = cuts };
}
