/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of sd_gateway.h. Private to common/cap/sd/sd_gateway*.c. */
#ifndef CAP_SD_SD_GATEWAY_IMPL_H
#define CAP_SD_SD_GATEWAY_IMPL_H

#include "cap/pool.h"
#include "cap/sd/sd_budget.h"
#include "cap/sd/sd_gateway.h"
#include "cap/nscl_url.h"
#include "cap/sec_access.h"
#include "core/endpoint.h"
#include "core/keyed.h"
#include "core/scl.h"
#include "sd/costs.h"
#include "sd/verify.h"
#include "store/tables_work.h"

#include <pthread.h>
#include <stdatomic.h>

#define GW_PATH_MAX 256
#define GW_JSON "application/json"
#define GW_TAKES_MAX 256u /* bundles of devices under way */
#define GW_FETCHES 8u /* questions for keys under way */
#define GW_DEVICES_MAX 65536u /* that have sent something */
#define GW_STRANGERS_MAX 4096u /* and names that have proved nothing */
#define GW_TAG_MAX 71u /* of an entity tag */
#define GW_PROOF_MAX IBAS_SIZE /* octets of a single signature */
#define GW_UNKNOWN_TIME                                                                            \
	(10 * CLOCK_SECOND) /* that a device stays without the key that it had not */
#define GW_EXCLUDED_TIME (3600 * CLOCK_SECOND)
#define GW_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

enum gw_count {
#define GW_COUNTER(name, text) GW_COUNT_##name,
#include "cap/sd/sd_gateway_counters.def"
#undef GW_COUNTER
	GW_COUNTS
};

struct gw;
struct gw_take;

/* A device whose readings come here; guarded by gw.lock. */
struct gw_device {
	struct keyed entry;
	struct node_id id;
	unsigned uses; /* takes and readings that point here: it stays */
	bool proved; /* a reading of it was taken: it is in gw.devices, else in gw.strangers */

	/* What the network has said of it. */
	int64_t asked; /* monotonic; 0: never */
	bool known; /* it is registered there */
	bool has_ed25519, has_bls;
	struct sign_public ed25519;
	uint8_t bls_octets[SD_BLS_PUBLIC_SIZE];
	bool bls_read; /* a signature was looked at with it: bls is the point of these octets */
	struct sd_bls_public bls;
	char tag[GW_TAG_MAX + 1];

	/* Who waits for that. */
	bool asking;
	struct gw_take *waiters;
	struct gw_device *next; /* to be asked about */

	/* What it has sent. */
	bool storing; /* a bundle of it */
	uint64_t seq; /* of the last reading that is durable */
	uint8_t round[SD_ROUND_SIZE]; /* that it has signed in */
	int64_t excluded; /* monotonic, until when its readings go alone; 0: they do not */
	uint64_t skipped; /* number of the pick in which one of its readings was left */
	uint64_t picked, picked_seq; /* of that in which one was taken last, and which */
};

/* A bundle that a device has sent, until it is answered. */
struct gw_take {
	struct gw *gw;
	struct req *rq;
	struct gw_take *next; /* of those that wait for keys */
	struct gw_device *device;
	struct sd_bundle bundle;
	struct sd_reading *readings; /* n, as the two that follow */
	enum sd_verdict *verdicts;
	struct gw_reading **kept; /* NULL: not this one */
	enum rc rc; /* why all of it is refused */
	bool again; /* the network was asked anew, as the key did not fit */
	uint64_t cost; /* that was taken for it from the budget of its address */
	struct slice source; /* the address, which lives as long as rq */
	struct pool_job job;
	struct tables_job store;
};

/* A reading that the network has not answered. */
struct gw_reading {
	struct gw_reading *next;
	uint64_t no; /* in the book; grows */
	struct gw_device *device;
	enum sd_alg alg; /* that it was signed with: SD_ED25519, SD_BLS_SINGLE, SD_IDENTITY */
	uint8_t flags; /* of its bundle */
	bool alone; /* an aggregate with it was wrong */
	bool answered; /* it leaves */
	bool accepted; /* and its signature is kept for a while */
	int64_t since; /* monotonic */
	uint64_t seq, millis;
	uint8_t round[SD_ROUND_SIZE];
	uint8_t proof[GW_PROOF_MAX];
	size_t n;
	char payload[];
};

/* What the network takes. */
struct gw_terms {
	bool known;
	unsigned algs; /* SD_ALG_BIT */
	struct sd_costs costs;
	bool has_generator;
	uint8_t generator_octets[IBAS_PUBLIC_SIZE];
	struct ibas_public generator; /* the same, as a point */
};

/* A question to the network about something small; courier thread. */
struct gw_fetch {
	struct gw *gw;
	struct gw_device *device; /* NULL: it is about terms, or free */
	bool busy;
	char url[NSCL_URL_MAX], tag[GW_TAG_MAX + 3];
	struct exchange ex;
};

/* The bundle on its way; the courier's, but for those of its members that are given to a thread. */
struct gw_flight {
	bool busy;
	struct gw_reading **readings; /* SD_READINGS_MAX places */
	size_t n;
	struct sd_bundle bundle;
	struct buf body;
	enum rc built;
	char url[NSCL_URL_MAX];
	struct exchange ex;
	struct pool_job job; /* builds */
	struct tables_job settle; /* the book's */
	enum rc settled;
	size_t n_kept; /* signatures that it keeps */
	struct scl_task built_task, settled_task;
	unsigned failures;
	int64_t not_before; /* monotonic */
	size_t limit; /* readings of a bundle; shrinks when the network asks for it */
};

struct gw {
	struct scl *scl;
	const struct sec_access *sec;
	const struct capability_conf *cap;
	const struct clock *clock;
	struct log *log;
	struct sd_conf conf;
	char data_path[GW_PATH_MAX], round_path[GW_PATH_MAX], state_path[GW_PATH_MAX];
	struct endpoint data, round_endpoint, state;
	struct sd_budget *budget;
	struct sd_costs costs; /* of this machine; from start on */
	struct pool *pool;
	atomic_uint_fast64_t counters[GW_COUNTS];

	struct tables store;
	struct tables_work *work;
	uint64_t next_no; /* guarded by lock */
	atomic_uint kept; /* records of signatures whose reading was accepted */
	unsigned swept; /* of them by a tick; the worker's */

	pthread_mutex_t lock; /* guards devices, and what follows up to the courier's */
	bool running;
	struct key seed; /* of places in the table */
	struct keyed_table devices, strangers;
	size_t hand, strangers_hand; /* where the next one to be forgotten is looked for */
	unsigned n_takes;
	unsigned pending; /* readings, also those that are being stored */
	struct gw_reading *first, **last;
	unsigned queued;
	uint64_t picks;
	int64_t held[SD_ALG_MAX + 1]; /* monotonic, until when bundles of that algorithm wait */
	struct gw_device *asked_first, **asked_last;
	struct gw_terms terms;
	int64_t terms_at; /* monotonic, when they were told */
	uint8_t round[2][SD_ROUND_SIZE]; /* now, and before */
	int64_t round_until; /* us since 1970 */
	size_t mean_payload; /* octets, of the last bundle */

	/* The courier's. */
	struct scl_task send_task, ask_task, terms_task;
	struct gw_flight flight;
	struct gw_fetch fetches[GW_FETCHES], terms_fetch;
	int64_t terms_delay; /* until they are asked for again, after the last failure */
	struct gw_terms terms_told; /* while terms_fetch is busy: of the answer, then of the job */
	struct pool_job terms_job; /* reads the generator of terms_told */
	struct scl_task terms_told_task;
};

/* ---- sd_gateway.c ---- */

void gw_count(struct gw *gw, enum gw_count which, uint64_t by);
/* Posts unless it is being stopped. Any thread. */
void gw_post(struct gw *gw, struct scl_task *task, int64_t delay);
/* Refuses rq as overloaded, with Retry-After. */
enum rc gw_overload(struct gw *gw, struct req *rq, unsigned retry_after);

/* ---- sd_gateway_book.c ---- */

/* Readings of an earlier run are then in the queue. As an attach. */
enum rc gw_book_open(struct gw *gw, char why[CAPABILITY_WHY_MAX]);
void gw_book_close(struct gw *gw);
/* One record; in a job. */
enum rc gw_book_put(struct tables_tx *tx, const struct gw_reading *r);
/* Whether the signature of r stays for sd.keep when r leaves: it was accepted, and there is room. */
bool gw_book_keeps(const struct gw *gw, const struct gw_reading *r);
/* What is answered leaves; in a job. */
enum rc gw_book_settle(struct gw *gw, struct tables_tx *tx, const struct gw_reading *r);
/* Octets of the signature of one reading. */
size_t gw_proof_size(enum sd_alg alg);

/* ---- sd_gateway_device.c: with gw.lock held ---- */

/* NULL: it is not there. */
struct gw_device *gw_device_find(const struct gw *gw, const struct node_id *id);
/*
 * The device, made when it is not there, with one use more: a stranger then, which displaces another
 * stranger alone when there are many. RC_UNAVAILABLE: there are too many.
 */
enum rc gw_device_enter(struct gw *gw, const struct node_id *id, struct gw_device **out);
/* A reading of d was taken: no stranger takes its place. */
void gw_device_prove(struct gw *gw, struct gw_device *d);
void gw_device_leave(struct gw_device *d);
/* Whether a reading with that number is taken of it. */
bool gw_is_new(const struct gw *gw, const struct gw_device *d, uint64_t seq);
/*
 * Whether an identity-based signature of it in that round is: rounds grow, and a second one in a round
 * gives its key away.
 */
bool gw_is_new_round(const struct gw *gw, const struct gw_device *d,
                     const uint8_t round[SD_ROUND_SIZE]);
void gw_devices_free(struct gw *gw);

/* ---- sd_gateway_keys.c ---- */

/* Goes on with gw_take_go as soon as it is known what the network says of its device. Any thread. */
void gw_keys_want(struct gw_take *t);
/*
 * The point of the BLS key in copy, which was taken of d, for copy and, when d has that key still, for
 * d. RC_NOT_FOUND: there is no key, or none that is one. Takes a millisecond; without gw.lock; pool.
 */
enum rc gw_keys_read(struct gw *gw, struct gw_device *d, struct gw_device *copy);
void gw_keys_init(struct gw *gw);
/* Ends what waits. */
void gw_keys_stop(struct gw *gw);

/* ---- sd_gateway_terms.c ---- */

void gw_terms_init(struct gw *gw);
/* Asks the network for its terms, soon, unless it has told them just now. Any thread. */
void gw_terms_again(struct gw *gw);
/* SD_ALG_BIT of those that this gateway and the network take. Any thread. */
unsigned gw_algs(struct gw *gw);
enum rc gw_terms_answer(struct gw *gw, struct req *rq);
enum rc gw_round_serve(void *arg, struct req *rq, const struct req_input *in);
/* Whether round is that of now or the one before; with gw.lock held. */
bool gw_round_stands(const struct gw *gw, const uint8_t round[SD_ROUND_SIZE]);

/* ---- sd_gateway_serve.c: what costs little, on the serving thread ---- */

enum rc gw_data_serve(void *arg, struct req *rq, const struct req_input *in);

/* ---- sd_gateway_take.c: a bundle of a device until it is durable ---- */

/* Goes on with what is known of the device now; rc: why nothing is. Ends t. Any thread. */
void gw_take_go(struct gw_take *t, enum rc rc);
/* Refuses all of it; what is said of which rc: there. Any thread. */
enum rc gw_take_refuse(struct gw_take *t, enum rc rc);
/* 202 with what was taken of it. */
enum rc gw_take_answer(struct gw_take *t);
void gw_take_free(struct gw_take *t);

/* ---- sd_gateway_queue.c: with gw.lock held ---- */

void gw_queue_add(struct gw *gw, struct gw_reading *r);
/*
 * The readings of the next bundle: those that one bundle can hold, of each device in their order.
 * 0: there are none, or they still wait for others, *delay us at most.
 */
size_t gw_queue_pick(struct gw *gw, struct gw_flight *f, int64_t now, int64_t *delay);
/* Takes out and frees what is answered. */
void gw_queue_sweep(struct gw *gw);
void gw_queue_free(struct gw *gw);

/* ---- sd_gateway_send.c: courier ---- */

void gw_send_init(struct gw *gw);
/* The bundle again after a while. */
void gw_send_later(struct gw *gw, int64_t at_least);
/* What the answer has marked as answered leaves the book, then the queue. */
void gw_send_settle(struct gw *gw);

/* ---- sd_gateway_answer.c: courier ---- */

/* What the network says of the bundle that was sent; ends in one of the two above. */
void gw_answered(struct gw *gw);

#endif
