/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grants in memory, by App-ID, for those who serve: nothing of it waits for the book. A change
 * replaces a grant as a whole. Any thread.
 */
#ifndef CAP_EDGE_TABLE_H
#define CAP_EDGE_TABLE_H

#include "base/rc.h"
#include "cap/edge/edge_grant.h"

struct edge_table;

/* Of the look at one grant. */
struct edge_rate {
	int64_t level; /* of the bucket, in millionths of a request */
	int64_t at; /* monotonic microseconds of that */
};

/* max: grants. NULL without memory. */
struct edge_table *edge_table_new(unsigned max);
/* NULL is fine. */
void edge_table_free(struct edge_table *t);

/*
 * The grant of app_id is that one from now on; json is copied. RC_OK; RC_BAD_REQUEST: it is none;
 * RC_NO_SPACE: there are too many; RC_UNAVAILABLE without memory.
 */
enum rc edge_table_put(struct edge_table *t, struct slice app_id, struct slice json);
void edge_table_drop(struct edge_table *t, struct slice app_id);
/* How many there are. */
unsigned edge_table_count(struct edge_table *t);

/*
 * Calls look with the grant of app_id, which stays as it is meanwhile; look asks nothing of t but
 * edge_table_take. False: there is none.
 */
bool edge_table_look(struct edge_table *t, struct slice app_id,
                     void (*look)(void *arg, const struct edge_grant *g, struct edge_rate *rate),
                     void *arg);
/* The same of every grant, in no order, until visit returns false. */
void edge_table_each(struct edge_table *t,
                     bool (*visit)(void *arg, struct slice app_id, const struct edge_grant *g),
                     void *arg);
/*
 * Within look: takes one of the requests that g allows; now is monotonic, in microseconds. 0, or in
 * how many seconds there is one.
 */
unsigned edge_table_take(struct edge_table *t, const struct edge_grant *g, struct edge_rate *rate,
                         int64_t now);

#endif
