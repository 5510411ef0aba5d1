/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An access point in multiparty authentication, at a gateway; private to common/cap/mpa/mpa_ap*.c.
 *
 *   link (courier): key registered at the NSCL, anchors by a long poll -> ap_anchors, counted
 *   POST A1 -> pool -> A2, run in the table;  POST A3 -> pool -> A4, session, transcript
 *   session -> PSK mp of the listeners, until it ends or what it rests on is revoked
 *   transcript (courier) -> NSCL -> decision, which the device fetches
 */
#ifndef CAP_MPA_AP_IMPL_H
#define CAP_MPA_AP_IMPL_H

#include "base/log_pace.h"
#include "cap/mpa/mpa_book.h"
#include "cap/pool.h"
#include "cap/sec_access.h"
#include "core/endpoint.h"
#include "core/scl.h"
#include "mas/mas_counter.h"
#include "mpa/transcript.h"
#include "mpa/ap.h"
#include "mpa/decision.h"
#include "sec/key_slab.h"

#include <pthread.h>
#include <stdatomic.h>

#define AP_PATH_MAX 256u
#define AP_URL_MAX 1023u
#define AP_SOURCE_MAX 63u
#define AP_SOURCE_SHARE 4u /* one address may have that part of the runs */
#define AP_OCTETS "application/octet-stream"
#define AP_JSON "application/json"

enum ap_count {
	AP_RUNS_N, /* A1 that were answered */
	AP_SESSIONS_N, /* A3 that were accepted */
	AP_CUT_N, /* sessions that ended by a revocation */
	AP_BUSY_N, /* refused for want of room */
	AP_FORWARDED_N, /* transcripts that got a decision */
	AP_ANCHORS_N, /* answers of the NSCL that changed something */
	AP_CAUSES_N, /* and one for each enum mpa_cause */
	AP_COUNTS = AP_CAUSES_N + MPA_CAUSES
};

/* What the operator has said last. Immutable and counted. */
struct ap_anchors {
	atomic_uint refs;
	struct buf text; /* its names point into this */
	uint64_t number;
	struct mpa_anchors v;
	struct mpa_anchor *servers;
	struct mpa_serial *revoked; /* in order */
	size_t n_revoked;
	struct buf w5; /* empty: this access point has none */
};

struct ap_run {
	bool busy; /* its A3 is being looked at */
	uint8_t name[MPA_RUN_SIZE];
	char source[AP_SOURCE_MAX + 1]; /* address that A1 came from */
	int64_t deadline; /* monotonic */
	struct mpa_ap *run; /* NULL: the place is free */
};

struct ap_session {
	struct ap_session *next; /* of its bucket */
	struct mpa_session s; /* its key is in slot */
	struct key_slot *slot; /* NULL: it was revoked */
	struct node_id node;
	int64_t made, deadline; /* monotonic */
};

enum ap_verdict { AP_PENDING, AP_DECIDED, AP_NO_DECISION };

struct ap_decision {
	struct ap_decision *next; /* oldest first */
	struct mpa_th th;
	enum ap_verdict verdict;
	struct buf transcript; /* empty once it is decided */
	uint8_t octets[MPA_DECISION_SIZE];
	int64_t due, wait, until; /* monotonic: next try, its back-off, the end */
};

/* The exchange with the NSCL that fetches anchors. Courier thread. */
struct ap_link {
	struct scl_task task;
	struct exchange ex;
	bool under_way, registered;
	char nscl[AP_URL_MAX + 1], url[AP_URL_MAX + 64], tag[80];
	struct buf body;
	int64_t wait; /* of the back-off */
	size_t which; /* of the NSCLs: the one that is tried */
};

/* One transcript on its way; of the entry there may be nothing any more. */
#define AP_SENDINGS 8u
struct ap_sending {
	struct ap *ap;
	bool busy;
	struct exchange ex;
	struct mpa_th th;
	struct buf body;
	char url[AP_URL_MAX + 64];
};

struct ap {
	struct scl *scl;
	struct log *log;
	const struct capability_conf *cap;
	const struct mpa_conf *conf;
	const struct sec_access *sec;
	struct mpa_book book;
	struct slice id; /* the SCL-ID */
	struct mpa_cache *cache;
	struct mas_counters *counters;
	struct log_pace refusing; /* what anybody can send */
	const char *counter_names[AP_COUNTS];
	char cause_names[MPA_CAUSES][48];
	struct endpoint mpa, decisions;
	char mpa_path[AP_PATH_MAX], decisions_path[AP_PATH_MAX];
	struct sec_watcher watcher;
	struct ap_link link;
	struct scl_task forward;
	struct ap_sending sendings[AP_SENDINGS];

	pthread_mutex_t lock; /* guards the rest */
	bool running;
	struct pool *pool;
	struct ap_anchors *anchors; /* NULL: none yet */
	int64_t anchored; /* monotonic: when the NSCL has last said that they stand */
	struct ap_run *runs; /* conf->attempts_max */
	struct ap_session **buckets;
	size_t n_buckets;
	unsigned n_sessions;
	struct key_slabs slabs;
	struct ap_decision *first, **last;
	unsigned n_decisions;
};

/* ---- mpa_ap.c ---- */

int64_t ap_now(void); /* seconds since 1970 */
void ap_count(struct ap *ap, unsigned which);
/* As cn_refused. */
enum rc ap_refused(struct ap *ap, enum mpa_cause why, const char *what, struct slice who,
                   const char **reason);

/* ---- mpa_ap_anchor.c ---- */

/* RC_BAD_REQUEST: it is no such document; *out is NULL unless RC_OK. */
enum rc ap_anchors_read(struct slice json, const struct sign_public *own, struct ap_anchors **out);
void ap_anchors_unref(struct ap_anchors *a);
/* Those that count now, referenced; NULL: none, or the NSCL was not heard of for too long. */
struct ap_anchors *ap_anchors_now(struct ap *ap);
/* These count from now on; takes the reference. Sessions that rest on what was revoked end. */
void ap_anchors_set(struct ap *ap, struct ap_anchors *a);
/* For libmpa: lives as long as a. */
struct mpa_revocations ap_revocations(struct ap_anchors *a);

/* ---- mpa_ap_link.c ---- */

void ap_link_open(struct ap *ap);
void ap_link_start(struct ap *ap);
void ap_link_close(struct ap *ap);

/* ---- mpa_ap_run.c ---- */

enum rc ap_serve(void *arg, struct req *rq, const struct req_input *in);
void ap_runs_close(struct ap *ap);

/* ---- mpa_ap_session.c ---- */

/*
 * RC_NO_SPACE: there are as many as may be; RC_BAD_REQUEST: the peer is no node; RC_FORBIDDEN: what it
 * rests on was revoked just now.
 */
enum rc ap_session_add(struct ap *ap, const struct mpa_session *s);
bool ap_session_has_room(struct ap *ap);
/* Ends those that rest on what was revoked; lock is held. */
void ap_sessions_judge(struct ap *ap, struct ap_anchors *a);
void ap_sessions_cut_node(struct ap *ap, const struct node_id *node);
void ap_sessions_close(struct ap *ap);
enum rc ap_psk_open(struct ap *ap);

/* ---- mpa_ap_forward.c ---- */

void ap_forward_open(struct ap *ap);
/* A run that was accepted: its transcript is copied. Any thread. */
void ap_forward(struct ap *ap, const struct mpa_th *th, struct slice transcript);
enum rc ap_decision_serve(void *arg, struct req *rq, const struct req_input *in);
void ap_forward_close(struct ap *ap);

#endif
