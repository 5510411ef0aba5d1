/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cli/warrant_serve.h"

#include <pthread.h>
#include <stdlib.h>

#include "app/listen_names.h"
#include "bind/http.h"
#include "cap/pool.h"
#include "cli/warrant_cmd.h"
#include "core/endpoint.h"
#include "core/scl.h"
#include "mpa/decision.h"
#include "sec/hex.h"

#define THREADS 1u
#define PENDING_MAX 64u
#define CHAINS 4096u /* in the cache */
#define ARENA_MAX ((size_t)1 << 20) /* of a request */
#define NAMES_ARENA 4096u
#define CONNECTIONS_MAX 256u
#define OCTETS "application/octet-stream"

struct warrant_service {
	struct warrant_service_conf conf;
	struct arena *names;
	struct repo *repo;
	struct scl *scl;
	bool started; /* scl has its threads */
	pthread_mutex_t lock; /* of pool */
	struct pool *pool; /* NULL: not yet, or not any more */
	struct http_server *http;
	struct mpa_cache *cache;
	struct endpoint endpoint;
	const char *ready;
};

/* ---- a transcript ---- */

/* In the arena of its request. */
struct job {
	struct pool_job job;
	struct warrant_service *s;
	struct req *rq;
	struct slice transcript;
};

static void
log_judged(const struct warrant_service *s, const struct warrant_judged *j)
{
	char th[2 * DIGEST_SIZE + 1];

	if (j->rc != RC_OK) {
		LOG_WARN(s->conf.log, "transcript refused",
		         LOG_Z("cause", mpa_cause_text(j->cause)));
		return;
	}
	hex_encode(j->proved.th.v, DIGEST_SIZE, th);
	LOG_INFO(s->conf.log, "transcript decided", LOG_Z("th", th),
	         LOG_Z("device", j->proved.device), LOG_Z("ap", j->proved.ap),
	         LOG_Z("decision", j->cause == MPA_FINE ? "accepted" : "refused"));
}

static enum rc
decide(struct warrant_service *s, struct req *rq, struct slice transcript)
{
	uint8_t octets[MPA_DECISION_SIZE];
	struct warrant_revoked revoked;
	struct warrant_judged j;
	enum rc rc;

	/* Anew each time, so that what is revoked now counts now; the pool serves nobody else. */
	if (!warrant_revoked_read(s->conf.server, &revoked))
		return endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_NONE);
	warrant_judge(s->conf.server, &revoked, s->cache, transcript, &j);
	warrant_revoked_free(&revoked);
	log_judged(s, &j);
	if (j.rc != RC_OK)
		return endpoint_refuse(rq, j.rc, SLICE_NONE);
	rc = mpa_decision_make(s->conf.server->key, &j.proved.th,
	                       j.cause == MPA_FINE ? MPA_ACCEPTED : MPA_REFUSED,
	                       (uint64_t)warrant_now(), octets);
	if (rc != RC_OK)
		return endpoint_refuse(rq, rc, SLICE_NONE);
	return endpoint_answer(rq, RC_OK, OCTETS, slice_make(octets, sizeof(octets)));
}

static void
run(struct pool_job *job)
{
	struct job *j = (struct job *)job;
	struct req *rq = j->rq;

	endpoint_finish(rq, decide(j->s, rq, j->transcript));
}

/* The listener ends behind the pool: the last octet of a transcript may come in between. */
static void
begin(struct req *rq)
{
	struct job *j = endpoint_state(rq);
	struct warrant_service *s = j->s;
	bool running;

	pthread_mutex_lock(&s->lock);
	running = s->pool != NULL;
	if (running)
		pool_submit(s->pool, POOL_FOREIGN, &j->job);
	pthread_mutex_unlock(&s->lock);
	if (!running)
		endpoint_finish(rq, endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_NONE));
}

static enum rc
serve(void *arg, struct req *rq, const struct req_input *in)
{
	struct job *j;

	if (in->op != REQ_CREATE)
		return endpoint_not_allowed(rq, "POST");
	if (!slice_is(in->content_type, OCTETS))
		return endpoint_refuse(rq, RC_MEDIA_TYPE, SLICE_NONE);
	j = ARENA_NEW(req_arena(rq), struct job);
	if (j == NULL)
		return endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_NONE);
	*j = (struct job){ { .run = run }, arg, rq, in->body };
	return endpoint_pend(rq, begin, j);
}

/* ---- the SCL ---- */

static enum rc
open_scl(struct warrant_service *s, char why[WARRANT_WHY_MAX])
{
	/* An SCL has one, although nothing is sent here. */
	static const struct port_ops *const ports[] = { &port_http, NULL };
	const struct scl_conf conf = {
		.id = "m2m-warrant",
		.base = "m2m",
		.role = SCL_NSCL,
		.nscl_release = 2,
		.document = { 32, 4096, 64, 65536 },
		.body_max = MPA_TRANSCRIPT_MAX,
		.arena_max = ARENA_MAX,
		.answer_max = 65536,
		.pending_max = PENDING_MAX,
		.queue_max = PENDING_MAX,
		.batch_max = 16,
		.id_max = 64,
		.notify_timeout_ms = 10000,
		.forward_timeout_ms = 10000,
	};
	const struct repo_conf repo = { .ops = &store_memory,
		                        .cached_sequences = 1,
		                        .arena_max = ARENA_MAX,
		                        .clock = &clock_system };
	struct scl_parts parts = { .log = s->conf.log, .clock = &clock_system, .ports = ports };
	enum rc rc = repo_open(&repo, &s->repo, why);

	if (rc != RC_OK)
		return rc;
	parts.repo = s->repo;
	parts.port.max_exchanges = 1;
	return scl_new(&conf, &parts, &s->scl, why);
}

static enum rc
open_endpoint(struct warrant_service *s)
{
	enum rc rc = mpa_cache_new(CHAINS, &s->cache);

	if (rc == RC_OK)
		rc = pool_start(THREADS, &s->pool);
	s->endpoint = (struct endpoint){ .path = WARRANT_PATH,
		                         .serve = SERVE_PROXY,
		                         .body_max = MPA_TRANSCRIPT_MAX,
		                         .internal = true,
		                         .serve_request = serve,
		                         .arg = s };
	return rc == RC_OK ? endpoint_add(s->scl, &s->endpoint) : rc;
}

static enum rc
open_http(struct warrant_service *s, char why[WARRANT_WHY_MAX])
{
	const struct warrant_service_conf *c = &s->conf;
	const struct http_conf conf = {
		.scl = s->scl,
		.log = c->log,
		.address = c->address,
		.port = c->port,
		.serve = SERVE_PROXY,
		.security = c->cert != NULL ? HTTP_CERTIFICATE : HTTP_CLEAR,
		.cert_file = c->cert,
		.key_file = c->key_pem,
		.ca_file = c->ca,
		.require_client_cert = c->ca != NULL,
		.max_connections = CONNECTIONS_MAX,
		.min_rate = 100,
	};

	return http_start(&conf, &s->http, why);
}

/* ---- life ---- */

static enum rc
open_names(struct warrant_service *s, const char *authorities[2], const char **base)
{
	s->names = arena_new(NAMES_ARENA);
	if (s->names == NULL)
		return RC_UNAVAILABLE;
	authorities[0] = listen_authority(s->names, s->conf.address, http_port(s->http));
	authorities[1] = NULL;
	if (authorities[0] == NULL)
		return RC_UNAVAILABLE;
	*base = arena_printf(s->names, "http://%s/m2m", authorities[0]).p;
	s->ready = arena_printf(s->names, "ready %s=%s", s->conf.cert != NULL ? "https" : "http",
	                        authorities[0])
	                   .p;
	return arena_failed(s->names) ? RC_UNAVAILABLE : RC_OK;
}

static enum rc
start_all(struct warrant_service *s, char why[WARRANT_WHY_MAX])
{
	const char *authorities[2], *base = NULL;
	enum rc rc = open_scl(s, why);

	if (rc == RC_OK)
		rc = open_endpoint(s);
	if (rc == RC_OK)
		rc = open_http(s, why);
	if (rc == RC_OK)
		rc = open_names(s, authorities, &base);
	if (rc == RC_OK)
		rc = scl_start(s->scl, base, authorities);
	s->started = rc == RC_OK;
	if (rc == RC_OK)
		scl_admit(s->scl);
	return rc;
}

enum rc
warrant_service_start(const struct warrant_service_conf *conf, struct warrant_service **out,
                      char why[WARRANT_WHY_MAX])
{
	struct warrant_service *s = calloc(1, sizeof(*s));
	enum rc rc;

	*out = NULL;
	why[0] = '\0';
	if (s == NULL)
		return RC_UNAVAILABLE;
	pthread_mutex_init(&s->lock, NULL);
	s->conf = *conf;
	rc = start_all(s, why);
	if (rc == RC_OK)
		*out = s;
	else
		warrant_service_stop(s);
	if (rc != RC_OK && why[0] == '\0')
		snprintf(why, WARRANT_WHY_MAX, "%s", status_of(rc)->text);
	return rc;
}

const char *
warrant_service_ready(const struct warrant_service *s)
{
	return s->ready;
}

static void
end_pool(struct warrant_service *s)
{
	struct pool *pool;

	pthread_mutex_lock(&s->lock);
	pool = s->pool;
	s->pool = NULL;
	pthread_mutex_unlock(&s->lock);
	pool_stop(pool);
}

/* Also after a start that failed anywhere. */
void
warrant_service_stop(struct warrant_service *s)
{
	if (s == NULL)
		return;
	if (s->http != NULL)
		http_quiesce(s->http);
	end_pool(s);
	if (s->started)
		scl_stop(s->scl);
	http_stop(s->http);
	scl_free(s->scl);
	if (s->repo != NULL)
		repo_close(s->repo);
	mpa_cache_free(s->cache);
	arena_free(s->names);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
