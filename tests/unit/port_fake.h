/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A port without a network: what the scl sends is shown to the test, which says when and how it is
 * answered. There is one; port_fake_set is called before the scl is made.
 */
#ifndef UNIT_PORT_FAKE_H
#define UNIT_PORT_FAKE_H

#include <stdatomic.h>

#include "core/port.h"

/* Instead of an HTTP status. */
#define ANSWER_REFUSED 0 /* the connection is refused */
#define ANSWER_NEVER (-1) /* nothing comes until the exchange's own limit */

struct port_answer {
	int status;
	int64_t delay; /* microseconds */
	const _Atomic bool *held; /* NULL, or what has to be false before it comes */
	const char *body; /* or NULL */
	const char *location; /* or NULL */
	size_t body_len; /* of a body that is no text; 0: it is one */
	bool tls_failed; /* with ANSWER_REFUSED: for TLS */
	bool tls_refused; /* with that: the peer has said so */
	const char *reject; /* X-M2M-Reject, or NULL */
	const char *type; /* Content-Type, or NULL */
	const char *retry_after; /* Retry-After, or NULL */
};

/*
 * On the courier thread, once per exchange, when it is sent. An exchange that wants the exporter of
 * its session has one by then, each another, and was asked for its last header.
 */
typedef struct port_answer port_script(void *arg, const struct exchange *ex);

void port_fake_set(port_script *script, void *arg);
/* Most exchanges that were in flight at once so far. Any thread. */
unsigned port_fake_most(void);

extern const struct port_ops port_fake;

#endif
