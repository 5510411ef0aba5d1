/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Announcing (TS 102 690, announcing; TS 102 921 clause 10, announceTo). What is to be announced
 * where is decided in the transaction that changes the resource (announce.c) and remembered on it
 * (announce_state.c), together with a durable work for every SCL concerned. The announcer, on the
 * courier thread, carries the works out (announcer.c), one step after the other (announce_step.c),
 * and stores what came of them (announce_result.c).
 */
#ifndef CORE_ANNOUNCE_H
#define CORE_ANNOUNCE_H

#include "core/scl_impl.h"

/* ---- announce.c: in the write transaction ---- */

/*
 * Before self is stored: what announceTo becomes, and what is to be done for it. old is NULL on
 * CREATE. RC_FORBIDDEN when it may not be changed like that.
 */
enum rc announce_decide(struct req *rq, const struct res *old, struct res *self);
/* After self was stored: hands over what announce_decide found to do. */
enum rc announce_stored(struct req *rq, const struct res *old, const struct res *self);
/*
 * Before node is removed: its announcements are to go. nested: it goes because its parent does,
 * whose own announcements take along what is below them.
 */
enum rc announce_removed(struct scl *scl, struct rtx *tx, const struct res *node, bool nested);
/* An scl was created: what waits for it goes on; what was announced there is announced anew. */
enum rc announce_registered(struct scl *scl, struct rtx *tx, const struct res *peer);

/* ---- announcer.c ---- */

/* NULL without memory. */
struct announcer *announcer_new(struct scl *scl);
void announcer_free(struct announcer *an);
/* Takes up what an earlier run has left. Before the courier starts. */
void announcer_start(struct announcer *an);
/* There is new work once the transaction is durable. Committer thread, inside a transaction. */
void announcer_note(struct scl *scl);
/* An SCL has come that works may wait for; likewise. */
void announcer_note_peer(struct scl *scl);

#endif
