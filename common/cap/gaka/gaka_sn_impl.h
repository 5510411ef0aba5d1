/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of gaka_sn.h. Private to common/cap/gaka/gaka_sn*.c, and to their tests.
 *
 *   gaka_sn.c          life, who the serving network is
 *   gaka_sn_serve.c    the endpoint: messages of devices, answers
 *   gaka_sn_step.c     what is done with a message: under the lock, without waiting
 *   gaka_sn_home.c     what the answers of the home network mean
 *   gaka_sn_group.c    groups with their sets of vectors, who waits for them
 *   gaka_sn_attempt.c  attempts under way
 *   gaka_sn_limit.c    how often the home network may be asked
 *   gaka_sn_ask.c      T2 and T10 on their way to the home network
 *   gaka_sn_feed.c     what is void: news of groups, revoked nodes
 *   gaka_sn_status.c   counters and state for the administrator
 *   gaka_sn_sessions.c keys of devices that have attached
 */
#ifndef CAP_GAKA_SN_IMPL_H
#define CAP_GAKA_SN_IMPL_H

#include "base/log_pace.h"
#include "cap/gaka/gaka_sn.h"
#include "cap/gaka/gaka_sn_sessions.h"
#include "cap/sec_access.h"
#include "cap/nscl_url.h"
#include "core/endpoint.h"
#include "core/scl.h"
#include "gaka/sn.h"
#include "mas/mas.h"
#include "mas/mas_counter.h"
#include "sec/failures.h"

#include <pthread.h>
#include <stdatomic.h>

#define SN_PATH_MAX 256u
#define SN_WAIT (2 * CLOCK_SECOND) /* of a member, while T2 is under way */
#define SN_PAUSE (5 * CLOCK_SECOND) /* between two T2 of a group */
#define SN_MINUTE (60 * CLOCK_SECOND)
/*
 * What the home network limits is counted over this time: it counts in twelfths of a minute and
 * forgets each up to one later, and a question may be a little on its way. Whoever keeps the limit is
 * not refused.
 */
#define SN_HOME_TIME (66 * CLOCK_SECOND)
/*
 * Refusals of the home network in that time, of names that it has not vouched for before, and of what
 * anybody can bring about in a group that it has: names, and resynchronisations, which count there as
 * a refusal. It locks whoever brings 60: no stranger can use them up.
 */
#define SN_STRANGERS 30u
#define SN_NAMED 24u
#define SN_FAILURES 3u /* of a device in a minute */
#define SN_BUSY_S 5u /* Retry-After, unless something better is known */

enum sn_count {
#define GAKA_COUNTER(name, text) SN_COUNT_##name,
#include "cap/gaka/gaka_sn_counters.def"
#undef GAKA_COUNTER
	SN_COUNTS
};

struct gaka_sn;

/* ---- attempts ---- */

/* One attempt of a device. In secret memory. */
struct sn_attempt {
	struct gaka_attempt a;
	struct gaka_t1 t1;
	uint8_t octets[GAKA_T1_SIZE]; /* t1 as it came */
	bool resynced, single;
	int64_t deadline;
	struct sn_attempt *next; /* of the slot */
	struct sn_attempt *older, *newer; /* by deadline */
};

#define SN_SLOTS 1024u /* a power of 2 */

struct sn_attempts {
	struct sn_attempt *slots[SN_SLOTS];
	struct sn_attempt *oldest, *newest;
	unsigned n;
};

/* ---- groups ---- */

struct sn_group {
	struct gaka_gid gid;
	struct gaka_set *set; /* NULL: none */
	unsigned members; /* of set */
	uint16_t w; /* of set */
	uint64_t renew; /* seconds since 1970: from then on others are asked for in its place */
	int64_t asked; /* when T2 was sent last; 0: never */
	bool asking; /* T2 is under way */
	bool vouched; /* the home network has answered T3, ever */
	bool unknown; /* the last T2 was refused: there is no such group here */
	bool away; /* the last T2 had no answer, or busy */
	struct sn_group *next;
};

struct sn_groups {
	struct sn_group *first;
	unsigned n, members; /* of all sets */
};

/* ---- limits ---- */

/* When the last max ones were, the oldest at next; at most max within SN_HOME_TIME. */
struct sn_ring {
	int64_t *at; /* 0: none */
	unsigned max, next;
	unsigned open; /* asked and not answered yet, that may have to be noted */
};

struct sn_limits {
	struct sn_ring singles, strangers, named;
	struct failures *failures;
};

/* ---- requests ---- */

/* What is to be done with a request. */
enum sn_next {
	SN_ANSWER, /* answer and rc are set */
	SN_WAITS, /* for the T2 of somebody else */
	SN_ASK_GROUP, /* T2 */
	SN_ASK_SINGLE /* T10 */
};

/* One request of a device; in the arena of its request. */
struct sn_request {
	struct gaka_sn *s;
	struct req *rq;
	/* T1; or the answer of a device, and whose. */
	struct gaka_t1 t1;
	uint8_t octets[GAKA_T1_SIZE]; /* t1 as it came */
	bool answers;
	enum gaka_reason reason; /* of a T12; 0: it is a T5 or T8 */
	struct node_id id;
	struct slice body;

	bool resync;
	int64_t deadline; /* of waiting; 0: it has not waited */
	struct sn_request *next; /* of those that wait */

	enum rc rc; /* of the answer */
	uint8_t answer[GAKA_DEVICE_MAX];
	size_t n;
	unsigned retry_after;

	/* What the home network is asked. */
	uint8_t message[GAKA_T2_SIZE];
	size_t message_n;
	bool group;
	struct sn_ring *refusals; /* that a refusal is noted in; NULL: none is expected */
	uint64_t voids; /* gaka_sn.voids when it was asked */
	struct gaka_t2 t2;
	struct mas_gaka call;
	struct exchange ex;
	char url[NSCL_URL_MAX];
	struct sn_request *out; /* of those to be sent */
};

/* ---- all of it ---- */

struct sn_feed {
	struct exchange ex;
	struct scl_task task;
	char url[NSCL_URL_MAX];
	uint64_t since;
	unsigned failures;
	bool polling;
	_Atomic bool told; /* the last one was answered; or the MAS tells */
};

struct gaka_sn {
	struct scl *scl;
	struct log *log;
	const struct sec_access *sec;
	const struct gaka_conf *conf;
	const struct capability_conf *cap;
	const struct clock *clock; /* of expiry */
	const struct clock *mono; /* of limits and waiting; tests have another */
	struct node_id serving; /* what group events call this serving network */
	char path[SN_PATH_MAX];
	struct endpoint endpoint;
	struct mas_counters *counters;
	struct gaka_sessions *sessions;
	struct mas_watcher mas_watcher;
	struct sec_watcher sec_watcher;
	struct sn_feed feed;
	struct scl_task tick, send;

	pthread_mutex_t lock; /* guards the rest; a leaf but for the lock of sessions */
	bool running;
	struct sn_attempts attempts;
	struct sn_groups groups;
	struct sn_limits limits;
	struct sn_request *waiting, **waiting_end; /* for T2 */
	struct sn_request *outbox, **outbox_end; /* to be sent by the courier */
	unsigned n_requests; /* that wait or are asked for */
	uint64_t voids; /* grows with all that was declared void */
	struct log_pace logged_home, logged_full;
};

/* ---- gaka_sn.c ---- */

int64_t sn_mono(const struct gaka_sn *s);
/* Seconds since 1970. */
uint64_t sn_wall(const struct gaka_sn *s);
/* Who the serving network is; false: it has no root key, so that it is nobody. */
bool sn_self(const struct gaka_sn *s, struct node_id *out);
void sn_count(struct gaka_sn *s, enum sn_count which);

/* ---- gaka_sn_serve.c ---- */

/* Of the endpoint; arg is the struct gaka_sn. */
enum rc sn_serve(void *arg, struct req *rq, const struct req_input *in);
/* Gives a request that pends what r->rc and r->answer say. Without the lock. */
void sn_finish(struct sn_request *r);
/* Takes a step with a request that pends, and what follows from it. Without the lock. */
void sn_go(struct sn_request *r);
/* Answers those that have waited for too long; with all: everybody. Without the lock. */
void sn_end_waiting(struct gaka_sn *s, bool all);
/* Those that wait for the group, linked by next, oldest first. With the lock. */
struct sn_request *sn_take_waiting(struct gaka_sn *s, const struct gaka_gid *gid);

/* ---- gaka_sn_step.c: with the lock ---- */

/*
 * What is next with r. may_wait: r pends; it is among those that wait, or what the home network is to
 * be asked is noted, when that is what is returned. Else it is only to be known whether there is
 * an answer at once, and any other next has changed nothing.
 */
enum sn_next sn_step(struct gaka_sn *s, struct sn_request *r, bool may_wait);
/* The home network has answered r: T4, or a refusal. */
void sn_step_vector(struct gaka_sn *s, struct sn_request *r, const struct gaka_vector *v,
                    uint64_t expiry);
/* Refuses: r->rc, r->answer; SN_ANSWER. */
enum sn_next sn_refuse(struct gaka_sn *s, struct sn_request *r, enum gaka_reason reason,
                       enum sn_count why);
/* The same as a failure of the device. */
enum sn_next sn_fail(struct gaka_sn *s, struct sn_request *r, const struct node_id *id,
                     enum sn_count why);

/* ---- gaka_sn_attempt.c: with the lock ---- */

struct sn_attempt *sn_attempt_find(struct gaka_sn *s, const struct node_id *id);
/* For r, in the place of what the device had. NULL: no secret memory; a is wiped in any case. */
struct sn_attempt *sn_attempt_put(struct gaka_sn *s, struct gaka_attempt *a,
                                  const struct sn_request *r);
/* NULL is fine. */
void sn_attempt_drop(struct gaka_sn *s, struct sn_attempt *x);
void sn_attempts_expire(struct gaka_sn *s);
/* Those of a group and those of a device; each may be NULL, both: all. */
void sn_attempts_void(struct gaka_sn *s, const struct gaka_gid *gid, const struct node_id *id);
/* Those of devices that the home network was asked for alone. */
void sn_attempts_void_singles(struct gaka_sn *s);

/* ---- gaka_sn_group.c: with the lock ---- */

struct sn_group *sn_group_find(struct gaka_sn *s, const struct gaka_gid *gid);
/* Found or made; NULL: there are too many. */
struct sn_group *sn_group_need(struct gaka_sn *s, const struct gaka_gid *gid);
/* Takes the set over; false: there is no room for it, it is freed. */
bool sn_group_keep(struct gaka_sn *s, struct sn_group *g, struct gaka_set *set, unsigned members,
                   uint16_t w);
void sn_group_void(struct gaka_sn *s, struct sn_group *g);
void sn_groups_free(struct gaka_sn *s);

/* ---- gaka_sn_limit.c: with the lock ---- */

/* singles: T10 in a minute. RC_NO_SPACE. */
enum rc sn_limits_open(struct sn_limits *l, unsigned singles, const struct clock *mono);
void sn_limits_close(struct sn_limits *l);
bool sn_may_t2(const struct gaka_sn *s, const struct sn_group *g);
bool sn_may_single(const struct gaka_sn *s);
/* Whether one more may be asked whose refusal is noted in that; NULL: yes. */
bool sn_may_fail(const struct gaka_sn *s, const struct sn_ring *refusals);
/* Notes that r is asked; sn_limit_done when it is answered, refused: by a T12 about its name. */
void sn_limit_ask(struct gaka_sn *s, struct sn_request *r);
void sn_limit_done(struct gaka_sn *s, struct sn_request *r, bool refused);

/* ---- gaka_sn_ask.c ---- */

/* Sends what sn_step_* has asked for (r->group, r->t2). Without the lock. */
void sn_ask(struct sn_request *r);
void sn_ask_open(struct gaka_sn *s);
/* Ends what has not been sent yet. Without the lock. */
void sn_ask_stop(struct gaka_sn *s);

/* ---- gaka_sn_home.c ---- */

/* The answer to r; other rc than RC_OK: there is none. Answers r and who waits for it. No lock. */
void sn_home_answered(struct sn_request *r, enum rc rc, struct slice message);

/* ---- gaka_sn_feed.c ---- */

void sn_feed_open(struct gaka_sn *s);
void sn_feed_start(struct gaka_sn *s);
void sn_feed_close(struct gaka_sn *s);
/* What the event says is void. Any thread. */
void sn_feed_event(struct gaka_sn *s, const struct mas_group_event *e);

/* ---- gaka_sn_status.c ---- */

struct mas_counters *sn_counters_new(void);
/* For whoever is on this machine. */
enum rc sn_status(struct gaka_sn *s, struct req *rq);

#endif
