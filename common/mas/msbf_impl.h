/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the MSBF. Private to common/mas. */
#ifndef MAS_MSBF_IMPL_H
#define MAS_MSBF_IMPL_H

#include "core/endpoint.h"
#include "core/peer.h"
#include "mas/mas_keys.h"
#include "mas/msbf_admin.h"
#include "mas/msbf_ocsp.h"
#include "mas/msbf_rate.h"
#include "sec/failures.h"
#include "store/pack.h"

#include <pthread.h>
#include <stdatomic.h>

#define MSBF_ENDPOINTS 3u
#define MSBF_PATH_MAX 256u
#define MSBF_BOOT_RATE 20u /* requests of one source in a second that has proved nothing yet */
#define MSBF_STATUS_RATE 10u

struct boot;

struct msbf {
	struct msbf_conf conf; /* without the strings that only open reads */
	/* msbf_set_limits; any thread, the members of conf are those of the start. */
	_Atomic int64_t kmr_lifetime, audit_keep;
	_Atomic uint64_t ival_required;
	char sp_id[REJECT_SP_ID_MAX + 1], msbf_id[REJECT_SP_ID_MAX + 1];
	struct tables store;
	struct tables_work *work;
	struct mas_counters *counters;
	struct failures *failures;
	struct msbf_rate *boot_rate, *status_rate;
	struct sign_key *sign_key, *reject_key; /* NULL: none */
	struct msbf_ocsp *ocsp; /* NULL: no responder is asked */
	char *info; /* the body; NULL: none */
	struct key *seal, *next_seal; /* the worker's, in secret memory; next_seal zero: none */
	bool changing; /* the worker's: the head may have the next seal, the commit is open */
	unsigned devices; /* the worker's */

	struct endpoint endpoints[MSBF_ENDPOINTS];
	char paths[MSBF_ENDPOINTS][MSBF_PATH_MAX];

	pthread_mutex_t lock; /* guards the following */
	pthread_cond_t idle; /* under_way has become 0 */
	struct boot *running; /* one per PPID */
	unsigned under_way; /* requests and calls that are with the worker or the MAS */
	bool stopping;
};

/* Counts something that is to end before msbf_stop returns. False: it is not to begin. */
bool msbf_enter(struct msbf *m, unsigned max);
void msbf_leave(struct msbf *m);

/* For the audit: its reason, or what the code says. */
const char *msbf_result(const struct mas_outcome *o);

/* Submits the job of an administrative call; refused: calls done with RC_UNAVAILABLE. */
void msbf_submit(struct msbf *m, struct tables_job *j,
                 enum rc (*run)(struct tables_job *j, struct tables_tx *tx),
                 void (*stored)(struct tables_job *j),
                 void (*done)(struct tables_job *j, enum rc rc));

/* The key that the head of the audit has as it is now. */
const struct key *msbf_seal(const struct msbf *m, struct tables_tx *tx);

/* The audit record of something about a device; result NULL = "ok". */
struct msbf_trace {
	const char *actor, *action, *result;
	struct slice source;
	uint32_t kmr_index; /* 0 = none */
};
enum rc msbf_trace(struct msbf *m, struct tables_tx *tx, const struct msbf_trace *t,
                   const uint8_t hash[PPID_HASH], const struct node_id *node);

/* A verdict for X-M2M-Reject; false: the answer has none. Any thread. */
bool msbf_reject(struct msbf *m, const struct reject *r, uint8_t out[REJECT_MAX], size_t *n);

/* ---- msbf_device.c: who may bootstrap ---- */

struct msbf_claim {
	const struct ppid *ppid;
	const uint8_t *hash;
	const uint8_t *fingerprint; /* of the key that it has proved; NULL: another proof */
	bool create; /* the device may come into being */
};

/* What is answered, and what is true. */
struct msbf_refusal {
	enum rc rc; /* RC_OK: none */
	const char *reason; /* token for the answer; constant, as the next */
	const char *truth; /* for the audit */
};

/*
 * The device of a claim that was authenticated: *d, and created when it is new. What the claim says
 * about other devices is stored. RC_OK with a refusal, or with none.
 */
enum rc msbf_device_admit(struct msbf *m, struct tables_tx *tx, const struct msbf_claim *c,
                          struct msbf_device *d, bool *created, struct msbf_refusal *refusal);
/* The device bootstraps although another one claims to have replaced it: that one is refused. */
enum rc msbf_device_alive(struct msbf *m, struct tables_tx *tx, struct msbf_device *d);
/* Owners of the unique addresses of ppid beside self; at most max of them, *n. */
enum rc msbf_owners(struct tables_tx *tx, const struct ppid *ppid, const uint8_t self[PPID_HASH],
                    uint8_t (*out)[PPID_HASH], size_t max, size_t *n);
/* The record says that somebody else has claimed one of its addresses. */
enum rc msbf_alarm(struct msbf *m, struct tables_tx *tx, const uint8_t hash[PPID_HASH],
                   const char *reason);
void msbf_device_new(struct msbf *m, const struct ppid *ppid, const uint8_t hash[PPID_HASH],
                     enum msbf_state state, enum msbf_by by, struct msbf_device *d);

/* ---- endpoints ---- */

enum rc msbf_serve_boot(void *arg, struct req *rq, const struct req_input *in);
enum rc msbf_serve_info(void *arg, struct req *rq, const struct req_input *in);
enum rc msbf_serve_status(void *arg, struct req *rq, const struct req_input *in);
/* RC_UNAVAILABLE OVERLOAD with Retry-After. */
enum rc msbf_refuse_load(struct req *rq, unsigned retry_after);
/* X-M2M-Reject of an answer to a request with a nonce: about nobody, transient. */
void msbf_sign_refusal(struct msbf *m, struct req *rq, const uint8_t nonce[REJECT_NONCE_SIZE],
                       enum reject_cause cause, unsigned retry_after);
/* RC_OK and m->info, from the files of conf. */
enum rc msbf_info_make(struct msbf *m, const struct msbf_conf *conf, char why[256]);

#endif
