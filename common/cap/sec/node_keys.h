/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a node keeps of its credentials, in its key store: the root (Kmr and what came with it), one
 * service connection (Kmc) for each NSCL, counters. Without a key store nothing outlives the
 * process, and all functions that write succeed.
 *
 * Functions that say so wait for the disk: for the worker and for the start of the process.
 */
#ifndef CAP_SEC_NODE_KEYS_H
#define CAP_SEC_NODE_KEYS_H

#include "base/log.h"
#include "cap/sec/param_read.h"
#include "cap/sec/secure_name.h"
#include "cap/sec/sec.h"
#include "mas/mas.h"
#include "sec/keystore.h"
#include "sec/ppid.h"
#include "sec/sign.h"

#define NODE_NSCLS_MAX PARAM_NSCLS_MAX
#define NODE_URI_MAX 400
#define NODE_NAME_MAX SECURE_NAME_MAX

/* What the bootstrap has given, without Kmr. */
struct node_root {
	struct node_id node;
	uint32_t kmr_index; /* 0: there is no Kmr */
	int64_t created, expires; /* microseconds since 1970 */
	char scl_id[MAS_SCL_ID_MAX + 1];
	char mas[NODE_URI_MAX + 1]; /* "" = none was named */
	bool has_reject; /* the provider's key for signed rejects is pinned */
	struct sign_public reject;
	unsigned n_nscls;
	char nscls[NODE_NSCLS_MAX][NODE_URI_MAX + 1]; /* sclBase URIs */
};

/* A service connection with an NSCL, as it is kept. */
struct node_link {
	char name[NODE_NAME_MAX + 1]; /* what names the NSCL: host:port */
	struct mas_connection conn;
	int64_t lifetime; /* us that there were when it was made, by the clock of the NSCL */
};

struct node_keys;

/*
 * Opens the key store of the configuration, when there is one or one will be needed (a bootstrap is
 * configured, or create). Without a file for its key one is made beside it, NAME.kek: that protects
 * against nobody who can read the directory. *out NULL: no key store, and none wanted. Waits for the
 * disk. Otherwise as keystore_open, a line in why.
 */
enum rc node_keys_open(const struct sec_conf *conf, const struct ppid *ppid, bool create,
                       struct node_keys **out, char why[SEC_WHY_MAX]);
/* NULL is fine. */
void node_keys_close(struct node_keys *nk);
/* The key that an administrator wraps a Kmr with to import it; the caller wipes it. */
enum rc node_keys_kek(const struct sec_conf *conf, struct key *out, char why[SEC_WHY_MAX]);

/*
 * ---- at the start; nk may be NULL: nothing is there ----
 * What reads waits as well: for the worker, which may be writing.
 */

/* The newest root and its Kmr, which the caller wipes. RC_NOT_FOUND: none. */
enum rc node_keys_root(struct node_keys *nk, struct node_root *root, struct key *kmr);
/* The connection with that NSCL, Kmc in link->conn. RC_NOT_FOUND. */
enum rc node_keys_link(struct node_keys *nk, const char *name, struct node_link *link);

#define NODE_BOOK_MAX 32 /* octets of its name */

/*
 * The key that the book of that name (1..NODE_BOOK_MAX of a-z0-9) is sealed with, and its directory,
 * which goes with the key store. RC_NOT_FOUND: nothing is kept; RC_BAD_REQUEST: the name, or no room
 * in dir. The key is made at the first call. The caller wipes seal.
 */
enum rc node_keys_book(struct node_keys *nk, const struct sec_conf *conf, const char *name,
                       struct key *seal, char *dir, size_t size);
/* True for what can be the name of a book. */
bool node_book_name(struct slice name);

/* ---- on the worker; nk may be NULL ---- */

/*
 * The new root, in place of all roots before. RC_CONFLICT: its KmrIndex is not above every one that
 * there ever was for the node.
 */
enum rc node_keys_put_root(struct node_keys *nk, const struct node_root *root,
                           const struct key *kmr);
/* True when the index may come for that node; node_keys_put_root asks by itself. */
bool node_keys_is_next(struct node_keys *nk, const struct node_id *node, uint32_t kmr_index);
/*
 * Forgets every Kmc, and every Kmr but those of the node above kmr_index; which indices there were
 * is remembered.
 */
enum rc node_keys_erase(struct node_keys *nk, const struct node_id *node, uint32_t kmr_index);
/* The new connection in place of all that there were with that NSCL. */
enum rc node_keys_put_link(struct node_keys *nk, const struct node_link *link);

#endif
