/* SPDX-License-Identifier: Apache-2.0 */
/* The monitoring of places; private to common/cap/geo. */
#ifndef CAP_GEO_IMPL_H
#define CAP_GEO_IMPL_H

#include "cap/geo/geo.h"
#include "cap/geo/geo_book.h"
#include "cap/geo/geo_state.h"
#include "core/peer.h"
#include "core/scl.h"
#include "mas/admin.h"
#include "mas/mas_counter.h"

#include <pthread.h>
#include <stdatomic.h>

#define GEO_BUCKETS 1024u
#define GEO_EVENTS_MAX 256u
#define GEO_EVENTS_OF_NODE 8u /* that wait; of them and all others */
#define GEO_EVENT_TEXT 2048u
#define GEO_PATH_MAX 511u
#define GEO_ADMIN_OPS 6u
#define GEO_LOOKS 4u /* for a report */

enum geo_count {
#define GEO_COUNTER(name, text) GEO_COUNT_##name,
#include "cap/geo/geo_counters.def"
#undef GEO_COUNTER
	GEO_COUNTS
};

/* One node with a policy. */
struct geo_node {
	struct geo_node *by_id, *by_path; /* the next in their buckets */
	struct node_id id;
	char *json; /* of the policy, n_json octets */
	size_t n_json;
	struct geo_policy policy;
	struct geo_state state;
	char scl_id[SCL_ID_MAX + 1]; /* "": it was never here itself */
	char path[GEO_PATH_MAX + 1]; /* contentInstances of its reports; "": not known */
	bool untold; /* the event of the last change is not stored */
	bool missed; /* an event had no room: how things are is told when the others of it are */
	bool dirty; /* the state is to be stored */
	int64_t cut_until; /* monotonic: its sessions end */
	bool refused; /* logged since the alarm began */
	unsigned looks; /* still to be made for a report; 0: none */
	int64_t look_at; /* monotonic: the next of them */
	uint64_t last_report; /* which was read last; 0: none */
};

/* One event on its way into the tree. */
struct geo_event {
	struct geo_event *next;
	struct node_id id;
	char scl_id[SCL_ID_MAX + 1], gateway[SCL_ID_MAX + 1];
	char text[GEO_EVENT_TEXT];
	bool elsewhere; /* the scl of the gateway is tried next, not that of the node */
	unsigned tries;
	int64_t due; /* monotonic */
};

struct geo {
	struct geo_parts parts;
	struct geo_gate gate;
	struct geo_book *book;
	struct mas_counters *counters;
	struct admin_more ops[GEO_ADMIN_OPS];

	pthread_mutex_t lock; /* of all that follows, held for look-ups in memory alone */
	struct geo_node *by_id[GEO_BUCKETS], *by_path[GEO_BUCKETS];
	unsigned n;
	unsigned coming; /* that are being stored and are not among them yet */
	/* Those of one node in the order in which they happened. */
	struct geo_event *events, **events_end;
	unsigned n_events;
	bool missed; /* some node has */
	unsigned n_looking; /* nodes with looks */
	bool running; /* the courier is there */
	atomic_uint known; /* n, for who looks without the lock */

	/* The courier's. */
	struct scl_task task;
	struct scl_call call;
	struct geo_event *sending;
	struct node_id looking; /* whose report is read */
	bool busy; /* call is under way */
	bool made; /* for the event that is sent: its container, or there was one */
	unsigned step;
	char path[GEO_PATH_MAX + 65], body[512];
};

/* ---- geo_table.c; with the lock ---- */

struct geo_node *geo_find(struct geo *g, const struct node_id *id);
struct geo_node *geo_find_path(struct geo *g, struct slice path);
/*
 * That policy is the one of id from now on: json is taken over, also on failure. What is known of the
 * node is judged by it at once, in the name of by. RC_OK, RC_BAD_REQUEST, RC_NO_SPACE, RC_UNAVAILABLE.
 */
enum rc geo_put(struct geo *g, const struct node_id *id, char *json, size_t n, const char *by);
/* False: there is none. */
bool geo_drop(struct geo *g, const struct node_id *id);
/* The SCL-ID of the node is known now, or another one; "": not yet. Its reports are looked for there. */
void geo_name(struct geo *g, struct geo_node *n, struct slice scl_id);
void geo_table_free(struct geo *g);
/* The state as a record, and back; false: it is none. */
bool geo_state_pack(const struct geo_node *n, struct buf *to);
bool geo_state_unpack(struct geo *g, struct geo_node *n, struct slice record);

/* ---- geo_event.c ---- */

/* With the lock. Alarms of n have begun or ended: they are logged, counted, told, stored. */
void geo_changed(struct geo *g, struct geo_node *n, unsigned begun, unsigned ended, const char *by);
/* With the lock. The event that alarms of n have begun or ended, as JSON. */
void geo_event_write(const struct geo *g, const struct geo_node *n, unsigned what, bool begun,
                     const char *by, struct buf *b);
/* With the lock. The sessions of n end. */
void geo_cut(struct geo_node *n);
/* With the lock. Submits all states that are to be stored. */
void geo_save_all(struct geo *g);
/* Both times now. */
struct geo_now geo_now(const struct geo *g);
/* Writes the reasons of alarms as a member of that name, and "ways" when there are any. */
void geo_alarm_put(struct buf *b, const char *reasons, unsigned alarms);

/* ---- geo_queue.c; with the lock ---- */

/* The event of n waits behind all others of it, or is lost and n has missed it. */
void geo_tell(struct geo *g, struct geo_node *n, unsigned what, bool begun, const char *by);
/* How things are with n is told as soon as there is room for it. */
void geo_miss(struct geo *g, struct geo_node *n);
/* Tells it for all that have missed something and of which no event is still to come. */
void geo_tell_missed(struct geo *g);
/* How many events of that node are still to come. */
unsigned geo_waiting(const struct geo *g, const struct node_id *id);
/*
 * Takes out one that is due and the first of its node: the caller's, with geo_put_back before another
 * is taken, or free. NULL: none; *next becomes when one is, if that is earlier.
 */
struct geo_event *geo_take_due(struct geo *g, int64_t now, int64_t *next);
/* It comes before all others of its node again. */
void geo_put_back(struct geo *g, struct geo_event *e);
/* Counts and logs that an event is lost. */
void geo_lose(struct geo *g, const struct node_id *node, const char *why);
/* All of them; without the lock, when nothing runs any more. */
void geo_events_free(struct geo *g);

/* ---- geo_courier.c ---- */

/* With the lock. There is something for the courier. */
void geo_wake(struct geo *g, int64_t delay);
/* The courier's turn. */
void geo_run(struct scl_task *task);

/* ---- geo_look.c ---- */

/*
 * With the lock, courier: a report that is due. True: g->call is to be made; otherwise *next becomes
 * when one is, if that is earlier.
 */
bool geo_look(struct geo *g, int64_t now, int64_t *next);

/* How long to wait before the look when so many are left. */
int64_t geo_look_wait(unsigned looks);

/* ---- geo_gate.c, geo_admin.c ---- */

void geo_gate_fill(struct geo *g);
enum rc geo_admin_add(struct geo *g);

#endif
