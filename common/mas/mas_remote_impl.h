/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the remote MAS. Private to common/mas/mas_remote*.c. */
#ifndef MAS_REMOTE_IMPL_H
#define MAS_REMOTE_IMPL_H

#include "codec/json_fields.h"
#include "core/scl.h"
#include "mas/mas_impl.h"
#include "mas/mas_remote.h"

#include <stdatomic.h>

#define REMOTE_FLIGHTS 64u /* calls that wait for an answer at a time */
#define REMOTE_QUEUE 512u /* that wait for their turn; the oldest beyond are refused */
#define REMOTE_TIMEOUT_MS 10000u
#define REMOTE_ANSWER_MAX (4u << 20)
#define REMOTE_BODY_MAX 65536u
#define REMOTE_URL_MAX 2048u
#define REMOTE_ENDED 1024u /* ends that are remembered; a power of 2 */

/* A connection that is to be served, as far as is known. */
struct remote_known {
	uint64_t id;
	struct node_id node;
	bool seen; /* in the list that is being fetched */
};

/* What is not to be served any more: a connection, or (id 0) all of the node. */
struct remote_ended {
	struct node_id node;
	uint64_t id;
};

/* One exchange with the MAS; the courier's. */
struct remote_flight {
	struct mas_remote *r;
	struct exchange ex;
	char url[REMOTE_URL_MAX];
	struct buf body; /* wiped at the end */
	const char *media_type; /* of both bodies; NULL: JSON */
	uint64_t ended; /* feed.n_ended when it was sent */
	/* On the courier thread; the flight is freed by its caller afterwards. */
	void (*landed)(struct remote_flight *f);
	const struct remote_kind *kind;
	void *call;
};

/* psk-feed and the list of connections; the courier's, but for what says otherwise. */
struct remote_feed {
	struct scl_task task; /* begins the next exchange */
	struct scl_task soon; /* a key was missing */
	struct remote_flight *poll, *quick; /* under way, or NULL */
	uint64_t since, events; /* where the next poll begins */
	char after[80]; /* of a page under way, "" = none */
	uint64_t base; /* since, when all pages are there */
	struct mas_psk *building; /* of pages under way */
	int64_t pause; /* before the next try, after a failure */
	int64_t quick_at; /* monotonic: when the last quick poll began */
	atomic_bool missed; /* any thread: soon is posted */

	/* All connections of this NSCL, page after page. */
	struct remote_flight *list;
	char list_after[CONN_ID_HEX];
	bool relist; /* after an event was lost */
	bool relisting; /* the list under way is for that */
	struct remote_ended ended[REMOTE_ENDED]; /* number i at i % REMOTE_ENDED */
	uint64_t n_ended; /* all since the start */
	struct mas_live *waiting; /* who has asked for them; by job.self */
	struct mas_live *late;    /* the same, while a list was under way: for the next one */
	struct remote_known *known; /* by their ids */
	size_t n_known, size_known;
};

/* group-feed; the courier's. */
struct remote_groups {
	struct scl_task task;
	struct remote_flight *poll; /* under way, or NULL */
	uint64_t since;
	int64_t pause;
};

struct mas_remote {
	struct mas_remote_conf conf; /* uri alone is to be used */
	char uri[REMOTE_URL_MAX / 2];
	struct credential *credential;
	struct scl *scl; /* NULL until start */

	pthread_mutex_t lock; /* guards the next five */
	struct tables_job *first, *last; /* calls that wait */
	unsigned n_queued;
	bool started, stopping;

	unsigned n_flights; /* the courier's */
	struct scl_task task; /* sends what waits */
	struct scl_task use_task; /* reports what connections have used */
	struct remote_flight *using;
	struct mas_use uses[200]; /* of using */
	size_t n_uses;

	pthread_rwlock_t keys_lock; /* guards keys: the pointer */
	struct mas_psk *keys;
	struct mas_live_table *live; /* uses */

	pthread_mutex_t watching; /* guards watchers, held while they are told */
	struct mas_watcher *watchers;

	struct remote_feed feed;
	struct remote_groups news;
};

/* ---- mas_remote_send.c ---- */

/* path below the URI, with its query. NULL without memory. Courier. */
struct remote_flight *remote_flight(struct mas_remote *r, const char *method, const char *path);
/* Sends it; landed is called once. Courier. */
void remote_send(struct remote_flight *f, unsigned timeout_ms);
void remote_free(struct remote_flight *f);
bool remote_stopping(struct mas_remote *r);
/* The outcome of a flight that landed; RC_OK: its answer is to be read. */
void remote_outcome(const struct remote_flight *f, struct mas_outcome *o);

/* ---- mas_remote_group.c ---- */

void remote_news_start(struct mas_remote *r);

/* ---- mas_remote_feed.c ---- */

void remote_feed_start(struct mas_remote *r);
void remote_feed_close(struct mas_remote *r);
/* A key was asked for that is not there. Any thread, in handshakes. */
void remote_feed_missed(struct mas_remote *r);
/*
 * Answers and the feed come by ways of their own: what the feed says of a connection may be here
 * before the answer that brings it.
 */
enum remote_news { REMOTE_LASTS, REMOTE_OVER, REMOTE_UNSURE /* an event was lost */ };
/* What the feed has said of c since f was sent. Courier. */
enum remote_news remote_news_of(const struct remote_flight *f, const struct mas_connection *c);
/* RC_OK; RC_UNAVAILABLE: without memory. Courier. */
enum rc remote_know(struct mas_remote *r, const struct mas_connection *c);
void remote_forget(struct mas_remote *r, uint64_t id);
/* live. Courier. */
void remote_list(struct mas_remote *r, struct mas_live *l);
/* Reads a connection of connect or of the list; the caller wipes it. */
bool remote_read_connection(struct slice text, struct mas_connection *out, struct slice *wrapped);

#endif
