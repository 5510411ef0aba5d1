/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/uri.h"
#include "cap/geo_gate.h"
#include "cap/sec/mid_impl.h"

#define STRANGERS_RATE 20u /* requests of a source in a second */
#define STRANGERS_BODY 65536u /* octets */
#define VERDICTS_RATE 10u
#define ROLE_URI "urn:m2m:role:scl"
#define SCL_URI "urn:m2m:scl:" /* and the SCL-ID */

enum rc
mid_new(const struct mid_conf *conf, struct mid **mid)
{
	struct mid *m = calloc(1, sizeof(*m));

	*mid = NULL;
	if (m == NULL)
		return RC_UNAVAILABLE;
	m->conf = *conf;
	m->strangers = msbf_rate_new(STRANGERS_RATE);
	m->verdicts = msbf_rate_new(VERDICTS_RATE);
	m->names = mid_names_new();
	if (m->strangers == NULL || m->verdicts == NULL || m->names == NULL) {
		mid_free(m);
		return RC_UNAVAILABLE;
	}
	*mid = m;
	return RC_OK;
}

void
mid_free(struct mid *mid)
{
	if (mid == NULL)
		return;
	msbf_rate_free(mid->strangers);
	msbf_rate_free(mid->verdicts);
	mid_names_free(mid->names);
	free(mid);
}

void
mid_attach(struct mid *mid, struct scl *scl)
{
	mid->scl = scl;
}

enum rc
mid_refuse(enum rc rc, const char *token, struct slice *reason)
{
	*reason = slice_of(token);
	return rc;
}

void
mid_reject(struct mid *mid, const struct req_input *in, const struct node_id *node, unsigned cause,
           bool permanent, struct arena *arena, struct req_answer *out)
{
	uint8_t nonce[REJECT_NONCE_SIZE];
	char text[REJECT_TEXT_MAX + 1];

	if (mid->conf.reject == NULL || !reject_nonce_parse(in->nonce, nonce) ||
	    !msbf_rate_take(mid->verdicts, in->peer == NULL ? SLICE_NONE : in->peer->address))
		return;
	if (mid->conf.reject(mid->conf.reject_arg, node, nonce, cause, permanent, out->retry_after,
	                     text))
		out->reject = arena_copy(arena, slice_of(text));
}

struct slice
mid_method(const struct req_input *in)
{
	static const char *const names[] = {
		[REQ_CREATE] = "POST",   [REQ_RETRIEVE] = "GET", [REQ_UPDATE] = "PUT",
		[REQ_DELETE] = "DELETE", [REQ_EXECUTE] = "POST", [REQ_OTHER] = "",
	};

	return slice_of(in->head ? "HEAD" : names[in->op]);
}

struct slice
mid_target(const struct req_input *in)
{
	struct uri u;

	if (in->target.n == 0 || in->target.p[0] == '/' || !uri_parse(in->target, &u))
		return in->target;
	if (u.path.n == 0)
		return SLICE_LIT("/");
	return slice_from(in->target, (size_t)(u.path.p - in->target.p));
}

/* ---- handshakes ---- */

/* An unknown one is derived as well, of no key, so that it takes as long. */
static bool
connection_psk(struct mid *mid, const struct psk_id *id, struct key *out)
{
	struct mas_connection conn = { .flags = 0 };
	struct key kmc = { { 0 } };
	bool known = live_kmc(mid->conf.live, id->connection, id->index, &kmc);
	enum rc rc;

	/* It may have gone in between. */
	known = live_find(mid->conf.live, id->connection, id->index, &conn) != LIVE_UNKNOWN && known;
	rc = id->kind == PSK_MC ? psk_mc(&kmc, id->tls, id->connection, id->index, out)
	                        : psk_mn(&kmc, id->tls, id->connection, id->index, out);
	key_wipe(&kmc);
	if (known && rc == RC_OK && ((conn.flags & MAS_TLS13) == 0 || id->tls == PSK_TLS_1_3))
		return true;
	key_wipe(out);
	return false;
}

bool
mid_psk(struct mid *mid, const struct psk_id *id, struct key *out)
{
	const struct mas *mas = mid->conf.mas;

	if (mid->conf.side == MID_NODE)
		return id->kind == PSK_MN && connection_psk(mid, id, out);
	if (id->kind == PSK_MR)
		return mas != NULL && mas->ops->psk(mas->self, id, out);
	return id->kind == PSK_MC && connection_psk(mid, id, out);
}

/* Also false while the sessions of its node are to be cut, for where it is. */
static bool
connection_stands(struct mid *mid, const struct psk_id *id)
{
	const struct geo_seat *seat = mid->conf.sec->geo;
	struct mas_connection conn;
	enum live_state state = live_find(mid->conf.live, id->connection, id->index, &conn);

	if (state != LIVE_OK || seat == NULL || seat->gate == NULL)
		return state != LIVE_REVOKED;
	return !seat->gate->cuts(seat->gate->arg, &conn.node);
}

bool
mid_stands(struct mid *mid, const struct psk_id *id)
{
	struct key key;
	bool known;

	if (id->kind != PSK_MR)
		return connection_stands(mid, id);
	known = mid_psk(mid, id, &key);
	key_wipe(&key);
	return known;
}

/* ---- what a connection proves ---- */

enum rc
mid_state(struct mid *mid, enum live_state state, const struct mas_connection *conn,
          const struct req_input *in, struct arena *arena, struct req_answer *out,
          struct slice *reason)
{
	if (state == LIVE_OK)
		return RC_OK;
	out->close = true;
	if (state != LIVE_REVOKED)
		return mid_refuse(RC_DENIED, "SEC_KMC_EXPIRED", reason);
	/* Another Kmr or connection of the node may be as good as ever. */
	mid_reject(mid, in, &conn->node, REJECT_REVOKED, false, arena, out);
	return mid_refuse(RC_FORBIDDEN, "SEC_REVOKED", reason);
}

static enum rc
identify_connection(struct mid *mid, const struct psk_id *id, const struct req_input *in,
                    struct arena *arena, struct mid_peer *peer, struct req_answer *out,
                    struct slice *reason)
{
	enum live_state s = live_find(mid->conf.live, id->connection, id->index, &peer->conn);
	enum rc rc = mid_state(mid, s, &peer->conn, in, arena, out, reason);

	if (rc != RC_OK)
		return rc;
	peer->proof = id->kind == PSK_MC ? MID_SCL : MID_NSCL;
	memcpy(peer->scl_id, peer->conn.scl_id, sizeof(peer->scl_id));
	return RC_OK;
}

static enum rc
identify_psk(struct mid *mid, const struct req_input *in, struct arena *arena,
             struct mid_peer *peer, struct req_answer *out, struct slice *reason)
{
	enum psk_kind session = mid->conf.side == MID_NETWORK ? PSK_MC : PSK_MN;
	struct psk_id id;

	if (!psk_id_parse(in->peer->psk_identity, &id))
		return RC_OK;
	if (id.kind == session)
		return identify_connection(mid, &id, in, arena, peer, out, reason);
	if (id.kind == PSK_MR && mid->conf.side == MID_NETWORK) {
		peer->proof = MID_SESSION_A;
		peer->psk = id;
	}
	return RC_OK;
}

/* Both URIs are in the certificate: the role, and one SCL-ID. */
static void
identify_certificate(const struct peer *p, struct mid_peer *peer)
{
	struct slice scl_id = SLICE_NONE, prefix = SLICE_LIT(SCL_URI);
	bool role = false;
	unsigned named = 0;

	for (size_t i = 0; i < p->n_uris; i++) {
		role = role || slice_is(p->uris[i], ROLE_URI);
		if (!slice_starts(p->uris[i], prefix))
			continue;
		scl_id = slice_from(p->uris[i], prefix.n);
		named++;
	}
	if (!role || named != 1 || scl_id.n == 0 || scl_id.n >= sizeof(peer->scl_id) ||
	    memchr(scl_id.p, '\0', scl_id.n) != NULL)
		return;
	memcpy(peer->scl_id, scl_id.p, scl_id.n);
	peer->proof = MID_SCL;
}

enum rc
mid_identify(struct mid *mid, const struct req_listener *listener, const struct req_input *in,
             struct arena *arena, struct mid_peer *peer, struct req_answer *out,
             struct slice *reason)
{
	*peer = (struct mid_peer){ 0 };
	if (in->peer == NULL)
		return RC_OK;
	if (in->peer->kind == PEER_PSK)
		return identify_psk(mid, in, arena, peer, out, reason);
	if (in->peer->kind == PEER_CERTIFICATE && mid->conf.sec->static_credentials)
		identify_certificate(in->peer, peer);
	if (in->peer->kind == PEER_UNPROVED && !listener->secure)
		return mid_access_identify(mid, listener, in, arena, peer, out, reason);
	return RC_OK;
}

/* ---- what it may do ---- */

static void
tell_use(void *arg, uint64_t id, uint64_t requests, uint64_t octets)
{
	const struct mas *mas = arg;

	mas->ops->used(mas->self, id, requests, octets);
}

void
mid_tell_use(struct mid *mid)
{
	if (mid->conf.mas != NULL)
		live_flush(mid->conf.live, 0, tell_use, mid->conf.mas);
}

static void
count(struct mid *mid, uint64_t connection)
{
	/* The first request is told at once: it ends the older connection. */
	if (live_use(mid->conf.live, connection, 1, 0) && mid->conf.mas != NULL)
		live_flush(mid->conf.live, connection, tell_use, mid->conf.mas);
}

enum rc
mid_limit(struct mid *mid, const struct req_input *in, const struct mas_connection *conn,
          struct arena *arena, struct req_answer *out, struct slice *reason)
{
	if (live_allow(mid->conf.live, conn->id, &out->retry_after)) {
		count(mid, conn->id);
		return RC_OK;
	}
	mid_reject(mid, in, &conn->node, REJECT_OVERLOAD, false, arena, out);
	return mid_refuse(RC_UNAVAILABLE, "OVERLOAD", reason);
}

static enum rc
admit_nobody(struct mid *mid, const struct req_listener *listener, const struct req_input *in,
             struct arena *arena, struct req_answer *out, struct slice *reason)
{
	const struct peer *p = in->peer;

	if (mid->conf.sec->open_on_loopback && p != NULL && p->loopback)
		return RC_OK;
	if (!mid_is_of_scl(mid, listener, in, arena))
		return RC_OK;
	if (p != NULL && !msbf_rate_take(mid->strangers, p->address)) {
		out->retry_after = 1;
		return mid_refuse(RC_UNAVAILABLE, "OVERLOAD", reason);
	}
	return mid_refuse(RC_FORBIDDEN, "SEC_NO_CONNECTION", reason);
}

static enum rc
admit_scl(struct mid *mid, const struct req_listener *listener, struct req_input *in,
          const struct mid_peer *peer, struct arena *arena, struct req_answer *out,
          struct slice *reason)
{
	enum rc rc = RC_OK;

	/* Without TLS it counts when it is proved. */
	if (peer->conn.id != 0 && listener->secure)
		rc = mid_limit(mid, in, &peer->conn, arena, out, reason);
	/* Nobody is known until the body is there. */
	else if (peer->conn.id != 0 && !in->peer->loopback)
		in->body_max = STRANGERS_BODY;
	if (rc == RC_OK)
		rc = mid_check_issuer(mid, in, peer, arena, reason);
	if (rc != RC_OK)
		return rc;
	in->scl_id = arena_copy(arena, slice_of(peer->scl_id));
	in->connection_id = peer->conn.id;
	return in->scl_id.p == NULL ? RC_UNAVAILABLE : RC_OK;
}

/* The NSCL vouches for whoever it names, but only for requests that end here. */
static enum rc
admit_nscl(struct mid *mid, struct req_input *in, const struct mid_peer *peer, struct arena *arena,
           struct req_answer *out, struct slice *reason)
{
	enum rc rc = mid_limit(mid, in, &peer->conn, arena, out, reason);

	if (rc != RC_OK)
		return rc;
	if (mid->scl != NULL && identity_foreign(mid->scl, in))
		return RC_NOT_FOUND;
	in->connection_id = peer->conn.id;
	return RC_OK;
}

enum rc
mid_admit(struct mid *mid, const struct req_listener *listener, struct req_input *in,
          const struct mid_peer *peer, struct arena *arena, struct req_answer *out,
          struct slice *reason)
{
	switch (peer->proof) {
	case MID_SCL:
		return admit_scl(mid, listener, in, peer, arena, out, reason);
	case MID_NSCL:
		return admit_nscl(mid, in, peer, arena, out, reason);
	case MID_SESSION_A:
		return mid_refuse(RC_FORBIDDEN, "SEC_NO_CONNECTION", reason);
	case MID_NOBODY:
		break;
	}
	return admit_nobody(mid, listener, in, arena, out, reason);
}
