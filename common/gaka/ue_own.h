/* SPDX-License-Identifier: Apache-2.0 */
/* For ue.c and ue_state.c alone. */
#ifndef GAKA_UE_OWN_H
#define GAKA_UE_OWN_H

#include "gaka/ue.h"

/* Has kept made durable; it is the state of u then. What keep says, and u is as before. */
enum rc gaka_ue_keep(struct gaka_ue *u, const struct gaka_kept *kept);
/*
 * Makes to the mark of its group and serving network. RC_PRECONDITION: its C is not above the last
 * one; RC_NO_SPACE: there are GAKA_MARKS_MAX others. kept is as before then.
 */
enum rc gaka_mark_move(struct gaka_kept *kept, const struct gaka_mark *to);

#endif
