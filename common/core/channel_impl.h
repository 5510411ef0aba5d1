/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the channels share. One lock guards all of it; requests and exchanges are
 * ended when it is released.
 */
#ifndef CORE_CHANNEL_IMPL_H
#define CORE_CHANNEL_IMPL_H

#include "base/ident.h"
#include "core/channel.h"
#include "core/keyed.h"
#include "core/waits.h"

enum wait_kind { WAIT_POLL, WAIT_SENDER, WAIT_TUNNEL, WAIT_ABSENT };

/* A request that is to be answered when the lock is released. Heap. */
struct ended {
	struct ended *next;
	struct req *rq;
	enum rc rc;
	const char *why; /* of a failure; constant */
	struct message *message; /* that a poll takes away */
};

/* What has ended while the lock was held. */
struct ends {
	struct ended *first, **last;
};

/* A poll that waits. */
struct poll {
	struct ended ended; /* first */
	struct channel *channel;
	struct wait wait;
};

/* Something for whoever polls. In the queue, or handed to a poll whose answer is on its way. */
struct message {
	struct channel *channel;
	struct message *next; /* in the queue, or among those that are handed out */
	struct ended *sender; /* who waits for it to be taken away, or NULL */
	struct tunnel *tunnel; /* or the request that it is */
	struct wait wait; /* of the sender */
	const char *media_type; /* constant */
	char *body; /* heap */
	size_t n;
	bool handed;
};

/* A request of the core that travels as a message and is answered by responseNotify. */
struct tunnel {
	struct keyed keyed; /* first; by correlation id */
	char id[IDENT_SECRET_LEN + 1];
	struct exchange *ex;
	struct channel *channel;
	struct tunnel *next, **at; /* of the channel; next also of those that are done */
	struct message *message; /* NULL once its poll is answered */
	struct wait wait;
	bool handed; /* a poll may have it */
};

/* What is known of the m2mPocs that lead to the channel. */
enum told { TOLD_NOTHING, TOLD_ONLINE, TOLD_NOT_REACHABLE };

/* A channel that is polled or sent to; made when that begins, gone some time after it ends. */
struct channel {
	struct keyed keyed; /* first; by contact */
	struct channels *all;
	uint64_t id; /* node */
	uint64_t parent;
	bool of_scl; /* parent is an scl */
	/* It was found in the store at this generation (0: of none), and expires then. */
	uint64_t found;
	int64_t until;
	bool gone; /* the resource was removed */
	bool ending; /* stays, although all that is in it ends */
	char contact[IDENT_SECRET_LEN + 1];
	char secret[IDENT_SECRET_LEN + 1]; /* of the longPollingURI */
	struct poll *poll;
	struct message *first, **last; /* the queue */
	struct message *handed;
	unsigned n; /* of both */
	size_t bytes; /* of them */
	struct wait absent; /* while nobody polls */
	struct tunnel *tunnels;
	struct channel_waiter *waiters;
	enum told told, tell;
	bool returning; /* among those that the courier is to look at */
	struct channel *next_returning;
};

/* A channel that a transaction removes, until that is stored. */
struct removed {
	char contact[IDENT_SECRET_LEN + 1];
	unsigned looks;
};

struct channels {
	struct scl *scl;
	struct segment segment;
	struct scl_task tick, deliver, reap, look;

	pthread_mutex_t lock; /* of all that follows */
	struct keyed_table by_contact, by_correlation;
	struct waits waits;
	int64_t ticking; /* when tick is due, CLOCK_NEVER when it is not posted */
	unsigned polls;
	size_t bytes; /* of all messages */
	bool stopped;
	struct removed *removed;
	size_t n_removed, max_removed;
	unsigned check_all; /* looks at all channels that remain, after too many removals at once */
	struct tunnel *done, **last_done; /* whose exchanges the courier ends */
	struct channel *returning;
};

/* The key of a token, 0 when it is none. */
uint64_t channel_key(struct slice token);

/* ---- channel.c; the lock is held unless said otherwise ---- */

void channels_lock(struct channels *cs, struct ends *ends);
/* Releases the lock, then answers what has ended. */
void channels_unlock(struct channels *cs, struct ends *ends);

/* The node of a channel that exists, by one of its tokens. RC_NOT_FOUND. Without the lock. */
enum rc channel_find(struct rtx *tx, unsigned attr, struct slice token, struct res **node,
                     struct res **parent);

/* NULL when nothing waits or waited lately. */
struct channel *channel_known(struct channels *cs, struct slice contact);
/* Makes it known when it is not; NULL without memory. */
struct channel *channel_get(struct channels *cs, const struct channel *like);
/* Forgets ch when nothing of it is left. */
void channel_release(struct channel *ch);
/* Its resource was removed: all that waits ends. */
void channel_end(struct channel *ch, struct ends *ends);

/* The poll p begins to wait; one that waited already is answered. */
enum rc channel_poll(struct channel *ch, struct poll *p, struct ends *ends);
/* RC_OK: m, which has its channel, waits or was handed out; the caller keeps m otherwise. */
enum rc channel_put(struct channel *ch, struct message *m, struct ends *ends);
/* m ends: its sender is answered rc. It is gone afterwards. */
void message_end(struct message *m, enum rc rc, struct ends *ends);
/* Posts the tick for the earliest of what waits. */
void channels_arm(struct channels *cs);

/* ---- channel_watch.c ---- */

void watch_init(struct channels *cs);
/* A poll of ch has begun, or it was removed. */
void watch_returned(struct channel *ch);
/* Nobody polls ch from now on. */
void watch_unpolled(struct channel *ch);
/* It has been like that for long. */
void watch_absent(struct channel *ch);

/* ---- channel_serve.c ---- */

void serve_init(struct channels *cs);
/* What the resource says of its channel. */
void channel_describe(struct channel *ch, const struct res *node, const struct res *parent);

/* ---- tunnel.c ---- */

void tunnel_init(struct channels *cs);
/* The exchange of t ends with rc, RC_OK: it has its answer. t is gone for the channel. */
void tunnel_end(struct tunnel *t, enum rc rc, const char *why);
/* responseNotify came in for ch. RC_ACCEPTED, or the failure. Without the lock. */
enum rc tunnel_answer(struct channels *cs, struct req *rq, struct slice contact);

/* ---- tunnel_doc.c; without the lock ---- */

/* The values of a responseNotify. RC_BAD_REQUEST with *why. */
enum rc response_notify_bind(struct arena *a, struct node *doc, struct val **vals, bool *created,
                             struct slice *why);
/* Makes them the answer of ex; false when that is over its limit. */
bool response_notify_answer(const struct val *vals, bool created, struct exchange *ex);

#endif
