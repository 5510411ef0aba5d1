/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sec/node_credentials.h"

#include <stdlib.h>

#include "base/arena.h"
#include "core/identity.h"
#include "sec/psk_id.h"

#define CREDENTIALS 1024u /* kept, a power of 2 */
#define ARENA_MAX (1u << 20)

struct made {
	uint64_t connection; /* 0 = free */
	struct credential *credential;
};

struct node_credentials {
	struct live *live;
	struct scl *scl; /* NULL until attach */
	bool static_ones;
	struct arena *arena; /* of one look-up */
	struct made made[CREDENTIALS];
};

struct node_credentials *
node_credentials_new(struct live *live, bool static_ones)
{
	struct node_credentials *c = calloc(1, sizeof(*c));

	if (c == NULL || (c->arena = arena_new(ARENA_MAX)) == NULL) {
		free(c);
		return NULL;
	}
	c->live = live;
	c->static_ones = static_ones;
	return c;
}

void
node_credentials_free(struct node_credentials *c)
{
	if (c == NULL)
		return;
	for (unsigned i = 0; i < CREDENTIALS; i++)
		credential_unref(c->made[i].credential);
	arena_free(c->arena);
	free(c);
}

void
node_credentials_attach(struct node_credentials *c, struct scl *scl)
{
	c->scl = scl;
}

/* ---- which key ---- */

static enum rc
make_psk(const struct mas_connection *conn, const struct key *kmc, enum psk_tls tls,
         struct credential_psk *out)
{
	const struct psk_id id = { .kind = PSK_MN, .tls = tls, .connection = conn->id,
		                   .index = conn->kmc_index };

	if (psk_id_format(&id, out->identity) == 0)
		return RC_INTERNAL;
	return psk_mn(kmc, tls, conn->id, conn->kmc_index, &out->key);
}

static struct credential *
make(const struct mas_connection *conn, const struct key *kmc)
{
	struct credential_psk tls13, tls12;
	struct credential *made = NULL;

	if (make_psk(conn, kmc, PSK_TLS_1_3, &tls13) == RC_OK &&
	    make_psk(conn, kmc, PSK_TLS_1_2, &tls12) == RC_OK)
		made = credential_psk(&tls13, (conn->flags & MAS_TLS13) != 0 ? NULL : &tls12);
	key_wipe(&tls13.key);
	key_wipe(&tls12.key);
	return made;
}

static enum rc
of_connection(struct node_credentials *c, const struct mas_connection *conn,
              struct credential **out)
{
	struct made *m = &c->made[conn->id % CREDENTIALS];
	struct key kmc;

	if (m->connection != conn->id || m->credential == NULL) {
		if (!live_kmc(c->live, conn->id, conn->kmc_index, &kmc))
			return RC_UNAVAILABLE;
		credential_unref(m->credential);
		*m = (struct made){ .connection = conn->id, .credential = make(conn, &kmc) };
		key_wipe(&kmc);
	}
	if (m->credential == NULL)
		return RC_UNAVAILABLE;
	*out = credential_ref(m->credential);
	return RC_OK;
}

/* Asked each time: an SCL may have registered since. */
enum rc
node_credentials_connection(struct node_credentials *c, struct slice url,
                            struct mas_connection *conn)
{
	struct registered r;
	bool connected;
	enum rc rc;

	if (c->scl == NULL)
		return RC_NOT_FOUND;
	rc = identity_at(c->scl, c->arena, url, &r);
	connected = rc == RC_OK && live_of_scl(c->live, r.scl_id, conn);
	arena_reset(c->arena);
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? rc : RC_UNAVAILABLE;
	if (connected)
		return RC_OK;
	return c->static_ones || r.nscl ? RC_NOT_FOUND : RC_DENIED;
}

enum rc
node_credentials_find(struct node_credentials *c, struct slice url, struct credential **out)
{
	struct mas_connection conn;
	enum rc rc = node_credentials_connection(c, url, &conn);

	*out = NULL;
	if (rc == RC_OK)
		return of_connection(c, &conn, out);
	return rc == RC_NOT_FOUND ? RC_OK : RC_UNAVAILABLE;
}

void
node_credentials_purge(struct node_credentials *c)
{
	for (unsigned i = 0; i < CREDENTIALS; i++) {
		struct made *m = &c->made[i];

		if (m->connection == 0 || live_find(c->live, m->connection, 0, NULL) == LIVE_OK)
			continue;
		credential_unref(m->credential);
		*m = (struct made){ 0 };
	}
}
