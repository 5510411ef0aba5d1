/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A MAS behind REST: its server and its client against each other, without a network between. Each
 * test has its own process: rest_setup and rest_teardown are its fixture.
 */
#ifndef UNIT_REST_BED_H
#define UNIT_REST_BED_H

#include <pthread.h>

#include "endpoint_bed.h"
#include "mas_bed.h"
#include "mas/mas_remote.h"
#include "mas/mas_rest.h"

#define ANSWERS 256

/* What the network between them does. */
enum weather { FINE, REFUSED, STUCK, RUBBISH };

struct world {
	struct core_bed core;
	struct mas_bed mas;
	struct mas_rest *rest;
	struct mas_remote *remote;
	struct mas far; /* through it */
	struct mas_watcher watcher;
	pthread_mutex_t network; /* held while an exchange is carried */
	_Atomic enum weather weather;
	_Atomic unsigned exchanges, told, told_node, told_lost;
	_Atomic unsigned fed; /* answers of psk-feed that w.remote has taken */
	_Atomic uint64_t last_told;
	/*
	 * Of the exchange whose URL ends so: what happens at the MAS once the answer is made, which
	 * comes after the feed has told that, and nothing else.
	 */
	_Atomic(const char *) during;
	struct mas_change meanwhile;
	_Atomic bool held; /* that answer */
	/* Set by the test: what polls from then on tell of an end comes after meanwhile has happened. */
	_Atomic bool news_held;
	_Atomic unsigned news; /* how many were held */
	/* Bodies live until the end. */
	char *bodies[ANSWERS];
	unsigned at;
};

extern struct world w;
/* What an NSCL has in its certificate, the role and its name; the role of an MSBF. */
extern const struct slice nscl_uri, dns, msbf_uri, gw_uri;
/* The role of the client that is not provisioning: that of an NSCL, until a test says otherwise. */
extern const struct slice *rest_role;

/* Its client has the first answer of the feed: ends are told one by one from then on. */
void rest_setup(void);
void rest_teardown(void);
/* REFUSED, and nothing is under way to the MAS any more: it may stop. */
void network_down(void);
/* One more client, in the place of the one that w has. */
void start_remote(void);

/* Each waits for its done; the outcome is in the struct. */
enum rc far_connect(struct mas_connect *c);
enum rc far_end(struct mas_end *c);
enum rc far_report(struct mas_report *c);
enum rc far_provision(struct mas_provision *c);
enum rc far_live(struct mas_live *c);
enum rc far_change(struct mas_change *c);
enum rc far_verdict(struct mas_verdict *c);

/* Records of the audit with that action by that actor. */
unsigned audited(const char *action, const char *actor);

#endif
