/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the capabilities of multiparty authentication ask of the configuration: group mpa of the
 * options (Lai et al., "Security Issues on Machine to Machine Communications", authentication among
 * device, core network and MTC server by proxy signatures). Strings live until detach has returned;
 * an absent one is NULL. Times are microseconds.
 */
#ifndef CAP_MPA_CONF_H
#define CAP_MPA_CONF_H

#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

#define MPA_BOOK "mpa" /* name of the book (cap/sec_access.h) */

struct mpa_conf {
	bool enabled;
	const struct store_ops *engine; /* of the book */
	const char *key; /* PEM file, Ed25519, private; NULL: one is made and kept in the book */

	/* The core network: NSCLs. */
	unsigned servers_max; /* contracted MTC servers */
	unsigned warrants_max; /* that are kept, revoked ones included */
	int64_t warrant_time; /* of those that are issued */
	int64_t contact_time; /* how long the answer of a server may take */

	/* The access point: gateways. */
	unsigned attempts_max; /* under way; beyond: refused */
	int64_t attempt_time; /* how long one may take */
	unsigned sessions_max; /* keys of devices; beyond: refused */
	int64_t session_time; /* how long one lasts; also to a device, which renews it before */
	unsigned chains_max; /* verified chains that are remembered */
	bool forward; /* transcripts go to the MTC server */
	unsigned decisions_max; /* of MTC servers, that are under way or wait for their device */

	/* The device. */
	const char *gateway; /* sclBase of the gateway that it speaks to, with TLS */
	const char *attach; /* sclBase that it proves itself at, before there is a key; NULL: gateway */
	const char *server_key, *network_key; /* PEM files: public keys that are pinned */
	bool require_decision; /* the session is of use only when the MTC server has accepted it */
	int64_t check_interval; /* how often it looks whether session and warrants still stand */

	/* Gateways and devices: after a failure, doubled each time. */
	int64_t retry_first, retry_max;
};

#endif
