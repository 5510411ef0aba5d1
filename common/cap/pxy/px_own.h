/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the proxy capability share; private to cap/pxy. */
#ifndef CAP_PXY_PX_OWN_H
#define CAP_PXY_PX_OWN_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/log.h"
#include "cap/proxy_conf.h"
#include "cap/pxy/px.h"
#include "core/scl.h"
#include "pre/key_file.h"

struct px_append;
struct px_apply;
struct px_inbook;
struct px_inbox;
struct px_lanes;
struct px_load;
struct px_parking; /* of a source; struct px_source is of the book */
struct px_named;
struct pool;
struct px_rates;
struct px_rest;
struct px_udp;
struct px_watch;

enum px_counter {
#define PX_COUNTER(id, name) PX_N_##id,
#include "cap/pxy/px_counters.def"
#undef PX_COUNTER
	PX_COUNTERS
};

struct px {
	/* Since px_attach, constant. */
	const struct proxy_conf *conf;
	const struct capability_conf *all; /* conf is a part of it */
	unsigned roles; /* enum px_role */
	struct scl *scl;
	struct log *log;
	const struct clock *clock;
	struct afgh *afgh;
	struct pre_identity *identity; /* of this source or sink; NULL: none is configured */

	/* Since px_start; absolute URI of the root: {sclBase}/proxy. */
	char *root_uri;
	struct pre_public self; /* of a sink: what proxies re-encrypt for; url: of its inbox */
	uint8_t self_id[PRE_PK_ID_SIZE]; /* pkId of it */

	/* The gate; see px_enter. */
	pthread_rwlock_t gate;
	bool open;
	size_t n_attached, n_started; /* parts */

	_Atomic uint64_t counts[PX_COUNTERS];

	/* One of each part that is attached, else NULL; each its part's own. */
	struct px_book *book;
	struct pool
		*pool; /* between start and stop: from inside the gate, or in stop before its own */
	struct px_load *load;
	struct px_rates *rates; /* of stores: octets that come in */
	struct px_watch *watch;
	struct px_lanes *lanes;
	struct px_udp *udp;
	struct px_rest *rest;
	struct px_inbook *inbook;
	struct px_apply *apply;
	struct px_inbox *inbox;
	struct px_parking *source;
	struct px_named *named;
};

/*
 * Into the gate: between start and stop, for calls that others make when they like (serving
 * threads, done functions of books and jobs). While somebody is inside, parts and scl stay as they
 * are, so it is for moments only. False: closed. Not twice on one thread. Any thread.
 */
bool px_enter(struct px *px);
void px_leave(struct px *px);
/*
 * scl_post from inside the gate: for threads that may be there after the scl. False: closed, the
 * task will never run. Not from inside.
 */
bool px_post(struct px *px, struct scl_task *task, int64_t delay);

/* Any thread. */
void px_count(struct px *px, enum px_counter which, uint64_t by);
uint64_t px_counted(const struct px *px, enum px_counter which);
const char *px_counter_name(enum px_counter which);
/* Messages that a store has taken. */
void px_count_stored(struct px *px, const struct px_append *a);

/* That identity (px_who.h) is one of proxy.managers. */
bool px_is_manager(const struct px *px, struct slice who);

/*
 * Path of a store directory below conf->state, in out; NULL in memory. The directory is made by the
 * store. RC_TOO_LARGE.
 */
enum rc px_state_dir(const struct px *px, const char *name, char *out, size_t n, const char **dir);

#endif
