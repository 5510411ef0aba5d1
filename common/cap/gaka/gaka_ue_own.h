/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the device share; nobody else includes this. */
#ifndef CAP_GAKA_UE_OWN_H
#define CAP_GAKA_UE_OWN_H

#include <pthread.h>
#include <stdatomic.h>

#include "cap/capability.h"
#include "cap/sec_access.h"
#include "core/endpoint.h"
#include "core/neighbour.h"
#include "core/port.h"
#include "core/scl.h"
#include "gaka/ue.h"
#include "mas/mas.h"
#include "store/tables.h"

#define UE_URL_MAX 1280u
#define UE_PRINT_BYTES 16u /* of the fingerprint of a root key */
#define UE_REASON_MAX 64u

enum ue_counter {
#define UE_COUNTER(id, name) UE_N_##id,
#include "cap/gaka/gaka_ue_counters.def"
#undef UE_COUNTER
	UE_COUNTERS
};

/* ---- what is kept ---- */

/* Sealed, under a fingerprint of KA: another root begins with nothing. The worker's. */
struct ue_book {
	struct tables tables;
	bool open; /* false: nothing outlives the process */
	struct key *seal; /* secret memory */
	uint8_t print[UE_PRINT_BYTES]; /* of the root that it is used for */
};

/* RC_OK also where nothing is kept; otherwise a line in why. Waits for the disk, as all of these. */
enum rc ue_book_open(struct ue_book *b, const struct capability_conf *conf,
                     char why[CAPABILITY_WHY_MAX]);
void ue_book_close(struct ue_book *b);
/* From then on it is about the root key of that KA. */
enum rc ue_book_root(struct ue_book *b, const struct key *ka);
/* Appends the state of the device; of a new root nothing. Anything but RC_OK: it is lost. */
enum rc ue_book_state(struct ue_book *b, struct buf *to);
/* Durable when it returns RC_OK. */
enum rc ue_book_keep(struct ue_book *b, struct slice state);
/* The keys of its groups; none of a new root. */
enum rc ue_book_groups(struct ue_book *b, struct mas_group_keys *k);
enum rc ue_book_keep_groups(struct ue_book *b, const struct mas_group_keys *k);

/* ---- the device ---- */

/* Secret memory. */
struct ue_secrets {
	struct gaka_ue device;
	struct gaka_try attempt;
	struct mas_group_keys groups; /* n and all alone */
	struct mas_group_keys fetched; /* of a job */
};

/* What waits for the disk: one at a time; nothing of the secrets is the courier's meanwhile. */
enum ue_job_kind {
	UE_JOB_ROOT, /* another root key: node */
	UE_JOB_GROUPS, /* fetched becomes groups */
	UE_JOB_CHALLENGE /* message: T4 or T7; answer */
};

struct ue_job {
	enum ue_job_kind kind;
	struct node_id node;
	uint8_t message[GAKA_DEVICE_MAX];
	size_t n;
	uint8_t answer[GAKA_SHORT_SIZE];
	enum rc rc;
};

enum ue_state { UE_OFF, UE_NO_GROUP, UE_ATTACHING, UE_ATTACHED };

/* For the status. */
struct ue_view {
	enum ue_state state;
	struct gaka_gid gid;
	bool leader;
	int64_t since, expires; /* microseconds since 1970 */
	unsigned failures;
	char reason[UE_REASON_MAX];
	unsigned n_groups;
	struct {
		uint64_t gid;
		uint32_t epoch;
	} groups[MAS_NODE_GROUPS_MAX];
};

struct ue {
	struct scl *scl;
	struct log *log;
	const struct capability_conf *cap;
	const struct gaka_conf *conf;
	const struct sec_access *sec;
	const struct clock *clock;
	struct endpoint endpoint;
	char path[UE_URL_MAX];
	atomic_bool running;

	/* The courier's. */
	struct scl_task look;
	bool busy; /* an exchange or a job is under way; its end looks again */
	bool has_root;
	struct node_id node;
	uint32_t kmr_index;
	struct exchange ex;
	char url[UE_URL_MAX];
	uint8_t out[GAKA_T1_SIZE];
	struct credential *anchors; /* to attach by */
	unsigned turn; /* of the groups */
	bool resynchronised; /* in this attempt */
	unsigned cuts; /* handshakes in a row that ended without a word */
	int64_t root_at, keys_at, attach_at, check_at; /* monotonic; CLOCK_NEVER */
	unsigned keys_failures, failures;
	uint64_t keys_mark; /* of what the log says of them */

	/* The job and its thread. */
	struct ue_secrets *secrets;
	struct ue_book book;
	struct ue_job job;
	struct scl_task job_done;
	pthread_t thread;
	bool started;
	pthread_mutex_t lock; /* guards the rest */
	pthread_cond_t changed;
	bool stopping, job_waits;
	struct ue_view view;

	atomic_uint_fast64_t counts[UE_COUNTERS];
};

/* ---- gaka_ue.c: what is next ---- */

/* Whatever was under way is over. Courier thread. */
void ue_over(struct ue *u);
/* Time until the next try after so many failures, a part of it random. */
int64_t ue_backoff(const struct ue *u, unsigned failures);
void ue_count(struct ue *u, enum ue_counter which);
/* Sends u->ex to url with a body of octets (n 0: a GET that accepts the type). */
void ue_send(struct ue *u, const char *accept, struct slice body, void (*done)(struct exchange *));
/* Before anything of what the exchange answered is looked at. False: all is stopped. */
bool ue_answered(struct ue *u);

/* ---- gaka_ue_worker.c ---- */

enum rc ue_worker_start(struct ue *u);
void ue_worker_stop(struct ue *u);
/* u->job is carried out; ue_job_over is called on the courier thread. */
void ue_worker_submit(struct ue *u, enum ue_job_kind kind);
/* gaka_ue.c */
void ue_job_over(struct ue *u);

/* ---- gaka_ue_keys.c ---- */

/* Asks an NSCL for the keys of the groups. False: no service connection stands. */
bool ue_keys_fetch(struct ue *u);
/* They are stored, or were not. */
void ue_keys_kept(struct ue *u, enum rc rc);

/* ---- gaka_ue_attach.c ---- */

/* Groups that it may attach in; 0: none that is known. */
unsigned ue_candidates(const struct ue *u);
void ue_attach(struct ue *u);
/* The challenge is answered, or was not. */
void ue_challenged(struct ue *u);
/* Looks whether the gateway still knows the key. */
void ue_check(struct ue *u);
/* There is no key any more. */
void ue_detached(struct ue *u, enum ue_state state);

/* ---- gaka_ue_status.c ---- */

enum rc ue_status_open(struct ue *u);
/* The view has the groups of now. Courier thread. */
void ue_view_groups(struct ue *u);
void ue_view_state(struct ue *u, enum ue_state state);
void ue_view_reason(struct ue *u, const char *reason);

#endif
