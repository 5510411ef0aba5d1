/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions of core/req.h without a core, for tests of a binding. What is answered depends on
 * the path:
 *   /echo       200, "<op> <target> from=<from> n=<octets of body>" and a line feed, then the body
 *   /made       201 with every header field and a body
 *   /gone       204
 *   /same       304
 *   /big/N      200 with N octets
 *   /peer       200, what is known of the other end, a line "name=value" for each fact
 *   /secured    200, the X-M2M-* headers in the same way; everything that an answer of a
 *               security procedure has
 *   /stranger   refused by req_admit with 402
 *   /at-once    pending, answered before req_submit returns; like /echo
 *   /later      pending, answered by another thread; like /echo
 *   /failed     like /later, but 504
 *   /held       pending, answered when the test says so; like /echo
 *   /told       like /later; asks whether its answer has arrived. /told/N: N octets
 */
#ifndef TESTS_UNIT_HTTP_FAKE_H
#define TESTS_UNIT_HTTP_FAKE_H

#include "core/req.h"

#include <pthread.h>
#include <stdatomic.h>

/* Of which /peer shows 32 octets as export=. */
#define FAKE_LABEL "EXPORTER openscl test"
#define FAKE_BODY_MAX 65536u

struct scl {
	_Atomic unsigned live; /* requests */
	_Atomic unsigned made;
	_Atomic unsigned admitted;
	_Atomic unsigned prepared;
	_Atomic unsigned refused; /* by req_refuse */
	_Atomic unsigned arrived; /* answers of /told, as req_sent says */
	_Atomic unsigned lost; /* of them, those of which it did not */
	_Atomic bool awaited; /* somebody waits for live to be 0 */
	unsigned max_live; /* 0 = no limit; set before the server runs */

	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct req *later; /* queues, by req.next */
	struct req *held;
	unsigned n_held;
	bool stop;
	pthread_t thread;
};

void fake_start(struct scl *f);
/* Ends the thread; held requests were released. */
void fake_stop(struct scl *f);
/* Waits until n requests are held. */
void fake_await_held(struct scl *f, unsigned n);
/* Answers all held requests, from the calling thread. */
void fake_release(struct scl *f);
/* Waits until no request lives. */
void fake_await_none(struct scl *f);

#endif
