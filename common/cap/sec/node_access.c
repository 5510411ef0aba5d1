/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sec/node_access.h"

#include "base/arena.h"
#include "cap/sec/bootstrapper.h"
#include "cap/sec/connector.h"
#include "cap/sec/node_impl.h"
#include "core/scl.h"
#include "sec/jose.h"

#define OBJECT_ARENA (JOSE_HEADER_MAX + 65536u)

/* ---- the own root ---- */

static bool
access_node(void *arg, struct node_id *node, uint32_t *kmr_index)
{
	struct sec *n = arg;
	bool has;

	pthread_mutex_lock(&n->shared);
	has = node_has_root(n);
	*node = has ? n->root.node : (struct node_id){ { 0 } };
	if (kmr_index != NULL)
		*kmr_index = n->root.kmr_index;
	pthread_mutex_unlock(&n->shared);
	return has;
}

typedef enum rc derivation(const struct key *kmr, const struct node_id *node, struct key *out);

static enum rc
access_derive(void *arg, enum sec_use use, struct key *out)
{
	static derivation *const uses[] = { [SEC_USE_AKA] = aka_root,
		                            [SEC_USE_TRIGGER] = trigger_key,
		                            [SEC_USE_INDICATOR] = indicator_key };
	struct sec *n = arg;
	struct node_id node;
	enum rc rc = RC_NOT_FOUND;
	struct key kmr = { { 0 } };
	bool has;

	key_wipe(out);
	pthread_mutex_lock(&n->shared);
	has = node_has_root(n);
	node = n->root.node;
	if (has)
		kmr = *n->kmr;
	pthread_mutex_unlock(&n->shared);
	if (has)
		rc = uses[use](&kmr, &node, out);
	key_wipe(&kmr);
	return rc;
}

/* ---- service connections ---- */

/* The ConnectionId that there is with the NSCL at url, 0: none. */
static uint64_t
connection_at(struct sec *n, struct slice url)
{
	uint64_t id = 0;

	pthread_mutex_lock(&n->shared);
	for (unsigned i = 0; i < n->n_connectors && id == 0; i++)
		if (connector_is_for(n->connectors[i], url) ||
		    connector_is_clear(n->connectors[i], url))
			id = connector_id(n->connectors[i]);
	pthread_mutex_unlock(&n->shared);
	return id;
}

static enum rc
access_session(void *arg, struct slice url, struct sec_session *out)
{
	struct sec *n = arg;
	struct mas_connection conn;
	uint64_t id = connection_at(n, url);

	*out = (struct sec_session){ 0 };
	if (id == 0 || live_find(n->live, id, 0, &conn) != LIVE_OK ||
	    !live_kmc(n->live, id, conn.kmc_index, &out->kmc)) {
		key_wipe(&out->kmc);
		return RC_NOT_FOUND;
	}
	out->connection = id;
	out->kmc_index = conn.kmc_index;
	out->node = conn.node;
	return RC_OK;
}

struct taking {
	struct live *live;
	uint64_t connection;
};

static bool
take(void *arg, uint64_t seq)
{
	const struct taking *t = arg;

	return live_take_object(t->live, t->connection, seq);
}

static enum rc
open_object(struct sec *n, const struct sec_session *s, const struct sec_object *o,
            const struct jose *object, struct buf *out)
{
	struct taking taking = { n->live, s->connection };
	const struct jose_expect want = { .connection = s->connection,
		                          .kmc_index = s->kmc_index,
		                          .direction = OBJ_N2D,
		                          .method = o->method,
		                          .target = o->target,
		                          .take = take,
		                          .arg = &taking };
	struct key key;
	enum rc rc;

	if (object->h.connection != s->connection)
		return RC_NOT_FOUND;
	rc = obj_key(&s->kmc, OBJ_N2D, s->connection, s->kmc_index, &key);
	if (rc == RC_OK)
		rc = jose_open(object, &key, &want, out);
	key_wipe(&key);
	return rc;
}

static enum rc
access_open(void *arg, struct slice url, const struct sec_object *o, struct slice object,
            struct buf *out)
{
	struct sec *n = arg;
	struct arena *a = arena_new(OBJECT_ARENA);
	struct sec_session s = { 0 };
	struct jose parsed;
	enum rc rc = a == NULL ? RC_UNAVAILABLE : jose_parse(object, a, &parsed);

	if (rc == RC_OK)
		rc = access_session(n, url, &s);
	if (rc == RC_OK)
		rc = open_object(n, &s, o, &parsed, out);
	key_wipe(&s.kmc);
	arena_free(a);
	return rc;
}

/* ---- what capabilities keep and bring ---- */

static enum rc
access_book(void *arg, const char *name, struct key *seal, char *dir, size_t size)
{
	struct sec *n = arg;

	return node_keys_book(n->keys, n->conf, name, seal, dir, size);
}

static enum rc
access_psk_add(void *arg, enum psk_kind kind, const struct sec_psk *source)
{
	struct sec *n = arg;

	return psk_sources_add(&n->sources, kind, source);
}

static enum rc
access_credential_set(void *arg, struct slice url, struct credential *c)
{
	struct sec *n = arg;

	return authorities_set(n->authorities, url, c);
}

/* The NSCL is no node, whatever it vouches for. */
static bool
access_peer_node(void *arg, const struct req_input *in, struct node_id *out)
{
	struct sec *n = arg;

	return psk_sources_node(&n->sources, in->peer, out);
}

static void
access_watch(void *arg, struct sec_watcher *w)
{
	struct sec *n = arg;

	watchers_add(&n->watchers, w);
}

static void
access_unwatch(void *arg, struct sec_watcher *w)
{
	struct sec *n = arg;

	watchers_remove(&n->watchers, w);
}

/* ---- anew ---- */

static void
renew_connections(struct scl_task *task)
{
	struct sec *n = (struct sec *)(void *)((char *)task -
	                                       offsetof(struct sec, renew[SEC_RENEW_CONNECTIONS]));

	for (unsigned i = 0; i < n->n_connectors && !node_stopping(n); i++)
		connector_renew(n->connectors[i]);
}

static void
renew_root(struct scl_task *task)
{
	struct sec *n =
		(struct sec *)(void *)((char *)task - offsetof(struct sec, renew[SEC_RENEW_ROOT]));

	if (!node_stopping(n))
		bootstrapper_need(n->boot);
}

static bool
access_renew(void *arg, enum sec_renewal what)
{
	struct sec *n = arg;
	struct node_id node;

	if (node_stopping(n) || (what == SEC_RENEW_ROOT && n->boot == NULL) ||
	    (what == SEC_RENEW_CONNECTIONS && !access_node(n, &node, NULL)))
		return false;
	scl_post(n->scl, &n->renew[what], 0);
	return true;
}

void
node_access_init(struct sec *n)
{
	n->renew[SEC_RENEW_CONNECTIONS].run = renew_connections;
	n->renew[SEC_RENEW_ROOT].run = renew_root;
	n->access = (struct sec_access){
		.arg = n,
		.node = access_node,
		.derive = access_derive,
		.session = access_session,
		.seal = sec_access_none.seal, /* for the network */
		.open = access_open,
		.book = access_book,
		.psk_add = access_psk_add,
		.credential_set = access_credential_set,
		.peer_node = access_peer_node,
		.revoked_watch = access_watch,
		.revoked_unwatch = access_unwatch,
		.renew = access_renew,
	};
}
