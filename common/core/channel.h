/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Channels (TS 102 921 10.37, 10.42): how what is for a client that cannot be connected to waits
 * for its long poll. The resources are in the store; what waits is in memory, and is not
 * acknowledged to its sender before a poll has taken it away.
 */
#ifndef CORE_CHANNEL_H
#define CORE_CHANNEL_H

#include "core/scl_impl.h"

struct channels;

/* Adds the segment "lp" to scl. RC_UNAVAILABLE without memory. */
enum rc channels_new(struct scl *scl, struct channels **cs);
void channels_free(struct channels *cs);
/* Answers all that waits; nothing waits from then on. Courier thread. */
void channels_stop(struct channels *cs);

/*
 * True when uri is a contactURI of this SCL, by its form; token is a part of it. Any thread.
 */
bool channel_contact(const struct scl *scl, struct slice uri, struct slice *token);
/* The same for a channel that exists. */
bool channel_serves(const struct scl *scl, struct rtx *tx, struct slice uri);
/* The absolute contactURI or longPollingURI of a token. */
struct slice channel_contact_uri(const struct scl *scl, struct arena *a, struct slice token);
struct slice channel_poll_uri(const struct scl *scl, struct arena *a, struct slice token);

/* A channel is being removed. In the write transaction. */
void channels_removed(struct channels *cs, const struct res *channel);

/*
 * Takes ex, whose url is a contactURI, as a request to whoever polls there (requestNotify); done is
 * called later. False when it is not. Courier thread.
 */
bool channels_send(struct channels *cs, struct exchange *ex);

/* Waits for the next poll of a channel. Part of whatever waits; all zero at first. */
struct channel_waiter {
	struct scl_task *task; /* the owner's: posted when the channel is polled or removed */
	struct channel *at; /* private from here on; NULL: does not wait */
	struct channel_waiter *next;
};

/* Does nothing when contact is no channel that something was sent to lately. Courier thread. */
void channels_await(struct channels *cs, struct slice contact, struct channel_waiter *w);
/* w does not wait any more. Courier thread. */
void channels_forget(struct channels *cs, struct channel_waiter *w);

/* ---- tunnel_doc.c ---- */

/*
 * Appends the requestNotify of ex, to be answered at contact with the correlationID id. RC_OK,
 * RC_NOT_IMPLEMENTED, RC_BAD_REQUEST: the document cannot say that; RC_UNAVAILABLE. Any thread.
 */
enum rc request_notify_encode(const struct scl *scl, struct arena *a, const struct exchange *ex,
                              struct slice contact, const char *id, struct buf *out);

#endif
