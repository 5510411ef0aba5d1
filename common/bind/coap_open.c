/* SPDX-License-Identifier: Apache-2.0 */
/* Start and stop of a CoAP server. */
#include "config.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "bind/coap_observe.h"
#include "bind/coap_server.h"

#define STOP_GRACE_US INT64_C(2000000)
#define STOP_STEP_NS 2000000L
#define BODIES_PER_SESSION 8u

static enum rc __attribute__((format(printf, 3, 4)))
fail(char why[COAPD_WHY_MAX], enum rc rc, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(why, COAPD_WHY_MAX, format, ap);
	va_end(ap);
	return rc;
}

/* ---- libcoap's calls ---- */

static void
say_nothing(coap_log_t level, const char *text)
{
	(void)level;
	(void)text;
}

static int
session_event(coap_session_t *coap, const coap_event_t event)
{
	struct coapd *s = coap_get_app_data(coap_session_get_context(coap));
	struct coapd_session *se = coap_session_get_app_data(coap);

	switch (event) {
	case COAP_EVENT_SERVER_SESSION_NEW:
		coapd_session_begin(s, coap);
		break;
	case COAP_EVENT_DTLS_CONNECTED:
		if (se != NULL)
			front_established(s->front, se->front);
		break;
	case COAP_EVENT_SERVER_SESSION_DEL:
	case COAP_EVENT_DTLS_CLOSED:
	case COAP_EVENT_DTLS_ERROR:
		coapd_session_gone(se);
		break;
	default:
		break;
	}
	return 0;
}

/* A server has asked nothing: RFC 7252 section 4.2, 4.3. */
static coap_response_t
unasked_response(coap_session_t *coap, const coap_pdu_t *sent, const coap_pdu_t *received,
                 const coap_mid_t mid)
{
	coap_pdu_type_t type = coap_pdu_get_type(received);

	(void)coap;
	(void)sent;
	(void)mid;
	return type == COAP_MESSAGE_CON || type == COAP_MESSAGE_NON ? COAP_RESPONSE_FAIL
	                                                            : COAP_RESPONSE_OK;
}

/* As the front demands. Without DTLS libcoap's is one more that is idle: coapd_session_of. */
static void
end_session(void *arg)
{
	struct coapd_session *se = arg;
	struct coapd *s = se->server;
	coap_tick_t now;

	coapd_session_end(se);
	if (s->dtls == NULL)
		return;
	coap_ticks(&now);
	coap_io_prepare_epoll(s->context, now);
}

/* ---- start ---- */

static void
default_unsigned(unsigned *v, unsigned standard)
{
	if (*v == 0)
		*v = standard;
}

static void
set_conf(struct coapd *s, const struct coapd_conf *conf)
{
	struct coapd_conf *c = &s->conf;

	*c = *conf;
	c->address = c->cert_file = c->key_file = c->ca_file = c->crl_file = NULL;
	c->psk = NULL;
	default_unsigned(&c->max_sessions, 4096);
	default_unsigned(&c->max_sessions_per_address, 256);
	default_unsigned(&c->max_handshakes, 256);
	default_unsigned(&c->max_observers, 4096);
	default_unsigned(&c->max_observers_per_session, 64);
	default_unsigned(&c->max_requests_per_session, 16);
	default_unsigned(&c->idle_timeout_ms, 300000);
	default_unsigned(&c->ack_delay_ms, 1000);
	if (c->max_requests_per_session > UINT16_MAX)
		c->max_requests_per_session = UINT16_MAX;
	if (c->block_octets == 0)
		c->block_octets = (size_t)16 << 20;
}

static struct coapd *
server_new(const struct coapd_conf *conf)
{
	struct coapd *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	set_conf(s, conf);
	s->scl = conf->scl;
	s->log = conf->log;
	s->wake = -1;
	s->now = clock_monotonic();
	coapd_link_init(&s->sessions);
	coapd_link_init(&s->due);
	coapd_link_init(&s->partial);
	for (unsigned i = 0; i < COAPD_WATCH_BUCKETS; i++) {
		coapd_link_init(&s->watches[i]);
		coapd_link_init(&s->pings[i]);
	}
	return s;
}

static bool
open_tables(struct coapd *s)
{
	struct blocks_conf blocks = { .octets_max = s->conf.block_octets,
		                      .bodies_max = s->conf.max_sessions,
		                      .per_owner_max = BODIES_PER_SESSION,
		                      .lifetime_us = COAPD_LIFETIME_US };

	s->blocks = blocks_new(&blocks);
	return s->blocks != NULL && coapd_seen_init(s) && coapd_observers_init(s);
}

/* The known methods, and those that are answered with 4.05 or 5.01 as over HTTP. */
static const coap_request_t methods[] = { COAP_REQUEST_GET,   COAP_REQUEST_POST,
	                                  COAP_REQUEST_PUT,   COAP_REQUEST_DELETE,
	                                  COAP_REQUEST_FETCH, COAP_REQUEST_PATCH,
	                                  COAP_REQUEST_IPATCH };

static bool
add_resource(struct coapd *s, coap_resource_t *r)
{
	if (r == NULL)
		return false;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		coap_register_request_handler(r, methods[i], coapd_handle);
	coap_add_resource(s->context, r);
	return true;
}

static bool
add_resources(struct coapd *s)
{
	/* No host is ours for libcoap: the core knows its names. */
	const char *nobody[] = { "." };
	coap_str_const_t *core = coap_make_str_const(".well-known/core");
	coap_resource_t *proxy = coap_resource_proxy_uri_init2(coapd_handle, 1, nobody, 0);

	if (proxy != NULL)
		coap_resource_set_userdata(proxy, s);
	return add_resource(s, coap_resource_unknown_init2(coapd_handle, 0)) &&
	       add_resource(s, coap_resource_init(core, 0)) && add_resource(s, proxy);
}

static bool
open_context(struct coapd *s)
{
	unsigned idle_s = (s->conf.idle_timeout_ms + 999) / 1000;

	/* Process-wide, and always the same: libcoap would write to the standard error. */
	coap_set_log_handler(say_nothing);
	coap_set_log_level(LOG_EMERG);
	s->context = coap_new_context(NULL);
	if (s->context == NULL || coap_context_get_coap_fd(s->context) < 0)
		return false;
	coap_set_app_data(s->context, s);
	coap_context_set_session_timeout(s->context, idle_s);
	coap_context_set_max_handshake_sessions(s->context, s->conf.max_handshakes);
	coap_register_event_handler(s->context, session_event);
	coap_register_nack_handler(s->context, coapd_watch_nack);
	coap_register_response_handler(s->context, unasked_response);
	s->arrived = coap_pdu_init(COAP_MESSAGE_CON, COAP_EMPTY_CODE, 0, FRONT_DATAGRAM_MAX);
	return s->arrived != NULL && add_resources(s);
}

static unsigned
port_of(const struct sockaddr_storage *name)
{
	const void *p = name;

	return ntohs(name->ss_family == AF_INET ? ((const struct sockaddr_in *)p)->sin_port
	                                        : ((const struct sockaddr_in6 *)p)->sin6_port);
}

static enum rc
open_endpoint(struct coapd *s, const struct front_name *name, char why[COAPD_WHY_MAX])
{
	struct front_conf conf = { .log = s->log,
		                   .listener = slice_of(s->base_uri),
		                   .dtls = s->conf.security != COAPD_CLEAR,
		                   .max_sessions = s->conf.max_sessions,
		                   .max_sessions_per_address = s->conf.max_sessions_per_address,
		                   .max_handshakes = s->conf.max_handshakes,
		                   .end = end_session };
	coap_endpoint_t *endpoint;
	coap_address_t a;

	coap_address_init(&a);
	if (name->n > sizeof(a.addr))
		return fail(why, RC_BAD_REQUEST, "the address is not one of IP");
	a.size = name->n;
	memcpy(&a.addr, &name->name, name->n);
	endpoint = coap_new_endpoint(s->context, &a, conf.dtls ? COAP_PROTO_DTLS : COAP_PROTO_UDP);
	if (endpoint == NULL)
		return fail(why, RC_UNAVAILABLE, "libcoap cannot listen on %s", s->base_uri);
	/* What is received may be longer than what is sent. */
	coap_endpoint_set_default_mtu(endpoint, FRONT_DATAGRAM_MAX);
	s->front = front_new(&conf, name, why);
	if (s->front == NULL)
		return RC_UNAVAILABLE;
	coap_context_set_max_idle_sessions(s->context, front_unproved_max(s->front));
	return RC_OK;
}

static bool
set_names(struct coapd *s, const struct coapd_conf *conf)
{
	bool v6 = strchr(conf->address, ':') != NULL;
	bool secure = conf->security != COAPD_CLEAR;
	int n = asprintf(&s->base_uri, "%s://%s%s%s:%u", secure ? "coaps" : "coap", v6 ? "[" : "",
	                 conf->address, v6 ? "]" : "", s->port);

	if (n < 0) {
		s->base_uri = NULL;
		return false;
	}
	s->listener = (struct req_listener){ .serve = conf->serve,
		                             .secure = secure,
		                             .base_uri = slice_of(s->base_uri),
		                             .policy = conf->policy,
		                             .alive = coapd_alive };
	s->authority = slice_from(s->listener.base_uri, secure ? 8 : 7);
	return true;
}

static enum rc
open_server(struct coapd *s, const struct coapd_conf *conf, char why[COAPD_WHY_MAX])
{
	struct front_name name;
	enum rc rc = front_reserve(conf->address, conf->port, &name, why);

	if (rc != RC_OK)
		return rc;
	s->port = port_of(&name.name);
	if (!set_names(s, conf) || !open_tables(s) || !open_context(s))
		return fail(why, RC_UNAVAILABLE, "no memory");
	if (conf->security != COAPD_CLEAR) {
		s->dtls = cdtls_new(conf, s->context, why);
		if (s->dtls == NULL)
			return RC_BAD_REQUEST;
	}
	rc = open_endpoint(s, &name, why);
	if (rc != RC_OK)
		return rc;
	if (s->dtls != NULL)
		cdtls_front(s->dtls, s->front);
	return coapd_loop_start(s) ? RC_OK : fail(why, RC_UNAVAILABLE, "no thread");
}

enum rc
coapd_start(const struct coapd_conf *conf, struct coapd **server, char why[COAPD_WHY_MAX])
{
	struct coapd *s = server_new(conf);
	enum rc rc;

	if (s == NULL)
		return fail(why, RC_UNAVAILABLE, "no memory");
	if (conf->address == NULL || conf->address[0] == '\0')
		rc = fail(why, RC_BAD_REQUEST, "a listener needs an address");
	else
		rc = open_server(s, conf, why);
	if (rc == RC_OK) {
		*server = s;
		return RC_OK;
	}
	coapd_stop(s);
	return rc;
}

unsigned
coapd_port(const struct coapd *s)
{
	return s->port;
}

const struct req_listener *
coapd_listener(const struct coapd *s)
{
	return &s->listener;
}

enum rc
coapd_reload_tls(struct coapd *s, char why[COAPD_WHY_MAX])
{
	enum rc rc = s->dtls == NULL ? RC_OK : cdtls_reload(s->dtls, why);

	if (rc == RC_OK)
		coapd_wake(s);
	return rc;
}

/* ---- stop ---- */

void
coapd_quiesce(struct coapd *s)
{
	atomic_store(&s->quiesced, true);
}

static void
wait_step(void)
{
	const struct timespec step = { .tv_nsec = STOP_STEP_NS };

	nanosleep(&step, NULL);
}

/* Polled: request_done must not touch the server after its count, so it cannot signal. */
static void
wait_answers(struct coapd *s)
{
	int64_t until;
	unsigned turn;

	while (atomic_load(&s->submitted) > 0)
		wait_step();
	turn = atomic_load(&s->turns);
	coapd_wake(s);
	until = clock_monotonic() + STOP_GRACE_US;
	while (clock_monotonic() < until &&
	       (atomic_load(&s->turns) - turn < 2 || atomic_load(&s->arriving)))
		wait_step();
}

static void
server_free(struct coapd *s)
{
	while (!coapd_link_empty(&s->sessions))
		coapd_session_gone(COAPD_OF(s->sessions.next, struct coapd_session, all));
	coap_delete_pdu(s->arrived);
	if (s->context != NULL)
		coap_free_context(s->context);
	cdtls_free(s->dtls);
	front_free(s->front);
	coapd_observers_fini(s);
	coapd_seen_fini(s);
	blocks_free(s->blocks);
	free(s->base_uri);
	free(s);
}

void
coapd_stop(struct coapd *s)
{
	if (s == NULL)
		return;
	coapd_quiesce(s);
	atomic_store(&s->stopping, true);
	if (s->running)
		wait_answers(s);
	coapd_loop_stop(s);
	server_free(s);
}
