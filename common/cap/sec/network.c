/* SPDX-License-Identifier: Apache-2.0 */
/* The security capability of the network: MAS, service connections, guard and keys of an NSCL. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/uri.h"
#include "cap/sec/conn_endpoint.h"
#include "cap/sec/network_impl.h"
#include "cap/sec/object_exchange.h"

#define CONNECTIONS_MAX 262144u
#define REMEMBER (3600 * CLOCK_SECOND)
#define TICK CLOCK_SECOND
#define BOOK_PATH_MAX 4096
#define TICKS_TO_FORGET 60u

/* ---- what the MAS says ends ---- */

static enum live_state
state_of(enum mas_why why)
{
	static const enum live_state states[] = {
		[MAS_REVOKED] = LIVE_REVOKED,
		[MAS_ENDED] = LIVE_ENDED,
		[MAS_EXPIRED] = LIVE_EXPIRED,
	};

	return states[why];
}

static void
revoked(struct mas_watcher *w, const struct node_id *node, uint64_t connection_id, enum mas_why why)
{
	struct sec *s = (struct sec *)(void *)((char *)w - offsetof(struct sec, watcher));

	if (connection_id != 0)
		live_end(s->live, connection_id, state_of(why));
	else
		live_end_node(s->live, node, 0, state_of(why));
	if (why == MAS_REVOKED)
		watchers_tell(&s->watchers, node, connection_id);
}

static void
lost(struct mas_watcher *w)
{
	struct sec *s = (struct sec *)(void *)((char *)w - offsetof(struct sec, watcher));

	watchers_tell_lost(&s->watchers);
}

/* ---- connections of an earlier run ---- */

/*
 * Numbers of objects and of requests that were received are not kept: what was sent before could be
 * sent again, so connections that go by them are over.
 */
static void
resume_one(struct mas_live *l, const struct mas_connection *conn)
{
	struct resuming *r = (struct resuming *)(void *)l;
	enum rc rc = live_put(r->sec->live, conn);

	/* RC_CONFLICT: of a page that came before. */
	if (rc != RC_OK && rc != RC_CONFLICT)
		r->left++;
	if (rc != RC_OK)
		return;
	r->n++;
	if ((conn->flags & (MAS_OBJECT | MAS_ACCESS_NETWORK | MAS_OBJECT_JWE)) != 0)
		live_end(r->sec->live, conn->id, LIVE_EXPIRED);
}

static void
resumed(struct mas_live *l)
{
	struct resuming *r = (struct resuming *)(void *)l;

	if (l->outcome.rc == RC_OK && r->n > 0)
		LOG_INFO(r->sec->conf.log, "service-connections-resumed",
		         LOG_N("connections", r->n));
	if (r->left > 0)
		LOG_WARN(r->sec->conf.log, "service-connections-dropped",
		         LOG_N("connections", r->left),
		         LOG_Z("reason", "no memory that can be locked, or too many: these nodes "
		                         "connect anew"));
	pthread_mutex_lock(&r->lock);
	r->over = true;
	pthread_cond_signal(&r->changed);
	pthread_mutex_unlock(&r->lock);
}

static void
resume(struct sec *s)
{
	struct resuming *r = &s->resuming;

	r->call = (struct mas_live){ .each = resume_one, .done = resumed };
	r->n = r->left = 0;
	r->over = false;
	s->roles.mas.ops->live(s->roles.mas.self, &r->call);
}

/* Before the first handshake. The MAS of another process is asked when the scl can send. */
static enum rc
resume_local(struct sec *s, char why[SEC_WHY_MAX])
{
	struct resuming *r = &s->resuming;

	if (s->roles.local == NULL || s->roles.mas.ops == NULL)
		return RC_OK;
	resume(s);
	pthread_mutex_lock(&r->lock);
	while (!r->over)
		pthread_cond_wait(&r->changed, &r->lock);
	pthread_mutex_unlock(&r->lock);
	if (r->call.outcome.rc != RC_OK)
		snprintf(why, SEC_WHY_MAX, "the MAS does not tell the service connections: %s",
		         status_of(r->call.outcome.rc)->text);
	return r->call.outcome.rc;
}

/* On the courier thread: again, as long as the MAS does not answer. */
static void
resume_remote(struct sec *s)
{
	struct resuming *r = &s->resuming;
	bool again;

	if (s->roles.remote == NULL || !s->conf.network.nscl)
		return;
	pthread_mutex_lock(&r->lock);
	again = r->over && r->call.outcome.rc != RC_OK;
	pthread_mutex_unlock(&r->lock);
	if (again)
		resume(s);
}

/* ---- life ---- */

static void network_close(struct sec *s);

static enum rc
open_mid(struct sec *s)
{
	const struct mid_conf conf = {
		.side = MID_NETWORK,
		.live = s->live,
		.mas = s->roles.mas.ops == NULL ? NULL : &s->roles.mas,
		.sec = &s->conf,
		.reject = network_roles_reject,
		.reject_arg = &s->roles,
		.overload = s->overload,
		.priority = s->priority,
	};

	return mid_new(&conf, &s->mid);
}

static enum rc
open_parts(struct sec *s, char why[SEC_WHY_MAX])
{
	const struct live_conf live = { .clock = s->conf.clock,
		                        .max = CONNECTIONS_MAX,
		                        .remember = REMEMBER,
		                        .rate = s->conf.rate.rate,
		                        .burst = s->conf.rate.burst };
	enum rc rc;

	s->live = live_new(&live);
	s->authorities = authorities_new();
	if (s->live == NULL || s->authorities == NULL)
		return RC_UNAVAILABLE;
	s->watcher = (struct mas_watcher){ .revoked = revoked, .lost = lost };
	rc = network_load_open(s);
	if (rc == RC_OK)
		rc = network_roles_open(&s->roles, &s->conf, why);
	if (rc == RC_OK && s->roles.mas.ops != NULL) {
		s->roles.mas.ops->watch(s->roles.mas.self, &s->watcher);
		s->watching = true;
	}
	if (rc == RC_OK)
		rc = resume_local(s, why);
	if (rc == RC_OK)
		rc = open_mid(s);
	if (rc == RC_OK)
		rc = issuers_new(&(struct issuers_conf){ .sec = &s->conf, .sources = &s->sources },
		                 &s->issuers, why);
	if (rc == RC_OK)
		rc = psk_front_new(&(struct psk_front_conf){ .mid = s->mid,
		                                             .app = issuers_psk,
		                                             .app_arg = s->issuers,
		                                             .sources = &s->sources },
		                   &s->psk);
	if (rc != RC_OK)
		return rc;
	network_access_init(s);
	s->guard = sec_guard_new(
		&(struct sec_guard_conf){ .mid = s->mid,
	                                  .live = s->live,
	                                  .mas = s->roles.mas.ops == NULL ? NULL : &s->roles.mas,
	                                  .issuers = s->issuers,
	                                  .edge = s->conf.edge,
	                                  .geo = s->conf.geo });
	s->credentials = node_credentials_new(s->live, s->conf.static_credentials);
	return s->guard == NULL || s->credentials == NULL ? RC_UNAVAILABLE : RC_OK;
}

static enum rc
network_open(const struct sec_conf *conf, struct sec **sec, char why[SEC_WHY_MAX])
{
	struct sec *s = calloc(1, sizeof(*s));
	enum rc rc;

	*sec = NULL;
	if (s == NULL)
		return RC_UNAVAILABLE;
	s->conf = *conf;
	s->resuming.sec = s;
	watchers_init(&s->watchers);
	pthread_mutex_init(&s->resuming.lock, NULL);
	pthread_cond_init(&s->resuming.changed, NULL);
	if (conf->open_on_loopback)
		LOG_WARN(conf->log, "mid-is-open-on-loopback",
		         LOG_Z("meaning", "any process of this host can act as any SCL"));
	rc = open_parts(s, why);
	if (rc != RC_OK) {
		if (why[0] == '\0')
			snprintf(why, SEC_WHY_MAX, "security: %s", status_of(rc)->text);
		network_close(s);
		return rc;
	}
	*sec = s;
	return RC_OK;
}

static const struct guard *
network_guard(struct sec *s)
{
	return sec_guard_of(s->guard);
}

static const struct psk_source *
network_psk(struct sec *s)
{
	return psk_front_source(s->psk);
}

static const struct sec_access *
network_access(struct sec *s)
{
	return &s->access;
}

static enum rc
network_credential(void *arg, struct slice url, struct credential **out)
{
	struct sec *s = arg;
	struct credential *agreed = authorities_find(s->authorities, url);

	*out = agreed == NULL ? NULL : credential_ref(agreed);
	if (agreed != NULL)
		return RC_OK;
	return node_credentials_find(s->credentials, url, out);
}

/*
 * What goes to a node goes by its service connection: never in clear, and as an object when bodies
 * are to be (the key of the session is network_credential's). Nothing goes to one that has none, or
 * while it is not known whose the host is.
 */
static enum rc
network_protect(void *arg, struct exchange *ex)
{
	struct sec *s = arg;
	struct mas_connection conn;
	struct object_exchange *x;
	enum rc rc;

	ex->protection = NULL;
	/* What a capability has agreed on with that peer is in network_credential. */
	if (authorities_find(s->authorities, ex->url) != NULL)
		return RC_OK;
	rc = node_credentials_connection(s->credentials, ex->url, &conn);
	if (rc == RC_NOT_FOUND || (rc == RC_DENIED && s->conf.open_on_loopback))
		return RC_OK;
	if (rc != RC_OK)
		return RC_UNAVAILABLE;
	if (!s->conf.open_on_loopback && !uri_is_secure(ex->url))
		return RC_UNAVAILABLE;
	if (!object_exchange_wanted(&conn, ex))
		return RC_OK;
	x = malloc(sizeof(*x));
	if (x == NULL)
		return RC_UNAVAILABLE;
	rc = object_exchange_seal(s->live, &conn, OBJ_N2D, ex, x);
	if (rc == RC_OK)
		ex->protection = x;
	else
		free(x);
	return rc;
}

static void
network_unprotect(void *arg, struct exchange *ex)
{
	struct object_exchange *x = ex->protection;

	(void)arg;
	ex->protection = NULL;
	if (x == NULL)
		return;
	object_exchange_open(x, ex);
	object_exchange_take_back(x, ex);
	free(x);
}

static enum rc
network_attach(struct sec *s, struct scl *scl, char why[SEC_WHY_MAX])
{
	const struct conn_conf conf = {
		.mid = s->mid, .live = s->live, .mas = &s->roles.mas, .sec = &s->conf
	};
	enum rc rc = RC_OK;

	s->scl = scl;
	mid_attach(s->mid, scl);
	sec_guard_attach(s->guard, scl);
	node_credentials_attach(s->credentials, scl);
	if (s->roles.mas.ops != NULL)
		rc = conn_endpoints_add(&conf, scl, &s->endpoints);
	if (rc == RC_OK)
		rc = kma_add(&(struct kma_conf){ .sec = &s->conf,
		                                 .issuers = s->issuers,
		                                 .network = s->live,
		                                 .edge = s->conf.edge },
		             scl, &s->kma, why);
	if (rc == RC_OK)
		rc = network_roles_attach(&s->roles, &s->conf, scl);
	if (rc == RC_OK)
		rc = network_load_attach(s);
	if (rc != RC_OK)
		snprintf(why, SEC_WHY_MAX, "security cannot be served: %s", status_of(rc)->text);
	return rc;
}

/* On the courier thread, as the look-ups of credentials. */
static void
tick(struct scl_task *task)
{
	struct sec *s = (struct sec *)(void *)((char *)task - offsetof(struct sec, tick));

	if (atomic_load(&s->stopping))
		return;
	resume_remote(s);
	mid_tell_use(s->mid);
	node_credentials_purge(s->credentials);
	if (++s->ticks % TICKS_TO_FORGET == 0)
		live_forget(s->live);
	scl_post(s->scl, task, TICK);
}

/* Applications outside get keys below those of nodes: who has got which is kept. */
static enum rc
start_kma(struct sec *s, char why[SEC_WHY_MAX])
{
	char dir[BOOK_PATH_MAX];
	struct key seal;
	enum rc rc;

	if (s->conf.edge == NULL || s->conf.edge->gate == NULL)
		return RC_OK;
	rc = s->access.book(s->access.arg, "kmaedge", &seal, dir, sizeof(dir));
	if (rc == RC_OK || rc == RC_NOT_FOUND)
		rc = kma_open_edge(s->kma, rc == RC_OK ? dir : NULL, &seal, why);
	else
		snprintf(why, SEC_WHY_MAX, "the key store: %s", status_of(rc)->text);
	key_wipe(&seal);
	return rc;
}

static enum rc
network_start(struct sec *s, char why[SEC_WHY_MAX])
{
	enum rc rc = start_kma(s, why);

	if (rc != RC_OK)
		return rc;
	network_roles_start(&s->roles, s->scl);
	overload_start(s->overload, s->scl);
	/* Only who serves them asks for connections: a process that is the MSBF alone may not. */
	if (s->roles.remote != NULL && s->conf.network.nscl)
		resume(s);
	s->tick.run = tick;
	scl_post(s->scl, &s->tick, TICK);
	return RC_OK;
}

static void
network_reload(struct sec *s, const struct sec_rate *rate, const struct mas_limits *limits)
{
	live_set_rate(s->live, rate->rate, rate->burst);
	issuers_reload(s->issuers);
	network_roles_reload(&s->roles, limits);
	if (s->endpoints != NULL)
		conn_endpoints_set_overlap(s->endpoints, limits->kmc_overlap);
}

static void
network_stop(struct sec *s)
{
	atomic_store(&s->stopping, true);
	overload_stop(s->overload);
	mid_tell_use(s->mid);
	kma_stop(s->kma);
	network_roles_stop(&s->roles);
}

static void
network_close(struct sec *s)
{
	conn_endpoints_free(s->endpoints);
	node_credentials_free(s->credentials);
	sec_guard_free(s->guard);
	kma_free(s->kma);
	psk_front_free(s->psk);
	issuers_free(s->issuers);
	mid_free(s->mid);
	if (s->watching)
		s->roles.mas.ops->unwatch(s->roles.mas.self, &s->watcher);
	network_roles_close(&s->roles);
	network_load_close(s);
	live_free(s->live);
	node_keys_close(s->keys);
	authorities_free(s->authorities);
	watchers_fini(&s->watchers);
	pthread_cond_destroy(&s->resuming.changed);
	pthread_mutex_destroy(&s->resuming.lock);
	free(s);
}

const struct sec_ops sec_network = {
	.open = network_open,
	.guard = network_guard,
	.psk = network_psk,
	.access = network_access,
	.credential = network_credential,
	.protect = network_protect,
	.unprotect = network_unprotect,
	.attach = network_attach,
	.start = network_start,
	.reload = network_reload,
	.stop = network_stop,
	.close = network_close,
};
