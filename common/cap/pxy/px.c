/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/pxy/px_own.h"

#include <stdio.h>
#include <stdlib.h>

#include "cap/pxy/px_base.h"
#include "cap/pxy/px_datagrams.h"
#include "cap/pxy/px_lanes.h"
#include "cap/pxy/px_load.h"
#include "cap/pxy/px_receive.h"
#include "cap/pxy/px_rest.h"
#include "cap/pxy/px_named.h"
#include "cap/pxy/px_source.h"
#include "cap/pxy/px_store.h"
#include "pre/afgh.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))

/* A part uses those before it. */
static const struct px_part *const parts[] = {
	&px_part_load,      &px_part_book,  &px_part_pool,    &px_part_watch,
	&px_part_datagrams, &px_part_lanes, &px_part_receive, &px_part_source,
	&px_part_named,     &px_part_rest, /* last: paths of others come first */
};

static const char *const counter_names[PX_COUNTERS] = {
#define PX_COUNTER(id, name) [PX_N_##id] = (name),
#include "cap/pxy/px_counters.def"
#undef PX_COUNTER
};

/* ---- what all share ---- */

bool
px_enter(struct px *px)
{
	pthread_rwlock_rdlock(&px->gate);
	if (px->open)
		return true;
	pthread_rwlock_unlock(&px->gate);
	return false;
}

void
px_leave(struct px *px)
{
	pthread_rwlock_unlock(&px->gate);
}

static void
set_open(struct px *px, bool open)
{
	pthread_rwlock_wrlock(&px->gate);
	px->open = open;
	pthread_rwlock_unlock(&px->gate);
}

bool
px_post(struct px *px, struct scl_task *task, int64_t delay)
{
	if (!px_enter(px))
		return false;
	scl_post(px->scl, task, delay);
	px_leave(px);
	return true;
}

/* What is also a part of the load; place and value less 1. */
static const unsigned char load_of[PX_COUNTERS] = {
	[PX_N_REQUESTS] = PX_LOAD_REQUESTS + 1,     [PX_N_RECEIVED] = PX_LOAD_RECEIVED + 1,
	[PX_N_FORWARDED_OCTETS] = PX_LOAD_SENT + 1, [PX_N_REENCRYPTED] = PX_LOAD_MANAGEMENT + 1,
	[PX_N_STORED] = PX_LOAD_STORED + 1,         [PX_N_FORWARDED] = PX_LOAD_FORWARDED + 1,
};

void
px_count(struct px *px, enum px_counter which, uint64_t by)
{
	if (load_of[which] != 0 && px->load != NULL)
		px_load_add(px->load, (enum px_load_of)(load_of[which] - 1), by);
	atomic_fetch_add_explicit(&px->counts[which], by, memory_order_relaxed);
}

void
px_count_stored(struct px *px, const struct px_append *a)
{
	px_count(px, PX_N_STORED, a->stored);
	px_count(px, PX_N_DUPLICATES, a->duplicates);
	px_count(px, PX_N_STORED_OCTETS, a->octets);
	px_rates_add(px->rates, a->store, a->octets);
}

uint64_t
px_counted(const struct px *px, enum px_counter which)
{
	return atomic_load_explicit(&px->counts[which], memory_order_relaxed);
}

const char *
px_counter_name(enum px_counter which)
{
	return counter_names[which];
}

bool
px_is_manager(const struct px *px, struct slice who)
{
	for (const char *const *m = px->conf->managers; *m != NULL; m++)
		if (slice_is(who, *m))
			return true;
	return false;
}

enum rc
px_state_dir(const struct px *px, const char *name, char *out, size_t n, const char **dir)
{
	*dir = NULL;
	if (px->conf->state == NULL)
		return RC_OK;
	if ((size_t)snprintf(out, n, "%s/%s", px->conf->state, name) >= n)
		return RC_TOO_LARGE;
	*dir = out;
	return RC_OK;
}

/* ---- parts ---- */

static bool
is_wanted(const struct px *px, const struct px_part *part)
{
	return (part->roles & px->roles) != 0;
}

static void
say_which(const struct px_part *part, const char *text, enum rc rc, char why[CAPABILITY_WHY_MAX])
{
	snprintf(why, CAPABILITY_WHY_MAX, "proxy: %s: %.180s", part->name,
	         text[0] != '\0' ? text : status_of(rc)->text);
}

static enum rc
attach_parts(struct px *px, char why[CAPABILITY_WHY_MAX])
{
	char text[CAPABILITY_WHY_MAX] = "";
	enum rc rc = RC_OK;

	for (; px->n_attached < NITEMS(parts); px->n_attached++) {
		const struct px_part *part = parts[px->n_attached];

		if (is_wanted(px, part) && part->attach != NULL)
			rc = part->attach(px, text);
		if (rc == RC_OK)
			continue;
		say_which(part, text, rc, why);
		break;
	}
	return rc;
}

static void
detach_parts(struct px *px)
{
	while (px->n_attached > 0) {
		const struct px_part *part = parts[--px->n_attached];

		if (is_wanted(px, part) && part->detach != NULL)
			part->detach(px);
	}
}

static enum rc
start_parts(struct px *px, char why[CAPABILITY_WHY_MAX])
{
	char text[CAPABILITY_WHY_MAX] = "";
	enum rc rc = RC_OK;

	for (; px->n_started < NITEMS(parts); px->n_started++) {
		const struct px_part *part = parts[px->n_started];

		if (is_wanted(px, part) && part->start != NULL)
			rc = part->start(px, text);
		if (rc == RC_OK)
			continue;
		say_which(part, text, rc, why);
		break;
	}
	return rc;
}

void
px_stop(struct px *px)
{
	set_open(px, false);
	while (px->n_started > 0) {
		const struct px_part *part = parts[--px->n_started];

		if (is_wanted(px, part) && part->stop != NULL)
			part->stop(px);
	}
}

void
px_told(void *arg, enum px_told what, uint64_t id)
{
	struct px *px = arg;

	if (!px_enter(px))
		return;
	for (size_t i = 0; i < NITEMS(parts); i++)
		if (is_wanted(px, parts[i]) && parts[i]->told != NULL)
			parts[i]->told(px, what, id);
	px_leave(px);
}

/* ---- the whole ---- */

static unsigned
roles_of(const struct proxy_conf *conf)
{
	return (conf->store.enabled ? PX_PROXY : 0u) | (conf->sink.n_sources > 0 ? PX_SINK : 0u) |
	       (conf->source.enabled ? PX_SOURCE : 0u);
}

static enum rc
open_cryptography(struct px *px, char why[CAPABILITY_WHY_MAX])
{
	enum rc rc = afgh_new(&px->afgh);

	if (rc != RC_OK) {
		snprintf(why, CAPABILITY_WHY_MAX, "proxy: %s",
		         rc == RC_NOT_IMPLEMENTED ? "this build is without pairing"
		                                  : "the pairing does not work here");
		return rc;
	}
	if (px->conf->identity == NULL)
		return RC_OK;
	rc = pre_identity_read(px->conf->identity, &px->identity);
	if (rc != RC_OK)
		snprintf(why, CAPABILITY_WHY_MAX, "proxy.identity: %.160s: %s", px->conf->identity,
		         rc == RC_FORBIDDEN ? "others may read it" : status_of(rc)->text);
	return rc;
}

enum rc
px_attach(struct scl *scl, const struct capability_conf *conf, struct px **out,
          char why[CAPABILITY_WHY_MAX])
{
	struct px *px;
	enum rc rc;

	*out = NULL;
	if (roles_of(&conf->proxy) == 0)
		return RC_OK;
	px = calloc(1, sizeof(*px));
	if (px == NULL)
		return RC_UNAVAILABLE;
	px->conf = &conf->proxy;
	px->all = conf;
	px->roles = roles_of(&conf->proxy);
	px->scl = scl;
	px->log = conf->log;
	px->clock = &clock_system;
	pthread_rwlock_init(&px->gate, NULL);
	rc = open_cryptography(px, why);
	if (rc == RC_OK)
		rc = attach_parts(px, why);
	if (rc == RC_OK)
		*out = px;
	else
		px_detach(px);
	return rc;
}

/* Once: it costs a power. */
static enum rc
find_self(struct px *px)
{
	const unsigned which = PRE_PUBLIC_SECOND | PRE_PUBLIC_SIGN;
	char url[PRE_URL_MAX + 1];
	enum rc rc;

	if ((px->roles & PX_SINK) == 0)
		return RC_OK;
	if ((size_t)snprintf(url, sizeof(url), "%s/inbox", px->root_uri) >= sizeof(url))
		return RC_TOO_LARGE;
	rc = pre_public_of(px->identity, px->afgh, which, slice_of(url), &px->self);
	if (rc != RC_OK)
		return rc;
	if ((px->roles & PX_SOURCE) == 0)
		pre_identity_end_signing(px->identity);
	return pre_pk_id(slice_make(px->self.pk2, sizeof(px->self.pk2)), px->self_id);
}

enum rc
px_start(struct px *px, const char *base_uri, char why[CAPABILITY_WHY_MAX])
{
	enum rc rc;

	if (asprintf(&px->root_uri, "%s/proxy", base_uri) < 0) {
		px->root_uri = NULL;
		return RC_UNAVAILABLE;
	}
	rc = find_self(px);
	if (rc != RC_OK) {
		snprintf(why, CAPABILITY_WHY_MAX, "proxy: no identity as a sink at %.160s",
		         px->root_uri);
		return rc;
	}
	rc = start_parts(px, why);
	if (rc == RC_OK)
		set_open(px, true);
	else
		px_stop(px);
	return rc;
}

void
px_detach(struct px *px)
{
	detach_parts(px);
	pre_identity_free(px->identity);
	afgh_free(px->afgh);
	pthread_rwlock_destroy(&px->gate);
	free(px->root_uri);
	free(px);
}
