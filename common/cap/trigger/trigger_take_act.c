/* SPDX-License-Identifier: Apache-2.0 */
/* The courier's part in a trigger: what is known of NSCLs, and what is done. */
#include "config.h"

#include <stdio.h>
#include <strings.h>

#include "base/uri.h"
#include "cap/gate.h"
#include "cap/sec_access.h"
#include "cap/trigger/trigger_take.h"
#include "core/mgmt.h"

#define OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* ---- where it leads ---- */

static bool
same_host(struct slice a, struct slice b)
{
	if (a.n > 2 && a.p[0] == '[')
		a = slice_make(a.p + 1, a.n - 2);
	return a.n == b.n && a.n > 0 && strncasecmp(a.p, b.p, a.n) == 0;
}

static bool
same_port(const struct uri *u, uint16_t port)
{
	uint64_t n;

	return slice_number(u->port, UINT16_MAX, &n) ? n == port : u->port.n == 0 && port == 443;
}

/* Keeps the NSCL that it leads to; one with that port goes first. */
static void
look_among(struct trigger_ask *ask, const char *const *nscls)
{
	struct uri u;

	for (; nscls != NULL && *nscls != NULL; nscls++) {
		bool exact;

		if (!uri_parse(slice_of(*nscls), &u) || !same_host(u.host, ask->t->host))
			continue;
		exact = same_port(&u, ask->t->port);
		if (ask->nscl[0] == '\0' || exact)
			snprintf(ask->nscl, sizeof(ask->nscl), "%s", *nscls);
		ask->home = true;
		if (exact)
			return;
	}
}

/* The domain itself, or a name in it. */
static bool
in_domain(struct slice host, const char *domain)
{
	size_t n = strlen(domain);

	return n > 0 && host.n >= n && strncasecmp(host.p + host.n - n, domain, n) == 0 &&
	       (host.n == n || host.p[host.n - n - 1] == '.');
}

static void
look(struct trigger_take *t, struct trigger_ask *ask)
{
	ask->home = false;
	ask->nscl[0] = '\0';
	look_among(ask, t->cap->nscl);
	if (t->gate != NULL)
		look_among(ask, t->gate->nscls(t->gate->arg));
	for (const char *const *d = t->conf.domains; d != NULL && *d != NULL; d++)
		ask->home = ask->home || in_domain(ask->t->host, *d);
}

/* ---- what is done ---- */

static void
wake(struct trigger_take *t, const char *nscl)
{
	if (t->gate == NULL || !t->gate->wake(t->gate->arg, nscl[0] == '\0' ? NULL : nscl))
		LOG_WARN(t->log, "trigger-useless",
		         LOG_Z("why", "there is no NSCL to register with"));
}

static void
renew(struct trigger_take *t, enum sec_renewal what)
{
	if (!t->sec->renew(t->sec->arg, what))
		LOG_WARN(t->log, "trigger-useless",
		         LOG_Z("why", "there is nothing to renew it with"));
}

static void
do_connect(struct trigger_take *t, const char *nscl)
{
	wake(t, nscl);
}

/* Without a connection the one that is made has a new key anyway. */
static void
do_renew(struct trigger_take *t, const char *nscl)
{
	renew(t, SEC_RENEW_CONNECTIONS);
	wake(t, nscl);
}

static void
do_manage(struct trigger_take *t, const char *nscl)
{
	mgmt_look(t->scl);
	wake(t, nscl);
}

static void
do_bootstrap(struct trigger_take *t, const char *nscl)
{
	(void)nscl;
	renew(t, SEC_RENEW_ROOT);
}

/* Where it registers from is what the network knows of its place; then what it says itself. */
static void
do_locate(struct trigger_take *t, const char *nscl)
{
	LOG_INFO(t->log, "location-asked", LOG_Z("nscl", nscl));
	wake(t, nscl);
	trigger_locate(t, nscl);
}

static void
act(struct trigger_take *t, const struct trigger_ask *ask)
{
	static void (*const acts[])(struct trigger_take * t, const char *nscl) = {
		[TRIGGER_CONNECT] = do_connect,     [TRIGGER_RENEW] = do_renew,
		[TRIGGER_REFRESH] = do_connect,     [TRIGGER_MANAGE] = do_manage,
		[TRIGGER_BOOTSTRAP] = do_bootstrap, [TRIGGER_LOCATE] = do_locate,
	};

	acts[ask->t->reason](t, ask->nscl);
}

/* ---- from the thread to the courier, and back ---- */

/* While the thread waits nothing of ask changes. */
static void
ask_run(struct scl_task *task)
{
	struct trigger_take *t = OF(task, struct trigger_take, ask.task);

	if (t->ask.act)
		act(t, &t->ask);
	else
		look(t, &t->ask);
	pthread_mutex_lock(&t->lock);
	t->ask.over = true;
	pthread_cond_broadcast(&t->changed);
	pthread_mutex_unlock(&t->lock);
}

/* The courier runs until the thread has ended. */
static void
ask_courier(struct trigger_take *t, const struct trigger *token, bool do_it)
{
	pthread_mutex_lock(&t->lock);
	t->ask.t = token;
	t->ask.act = do_it;
	t->ask.over = false;
	scl_post(t->scl, &t->ask.task, 0);
	while (!t->ask.over)
		pthread_cond_wait(&t->changed, &t->lock);
	pthread_mutex_unlock(&t->lock);
}

void
trigger_act_init(struct trigger_take *t)
{
	t->ask.task.run = ask_run;
}

bool
trigger_leads_home(void *take, const struct trigger *token)
{
	struct trigger_take *t = take;

	ask_courier(t, token, false);
	return t->ask.home;
}

void
trigger_act(struct trigger_take *t, const struct trigger *token)
{
	ask_courier(t, token, true);
}
