/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of devices: who registers them, who may have them, when they end. */
#include "config.h"

#include "cap/sd/sd_network_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "codec/json_fields.h"
#include "sec/b64url.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))

/* One change under way; in the arena of its request. */
struct registering {
	struct sd_network *net;
	struct req *rq;
	struct sd_known *known;
	unsigned revocations; /* when it came */
	struct slice pop; /* empty: there is no BLS key */
	uint8_t pop_octets[SD_BLS_PROOF_SIZE];
	struct sd_keys keys;
	bool is_new;
	struct pool_job job;
	struct sd_change change;
};

/* ---- what is registered ---- */

static bool
take_octets(struct slice text, uint8_t *to, size_t n)
{
	return b64url_octets(text.n) == n && b64url_decode(text, to);
}

static bool
take_bls(struct slice object, struct registering *g)
{
	struct {
		struct slice pk, pop;
	} w = { SLICE_NONE, SLICE_NONE };
	const struct json_field fields[] = {
		{ "pk", JSON_TEXT, true, 0 },
		{ "pop", JSON_TEXT, true, sizeof(struct slice) },
	};

	if (!json_read(object, fields, NITEMS(fields), &w) ||
	    !take_octets(w.pk, g->keys.bls, sizeof(g->keys.bls)) ||
	    !take_octets(w.pop, g->pop_octets, sizeof(g->pop_octets)))
		return false;
	g->keys.has_bls = true;
	g->pop = slice_make(g->pop_octets, sizeof(g->pop_octets));
	return true;
}

/* The next segment of *path, which begins with a slash. False: there is none, or an empty one. */
static bool
take_segment(struct slice *path, struct slice *segment)
{
	struct slice rest = *path;

	if (rest.n < 2 || rest.p[0] != '/')
		return false;
	rest = slice_from(rest, 1);
	*segment = rest;
	while (rest.n > 0 && rest.p[0] != '/') {
		if (rest.p[0] <= ' ' || rest.p[0] == '?' || rest.p[0] == '#')
			return false;
		rest = slice_from(rest, 1);
	}
	*segment = slice_head(*segment, segment->n - rest.n);
	*path = rest;
	return segment->n > 0;
}

/* *path without a collection of that name and one of its members, when it begins with them. */
static void
skip(struct slice *path, const char *collection)
{
	struct slice rest = *path, name, member;

	if (take_segment(&rest, &name) && slice_is(name, collection) &&
	    take_segment(&rest, &member))
		*path = rest;
}

/*
 * The path of a container of this SCL: what an application's aPoC or the members of a group answer
 * would hold up the readings of all others, or take them without keeping them.
 */
static bool
take_container(const struct sd_network *net, struct slice text, struct sd_keys *keys)
{
	struct slice base = scl_base_path(net->scl), path, containers, name;

	if (text.n > SD_CONTAINER_MAX || !slice_starts(text, base))
		return false;
	path = slice_from(text, base.n);
	skip(&path, "scls");
	skip(&path, "applications");
	if (!take_segment(&path, &containers) || !slice_is(containers, "containers") ||
	    !take_segment(&path, &name) || path.n > 0)
		return false;
	memcpy(keys->container, text.p, text.n);
	keys->container[text.n] = '\0';
	return true;
}

static bool
take_keys(struct registering *g, struct slice body)
{
	struct {
		struct slice container, ed25519, bls;
	} w = { SLICE_NONE, SLICE_NONE, SLICE_NONE };
	const struct json_field fields[] = {
		{ "container", JSON_TEXT, true, 0 },
		{ "ed25519", JSON_TEXT, false, sizeof(struct slice) },
		{ "bls", JSON_OBJECT, false, 2 * sizeof(struct slice) },
	};

	if (!json_read(body, fields, NITEMS(fields), &w) ||
	    !take_container(g->net, w.container, &g->keys))
		return false;
	if (w.ed25519.p != NULL) {
		if (!take_octets(w.ed25519, g->keys.ed25519.v, SIGN_PUBLIC_SIZE) ||
		    !sign_public_ok(&g->keys.ed25519))
			return false;
		g->keys.has_ed25519 = true;
	}
	return w.bls.p == NULL || take_bls(w.bls, g);
}

/* ---- a change, until it is durable ---- */

static void
end(struct registering *g, enum rc rc)
{
	struct sd_network *net = g->net;
	struct req *rq = g->rq;

	endpoint_finish(rq, rc);
	net_leave(net, &net->n_changes);
}

static bool
may_put(const struct sd_change *c)
{
	const struct registering *g = c->owner;

	return sd_known_revocations(g->net->table, g->known) == g->revocations;
}

static void
put(struct sd_change *c)
{
	struct registering *g = c->owner;
	struct sd_network *net = g->net;
	char text[48];
	int n;

	if (c->rc == RC_OK)
		c->rc = sd_known_set_keys(net->table, g->known, &g->keys, g->revocations);
	if (c->rc != RC_OK) {
		if (c->rc == RC_FORBIDDEN)
			end(g, endpoint_refuse(g->rq, RC_FORBIDDEN, SLICE_LIT("AUTH_FAILED")));
		else
			end(g, net_overload(net, g->rq, 2));
		return;
	}
	n = snprintf(text, sizeof(text), "{\"seq\":%" PRIu64 "}",
	             sd_known_trace(net->table, g->known).seq);
	end(g, endpoint_answer(g->rq, g->is_new ? RC_CREATED : RC_OK, NET_JSON,
	                       slice_make(text, (size_t)n)));
}

static void
submit(struct registering *g)
{
	g->change.keys = &g->keys;
	g->change.may = may_put;
	g->change.done = put;
	g->change.owner = g;
	sd_book_put_keys(g->net->book, &g->change);
}

static enum rc
refuse_keys(struct sd_network *net, struct req *rq)
{
	net_count(net, NET_COUNT_BAD_KEYS);
	return endpoint_refuse(rq, RC_BAD_REQUEST, SLICE_LIT("BAD_PARAM"));
}

/* On the pool: whether the device has the key that it registers. */
static void
prove(struct pool_job *job)
{
	struct registering *g = NET_OF(job, struct registering, job);
	struct slice pk = slice_make(g->keys.bls, sizeof(g->keys.bls));
	struct sd_bls_public key;
	enum rc rc = job->ending ? RC_UNAVAILABLE : sd_bls_public_prove(pk, g->pop, &key);

	if (rc == RC_OK) {
		submit(g);
	} else if (rc == RC_FORBIDDEN) {
		net_count(g->net, NET_COUNT_POP);
		LOG_WARN(g->net->log, "smalldata-key-refused", LOG_Z("device", g->keys.scl_id),
		         LOG_Z("reason", "SD_POP"));
		end(g, endpoint_refuse(g->rq, rc, SLICE_LIT("SD_POP")));
	} else if (rc == RC_BAD_REQUEST) {
		end(g, refuse_keys(g->net, g->rq));
	} else if (rc == RC_NOT_IMPLEMENTED) {
		end(g, endpoint_refuse(g->rq, rc, SLICE_LIT("SD_ALG")));
	} else {
		end(g, net_overload(g->net, g->rq, 2));
	}
}

static void
begin_put(struct req *rq)
{
	struct registering *g = endpoint_state(rq);

	if (g->pop.n == 0) {
		submit(g);
		return;
	}
	g->job.run = prove;
	pool_submit(g->net->pool, POOL_FOREIGN, &g->job);
}

static bool
is_json(struct slice type)
{
	struct slice essence = SLICE_NONE;

	(void)slice_split(&type, ';', &essence);
	while (essence.n > 0 && essence.p[essence.n - 1] == ' ')
		essence.n--;
	return essence.n == strlen(NET_JSON) && strncasecmp(essence.p, NET_JSON, essence.n) == 0;
}

/* The device of the path, in an arena that ends with the request. NULL: refused, *rc. */
static struct registering *
changing(struct sd_network *net, struct req *rq, const struct node_id *id,
         const struct endpoint_who *who, enum rc *rc)
{
	struct registering *g = ARENA_NEW(req_arena(rq), struct registering);

	if (g == NULL || who->scl_id.n == 0 || who->scl_id.n > SCL_ID_MAX) {
		*rc = net_overload(net, rq, 2);
		return NULL;
	}
	memset(g, 0, sizeof(*g));
	g->net = net;
	g->rq = rq;
	g->change.id = *id;
	memcpy(g->keys.scl_id, who->scl_id.p, who->scl_id.n);
	return g;
}

static enum rc
serve_put(struct sd_network *net, struct req *rq, const struct req_input *in,
          const struct node_id *id, const struct endpoint_who *who)
{
	enum rc rc = RC_OK;
	struct registering *g;

	if (!is_json(in->content_type))
		return endpoint_refuse(rq, RC_MEDIA_TYPE, SLICE_NONE);
	g = changing(net, rq, id, who, &rc);
	if (g == NULL)
		return rc;
	if (!take_keys(g, in->body))
		return refuse_keys(net, rq);
	rc = sd_known_enter(net->table, id, &g->known);
	if (rc == RC_NO_SPACE)
		return endpoint_refuse(rq, rc, SLICE_LIT("FULL"));
	if (rc != RC_OK || conn_id_make(&g->keys.revision) != RC_OK ||
	    !net_enter(net, &net->n_changes, net->conf.waiting_max))
		return net_overload(net, rq, 1);
	g->keys.known = true;
	g->is_new = !sd_known_has(net->table, g->known, SD_IDENTITY);
	g->revocations = sd_known_revocations(net->table, g->known);
	return endpoint_pend(rq, begin_put, g);
}

/* ---- the end of keys ---- */

static void
removed(struct sd_change *c)
{
	struct registering *g = c->owner;

	if (c->rc != RC_OK) {
		end(g, net_overload(g->net, g->rq, 2));
		return;
	}
	/* One that was revoked meanwhile has none either. */
	(void)sd_known_set_keys(g->net->table, g->known, NULL, g->revocations);
	end(g, endpoint_answer(g->rq, RC_NO_CONTENT, NET_JSON, SLICE_NONE));
}

static void
begin_delete(struct req *rq)
{
	struct registering *g = endpoint_state(rq);

	g->change.done = removed;
	g->change.owner = g;
	sd_book_put_keys(g->net->book, &g->change);
}

static enum rc
serve_delete(struct sd_network *net, struct req *rq, const struct node_id *id,
             const struct endpoint_who *who)
{
	struct sd_known *k = sd_known_find(net->table, id);
	struct registering *g;
	enum rc rc = RC_OK;

	if (k == NULL || !sd_known_has(net->table, k, SD_IDENTITY))
		return endpoint_refuse(rq, RC_NOT_FOUND, SLICE_NONE);
	g = changing(net, rq, id, who, &rc);
	if (g == NULL)
		return rc;
	if (!net_enter(net, &net->n_changes, net->conf.waiting_max))
		return net_overload(net, rq, 1);
	g->known = k;
	g->revocations = sd_known_revocations(net->table, k);
	return endpoint_pend(rq, begin_delete, g);
}

struct ending {
	struct sd_network *net;
	struct sd_change change;
};

static void
ended(struct sd_change *c)
{
	struct ending *e = c->owner;
	struct sd_network *net = e->net;

	if (c->rc != RC_OK)
		LOG_ERROR(net->log, "smalldata-store-failed", LOG_Z("why", status_of(c->rc)->text));
	free(e);
	net_leave(net, &net->n_changes);
}

void
net_keys_revoked(struct sd_network *net, const struct node_id *node)
{
	struct sd_known *k = sd_known_find(net->table, node);
	struct ending *e;
	char text[NODE_ID_TEXT];

	if (k == NULL)
		return;
	node_id_text(node, text);
	if (sd_known_revoke(net->table, k))
		LOG_INFO(net->log, "smalldata-keys-revoked", LOG_Z("device", text));
	e = calloc(1, sizeof(*e));
	if (e == NULL) {
		LOG_ERROR(net->log, "smalldata-store-failed",
		          LOG_Z("why", status_of(RC_UNAVAILABLE)->text));
		return;
	}
	net_hold(net, &net->n_changes);
	e->net = net;
	e->change = (struct sd_change){ .id = *node, .done = ended, .owner = e };
	sd_book_put_keys(net->book, &e->change);
}

/* ---- who ---- */

enum rc
net_keys_serve(void *arg, struct req *rq, const struct req_input *in)
{
	struct sd_network *net = arg;
	struct node_id peer, id;
	struct endpoint_who who;
	enum rc rc = endpoint_identify(rq, &who);

	if (rc != RC_OK)
		return rc;
	if (!net_peer(net, in, &peer))
		return endpoint_refuse(rq, RC_DENIED, SLICE_LIT("AUTH_FAILED"));
	if (net_identity_is(endpoint_rest(rq)))
		return net_identity_serve(net, rq, in, &peer);
	if (!node_id_parse(endpoint_rest(rq), &id))
		return endpoint_refuse(rq, RC_NOT_FOUND, SLICE_NONE);
	if (in->op == REQ_RETRIEVE)
		return net_answer_keys(net, rq, &id);
	if (in->op != REQ_UPDATE && in->op != REQ_DELETE)
		return endpoint_not_allowed(rq, "GET, PUT, DELETE");
	if (!node_id_eq(&peer, &id))
		return endpoint_refuse(rq, RC_FORBIDDEN, SLICE_LIT("AUTH_FAILED"));
	return in->op == REQ_UPDATE ? serve_put(net, rq, in, &id, &who)
	                            : serve_delete(net, rq, &id, &who);
}
