/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables of group authentication: groups with their key, who is in them, and the sequence numbers
 * of nodes (Lai et al., "Security Issues on Machine to Machine Communications", group based
 * authentication: index table of the home network). As mas_table.h. Worker.
 */
#ifndef MAS_GROUP_TABLE_H
#define MAS_GROUP_TABLE_H

#include "mas/mas_table.h"

#define MAS_GROUPS_PER_NODE MAS_NODE_GROUPS_MAX
#define MAS_GROUP_MEMBERS 1000u
#define MAS_GROUP_NETWORKS MAS_SERVING_MAX

/* A serving network that may ask for vectors of the group. */
struct mas_network {
	char scl_id[MAS_SCL_ID_MAX + 1];
	int64_t asked; /* when it last got some, 0: never */
};

struct mas_group {
	uint64_t gid;
	uint32_t epoch; /* of gak, from 1 */
	struct mas_wrapped gak;
	uint8_t check[MAS_CHECK_BYTES]; /* of gak */
	struct mas_wrapped previous; /* that of the epoch before; n 0: none */
	int64_t previous_until; /* 0: there is none */
	unsigned window; /* W: counters of a vector, 1..65535 */
	int64_t lifetime; /* of vectors */
	bool rekey_on_join;
	int64_t created, rekeyed;
	unsigned members;
	unsigned n_networks;
	struct mas_network networks[MAS_GROUP_NETWORKS];
};

struct mas_member {
	uint64_t gid;
	struct node_id node;
	uint64_t iv; /* the first counter that was never given out */
	uint32_t first_epoch; /* earlier keys it does not get */
	int64_t joined;
};

/* RC_NOT_FOUND. */
enum rc mas_group_get(struct tables_tx *tx, uint64_t gid, struct mas_group *out);
enum rc mas_group_put(struct tables_tx *tx, const struct mas_group *g);
/* The group alone; its members go before. */
enum rc mas_group_del(struct tables_tx *tx, uint64_t gid);
/* Visitors as in mas_table.h. Groups above that GID (0: all), at most limit (0 = all). */
typedef bool mas_group_visit(void *arg, const struct mas_group *g);
enum rc mas_group_scan(struct tables_tx *tx, uint64_t after, size_t limit, mas_group_visit *visit,
                       void *arg);

enum rc mas_member_get(struct tables_tx *tx, uint64_t gid, const struct node_id *node,
                       struct mas_member *out);
/* Also under its node. */
enum rc mas_member_put(struct tables_tx *tx, const struct mas_member *one);
enum rc mas_member_del(struct tables_tx *tx, const struct mas_member *one);
typedef bool mas_member_visit(void *arg, const struct mas_member *one);
/* Those of the group above that node (NULL: all). */
enum rc mas_member_scan(struct tables_tx *tx, uint64_t gid, const struct node_id *after,
                        size_t limit, mas_member_visit *visit, void *arg);
/* GIDs of the groups that a node is in, at most MAS_GROUPS_PER_NODE; *n of them. */
enum rc mas_groups_of(struct tables_tx *tx, const struct node_id *node,
                      uint64_t gids[MAS_GROUPS_PER_NODE], size_t *n);

/* The last sequence number that was used with KA of the node; 0: none. */
enum rc mas_sqn_get(struct tables_tx *tx, const struct node_id *node, uint64_t *sqn);
enum rc mas_sqn_put(struct tables_tx *tx, const struct node_id *node, uint64_t sqn);

#endif
