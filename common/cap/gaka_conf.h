/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the capabilities of group authentication ask of the configuration: group gaka of the options
 * (Lai et al., "Security Issues on Machine to Machine Communications", group authentication and key
 * agreement). Strings and lists live until detach has returned; an absent string is NULL, lists of
 * strings end with NULL and are never NULL. Times are microseconds.
 */
#ifndef CAP_GAKA_CONF_H
#define CAP_GAKA_CONF_H

#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

#define GAKA_BOOK "gaka" /* name of the book (cap/sec_access.h) */

struct gaka_conf {
	bool enabled;

	/* The serving network: gateways and NSCLs. */
	bool conventional; /* every device is authenticated by the home network by itself */
	uint16_t window; /* attaches of a member that one vector set is to be good for: W */
	unsigned sets_max; /* vector sets, one of a group; beyond: busy */
	unsigned members_max; /* of all sets together */
	unsigned attempts_max; /* under way; beyond: busy */
	int64_t attempt_time; /* how long one may take */
	unsigned singles_max; /* devices by themselves, in a minute: T10; beyond: busy */
	unsigned sessions_max; /* keys of devices that have attached; beyond: busy */

	/* The device. */
	const struct store_ops *engine; /* of the book */
	const char *gateway; /* sclBase of the gateway that it attaches to */
	const char *attach; /* sclBase by which it attaches; NULL: gateway */
	const char *ca; /* trust anchors of both, PEM; NULL: the system's */
	const char *const *groups; /* GIDs, 16 hex digits; empty: all that it is in */
	int64_t keys_interval; /* how often it asks for the keys of its groups */
	int64_t check_interval; /* how often it looks whether its key is still known */
	int64_t retry_first, retry_max; /* after a failure, doubled each time */
};

#endif
