/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A source of the proxy on the saf bed, with what it speaks to, which the test plays: the uplink
 * (OTHER), a proxy, and behind it sinks, which open what they are forwarded. All that arrives, by
 * the uplink or by a sink, is in one order.
 */
#ifndef UNIT_SOURCE_BED_H
#define UNIT_SOURCE_BED_H

#include "cap/pxy/px_own.h"
#include "cap/pxy/px_source.h"
#include "core/saf_relief.h"
#include "pre/pre.h"
#include "saf_bed.h"

#define SOURCE_PROXY "http://127.0.0.1:7000/m2m/proxy"
#define SOURCE_SECOND "http://127.0.0.2:7000/m2m/proxy"
#define SOURCE_STANDIN "http://127.0.0.1:7001/m2m/proxy/inbox"
#define SOURCE_EXTRA "http://127.0.0.1:7002/inbox"
#define SOURCE_MANAGER "http://manager.example/m2m"
#define BED_SINKS 3 /* uplink, stand-in, another one */
#define BED_KEYS 512
#define BED_ORDER 65536

/* A sink behind the proxy. */
struct bed_sink {
	const char *url;
	struct afgh_keys *keys;
	uint8_t pk2[AFGH_G2], pk_id[PRE_PK_ID_SIZE];
	struct pre_opening *opening;
	bool there, removed; /* in the forward */
	size_t at; /* octets of the store that it has, or that were not for it */
	struct pre_rekey rk[BED_KEYS];
	size_t n_rk;
	unsigned units; /* that it has not got */
	char order[BED_ORDER]; /* bodies */
	unsigned got, refused;
	unsigned findings; /* of its sections */
};

struct source_bed {
	pthread_mutex_t lock; /* of all but px, conf, dir, clock */
	struct px *px;
	struct proxy_conf_source *conf; /* to be changed before source_begin */
	const struct clock *clock; /* the same; NULL: that of the system */
	char dir[256];
	struct afgh *afgh;
	struct pre_identity *identity;

	bool up; /* the uplink answers */
	unsigned waiting; /* what its inbox says */
	int proxy_status; /* of its answers; 200: as it should; ANSWER_REFUSED */
	int message_status; /* the same of messages alone */
	bool slow; /* the third sink never has all */
	unsigned lose_answers; /* of messages that are stored, so many more */
	bool refuses_first, answers_second; /* the proxies that are there */
	unsigned infos; /* that either was asked for, there or not */

	int disk; /* of the proxy: what it stores is written there, for source_disk; -1: none */
	bool dies, dies_behind; /* with messages that it could take, before or behind that */

	struct buf store; /* units, each behind its length */
	uint64_t mark[2]; /* section and place in it of the last one */
	unsigned stores, forwards, deleted, posts, duplicates, controls, renewals;
	uint64_t revision;
	bool has_store, has_forward;
	struct bed_sink sinks[BED_SINKS];
	char order[BED_ORDER]; /* all that came by the uplink or its sink or stand-in */
};

extern struct source_bed source;

/* Nothing runs. */
void source_make(void);
/* An scl with a source: OTHER is registered; first: not after a restart. */
void source_begin(bool first);
/* Stops it, as SIGTERM does. */
void source_end(void);
void source_free(void);
/* What another process has written to its disk is stored; up to its end. */
void source_disk(int from);

/* From n on so many requests, each with its number as body. */
void source_accept(unsigned from, unsigned n);
/* As source_order has them: from 0 on so many. */
void source_expect_order(unsigned n);
unsigned source_read(const unsigned *v);
/* Waits until it is n at least. */
void source_await_count(const unsigned *v, unsigned n);
/* Waits until the source knows of the destination. */
void source_await_known(void);
void source_set(int *v, int to);
void source_up(bool up);
/* Waits until so many requests arrived by that sink; all of order when NULL. */
void source_await(const char *order, unsigned n);
/* Waits until adaptive requests may use the uplink and nothing is at the proxy. */
void source_await_direct(void);
/* Waits until they may use it, whatever is at the proxy. */
void source_await_lingering(void);
/* Names or removes a sink as a manager does. */
enum rc source_name(const char *name, unsigned sink, bool standin, bool from_now);
enum rc source_unname(const char *name);
void source_park(void);
/* What px_source_show says. */
void source_show(struct buf *to);

#endif
