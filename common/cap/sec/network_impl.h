/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the network's SEC capability share; nobody else includes this. */
#ifndef CAP_SEC_NETWORK_IMPL_H
#define CAP_SEC_NETWORK_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "cap/sec/authorities.h"
#include "cap/sec/guard.h"
#include "cap/sec/kma.h"
#include "cap/sec/network_roles.h"
#include "cap/sec/node_credentials.h"
#include "cap/sec/node_keys.h"
#include "cap/sec/psk.h"
#include "cap/sec/psk_sources.h"
#include "cap/sec/sec.h"
#include "cap/sec/watchers.h"
#include "core/scl.h"
#include "mas/admin.h"

#define NETWORK_LOAD_OPS 3u

struct conn_endpoints;

/* Service connections of an earlier run, as the MAS tells them. */
struct resuming {
	struct mas_live call; /* first */
	struct sec *sec;
	unsigned n, left; /* taken up; for which there was no room */
	pthread_mutex_t lock; /* of over */
	pthread_cond_t changed;
	bool over; /* no call is under way */
};

struct sec {
	struct sec_conf conf;
	struct network_roles roles;
	struct mas_watcher watcher;
	bool watching;
	struct live *live;
	struct resuming resuming;
	struct mas_counters *load_counters;
	struct overload *overload;
	struct priority *priority;
	struct admin_more load_ops[NETWORK_LOAD_OPS];
	struct mid *mid;
	struct issuers *issuers;
	struct kma *kma;
	struct sec_guard *guard;
	struct psk_front *psk;
	struct conn_endpoints *endpoints; /* NULL without a MAS */
	struct node_credentials *credentials;
	struct scl *scl;
	struct scl_task tick;
	unsigned ticks;
	_Atomic bool stopping;

	struct sec_access access; /* what other capabilities may ask */
	struct psk_sources sources;
	struct watchers watchers; /* any thread */
	struct authorities *authorities;
	struct node_keys *keys; /* for books; NULL until the first one is asked for */
};

/* ---- network_load.c ---- */

/* Before the roles are open, which take roles.put_off over. */
enum rc network_load_open(struct sec *s);
/* After the roles: what the administration has of it. */
enum rc network_load_attach(struct sec *s);
void network_load_close(struct sec *s);

/* ---- network_access.c ---- */

/* Fills s->access; when the roles are open. */
void network_access_init(struct sec *s);

#endif
