/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Store-and-forward policies as data, and what they decide (TS 102 690 9.3.1.5, TS 102 921
 * 10.3.1.2.2): pure functions of policy, backlog, networks and time. All times are microseconds
 * since the epoch. Any thread.
 */
#ifndef CORE_SAF_POLICY_H
#define CORE_SAF_POLICY_H

#include "base/clock.h"
#include "base/slice.h"

#include <stdint.h>

#define SAF_RCATS 8

/* ---- values ---- */

enum saf_tolerance_kind { SAF_UNLIMITED, SAF_DELAY, SAF_DAYTIME };

/* TRPDT: how long a request may be on its way. */
struct saf_tolerance {
	enum saf_tolerance_kind kind;
	int64_t us; /* SAF_DELAY: from reception; SAF_DAYTIME: since midnight UTC */
};

/* RCAT_0 ... RCAT_7, or the bare digit. */
bool saf_parse_rcat(struct slice text, unsigned *rcat);
/* xs:duration, xs:time or a number of seconds. */
bool saf_parse_tolerance(struct slice text, struct saf_tolerance *out);
/* Digits and one of B K M G T (binary multiples). */
bool saf_parse_memory(struct slice text, int64_t *octets);
/* When a request that was received then is too late; CLOCK_NEVER without a limit. */
int64_t saf_deadline(const struct saf_tolerance *t, int64_t received);
/* When the last attempt for it has to be made: a little before it is too late. */
int64_t saf_last_call(int64_t received, int64_t deadline);

/* ---- policies; the memory is whoever's filled them in ---- */

struct saf_span {
	int64_t start, end; /* end is outside */
};

struct saf_item {
	const struct saf_span *spans;
	size_t nspans;
	const struct slice *crontabs;
	size_t ncrontabs;
	int64_t zone; /* of the spans, east of UTC: the crontabs are meant in it */
};

struct saf_schedule {
	int rcat; /* -1: every RCAT */
	const struct saf_item *items;
	size_t nitems;
};

struct saf_block {
	int64_t failures;
	int64_t duration;
};

/* AnpPolicy */
struct saf_anp {
	struct slice name;
	const struct saf_schedule *schedules;
	size_t nschedules;
	const struct saf_block *blocks;
	size_t nblocks;
};

/* RcatParamList */
struct saf_params {
	unsigned rcat;
	struct saf_tolerance tolerance;
	int64_t max_requests; /* -1 = unset */
	int64_t max_octets; /* -1 = unset */
	const struct slice *ranked; /* names of access networks, first = preferred */
	size_t nranked;
};

/* SafPolicySet with its children */
struct saf_set {
	struct slice path; /* of the resource, for the log; empty: the set without resources */
	const struct slice *scope; /* applications in the form they are compared in, or "default" */
	size_t nscope;
	int default_rcat; /* -1 = unset: that of the default set */
	const struct saf_params *params;
	size_t nparams;
	const struct saf_anp *anps;
	size_t nanps;
	bool always; /* every network may be used at any time by all RCATs, at once */
};

struct saf_policy {
	const struct saf_set *sets;
	size_t nsets;
};

/* A link that is always on: what applies without policy resources. */
extern const struct saf_set saf_always;

/* ---- decisions ---- */

/* The set for an issuing application: its own, else the default one, else saf_always. */
const struct saf_set *saf_set_of(const struct saf_policy *p, struct slice application);
/* What the set says for the RCAT, NULL when nothing. */
const struct saf_params *saf_params_of(const struct saf_set *set, unsigned rcat);
/* The RCAT of a request under set that names none. */
unsigned saf_default_rcat(const struct saf_policy *p, const struct saf_set *set);
bool saf_is_default(const struct saf_set *set);

/* True when the schedule admits traffic now. */
bool saf_open(const struct saf_schedule *s, int64_t now);
/* The first time after now at which that may be different; CLOCK_NEVER. */
int64_t saf_change(const struct saf_schedule *s, int64_t now);

/* An access network as it is now. */
struct saf_network {
	struct slice name;
	bool usable; /* it is there */
	bool connected; /* the last exchange over it was good and not long ago */
	unsigned failures; /* consecutive */
	int64_t failed; /* time of the last one */
	int64_t rest; /* not before this, whatever the policy says: back-off between attempts */
};

/* Until when the network is not tried any more; 0 = it may be tried. */
int64_t saf_blocked_until(const struct saf_anp *anp, const struct saf_network *n);

/* What waits for the same destination under the same set and RCAT. */
struct saf_backlog {
	unsigned rcat;
	size_t requests;
	int64_t octets;
	int64_t last_call; /* earliest saf_last_call among them */
};

/*
 * The network to be used now, or -1; *look is when to ask again at the latest: the first time at
 * which passing time alone can change the answer (CLOCK_NEVER: only an event can). A network that
 * becomes usable, a request that comes and a policy that changes are such events.
 */
int saf_decide(const struct saf_set *set, const struct saf_backlog *b,
               const struct saf_network *networks, size_t n, int64_t now, int64_t *look);

/* ---- saf_check.c: what the schemas cannot say ---- */

#define SAF_FAULT_MAX 160

/* Each: true, or false with what is wrong in why. */
bool saf_check_scope(const struct slice *scope, size_t n, char why[SAF_FAULT_MAX]);
bool saf_check_params(const struct saf_params *p, char why[SAF_FAULT_MAX]);
bool saf_check_anp(const struct saf_anp *anp, char why[SAF_FAULT_MAX]);
/* self against the other sets: one default, and an application in one set only. */
bool saf_check_among(const struct saf_set *self, const struct saf_policy *others,
                     char why[SAF_FAULT_MAX]);

#endif
