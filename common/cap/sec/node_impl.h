/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the node's SEC capability share; nobody else includes this. Everything belongs
 * to the courier thread from start to stop, unless it says otherwise.
 */
#ifndef CAP_SEC_NODE_IMPL_H
#define CAP_SEC_NODE_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/log_pace.h"
#include "cap/gate.h"
#include "cap/sec/authorities.h"
#include "cap/sec/guard.h"
#include "cap/sec/issuer.h"
#include "cap/sec/kma.h"
#include "cap/sec/live.h"
#include "cap/sec/mid.h"
#include "cap/sec/node_keys.h"
#include "cap/sec/node_work.h"
#include "cap/sec/psk.h"
#include "cap/sec/psk_sources.h"
#include "cap/sec/sec.h"
#include "cap/sec/watchers.h"
#include "core/endpoint.h"
#include "sec/device_key.h"
#include "sec/reject.h"

#define NODE_ANSWER_MAX 65536u
#define NODE_TIMEOUT_MS 15000u
#define NODE_CONNECTORS_MAX 16u
#define NODE_NONCE_TEXT (2 * REJECT_NONCE_SIZE + 1)
#define NODE_RENEWALS (SEC_RENEW_ROOT + 1)

struct bootstrapper;
struct connector;
struct integrity;
struct mas_remote;

/* The credentials go out of the key store: what is newer than the root that was void stays. */
struct erasing {
	struct node_job job; /* first */
	struct node_keys *keys;
	struct node_id node;
	uint32_t kmr_index;
	struct log *log;
};

/* Refusals that a node is shown (node_rejects.c). */
enum node_reject { NODE_REJECT_VERIFIED, NODE_REJECT_INVALID, NODE_REJECT_UNSIGNED, NODE_REJECTS };

struct sec {
	struct sec_conf settings;
	const struct sec_conf *conf; /* settings */
	struct scl *scl; /* from attach on */
	struct node_work *work;
	_Atomic bool stopping; /* any thread */

	struct ppid ppid; /* n 0: there is none */
	struct device_key *device; /* NULL: there is none */
	struct credential *factory; /* for the MSBF; NULL: no MSBF is configured */
	bool has_reject; /* the configuration pins the key for signed rejects */
	struct sign_public reject;

	/*
	 * Of root, kmr, connectors and what identifies their connections: what only the courier thread
	 * changes, holding this, so that it reads them without, and other threads with it.
	 */
	pthread_mutex_t shared;
	struct node_keys *keys; /* NULL: nothing is kept */
	struct node_root root;
	struct key *kmr; /* secret memory, zero without a root */
	/* There never was a credential, and there is none to come: NSCLs are spoken to without. */
	bool open;

	struct live *live; /* any thread */
	struct mid *mid; /* any thread */
	struct issuers *issuers; /* any thread */
	struct sec_guard *guard; /* any thread */
	struct psk_front *psk; /* any thread */
	struct kma *kma;
	struct config_gate *config; /* NULL: no key of configuration is pinned */
	struct endpoint config_endpoint; /* its counters */
	_Atomic uint64_t rejects[NODE_REJECTS];
	struct log_pace rejecting; /* what anybody can forge */
	char *rejects_path;
	struct endpoint rejects_endpoint;
	char *config_path;

	struct sec_access access; /* what other capabilities may ask */
	struct psk_sources sources;
	struct watchers watchers; /* any thread */
	struct authorities *authorities;
	struct scl_task renew[NODE_RENEWALS];
	struct mas_remote *remote; /* NULL: no MAS is asked */
	struct mas mas; /* remote */
	struct mas_watcher mas_watcher;

	struct bootstrapper *boot; /* NULL: no MSBF is configured */
	struct integrity *integrity; /* NULL: it is not reported */
	struct connector *connectors[NODE_CONNECTORS_MAX];
	unsigned n_connectors;

	struct gate gate;
	const struct gate_listener *listener; /* NULL: nobody waits */
	const char *nscls[NODE_NSCLS_MAX + 1]; /* views of root */
	struct scl_task begin;
	struct erasing erase;
};

/* ---- node.c ---- */

static inline bool
node_stopping(const struct sec *n)
{
	return atomic_load(&n->stopping);
}

static inline bool
node_has_root(const struct sec *n)
{
	return n->root.kmr_index != 0;
}

static inline int64_t
node_now(const struct sec *n)
{
	return clock_now(n->conf->clock);
}

/* A new root was made durable; root and kmr are copied. Whoever waits for one goes on. */
void node_take_root(struct sec *n, const struct node_root *root, const struct key *kmr);
/* The provider has said, signed, that the credentials are void: they are erased. */
void node_erase(struct sec *n);
/* The key that signed rejects are checked with; NULL: none is pinned. */
const struct sign_public *node_reject_key(const struct sec *n);
/*
 * A signed verdict in the answer of ex, to that nonce and for this node, that may be acted on: false
 * when there is none.
 */
bool node_read_reject(struct sec *n, const struct exchange *ex,
                      const uint8_t nonce[REJECT_NONCE_SIZE], struct reject *out);
/* The same for the octets of one. */
bool node_check_reject(struct sec *n, struct slice octets, const uint8_t nonce[REJECT_NONCE_SIZE],
                       struct reject *out);
/* {sclBase}/rejects: what was counted. */
enum rc node_rejects_open(struct sec *n);
/* True for a verdict that makes the credentials void. */
bool node_is_void(const struct reject *r);
/* A fresh nonce and its text; false when there is no randomness. */
bool node_nonce(uint8_t nonce[REJECT_NONCE_SIZE], char text[NODE_NONCE_TEXT]);
/*
 * For exchange.connected, where the answer has a key: a buffer that grew would leave copies of it
 * behind. False: no memory.
 */
bool node_answer_room(struct exchange *ex);
/* Frees the buffers of an exchange that was sent, what was secret in them wiped. */
void node_exchange_end(struct exchange *ex);

/*
 * Wait after so many failures in a row (at least 1): first, doubled with each, at most max, and up
 * to a quarter more by chance; not less than the seconds of Retry-After, as far as max allows.
 */
int64_t node_backoff(int64_t first, int64_t max, unsigned failures, struct slice retry_after);

/* ---- node_config.c ---- */

/* The gate, when a key is pinned; before scl_start. Waits for the disk. */
enum rc node_config_open(struct sec *n, char why[SEC_WHY_MAX]);

#endif
