/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an operator keeps of multiparty authentication, as records of its book. Slices that are read
 * point into the transaction, and live until its next change.
 *
 *   S id                 an MTC server with a contract
 *   P node, Q SCL-ID     the key of a node; which node that is
 *   W serial, issuer     a warrant, also one that others have made
 *   C node, server       the chains of a device
 *   A SCL-ID             the warrant of an access point
 *   R issuer, serial     a warrant that was revoked
 *   N                    how many ever were: the number of the list
 */
#ifndef CAP_MPA_ROWS_H
#define CAP_MPA_ROWS_H

#include "mpa/chain.h"
#include "sec/node_id.h"
#include "store/tables.h"

enum cn_state { CN_OFFERED = 1, CN_ACTIVE };

#define CN_CONTACT_MAX 1023u
#define CN_APPLICATION_MAX 255u

struct cn_server {
	struct slice id;
	struct sign_public key;
	enum cn_state state;
	struct slice contact,
		application; /* URL of its contact, App-ID of its grant; may be empty */
	struct slice w1, w2; /* w2 empty: none yet */
};

struct cn_party {
	struct node_id node;
	struct sign_public key;
	struct slice scl_id;
};

struct cn_warrant {
	struct mpa_serial serial;
	enum mpa_kind kind;
	bool revoked;
	uint64_t not_after; /* seconds since 1970 */
	struct slice holder; /* delegate */
	struct slice server; /* id of the server that it has to do with; empty: none */
};

struct cn_credential {
	struct node_id node;
	struct slice server;
	struct slice from_cn, from_s; /* W1 || W3, W2 || W4 */
};

/* All of these: RC_NOT_FOUND; RC_PRECONDITION: a record is damaged; otherwise as the store. */
enum rc cn_server_get(struct tables_tx *tx, struct slice id, struct cn_server *out);
enum rc cn_server_put(struct tables_tx *tx, const struct cn_server *s);
enum rc cn_server_del(struct tables_tx *tx, struct slice id);
enum rc cn_party_get(struct tables_tx *tx, const struct node_id *node, struct cn_party *out);
/* The first whose node is above after, NULL: of all. RC_NOT_FOUND: there is none. */
enum rc cn_party_next(struct tables_tx *tx, const struct node_id *after, struct node_id *out);
/* By its SCL-ID. */
enum rc cn_party_named(struct tables_tx *tx, struct slice scl_id, struct cn_party *out);
enum rc cn_party_put(struct tables_tx *tx, const struct cn_party *p);
enum rc cn_party_del(struct tables_tx *tx, const struct cn_party *p);
enum rc cn_credential_put(struct tables_tx *tx, const struct cn_credential *c);
enum rc cn_ap_get(struct tables_tx *tx, struct slice scl_id, struct slice *w5);
enum rc cn_ap_put(struct tables_tx *tx, struct slice scl_id, struct slice w5);
enum rc cn_ap_del(struct tables_tx *tx, struct slice scl_id);

/* Notes a warrant, of w, that has to do with that server. */
enum rc cn_warrant_put(struct tables_tx *tx, const struct mpa_warrant *w, struct slice server);
/* *known: it is noted already. RC_CONFLICT: another one of the same issuer and serial number is. */
enum rc cn_warrant_known(struct tables_tx *tx, const struct mpa_warrant *w, struct slice server,
                         bool *known);
/* Revokes it, RC_OK also when it was; *news: it was not. */
enum rc cn_warrant_revoke(struct tables_tx *tx, const struct mpa_serial *serial, bool *news);
bool cn_is_revoked(struct tables_tx *tx, const struct mpa_serial *serial);
/* Number of the list of revocations. */
enum rc cn_number(struct tables_tx *tx, uint64_t *out);

/*
 * Calls visit with each, in the order of their keys, behind the key after (empty: from the first),
 * until it returns false. visit changes nothing.
 */
enum rc cn_servers(struct tables_tx *tx, bool (*visit)(void *arg, const struct cn_server *s),
                   void *arg);
enum rc cn_warrants(struct tables_tx *tx, struct slice after,
                    bool (*visit)(void *arg, const struct cn_warrant *w), void *arg);
enum rc cn_credentials(struct tables_tx *tx, const struct node_id *node,
                       bool (*visit)(void *arg, const struct cn_credential *c), void *arg);
/* kind 0: of all. */
enum rc cn_revoked(struct tables_tx *tx, unsigned kind,
                   bool (*visit)(void *arg, const struct mpa_serial *serial), void *arg);

/* The key of a warrant in its table: for cn_warrants, and to look for all with that serial. */
struct table_key cn_warrant_key(const uint8_t serial[MPA_SERIAL_SIZE],
                                const struct sign_public *issuer);

/* Takes away the records of credentials with that server, and of that node; either may be NULL. */
enum rc cn_credentials_del(struct tables_tx *tx, const struct node_id *node,
                           const struct slice *server);
/*
 * Revokes all warrants of that kind and name: of devices by the text of the node id, of access points
 * by the SCL-ID, agreements by the id of the server. Names of different kinds have nothing to do with
 * each other: a node may choose an SCL-ID that is another's id. *n grows by how many were not revoked
 * before.
 */
enum rc cn_revoke_all(struct tables_tx *tx, enum mpa_kind kind, struct slice name, unsigned *n);
/* Takes away at most limit warrants that have ended before that time; *n: how many. */
enum rc cn_forget(struct tables_tx *tx, uint64_t before, unsigned limit, unsigned *n);

#endif
