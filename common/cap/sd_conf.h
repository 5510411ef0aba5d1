/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the capabilities of small data ask of the configuration: group sd of the options (Lai et al.,
 * "Security Issues on Machine to Machine Communications", aggregate signatures for small data).
 * Strings live until detach has returned; an absent one is NULL. Times are microseconds.
 */
#ifndef CAP_SD_CONF_H
#define CAP_SD_CONF_H

#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

#define SD_BOOK "sd" /* name of the book (cap/sec_access.h) */

/* What a gateway tells its devices to sign with. */
enum sd_policy {
	SD_POLICY_AUTO, /* what costs least, by what was measured at the start and octet_cost */
	SD_POLICY_ED25519,
	SD_POLICY_BLS,
	SD_POLICY_IDENTITY
};

struct sd_conf {
	bool enabled;
	const struct store_ops *engine; /* of the book */

	/* Gateways and NSCLs. */
	unsigned threads; /* that verify */

	/* The network: NSCLs. */
	unsigned devices_max; /* with keys */
	unsigned waiting_max; /* bundles that wait to be verified; beyond: 503 */

	/* The gateway. */
	bool verify; /* each reading when it comes */
	unsigned bundle_max; /* readings of a bundle */
	int64_t bundle_wait; /* how long the first reading of one waits for others */
	int64_t keep; /* how long single signatures are kept when the bundle was accepted */
	int64_t key_ttl; /* how long keys of devices are believed without asking again */
	enum sd_policy policy;
	unsigned octet_cost; /* us that an octet takes on the way to the network */
	int64_t round_time; /* of the identity-based scheme */
	unsigned pending_max; /* readings that the network has not answered; beyond: 503 */

	/* The device. */
	const char *gateway; /* sclBase of the gateway that readings go to */
	const char *container; /* path of the container at the NSCL that they become instances of */
	unsigned queue_max; /* readings that wait; beyond: 503 */

	/* Gateways and devices: after a failure, doubled each time. */
	int64_t retry_first, retry_max;
};

#endif
