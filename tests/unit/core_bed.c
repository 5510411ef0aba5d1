/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "core_bed.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/scl_impl.h"
#include "suite.h"

static struct {
	struct store *kept;
	_Atomic unsigned fail_permille;
	_Atomic uint64_t commits, writes;
} under;

static bool call_alive(void *arg);

static const struct req_listener listener = { .serve = SERVE_MIA | SERVE_MID,
	                                      .alive = call_alive };

/* ---- the engine ---- */

static enum rc
engine_open(const struct store_conf *conf, struct store **st, char why[256])
{
	if (under.kept == NULL)
		return store_memory.open(conf, st, why);
	*st = under.kept;
	return RC_OK;
}

static void
engine_close(struct store *st)
{
	under.kept = st;
}

static enum rc
engine_commit(struct txn *txn)
{
	uint64_t n = atomic_fetch_add(&under.commits, 1) * UINT64_C(0x9e3779b97f4a7c15);

	if ((n >> 40) % 1000 >= atomic_load(&under.fail_permille))
		return store_memory.commit(txn);
	store_memory.abort(txn);
	return RC_UNAVAILABLE;
}

static enum rc
engine_begin(struct store *st, bool writable, struct txn **txn)
{
	if (writable)
		atomic_fetch_add(&under.writes, 1);
	return store_memory.begin(st, writable, txn);
}

uint64_t
core_writes(void)
{
	return atomic_load(&under.writes);
}

void
core_fail_commits(unsigned permille)
{
	atomic_store(&under.fail_permille, permille);
}

static const struct store_ops *
engine(void)
{
	static struct store_ops ops;

	if (ops.open == NULL) {
		ops = store_memory;
		ops.open = engine_open;
		ops.close = engine_close;
		ops.commit = engine_commit;
		ops.begin = engine_begin;
	}
	return &ops;
}

/* ---- life ---- */

static int64_t
bed_now(const struct clock *c)
{
	int64_t now = atomic_load(&((const struct core_clock *)(const void *)c)->now);

	return now != 0 ? now : clock_now(&clock_system);
}

void
core_init(struct core_bed *b)
{
	static const struct scl_permission all = { .id = "all", .flags = 31, .all = true };
	static const struct scl_access_right rights[] = {
		{ "default", &all, 1, &all, 1 },
	};

	*b = (struct core_bed){ .clock = { .clock = { bed_now } } };
	b->conf = (struct scl_conf){
		.id = "scl.example.org",
		.base = "m2m",
		.role = SCL_NSCL,
		.access_rights = rights,
		.n_access_rights = 1,
		.default_access_right = "default",
		.tolerate_unordered = true,
		.document = { 32, 65536, 32, 1u << 20 },
		.body_max = 1u << 20,
		.arena_max = 16u << 20,
		.answer_max = 4u << 20,
		.pending_max = 1000,
		.queue_max = 1000,
		.batch_max = 256,
		.collection_max = 1000,
		.discovery_max = 1000,
		.instances_max = 1000,
		.id_max = 64,
		.instances = { 20, 1, 0 },
		.bytes = { 0, 1, 0 },
		.age = { 0, CLOCK_SECOND, 0 },
		.lifetime = { 0, CLOCK_SECOND, 0 },
		.scl_lifetime = 3600 * CLOCK_SECOND,
		.subscriptions_per_resource = 1000,
		.subscriptions_total = 10000,
		.outbox_max = 1000000,
		.notify_instances = 16,
		.notify_bytes = 65536,
		.retry_first = 1000,
		.retry_max = 8000,
		.notify_timeout_ms = 20,
		.forward_timeout_ms = 1000,
		.poll_hold = 60 * CLOCK_SECOND,
		.polls_max = 1000,
		.channels_max = 8,
		.channel_queue = 32,
		.channel_bytes = 65536,
		.channels_bytes = 1u << 20,
	};
	atomic_store(&under.fail_permille, 0);
	b->log =
		getenv("TEST_LOG") != NULL ? log_new(STDERR_FILENO, "test", LOG_LEVEL_DEBUG) : NULL;
}

void
core_start(struct core_bed *b)
{
	static const struct port_ops *const ports[] = { &port_fake, NULL };
	static const char *const own[] = { "scl.example.org:8080", "alias.example.org:8080", NULL };
	const struct repo_conf rc = { .ops = b->path != NULL ? &store_lmdb : engine(),
		                      .cached_sequences = 8,
		                      .arena_max = b->conf.arena_max,
		                      .clock = &b->clock.clock,
		                      .store = { .path = b->path, .max_bytes = b->quota } };
	struct scl_parts parts = { .log = b->log,
		                   .clock = &b->clock.clock,
		                   .ports = ports,
		                   .guard = b->guard };
	char why[256] = "";

	ck_assert_msg(repo_open(&rc, &b->repo, why) == RC_OK, "%s", why);
	parts.repo = b->repo;
	if (b->hooks != NULL)
		parts.port = *b->hooks;
	parts.port.max_exchanges = 64;
	ck_assert_msg(scl_new(&b->conf, &parts, &b->scl, why) == RC_OK, "%s", why);
	b->halted = false;
	if (b->attach != NULL)
		b->attach(b->scl);
	ck_assert_int_eq(scl_start(b->scl, "http://scl.example.org:8080" BASE, own), RC_OK);
	if (!b->shut)
		scl_admit(b->scl);
}

static struct port_answer
refuse_all(void *arg, const struct exchange *ex)
{
	(void)arg;
	(void)ex;
	return (struct port_answer){ .status = 503 };
}

void
core_init_alone(struct core_bed *b)
{
	core_init(b);
	port_fake_set(refuse_all, NULL);
}

void
core_start_alone(struct core_bed *b)
{
	core_init_alone(b);
	core_start(b);
}

static void
finding(void *arg, const char *text)
{
	(void)arg;
	ck_abort_msg("repository: %s", text);
}

void
core_halt(struct core_bed *b)
{
	if (!b->halted)
		scl_stop(b->scl);
	b->halted = true;
}

void
core_stop(struct core_bed *b)
{
	core_halt(b);
	scl_free(b->scl);
	b->scl = NULL;
	ck_assert_int_eq(repo_check(b->repo, finding, NULL), RC_OK);
	repo_close(b->repo);
	b->repo = NULL;
}

void
core_fini(struct core_bed *b)
{
	if (b->scl != NULL)
		core_stop(b);
	if (under.kept != NULL)
		store_memory.close(under.kept);
	under.kept = NULL;
	log_free(b->log);
}

static bool
count(void *arg, struct slice key, struct slice val)
{
	(void)key;
	(void)val;
	++*(size_t *)arg;
	return true;
}

size_t
core_records(struct core_bed *b, char space)
{
	char from = space, to = (char)(space + 1);
	struct txn *txn;
	size_t n = 0;

	ck_assert_ptr_null(b->scl);
	ck_assert_int_eq(store_memory.begin(under.kept, false, &txn), RC_OK);
	ck_assert_int_eq(store_memory.scan(txn, slice_make(&from, 1), slice_make(&to, 1), false, 0,
	                                   count, &n),
	                 RC_OK);
	store_memory.abort(txn);
	return n;
}

/* ---- requests ---- */

static bool
call_alive(void *arg)
{
	const struct core_call *c = arg;

	return !atomic_load(&c->gone);
}

static void
call_done(struct req *rq, void *arg)
{
	struct core_call *c = arg;

	(void)rq;
	pthread_mutex_lock(&c->lock);
	c->done = true;
	pthread_cond_signal(&c->changed);
	pthread_mutex_unlock(&c->lock);
}

static enum req_op
op_of(const char *method)
{
	static const char *const names[] = { [REQ_CREATE] = "POST",
		                             [REQ_RETRIEVE] = "GET",
		                             [REQ_UPDATE] = "PUT",
		                             [REQ_DELETE] = "DELETE" };

	for (unsigned i = 0; i < NITEMS(names); i++)
		if (strcmp(names[i], method) == 0)
			return (enum req_op)i;
	ck_abort_msg("%s", method);
}

static void
fill(struct req *rq, const char *method, const char *target, const char *from, const char *type,
     const char *body)
{
	struct req_input *in = req_input(rq);
	struct arena *a = req_arena(rq);

	in->op = op_of(method);
	in->known_method = true;
	in->target = arena_copy(a, slice_of(target));
	in->host = SLICE_LIT("scl.example.org:8080");
	if (from != NULL)
		in->from = arena_copy(a, slice_of(from));
	if (type != NULL)
		in->content_type = arena_copy(a, slice_of(type));
	if (body != NULL)
		in->body = arena_copy(a, slice_of(body));
	in->has_length = true;
	in->content_length = in->body.n;
}

static bool
call_init(struct core_bed *b, struct core_call *c)
{
	const struct req_listener *at = b->listener == NULL ? &listener : b->listener;

	*c = (struct core_call){ .bed = b, .rq = req_new(b->scl, at) };
	if (c->rq == NULL)
		return false;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->changed, NULL);
	return true;
}

void
core_ready(struct core_bed *b, struct core_call *c, const char *method, const char *target,
           const char *from, const char *type, const char *body)
{
	ck_assert(call_init(b, c));
	fill(c->rq, method, target, from, type, body);
	ck_assert_int_eq(req_admit(c->rq), RC_OK);
	ck_assert_int_eq(req_prepare(c->rq), RC_PENDING);
}

void
core_submit(struct core_call *c)
{
	req_submit(c->rq, call_done, c);
}

void
core_prepare_call(struct core_bed *b, struct core_call *c, const char *method, const char *target,
                  const char *from, const char *type, const char *body)
{
	ck_assert(call_init(b, c));
	fill(c->rq, method, target, from, type, body);
}

void
core_go(struct core_call *c)
{
	if (req_admit(c->rq) == RC_OK && req_prepare(c->rq) == RC_PENDING)
		req_submit(c->rq, call_done, c);
	else
		c->done = true;
}

bool
core_begin(struct core_bed *b, struct core_call *c, const char *method, const char *target,
           const char *from, const char *type, const char *body)
{
	if (!call_init(b, c))
		return false;
	fill(c->rq, method, target, from, type, body);
	core_go(c);
	return true;
}

bool
core_is_done(struct core_call *c)
{
	bool done;

	pthread_mutex_lock(&c->lock);
	done = c->done;
	pthread_mutex_unlock(&c->lock);
	return done;
}

static void
copy_text(char *to, size_t size, struct slice s)
{
	snprintf(to, size, "%.*s", (int)s.n, s.p == NULL ? "" : s.p);
}

struct reply
core_end(struct core_call *c)
{
	const struct req_answer *a;
	struct reply r;

	pthread_mutex_lock(&c->lock);
	while (!c->done)
		pthread_cond_wait(&c->changed, &c->lock);
	pthread_mutex_unlock(&c->lock);
	a = req_encode(c->rq);
	r = (struct reply){ .status = a->http_status, .body = calloc(1, a->body_len + 1) };
	ck_assert_ptr_nonnull(r.body);
	if (a->body_len > 0)
		memcpy(r.body, a->body, a->body_len);
	copy_text(r.location, sizeof(r.location), a->location);
	copy_text(r.allow, sizeof(r.allow), a->allow);
	copy_text(r.etag, sizeof(r.etag), a->etag);
	copy_text(r.reject, sizeof(r.reject), a->reject);
	r.retry_after = a->retry_after;
	r.no_store = a->no_store;
	if (!atomic_load(&c->gone))
		req_sent(c->rq);
	req_free(c->rq);
	pthread_mutex_destroy(&c->lock);
	pthread_cond_destroy(&c->changed);
	return r;
}

struct reply
core_ask(struct core_bed *b, const char *method, const char *target, const char *from,
         const char *body)
{
	struct core_call c;

	if (!core_begin(b, &c, method, target, from, body == NULL ? NULL : "application/xml",
	                body)) {
		struct reply none = { .status = 503, .body = calloc(1, 1) };

		return none;
	}
	return core_end(&c);
}

void
reply_fini(struct reply *r)
{
	free(r->body);
	r->body = NULL;
}

int
core_status(struct core_bed *b, const char *method, const char *target, const char *from,
            const char *body)
{
	struct reply r = core_ask(b, method, target, from, body);

	reply_fini(&r);
	return r.status;
}

int
core_do(struct core_bed *b, const char *method, const char *target, const char *fmt, ...)
{
	char body[8192];
	va_list ap;

	va_start(ap, fmt);
	ck_assert_int_lt(vsnprintf(body, sizeof(body), fmt, ap), (int)sizeof(body));
	va_end(ap);
	return core_status(b, method, target, ADMIN, body[0] == '\0' ? NULL : body);
}

void
core_app(struct core_bed *b, const char *id, const char *more)
{
	ck_assert_int_eq(core_do(b, "POST", BASE "/applications",
	                         "<m2m:application " NS " appId=\"%s\"><m2m:accessRightID>" BASE
	                         "/accessRights/default</m2m:accessRightID>%s</m2m:application>",
	                         id, more),
	                 201);
}

int
core_container(struct core_bed *b, const char *app, const char *id, const char *right,
               const char *more)
{
	char target[192], given[192] = "";

	snprintf(target, sizeof(target), BASE "/applications/%s/containers", app);
	if (right != NULL)
		snprintf(given, sizeof(given),
		         "<m2m:accessRightID>" BASE "/accessRights/%s</m2m:accessRightID>", right);
	return core_do(b, "POST", target,
	               "<m2m:container " NS " m2m:id=\"%s\">%s%s</m2m:container>", id, given, more);
}

int
core_post_text(struct core_bed *b, const char *target, const char *text)
{
	struct core_call c;
	struct reply r;

	if (!core_begin(b, &c, "POST", target, ADMIN, "text/plain", text))
		return 503;
	r = core_end(&c);
	reply_fini(&r);
	return r.status;
}

/* ---- the committer held ---- */

static enum rc
plug_run(struct job *job, struct rtx *tx)
{
	struct core_plug *p = (struct core_plug *)(void *)job;

	(void)tx;
	pthread_mutex_lock(&p->lock);
	p->entered = true;
	pthread_cond_broadcast(&p->changed);
	while (!p->go)
		pthread_cond_wait(&p->changed, &p->lock);
	pthread_mutex_unlock(&p->lock);
	return RC_OK;
}

static void
plug_done(struct job *job, enum rc rc)
{
	struct core_plug *p = (struct core_plug *)(void *)job;

	(void)rc;
	pthread_mutex_lock(&p->lock);
	p->done = true;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
}

void
core_plug(struct core_bed *b, struct core_plug *p)
{
	*p = (struct core_plug){
		.job = { .run = plug_run, .done = plug_done, .arena = arena_new(4096) }
	};
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->changed, NULL);
	ck_assert(committer_submit(b->scl->committer, &p->job));
	pthread_mutex_lock(&p->lock);
	while (!p->entered)
		pthread_cond_wait(&p->changed, &p->lock);
	pthread_mutex_unlock(&p->lock);
}

void
core_unplug(struct core_plug *p)
{
	pthread_mutex_lock(&p->lock);
	p->go = true;
	pthread_cond_broadcast(&p->changed);
	while (!p->done)
		pthread_cond_wait(&p->changed, &p->lock);
	pthread_mutex_unlock(&p->lock);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->changed);
	arena_free(p->job.arena);
}

bool
core_await(bool (*holds)(void *arg), void *arg)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	int64_t until = clock_monotonic() + 60 * CLOCK_SECOND;

	while (!holds(arg)) {
		if (clock_monotonic() > until)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

unsigned
core_scale(unsigned n)
{
	return getenv("OPENSCL_LONG") != NULL ? n * 5 : n;
}

int
core_run(Suite *s)
{
	return run_suite(s);
}

int
core_run_tests(const char *name, const TTest *const *tests, size_t n, double timeout)
{
	Suite *s = suite_create(name);
	TCase *tc = tcase_create(name);

	tcase_set_timeout(tc, timeout);
	for (size_t i = 0; i < n; i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(s, tc);
	return core_run(s);
}
