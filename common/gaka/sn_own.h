/* SPDX-License-Identifier: Apache-2.0 */
/* What a set of vectors is, for sn_set.c and sn_attempt.c alone. */
#ifndef GAKA_SN_OWN_H
#define GAKA_SN_OWN_H

#include "gaka/sn.h"

struct gaka_set_member {
	struct node_id id;
	uint64_t iv;
	uint64_t next; /* C of the next attempt: iv .. iv + w, the last of which stands for none */
	struct key xk;
};

struct gaka_set {
	struct gaka_gid gid;
	struct gaka_rand rand;
	struct node_id sn;
	struct key gtk;
	uint64_t expiry;
	uint16_t w, count;
	struct gaka_set_member members[]; /* in ascending order of ids */
};

/* The member that has that id; NULL: none. */
struct gaka_set_member *gaka_set_find(struct gaka_set *set, const struct node_id *id);

#endif
