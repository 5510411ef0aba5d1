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
#define GEO_EVENT_TEXT 768u
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
	struct geo_event *events, **events_end;
	unsigned n_events;
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
 * That policy is the one of id from now on: json is taken over, also on failure. RC_OK, RC_BAD_REQUEST,
 * RC_NO_SPACE, RC_UNAVAILABLE.
 */
enum rc geo_put(struct geo *g, const struct node_id *id, char *json, size_t n);
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
/* With the lock. The event of n is made again. */
void geo_tell(struct geo *g, struct geo_node *n, unsigned what, bool begun, const char *by);
/* With the lock. There is something for the courier. */
void geo_wake(struct geo *g, int64_t delay);
/* With the lock. Submits all states that are to be stored. */
void geo_save_all(struct geo *g);
/* The courier's turn. */
void geo_run(struct scl_task *task);
void geo_events_free(struct geo *g);
/* Both times now. */
struct geo_now geo_now(const struct geo *g);
/* Writes the alarms by name. */
void geo_alarm_names(struct buf *b, unsigned alarms);

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
