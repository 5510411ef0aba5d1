/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of groups share; private to sgd_group*.c. */
#ifndef CAP_SGD_SGD_GROUP_H
#define CAP_SGD_SGD_GROUP_H

#include "cap/sgd/sgd_own.h"

/* A group that is not known yet, of no state. NULL: there are too many. */
struct sgd_group *sgd_group_add(struct sgd_server *s, const struct sga_sid *gid);
/* The next epoch comes, with those members. g->team is there. */
enum rc sgd_group_next(struct sgd_group *g, const struct sgd_group_wish *w);
/* The records that wait for a key of it are not kept any more. */
void sgd_group_held_drop(struct sgd_group *g, struct sgd_change *c);
/* What was coming is current: its key is queued for each member. */
enum rc sgd_group_begin(struct sgd_group *g, struct sgd_change *c);

#endif
