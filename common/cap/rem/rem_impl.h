/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of remote entity management share; nobody else includes this. Everything lives on
 * the courier thread, except what a work of the worker reads and writes while it runs.
 */
#ifndef CAP_REM_REM_IMPL_H
#define CAP_REM_REM_IMPL_H

#include "cap/capability.h"
#include "cap/rem/rem_host.h"
#include "cap/rem/rem_log.h"
#include "cap/rem/rem_package.h"
#include "cap/rem/rem_sign.h"
#include "cap/rem/rem_worker.h"
#include "core/mgmt.h"

#include <pthread.h>

enum rem_kind { REM_FIRMWARE, REM_SOFTWARE, REM_KINDS };

/* Packages of one kind that are told of. */
#define REM_SHOWN 64
#define REM_URL_MAX 1024

/* What was seen at the last look. */
struct rem_facts {
	struct rem_device device;
	bool has_memory, has_batteries;
	struct rem_memory memory;
	struct rem_batteries batteries;
	struct rem_record installed[REM_KINDS];
	struct rem_package_file files[REM_KINDS][REM_SHOWN];
	unsigned nfiles[REM_KINDS];
};

struct rem;
struct rem_job;
struct rem_push;
struct rem_mid;

struct rem {
	struct scl *scl;
	struct capability_conf conf;
	struct rem_worker *worker;
	struct rem_packages *packages[REM_KINDS]; /* NULL: none of that kind */
	struct rem_log *period;
	struct mgmt_adaptor self; /* this device */
	struct rem_job *jobs; /* under way */
	struct rem_objects *objects;
	struct rem_push *push; /* NULL: this SCL registers with nobody */
	struct rem_mid *mid; /* NULL: nobody registers here */
	struct scl_task begin, tick, leave;
	unsigned outstanding; /* calls, works and jobs that will come back */
	bool leaving;

	pthread_mutex_t lock; /* of what follows: the stopping thread waits */
	pthread_cond_t changed;
	bool left, stopped, abandoned;
	bool governed; /* whether it is known who manages; governed_rc: how that ended */
	enum rc governed_rc;
};

/* ---- rem.c ---- */

/* Something will come back; it has. The second may free rem: nothing of it is used afterwards. */
void rem_hold(struct rem *r);
void rem_release(struct rem *r);
/* The accessRight of those who manage is stored, or could not be. The first time counts. */
void rem_governed(struct rem *r, enum rc rc);
/* True for a daemon with packages of that kind. */
bool rem_has_packages(const struct rem *r, enum rem_kind kind);

/* ---- rem_objects.c: the own management objects ---- */

struct rem_objects *rem_objects_new(struct rem *r);
void rem_objects_free(struct rem_objects *o);
/* Stores who may manage, before there is anything to manage. Once, first of all. */
void rem_objects_govern(struct rem_objects *o);
/* Looks at the device on the worker, then makes the objects tell what was seen. */
void rem_objects_look(struct rem_objects *o);
/* Makes them so again: somebody has changed one. */
void rem_objects_sync(struct rem_objects *o);
/* The log of a period becomes logData; text is taken over. */
void rem_objects_set_log(struct rem_objects *o, struct buf *text);

/* ---- rem_job.c: orders of this device ---- */

/* Carries out an order of this device. */
void rem_job_start(const struct mgmt_adaptor *self, struct mgmt_order *order);
void rem_job_cancel(const struct mgmt_adaptor *self, struct mgmt_order *order);
/* Nobody waits for them any more. */
void rem_jobs_detach(struct rem *r);

/* ---- rem_plan.c ---- */

enum rem_step {
	REM_END,
	REM_WAIT, /* a time */
	REM_IDLE, /* until the worker has done what was to be done before */
	REM_FETCH, /* a package and its signature by a URL */
	REM_STORE, /* what was fetched */
	REM_CHECK,
	REM_INSTALL,
	REM_REMOVE,
	REM_ACTIVATE,
	REM_DEACTIVATE,
	REM_LOG_START,
	REM_LOG_STOP,
	REM_RESTART_SYSTEM,
	REM_RESTART,
	REM_RESET,
	REM_UPLOAD,
	REM_INFORM,
	REM_STEPS
};

#define REM_STEPS_MAX 6

/* What an order comes to. */
struct rem_plan {
	enum rem_step steps[REM_STEPS_MAX]; /* ends with REM_END */
	enum rem_kind kind;
	char name[REM_NAME_MAX + 1]; /* of a package */
	enum rem_source source;
	char file[REM_NAME_MAX + 1];
	char url[REM_URL_MAX + 1];
	bool pinned; /* it was said which package it has to be */
	unsigned char digest[REM_DIGEST_SIZE];
	int64_t wait; /* microseconds */
	enum rem_log_type log;
};

/* False, with the reason, when the order makes no sense here. */
bool rem_plan_make(const struct rem *r, const struct mgmt_order *order, struct rem_plan *plan,
                   char why[REM_WHY_MAX]);

/* ---- rem_push.c: copies of the own objects at the NSCL ---- */

struct rem_push *rem_push_new(struct rem *r);
void rem_push_free(struct rem_push *p);
/* The copies are to be what the objects are. */
void rem_push_begin(struct rem_push *p);
/* The same, and everything is told again. */
void rem_push_all(struct rem_push *p);
/* No round is begun any more. */
void rem_push_stop(struct rem_push *p);

/* ---- rem_mid.c: at an NSCL, commands for the SCLs that are registered ---- */

struct rem_mid *rem_mid_new(struct rem *r);
void rem_mid_free(struct rem_mid *m);
const struct mgmt_adaptor *rem_mid_adaptor(const struct rem_mid *m);
/* Nobody waits for its commands any more. */
void rem_mid_detach(struct rem_mid *m);

#endif
