/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the gateway for applications outside asks of the configuration: group edge of the options.
 * Strings and lists live until detach has returned; an absent string is NULL, lists of strings end
 * with NULL and are never NULL.
 */
#ifndef CAP_EDGE_CONF_H
#define CAP_EDGE_CONF_H

#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>

#define EDGE_BOOK_STORE "edge" /* directory below state */

struct edge_conf {
	bool enabled;
	const char *state; /* directory of the SCL's store; NULL: nothing outlives the process */
	const struct store_ops *engine; /* of state */
	size_t body_max; /* octets of a request */
	unsigned grants_max;
	/* "address/bits": that contacts may have although they are loopback, private or the like. */
	const char *const *contact_networks;
	const char *contact_ca; /* PEM file: trust anchors of contacts; NULL = the system's */
	const char
		*admin_tokens; /* file with the administrator's token; NULL: certificates alone */
};

#endif
