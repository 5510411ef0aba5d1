/* SPDX-License-Identifier: Apache-2.0 */
/* What other capabilities of an NSCL may ask of its SEC capability. */
#include "config.h"

#include "cap/sec/network_impl.h"
#include "sec/jose.h"

/* ---- objects for a node ---- */

static enum rc
object_key(struct sec *s, const struct mas_connection *conn, struct key *out)
{
	struct key kmc;
	enum rc rc = RC_NOT_FOUND;

	key_wipe(out);
	if (live_kmc(s->live, conn->id, conn->kmc_index, &kmc))
		rc = obj_key(&kmc, OBJ_N2D, conn->id, conn->kmc_index, out);
	key_wipe(&kmc);
	return rc;
}

/* The number comes from where those of mId do: with one key none is used twice. */
static enum rc
access_seal(void *arg, uint64_t connection, const struct sec_object *o, struct slice body,
            struct buf *out)
{
	struct sec *s = arg;
	struct jose_header h = { .connection = connection,
		                 .direction = OBJ_N2D,
		                 .cty = o->media_type,
		                 .method = o->method,
		                 .target = o->target };
	struct mas_connection conn;
	struct key key;
	enum rc rc;

	if (connection == 0 || live_find(s->live, connection, 0, &conn) != LIVE_OK)
		return RC_NOT_FOUND;
	h.kmc_index = conn.kmc_index;
	rc = object_key(s, &conn, &key);
	if (rc == RC_OK)
		rc = live_next_object(s->live, connection, &h.seq);
	if (rc == RC_OK)
		rc = jose_seal(&h, &key, body, out);
	key_wipe(&key);
	return rc;
}

/* ---- what capabilities keep and bring ---- */

/* An NSCL has no keys of its own but these: the store is made when the first one is asked for. */
static enum rc
access_book(void *arg, const char *name, struct key *seal, char *dir, size_t size)
{
	static const struct ppid none;
	struct sec *s = arg;
	char why[SEC_WHY_MAX] = "";
	enum rc rc = RC_OK;

	key_wipe(seal);
	if (s->keys == NULL)
		rc = node_keys_open(&s->conf, &none, true, &s->keys, why);
	if (rc == RC_OK)
		return node_keys_book(s->keys, &s->conf, name, seal, dir, size);
	LOG_ERROR(s->conf.log, "keystore", LOG_Z("reason", why));
	return rc;
}

static enum rc
access_psk_add(void *arg, enum psk_kind kind, const struct sec_psk *source)
{
	struct sec *s = arg;

	return psk_sources_add(&s->sources, kind, source);
}

static enum rc
access_credential_set(void *arg, struct slice url, struct credential *c)
{
	struct sec *s = arg;

	return authorities_set(s->authorities, url, c);
}

static bool
access_peer_node(void *arg, const struct req_input *in, struct node_id *out)
{
	struct sec *s = arg;
	struct mas_connection conn;

	if (in->connection_id == 0)
		return psk_sources_node(&s->sources, in->peer, out);
	if (live_find(s->live, in->connection_id, 0, &conn) != LIVE_OK) {
		*out = (struct node_id){ { 0 } };
		return false;
	}
	*out = conn.node;
	return true;
}

static void
access_watch(void *arg, struct sec_watcher *w)
{
	struct sec *s = arg;

	watchers_add(&s->watchers, w);
}

static void
access_unwatch(void *arg, struct sec_watcher *w)
{
	struct sec *s = arg;

	watchers_remove(&s->watchers, w);
}

void
network_access_init(struct sec *s)
{
	/* What is of a node alone, an NSCL does not have. */
	s->access = sec_access_none;
	s->access.arg = s;
	s->access.mas = s->roles.mas.ops == NULL ? NULL : &s->roles.mas;
	s->access.admin = s->roles.admin;
	s->access.seal = access_seal;
	s->access.book = access_book;
	s->access.psk_add = access_psk_add;
	s->access.credential_set = access_credential_set;
	s->access.peer_node = access_peer_node;
	s->access.revoked_watch = access_watch;
	s->access.revoked_unwatch = access_unwatch;
}
