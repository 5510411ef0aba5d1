/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of the place of one node, and whether it is an alarm. What the network sees comes
 * first: it raises an alarm, and ends one when it has been right for a while. What a node says of
 * itself raises one, and never ends any. Pure functions; the caller has the lock.
 */
#ifndef CAP_GEO_STATE_H
#define CAP_GEO_STATE_H

#include "cap/geo/geo_policy.h"

#define GEO_ADDRESS_MAX 63u

/* Why there is an alarm; bits. */
enum geo_alarm {
	/* Attached to the network where it may not be, seen by that way. */
	GEO_ALARM_GATEWAY = 1,
	GEO_ALARM_AREA = 2, /* it says that it is outside of its area */
	GEO_ALARM_DISAGREE = 4, /* it cannot be where it says and where it is attached */
	GEO_ALARM_ADDRESS = 8,
	GEO_ALARM_CELL = 16,
	GEO_ALARM_TARGET = 32 /* it says that another device is to be located for it */
};
#define GEO_ALARMS 63u
#define GEO_ALARM_ATTACHMENT (GEO_ALARM_GATEWAY | GEO_ALARM_ADDRESS | GEO_ALARM_CELL)
#define GEO_ALARM_REPORTED (GEO_ALARM_AREA | GEO_ALARM_DISAGREE)

/*
 * By which ways the network sees it; each has what was seen last, and an alarm of its own, which
 * another way does not end.
 */
enum geo_way { GEO_BY_GATEWAY, GEO_BY_ADDRESS, GEO_BY_CELL, GEO_WAYS };

struct geo_state {
	unsigned alarm; /* enum geo_alarm bits */
	int64_t since; /* microseconds since 1970 of the first of them */
	char seen[GEO_WAYS][GEO_NAME_MAX + 1]; /* "": never */
	/* The same when a report raised an alarm: who is still there has proved nothing by it. */
	char then[GEO_WAYS][GEO_NAME_MAX + 1];
	enum geo_way way; /* of what was seen last */
	/*
	 * Monotonic microseconds since when what is seen by that way is right, and is elsewhere than then;
	 * 0: it is not.
	 */
	int64_t right[GEO_WAYS], moved[GEO_WAYS];
	bool reported;
	bool stands; /* the network has seen it nowhere else since the report */
	struct geo_report report; /* the last one, its cell is in said */
	char said[GEO_NAME_MAX + 1];
	int64_t reported_at; /* microseconds since 1970 */
	char target[GEO_NAME_MAX + 1]; /* locTargetDevice of its scl; "": it has said none */
};

_Static_assert(GEO_ADDRESS_MAX <= GEO_NAME_MAX, "an address has room");

/* Both times: microseconds since 1970, monotonic microseconds. hold: see geo_conf.h. */
struct geo_now {
	int64_t wall, monotonic, hold;
};

/*
 * The network sees it at name by way. sure: the access network says so itself, so that it counts
 * although it is no other place than before, at once. Returns which alarms have begun or ended.
 */
unsigned geo_state_seen(struct geo_state *s, const struct geo_policy *p, enum geo_way way,
                        struct slice name, bool sure, const struct geo_now *now);
/* It says so. Returns which alarms have begun. */
unsigned geo_state_reported(struct geo_state *s, const struct geo_policy *p,
                            const struct geo_report *r, const struct geo_now *now);
/*
 * Its scl has that locTargetDevice, whom the network is to locate for it. Not empty. Returns which
 * alarms have begun; moving ends none of them.
 */
unsigned geo_state_located_as(struct geo_state *s, const struct geo_policy *p, struct slice target,
                              const struct geo_now *now);
/* Which alarms p makes of what is seen, and of locTargetDevice, whether they have begun or not. */
unsigned geo_state_wrong(const struct geo_state *s, const struct geo_policy *p);
/*
 * Another policy counts from now on, under the one before geo_state_wrong said wrong: what is known is
 * judged by it at once. What is seen ends an alarm when it was wrong and is not any more; what was
 * reported ends none, but that of which p asks nothing. Returns which alarms have begun or ended.
 */
unsigned geo_state_judged(struct geo_state *s, const struct geo_policy *p, unsigned wrong,
                          const struct geo_now *now);
/* An administrator ends it. Returns which alarms have ended. */
unsigned geo_state_clear(struct geo_state *s);

#endif
