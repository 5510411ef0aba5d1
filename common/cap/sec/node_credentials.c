/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sec/node_credentials.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/uri.h"
#include "core/identity.h"
#include "sec/psk_id.h"

#define HOSTS 512u /* remembered, a power of 2 */
#define CREDENTIALS 1024u /* the same */
#define AUTHORITY_MAX 255
#define NOBODY_FOR (5 * CLOCK_SECOND) /* how long it is remembered that no SCL is at a host */
#define ARENA_MAX (1u << 20)

/* Which SCL is at a host. */
struct host {
	char authority[AUTHORITY_MAX + 1]; /* "" = free */
	char scl_id[MAS_SCL_ID_MAX + 1]; /* "" = none */
	bool nscl; /* of another provider: no node */
	int64_t asked; /* monotonic */
};

struct made {
	uint64_t connection; /* 0 = free */
	struct credential *credential;
};

struct node_credentials {
	struct live *live;
	struct scl *scl; /* NULL until attach */
	bool static_ones;
	struct arena *arena; /* of one look-up */
	struct host hosts[HOSTS];
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

/* ---- which SCL ---- */

/* In the form that is compared. Empty: it has none, or there is no place for it. */
static struct slice
authority_of(struct node_credentials *c, struct slice url)
{
	struct slice normal = uri_normalise(c->arena, url);
	struct uri u;

	if (normal.p == NULL || !uri_parse(normal, &u) || u.authority.n > AUTHORITY_MAX)
		return SLICE_NONE;
	return u.authority;
}

static struct host *
place_of(struct node_credentials *c, struct slice authority)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < authority.n; i++)
		h = (h ^ (unsigned char)authority.p[i]) * 16777619u;
	return &c->hosts[h % HOSTS];
}

/* What is known of the host still holds. */
static bool
holds(struct node_credentials *c, const struct host *h, struct slice authority, struct slice url)
{
	if (!slice_is(authority, h->authority))
		return false;
	if (h->scl_id[0] == '\0')
		return clock_monotonic() - h->asked < NOBODY_FOR;
	return identity_is_at(c->scl, c->arena, slice_of(h->scl_id), url);
}

static enum rc
look_up(struct node_credentials *c, struct host *h, struct slice authority, struct slice url)
{
	struct registered r;
	enum rc rc = identity_at(c->scl, c->arena, url, &r);

	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	*h = (struct host){ .asked = clock_monotonic() };
	memcpy(h->authority, authority.p, authority.n);
	if (rc == RC_NOT_FOUND || r.scl_id.n > MAS_SCL_ID_MAX)
		return RC_OK;
	memcpy(h->scl_id, r.scl_id.p, r.scl_id.n);
	h->nscl = r.nscl;
	return RC_OK;
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

/* RC_OK: *out is the SCL there, NULL when there is none. RC_UNAVAILABLE: that is not known. */
static enum rc
host_of(struct node_credentials *c, struct slice url, const struct host **out)
{
	struct slice authority = authority_of(c, url);
	struct host *h = place_of(c, authority);
	enum rc rc = RC_OK;

	*out = NULL;
	if (authority.n == 0)
		return RC_UNAVAILABLE;
	if (!holds(c, h, authority, url))
		rc = look_up(c, h, authority, url);
	if (rc == RC_OK && h->scl_id[0] != '\0')
		*out = h;
	return rc == RC_OK ? rc : RC_UNAVAILABLE;
}

enum rc
node_credentials_connection(struct node_credentials *c, struct slice url,
                            struct mas_connection *conn)
{
	const struct host *h;
	enum rc rc;

	if (c->scl == NULL)
		return RC_NOT_FOUND;
	rc = host_of(c, url, &h);
	arena_reset(c->arena);
	if (rc != RC_OK)
		return rc;
	if (h == NULL)
		return RC_NOT_FOUND;
	if (live_of_scl(c->live, slice_of(h->scl_id), conn))
		return RC_OK;
	return c->static_ones || h->nscl ? RC_NOT_FOUND : RC_DENIED;
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
