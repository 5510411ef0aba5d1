/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of the MAS as records: nodes, their Kmr, their connections, and when something is to
 * happen to them. Decoding is strict: a record that is not exactly one of this version is damage
 * (RC_INTERNAL). Keys are wrapped (mas_keys.h) before they come here. Worker.
 */
#ifndef MAS_TABLE_H
#define MAS_TABLE_H

#include "mas/mas.h"
#include "sec/ppid.h"
#include "sec/proof.h"
#include "store/tables.h"

#define MAS_SUB_ID_MAX 64
#define MAS_FINGERPRINTS 16 /* device keys of one node */
#define MAS_ORIGIN_MAX 16
#define MAS_SOURCE_MAX 64
#define MAS_WRAPPED_MAX 256 /* octets of a wrapped key */
#define MAS_CHECK_BYTES 4

enum mas_node_state { MAS_NODE_ENABLED = 1, MAS_NODE_REVOKED };

enum mas_priority { MAS_PRIORITY_NORMAL, MAS_PRIORITY_LOW };

struct mas_node {
	struct node_id id;
	bool has_ppid;
	uint8_t ppid_hash[PPID_HASH];
	char scl_id[MAS_SCL_ID_MAX + 1];
	char sub_id[MAS_SUB_ID_MAX + 1];
	enum mas_node_state state;
	unsigned flags; /* enum mas_flag */
	char allowed_sources[MAS_SOURCES_MAX + 1];
	enum mas_priority priority;
	uint64_t ival_required;
	int64_t last_ival; /* secureTimeStamp last accepted; 0: none */
	uint32_t last_kmr, last_kmc; /* highest index ever */
	int64_t created;
	uint32_t failures; /* refused connects since the last one that was not, or unlock */
	int64_t last_failure;
	char last_reason[MAS_REASON_MAX + 1]; /* of the audit, not of the answer */
	unsigned n_fingerprints;
	struct device_fingerprint fingerprints[MAS_FINGERPRINTS];
};

/* A wrapped key; n 0: erased. */
struct mas_wrapped {
	uint8_t v[MAS_WRAPPED_MAX];
	size_t n;
};

enum mas_kmr_state { MAS_KMR_PENDING = 1, MAS_KMR_ACTIVE, MAS_KMR_RETIRED, MAS_KMR_REVOKED };

struct mas_kmr {
	struct node_id node;
	uint32_t index;
	enum mas_kmr_state state;
	struct mas_wrapped wrapped;
	char origin[MAS_ORIGIN_MAX + 1];
	int64_t not_before, not_after, created;
	int64_t first_used; /* 0: never */
	int64_t deadline; /* to be replaced until then, 0: not asked for */
	int64_t erase; /* when the record goes, 0: with not_after */
	uint8_t check[MAS_CHECK_BYTES];
};

enum mas_conn_state { MAS_CONN_ACTIVE = 1, MAS_CONN_ENDED };

struct mas_conn {
	uint64_t id;
	struct node_id node;
	uint32_t kmr_index, kmc_index;
	struct mas_wrapped wrapped;
	enum mas_conn_state state;
	enum mas_variant variant;
	int64_t created, expires;
	int64_t ended; /* 0: not */
	uint64_t requests, octets;
	int64_t last_seen; /* 0: never used */
	char nscl[MAS_NSCL_MAX + 1];
	char source[MAS_SOURCE_MAX + 1]; /* of the node at the connect */
	unsigned tls_version;
	uint8_t check[MAS_CHECK_BYTES];
};

/* ---- nodes ---- */

/* RC_NOT_FOUND. */
enum rc mas_node_get(struct tables_tx *tx, const struct node_id *id, struct mas_node *out);
/* Also under its SCL-ID and PPID, which never change. */
enum rc mas_node_put(struct tables_tx *tx, const struct mas_node *n);
enum rc mas_node_by_scl(struct tables_tx *tx, struct slice scl_id, struct node_id *out);
enum rc mas_node_by_ppid(struct tables_tx *tx, const uint8_t hash[PPID_HASH], struct node_id *out);

/* Visitors return false to end; they do not change anything. */
typedef bool mas_node_visit(void *arg, const struct mas_node *n);
/* Nodes after that id (NULL: all), at most limit. */
enum rc mas_node_scan(struct tables_tx *tx, const struct node_id *after, size_t limit,
                      mas_node_visit *visit, void *arg);

/* ---- Kmr ---- */

enum rc mas_kmr_get(struct tables_tx *tx, const struct node_id *node, uint32_t index,
                    struct mas_kmr *out);
enum rc mas_kmr_put(struct tables_tx *tx, const struct mas_kmr *k);
enum rc mas_kmr_del(struct tables_tx *tx, const struct node_id *node, uint32_t index);
typedef bool mas_kmr_visit(void *arg, const struct mas_kmr *k);
/* Those of the node, or of all nodes (NULL), after that one (index 0 with node: from its first). */
enum rc mas_kmr_scan(struct tables_tx *tx, const struct node_id *node, const struct mas_kmr *after,
                     size_t limit, mas_kmr_visit *visit, void *arg);

/* ---- connections ---- */

enum rc mas_conn_get(struct tables_tx *tx, uint64_t id, struct mas_conn *out);
enum rc mas_conn_put(struct tables_tx *tx, const struct mas_conn *c);
enum rc mas_conn_del(struct tables_tx *tx, const struct mas_conn *c);
typedef bool mas_conn_visit(void *arg, const struct mas_conn *c);
enum rc mas_conn_scan(struct tables_tx *tx, uint64_t after, size_t limit, mas_conn_visit *visit,
                      void *arg);
/* Ids of the connections of a node, at most max; *n of them, in no order. */
enum rc mas_conn_ids(struct tables_tx *tx, const struct node_id *node, uint64_t *ids, size_t max,
                     size_t *n);

/* ---- timers ---- */

enum mas_timer { MAS_TIMER_KMR = 1, MAS_TIMER_CONN, MAS_TIMER_GROUP };

/* What is to be looked at when its time has come; what there is to do says the record. */
struct mas_due {
	int64_t when;
	enum mas_timer kind;
	struct node_id node; /* MAS_TIMER_KMR */
	uint32_t index; /* the same */
	uint64_t connection; /* MAS_TIMER_CONN; MAS_TIMER_GROUP: GID */
};

enum rc mas_due_put(struct tables_tx *tx, const struct mas_due *d);
enum rc mas_due_del(struct tables_tx *tx, const struct mas_due *d);
/* Those until now, the earliest first, at most max. */
enum rc mas_due_list(struct tables_tx *tx, int64_t now, struct mas_due *out, size_t max, size_t *n);

#endif
