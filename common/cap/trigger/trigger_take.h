/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the taker share; nobody else includes this. */
#ifndef CAP_TRIGGER_TAKE_H
#define CAP_TRIGGER_TAKE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/log_pace.h"
#include "cap/capability.h"
#include "core/endpoint.h"
#include "core/scl.h"
#include "sec/node_id.h"
#include "sec/trigger.h"
#include "store/tables.h"

#define TRIGGER_URI_MAX 1023u
#define TRIGGER_REPORT_MAX 4096u /* octets of a report of the own place */
#define TRIGGER_POSTS_MAX 8u /* that wait for the thread */

/* Why else a token has no effect, beside enum trigger_fault. */
enum trigger_drop {
	TRIGGER_NO_KEY = TRIGGER_FAULTS, /* this node has no root now */
	TRIGGER_TOO_MANY, /* in an hour */
	TRIGGER_BUSY, /* more than TRIGGER_POSTS_MAX wait */
	TRIGGER_NOT_KEPT, /* its counter could not be stored */
	TRIGGER_DROPS
};

/* The counter that nothing counts below, kept for a node. */
struct trigger_book {
	struct tables tables;
	bool open; /* false: nothing outlives the process */
	struct key *seal; /* secret memory */
};

/* What the thread asks of the courier, and waits for. */
struct trigger_ask {
	struct scl_task task;
	bool over;
	/* Leads t home? *nscl is then the sclBase URI of where it leads, "" = none that is known. */
	const struct trigger *t;
	bool home;
	char nscl[TRIGGER_URI_MAX + 1];
	bool act; /* it is to be done */
};

struct trigger_post {
	size_t n;
	uint8_t v[TRIGGER_MAX];
};

enum trigger_locate_step { TRIGGER_LOCATE_READ, TRIGGER_LOCATE_REPORT, TRIGGER_LOCATE_CONTAINER };

/* A report of the own place on its way: one at a time. The courier's. */
struct trigger_locate {
	struct trigger_take *t;
	bool busy;
	enum trigger_locate_step step;
	unsigned tries;
	bool made; /* the container at the NSCL was */
	struct scl_task task;
	struct scl_call call;
	char nscl[TRIGGER_URI_MAX + 1];
	char target[TRIGGER_URI_MAX + 512];
	char container[320]; /* document */
	char type[128]; /* media type of body */
	char body[TRIGGER_REPORT_MAX];
	size_t n_body;
};

struct trigger_batch;

struct trigger_take {
	struct scl *scl;
	struct log *log;
	const struct capability_conf *cap;
	const struct sec_access *sec;
	const struct gate *gate; /* from start on */
	const struct clock *clock;
	struct trigger_conf_take conf;
	struct endpoint endpoint;
	char *path;
	int udp; /* -1: none */
	struct trigger_batch *batch; /* of datagrams; the thread's */
	int event; /* something for the thread beside datagrams */
	pthread_t thread;
	bool started;

	/* The thread's. */
	struct trigger_verifier *verifier; /* NULL: there is no key */
	struct node_id node;
	uint32_t kmr_index;
	uint64_t last;
	struct trigger_book book;
	int64_t accepted_at[TRIGGER_TAKE_MAX]; /* monotonic, a ring */
	unsigned next_at;
	struct log_pace dropping, unbooked; /* what anybody can cause */

	pthread_mutex_t lock; /* guards the next four */
	pthread_cond_t changed;
	bool stopping;
	struct trigger_ask ask;
	struct trigger_post posts[TRIGGER_POSTS_MAX];
	unsigned n_posts;

	struct trigger_locate locate;

	/* Any thread. */
	atomic_uint_fast64_t accepted, dropped[TRIGGER_DROPS];
};

/* ---- trigger_take.c ---- */

/* One token, from wherever. The thread's. */
void trigger_token(struct trigger_take *t, struct slice octets);
/* It has no effect. Any thread. */
void trigger_drop(struct trigger_take *t, unsigned why);
const char *trigger_drop_name(unsigned why);

/* ---- trigger_take_act.c ---- */

/* The courier's part: is it led home, what is to be done. */
void trigger_act_init(struct trigger_take *t);
bool trigger_leads_home(void *take, const struct trigger *token);
/* Does what the token says that was led home last. */
void trigger_act(struct trigger_take *t, const struct trigger *token);

/* ---- trigger_take_locate.c ---- */

/* Sends the NSCL ("": the first one) what geo.source has last, unless that is under way. Courier. */
void trigger_locate(struct trigger_take *t, const char *nscl);

/* ---- trigger_take_book.c ---- */

/* RC_OK also where nothing is kept; otherwise a line in why. Waits for the disk. */
enum rc trigger_book_open(struct trigger_take *t, char why[CAPABILITY_WHY_MAX]);
void trigger_book_close(struct trigger_book *b);
/* The counter of that node, 0: none. */
enum rc trigger_book_read(struct trigger_book *b, const struct node_id *node, uint64_t *counter);
/* Durable when it returns RC_OK. */
enum rc trigger_book_write(struct trigger_book *b, const struct node_id *node, uint64_t counter);

/* ---- trigger_take_in.c ---- */

/* The socket and the endpoint, before the thread runs. */
enum rc trigger_in_open(struct trigger_take *t, char why[CAPABILITY_WHY_MAX]);
void trigger_in_close(struct trigger_take *t);
/* The thread: until it is stopped. */
void *trigger_in_run(void *take);
/* Wakes the thread. Any thread. */
void trigger_in_wake(const struct trigger_take *t);

#endif
