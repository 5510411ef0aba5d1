/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's end of a communicationChannel: polls it, carries out the requests that come as
 * requestNotify and answers them with responseNotify (TS 102 690, long polling). Exactly one poll
 * is under way. All functions on the courier thread.
 */
#ifndef CAP_POLLER_H
#define CAP_POLLER_H

#include "base/log.h"
#include "core/scl.h"

struct poller;

struct poller_conf {
	struct scl *scl;
	struct log *log;
	int release; /* 1 or 2: that the NSCL speaks */
	int64_t retry_us; /* wait after a failed poll, and up to four times more by chance */
	/* Polls are not possible any more, channel or NSCL are lost; none is made until poller_poll. */
	void (*lost)(void *owner);
	void *owner;
};

/* Strings of conf live as long as the poller. NULL without memory. */
struct poller *poller_new(const struct poller_conf *conf);
/* Polls there from now on; peer is what the NSCL is called in Via. Strings are copied. */
void poller_poll(struct poller *p, struct slice long_polling_uri, struct slice peer);
/* No more polls; p is gone for the caller, lost is not called any more. NULL is fine. */
void poller_free(struct poller *p);

#endif
