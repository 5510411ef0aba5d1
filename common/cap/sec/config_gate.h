/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which configuration that others push a node takes: what its provider has signed (sec/config_doc.h)
 * for this node and this object, with a version above every one before, on a connection that is
 * proved (Lai et al., "Security Issues on Machine to Machine Communications"). The version is
 * durable before anything is written. All else is refused 403 CONFIG_REJECTED, logged and counted;
 * what the node had stays.
 */
#ifndef CAP_SEC_CONFIG_GATE_H
#define CAP_SEC_CONFIG_GATE_H

#include "base/log.h"
#include "cap/sec/sec.h"
#include "core/guard.h"
#include "sec/node_id.h"
#include "sec/secret.h"

#define CONFIG_OBJECTS_MAX 4096u /* whose version is remembered */

struct config_gate;

/* Why something was refused: index of the counters, in the order of their names. */
enum config_fault {
	CONFIG_UNSIGNED,
	CONFIG_FORGED, /* not by the pinned key */
	CONFIG_FOREIGN, /* for another node, or another object */
	CONFIG_STALE, /* its version is not above the last */
	CONFIG_CHANNEL, /* neither session B nor TLS */
	CONFIG_FULL, /* CONFIG_OBJECTS_MAX */
	CONFIG_NOT_KEPT, /* the store; 503 */
	CONFIG_FAULTS
};

/* "unsigned", "signature", "target", "version", "channel", "full", "store". */
const char *config_fault_name(enum config_fault fault);

/* Copied by config_gate_new; what it points to lives until free, except dir, why and seal. */
struct config_gate_conf {
	const char *key; /* PEM file: the provider's public key, Ed25519 */
	bool require; /* false: what is not signed is taken as it is, unless it was signed once */
	const char *scl_id, *sub_id; /* of this node; sub_id may be NULL */
	/* The node id that there is now; false: none. Any thread. */
	bool (*node)(void *arg, struct node_id *out);
	void *arg;
	struct log *log;
	const char *dir; /* of the versions; NULL: they do not outlive the process */
	const struct store_ops *engine; /* of the store there */
	const struct key *seal; /* what vouches for them; NULL with dir */
};

/* RC_OK, or a line in why. Waits for the disk. */
enum rc config_gate_new(const struct config_gate_conf *conf, struct config_gate **out,
                        char why[SEC_WHY_MAX]);
/* What is pending is answered; what comes afterwards is refused with 503. NULL is fine. */
void config_gate_stop(struct config_gate *g);
/* Nobody asks any more. NULL is fine. */
void config_gate_free(struct config_gate *g);

/* guard.configure. RC_PENDING unless it can be said at once. Any thread, never blocks. */
enum rc config_gate_judge(struct config_gate *g, const struct req_input *in,
                          const struct guard_config *config, struct guard_wait *w,
                          struct slice *reason);

/* What was taken, and what was refused, since the start. Any thread. */
uint64_t config_gate_accepted(const struct config_gate *g);
uint64_t config_gate_rejected(const struct config_gate *g, enum config_fault fault);

#endif
