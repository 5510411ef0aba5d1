/* SPDX-License-Identifier: Apache-2.0 */
/* Starting, stopping and the beat of remote entity management. */
#include "config.h"

#include "cap/rem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cap/rem/rem_impl.h"

#define WORKS_MAX 64
#define LEAVE_WAIT_S 2
#define STOP_WAIT_S 3
/* Of a store that does not come to an end with the first change. */
#define GOVERN_WAIT_S 60

/* ---- the end ---- */

static void
rem_free(struct rem *r)
{
	if (r == NULL)
		return;
	rem_worker_free(r->worker);
	for (unsigned i = 0; i < REM_KINDS; i++)
		rem_packages_close(r->packages[i]);
	rem_log_free(r->period);
	rem_objects_free(r->objects);
	rem_push_free(r->push);
	rem_mid_free(r->mid);
	pthread_mutex_destroy(&r->lock);
	pthread_cond_destroy(&r->changed);
	free(r);
}

static void
check_stopped(struct rem *r)
{
	bool abandoned;

	if (!r->leaving || r->outstanding > 0)
		return;
	pthread_mutex_lock(&r->lock);
	abandoned = r->abandoned;
	r->stopped = true;
	pthread_cond_signal(&r->changed);
	pthread_mutex_unlock(&r->lock);
	if (abandoned)
		rem_free(r);
}

void
rem_hold(struct rem *r)
{
	r->outstanding++;
}

void
rem_release(struct rem *r)
{
	r->outstanding--;
	check_stopped(r);
}

static void
leave_run(struct scl_task *task)
{
	struct rem *r = (struct rem *)(void *)((char *)task - offsetof(struct rem, leave));

	r->leaving = true;
	rem_hold(r);
	scl_cancel(r->scl, &r->tick);
	scl_cancel(r->scl, &r->begin);
	if (r->push != NULL)
		rem_push_stop(r->push);
	mgmt_adaptor_remove(r->scl, &r->self);
	if (r->mid != NULL)
		mgmt_adaptor_remove(r->scl, rem_mid_adaptor(r->mid));
	rem_jobs_detach(r);
	if (r->mid != NULL)
		rem_mid_detach(r->mid);
	pthread_mutex_lock(&r->lock);
	r->left = true;
	pthread_cond_signal(&r->changed);
	pthread_mutex_unlock(&r->lock);
	rem_release(r);
}

/* Waits until *flag, at most so many seconds. Holds the lock. */
static bool
wait_for(struct rem *r, const bool *flag, int seconds)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += seconds;
	while (!*flag && pthread_cond_timedwait(&r->changed, &r->lock, &until) == 0)
		;
	return *flag;
}

/* A command that is being run is ended; a call that a peer does not answer is not waited for. */
static void
rem_stop(void *state)
{
	struct rem *r = state;
	struct rem_worker *worker;
	bool stopped;

	if (r == NULL)
		return;
	scl_post(r->scl, &r->leave, 0);
	pthread_mutex_lock(&r->lock);
	wait_for(r, &r->left, LEAVE_WAIT_S);
	worker = r->worker;
	pthread_mutex_unlock(&r->lock);
	/* Its works come back to the courier: nobody submits any more. */
	rem_worker_free(worker);
	pthread_mutex_lock(&r->lock);
	r->worker = NULL;
	stopped = wait_for(r, &r->stopped, STOP_WAIT_S);
	r->abandoned = !stopped;
	pthread_mutex_unlock(&r->lock);
	if (stopped)
		rem_free(r);
}

/* ---- the beat ---- */

static void
tick_run(struct scl_task *task)
{
	struct rem *r = (struct rem *)(void *)((char *)task - offsetof(struct rem, tick));

	rem_objects_look(r->objects);
	scl_post(r->scl, &r->tick, r->conf.rem.refresh_us);
}

static void
begin_run(struct scl_task *task)
{
	struct rem *r = (struct rem *)(void *)((char *)task - offsetof(struct rem, begin));

	if (mgmt_adaptor_add(r->scl, &r->self) != RC_OK ||
	    (r->mid != NULL && mgmt_adaptor_add(r->scl, rem_mid_adaptor(r->mid)) != RC_OK))
		LOG_ERROR(r->conf.log, "management-adaptor", LOG_Z("reason", "there are too many"));
	rem_objects_govern(r->objects);
	tick_run(&r->tick);
}

/* ---- the device itself as an adaptor ---- */

/* Registration is the business of another capability, where there is one. */
static bool
claims(const struct mgmt_adaptor *self, const struct mgmt_place *place)
{
	const struct rem *r = self->owner;

	return place->own && (place->type != T_SCL_MO_ACTION || r->conf.role == SCL_NSCL);
}

static void
own_changed(const struct mgmt_adaptor *self)
{
	const struct rem *r = self->owner;

	rem_objects_sync(r->objects);
	if (r->push != NULL)
		rem_push_begin(r->push);
}

static void
own_look(const struct mgmt_adaptor *self)
{
	struct rem *r = self->owner;

	tick_run(&r->tick);
}

void
rem_governed(struct rem *r, enum rc rc)
{
	pthread_mutex_lock(&r->lock);
	if (!r->governed)
		r->governed_rc = rc;
	r->governed = true;
	pthread_cond_signal(&r->changed);
	pthread_mutex_unlock(&r->lock);
}

/*
 * Until the right is there, the right of the sclBase governs the device: nobody is served before.
 */
static enum rc
await_governed(struct rem *r, char why[CAPABILITY_WHY_MAX])
{
	enum rc rc;

	pthread_mutex_lock(&r->lock);
	rc = wait_for(r, &r->governed, GOVERN_WAIT_S) ? r->governed_rc : RC_TIMEOUT;
	pthread_mutex_unlock(&r->lock);
	if (rc != RC_OK)
		snprintf(why, CAPABILITY_WHY_MAX, "remote management: who may manage cannot be stored: %s",
		         status_of(rc)->text);
	return rc;
}

bool
rem_has_packages(const struct rem *r, enum rem_kind kind)
{
	return r->packages[kind] != NULL;
}

/* ---- the start ---- */

static const char *const kinds[] = { "firmware", "software" };

static enum rc
open_packages(struct rem *r, char why[CAPABILITY_WHY_MAX])
{
	const struct capability_rem *c = &r->conf.rem;
	const struct capability_packages *sets[] = { &c->firmware, &c->software };
	char text[REM_WHY_MAX] = "";
	enum rc rc = RC_OK;

	for (unsigned i = 0; i < REM_KINDS && rc == RC_OK; i++) {
		struct rem_packages_conf conf = {
			.kind = kinds[i],
			.directory = sets[i]->directory,
			.state = c->state,
			.command = sets[i]->command,
			.key_file = c->package_key,
			.timeout_ms = c->command_timeout_ms,
			.size_max = c->package_max,
			.cancel = rem_worker_cancel_fd(r->worker),
			.stop = rem_worker_stop_fd(r->worker),
			.log = r->conf.log,
		};

		if (sets[i]->command == NULL || c->state == NULL)
			continue;
		if (mkdir(c->state, 0700) != 0 && errno != EEXIST)
			rc = RC_INTERNAL;
		if (rc == RC_OK)
			rc = rem_packages_open(&conf, &r->packages[i], text);
		else
			snprintf(text, sizeof(text), "%.100s: %s", c->state, strerror(errno));
	}
	if (rc != RC_OK)
		snprintf(why, CAPABILITY_WHY_MAX, "remote management: %.160s", text);
	return rc;
}

static bool
make_parts(struct rem *r)
{
	r->worker = rem_worker_new(WORKS_MAX);
	r->period = rem_log_new(r->conf.log, r->conf.rem.system_log, r->conf.rem.log_bytes);
	r->objects = rem_objects_new(r);
	if (r->conf.role == SCL_NSCL)
		r->mid = rem_mid_new(r);
	else
		r->push = rem_push_new(r);
	return r->worker != NULL && r->period != NULL && r->objects != NULL &&
	       (r->mid != NULL || r->push != NULL);
}

static void
init_lock(struct rem *r)
{

	pthread_mutex_init(&r->lock, NULL);
	(void)clock_cond_init(&r->changed);
}

static enum rc
rem_start(struct scl *scl, const struct capability_conf *conf, void **state,
          char why[CAPABILITY_WHY_MAX])
{
	struct rem *r;
	enum rc rc = RC_UNAVAILABLE;

	*state = NULL;
	if (!conf->rem.enabled)
		return RC_OK;
	r = calloc(1, sizeof(*r));
	snprintf(why, CAPABILITY_WHY_MAX, "remote management: out of memory");
	if (r == NULL)
		return rc;
	r->scl = scl;
	r->conf = *conf;
	init_lock(r);
	r->self = (struct mgmt_adaptor){ .name = "device",
		                         .claims = claims,
		                         .start = rem_job_start,
		                         .cancel = rem_job_cancel,
		                         .changed = own_changed,
		                         .look = own_look,
		                         .owner = r };
	r->begin.run = begin_run;
	r->tick.run = tick_run;
	r->leave.run = leave_run;
	if (make_parts(r))
		rc = open_packages(r, why);
	if (rc != RC_OK) {
		rem_free(r);
		return rc;
	}
	scl_post(scl, &r->begin, 0);
	rc = await_governed(r, why);
	if (rc == RC_OK)
		*state = r;
	else
		rem_stop(r);
	return rc;
}

const struct capability cap_rem = {
	.name = "rem",
	.governs = true,
	.start = rem_start,
	.stop = rem_stop,
};
