/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the SGA device share; private to cap/sgd. Unless something else is said,
 * everything here is of the courier thread: what the pool and the book answer comes back by a task.
 *
 * Each server has three lanes, with one request under way in each: the package and the registration;
 * the mailbox; all else (messages of negotiations, records, groups). Steps that compute with public
 * keys run on the pool, one for each of the two last lanes; a session that is in one is busy.
 */
#ifndef CAP_SGD_SGD_OWN_H
#define CAP_SGD_SGD_OWN_H

#include <pthread.h>
#include <stdatomic.h>

#include "cap/capability.h"
#include "cap/pool.h"
#include "cap/sgd/sgd.h"
#include "cap/sgd/sgd_lane.h"
#include "cap/sgd/sgd_step.h"
#include "core/scl.h"
#include "sga/group.h"
#include "sga/record.h"
#include "sga/tag.h"

#define SGD_OUT_MAX 32u /* records that are sealed and stored at a time */
#define SGD_OUT_OCTETS ((size_t)1 << 20) /* about as much */
#define SGD_ITEMS_MAX 100u /* of the mailbox, at a time */
#define SGD_DATA_MAX SGA_DATA_MAX /* octets of a message of an application */

enum sgd_counter {
#define SGD_COUNTER(id, name) SGD_N_##id,
#include "cap/sgd/sgd_counters.def"
#undef SGD_COUNTER
	SGD_COUNTERS
};

struct sgd_to;
struct sgd_group;
struct sgd_rest;

/* ---- sessions ---- */

/* Sealed records under way, of a session or a group; they are in the book. */
struct sgd_sealed {
	uint64_t number; /* of the message; 0: of none */
	uint32_t ctr;
	size_t at, n; /* in octets */
};

struct sgd_out {
	struct sgd_sealed v[SGD_OUT_MAX];
	unsigned n, sent; /* the first sent ones were taken */
	struct buf octets;
};

struct sgd_session {
	struct sgd_session *next;
	struct sgd_server *server;
	struct sgd_to *to;
	struct sga_session *s;
	struct sga_sid sid;
	enum sgd_phase phase;
	uint64_t created; /* seconds since 1970 */
	struct buf message; /* that is sent in this phase */
	bool maybe_taken; /* it was sent, and nothing has told */
	unsigned failures, tries;
	int64_t until; /* not before; monotonic */
	bool busy; /* a step is under way */
	bool dirty; /* it has opened what is not stored yet: it is not to be stored alone */
	bool ended; /* the gateway is to be told; then it goes when the mailbox has been read */
	bool told; /* the gateway knows; what it had taken before is opened still */
	bool asked; /* the mailbox was asked for since */
	uint64_t retired; /* when; seconds since 1970 */
	struct sgd_out out;
};

/* ---- whom messages wait for ---- */

struct sgd_to {
	struct sgd_to *next;
	struct sgd_server *server;
	struct sgd_dest_row row;
	struct sgd_dest key;
	const struct sga_peer_conf *conf; /* NULL: it is not listed */
	bool has_sign, require;
	struct sign_public sign;
	struct sgd_session *session; /* that seals; NULL: none is open */
	struct sgd_group *group; /* of a group */
	bool waits; /* there may be messages that are not sealed */
	bool changing; /* a change of its queue is under way */
	uint64_t taken; /* the last message that was sealed */
	unsigned failures; /* of negotiations, in a row */
	unsigned packages; /* that were fetched for it, since one was agreed on */
	size_t cipher; /* the one that is tried, by its place in the configuration */
	int64_t until; /* no invitation before; monotonic */
};

/* ---- groups ---- */

/* Also in the store: numbers stay. */
enum sgd_group_state {
	SGD_G_NEW = 1, /* the gateway is to be told of it */
	SGD_G_EPOCH, /* of the next epoch, which coming has */
	SGD_G_CURRENT,
	SGD_G_STALE, /* a member: the next epoch is to come */
	SGD_G_LEAVING, /* the gateway is to be told that this device goes */
	SGD_G_ENDING, /* or that the group ends */
	SGD_G_FAILED, /* the gateway does not take it */
};

struct sgd_group {
	struct sgd_group *next;
	struct sgd_server *server;
	struct sgd_to *to;
	struct sga_sid gid;
	enum sgd_group_state state;
	bool own;
	char purpose[129];
	struct sga_team *team; /* NULL: of a new one that the gateway does not know */
	struct sga_team *coming; /* SGD_G_NEW, SGD_G_EPOCH */
	bool busy, dirty; /* as of a session */
	unsigned failures;
	int64_t until;
	struct sgd_out out;
};

/* ---- servers ---- */

enum sgd_server_state {
	SGD_S_PACKAGE,
	SGD_S_REGISTER,
	SGD_S_ASK,
	SGD_S_READY,
	SGD_S_REFUSED,
};

struct sgd_server {
	struct scl_task task; /* looks what is to be done; first */
	int64_t posted; /* when task runs, monotonic; 0: it is not posted */
	struct sgd *all;
	const struct sga_server_conf *conf;
	struct sga_id id;
	struct sign_public verify;
	struct sgd_dest key;
	bool has_token;
	uint8_t token[SGA_TOKEN_SIZE], token_hash[SGA_HASH_SIZE];
	uint8_t used_hash[SGA_HASH_SIZE]; /* of the token of the last registration; zero: none */

	enum sgd_server_state state;
	struct sga_device *device; /* NULL: there was no package yet */
	bool package_due; /* it is fetched again */
	int64_t package_at; /* monotonic: fetched again then */
	bool unstored; /* it is not in the book as it is here: nothing is sent before it is */
	struct buf r1; /* that is sent; empty: none is made */
	bool r1_maybe;
	unsigned r1_packages;
	bool doubt; /* whether it knows the device that was registered before */
	const char *error; /* why it is not ready; NULL */
	int64_t known_at; /* monotonic: when it took a proof of this device last */
	bool barred; /* it does not know this device: it is only asked now and then */
	unsigned steps; /* on the pool, or changes that use the device */

	uint64_t counter, ceiling; /* of requests: the last used; the first that is not stored */
	bool raising;

	struct sgd_lane first, mail, work;
	struct sga_sid
		subject; /* of what work does: a session or group, which may be gone meanwhile */
	enum sgd_phase subject_phase;
	enum sgd_group_state subject_group;
	uint32_t subject_ctr, subject_epoch;
	struct buf body; /* that work sends */
	struct sgd_step mail_step, work_step;

	/* The mailbox: what is taken of the last answer. */
	struct buf items;
	size_t at; /* of the next one in items */
	uint64_t last; /* the last one that was taken; 0: none */
	struct sgd_op *taking; /* what it changes; NULL: nothing yet */
	unsigned came; /* messages in it */
	bool complete; /* the last answer had all that there was */
	int64_t asked_at; /* monotonic: when the mailbox was asked for last */
};

struct sgd {
	/* Since attach, constant. */
	const struct sga_conf *conf;
	const struct capability_conf *all; /* conf is a part of it */
	struct scl *scl;
	struct log *log;
	const struct clock *clock;
	struct sga_id id;
	uint16_t cids; /* CidSet of the configuration */
	bool signs;
	uint8_t *seed; /* SIGN_SEED_SIZE; secret_alloc */
	struct sign_public sign;
	struct sgd_server *servers;
	size_t n_servers;

	pthread_rwlock_t gate; /* see sgd_enter */
	bool open;
	_Atomic bool running;

	struct sgd_book *book;
	struct pool *pool;
	struct sgd_rest *rest;
	_Atomic uint64_t counts[SGD_COUNTERS];

	struct sgd_to *tos;
	size_t n_tos;
	struct sgd_session *sessions;
	struct sgd_group *groups;
	size_t n_groups;
	struct sgd_op *ops;
	struct scl_task begin;
	bool reload; /* sgd_engine_reload */
	unsigned wishes; /* of applications, of groups, that are not stored yet */
	uint64_t held, n_held; /* number of the last record that is held; how many are */
	uint64_t held_octets;

	/* Whom something was queued for, by other threads. */
	pthread_mutex_t told_lock;
	struct sgd_dest told[64];
	unsigned n_told; /* above: all are looked at */
	unsigned told_wishes; /* that are stored, or could not be */
	bool told_posted, told_changed, told_failed;
	struct scl_task told_task;
};

/* ---- sgd.c: any thread ---- */

/*
 * Into the gate: between start and stop, for calls of other threads. While somebody is inside, the
 * scl stays. False: closed. Not twice on one thread.
 */
bool sgd_enter(struct sgd *d);
void sgd_leave(struct sgd *d);
/* scl_post from inside the gate. False: closed, the task will never run. Not from inside. */
bool sgd_post(struct sgd *d, struct scl_task *task);
void sgd_count(struct sgd *d, enum sgd_counter which, uint64_t by);
const char *sgd_counter_name(enum sgd_counter which);
/* Seconds since 1970. */
uint64_t sgd_now(const struct sgd *d);

/* ---- sgd_engine.c ---- */

/* What the book has is taken up. Start, before any other thread. */
enum rc sgd_engine_load(struct sgd *d, char why[CAPABILITY_WHY_MAX]);
void sgd_engine_start(struct sgd *d);
void sgd_engine_free(struct sgd *d);
/*
 * A change could not be stored: what is in memory is ahead of the book. When nothing is under way any
 * more, all sessions and groups are read again.
 */
void sgd_engine_reload(struct sgd *d);
/* Something was queued for it. Any thread, inside the gate or not: not from inside. */
void sgd_engine_queued(struct sgd *d, const struct sgd_dest *dest);
/* A change of a group that an application wanted (d->wishes) is stored, or not. The same. */
void sgd_engine_changed(struct sgd *d, bool ok);
/* There is room in the inbox again. The same. */
void sgd_engine_room(struct sgd *d);
/* The server is looked at soon; at the latest at that time (monotonic). */
void sgd_server_wake(struct sgd_server *s);
void sgd_server_wake_at(struct sgd_server *s, int64_t at);
/* The lane rests for a while, after so many failures. */
void sgd_lane_rest(struct sgd_server *s, struct sgd_lane *l);
struct sgd_server *sgd_server_of(struct sgd *d, struct slice id);

/* ---- sgd_to.c ---- */

/* Those that messages wait for. */
enum rc sgd_to_load_all(struct sgd *d);
/* Of told_task. */
void sgd_told_run(struct scl_task *t);
/* Whom messages are for; the first: one that is there, or NULL. NULL: there are too many. */
struct sgd_to *sgd_to_find(struct sgd *d, const struct sgd_dest *key);
struct sgd_to *sgd_to_get(struct sgd *d, const struct sgd_dest_row *row);
/* A peer by its ID, as the configuration says; false: it is none. Any thread. */
bool sgd_peer_row(const struct sgd *d, const struct sga_id *peer, struct sgd_dest_row *out);

/* ---- sgd_server.c ---- */

enum rc sgd_server_load(struct sgd_server *s);
/* It does not know this device: nothing but the mailbox is asked for, now and then. */
void sgd_server_bar(struct sgd_server *s);
/* Adds its state to the change. */
enum rc sgd_server_put(struct sgd_server *s, struct sgd_change *c);
/* True: something of it is under way or due, nothing else may be. */
void sgd_server_first(struct sgd_server *s);

/* ---- sgd_mail.c: the mailbox ---- */

void sgd_mail_look(struct sgd_server *s);
/* What was taken and is not stored is forgotten: it comes again. */
void sgd_mail_reset(struct sgd_server *s);

/* ---- sgd_session.c ---- */

struct sgd_session *sgd_session_find(struct sgd *d, const struct sga_sid *sid);
struct sgd_session *sgd_session_add(struct sgd_server *s, struct sga_session *made);
enum rc sgd_session_put(struct sgd_session *se, struct sgd_change *c);
enum rc sgd_session_load_all(struct sgd *d);
/*
 * It goes; keep: the gateway is told first, and what the peer has sent by it before is taken from the
 * mailbox first. What it had sealed waits in the queue still, and is sealed again for another session.
 * Not while something of it is under way.
 */
void sgd_session_end(struct sgd_session *se, bool keep, const char *why);
/* The same with keep, as a part of that change. */
void sgd_session_mark(struct sgd_session *se, struct sgd_change *c, const char *why);
/*
 * The mailbox is asked for, again; read: an answer before had all that was in it, and that is stored.
 * Sessions that nothing can come for any more go.
 */
void sgd_session_sweep(struct sgd_server *s, bool read);
/* The same at once, as a part of that change. */
void sgd_session_drop(struct sgd_session *se, struct sgd_change *c, const char *why);
/* Removes it from memory; the change that removes it from the book is under way. */
void sgd_session_remove(struct sgd_session *se);
/* Changes the phase, and what depends on it. */
void sgd_session_set(struct sgd_session *se, enum sgd_phase phase);
/* A negotiation with that peer that has not come to an end; own: that this device began. */
struct sgd_session *sgd_session_pending(struct sgd *d, const struct sgd_to *to, bool own);
/* What is over by time. */
void sgd_session_tick(struct sgd_server *s, uint64_t now);
/* No invitation of that peer for a while. */
void sgd_to_rest(struct sgd_to *to);

/* ---- sgd_invite.c: the lane work ---- */

/*
 * Prepares a tagged request without a body: path before, id in hexadecimal digits, after; without
 * digits when after is NULL. id is then the lane's subject.
 */
struct sgd_ask *sgd_work_ask(struct sgd_server *s, const char *method, const char *before,
                             const struct sga_sid *id, const char *after);
/* True. */
bool sgd_work_send(struct sgd_server *s);
/* In done, first. */
void sgd_work_done(struct sgd_server *s, const struct sgd_ask *a);
/* True: what is said is that the request is sent again, and it will be. */
bool sgd_work_again(struct sgd_server *s, enum sgd_do what);
/* Something for the lane work of s: true when it was begun. */
bool sgd_session_work(struct sgd_server *s);

/* ---- sgd_send.c, sgd_out.c ---- */

bool sgd_send_work(struct sgd_server *s);
/* All that is sealed, as it is in the book. */
enum rc sgd_out_load(struct sgd *d);
/* Adds a sealed record of id (of a session or group) to out and the change. */
enum rc sgd_out_add(struct sgd_out *out, const struct sga_sid *id, uint64_t number,
                    struct slice record, struct sgd_change *c);
/* Those that were taken leave the queue. */
void sgd_out_finish(struct sgd_out *out, const struct sga_sid *id, struct sgd_to *to,
                    struct sgd_change *c);
/* Forgets what is sealed, in memory and by the change: what was not taken is to be sealed again. */
void sgd_out_drop(struct sgd_out *out, const struct sga_sid *id, struct sgd_to *to,
                  struct sgd_change *c);
void sgd_out_free(struct sgd_out *out);

/* ---- sgd_group.c ---- */

struct sgd_group *sgd_group_find(struct sgd *d, const struct sga_sid *gid);
enum rc sgd_group_load_all(struct sgd *d);
void sgd_group_free(struct sgd_group *g);
enum rc sgd_group_put(struct sgd_group *g, struct sgd_change *c);
bool sgd_group_work(struct sgd_server *s);
/* The gateway has not taken a record of it: it is of another epoch, or the group is over. */
void sgd_group_refused(struct sgd_group *g, struct sgd_change *c);
/* A key that a peer has sent. */
enum rc sgd_group_key(struct sgd_server *s, const struct sga_id *from, struct slice data,
                      struct sgd_change *c);
/* A group record, a notice, from the mailbox. RC_OK also when nothing comes of it. */
enum rc sgd_group_item(struct sgd_server *s, struct slice item, struct sgd_change *c);
enum rc sgd_group_notice(struct sgd_server *s, struct slice item, struct sgd_change *c);

/* What applications ask for: RC_OK and, made, the group; see sgd_rest.h for the others. */
struct sgd_group_wish {
	struct sgd_server *server;
	const struct sga_id *members;
	size_t n;
	struct slice purpose;
};
enum rc sgd_group_make(struct sgd *d, const struct sgd_group_wish *w, struct sgd_change *c,
                       struct sgd_group **out);
enum rc sgd_group_change(struct sgd_group *g, const struct sgd_group_wish *w, struct sgd_change *c);
enum rc sgd_group_leave(struct sgd_group *g, bool end, struct sgd_change *c);

#endif
