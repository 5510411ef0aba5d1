/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection is made after the other: each gives way when the next one stands. The credential
 * of session B is counted, so an exchange that is under way keeps that which it began with.
 */
#include "config.h"

#include "cap/sec/connector.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/times.h"
#include "base/uri.h"
#include "cap/sec/bootstrapper.h"
#include "cap/sec/connector_impl.h"
#include "cap/sec/integrity.h"
#include "cap/sec/secure_name.h"
#include "sec/jose.h"

/* Both clocks are looked at at least as often. */
#define TICK (30 * CLOCK_SECOND)
/* Kmc protects so many requests and octets at most; the connection is renewed before. */
#define REQUESTS_MAX (UINT64_C(1) << 24)
#define OCTETS_MAX (UINT64_C(64) << 30)
/* What still comes on the older connection is from the time of the change. */
#define OVERLAP (60 * CLOCK_SECOND)
/* A TLS session is not used for longer. */
#define SESSION_MAX (86400 * CLOCK_SECOND)
/*
 * A server that does not know a key may end the handshake without a word, and so does a network
 * that fails. After so many in a row it is taken for the former.
 */
#define CUTS_MAX 3u

static void
tell(struct connector *c, bool up)
{
	const struct gate_listener *l = c->n->listener;

	if (l != NULL)
		l->changed(l->owner, c->base, up);
}

/* ---- keys of session B ---- */

static bool
make_psk(const struct key *kmc, const struct mas_connection *conn, enum psk_tls tls,
         struct credential_psk *out)
{
	const struct psk_id id = { .kind = PSK_MC, .tls = tls, .index = conn->kmc_index,
		                   .connection = conn->id };

	return psk_id_format(&id, out->identity) > 0 &&
	       psk_mc(kmc, tls, conn->id, conn->kmc_index, &out->key) == RC_OK;
}

static struct credential *
session_credential(const struct key *kmc, const struct mas_connection *conn)
{
	struct credential_psk tls13, tls12;
	struct credential *c = NULL;

	if (make_psk(kmc, conn, PSK_TLS_1_3, &tls13) && make_psk(kmc, conn, PSK_TLS_1_2, &tls12))
		c = credential_psk(&tls13, (conn->flags & MAS_TLS13) != 0 ? NULL : &tls12);
	key_wipe(&tls13.key);
	key_wipe(&tls12.key);
	return c;
}

/* ---- time ---- */

/* Up to permille of base, by chance. */
static int64_t
by_chance(int64_t base, int64_t permille)
{
	uint32_t v = 0;

	(void)secret_random(&v, sizeof(v));
	return base / 1000 * permille / 1000 * (int64_t)(v % 1001);
}

/* The connection ends when either clock says so. */
static void
set_limits(struct connector *c, int64_t lifetime, int64_t left)
{
	int64_t mono = clock_monotonic(), used = lifetime - left;
	int64_t renew = lifetime / 10 * 8 - by_chance(lifetime, c->n->conf->renew_jitter);

	c->wall_end = node_now(c->n) + left;
	c->mono_end = mono + left;
	c->mono_renew = mono + (renew > used ? renew - used : 0);
	c->session_begin = mono;
}

static bool
is_over(const struct connector *c)
{
	return clock_monotonic() >= c->mono_end || node_now(c->n) >= c->wall_end;
}

static bool
is_used_up(const struct connector *c)
{
	struct live_use use;

	return live_used(c->n->live, c->conn.id, &use) &&
	       (use.requests >= REQUESTS_MAX / 10 * 8 || use.octets >= OCTETS_MAX / 10 * 8);
}

static void
post(struct connector *c, int64_t delay)
{
	if (!node_stopping(c->n))
		scl_post(c->n->scl, &c->task, delay < 0 ? 0 : delay);
}

/* When it is to be looked at again. */
static void
post_tick(struct connector *c)
{
	int64_t left = c->mono_renew - clock_monotonic();

	post(c, left < TICK ? left : TICK);
}

/* ---- down and up ---- */

static void
set_connection(struct connector *c, const struct mas_connection *conn)
{
	pthread_mutex_lock(&c->n->shared);
	c->conn = *conn;
	pthread_mutex_unlock(&c->n->shared);
}

static void
go_down(struct connector *c)
{
	credential_unref(c->credential);
	c->credential = NULL;
	if (c->conn.id != 0)
		live_end(c->n->live, c->conn.id, LIVE_ENDED);
	set_connection(c, &(struct mas_connection){ 0 });
	c->up = false;
	c->cuts = 0;
}

/* The connection stands; kmc is its key. The one before is still good for what is under way. */
bool
connector_up(struct connector *c, const struct node_link *link, int64_t left)
{
	struct mas_connection conn = link->conn;
	struct credential *credential = session_credential(&link->conn.kmc, &conn);
	bool was_good = c->up && !c->lost;

	conn.expires = node_now(c->n) + left;
	if (credential == NULL || live_put(c->n->live, &conn) != RC_OK) {
		credential_unref(credential);
		key_wipe(&conn.kmc);
		return false;
	}
	key_wipe(&conn.kmc);
	live_allow_objects(c->n->live, conn.id, 1, JOSE_SEQ_MAX);
	if (c->conn.id != 0)
		live_end_at(c->n->live, c->conn.id, node_now(c->n) + OVERLAP);
	credential_unref(c->credential);
	c->credential = credential;
	set_connection(c, &conn);
	c->up = true;
	c->lost = false;
	c->cuts = 0;
	set_limits(c, link->lifetime, left);
	post_tick(c);
	if (!was_good)
		tell(c, true);
	return true;
}

/* ---- when to try ---- */

/* The next attempt after a failure; what waits at the gate is told. */
void
connector_failed(struct connector *c, int64_t least, struct slice retry_after)
{
	const struct sec_conf *conf = c->n->conf;
	int64_t delay;

	c->busy = false;
	c->failures++;
	delay = node_backoff(conf->bootstrap.retry, conf->bootstrap.retry_max, c->failures,
	                     retry_after);
	c->pausing = true;
	post(c, delay > least ? delay : least);
	if (!c->up)
		tell(c, false);
}

/* A root is getting old: the next one is fetched while it is still good. */
static bool
root_is_old(const struct sec *n)
{
	return node_now(n) > n->root.expires - (n->root.expires - n->root.created) / 10;
}

static void
attempt(struct connector *c)
{
	struct sec *n = c->n;

	if (c->busy || node_stopping(n))
		return;
	c->pausing = false;
	if (node_has_root(n) && n->boot != NULL && root_is_old(n))
		bootstrapper_need(n->boot);
	if (!node_has_root(n) || n->root.expires <= node_now(n)) {
		c->waiting = true;
		if (n->boot != NULL)
			bootstrapper_need(n->boot);
		else
			LOG_ERROR(n->conf->log, "no-credentials", LOG_Z("nscl", c->base),
			          LOG_Z("note", "import new ones, or configure bootstrap.msbf"));
		return;
	}
	if (n->integrity != NULL && !integrity_is_known(n->integrity)) {
		c->waiting = true;
		return;
	}
	c->waiting = false;
	c->busy = true;
	connector_session(c);
}

void
connector_again(struct connector *c)
{
	c->busy = false;
	attempt(c);
}

/* Session B could be made: whoever waits is told. */
static void
is_back(struct connector *c)
{
	c->cuts = 0;
	if (!c->busy) {
		c->pausing = false;
		post_tick(c);
	}
	tell(c, true);
}

/* The key is not good any more. Once without delay; if that does not help, with growing ones. */
static void
replace(struct connector *c)
{
	c->cuts = 0;
	if (c->retried) {
		connector_failed(c, 0, SLICE_NONE);
		return;
	}
	c->retried = true;
	attempt(c);
}

/* The same key is tried again, which is what a network that has failed wants. */
static void
count_cut(struct connector *c)
{
	if (++c->cuts < CUTS_MAX)
		connector_failed(c, 0, SLICE_NONE);
	else
		replace(c);
}

/* What the answer says, connector_hear has heard. */
static void
probe_done(struct exchange *ex)
{
	struct connector *c = ex->owner;
	bool refused = ex->tls_refused, cut = ex->tls_failed;

	node_exchange_end(ex);
	c->busy = false;
	if (node_stopping(c->n) || c->waiting)
		return;
	if (!c->up || refused)
		replace(c);
	else if (!c->lost)
		is_back(c);
	else if (cut)
		count_cut(c);
	else
		/* There is nobody: that says nothing about the key. */
		connector_failed(c, 0, SLICE_NONE);
}

/* A session B for its own sake. */
static void
probe(struct connector *c)
{
	arena_reset(c->arena);
	c->busy = true;
	c->pausing = false;
	c->ex = (struct exchange){ .method = SLICE_LIT("GET"),
		                   .url = arena_printf(c->arena, "%s/connections/self", c->base),
		                   .timeout_ms = NODE_TIMEOUT_MS,
		                   .answer_max = NODE_ANSWER_MAX,
		                   .done = probe_done,
		                   .owner = c };
	scl_send(c->n->scl, &c->ex);
}

static bool
is_due(const struct connector *c)
{
	return clock_monotonic() >= c->mono_renew || is_used_up(c);
}

/* The same key on another TLS session. */
static void
refresh(struct connector *c)
{
	struct credential *fresh = NULL;
	struct key kmc;

	if (live_kmc(c->n->live, c->conn.id, c->conn.kmc_index, &kmc))
		fresh = session_credential(&kmc, &c->conn);
	key_wipe(&kmc);
	if (fresh == NULL)
		return;
	credential_unref(c->credential);
	c->credential = fresh;
	c->session_begin = clock_monotonic();
}

static void
look_after(struct connector *c)
{
	if (clock_monotonic() - c->session_begin >= SESSION_MAX)
		refresh(c);
	post_tick(c);
}

static void
run(struct scl_task *task)
{
	struct connector *c =
		(struct connector *)(void *)((char *)task - offsetof(struct connector, task));

	if (node_stopping(c->n))
		return;
	if (c->up && is_over(c)) {
		LOG_WARN(c->n->conf->log, "service-connection-over", LOG_Z("nscl", c->base));
		go_down(c);
	}
	if (c->busy || c->waiting)
		return;
	if (!c->up || is_due(c))
		attempt(c);
	else if (c->cuts > 0)
		probe(c);
	else if (c->pausing)
		attempt(c);
	else
		look_after(c);
}

/* ---- from outside ---- */

bool
connector_want(struct connector *c)
{
	if (c->up)
		return true;
	if (!c->busy && !c->waiting && !c->pausing)
		attempt(c);
	return false;
}

void
connector_renew(struct connector *c)
{
	if (c->up)
		c->mono_renew = clock_monotonic();
	connector_look(c);
}

void
connector_look(struct connector *c)
{
	if (!c->busy && !c->waiting && !c->pausing)
		post(c, 0);
}

void
connector_go_on(struct connector *c)
{
	if (!c->waiting)
		return;
	c->waiting = false;
	connector_begin(c);
	if (!c->up && !c->waiting)
		attempt(c);
}

void
connector_drop(struct connector *c)
{
	bool was_up = c->up;

	go_down(c);
	c->waiting = true;
	if (was_up)
		tell(c, false);
}

static void
hear_good(struct connector *c)
{
	/* Who is good only for a moment does not get an attempt at once each time. */
	if (clock_monotonic() - c->session_begin >= c->n->conf->bootstrap.retry)
		c->retried = false;
	c->lost = false;
	if (c->cuts > 0 && !c->busy)
		is_back(c);
	if (!c->pausing)
		c->failures = 0;
}

/* Who can put words into the NSCL's mouth costs a session A in each bootstrap.retry_max at most. */
static void
hear_doubt(struct connector *c)
{
	int64_t renew = c->session_begin + c->n->conf->bootstrap.retry_max;

	if (renew < c->mono_renew)
		c->mono_renew = renew;
	if (!c->busy && !c->waiting && !c->pausing)
		post_tick(c);
}

void
connector_hear(struct connector *c, uint64_t id, enum connector_news news)
{
	static const char *const why[] = { [CONNECTOR_REFUSED] = "the NSCL says so",
		                           [CONNECTOR_NO_KEY] = "the key is refused",
		                           [CONNECTOR_CUT] = "no TLS session" };
	bool waits_for_cut = c->cuts > 0 && !c->busy;

	if (id != c->conn.id || id == 0)
		return;
	if (news == CONNECTOR_GOOD) {
		hear_good(c);
		return;
	}
	if (news == CONNECTOR_DOUBTED) {
		hear_doubt(c);
		return;
	}
	if (news != CONNECTOR_CUT || !c->lost)
		LOG_WARN(c->n->conf->log, "service-connection-lost", LOG_Z("nscl", c->base),
		         LOG_Z("why", why[news]));
	c->lost = true;
	if (news == CONNECTOR_REFUSED)
		go_down(c);
	if (c->busy || c->waiting || (c->pausing && (news == CONNECTOR_CUT || !waits_for_cut)))
		return;
	if (news == CONNECTOR_CUT)
		count_cut(c);
	else
		replace(c);
}

struct credential *
connector_credential(const struct connector *c)
{
	return c->credential == NULL || is_over(c) ? NULL : credential_ref(c->credential);
}

uint64_t
connector_id(const struct connector *c)
{
	return c->conn.id;
}

/* ---- names and life ---- */

/* Numbers of objects and tags are not kept: a connection that counts them goes with the process. */
static bool
counts(const struct mas_connection *conn)
{
	return (conn->flags & (MAS_OBJECT | MAS_ACCESS_NETWORK | MAS_OBJECT_JWE)) != 0;
}

/* It goes on as far as the clock can be believed. */
void
connector_restore(struct connector *c)
{
	struct node_link link;
	int64_t left;

	if (node_has_root(c->n) && node_keys_link(c->n->keys, c->name, &link) == RC_OK) {
		left = link.conn.expires - node_now(c->n);
		left = left < link.lifetime ? left : link.lifetime;
		if (left > 0 && !counts(&link.conn) &&
		    node_id_eq(&link.conn.node, &c->n->root.node) &&
		    strcmp(link.conn.scl_id, c->n->conf->scl_id) == 0)
			c->kept = left;
		if (c->kept > 0)
			*c->link = link;
	}
	key_wipe(&link.conn.kmc);
}

struct connector *
connector_new(struct sec *n, const char *base)
{
	struct connector *c = calloc(1, sizeof(*c));
	struct uri u;

	if (c == NULL || (c->link = secret_alloc(sizeof(*c->link))) == NULL ||
	    (c->arena = arena_new(1u << 18)) == NULL || strlen(base) > NODE_URI_MAX ||
	    !secure_name(slice_of(base), c->name, &u)) {
		if (c != NULL)
			connector_free(c);
		return NULL;
	}
	c->n = n;
	snprintf(c->base, sizeof(c->base), "%s", base);
	(void)uri_parse(slice_of(c->base), &u);
	c->host = u.host;
	c->task.run = run;
	buf_init(&c->body, 4096);
	return c;
}

void
connector_begin(struct connector *c)
{
	/* Whoever registers on it reports what was measured, so that comes first. */
	if (c->kept > 0 && c->n->integrity != NULL && !integrity_is_known(c->n->integrity)) {
		c->waiting = true;
		return;
	}
	if (c->kept > 0 && !connector_up(c, c->link, c->kept))
		LOG_ERROR(c->n->conf->log, "service-connection", LOG_Z("nscl", c->base),
		          LOG_Z("reason", "what was kept cannot be used"));
	else if (c->kept > 0)
		LOG_INFO(c->n->conf->log, "service-connection-kept", LOG_Z("nscl", c->base),
		         LOG_N("left_s", c->kept / CLOCK_SECOND));
	c->kept = 0;
	key_wipe(&c->link->conn.kmc);
}

void
connector_free(struct connector *c)
{
	credential_unref(c->credential);
	credential_unref(c->root_credential);
	secret_free(c->link, sizeof(*c->link));
	arena_free(c->arena);
	buf_fini(&c->body);
	free(c);
}

bool
connector_is_for(const struct connector *c, struct slice url)
{
	char name[NODE_NAME_MAX + 1];
	struct uri u;

	return secure_name(url, name, &u) && strcmp(name, c->name) == 0;
}

/* ---- the way without TLS ---- */

static bool
clear_uri(struct slice url, struct uri *u)
{
	return uri_parse(url, u) && u->scheme.n == 4 && strncasecmp(u->scheme.p, "http", 4) == 0;
}

static bool
same_text(struct slice a, struct slice b)
{
	return a.n == b.n && strncasecmp(a.p, b.p, a.n) == 0;
}

bool
connector_add_clear(struct connector *c, const char *uri)
{
	struct uri u;

	if (!clear_uri(slice_of(uri), &u) || !same_text(u.host, c->host) ||
	    u.authority.n >= sizeof(c->clear))
		return false;
	snprintf(c->clear, sizeof(c->clear), "%.*s", (int)u.authority.n, u.authority.p);
	return true;
}

bool
connector_is_clear(const struct connector *c, struct slice url)
{
	struct uri u;

	return c->clear[0] != '\0' && clear_uri(url, &u) &&
	       same_text(u.authority, slice_of(c->clear));
}
