/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sgs_rest_bed.h"

#include <stdio.h>

#include "cap/sec/sec.h"
#include "cap/sgs/sgs_own.h"
#include "core/observe.h"
#include "core/peer.h"

static const struct listener_policy claims = { .proved = false };
static const char *const managers[] = { "claim:" MANAGER, NULL };

struct core_bed sgs_core;
struct sgs *sgs;
struct capability_conf sgs_conf;
bool sgs_far;
static bool halted;

/* ---- the server ---- */

static void
attach(struct scl *scl)
{
	char why[CAPABILITY_WHY_MAX] = "";

	ck_assert_msg(sgs_attach(scl, &sgs_conf, &sgs, why) == RC_OK, "%s", why);
	ck_assert_ptr_nonnull(sgs);
	sgs->clock = &sgs_core.clock.clock;
}

void
sgs_fill(void)
{
	sgs_conf = (struct capability_conf){ .role = SCL_GSCL, .scl_id = "gscl-1", .base = "m2m" };
	sgs_conf.sga = (struct sga_conf){
		.enabled = true,
		.engine = &store_memory,
		.id = "gscl-1",
		.ciphers = { 3, 5, 10 },
		.n_ciphers = 3,
		.threads = 1,
		.send_timeout_ms = 1000,
		.retry_first = CLOCK_SECOND / 100,
		.retry_max = CLOCK_SECOND / 10,
		.server = { .suite_x = true,
		            .managers = managers,
		            .devices_max = 16,
		            .sessions_max = 64,
		            .groups_max = 8,
		            .members_max = 8,
		            .tokens_max = 16,
		            .half_open_max = 16,
		            .half_open_per_device = 8,
		            .replays_max = 64,
		            .mailbox_items = 32,
		            .mailbox_bytes = 1u << 20,
		            .bytes_max = 8u << 20,
		            .half_open_time = 120 * CLOCK_SECOND,
		            .session_time = 3600 * CLOCK_SECOND,
		            .item_ttl = 1800 * CLOCK_SECOND,
		            .token_ttl_max = 7200 * CLOCK_SECOND,
		            .rotate = INT64_C(31536000) * CLOCK_SECOND,
		            .waiters_max = 4,
		            .push_places = 2,
		            .failures_max = 4,
		            .failures_per_address = 20,
		            .failures_window = 3600 * CLOCK_SECOND },
	};
}

void
sgs_setup(void)
{
	char why[CAPABILITY_WHY_MAX] = "";

	if (!sgs_conf.sga.enabled)
		sgs_fill();
	halted = false;
	core_init_alone(&sgs_core);
	sgs_core.attach = attach;
	core_start(&sgs_core);
	ck_assert_msg(sgs_start(sgs, "http://scl.example.org:8080/m2m", why) == RC_OK, "%s", why);
}

void
sgs_halt(void)
{
	sgs_stop(sgs);
	halted = true;
}

void
sgs_teardown(void)
{
	if (!halted)
		sgs_stop(sgs);
	core_stop(&sgs_core);
	sgs_detach(sgs);
	core_fini(&sgs_core);
}

/* ---- requests ---- */

struct waiting {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool done;
};

static void
on_done(struct req *rq, void *arg)
{
	struct waiting *w = arg;

	(void)rq;
	pthread_mutex_lock(&w->lock);
	w->done = true;
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

static void
changed(void *arg)
{
	struct observing *o = arg;

	atomic_fetch_add(&o->told, 1);
}

static void
carry_out(struct req *rq, struct observing *observing)
{
	struct waiting w = { .done = false };

	if (observing != NULL)
		ck_assert(req_observe(rq, changed, observing));
	pthread_mutex_init(&w.lock, NULL);
	pthread_cond_init(&w.changed, NULL);
	if (req_admit(rq) == RC_OK && req_prepare(rq) == RC_PENDING) {
		req_submit(rq, on_done, &w);
		pthread_mutex_lock(&w.lock);
		while (!w.done)
			pthread_cond_wait(&w.changed, &w.lock);
		pthread_mutex_unlock(&w.lock);
	}
	if (observing != NULL)
		observing->o = req_observer(rq);
	pthread_cond_destroy(&w.changed);
	pthread_mutex_destroy(&w.lock);
}

static enum req_op
op_of(const char *method)
{
	return strcmp(method, "POST") == 0  ? REQ_CREATE
	       : strcmp(method, "GET") == 0 ? REQ_RETRIEVE
	       : strcmp(method, "PUT") == 0 ? REQ_UPDATE
	                                    : REQ_DELETE;
}

static void
fill(struct req *rq, const char *method, const char *path, const struct how *how, struct slice body)
{
	struct req_input *in = req_input(rq);
	struct arena *a = req_arena(rq);
	const char *type = how->type == NULL ? OCTETS : how->type;

	in->op = op_of(method);
	in->known_method = true;
	in->target = arena_printf(a, ROOT "/%s", path);
	in->host = SLICE_LIT("scl.example.org:8080");
	in->from = arena_copy(a, slice_of(how->from));
	in->accept = slice_of(how->accept == NULL ? type : how->accept);
	in->sga = arena_copy(a, slice_of(how->tag));
	in->if_none_match = arena_copy(a, slice_of(how->if_none_match));
	if (body.n > 0) {
		in->content_type = slice_of(type);
		in->body = arena_copy(a, body);
	}
	in->has_length = true;
	in->content_length = in->body.n;
}

struct answer
sgs_ask(const char *method, const char *path, const struct how *how, struct slice body)
{
	const struct how plain = { .from = NULL };
	const struct req_listener listener = { .serve = SERVE_DIA, .policy = &claims };
	struct req *rq = req_new(sgs_core.scl, &listener);
	const struct req_answer *from;
	struct peer peer = { .address = SLICE_LIT("192.0.2.1") };
	struct answer a;

	ck_assert_ptr_nonnull(rq);
	if (how == NULL)
		how = &plain;
	if (how->address != NULL)
		peer.address = slice_of(how->address);
	peer.loopback = how->from != NULL && !sgs_far;
	req_input(rq)->peer = &peer;
	fill(rq, method, path, how, body);
	carry_out(rq, how->observing);
	from = req_encode(rq);
	a = (struct answer){ .status = from->http_status,
		             .p = calloc(1, from->body_len + 1),
		             .n = from->body_len,
		             .retry_after = from->retry_after };
	ck_assert_ptr_nonnull(a.p);
	if (a.n > 0)
		memcpy(a.p, from->body, a.n);
	(void)slice_copy(from->location, a.location, sizeof(a.location));
	(void)slice_copy(from->content_type, a.type, sizeof(a.type));
	(void)slice_copy(from->etag, a.etag, sizeof(a.etag));
	req_free(rq);
	return a;
}

void
answer_fini(struct answer *a)
{
	free(a->p);
}

int
sgs_status(const char *method, const char *path, const struct how *how, struct slice body)
{
	struct answer a = sgs_ask(method, path, how, body);
	int status = a.status;

	answer_fini(&a);
	return status;
}

void
answer_is_class(const struct answer *a, enum sga_class class)
{
	static const int codes[] = { 0, 400, 403, 503, 401 };
	struct sga_error e;

	ck_assert_msg(a->status == codes[class], "%d: %s", a->status, a->p);
	ck_assert_str_eq(a->type, OCTETS);
	ck_assert_int_eq(sga_error_read(slice_make(a->p, a->n), &e), RC_OK);
	ck_assert_int_eq(e.class, class);
}

void
class_is(enum sga_class class, const char *method, const char *path, const struct how *how,
         struct slice body)
{
	struct answer a = sgs_ask(method, path, how, body);

	answer_is_class(&a, class);
	answer_fini(&a);
}

struct answer
managed(const char *method, const char *path, const char *body)
{
	struct answer a = sgs_ask(method, path, &(struct how){ .from = MANAGER, .type = JSON },
	                          slice_of(body));

	ck_assert_msg(a.status / 100 == 2, "%s: %d %s", path, a.status, a.p);
	return a;
}

long long
number_in(const struct answer *a, const char *name)
{
	char key[64];
	const char *at;

	snprintf(key, sizeof(key), "\"%s\":", name);
	at = strstr(a->p, key);
	return at == NULL ? -1 : strtoll(at + strlen(key), NULL, 10);
}

uint64_t
bed_now(void)
{
	return (uint64_t)(clock_now(&clock_system) / CLOCK_SECOND);
}
