/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the other capabilities may ask of the security capability (cap/sec): keys below the own
 * root, who is on a connection, keys of the sessions that they have made themselves (TS 102 690
 * clause 8; Lai et al., "Security Issues on Machine to Machine Communications", group and
 * multiparty authentication).
 *
 * It is given in capability_conf.sec, never NULL, and is good from attach until detach. Every
 * function takes arg first. Any thread may call, and none of them waits for anything, unless it is
 * said.
 */
#ifndef CAP_SEC_ACCESS_H
#define CAP_SEC_ACCESS_H

#include "base/buf.h"
#include "base/rc.h"
#include "base/slice.h"
#include "sec/credential.h"
#include "sec/node_id.h"
#include "sec/psk_id.h"
#include "sec/secret.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct admin; /* mas/admin.h */
struct mas; /* mas/mas.h */
struct req_input; /* core/req.h */

/* What a key below the own Kmr is for. */
enum sec_use {
	SEC_USE_AKA, /* KA of group authentication: aka_root */
	SEC_USE_TRIGGER, /* K_trg: trigger_key */
	SEC_USE_INDICATOR /* K_ind: indicator_key */
};

/* A service connection. Kmc is a secret: the caller wipes it. */
struct sec_session {
	uint64_t connection; /* ConnectionId */
	uint32_t kmc_index;
	struct key kmc;
	struct node_id node; /* whose it is */
};

/*
 * An object under the key of a service connection from the network to the node (sec/jose.h), also
 * where TLS protects the request.
 */
struct sec_object {
	struct slice method, target; /* of the request that it answers: "GET", path and query */
	struct slice media_type; /* of what is in it; of use to seal alone */
};

/*
 * Who knows the keys of one kind of PSK identity, PSK_GA or PSK_MP. The functions are called in
 * handshakes and for every request, by many threads at a time, and wait for nothing; all of it
 * lives until detach.
 */
struct sec_psk {
	void *arg;
	/*
	 * The key of the handshake, already that of id->tls; false: unknown, over, or revoked, found out
	 * by the same derivations as a known one, so that the time tells nothing. The caller wipes out.
	 */
	bool (*find)(void *arg, const struct psk_id *id, struct key *out);
	/*
	 * False when the key was revoked: its sessions are cut within about a second, and what still
	 * comes on them is answered 403 SEC_REVOKED. What is unknown or has expired stands.
	 */
	bool (*stands)(void *arg, const struct psk_id *id);
	/* Whose key it is; false: unknown, or its time is over. */
	bool (*node)(void *arg, const struct psk_id *id, struct node_id *out);
};

/* Told what is revoked, on any thread, which waits for it: never blocks, asks nothing of here. */
struct sec_watcher {
	/*
	 * A node (connection 0), or one of its service connections, is revoked: what was derived for it
	 * dies at once. At a node: itself, when the provider has said so; with a MAS also other nodes.
	 */
	void (*revoked)(struct sec_watcher *w, const struct node_id *node, uint64_t connection);
	/*
	 * Something may have been revoked that was not told, as the MAS was out of reach for too long, or
	 * is asked for the first time. NULL: not wanted.
	 */
	void (*lost)(struct sec_watcher *w);
	struct sec_watcher *next; /* private */
};

/* What renew makes anew. */
enum sec_renewal {
	SEC_RENEW_CONNECTIONS, /* Kmc of every service connection of this node */
	SEC_RENEW_ROOT /* Kmr, by a bootstrap; the one that there is stays until then */
};

struct sec_access {
	void *arg;
	/*
	 * The MAS. nscl: that of this process or of another. gscl: when mas.uri and mas.certificate (with
	 * urn:m2m:role:gw) are configured, for group authentication alone: psk, connect and what belongs
	 * to service connections is refused to it. Else NULL: what is for the MAS goes to the NSCL.
	 */
	const struct mas *mas;
	/* nscl: its administration, for operations of other capabilities, from attach alone. Else NULL. */
	struct admin *admin;

	/*
	 * The own node. kmr_index may be NULL. False, with both zero: there is no root now, as always at
	 * an NSCL.
	 */
	bool (*node)(void *arg, struct node_id *node, uint32_t *kmr_index);
	/*
	 * A key below the own Kmr; it changes with the root. RC_NOT_FOUND: there is no root now;
	 * RC_INTERNAL. out is zero then. The caller wipes it.
	 */
	enum rc (*derive)(void *arg, enum sec_use use, struct key *out);
	/*
	 * The own service connection with the NSCL that is reached at url: its sclBase, or anything of
	 * that scheme and authority. RC_NOT_FOUND, with out zero: there is none now, as always at an NSCL.
	 */
	enum rc (*session)(void *arg, struct slice url, struct sec_session *out);
	/*
	 * At an NSCL: one object for the node of that connection (req_input.connection_id), appended to
	 * out; body is what is in it. RC_NOT_FOUND: the connection does not stand; RC_UNAVAILABLE: no
	 * number is left that was never used with its key, as after a start of this process, so that the
	 * node has to connect anew (refuse it with 401 SEC_KMC_EXPIRED), or no memory; otherwise as
	 * jose_seal.
	 */
	enum rc (*seal)(void *arg, uint64_t connection, const struct sec_object *o,
	                struct slice body, struct buf *out);
	/*
	 * At a node: what is in an object of the NSCL that was asked at url, appended to out, which the
	 * caller wipes. It is taken once. RC_NOT_FOUND: it is not of the connection that stands now;
	 * otherwise as jose_parse and jose_open.
	 */
	enum rc (*open)(void *arg, struct slice url, const struct sec_object *o,
	                struct slice object, struct buf *out);
	/*
	 * What a capability keeps secret beside the key store: the directory of its own, there or to be
	 * made by whoever opens a store in it, and the key that it seals with, one for each name (1 to 32
	 * of a-z0-9; a constant of the capability). They outlive the process. RC_NOT_FOUND: nothing does.
	 * RC_BAD_REQUEST: the name, or dir has no room for n octets with the zero; otherwise as
	 * keystore_put. The caller wipes seal. Waits for the disk: from attach or start alone.
	 */
	enum rc (*book)(void *arg, const char *name, struct key *seal, char *dir, size_t n);
	/*
	 * From attach alone: who has the keys of PSK_GA or PSK_MP. source is copied. RC_CONFLICT: that
	 * kind has one already; RC_BAD_REQUEST: another kind.
	 */
	enum rc (*psk_add)(void *arg, enum psk_kind kind, const struct sec_psk *source);
	/*
	 * What this process sends to the scheme and authority of url is sent under c from now on, in the
	 * place of what it had; NULL: as if there had been nothing. c is referenced. Exchanges that name
	 * a credential keep theirs; one that is under way ends under the old one. RC_BAD_REQUEST: no TLS
	 * or DTLS there; RC_NO_SPACE: too many authorities have one. Courier thread.
	 */
	enum rc (*credential_set)(void *arg, struct slice url, struct credential *c);
	/*
	 * Which node has proved itself on the connection that in came by: that of a service connection
	 * (at an NSCL), or of a session under PSK_GA or PSK_MP. For an endpoint: after endpoint_identify.
	 * False: none has.
	 */
	bool (*peer_node)(void *arg, const struct req_input *in, struct node_id *out);
	/* From then on until revoked_unwatch, which waits for a call that is under way. */
	void (*revoked_watch)(void *arg, struct sec_watcher *w);
	void (*revoked_unwatch)(void *arg, struct sec_watcher *w);
	/*
	 * At a node: begins to make something anew, as soon as there is somebody to make it with. From
	 * scl_start on. False: it cannot be, as always at an NSCL.
	 */
	bool (*renew)(void *arg, enum sec_renewal what);
};

/* Of a daemon without a security capability: it has nothing, and keeps nothing. */
extern const struct sec_access sec_access_none;

#endif
