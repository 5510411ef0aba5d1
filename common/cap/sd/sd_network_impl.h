/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of sd_network.h. Private to common/cap/sd/sd_network*.c. */
#ifndef CAP_SD_SD_NETWORK_IMPL_H
#define CAP_SD_SD_NETWORK_IMPL_H

#include "cap/pool.h"
#include "cap/sd/sd_book.h"
#include "cap/sd/sd_budget.h"
#include "cap/sd/sd_network.h"
#include "cap/sec_access.h"
#include "core/endpoint.h"
#include "core/scl.h"
#include "mas/mas.h"
#include "mas/mas_counter.h"
#include "sd/costs.h"

#include <pthread.h>

#define NET_PATH_MAX 256
#define NET_JSON "application/json"
#define NET_WINDOW 32u /* contentInstances of one bundle that are made at a time */

/* How far a reading is on its way into its container. */
enum item_state {
	ITEM_WAITS,
	ITEM_MADE,
	ITEM_REFUSED, /* for good */
	ITEM_FAILED
};

enum net_count {
#define SD_COUNTER(name, text) NET_COUNT_##name,
#include "cap/sd/sd_counters.def"
#undef SD_COUNTER
	NET_COUNTS
};

/* Why a reading is not taken. */
enum net_reason {
	NET_TAKEN, /* it is, or is about to be */
	NET_REPLAY,
	NET_NO_KEY,
	NET_SIGNATURE,
	NET_CONTAINER,
	NET_EXPIRED,
	NET_EXCLUDED,
	NET_REASONS
};

struct net_post;
struct net_item;

/* Which devices were asked about, of those that may have been revoked; guarded by sd_network.lock. */
struct net_doubt {
	struct sd_cursor at, next; /* next: behind the one that is asked about now */
	bool busy; /* a step is posted, or the MAS is asked */
	bool again; /* from the start */
	struct mas_inquire call;
	struct scl_task task;
};

struct sd_network {
	struct scl *scl;
	const struct sec_access *sec;
	const struct clock *clock;
	struct log *log;
	struct sd_conf conf;
	char keys_path[NET_PATH_MAX], data_path[NET_PATH_MAX];
	struct endpoint keys, data;
	struct sd_known_table *table;
	struct sd_book *book;
	struct sd_budget *budget;
	struct mas_counters *counters;
	struct sec_watcher watcher;
	struct sd_costs costs; /* from start on */
	struct pool *pool;

	pthread_mutex_t lock; /* guards the next four */
	pthread_cond_t changed;
	bool running;
	unsigned n_posts; /* bundles under way */
	unsigned n_changes; /* of keys, under way */

	/* Bundles that are verified, one after the other; the courier's. */
	struct net_post *lane, **lane_end;
	bool lane_busy;
	struct scl_task lane_next; /* the one before is over */

	/* Q of the generator at the MAS, sd_network_identity.c; guarded by lock. */
	bool has_generator;
	struct ibas_public generator;
	uint8_t generator_octets[IBAS_PUBLIC_SIZE]; /* the same */
	struct mas_identity asked;
	struct scl_task ask_again;

	struct net_doubt doubt;
};

#define NET_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* ---- sd_network.c ---- */

void net_count(struct sd_network *net, enum net_count which);
/* One more of what is under way, unless there are max (0: no limit) or it does not run. */
bool net_enter(struct sd_network *net, unsigned *n, unsigned max);
/* The same for what does not come from outside: also before start, not after stop. */
void net_hold(struct sd_network *net, unsigned *n);
void net_leave(struct sd_network *net, unsigned *n);
/* The node whose service connection in came by. */
bool net_peer(const struct sd_network *net, const struct req_input *in, struct node_id *out);
/* Refuses rq as overloaded. */
enum rc net_overload(struct sd_network *net, struct req *rq, unsigned retry_after);

/* ---- sd_network_keys.c ---- */

enum rc net_keys_serve(void *arg, struct req *rq, const struct req_input *in);
/* Of a node that is revoked: its keys go. Any thread. */
void net_keys_revoked(struct sd_network *net, const struct node_id *node);

/* ---- sd_network_post.c: a bundle until it is verified ---- */

/* In the memory of whoever asks, from malloc; freed by net_post_free. */
struct net_post {
	struct sd_network *net;
	struct req *rq;
	bool proved; /* it came by a service connection */
	struct node_id peer; /* whose, then: the gateway */
	struct sd_bundle bundle;
	struct sd_reading *readings; /* n, as all arrays */
	struct sd_known **known; /* NULL: none */
	enum net_reason *reasons;
	enum sd_verdict *verdicts;
	enum rc verified; /* of sd_verify; RC_OK also when nothing was to be verified */
	struct pool_job job;
	struct scl_task task; /* the lane's */
	struct net_post *next; /* in the lane */
	/* Of sd_network_store.c. */
	size_t *order; /* indices, by device and number */
	unsigned char *states; /* enum item_state, by place in order */
	struct sd_entry *entries; /* traces that change, n_entries */
	size_t n_entries;
	struct sd_change change;
	struct net_item *items; /* NET_WINDOW */
	size_t at; /* place in order that is called next */
	unsigned under_way; /* calls */
	bool broken; /* something could not be made, but may later */
	size_t stored;
	struct arena *arena;
};

enum rc net_data_serve(void *arg, struct req *rq, const struct req_input *in);
void net_post_free(struct net_post *p);
/* Until when its sender must not have t's device in aggregates: us since 1970, or 0. */
int64_t net_post_excluded(const struct net_post *p, const struct sd_trace *t);
/* Answers, and ends p. Any thread. */
void net_post_end(struct net_post *p, enum rc rc);

/* ---- sd_network_store.c: from verified to durable; courier ---- */

/* The last of those that are verified. Any thread; ends in net_post_end. */
void net_store(struct net_post *p);

/* The instances are made, or some cannot be now: what was made counts, and p ends. */
void net_note(struct net_post *p);
/* The lane is open. Before scl_start. */
void net_store_init(struct sd_network *net);

/* ---- sd_network_make.c: contentInstances; courier ---- */

/* Room for calls; false without memory. */
bool net_make_room(struct net_post *p);
/* One for each reading that is taken, from p->at on; ends in net_note. */
void net_make(struct net_post *p);

/* ---- sd_network_identity.c ---- */

/* Q of the generator; false: it is not known (yet). Any thread. */
bool net_generator(struct sd_network *net, struct ibas_public *out);
/* Asks the MAS for it, until it has said so. */
void net_identity_start(struct sd_network *net);
/* Whether what stands behind sdKeys/ means the own key of a device; and that. */
bool net_identity_is(struct slice rest);
enum rc net_identity_serve(struct sd_network *net, struct req *rq, const struct req_input *in,
                           const struct node_id *peer);

/* ---- sd_network_doubt.c ---- */

/* Before scl_start. */
void net_doubt_init(struct sd_network *net);
/* Whoever may have been revoked without word of it loses its keys, if so. Any thread. */
void net_doubt_begin(struct sd_network *net);

/* ---- sd_network_doc.c: what is answered ---- */

const char *net_reason_name(enum net_reason r);
/*
 * 202, or a refusal of the whole: reason NULL or its name. Counts what is rejected, and logs.
 */
enum rc net_answer(struct net_post *p, enum rc rc, const char *reason);
/* The keys of a device, for whoever verifies. */
enum rc net_answer_keys(struct sd_network *net, struct req *rq, const struct node_id *id);
/* What GET smallData tells. */
enum rc net_answer_terms(struct sd_network *net, struct req *rq);

#endif
