/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the monitoring of places asks of the configuration: group geo of the options. Strings live
 * until detach has returned; an absent string is NULL. Times are microseconds.
 */
#ifndef CAP_GEO_CONF_H
#define CAP_GEO_CONF_H

#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

#define GEO_BOOK_STORE "geo" /* directory below state */

struct geo_conf {
	/* Of an NSCL. */
	bool enabled;
	const char *state; /* directory of the SCL's store; NULL: nothing outlives the process */
	const struct store_ops *engine; /* of state */
	unsigned nodes_max;
	int64_t hold; /* how long a node must be where it may be before its alarm ends */
	const char *access_right; /* accessRightID of the containers of events; "": none */
	/* Of a gateway or device: path of its own location container; NULL: it has none. */
	const char *source;
	/* Of both: name of the container at the NSCL that a node's reports go to. */
	const char *container;
};

#endif
