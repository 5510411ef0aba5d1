/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cli/sink_server.h"

#include <stdlib.h>

#include "app/listen_names.h"
#include "bind/coap.h"
#include "bind/http.h"
#include "cli/sink_udp.h"
#include "core/peer.h"
#include "core/scl.h"

#define BODY_MAX ((size_t)16 << 20)
#define WAITING_MAX 8u
#define ARENA_MAX ((size_t)64 << 20) /* of a request */
#define NAMES_ARENA 65536u
#define PENDING_MAX 256u

/* What counts is read in the monitor of each source; these are the process' own. */
enum { N_TAKEN, N_DUPLICATES, N_REFUSED, N_ALARMS, N_APPLIED, N_FAILED, N_COUNTS };

struct sink_server {
	struct sink_server_conf conf;
	struct arena *names;
	struct repo *repo;
	struct scl *scl;
	bool started; /* scl has its threads */
	struct pool *pool;
	struct px_inbox *inbox;
	struct http_server *http;
	struct coapd *coap;
	struct sink_udp *udp;
	const char *ready;
	_Atomic uint64_t counts[N_COUNTS];
};

/* ---- who ---- */

static enum rc
may(void *arg, struct req *rq, size_t source)
{
	const struct peer *peer = req_input(rq)->peer;

	(void)arg;
	if (source == SIZE_MAX && req_input(rq)->op != REQ_RETRIEVE)
		return RC_OK;
	if (peer != NULL && (peer->loopback || peer->kind == PEER_CERTIFICATE))
		return RC_OK;
	return endpoint_refuse(rq, RC_FORBIDDEN, SLICE_NONE);
}

/* ---- the SCL ---- */

static struct scl_conf
scl_settings(void)
{
	return (struct scl_conf){
		.id = "m2m-sink",
		.base = "m2m",
		.role = SCL_NSCL,
		.nscl_release = 2,
		.document = { 32, 4096, 64, 65536 },
		.body_max = BODY_MAX,
		.arena_max = ARENA_MAX,
		.answer_max = (size_t)1 << 20,
		.pending_max = PENDING_MAX,
		.queue_max = PENDING_MAX,
		.batch_max = 16,
		.id_max = 64,
		.notify_timeout_ms = 10000,
		.forward_timeout_ms = 10000,
	};
}

static enum rc
open_scl(struct sink_server *s, char why[SINK_WHY_MAX])
{
	/* An SCL has one, although nothing is sent here. */
	static const struct port_ops *const ports[] = { &port_http, NULL };
	const struct scl_conf conf = scl_settings();
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
open_inbox(struct sink_server *s, char why[SINK_WHY_MAX])
{
	const struct px_inbox_conf conf = {
		.path = SINK_PATH,
		.serve = SERVE_PROXY,
		.body_max = BODY_MAX,
		.sources = s->conf.sources,
		.n_sources = s->conf.n_sources,
		.afgh = s->conf.afgh,
		.keys = pre_identity_keys(s->conf.identity),
		.archive = s->conf.args->archive,
		.waiting_max = WAITING_MAX,
		.octets_max = SINK_QUEUE_OCTETS,
		.book = s->conf.book,
		.outlet = s->conf.outlet,
		.stats = { .taken = &s->counts[N_TAKEN],
		           .duplicates = &s->counts[N_DUPLICATES],
		           .refused = &s->counts[N_REFUSED],
		           .alarms = &s->counts[N_ALARMS],
		           .applied = &s->counts[N_APPLIED],
		           .failed = &s->counts[N_FAILED] },
		.log = s->conf.log,
		.may = may,
		.arg = s,
	};
	enum rc rc = pool_start(1, &s->pool);

	if (rc == RC_OK)
		rc = px_inbox_new(&conf, &s->inbox);
	if (rc == RC_BAD_REQUEST)
		snprintf(why, SINK_WHY_MAX, "--source: a URL is there twice");
	if (rc == RC_OK)
		rc = px_inbox_attach(s->inbox, s->scl);
	if (rc != RC_OK)
		return rc;
	rc = px_inbox_start(s->inbox, s->pool);
	if (rc == RC_BAD_REQUEST)
		snprintf(why, SINK_WHY_MAX,
		         "--state: what is stored of a source is not of it, or was changed");
	return rc;
}

/* ---- listeners ---- */

static enum rc
open_http(struct sink_server *s, char why[SINK_WHY_MAX])
{
	const struct sink_args *a = s->conf.args;
	const struct http_conf conf = {
		.scl = s->scl,
		.log = s->conf.log,
		.address = a->http.host,
		.port = a->http.port,
		.serve = SERVE_PROXY,
		.security = a->cert != NULL ? HTTP_CERTIFICATE : HTTP_CLEAR,
		.cert_file = a->cert,
		.key_file = a->key_pem,
		.ca_file = a->ca,
		.require_client_cert = a->ca != NULL,
	};

	return a->http.given ? http_start(&conf, &s->http, why) : RC_OK;
}

static enum rc
open_coap(struct sink_server *s, char why[SINK_WHY_MAX])
{
	const struct sink_args *a = s->conf.args;
	const struct coapd_conf conf = {
		.scl = s->scl,
		.log = s->conf.log,
		.address = a->coap.host,
		.port = a->coap.port,
		.serve = SERVE_PROXY,
		.security = a->cert != NULL ? COAPD_CERTIFICATE : COAPD_CLEAR,
		.cert_file = a->cert,
		.key_file = a->key_pem,
		.ca_file = a->ca,
		.require_client_cert = a->ca != NULL,
	};

	return a->coap.given ? coapd_start(&conf, &s->coap, why) : RC_OK;
}

static enum rc
open_udp(struct sink_server *s, char why[SINK_WHY_MAX])
{
	const struct sink_args *a = s->conf.args;
	const struct sink_udp_conf conf = { .address = &a->udp,
		                            .key_files = a->udp_keys,
		                            .n_keys = a->n_udp_keys,
		                            .inbox = s->inbox };

	return a->udp.given ? sink_udp_start(&conf, &s->udp, why) : RC_OK;
}

/* A listener that is there: its authority, and its word in the line that says so. */
static const char *
name_one(struct sink_server *s, const char *scheme, const struct sink_address *a, unsigned port,
         struct slice *line)
{
	const char *authority = listen_authority(s->names, a->host, port);

	if (authority != NULL)
		*line = arena_printf(s->names, "%.*s %s=%s", (int)line->n, line->p, scheme,
		                     authority);
	return authority;
}

/* The names of the SCL, NULL-terminated, and the ready line. */
static enum rc
name_all(struct sink_server *s, const char *authorities[4], const char **base)
{
	const struct sink_args *a = s->conf.args;
	bool secure = a->cert != NULL;
	struct slice line = SLICE_LIT("ready");
	size_t n = 0;

	s->names = arena_new(NAMES_ARENA);
	if (s->names == NULL)
		return RC_UNAVAILABLE;
	if (s->http != NULL)
		authorities[n++] =
			name_one(s, secure ? "https" : "http", &a->http, http_port(s->http), &line);
	if (s->coap != NULL)
		authorities[n++] = name_one(s, secure ? "coaps" : "coap", &a->coap,
		                            coapd_port(s->coap), &line);
	if (s->udp != NULL)
		authorities[n++] = name_one(s, "udp", &a->udp, sink_udp_port(s->udp), &line);
	authorities[n] = NULL;
	*base = arena_printf(s->names, "http://%s/m2m", authorities[0]).p;
	s->ready = line.p;
	return arena_failed(s->names) ? RC_UNAVAILABLE : RC_OK;
}

/* ---- life ---- */

static enum rc
start_all(struct sink_server *s, char why[SINK_WHY_MAX])
{
	const char *authorities[4], *base;
	enum rc rc = open_scl(s, why);

	if (rc == RC_OK)
		rc = open_inbox(s, why);
	if (rc == RC_OK)
		rc = open_http(s, why);
	if (rc == RC_OK)
		rc = open_coap(s, why);
	if (rc == RC_OK)
		rc = open_udp(s, why);
	if (rc == RC_OK)
		rc = name_all(s, authorities, &base);
	if (rc == RC_OK)
		rc = scl_start(s->scl, base, authorities);
	s->started = rc == RC_OK;
	if (rc == RC_OK)
		scl_admit(s->scl);
	return rc;
}

enum rc
sink_server_start(const struct sink_server_conf *conf, struct sink_server **out,
                  char why[SINK_WHY_MAX])
{
	struct sink_server *s = calloc(1, sizeof(*s));
	enum rc rc;

	*out = NULL;
	why[0] = '\0';
	if (s == NULL)
		return RC_UNAVAILABLE;
	s->conf = *conf;
	rc = start_all(s, why);
	if (rc == RC_OK)
		*out = s;
	else
		sink_server_stop(s);
	if (rc != RC_OK && why[0] == '\0')
		snprintf(why, SINK_WHY_MAX, "%s", status_of(rc)->text);
	return rc;
}

const char *
sink_server_ready(const struct sink_server *s)
{
	return s->ready;
}

/* Also after a start that failed anywhere. */
void
sink_server_stop(struct sink_server *s)
{
	if (s == NULL)
		return;
	if (s->http != NULL)
		http_quiesce(s->http);
	if (s->coap != NULL)
		coapd_quiesce(s->coap);
	sink_udp_stop(s->udp);
	if (s->inbox != NULL)
		px_inbox_stop(s->inbox);
	pool_stop(s->pool);
	if (s->started)
		scl_stop(s->scl);
	http_stop(s->http);
	if (s->coap != NULL)
		coapd_stop(s->coap);
	scl_free(s->scl);
	sink_udp_free(s->udp);
	px_inbox_free(s->inbox);
	if (s->repo != NULL)
		repo_close(s->repo);
	arena_free(s->names);
	free(s);
}
