/* SPDX-License-Identifier: Apache-2.0 */
/* The one error idiom: every fallible function returns an enum rc, RC_OK is 0. */
#ifndef BASE_RC_H
#define BASE_RC_H

#include "base/slice.h"

enum rc {
#define STATUS(name, etsi, http, coap, text) RC_##name,
#include "base/status.def"
#undef STATUS
	RC_COUNT
};

/* One row of status.def. */
struct status {
	const char *etsi; /* m2m:StatusCode */
	int http;
	int coap; /* class * 100 + detail */
	const char *text;
};

/* The row of rc; never NULL. Any thread. */
const struct status *status_of(enum rc rc);

/*
 * The outcome of an HTTP response code received from a peer (TS 102 921 annex C, status codes). Any
 * thread.
 */
enum rc status_from_http(int code);

/* True for the outcomes that acknowledge: OK, CREATED, ACCEPTED, NO_CONTENT. */
bool status_is_success(enum rc rc);

#endif
