/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of a device in multiparty authentication share; nobody else includes this.
 *
 * One thread does all of it, step by step, and waits for the disk and for answers; the courier sends
 * for it. So the state below is that thread's but where it says otherwise.
 */
#ifndef CAP_MPA_DEVICE_OWN_H
#define CAP_MPA_DEVICE_OWN_H

#include <pthread.h>
#include <stdatomic.h>

#include "cap/capability.h"
#include "cap/mpa/mpa_book.h"
#include "core/endpoint.h"
#include "core/neighbour.h"
#include "core/scl.h"
#include "mpa/decision.h"
#include "mpa/device.h"
#include "sec/node_id.h"

#define MPAD_URI_MAX 1023u
#define MPAD_DOC_MAX                                                                               \
	131072u /* octets of an answer: the NSCL's with MPAD_REVOKED_MAX warrants, an errorInfo */
#define MPAD_REVOKED_MAX 1024u /* warrants of access points; a list with more is refused */
#define MPAD_TAG_MAX 127u
#define MPAD_NO_ANSWER 0 /* in the place of a status */

/* Where it is with the gateway; also what the status says. */
enum mpad_phase {
	MPAD_NO_CONNECTION, /* with an NSCL, which has the warrants */
	MPAD_NO_CREDENTIALS,
	MPAD_PROVES, /* a run is under way, or will be tried again */
	MPAD_WAITS, /* for the decision of the server, which mpa.require_decision asks for */
	MPAD_STANDS,
	MPAD_REFUSED_BY_SERVER,
	MPAD_PHASES
};

enum mpad_verdict { MPAD_PENDING, MPAD_FOR, MPAD_AGAINST, MPAD_NONE, MPAD_VERDICTS };

enum mpad_counter {
#define MPA_DEVICE_COUNTER(name, text) MPAD_N_##name,
#include "cap/mpa/mpa_device_counters.def"
#undef MPA_DEVICE_COUNTER
	MPAD_COUNTERS
};

/* What the NSCL has issued; all of it was checked when it was taken. */
struct mpad_credentials {
	struct node_id node; /* whose */
	struct buf from_cn, from_s; /* octets of W1 || W3, W2 || W4; empty: there are none */
	uint64_t not_after; /* seconds since 1970: the earliest end */
	struct mpa_serial revoked[MPAD_REVOKED_MAX];
	size_t n_revoked;
};

/* A request under construction. */
struct mpad_request {
	char url[MPAD_URI_MAX + 1];
	const char *method; /* constant */
	const char *type; /* of the body, constant, or NULL */
	const char *if_none_match; /* or NULL */
	bool bare; /* as exchange.bare */
	bool issuer; /* requestingEntity is this SCL */
	struct buf body;
};

/* What the courier does for the thread: its own until over. */
struct mpad_ask {
	struct scl_task task;
	void (*run)(struct mpad_ask *a); /* on the courier thread */
	bool over; /* guarded by the lock of the whole */
	struct mpad_request rq;
	struct exchange ex;
	struct credential *credential; /* to be set, or NULL */
	enum rc rc; /* of that */
};

/* What is told of it, guarded by the lock. */
struct mpad_view {
	enum mpad_phase phase;
	enum mpad_verdict verdict;
	struct node_id node;
	uint64_t credentials_until; /* seconds since 1970, 0: there are none */
	bool session;
	char gateway[MPA_ID_MAX + 1]; /* the access point's name */
	struct mpa_th th;
	uint64_t since, until, decided_at; /* seconds since 1970 */
	size_t octets; /* of A3 */
	const char *why; /* constant: what failed last, or NULL */
};

struct mpad {
	struct scl *scl;
	struct log *log;
	const struct capability_conf *cap;
	const struct mpa_conf *conf;
	const struct sec_access *sec;
	const struct gate *gate; /* from start on */
	const struct clock *clock;
	struct mpa_book book;
	struct sign_public network, server; /* pinned */
	struct endpoint endpoint;
	char *path;
	pthread_t thread;
	bool started;

	struct mpad_request request;
	struct mpad_ask ask;
	bool lost; /* it was to stop: the courier may still have ask */
	struct node_id node; /* of the step */
	char nscl[MPAD_URI_MAX + 1]; /* with which there is a service connection; "" = none */
	struct mpad_credentials credentials;
	bool registered; /* the key, at that NSCL */
	char etag[MPAD_TAG_MAX + 1]; /* of the last answer about credentials, "" = none */
	struct mpa_serial incoming[MPAD_REVOKED_MAX]; /* while a list is read */
	bool known; /* the gateway has seen the chains */
	unsigned failures; /* in a row */
	struct mpa_session *session, *next; /* secret memory; n_links 0: none */
	struct mpad_view view; /* the thread alone writes it, with the lock */
	int64_t fetch_at, renew_at, look_at; /* monotonic */
	bool in_use; /* exchanges with the gateway go under the session */

	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool stopping; /* guarded by lock */

	atomic_uint_fast64_t counters[MPAD_COUNTERS]; /* any thread */
	atomic_uint_fast64_t causes[MPA_CAUSES]; /* of what was refused to a peer */
};

/* ---- mpa_device.c ---- */

void mpad_count(struct mpad *d, enum mpad_counter which, uint64_t n);
/* Something of a peer was refused here: counted, and logged. */
void mpad_refused(struct mpad *d, const char *what, enum mpa_cause cause);
/* Where it is now; why: constant, or NULL. Logged when it changes. */
void mpad_phase(struct mpad *d, enum mpad_phase phase, const char *why);
const char *mpad_phase_name(enum mpad_phase phase);
const char *mpad_verdict_name(enum mpad_verdict verdict);
int64_t mpad_now(const struct mpad *d); /* seconds since 1970 */
/* What mpa_chain_check and mpa_device ask for. */
struct mpa_revocations mpad_revocations(struct mpad *d);

/* ---- mpa_device_step.c ---- */

/* Does what is due; when the next is, monotonic. */
int64_t mpad_step(struct mpad *d);

/* ---- mpa_device_ask.c: what the courier does; each returns when it is done, or it is to stop ---- */

/* Finds an NSCL with a service connection: d->nscl. */
void mpad_find_nscl(struct mpad *d);
/* Makes d->request empty but for method and base || tail as URL; the body is the caller's to fill. */
struct buf *mpad_begin(struct mpad *d, const char *method, const char *base, const char *tail);
/* Sends it. The status, or MPAD_NO_ANSWER; what came is there until the next one. */
int mpad_send(struct mpad *d);
struct slice mpad_answer(const struct mpad *d); /* its body */
struct slice mpad_answer_tag(const struct mpad *d); /* its ETag */
/* Why there was none, for the log; whether TLS has failed. */
const char *mpad_failure(const struct mpad *d);
bool mpad_tls_failed(const struct mpad *d);
/* Exchanges with the gateway go under that session from now on; NULL: under none. */
enum rc mpad_use(struct mpad *d, const struct mpa_session *s);
/* False: it is to stop. Waits until then, monotonic. */
bool mpad_sleep(struct mpad *d, int64_t until);
bool mpad_stopping(struct mpad *d);
void mpad_ask_init(struct mpad *d);
void mpad_ask_free(struct mpad *d);

/* ---- mpa_device_store.c ---- */

/* What was kept for that node, checked as if it had come now; RC_NOT_FOUND. */
enum rc mpad_load(struct mpad *d, const struct node_id *node);
/* Durable with RC_OK. */
enum rc mpad_store(struct mpad *d);
void mpad_credentials_clear(struct mpad_credentials *c);

/* ---- mpa_device_credentials.c ---- */

/* As the NSCL or the book has them, for that node. */
struct mpad_offer {
	const struct node_id *node;
	struct slice from_cn, from_s;
};

/* Whether both chains hold, from the pinned keys to this device. */
enum rc mpad_check(struct mpad *d, const struct mpad_offer *offer, uint64_t *not_after,
                   enum mpa_cause *why);
/* Registers the key and asks for the credentials. RC_OK: they are there and new. */
enum rc mpad_fetch(struct mpad *d);

/* ---- mpa_device_run.c ---- */

/* One run with the gateway. RC_OK: d->session is new. */
enum rc mpad_prove(struct mpad *d);
/*
 * Asks the gateway for the server's decision, under the session when that is in use, which shows
 * whether the gateway still has it: RC_OK; RC_UNAVAILABLE: later; RC_DENIED: the session is over.
 */
enum rc mpad_look(struct mpad *d);
void mpad_session_end(struct mpad *d);

/* ---- mpa_device_rest.c ---- */

/* Adds GET {sclBase}/mpa. */
enum rc mpad_rest_open(struct mpad *d);

#endif
