/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "rest_bed.h"

#include <stdio.h>
#include <stdlib.h>

#define URI "https://mas.example.net:8446/mas/v1"

struct world w;
const struct slice nscl_uri = SLICE_INIT("urn:m2m:role:nscl");
const struct slice gw_uri = SLICE_INIT("urn:m2m:role:gw");
const struct slice *rest_role = &nscl_uri;
const struct slice msbf_uri = SLICE_INIT("urn:m2m:role:msbf");
const struct slice dns = SLICE_INIT("nscl1.example.net");

/* ---- the network ---- */

static const char *
keep(char *body)
{
	char **place = &w.bodies[w.at++ % ANSWERS];

	free(*place);
	*place = body;
	return body;
}

/* The test's own long poll: answered at once, but late. */
static void
target_of(const struct exchange *ex, char *out, size_t size)
{
	char *wait;

	ck_assert(slice_starts(ex->url, SLICE_LIT("https://mas.example.net:8446/")));
	snprintf(out, size, "%.*s", (int)ex->url.n - 28, ex->url.p + 28);
	wait = strstr(out, "wait=30");
	if (wait != NULL)
		memcpy(wait, "wait=00", 7);
}

/* The answer is made, and comes after the feed has told what has happened since. */
static const _Atomic bool *
hold(const struct exchange *ex)
{
	const char *during = atomic_load(&w.during);
	size_t n = during == NULL ? 0 : strlen(during);

	if (during == NULL || ex->url.n < n || memcmp(ex->url.p + ex->url.n - n, during, n) != 0)
		return NULL;
	atomic_store(&w.during, NULL);
	atomic_store(&w.held, true);
	ck_assert_int_eq(bed_show(&w.mas, &w.meanwhile.node), RC_OK);
	w.meanwhile.connection = w.mas.conns[0].id;
	ck_assert_int_eq(bed_change(&w.mas, &w.meanwhile), RC_OK);
	atomic_store(&w.news_held, false);
	return &w.held;
}

static const _Atomic bool *
hold_news(const char *body)
{
	/* Not a poll of before: nothing would be asked after it. */
	if (!atomic_load(&w.news_held) || strstr(body, "\"ended\":[{") == NULL)
		return NULL;
	atomic_fetch_add(&w.news, 1);
	return &w.news_held;
}

static struct port_answer
carry_locked(const struct exchange *ex)
{
	char target[512], method[8], *body = NULL;
	bool reads = slice_is(ex->method, "GET");
	bool provision = (!reads && memmem(ex->url.p, ex->url.n, "/nodes", 6) != NULL) ||
	                 memmem(ex->url.p, ex->url.n, "/verdict", 8) != NULL;
	struct asker who = asker_certified(SERVE_MAS, provision ? &msbf_uri : rest_role, &dns);
	bool poll = memmem(ex->url.p, ex->url.n, "wait=30", 7) != NULL;
	enum weather weather = atomic_load(&w.weather);
	struct told t;

	atomic_fetch_add(&w.exchanges, 1);
	if (weather == REFUSED || weather == STUCK)
		return (struct port_answer){ .status = weather == STUCK ? ANSWER_NEVER : ANSWER_REFUSED };
	if (weather == RUBBISH)
		return (struct port_answer){ .status = 200, .body = "{\"keys\":[{}],\"upTo\":-3}",
			                     .delay = 5000 };
	target_of(ex, target, sizeof(target));
	snprintf(method, sizeof(method), "%.*s", (int)ex->method.n, ex->method.p);
	if (ex->body.n > 0) {
		body = calloc(1, ex->body.n + 1);
		memcpy(body, ex->body.p, ex->body.n);
	}
	t = ask(&w.core, &who, method, target, "application/json", body);
	free(body);
	return (struct port_answer){ .status = t.status, .body = keep(t.body),
		                     .delay = poll ? 20000 : 0,
		                     .held = poll ? hold_news(t.body) : hold(ex) };
}

static struct port_answer
carry(void *arg, const struct exchange *ex)
{
	struct port_answer a;

	(void)arg;
	pthread_mutex_lock(&w.network);
	a = carry_locked(ex);
	pthread_mutex_unlock(&w.network);
	return a;
}

void
network_down(void)
{
	pthread_mutex_lock(&w.network);
	atomic_store(&w.weather, REFUSED);
	pthread_mutex_unlock(&w.network);
}

/* Ends of before may be told late. Courier, as hold. */
static bool
is_meanwhile(const struct node_id *node, uint64_t id)
{
	return atomic_load(&w.held) &&
	       (id == 0 ? node_id_eq(node, &w.meanwhile.node) : id == w.meanwhile.connection);
}

static void
told_revoked(struct mas_watcher *watcher, const struct node_id *node, uint64_t id, enum mas_why why)
{
	(void)watcher;
	(void)why;
	if (id == 0)
		atomic_fetch_add(&w.told_node, 1);
	else
		atomic_store(&w.last_told, id);
	atomic_fetch_add(&w.told, 1);
	if (is_meanwhile(node, id))
		atomic_store(&w.held, false);
}

static void
told_keys(struct mas_watcher *watcher)
{
	(void)watcher;
	atomic_fetch_add(&w.fed, 1);
}

static void
told_lost(struct mas_watcher *watcher)
{
	(void)watcher;
	atomic_fetch_add(&w.told_lost, 1);
}

static bool
was_fed(void *arg)
{
	(void)arg;
	return atomic_load(&w.fed) > 0;
}

/* ---- life ---- */

void
start_remote(void)
{
	const struct mas_remote_conf conf = { .uri = URI "/", .feeds = true,
		                              .clock = &w.mas.clock.clock, .log = w.core.log };

	ck_assert_int_eq(mas_remote_open(&conf, &w.remote), RC_OK);
	w.far = mas_of_remote(w.remote);
	w.watcher.revoked = told_revoked;
	w.watcher.keys = told_keys;
	w.watcher.lost = told_lost;
	w.far.ops->watch(w.far.self, &w.watcher);
	mas_remote_start(w.remote, w.core.scl);
}

void
rest_setup(void)
{
	struct mas_rest_conf conf;

	memset(&w, 0, sizeof(w));
	pthread_mutex_init(&w.network, NULL);
	core_init(&w.core);
	port_fake_set(carry, NULL);
	core_start(&w.core);
	bed_make(&w.mas, 0);
	bed_open(&w.mas);
	conf = (struct mas_rest_conf){ .mas = w.mas.m };
	ck_assert_int_eq(mas_rest_open(&conf, &w.rest), RC_OK);
	ck_assert_int_eq(mas_rest_attach(w.rest, w.core.scl), RC_OK);
	start_remote();
	ck_assert(core_await(was_fed, NULL));
}

void
rest_teardown(void)
{
	w.far.ops->unwatch(w.far.self, &w.watcher);
	mas_remote_stop(w.remote);
	network_down();
	mas_rest_stop(w.rest);
	core_stop(&w.core);
	core_fini(&w.core);
	mas_remote_close(w.remote);
	mas_rest_close(w.rest);
	bed_free(&w.mas);
	for (unsigned i = 0; i < ANSWERS; i++)
		free(w.bodies[i]);
	pthread_mutex_destroy(&w.network);
}

/* ---- calls ---- */

#define FAR_CALL(function, type, op)                                                               \
	static void function##_done(type *c)                                                       \
	{                                                                                          \
		bed_over(c->owner);                                                                \
	}                                                                                          \
	enum rc function(type *c)                                                                  \
	{                                                                                          \
		static struct bed_call call;                                                       \
                                                                                                   \
		call = (struct bed_call){ .b = &w.mas };                                           \
		c->owner = &call;                                                                  \
		c->done = function##_done;                                                         \
		op;                                                                                \
		bed_wait(&call);                                                                   \
		return c->outcome.rc;                                                              \
	}

FAR_CALL(far_connect, struct mas_connect, w.far.ops->connect(w.far.self, c))
FAR_CALL(far_end, struct mas_end, w.far.ops->end(w.far.self, c))
FAR_CALL(far_report, struct mas_report, w.far.ops->report(w.far.self, c))
FAR_CALL(far_provision, struct mas_provision, w.far.ops->provision(w.far.self, c))
FAR_CALL(far_live, struct mas_live, w.far.ops->live(w.far.self, c))
FAR_CALL(far_change, struct mas_change,
         msbf_mas_of_remote(w.remote).change(msbf_mas_of_remote(w.remote).self, c))
FAR_CALL(far_verdict, struct mas_verdict,
         msbf_mas_of_remote(w.remote).verdict(msbf_mas_of_remote(w.remote).self, c))

/* ---- the audit ---- */

struct looking {
	struct bed_call call;
	const char *action, *actor;
	unsigned found;
};

static void
looking_begin(struct mas_audit_page *p)
{
	((struct looking *)p->owner)->found = 0;
}

static void
looking_row(struct mas_audit_page *p, const struct audit_row *row)
{
	struct looking *l = p->owner;

	l->found += slice_is(row->entry.action, l->action) && slice_is(row->entry.actor, l->actor);
}

static void
looking_done(struct mas_audit_page *p)
{
	bed_over(&((struct looking *)p->owner)->call);
}

unsigned
audited(const char *action, const char *actor)
{
	struct looking l = { .call = { .b = &w.mas }, .action = action, .actor = actor };
	struct mas_audit_page p = { .begin = looking_begin, .row = looking_row,
		                    .done = looking_done, .owner = &l };

	mas_audit_page(w.mas.m, &p);
	bed_wait(&l.call);
	ck_assert_int_eq(p.outcome.rc, RC_OK);
	return l.found;
}
