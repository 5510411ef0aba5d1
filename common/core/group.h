/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups (TS 102 921 10.20 to 10.23): what the files of the subject share. rt_group.c checks
 * members, group_validate.c looks at those of other SCLs, fanout_plan.c and fanout.c carry out
 * requests to membersContent, aggregate.c collects the notifications of subscriptions made through
 * a group.
 */
#ifndef CORE_GROUP_H
#define CORE_GROUP_H

#include "core/scl_impl.h"

/* What the subject keeps for a running scl. */
struct groups {
	struct validator *validator;
	struct fanouts *fanouts;
	struct aggregator *aggregator;
};

/* After courier_new, before scl_start. RC_UNAVAILABLE without memory. */
enum rc groups_new(struct scl *scl, struct groups **out);
/* After the courier has stopped; NULL is fine. */
void groups_free(struct groups *g);

/* ---- members (rt_group.c) ---- */

/* The element of the resources that a memberType stands for, NULL for MIXED. */
const char *member_element(int64_t member_type);
/* First member of a group, NULL when it has none; they are linked by next. */
const struct val *group_members(const struct res *group);
/* The path of the group whose membersContent path is (also in short form), else empty. */
struct slice members_content_owner(struct slice path);

/* ---- group_validate.c ---- */

enum rc validator_new(struct scl *scl, struct validator **out);
void validator_free(struct validator *v);
/* The group's members of other SCLs are to be looked at, all of them, from now on. Transaction. */
enum rc validate_begin(struct scl *scl, struct rtx *tx, const struct res *group);
/* Nothing is to be looked at any more. Transaction. */
enum rc validate_end(struct rtx *tx, uint64_t group);

/* ---- fanout.c ---- */

enum rc fanouts_new(struct scl *scl, struct fanouts **out);
void fanouts_free(struct fanouts *fs);

/* ---- fanout_path.c ---- */

/*
 * True when what suffix (relative, encoded) leads to from a resource of the element exists by the
 * type tables.
 */
bool suffix_makes_sense(struct arena *a, const char *element, struct slice suffix);

/* ---- fanout_seen.c ---- */

/*
 * The groupRequestIdentifiers that groups have seen: under way, or not long ago. Any thread.
 */
struct seen;

#define REQUEST_ID_MAX 64u

/* room: how many may be under way; as many again and more are remembered. NULL without memory. */
struct seen *seen_new(size_t room);
void seen_free(struct seen *s);
/*
 * Notes that the group takes up a request. RC_OK; RC_BAD_REQUEST when it has seen it;
 * RC_UNAVAILABLE when too many are under way. id has at most REQUEST_ID_MAX octets.
 */
enum rc seen_enter(struct seen *s, uint64_t group, struct slice id);
/* It is over; remembered for keep microseconds. */
void seen_leave(struct seen *s, uint64_t group, struct slice id, int64_t keep);

/* ---- aggregate.c ---- */

/* Below sclBase: the addresses where members notify. */
#define AGGREGATION_SEGMENT "aggregation"

/* True for the path of such an address of this SCL: it says itself from whom it takes what. */
bool is_collecting_address(const struct scl *scl, struct slice path);
enum rc aggregator_new(struct scl *scl, struct aggregator **out);
void aggregator_free(struct aggregator *ag);

/* ---- aggregate_entry.c ---- */

/* A CREATE of subscriptions through a group. */
struct aggregation {
	struct slice body; /* what the members get instead */
	struct val *entry; /* to be stored with the group first, or NULL when it is already */
};

struct aggregation_entry {
	uint64_t group;
	struct slice contact; /* absolute URI */
	struct slice creator; /* of the subscription */
	struct slice syntax; /* media type */
	int64_t delay; /* delayTolerance, 0 = none */
};

/*
 * On the serving thread, rq->target is the group's membersContent: makes the subscription in the
 * body one whose notifies are collected here. False: it goes to the members as it is.
 */
bool aggregation_prepare(struct req *rq, struct aggregation *out);
/*
 * Stores the entry with the group, without a change that anybody sees. RC_FORBIDDEN when the group
 * has too many. Transaction.
 */
enum rc aggregation_store(struct scl *scl, struct rtx *tx, uint64_t group, const struct val *entry);
/* The entry that the last segment of an address names; RC_NOT_FOUND. In the arena of tx. */
enum rc aggregation_find(struct rtx *tx, struct slice token, struct aggregation_entry *out);
/* RC_NOT_FOUND unless a subscription called reference can be of one of the group's members. */
enum rc aggregation_check(struct req *rq, uint64_t group, struct slice reference);
/* The group goes, with all its entries. Transaction. */
enum rc aggregations_end(struct rtx *tx, const struct res *group);

#endif
