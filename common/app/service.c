/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "app/service.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/listen.h"
#include "app/listen_names.h"
#include "app/reset.h"
#include "app/scl_conf.h"
#include "app/sec_conf.h"
#include "base/arena.h"
#include "base/log.h"
#include "cap/sec_access.h"
#include "store/store.h"

#define LISTENERS_MAX 32
#define CAPABILITIES_MAX 16
#define ARENA_MAX (8u << 20)

struct service {
	const struct profile *profile;
	const struct options *o; /* of the start */
	struct log *log;
	struct arena *arena; /* lists of conf, names, the ready line */
	struct scl_conf conf;
	struct sec_conf sec_conf;
	struct sec *sec; /* NULL: the profile has none, or it was not opened */
	bool sec_started;
	struct listener_policy policies[LISTENERS_MAX];
	struct repo *repo;
	struct scl *scl;
	bool started; /* scl has its threads */
	struct listener listeners[LISTENERS_MAX];
	size_t n_servers;
	struct capability_conf cap_conf;
	struct edge_seat edge_seat;
	struct geo_seat geo_seat;
	void *cap_states[CAPABILITIES_MAX];
	size_t n_attached, n_caps; /* attached, started ones */
	const char *ready;
	_Atomic bool restart;
};

static enum rc
open_store(struct service *s, char why[SERVICE_WHY_MAX])
{
	const struct store_ops *ops = scl_conf_engine(s->profile, s->o);
	struct repo_conf conf;
	enum rc rc;

	if (ops == NULL) {
		snprintf(why, SERVICE_WHY_MAX, "no store engine %.64s", s->o->store.engine);
		return RC_NOT_FOUND;
	}
	scl_conf_repo(&conf, ops, s->o);
	rc = repo_open(&conf, &s->repo, why);
	if (rc == RC_OK && repo_format_found(s->repo) != REPO_FORMAT)
		LOG_INFO(s->log, "store-upgraded", LOG_N("from", repo_format_found(s->repo)),
		         LOG_N("to", REPO_FORMAT));
	return rc;
}

static enum rc
open_sec(struct service *s, char why[SERVICE_WHY_MAX])
{
	if (s->profile->sec == NULL)
		return RC_OK;
	if (!sec_conf_fill(&s->sec_conf, s->profile, s->o, s->log, s->arena))
		return RC_UNAVAILABLE;
	s->sec_conf.edge = &s->edge_seat;
	s->sec_conf.geo = &s->geo_seat;
	return s->profile->sec->open(&s->sec_conf, &s->sec, why);
}

static enum rc
start_sec(struct service *s, char why[SERVICE_WHY_MAX])
{
	enum rc rc;

	if (s->sec == NULL)
		return RC_OK;
	rc = s->profile->sec->start(s->sec, why);
	s->sec_started = rc == RC_OK;
	return rc;
}

/* What needs no port of the configuration; the rest is in start_capabilities. */
static enum rc
attach_capabilities(struct service *s, char why[SERVICE_WHY_MAX])
{
	const struct capability *const *caps = s->profile->caps;

	s->cap_conf.log = s->log;
	s->cap_conf.sec = s->sec == NULL ? &sec_access_none : s->profile->sec->access(s->sec);
	s->cap_conf.edge_seat = &s->edge_seat;
	s->cap_conf.geo_seat = &s->geo_seat;
	if (!scl_conf_capability(&s->cap_conf, s->profile, s->o, s->arena))
		return RC_UNAVAILABLE;
	for (; caps[s->n_attached] != NULL && s->n_attached < CAPABILITIES_MAX; s->n_attached++) {
		const struct capability *cap = caps[s->n_attached];
		enum rc rc = RC_OK;

		if (cap->attach != NULL)
			rc = cap->attach(s->scl, &s->cap_conf, &s->cap_states[s->n_attached], why);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

static void
detach_capabilities(struct service *s)
{
	while (s->n_attached > 0) {
		const struct capability *cap = s->profile->caps[--s->n_attached];

		if (cap->detach != NULL)
			cap->detach(s->cap_states[s->n_attached]);
	}
}

static enum rc
open_scl(struct service *s, char why[SERVICE_WHY_MAX])
{
	struct scl_parts parts = { .repo = s->repo, .log = s->log, .clock = &clock_system,
		.ports = s->profile->ports };
	enum rc rc;

	if (!scl_conf_fill(&s->conf, s->profile->role, s->o, s->arena))
		return RC_UNAVAILABLE;
	scl_conf_port(&parts.port, s->o);
	if (s->sec != NULL) {
		parts.guard = s->profile->sec->guard(s->sec);
		parts.port.credential = s->profile->sec->credential;
		parts.port.credential_arg = s->sec;
		parts.port.protect = s->profile->sec->protect;
		parts.port.unprotect = s->profile->sec->unprotect;
		parts.port.protect_arg = s->sec;
	}
	rc = scl_new(&s->conf, &parts, &s->scl, why);
	if (rc == RC_OK && s->sec != NULL)
		rc = s->profile->sec->attach(s->sec, s->scl, why);
	return rc == RC_OK ? attach_capabilities(s, why) : rc;
}

static enum rc
start_servers(struct service *s, char why[SERVICE_WHY_MAX])
{
	const struct listen_conf conf = {
		.o = s->o,
		.scl = s->scl,
		.log = s->log,
		.psk = s->sec == NULL ? NULL : s->profile->sec->psk(s->sec),
	};

	if (s->o->listeners.n > LISTENERS_MAX) {
		snprintf(why, SERVICE_WHY_MAX, "more than %d listeners", LISTENERS_MAX);
		return RC_BAD_REQUEST;
	}
	for (; s->n_servers < s->o->listeners.n; s->n_servers++) {
		enum rc rc;

		sec_conf_policy(&s->policies[s->n_servers], s->o, s->n_servers);
		rc = listen_start(&conf, s->n_servers, &s->policies[s->n_servers],
		                  &s->listeners[s->n_servers], why);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

/* The ports are known now: tells the scl its names and lets it begin. */
static enum rc
start_scl(struct service *s)
{
	unsigned ports[LISTENERS_MAX];
	const char *const *names;
	enum rc rc;

	for (size_t i = 0; i < s->n_servers; i++)
		ports[i] = listen_port(&s->listeners[i]);
	names = listen_names(s->arena, s->o, ports);
	s->cap_conf.base_uri = listen_base_uri(s->arena, s->o, ports);
	if (names == NULL || s->cap_conf.base_uri == NULL)
		return RC_UNAVAILABLE;
	rc = scl_start(s->scl, s->cap_conf.base_uri, names);
	s->started = rc == RC_OK;
	return rc;
}

static bool
begins_again(const void *arg)
{
	const struct service *s = arg;

	return atomic_load(&s->restart);
}

static enum rc
restart(void *arg, bool reset)
{
	struct service *s = arg;

	/* The engine memory begins empty anyway. */
	if (reset && strcmp(s->o->store.engine, store_memory.name) != 0 &&
	    reset_note(s->o->store.path) != RC_OK)
		return RC_INTERNAL;
	atomic_store(&s->restart, true);
	return kill(getpid(), RESTART_SIGNAL) == 0 ? RC_OK : RC_INTERNAL;
}

bool
service_wants_restart(const struct service *svc)
{
	return begins_again(svc);
}

static enum rc
start_capabilities(struct service *s, char why[SERVICE_WHY_MAX])
{
	const struct capability *const *caps = s->profile->caps;

	if (s->sec != NULL && s->profile->sec->gate != NULL)
		s->cap_conf.gate = s->profile->sec->gate(s->sec);
	s->cap_conf.begins_again = begins_again;
	s->cap_conf.begins_again_arg = s;
	s->cap_conf.rem.restart = restart;
	s->cap_conf.rem.restart_arg = s;
	scl_conf_reached(&s->cap_conf, s->o, s->cap_conf.base_uri);
	for (; caps[s->n_caps] != NULL && s->n_caps < CAPABILITIES_MAX; s->n_caps++) {
		const struct capability *cap = caps[s->n_caps];
		enum rc rc;

		if (!cap->governs)
			scl_admit(s->scl);
		rc = cap->start(s->scl, &s->cap_conf, &s->cap_states[s->n_caps], why);
		if (rc != RC_OK)
			return rc;
	}
	scl_admit(s->scl);
	return RC_OK;
}

static enum rc
make_ready_line(struct service *s)
{
	struct slice line = SLICE_LIT("ready");

	for (size_t i = 0; i < s->n_servers; i++) {
		const struct options_listener *l = &s->o->listeners.v[i];
		unsigned port = listen_port(&s->listeners[i]);

		line = arena_printf(s->arena, "%.*s %s=%s", (int)line.n, line.p, listen_scheme(l),
		                    port == 0 ? l->address
		                              : listen_authority(s->arena, l->address, port));
	}
	s->ready = line.p;
	return arena_failed(s->arena) ? RC_UNAVAILABLE : RC_OK;
}

static enum rc
start_all(struct service *s, char why[SERVICE_WHY_MAX])
{
	enum rc rc = open_store(s, why);

	if (rc == RC_OK)
		rc = open_sec(s, why);
	if (rc == RC_OK)
		rc = open_scl(s, why);
	if (rc == RC_OK)
		rc = start_servers(s, why);
	if (rc == RC_OK)
		rc = start_scl(s);
	if (rc == RC_OK)
		rc = start_sec(s, why);
	if (rc == RC_OK)
		rc = start_capabilities(s, why);
	return rc == RC_OK ? make_ready_line(s) : rc;
}

enum rc
service_start(const struct profile *profile, const struct options *o, struct log *log,
              struct service **svc, char why[SERVICE_WHY_MAX])
{
	struct service *s = calloc(1, sizeof(*s));
	enum rc rc;

	*svc = NULL;
	why[0] = '\0';
	if (s == NULL)
		return RC_UNAVAILABLE;
	*s = (struct service){ .profile = profile, .o = o, .log = log, .arena = arena_new(ARENA_MAX) };
	rc = s->arena == NULL ? RC_UNAVAILABLE : start_all(s, why);
	if (rc != RC_OK) {
		service_stop(s);
		return rc;
	}
	*svc = s;
	return RC_OK;
}

/* Certificates are read again from the files that they came from. */
static void
reload_servers(struct service *s)
{
	char why[LISTEN_WHY_MAX];

	for (size_t i = 0; i < s->n_servers; i++)
		if (s->o->listeners.v[i].security != OPTIONS_CLEAR &&
		    listen_reload(&s->listeners[i], why) != RC_OK)
			LOG_ERROR(s->log, "certificate-kept", LOG_N("listener", i), LOG_Z("reason", why));
}

void
service_reload(struct service *s, const struct options *o)
{
	struct sec_rate rate;
	struct mas_limits limits;
	enum rc rc;

	scl_conf_limits(&s->conf, o);
	rc = scl_reconfigure(s->scl, &s->conf);
	if (rc != RC_OK)
		LOG_ERROR(s->log, "limits-kept", LOG_Z("reason", status_of(rc)->text));
	reload_servers(s);
	if (s->sec == NULL)
		return;
	sec_conf_rate(&rate, o);
	sec_conf_limits(&limits, o);
	s->profile->sec->reload(s->sec, &rate, &limits);
}

const char *
service_ready_line(struct service *s)
{
	return s->ready;
}

/* Also after a start that failed anywhere. */
void
service_stop(struct service *s)
{
	for (size_t i = 0; i < s->n_servers; i++)
		listen_quiesce(&s->listeners[i]);
	while (s->n_caps > 0) {
		s->n_caps--;
		s->profile->caps[s->n_caps]->stop(s->cap_states[s->n_caps]);
	}
	if (s->sec_started)
		s->profile->sec->stop(s->sec);
	if (s->started)
		scl_stop(s->scl);
	for (size_t i = 0; i < s->n_servers; i++)
		listen_stop(&s->listeners[i]);
	if (s->scl != NULL)
		scl_free(s->scl);
	detach_capabilities(s);
	if (s->sec != NULL)
		s->profile->sec->close(s->sec);
	if (s->repo != NULL)
		repo_close(s->repo);
	arena_free(s->arena);
	free(s);
}
