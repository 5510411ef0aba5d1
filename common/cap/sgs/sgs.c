/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sgs/sgs_own.h"

#include <stdio.h>
#include <stdlib.h>

#include "sga/package.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))

/* A part uses those before it. */
static const struct sgs_part *const parts[] = {
	&sgs_part_guard, &sgs_part_book, &sgs_part_ring, &sgs_part_pool,
	&sgs_part_wait,  &sgs_part_push, &sgs_part_rest,
};

/* ---- what all share ---- */

bool
sgs_enter(struct sgs *s)
{
	pthread_rwlock_rdlock(&s->gate);
	if (s->open)
		return true;
	pthread_rwlock_unlock(&s->gate);
	return false;
}

void
sgs_leave(struct sgs *s)
{
	pthread_rwlock_unlock(&s->gate);
}

static void
set_open(struct sgs *s, bool open)
{
	pthread_rwlock_wrlock(&s->gate);
	s->open = open;
	pthread_rwlock_unlock(&s->gate);
}

bool
sgs_post(struct sgs *s, struct scl_task *task, int64_t delay)
{
	if (!sgs_enter(s))
		return false;
	scl_post(s->scl, task, delay);
	sgs_leave(s);
	return true;
}

bool
sgs_submit(struct sgs *s, struct pool_job *job)
{
	if (!sgs_enter(s))
		return false;
	pool_submit(s->pool, POOL_FOREIGN, job);
	sgs_leave(s);
	return true;
}

uint64_t
sgs_now(const struct sgs *s)
{
	return (uint64_t)(clock_now(s->clock) / CLOCK_SECOND);
}

/* ---- parts ---- */

static void
say_which(const struct sgs_part *part, const char *text, enum rc rc, char why[CAPABILITY_WHY_MAX])
{
	snprintf(why, CAPABILITY_WHY_MAX, "sga: %s: %.180s", part->name,
	         text[0] != '\0' ? text : status_of(rc)->text);
}

static enum rc
attach_parts(struct sgs *s, char why[CAPABILITY_WHY_MAX])
{
	char text[CAPABILITY_WHY_MAX] = "";

	for (; s->n_attached < NITEMS(parts); s->n_attached++) {
		const struct sgs_part *part = parts[s->n_attached];
		enum rc rc = part->attach == NULL ? RC_OK : part->attach(s, text);

		if (rc != RC_OK) {
			say_which(part, text, rc, why);
			return rc;
		}
	}
	return RC_OK;
}

static enum rc
start_parts(struct sgs *s, char why[CAPABILITY_WHY_MAX])
{
	char text[CAPABILITY_WHY_MAX] = "";

	for (; s->n_started < NITEMS(parts); s->n_started++) {
		const struct sgs_part *part = parts[s->n_started];
		enum rc rc = part->start == NULL ? RC_OK : part->start(s, text);

		if (rc != RC_OK) {
			say_which(part, text, rc, why);
			return rc;
		}
	}
	return RC_OK;
}

void
sgs_stop(struct sgs *s)
{
	set_open(s, false);
	while (s->n_started > 0) {
		const struct sgs_part *part = parts[--s->n_started];

		if (part->stop != NULL)
			part->stop(s);
	}
}

/* ---- the whole ---- */

static enum rc
read_conf(struct sgs *s, char why[CAPABILITY_WHY_MAX])
{
	enum rc rc = sga_id_make(slice_of(s->conf->id), &s->id);

	if (rc != RC_OK) {
		snprintf(why, CAPABILITY_WHY_MAX, "sga.id: %.160s is no identity", s->conf->id);
		return rc;
	}
	for (size_t i = 0; i < s->conf->n_ciphers; i++)
		s->ciphers |= sga_cipher_bit(s->conf->ciphers[i]);
	return key_random(&s->cookie);
}

enum rc
sgs_attach(struct scl *scl, const struct capability_conf *conf, struct sgs **out,
           char why[CAPABILITY_WHY_MAX])
{
	struct sgs *s;
	enum rc rc;

	*out = NULL;
	if (!conf->sga.enabled)
		return RC_OK;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return RC_UNAVAILABLE;
	s->conf = &conf->sga;
	s->all = conf;
	s->scl = scl;
	s->log = conf->log;
	s->clock = &clock_system;
	pthread_rwlock_init(&s->gate, NULL);
	rc = read_conf(s, why);
	if (rc == RC_OK)
		rc = attach_parts(s, why);
	if (rc == RC_OK)
		*out = s;
	else
		sgs_detach(s);
	return rc;
}

enum rc
sgs_start(struct sgs *s, const char *base_uri, char why[CAPABILITY_WHY_MAX])
{
	enum rc rc;

	if (asprintf(&s->root_uri, "%s/sga", base_uri) < 0) {
		s->root_uri = NULL;
		return RC_UNAVAILABLE;
	}
	rc = start_parts(s, why);
	if (rc == RC_OK)
		set_open(s, true);
	else
		sgs_stop(s);
	return rc;
}

void
sgs_detach(struct sgs *s)
{
	while (s->n_attached > 0) {
		const struct sgs_part *part = parts[--s->n_attached];

		if (part->detach != NULL)
			part->detach(s);
	}
	key_wipe(&s->cookie);
	pthread_rwlock_destroy(&s->gate);
	free(s->root_uri);
	free(s);
}

/* ---- what the book tells ---- */

void
sgs_told(void *arg, enum sgs_told what, uint64_t device)
{
	struct sgs *s = arg;

	if (!sgs_enter(s))
		return;
	for (size_t i = 0; i < NITEMS(parts); i++)
		if (parts[i]->told != NULL)
			parts[i]->told(s, what, device);
	sgs_leave(s);
}
