/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Administration of the groups of group authentication (Lai et al., group based authentication): as
 * mas_admin.h. A group has a key GAK, which members get over their service connections; a new one
 * begins an epoch, and the one before is good for another ten minutes.
 */
#ifndef MAS_GROUP_ADMIN_H
#define MAS_GROUP_ADMIN_H

#include "mas/mas_admin.h"
#include "mas/mas_group_table.h"

#define MAS_GROUP_WINDOW 16u
#define MAS_GROUP_LIFETIME (3600 * CLOCK_SECOND)
#define MAS_GROUP_LIFETIME_MAX (7 * 86400 * CLOCK_SECOND)

enum mas_group_kind {
	MAS_GROUP_MAKE,
	MAS_GROUP_SET, /* what is given; networks take the place of those that there are */
	MAS_GROUP_JOIN, /* nodes; who is a member already stays one */
	MAS_GROUP_LEAVE, /* nodes[0] */
	MAS_GROUP_REKEY,
	MAS_GROUP_DELETE
};

struct mas_group_change {
	enum mas_group_kind kind;
	uint64_t gid; /* MAKE: 0 = one is made; out */
	const struct node_id *nodes; /* of MAKE, JOIN, LEAVE */
	unsigned n_nodes; /* at most MAS_GROUP_MEMBERS */
	/* Of MAKE and SET; 0 = the default, or what there is. */
	unsigned window; /* W, at most 65535 */
	int64_t lifetime; /* of vectors, 1 s to MAS_GROUP_LIFETIME_MAX; never beyond the leader's Kmr */
	const struct slice *networks; /* SCL-IDs of serving networks; SET: NULL = stays */
	unsigned n_networks; /* at most MAS_GROUP_NETWORKS */
	const bool *rekey_on_join; /* MAKE: a new epoch for who joins; NULL = true */

	const char *actor; /* for the audit */
	struct slice source;

	uint32_t epoch; /* out: of the group now, 0 = it is gone */
	/*
	 * RC_NOT_FOUND: the group, or LEAVE: the member; RC_BAD_REQUEST BAD_PARAM; RC_CONFLICT:
	 * GID_TAKEN, NO_NODE (unknown or revoked), TOO_MANY (members, groups of a node, epochs);
	 * RC_NO_SPACE: groups. Nothing is changed then.
	 */
	struct mas_outcome outcome;
	void (*done)(struct mas_group_change *c);
	void *owner;
	struct tables_job job; /* the MAS's, as the following */
	uint64_t asked_gid;
	bool rekeyed;
};

/* Effect before done: watchers were told. */
void mas_group_change(struct mas_local *m, struct mas_group_change *c);

struct mas_group_query {
	uint64_t gid; /* 0: all groups; else the group with its members */
	uint64_t after; /* groups above that one */
	const struct node_id *after_node; /* members above that one; NULL: from the first */
	unsigned limit; /* rows, at most MAS_PAGE_MAX; 0 = that */
	const char *actor; /* the call is audited */
	struct slice source;

	/* As in mas_query, without keys; of the group with members the group comes first. */
	void (*begin)(struct mas_group_query *q);
	void (*row)(struct mas_group_query *q, const struct mas_group *g,
	            const struct mas_member *one);
	struct mas_outcome outcome; /* RC_NOT_FOUND */
	bool more; /* the last row's is the after of the next page */
	void (*done)(struct mas_group_query *q);
	void *owner;
	struct tables_job job; /* the MAS's, as the following */
	unsigned rows;
};

void mas_group_query(struct mas_local *m, struct mas_group_query *q);

#endif
