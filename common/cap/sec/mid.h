/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of mId on top of the live connections: which keys a handshake may use, what a request
 * on a session may do, bodies that are protected as objects, requests over trusted access networks.
 * The guard (guard.h) asks it; nothing here waits.
 */
#ifndef CAP_SEC_MID_H
#define CAP_SEC_MID_H

#include "cap/sec/live.h"
#include "cap/sec/overload.h"
#include "cap/sec/priority.h"
#include "cap/sec/sec.h"
#include "core/peer.h"
#include "sec/psk_id.h"
#include "sec/reject.h"

struct mid;

/* Which end of mId this process is. */
enum mid_side { MID_NETWORK, MID_NODE };

struct mid_conf {
	enum mid_side side;
	struct live *live;
	struct mas *mas; /* MID_NETWORK: for the keys of session A; else, or without one, NULL */
	const struct sec_conf *sec;
	/* Signs a verdict as mas_reject (mas_local.h) does; NULL: rejects are not signed. Any thread. */
	bool (*reject)(void *arg, const struct node_id *node, const uint8_t nonce[REJECT_NONCE_SIZE],
	               unsigned cause, bool permanent, uint32_t retry_after,
	               char out[REJECT_TEXT_MAX + 1]);
	void *reject_arg;
	/* MID_NETWORK: both or neither. */
	struct overload *overload;
	struct priority *priority;
};

/* Copies conf, not what it points to. RC_OK, RC_UNAVAILABLE. */
enum rc mid_new(const struct mid_conf *conf, struct mid **mid);
void mid_free(struct mid *mid);
/* Whose tree says which SCLs are registered; before scl_start. */
void mid_attach(struct mid *mid, struct scl *scl);

/* What the connection of a request proves on mId. */
enum mid_proof {
	MID_NOBODY,
	MID_SESSION_A, /* a node by Kmr: for connectionParamSet alone */
	MID_SCL, /* an SCL by its service connection, or by a static certificate */
	MID_NSCL /* at a node: the NSCL, which vouches for whoever it names */
};

struct mid_peer {
	enum mid_proof proof;
	struct mas_connection conn; /* of MID_SCL and MID_NSCL by a connection: id not 0; no key */
	char scl_id[MAS_SCL_ID_MAX + 1]; /* MID_SCL */
	struct psk_id psk; /* MID_SESSION_A */
};

/*
 * The key for an identity of kind mr, mc or mn that belongs to this side. False: unknown, which is
 * found out by the same derivations.
 */
bool mid_psk(struct mid *mid, const struct psk_id *id, struct key *out);
/*
 * False when the key of a session with that identity was revoked. What has expired or ended stands:
 * its next request is told so.
 */
bool mid_stands(struct mid *mid, const struct psk_id *id);
/*
 * What the connection of a request proves, and whether the session still stands: RC_OK also for
 * MID_NOBODY; RC_DENIED SEC_KMC_EXPIRED or RC_FORBIDDEN SEC_REVOKED with out->close. Of a request
 * without TLS the connection is only what its header claims: mid_open proves it.
 */
enum rc mid_identify(struct mid *mid, const struct req_listener *listener,
                     const struct req_input *in, struct arena *arena, struct mid_peer *peer,
                     struct req_answer *out, struct slice *reason);
/*
 * Whether peer, who is no application's, may make the request: the SCL-ID in the path, the issuer,
 * the limits of its node. Sets in->scl_id and in->connection_id; in->from is set when it is absent
 * and the SCL is registered. Of MID_NOBODY a request on mId is refused (SEC_NO_CONNECTION): all on
 * a listener of mId alone; beside others what only SCLs do, or what is in the name of one.
 */
enum rc mid_admit(struct mid *mid, const struct req_listener *listener, struct req_input *in,
                  const struct mid_peer *peer, struct arena *arena, struct req_answer *out,
                  struct slice *reason);
/*
 * As guard.behalf: an SCL writes nothing of another one's scl by way of this one. Which SCL it is says
 * the connection; without one, whose URI the issuer is.
 */
enum rc mid_behalf(struct mid *mid, const struct req_input *in, struct arena *arena,
                   struct slice *reason);
/* As guard.open and guard.seal. */
enum rc mid_open(struct mid *mid, const struct req_listener *listener, struct req_input *in,
                 struct arena *arena, struct req_answer *out, struct slice *reason);
bool mid_seal(struct mid *mid, const struct req_input *in, struct arena *arena,
              struct req_answer *out);

/* What decides whether a request is put off, where that is not what its connection says alone. */
struct mid_load {
	enum overload_kind kind;
	struct priority_of of;
	bool active; /* as in struct overload_ask */
};

/*
 * Whether the request is put off, for there is too much to do: RC_OK, or RC_UNAVAILABLE OVERLOAD with
 * out->retry_after and, for a node with a nonce, a signed reject. Once for each request, for what it
 * claims counts once; before anything that takes work. Without overload control: RC_OK.
 */
enum rc mid_put_off(struct mid *mid, const struct req_input *in, const struct mid_load *load,
                    struct arena *arena, struct req_answer *out, struct slice *reason);
/* The same of whom mid_identify has found. */
enum rc mid_put_off_peer(struct mid *mid, const struct req_listener *listener,
                         const struct req_input *in, const struct mid_peer *peer,
                         struct arena *arena, struct req_answer *out, struct slice *reason);

/* Tells the MAS what the connections were used since the last call. Any thread. */
void mid_tell_use(struct mid *mid);

/*
 * Puts a signed verdict into the answer, when the request has a nonce, there is a key, and the
 * source has not had too many of them.
 */
void mid_reject(struct mid *mid, const struct req_input *in, const struct node_id *node,
                unsigned cause, bool permanent, struct arena *arena, struct req_answer *out);

#endif
