/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The class of a request: the lower one of its node's subscription and of what the node claims for
 * it, as far as the claim is authenticated (Security Issues on Machine to Machine Communications,
 * section 2.6). So a claim that was altered to "normal" gains nothing, and a forged "low" is not
 * followed: it is counted (indicator_invalid) and logged, at most a line in ten seconds.
 *
 * In a session of the node the claim is X-M2M-Priority; without one (a trusted access network) it
 * is X-M2M-Ind (sec/indicator.h), which no session protects and K_ind does.
 *
 * A request without a claim costs no more than a look at two pointers. Any thread.
 */
#ifndef CAP_SEC_PRIORITY_H
#define CAP_SEC_PRIORITY_H

#include "base/clock.h"
#include "base/log.h"
#include "core/req.h"
#include "mas/mas.h"
#include "mas/mas_counter.h"

struct priority;

struct priority_conf {
	const struct mas *mas; /* knows K_ind; ops may still be NULL: then no indicator is good */
	const struct clock *clock;
	struct log *log;
	struct mas_counters *counters; /* enum load_counter (overload.h) */
};

/* Whose request it is, as the connection says. */
struct priority_of {
	const struct node_id *node; /* NULL: nobody's that is known */
	uint32_t kmr_index;
	bool low; /* the subscription is one of low priority */
	bool session; /* the connection is a session of the node: TLS by its keys or its certificate */
};

/* Copies conf; what it points to outlives it. NULL without memory. */
struct priority *priority_new(const struct priority_conf *conf);
/* NULL is fine. */
void priority_free(struct priority *p);

/*
 * True: the request is of low priority. method and path (without the query) are those of the request
 * line as it was sent. Each claim without a session counts once: called once for each request.
 */
bool priority_is_low(struct priority *p, const struct req_input *in, const struct priority_of *of,
                     struct slice method, struct slice path);

#endif
