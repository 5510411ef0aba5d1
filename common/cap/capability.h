/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A capability: what some daemons have and others do not, beside the resources that all have. A
 * daemon lists those that it has; each is one constant struct in a file of its own.
 */
#ifndef CAP_CAPABILITY_H
#define CAP_CAPABILITY_H

#include "base/rc.h"
#include "cap/gaka_conf.h"
#include "cap/mpa_conf.h"
#include "cap/edge_conf.h"
#include "cap/edge_gate.h"
#include "cap/geo_conf.h"
#include "cap/geo_gate.h"
#include "cap/proxy_conf.h"
#include "cap/sd_conf.h"
#include "cap/sga_conf.h"
#include "cap/trigger_conf.h"
#include "model/attr.h"

#include <stdbool.h>
#include <stdint.h>

struct gate; /* cap/gate.h */
struct sec_access; /* cap/sec_access.h */
struct log;
struct scl;
struct scl_peer; /* core/scl.h */

#define CAPABILITY_WHY_MAX 256

/* Packages of one kind: where they lie, what installs them. NULL: nothing. */
struct capability_packages {
	const char *directory;
	const char *const *command; /* NULL-terminated */
};

/* Remote entity management. Times are microseconds unless they say otherwise; NULL: none. */
struct capability_rem {
	bool enabled;
	const char *version; /* of the daemon */
	int64_t refresh_us; /* how often the device is looked at */
	const char *const *managers; /* URIs of who may manage, besides the NSCLs; NULL-terminated */
	const char *state; /* directory of its own, made when it is absent; its parent is there */
	const char *package_key; /* PEM file */
	uint64_t package_max; /* octets */
	unsigned command_timeout_ms, download_timeout_ms;
	struct capability_packages firmware, software;
	const char *const *reboot_command; /* restarts the operating system */
	bool factory_reset; /* is allowed */
	bool signed_only; /* configuration has to be signed: what is fetched is described by its hash */
	size_t log_bytes;
	const char *system_log; /* file */
	/*
	 * Ends the process orderly and begins it again; reset: with an empty store. Any thread, returns
	 * at once. RC_INTERNAL: what is to be reset cannot be noted.
	 */
	enum rc (*restart)(void *arg, bool reset);
	void *restart_arg;
};

/* What capabilities may ask of the configuration. It, its strings and lists live until detach. */
struct capability_conf {
	enum scl_type role;
	const char *scl_id;
	const char *base; /* name of the own sclBase */
	const char *base_uri; /* absolute URI of the own sclBase; NULL until start */
	struct log *log;

	/* Registration with an NSCL. Times are microseconds. */
	const char *const *nscl; /* sclBase URIs in the order of trial, NULL-terminated; may be empty */
	int64_t lifetime_us;
	int64_t retry_us;
	int64_t retry_max_us;
	const char *contact_uri; /* by which the NSCL reaches the own sclBase */
	bool channel; /* it does not: requests come through a channel that is polled */
	const char *const *search_strings; /* NULL-terminated */
	const char *mgmt_protocol;
	bool on_trigger; /* it connects only when it is triggered; the registration stays at the end */
	int nscl_release; /* 1 or 2: that the NSCLs speak */
	const char *const
		*announce_to; /* SCLs that the NSCL is to announce this one to; NULL-terminated */

	/* What may be asked of the security capability; never NULL. */
	const struct sec_access *sec;

	/* What has to stand before an NSCL is spoken to; NULL: nothing. */
	const struct gate *gate;

	/* NSCLs of other providers that this NSCL registers with. */
	const struct scl_peer *peers;
	size_t n_peers;

	/* True when the process ends only to begin again. Any thread; NULL: it never does. */
	bool (*begins_again)(const void *arg);
	const void *begins_again_arg;

	struct capability_rem rem;
	struct proxy_conf proxy;
	struct sga_conf sga;
	struct gaka_conf gaka;
	struct mpa_conf mpa;
	struct sd_conf sd;
	struct edge_conf edge;
	struct edge_seat *edge_seat; /* never NULL; cap/edge_gate.h has what it is asked */
	struct trigger_conf trigger;
	struct geo_conf geo;
	struct geo_seat *geo_seat; /* never NULL; cap/geo_gate.h has what it is asked */
};

struct capability {
	const char *name;
	bool governs; /* requests are admitted only after it has started; stands before the others */
	/*
	 * NULL: there is nothing to do so early. Between scl_new and scl_start, where endpoints are added:
	 * scl lives until detach, but has no threads yet, and requests may come before start and after
	 * stop. *state is the capability's own, NULL when it has nothing to do. On failure *why says in
	 * one line why and nothing else of it is called.
	 */
	enum rc (*attach)(struct scl *scl, const struct capability_conf *conf, void **state,
	                  char why[CAPABILITY_WHY_MAX]);
	/*
	 * scl has its threads, and lives until stop has returned. *state is what attach gave, else the
	 * capability's own, NULL when it has nothing to do. On failure *why says in one line why and
	 * stop is not called.
	 */
	enum rc (*start)(struct scl *scl, const struct capability_conf *conf, void **state,
	                 char why[CAPABILITY_WHY_MAX]);
	/* Ends in a bounded time, before the scl stops. state is what start gave, also NULL. */
	void (*stop)(void *state);
	/* With attach only: after scl_free. No request and no thread of the scl is left. */
	void (*detach)(void *state);
};

#endif
