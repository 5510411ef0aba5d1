/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of sd_device.h. Private to common/cap/sd/sd_device*.c. */
#ifndef CAP_SD_SD_DEVICE_IMPL_H
#define CAP_SD_SD_DEVICE_IMPL_H

#include "cap/sd/sd_device.h"
#include "cap/nscl_url.h"
#include "cap/sec_access.h"
#include "core/endpoint.h"
#include "core/scl.h"
#include "mas/mas.h"
#include "sd/bls.h"
#include "sd/ed25519.h"
#include "sd/ibas.h"
#include "store/tables_work.h"

#include <pthread.h>
#include <stdatomic.h>

#define DV_PATH_MAX 256
#define DV_JSON "application/json"
#define DV_BATCH 16u /* readings of a bundle */
#define DV_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* One that the gateway has not taken. */
struct dv_reading {
	struct dv_reading *next;
	uint64_t seq, millis;
	bool answered; /* it leaves */
	size_t n;
	char payload[];
};

/* In memory of its own, which is locked. */
struct dv_secrets {
	struct key seal; /* of the book */
	struct key seed; /* Ed25519 */
	struct key bls; /* the octets of a private key; zero: there is none */
	struct mas_identity identity; /* what the network has given, until a signer has it */
};

struct dv {
	struct scl *scl;
	const struct sec_access *sec;
	const struct capability_conf *cap;
	const struct clock *clock;
	struct log *log;
	struct sd_conf conf;
	char path[DV_PATH_MAX];
	struct endpoint endpoint;
	struct tables store;
	bool lasts; /* what is in it outlives the process */
	struct tables_work *work;
	struct dv_secrets *secrets;
	atomic_uint_fast64_t sent, rejected, retries;
	atomic_uint alg;
	atomic_bool registered; /* the keys, of that node */

	pthread_mutex_t lock; /* guards the next */
	bool running;
	bool ready; /* it is known where numbers go on */
	uint64_t next_seq;
	unsigned pending; /* also those that are being stored */
	struct dv_reading *first, **last;

	/* The courier's, but for what a job has. */
	struct scl_task task, job_task;
	bool busy;
	int64_t not_before; /* monotonic */
	unsigned failures;
	struct node_id node;
	bool has_keys; /* of that node */
	struct sign_key *sign;
	bool without_bls; /* the network has no pairing, or this build */
	int64_t asked; /* monotonic, when the gateway said the next two; 0: never */
	unsigned algs;
	enum sd_alg preferred;
	unsigned way; /* that the batch is signed with, of enum sd_alg; 0: there is none */
	struct ibas_signer *signer; /* of the identity below; NULL: there is none */
	char signer_id[IBAS_ID_SIZE + 1];
	uint8_t round[SD_ROUND_SIZE]; /* that the gateway has told */
	uint8_t spent[SD_ROUND_SIZE]; /* the last one that is signed in, as the book has it */
	int64_t identity_after; /* monotonic; until then readings are signed otherwise */
	bool identity_refused; /* the last one that was sent */
	size_t limit; /* readings of a bundle; shrinks when the gateway asks for it */
	struct dv_reading *batch[DV_BATCH];
	size_t n;
	struct buf body;
	char url[NSCL_URL_MAX];
	struct exchange ex;
	struct tables_job job;
	enum rc job_rc;
	void (*after)(struct dv *dv); /* the job, by job_rc */
};

/* ---- sd_device.c ---- */

void dv_post(struct dv *dv, struct scl_task *task, int64_t delay);

/* ---- sd_device_book.c ---- */

/* Readings of an earlier run are then in the queue. As an attach. */
enum rc dv_book_open(struct dv *dv, char why[CAPABILITY_WHY_MAX]);
void dv_book_close(struct dv *dv);
/* A reading and its number; in a job. */
enum rc dv_book_put(struct tables_tx *tx, const struct dv_reading *r);
enum rc dv_book_remove(struct tables_tx *tx, const struct dv_reading *r);
/* The keys of that node, made when there are none; in a job. */
enum rc dv_book_keys(struct dv *dv, struct tables_tx *tx);
/* The last round that this node has spent, in a job; RC_NOT_FOUND: none. */
enum rc dv_book_spent(const struct dv *dv, struct tables_tx *tx, uint8_t w[SD_ROUND_SIZE]);
enum rc dv_book_spend(const struct dv *dv, struct tables_tx *tx, const uint8_t w[SD_ROUND_SIZE]);

/* ---- sd_device_take.c: what applications report ---- */

enum rc dv_serve(void *arg, struct req *rq, const struct req_input *in);

/* ---- sd_device_run.c: the courier's steps ---- */

void dv_run_init(struct dv *dv);
/* What is due, in the order keys, registration, gateway, readings. */
void dv_next(struct dv *dv);
/* The same after a while; why: for the log, at the first of several failures. */
void dv_later(struct dv *dv, const char *step, const char *why);
/* Has the book's thread do run, then goes on with after. */
void dv_job(struct dv *dv, enum rc (*run)(struct tables_job *j, struct tables_tx *tx),
            void (*after)(struct dv *dv));
/*
 * Sends method to dv->url with dv->body when it has one, of that type, else NULL; done is the
 * exchange's.
 */
void dv_send(struct dv *dv, const char *method, const char *accept, const char *type,
             void (*done)(struct exchange *ex));
/* dv->url is where the gateway takes bundles, with rest behind it. False: that is too long. */
bool dv_gateway_url(struct dv *dv, const char *rest);
/* Frees the answer, and dv is not busy any more. */
void dv_sent(struct dv *dv);

/* ---- sd_device_register.c, sd_device_send.c ---- */

void dv_register(struct dv *dv);
/* The readings that wait first; there is one. */
void dv_forward(struct dv *dv);
/* The first of them in dv->round, which is spent. */
void dv_sign_identity(struct dv *dv);

/* ---- sd_device_identity.c ---- */

/* Begins what ends in dv_sign_identity or dv_next. False: readings are to be signed otherwise now. */
bool dv_identity(struct dv *dv, const struct dv_reading *first);
/* The key is not that of the generator of now, perhaps. */
void dv_identity_refused(struct dv *dv);

#endif
