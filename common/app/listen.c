/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "app/listen.h"

#include "bind/coap.h"
#include "bind/http.h"

_Static_assert(LISTEN_WHY_MAX == HTTP_WHY_MAX, "reasons differ in length");
_Static_assert(LISTEN_WHY_MAX == COAPD_WHY_MAX, "reasons differ in length");

/* One protocol. */
struct listen_ops {
	const char *schemes[2]; /* clear, secure */
	unsigned ports[2]; /* their defaults */
	enum rc (*start)(const struct listen_conf *conf, size_t i,
	                 const struct listener_policy *policy, void **server,
	                 char why[LISTEN_WHY_MAX]);
	unsigned (*port)(const void *server);
	enum rc (*reload)(void *server, char why[LISTEN_WHY_MAX]);
	void (*quiesce)(void *server);
	void (*stop)(void *server);
};

/* Limits of the options are for all listeners of a protocol: which of them one is, of how many. */
struct place {
	unsigned at;
	unsigned of;
};

static struct place
place_of(const struct options *o, size_t i)
{
	struct place p = { 0, 1 };

	for (size_t k = 0; k < o->listeners.n; k++) {
		if (k == i || o->listeners.v[k].protocol != o->listeners.v[i].protocol)
			continue;
		p.at += k < i;
		p.of++;
	}
	return p;
}

/* Its share of total, at least 1. */
static unsigned
share(int total, struct place p)
{
	unsigned all = (unsigned)total, part = all / p.of + (p.at < all % p.of);

	return part == 0 ? 1 : part;
}

/* A mode that the option gives as a decimal number of octal digits. */
static unsigned
octal(int digits)
{
	unsigned mode = 0;

	for (unsigned unit = 1; digits > 0; digits /= 10, unit *= 8)
		mode += (unsigned)(digits % 10) * unit;
	return mode & 0777u;
}

static enum rc
start_http(const struct listen_conf *conf, size_t i, const struct listener_policy *policy,
           void **server, char why[LISTEN_WHY_MAX])
{
	static const enum http_security securities[] = {
		[OPTIONS_CLEAR] = HTTP_CLEAR,
		[OPTIONS_CERTIFICATE] = HTTP_CERTIFICATE,
		[OPTIONS_PSK] = HTTP_PSK,
	};
	const struct options *o = conf->o;
	const struct options_listener *l = &o->listeners.v[i];
	struct place place = place_of(o, i);
	const struct http_conf http = {
		.scl = conf->scl,
		.log = conf->log,
		.address = l->address,
		.port = (unsigned)l->port,
		.threads = share(o->http.threads, place),
		.serve = l->serve,
		.policy = policy,
		.unix_mode = octal(l->unix_mode),
		.security = securities[l->security],
		.cert_file = l->certificate,
		.key_file = l->key,
		.ca_file = options_listener_ca(o, l),
		.crl_file = l->crl,
		.require_client_cert = l->require_client_cert,
		.psk = conf->psk,
		.tls13_only = l->tls13_only,
		.allow_non_pfs = l->allow_non_pfs,
		.max_connections = share(o->http.max_connections, place),
		.max_connections_per_address = (unsigned)o->http.max_connections_per_address,
		.max_strangers_per_address = (unsigned)o->http.max_strangers_per_address,
		.header_max = (size_t)o->http.header_max,
		.header_timeout_ms = (unsigned)o->http.header_timeout_ms,
		.request_timeout_ms = (unsigned)o->http.request_timeout_ms,
		.min_rate = (unsigned)o->http.min_rate,
		.idle_timeout_ms = (unsigned)o->http.idle_timeout_ms,
	};
	struct http_server *s = NULL;
	enum rc rc = http_start(&http, &s, why);

	*server = s;
	return rc;
}

static unsigned
port_of_http(const void *server)
{
	return http_port(server);
}

static enum rc
reload_http(void *server, char why[LISTEN_WHY_MAX])
{
	return http_reload_tls(server, why);
}

static void
quiesce_http(void *server)
{
	http_quiesce(server);
}

static void
stop_http(void *server)
{
	http_stop(server);
}

static enum rc
start_coap(const struct listen_conf *conf, size_t i, const struct listener_policy *policy,
           void **server, char why[LISTEN_WHY_MAX])
{
	static const enum coapd_security securities[] = {
		[OPTIONS_CLEAR] = COAPD_CLEAR,
		[OPTIONS_CERTIFICATE] = COAPD_CERTIFICATE,
		[OPTIONS_PSK] = COAPD_PSK,
	};
	const struct options *o = conf->o;
	const struct options_listener *l = &o->listeners.v[i];
	struct place place = place_of(o, i);
	const struct coapd_conf coap = {
		.scl = conf->scl,
		.log = conf->log,
		.address = l->address,
		.port = (unsigned)l->port,
		.serve = l->serve,
		.policy = policy,
		.security = securities[l->security],
		.cert_file = l->certificate,
		.key_file = l->key,
		.ca_file = options_listener_ca(o, l),
		.crl_file = l->crl,
		.require_client_cert = l->require_client_cert,
		.psk = conf->psk,
		.allow_non_pfs = l->allow_non_pfs,
		.max_sessions = share(o->coap.max_sessions, place),
		.max_sessions_per_address = (unsigned)o->coap.max_sessions_per_address,
		.max_handshakes = share(o->coap.max_handshakes, place),
		.max_observers = share(o->coap.max_observers, place),
		.max_observers_per_session = (unsigned)o->coap.max_observers_per_session,
		.max_requests_per_session = (unsigned)o->coap.max_requests_per_session,
		.block_octets = (size_t)o->coap.block_bytes / place.of,
		.idle_timeout_ms = (unsigned)o->coap.idle_timeout_ms,
		.ack_delay_ms = (unsigned)o->coap.ack_delay_ms,
		.notify_non = o->coap.notify_non,
	};
	struct coapd *s = NULL;
	enum rc rc = coapd_start(&coap, &s, why);

	*server = s;
	return rc;
}

static unsigned
port_of_coap(const void *server)
{
	return coapd_port(server);
}

static enum rc
reload_coap(void *server, char why[LISTEN_WHY_MAX])
{
	return coapd_reload_tls(server, why);
}

static void
quiesce_coap(void *server)
{
	coapd_quiesce(server);
}

static void
stop_coap(void *server)
{
	coapd_stop(server);
}

static const struct listen_ops protocols[] = {
	[OPTIONS_HTTP] = { { "http", "https" },
	                   { 80, 443 },
	                   start_http,
	                   port_of_http,
	                   reload_http,
	                   quiesce_http,
	                   stop_http },
	[OPTIONS_COAP] = { { "coap", "coaps" },
	                   { 5683, 5684 },
	                   start_coap,
	                   port_of_coap,
	                   reload_coap,
	                   quiesce_coap,
	                   stop_coap },
};

const char *
listen_scheme(const struct options_listener *l)
{
	return protocols[l->protocol].schemes[l->security != OPTIONS_CLEAR];
}

unsigned
listen_default_port(const struct options_listener *l)
{
	return protocols[l->protocol].ports[l->security != OPTIONS_CLEAR];
}

enum rc
listen_start(const struct listen_conf *conf, size_t i, const struct listener_policy *policy,
             struct listener *l, char why[LISTEN_WHY_MAX])
{
	const struct listen_ops *ops = &protocols[conf->o->listeners.v[i].protocol];
	void *server;
	enum rc rc = ops->start(conf, i, policy, &server, why);

	if (rc == RC_OK)
		*l = (struct listener){ ops, server };
	return rc;
}

unsigned
listen_port(const struct listener *l)
{
	return l->ops->port(l->server);
}

enum rc
listen_reload(const struct listener *l, char why[LISTEN_WHY_MAX])
{
	return l->ops->reload(l->server, why);
}

void
listen_quiesce(const struct listener *l)
{
	l->ops->quiesce(l->server);
}

void
listen_stop(const struct listener *l)
{
	l->ops->stop(l->server);
}
