/* SPDX-License-Identifier: Apache-2.0 */
/* port_coap of core/port.h: CoAP over UDP and DTLS (RFC 7252). */
#include "config.h"

#include "core/port.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "bind/coap_hosts.h"

#define HEADERS_MAX 16384u /* octets of an answer's header fields */
#define EVENTS_MAX 64

struct port {
	struct coapc_hosts hosts;
	struct port_conf conf; /* strings are own copies */
	struct credential *files; /* of conf: for what no other credential is named */
	unsigned n_exchanges; /* under way or waiting */
	struct exchanges_owed owed;
	bool closing;
};

static void
collect(struct port *p)
{
	struct coapc_call *call;

	while ((call = p->hosts.ended.first) != NULL) {
		struct exchange *ex = call->ex;

		coapc_calls_remove(&p->hosts.ended, call);
		coapc_call_free(call);
		p->n_exchanges--;
		exchanges_owe(&p->owed, ex);
	}
}

/* *named is the caller's; NULL: the files of conf. */
static enum rc
find_credential(const struct port *p, const struct exchange *ex, struct credential **named)
{
	*named = NULL;
	if (p->conf.credential == NULL || ex->credential != NULL)
		return RC_OK;
	return p->conf.credential(p->conf.credential_arg, ex->url, named);
}

/* Takes over the call when it returns RC_OK. */
static enum rc
enter(struct port *p, struct coapc_call *call, const struct cmap_call *where, const char **why)
{
	const struct exchange *ex = call->ex;
	struct coapc_peer peer = { .name = where->host, .port = where->port };
	struct credential *named = NULL;
	enum rc rc = where->secure ? find_credential(p, ex, &named) : RC_OK;
	bool entered;

	*why = "there is no credential for the peer";
	if (rc != RC_OK)
		return rc;
	if (where->secure)
		peer.credential = named != NULL            ? named
		                  : ex->credential != NULL ? ex->credential
		                                           : p->files;
	*why = "there is a credential, but no DTLS";
	if (!where->secure && ex->credential != NULL)
		return RC_BAD_GATEWAY;
	*why = "no memory, or too long a name";
	entered = coapc_hosts_enter(&p->hosts, &peer, call);
	credential_unref(named);
	return entered ? RC_OK : RC_UNAVAILABLE;
}

/* The port has room. */
static enum rc
start(struct port *p, struct exchange *ex, const char **why)
{
	struct coapc_call *call = coapc_call_new(ex);
	struct cmap_call where;
	enum rc rc;

	*why = "no memory";
	if (call == NULL)
		return RC_UNAVAILABLE;
	call->own = ex->exporter_label != NULL || ex->connected != NULL;
	call->due = ex->timeout_ms == 0
	                    ? INT64_MAX
	                    : clock_monotonic() + ex->timeout_ms * (CLOCK_SECOND / 1000);
	rc = coapc_call_prepare(call, NULL, &where, why);
	if (rc == RC_OK)
		rc = enter(p, call, &where, why);
	if (rc != RC_OK)
		coapc_call_free(call);
	return rc;
}

static void
port_send(struct port *p, struct exchange *ex)
{
	const char *why = p->closing ? "the port is closed" : "the port is full";
	enum rc rc = RC_UNAVAILABLE;

	exchange_begin(ex, HEADERS_MAX);
	if (!p->closing && (p->conf.max_exchanges == 0 || p->n_exchanges < p->conf.max_exchanges))
		rc = start(p, ex, &why);
	if (rc == RC_OK) {
		p->n_exchanges++;
		return;
	}
	exchange_fail(ex, rc, why);
	ex->unsent = true;
	exchanges_owe(&p->owed, ex);
}

static void
port_poll(struct port *p)
{
	struct epoll_event events[EVENTS_MAX];
	int n = epoll_wait(p->hosts.epoll, events, EVENTS_MAX, 0);
	int64_t now = clock_monotonic();
	eventfd_t count;

	/* No connection ends before coapc_hosts_tidy. */
	for (int i = 0; i < n; i++)
		if (events[i].data.ptr != NULL)
			coapc_hosts_event(&p->hosts, events[i].data.ptr, now);
		else if (eventfd_read(p->hosts.wake, &count) == 0)
			coapc_hosts_resolved(&p->hosts);
	coapc_hosts_work(&p->hosts, now);
	coapc_hosts_tidy(&p->hosts, now);
	collect(p);
	(void)exchanges_deliver(&p->owed);
}

static int
port_fd(const struct port *p)
{
	return p->hosts.epoll;
}

static int
port_wait_ms(const struct port *p, int max)
{
	int64_t us;

	if (p->owed.first != NULL || p->hosts.dirty != NULL || p->hosts.ended.first != NULL)
		return 0;
	if (p->hosts.due == INT64_MAX)
		return max;
	us = p->hosts.due - clock_monotonic();
	if (us <= 0)
		return 0;
	return (us + 999) / 1000 < max ? (int)((us + 999) / 1000) : max;
}

static void
port_close(struct port *p)
{
	if (p == NULL)
		return;
	p->closing = true;
	coapc_hosts_close(&p->hosts);
	collect(p);
	while (exchanges_deliver(&p->owed))
		continue;
	credential_unref(p->files);
	port_conf_free(&p->conf);
	free(p);
}

static enum rc
port_open(const struct port_conf *conf, struct port **port)
{
	const struct credential_files files = { .ca = conf->ca_file,
		                                .certificate = conf->cert_file,
		                                .key = conf->key_file };
	struct port *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return RC_UNAVAILABLE;
	exchanges_owed_init(&p->owed);
	port_conf_copy(&p->conf, conf);
	p->files = credential_certificate(&files);
	if (!coapc_hosts_open(&p->hosts, conf->max_connections_per_host,
	                      conf->connect_timeout_ms) ||
	    p->files == NULL) {
		port_close(p);
		return RC_UNAVAILABLE;
	}
	coap_startup();
	coap_set_log_level(LOG_EMERG);
	*port = p;
	return RC_OK;
}

static const char *const schemes[] = { "coap", "coaps", NULL };

const struct port_ops port_coap = {
	.schemes = schemes,
	.open = port_open,
	.close = port_close,
	.send = port_send,
	.poll = port_poll,
	.fd = port_fd,
	.wait_ms = port_wait_ms,
};
