/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A capability: what some daemons have and others do not, beside the resources that all have. A
 * daemon lists those that it has; each is one constant struct in a file of its own.
 */
#ifndef CAP_CAPABILITY_H
#define CAP_CAPABILITY_H

#include "base/rc.h"
#include "model/attr.h"

#include <stdint.h>

struct log;
struct scl;

#define CAPABILITY_WHY_MAX 256

/* What capabilities may ask of the configuration. Strings and lists live until stop has returned. */
struct capability_conf {
	enum scl_type role;
	const char *scl_id;
	const char *base_uri; /* absolute URI of the own sclBase */
	struct log *log;

	/* Registration with an NSCL. Times are microseconds. */
	const char *const *nscl; /* sclBase URIs in the order of trial, NULL-terminated; may be empty */
	int64_t lifetime_us;
	int64_t retry_us;
	int64_t retry_max_us;
	const char *contact_uri; /* by which the NSCL reaches the own sclBase */
	const char *const *search_strings; /* NULL-terminated */
	const char *mgmt_protocol;
};

struct capability {
	const char *name;
	/*
	 * Called once the scl admits requests; scl lives until stop has returned. *state is the
	 * capability's own, NULL when it has nothing to do. On failure *why says in one line why and
	 * stop is not called.
	 */
	enum rc (*start)(struct scl *scl, const struct capability_conf *conf, void **state,
	                 char why[CAPABILITY_WHY_MAX]);
	/* Ends in a bounded time, before the scl stops. state is what start gave, also NULL. */
	void (*stop)(void *state);
};

#endif
