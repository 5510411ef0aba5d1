/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WATCHER_DISCOVER_H
#define WATCHER_DISCOVER_H

#include "client/http.h"
#include "watcher/watch.h"

struct sites;

/* Everything a round of discovery needs; the pointers belong to the caller. */
struct discover {
	struct http *http;		/* of the NSCL, also for what other SCLs have */
	const char *nscl;		/* URI of its sclBase */
	const char *const *search;	/* searchStrings, any counts; NULL at the end */
	const char *subscription_id;	/* name of the subscriptions made */
	const char *contact;		/* URI of the notification server */
	int64_t lifetime;		/* ms, of a subscription */
	struct watch *watch;
	struct sites *sites;		/* SCLs seen so far, from sites_new */
};

/*
 * Asks the NSCL for the SCLs registered with it, each of them (and the NSCL) for applications and
 * containers with the searchStrings, and subscribes to the contents of those not watched yet.
 * Trouble with one SCL is reported once until it is over and does not keep the others from being
 * asked. OUT_STOPPED when it was stopped, OUT_AWAY or OUT_REFUSED when the NSCL cannot be asked.
 */
enum outcome discover_round(struct discover *d);

/* Prolongs the lives of subscriptions that need it; one that is gone is dropped from the watch. */
enum outcome discover_refresh(struct discover *d);

/*
 * Deletes all subscriptions until the monotonic time deadline; an SCL that does not answer is not
 * asked again.
 */
void discover_end(struct discover *d, int64_t deadline);

#endif
