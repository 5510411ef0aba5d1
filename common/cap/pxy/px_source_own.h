/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the source share; private to px_source*.c. All on the courier thread, but what
 * the pool and the spool answer: that comes back by a task.
 */
#ifndef CAP_PXY_PX_SOURCE_OWN_H
#define CAP_PXY_PX_SOURCE_OWN_H

#include "cap/pxy/px_find.h"
#include "cap/pxy/px_own.h"
#include "cap/pxy/px_seal.h"
#include "cap/pxy/px_source.h"
#include "core/saf_relief.h"

#define SOURCE_SINKS_MAX 16u /* beside the uplink's */
#define SOURCE_UPLINKS_MAX 8u
#define SOURCE_UPLINK "uplink" /* name of the sink at the SCL that this one registers with */

/* Octets of a document, and what one takes beside it and its URL when it is sealed. */
#define SOURCE_DOCUMENT_MAX (56u << 10)
#define SOURCE_UNIT_EXTRA 256u
/* Of a batch: its documents, and the ends and beginnings of sections. */
#define SOURCE_BATCH_MAX ((size_t)256 << 10)
#define SOURCE_BATCH_EXTRA 2048u

/* Who gets what was parked, with what is known of it. */
struct source_sink {
	struct px_spool_sink k;
	uint8_t pk_id[PRE_PK_ID_SIZE];
	bool configured;
	uint64_t id; /* of the process; none has it again */
};

/* An SCL that this one registers with. */
struct source_uplink {
	struct scl_task task; /* first: the next look */
	struct px_parking *all;
	char url[PX_SPOOL_URL + 1]; /* of its sclBase */
	uint64_t destination;
	bool up; /* it answers */
	int64_t down_since, seen; /* when it was found up or down; of the clock that never jumps */
	unsigned failures;
	struct exchange ex; /* whether it answers */
	struct px_call call; /* its key */
	bool busy;
	bool known; /* sink has its key */
	struct source_sink sink;
	struct px_spool_op op;
	struct scl_task back;
};

/* What a forward knows at a URL: one sink at most that has not ended. */
struct source_grant {
	uint64_t id; /* source_sink.id, also of one that is none any more; 0: none */
	char url[PX_SPOOL_URL + 1];
	int64_t epoch; /* the last that it has a key of; -1: none */
};

/* What fails apart from the other. */
enum source_rest {
	REST_STORE, /* the store at the proxy, and what goes there */
	REST_KEYS, /* the forward, and what comes of it */
	SOURCE_RESTS
};

struct source_dest {
	struct scl_task task; /* first: the next look */
	struct px_parking *all;
	struct px_spool_dest d;
	bool is_stored; /* the spool knows of it */
	bool hand; /* a manager wants it parked: d is to say so */
	bool direct; /* adaptive requests may use the uplink: stored, and nothing is older elsewhere */
	bool busy; /* something is under way, and ends by calling dest_done or dest_later */
	struct {
		unsigned failures; /* in a row */
		int64_t until; /* of the clock that never jumps */
	} rests[SOURCE_RESTS];

	/* What the lines of the own queue say of it; of the last look. */
	size_t waiting;
	bool under_way;
	bool relieving; /* the level was reached, and the low mark has not been since */

	struct px_seal *seal; /* NULL: not made yet */
	bool next_epoch; /* a sink was added or removed */
	bool give_up; /* the open section has a gap: no END of it */
	struct px_seal_order order;
	struct parcel *parcels[PX_SPOOL_PARCELS];
	unsigned n_parcels;
	struct buf documents; /* of parcels, one behind the other */
	struct slice document[PX_SPOOL_PARCELS];

	bool spooled; /* the spool has a batch */
	bool loaded; /* it is in batch and octets, and its requests in parcels */
	bool unstored; /* that, but the spool does not have it yet */
	bool arrived; /* the proxy has it */
	struct px_spool_batch batch;
	struct buf octets;
	size_t batch_max; /* octets that the proxy takes */

	bool forward_known; /* grants and revision are those of the proxy */
	bool others_known; /* and what it had of a process before this one */
	uint64_t revision;
	struct source_grant grants[SOURCE_SINKS_MAX + 1];
	struct px_rekey_order keys;
	struct source_sink granting; /* what is told of now: keys, or that it goes */

	void (*drained)(struct source_dest *t, bool main,
	                bool all); /* while it is looked whether */
	bool drained_all;
	int64_t idle_since; /* nothing waited since; of the clock that never jumps */
	int64_t looked; /* when the drain was looked at; of the clock that never jumps */

	struct px_call call;
	struct px_spool_op op;
	struct scl_task back; /* of pool and spool */
	void (*then)(struct source_dest *t);
	struct px_spool_dest before; /* how it was before op */
};

struct px_parking {
	struct px *px;
	const struct proxy_conf_source *conf;
	struct px_spool *spool;
	struct px_find *find;
	struct px_client client;
	struct credential *credential;
	struct sign_public sign; /* of the own identity */
	uint8_t name[PRE_SOURCE_SIZE]; /* of the own URL */
	_Atomic bool
		running; /* from start to stop: tasks that the courier runs after it do nothing */

	struct source_dest **dests;
	size_t n_dests;
	struct source_uplink uplinks[SOURCE_UPLINKS_MAX];
	size_t n_uplinks;
	struct source_sink sinks[SOURCE_SINKS_MAX]; /* beside the uplinks' */
	size_t n_sinks;
	bool naming; /* a sink is being named */
	uint64_t next_id;
	struct scl_task scan; /* looks at the lines of the own queue */
	struct scl_task begin;
};

/* ---- px_source.c ---- */

struct source_dest *source_dest_of(struct px_parking *s, uint64_t destination);
/* NULL: there are as many as may be. */
struct source_dest *source_dest_add(struct px_parking *s, uint64_t destination);
/* Those that requests wait for are known. */
void source_note_lines(struct px_parking *s);
/* Every destination looks what is to be done. */
void source_wake(struct px_parking *s);
int64_t source_backoff(const struct px_parking *s, unsigned failures);

/* ---- px_source_conf.c ---- */

/* Bits of the categories "RCAT_n". RC_BAD_REQUEST. */
enum rc source_rigid(const char *const *names, unsigned *bits, char why[CAPABILITY_WHY_MAX]);
/* The sinks and the certificate of the configuration. */
enum rc source_configure(struct px_parking *s, char why[CAPABILITY_WHY_MAX]);

/* ---- px_source_look.c ---- */

/* What is under way has ended well: what is next is done at once. */
void dest_done(struct source_dest *t, enum source_rest which);
/* It has failed, and is done again later. what: for the log. */
void dest_later(struct source_dest *t, enum source_rest which, const char *what, enum rc rc);
/* What is to be changed and kept by dest_store; t->op is empty, and t is busy. */
struct px_spool_dest *dest_change(struct source_dest *t);
/* Keeps it, and what else was set in t->op; then is called: t->op.rc says how it was. */
void dest_store(struct source_dest *t, void (*then)(struct source_dest *t));
/* In then: true when it could not be kept; it is as it was, and done again later. */
bool dest_unchanged(struct source_dest *t, enum source_rest which);
/* Has then called on the courier thread; from any thread. */
void dest_back(struct source_dest *t);
/* Goes on when that is stored. */
void dest_set_state(struct source_dest *t, enum px_way state);
const char *source_state_name(enum px_way state);

/* ---- px_source_named.c ---- */

/* Sinks that stand for the destination (the first of them), and that get it beside: out, n of them. */
size_t dest_sinks(struct source_dest *t, const struct source_sink *out[SOURCE_SINKS_MAX + 1]);
struct source_uplink *dest_uplink(struct source_dest *t);
/* A sink that was named stands for the destination, instead of the uplink. */
bool dest_has_standin(const struct source_dest *t);

/* ---- px_source_batch.c: each begins something, or says that there is nothing to begin ---- */

/* The batch that is under way goes on. */
bool batch_go_on(struct source_dest *t);
/* Takes, seals and sends what waits. */
bool batch_take(struct source_dest *t);
/* Has the open section ended. */
bool batch_end(struct source_dest *t);
/* Puts back what was taken. */
void batch_return(struct source_dest *t);

/* ---- px_source_store.c ---- */

void store_find(struct source_dest *t);
bool store_renew(struct source_dest *t);
/* The forward and the store are deleted. */
void store_close(struct source_dest *t);
/* The proxy does not have it any more. */
void store_lost(struct source_dest *t);
/* True: t->call was answered by a proxy that has lost the store, and that is dealt with. */
bool store_was_lost(struct source_dest *t);

/* ---- px_source_keys.c ---- */

bool keys_go_on(struct source_dest *t);
/* Entries for px_read_sinks, and the sinks that they are of: as many are returned. */
size_t dest_told(struct source_dest *t, struct px_told_sink told[SOURCE_SINKS_MAX + 1],
                 const struct source_sink *sinks[SOURCE_SINKS_MAX + 1]);
/* What the forward knows of that sink; NULL: nothing. 0: a place for one, NULL: there is none. */
struct source_grant *dest_grant(struct source_dest *t, uint64_t id);
/* The answer in t->call is none that the forward gives. */
void forward_failed(struct source_dest *t, const char *what);

/* ---- px_source_drain.c ---- */

/*
 * Looks whether all that was parked has arrived, at who stands for the destination (main), at all;
 * then calls done. Nothing is begun when that is not known yet.
 */
void drain_look(struct source_dest *t, void (*done)(struct source_dest *t, bool main, bool all));

/* ---- px_uplink.c ---- */

enum rc uplinks_new(struct px_parking *s, const char *const *nscl, char why[CAPABILITY_WHY_MAX]);
void uplinks_start(struct px_parking *s);
/* Requests wait for it, though it was reached: it is asked again if that is long ago. */
void uplink_doubt(struct source_uplink *u);
/* Requests have found that it is, or is not, reached. */
void uplinks_told(struct px_parking *s, bool up);
void uplinks_end(struct px_parking *s);
/* The pinned key of one, as the spool has it; false: it is none of an uplink. */
bool uplinks_pinned(struct px_parking *s, const struct px_spool_sink *k);
/* Whether that is the name of one. */
bool uplinks_has(struct px_parking *s, const char *name);
/* Forgets the key of that name, which is asked for again. */
bool uplinks_forget(struct px_parking *s, const char *name);

#endif
