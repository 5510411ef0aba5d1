/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request that came through a channel, from requestNotify to the delivery of its responseNotify
 * (TS 102 921 10.42). Courier thread.
 */
#ifndef CAP_TUNNELLED_H
#define CAP_TUNNELLED_H

#include "base/log.h"
#include "core/scl.h"

struct tunnelled;

/*
 * Reads the requestNotify that answered a poll. RC_BAD_REQUEST: it is none; RC_UNAVAILABLE without
 * memory.
 */
enum rc tunnelled_new(struct scl *scl, struct log *log, const struct exchange *poll,
                      struct tunnelled **out);
void tunnelled_free(struct tunnelled *t);
struct slice tunnelled_id(const struct tunnelled *t);
/* Where its answer goes. */
struct slice tunnelled_reply_uri(const struct tunnelled *t);

/*
 * Carries it out as if it had come in over mId, and answers an NSCL of that release (1 or 2). via: what
 * it has passed, alive until done. done is called once, not from within; t is gone by then.
 */
void tunnelled_run(struct tunnelled *t, struct slice via, int release,
                   void (*done)(void *owner), void *owner);

#endif
