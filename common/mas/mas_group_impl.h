/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to groups. Private to common/mas. Functions with a tx: worker, in its transaction. */
#ifndef MAS_GROUP_IMPL_H
#define MAS_GROUP_IMPL_H

#include "mas/mas_impl.h"

#define MAS_GROUPS_MAX 10000u
#define MAS_GROUP_OVERLAP (10 * 60 * CLOCK_SECOND) /* that the key of the epoch before lives on */

/* ---- mas_group_state.c ---- */

/* A new key and the next epoch, stored, with its timer. RC_NO_SPACE: there is no next epoch. */
enum rc mas_group_rekey(struct mas_local *m, struct tables_tx *tx, struct mas_group *g);
/* Vectors of the group die; removed: who is no member any more, or NULL. */
enum rc mas_group_tell(struct mas_effects *e, const struct mas_group *g,
                       const struct node_id *removed);
/* Takes the node in, which exists and is no member; g is to be stored by the caller. */
enum rc mas_group_enter(struct mas_local *m, struct tables_tx *tx, struct mas_group *g,
                        const struct node_id *node);
/* The member goes, all others get a new key. */
enum rc mas_group_leave(struct mas_local *m, struct tables_tx *tx, struct mas_group *g,
                        const struct mas_member *one, struct mas_effects *e);
/* All of it goes. */
enum rc mas_group_drop(struct tables_tx *tx, const struct mas_group *g, struct mas_effects *e);
/* A node that was revoked leaves all its groups. actor: for the audit. */
enum rc mas_groups_leave(struct mas_local *m, struct tables_tx *tx, const struct node_id *node,
                         const struct mas_trace *t, struct mas_effects *e);
/* Its key was revoked: vectors that were made with it die. */
enum rc mas_groups_void(struct tables_tx *tx, const struct node_id *node, struct mas_effects *e);
/* Its timer: the key of the epoch before is erased. */
enum rc mas_group_time(struct mas_local *m, struct tables_tx *tx, const struct mas_due *d,
                       int64_t now);
enum rc mas_trace_group(struct mas_local *m, struct tables_tx *tx, const struct mas_trace *t,
                        uint64_t gid, const struct node_id *node);

/* ---- functions of mas.h, by file ---- */

void mas_local_gaka(void *self, struct mas_gaka *g); /* mas_gaka.c */
void mas_local_group_keys(void *self, struct mas_group_keys *k); /* mas_group_keys.c */
/*
 * The node may be spoken for by an NSCL of that name (empty: the one of this process): RC_FORBIDDEN
 * unless it has a service connection with it. Also for one that is revoked.
 */
enum rc mas_group_may_ask(struct mas_local *m, struct tables_tx *tx, const char *call,
                          struct slice nscl, const struct node_id *node, struct mas_node *out);

#endif
