/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the MAS. Private to common/mas. */
#ifndef MAS_IMPL_H
#define MAS_IMPL_H

#include "mas/mas_admin.h"
#include "mas/mas_keys.h"
#include "mas/mas_live.h"
#include "sec/failures.h"
#include "store/pack.h"

#include <pthread.h>

#define MAS_CONNS_PER_NODE 64u /* records, ended ones included; the oldest ended one goes */
#define MAS_KMRS_PER_NODE 16u /* the same: retired and revoked ones go */
#define MAS_KMR_GRACE (86400 * CLOCK_SECOND) /* retired keys are erased after that */
#define MAS_FORGET (30 * 86400 * CLOCK_SECOND) /* records of what is over are removed after that */
#define MAS_EFFECTS_MAX (4 * MAS_CONNS_PER_NODE)

struct mas_local {
	struct mas_conf conf; /* without the strings that only open reads */
	char sp_id[REJECT_SP_ID_MAX + 1];
	struct tables store;
	struct tables_work *work;
	struct mas_counters *counters;
	struct mas_keys *keys; /* the worker's */
	struct mas_psk *psk;
	struct mas_live_table *live;
	struct failures *failures;
	struct failures *aka_failures; /* of devices and serving networks, mas_gaka.c */
	struct failures *aka_singles; /* T10 of serving networks */
	struct sign_key *reject_key; /* NULL: none */
	struct key *next_kek; /* in secret memory; zero: none */
	struct mas_tick *tick; /* the worker's, mas_timer.c */
	struct mas_rewrap *rewrapping; /* the worker's; NULL: none is under way */
	struct mas_rewrap resumed; /* that of an earlier start */
	unsigned nodes, groups; /* the worker's */

	pthread_mutex_t watching; /* guards watchers, held while they are told */
	struct mas_watcher *watchers;
};

/*
 * What a change means for memory and for watchers once it is stored: collected by run, carried out
 * by done. Bounded; what does not fit makes the run fail (RC_NO_SPACE), and is done in parts.
 */
struct mas_effect {
	enum { EFFECT_KMR_GONE, EFFECT_CONN_GONE, EFFECT_NODE_GONE, EFFECT_CONN_ENDS,
	       EFFECT_CLASS } kind;
	struct node_id node;
	uint32_t index;
	uint64_t connection;
	enum mas_why why;
	int64_t end; /* EFFECT_CONN_ENDS: on clock_monotonic */
	struct mas_psk_class class; /* EFFECT_CLASS: of that Kmr */
};

struct mas_effects {
	size_t n;
	struct mas_effect all[MAS_EFFECTS_MAX];
	size_t n_groups;
	struct mas_group_event groups[MAS_NODE_GROUPS_MAX];
};

enum rc mas_effect(struct mas_effects *e, const struct mas_effect *one);
void mas_effects_apply(struct mas_local *m, const struct mas_effects *e);
/* Keys of the table have changed. */
void mas_tell_keys(struct mas_local *m);

/* Who has called for an NSCL: its name in text, or "nscl" for that of this process. */
const char *mas_actor(struct slice nscl, char text[MAS_NSCL_MAX + 1]);

/* The audit record of a change; object is printed. */
struct mas_trace {
	const char *actor, *action, *result;
	struct slice source;
};
enum rc mas_trace_node(struct mas_local *m, struct tables_tx *tx, const struct mas_trace *t,
                       const struct node_id *node, uint32_t kmr_index);
enum rc mas_trace_conn(struct mas_local *m, struct tables_tx *tx, const struct mas_trace *t,
                       const struct mas_conn *c);
enum rc mas_trace_text(struct mas_local *m, struct tables_tx *tx, const struct mas_trace *t,
                       struct slice object);

/* ---- mas_state.c: what happens to keys and connections ---- */

/* Erases Kmc, the record stays for MAS_FORGET. Not again. */
enum rc mas_conn_end(struct mas_local *m, struct tables_tx *tx, struct mas_conn *c,
                     enum mas_why why, struct mas_effects *e);
/* All live connections of a node that filter wants (NULL: all), one after the other. */
struct mas_conn_wish {
	bool (*wants)(const struct mas_conn_wish *w, const struct mas_conn *c);
	uint32_t kmr_index; /* those of that Kmr */
	uint32_t kmc_index; /* mas_wants_older: those below, of that NSCL */
	const char *nscl;
};
bool mas_wants_all(const struct mas_conn_wish *w, const struct mas_conn *c);
bool mas_wants_older(const struct mas_conn_wish *w, const struct mas_conn *c);
enum rc mas_conns_end(struct mas_local *m, struct tables_tx *tx, const struct node_id *node,
                      const struct mas_conn_wish *w, enum mas_why why, struct mas_effects *e);
enum rc mas_conns_shorten(struct mas_local *m, struct tables_tx *tx, const struct node_id *node,
                          const struct mas_conn_wish *w, int64_t until, struct mas_effects *e);
/* Room for one more connection record of the node. */
enum rc mas_conns_make_room(struct mas_local *m, struct tables_tx *tx, const struct node_id *node,
                            struct mas_effects *e);
/* Puts it, with its timer. was: as it is in the store; NULL: it is new. */
enum rc mas_conn_store(struct tables_tx *tx, const struct mas_conn *c, const struct mas_conn *was);
/* When its timer is due. */
int64_t mas_conn_when(const struct mas_conn *c);
int64_t mas_kmr_when(const struct mas_kmr *k);
/* The record goes. */
enum rc mas_conn_forget(struct tables_tx *tx, const struct mas_conn *c);

/* All Kmr of a node, by their indices. */
struct mas_kmrs {
	size_t n;
	struct mas_kmr all[MAS_KMRS_PER_NODE];
};
enum rc mas_kmrs_of(struct tables_tx *tx, const struct node_id *node, struct mas_kmrs *out);
/* Puts it, with its timer. was: as it is in the store; NULL: it is new. */
enum rc mas_kmr_store(struct tables_tx *tx, const struct mas_kmr *k, const struct mas_kmr *was);
/* Not for new connections any more; those that there are end after the overlap. */
enum rc mas_kmr_retire(struct mas_local *m, struct tables_tx *tx, struct mas_kmr *k,
                       struct mas_effects *e);
/* Key and connections are gone at once; the record stays for MAS_FORGET. */
enum rc mas_kmr_revoke(struct mas_local *m, struct tables_tx *tx, struct mas_kmr *k,
                       struct mas_effects *e);
/* Record and connections are gone. */
enum rc mas_kmr_erase(struct mas_local *m, struct tables_tx *tx, const struct mas_kmr *k,
                      enum mas_why why, struct mas_effects *e);
/* The class that it has in memory: that of its node's subscription. */
struct mas_psk_class mas_class_of(const struct mas_node *n, const struct mas_kmr *k);
/* True when it has a key that a session A may be made with. */
bool mas_kmr_alive(const struct mas_kmr *k, int64_t now);

/* ---- functions of mas.h, by file ---- */

void mas_local_connect(void *self, struct mas_connect *c);
void mas_local_provision(void *self, struct mas_provision *p);
void mas_local_end(void *self, struct mas_end *c);
void mas_local_report(void *self, struct mas_report *c);
void mas_local_live(void *self, struct mas_live *l);
void mas_local_trigger(void *self, struct mas_trigger *c);
void mas_local_identity(void *self, struct mas_identity *i);
void mas_local_inquire(void *self, struct mas_inquire *q);
/*
 * The secret of the generator goes under the present master key. *changed: it was under the old one.
 * RC_OK also when there is none.
 */
enum rc mas_generator_rewrap(struct mas_local *m, struct tables_tx *tx, bool *changed);
/* A NSCL of another process has named a connection that is not its own. */
void mas_log_foreign(struct mas_local *m, const char *call, struct slice nscl, uint64_t connection);
/* What the NSCL gets of a record; the caller wipes it. */
void mas_connection_fill(const struct mas_conn *c, const struct mas_node *n, const struct key *kmc,
                         struct mas_connection *out);
/*
 * Checks a report with Kmr, sets last_ival of the node when it is RC_OK; RC_BAD_REQUEST,
 * RC_FORBIDDEN, or what the library failed with.
 */
enum rc mas_ival(const struct key *kmr, struct mas_node *n, const struct ival_report *r,
                 int64_t now);

/* ---- timers, mas_timer.c ---- */

enum rc mas_tick_new(struct mas_local *m);
void mas_tick_free(struct mas_local *m);
enum rc mas_tick(void *self, struct tables_tx *tx, bool *more);
void mas_ticked(void *self, enum rc rc);

/* ---- mas_rewrap.c ---- */

/*
 * The keys of a store out of those of the files (n of them); writes at its first use which one it
 * is. *candidate: the one for mas_rewrap, zero when there is none. RC_BAD_REQUEST: not those of the
 * store.
 */
enum rc mas_master_open(struct tables_tx *tx, const struct key *kek, unsigned n,
                        struct mas_keys **out, struct key *candidate, char why[256]);
/* Goes on with a change that was interrupted, if there was one. */
void mas_rewrap_resume(struct mas_local *m);

/* ---- calls ---- */

/* The caller's struct around a job. */
#define MAS_CALL(j, type) ((type *)(void *)((char *)(j) - offsetof(type, job)))

/* Submits the job of a call. */
void mas_submit(struct mas_local *m, struct tables_job *j,
                enum rc (*run)(struct tables_job *j, struct tables_tx *tx),
                void (*done)(struct tables_job *j, enum rc rc));
/* The same for work in steps. */
void mas_submit_steps(struct mas_local *m, struct tables_job *j,
                      enum rc (*run)(struct tables_job *j, struct tables_tx *tx),
                      void (*stored)(struct tables_job *j),
                      void (*done)(struct tables_job *j, enum rc rc));
/* Empty effects of the job; NULL without memory. */
struct mas_effects *mas_job_effects(struct tables_job *j);
/* Carries them out when rc is RC_OK; frees them. */
void mas_job_settle(struct tables_job *j, enum rc rc);

#endif
