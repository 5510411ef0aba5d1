/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port_http of core/port.h by libcurl's multi interface. Easy handles are kept and reused; libcurl
 * keeps the connections. No proxy is ever used: a request through another SCL is sent to that SCL
 * with an absolute-form target (TS 102 921 annex C).
 */
#include "config.h"

#include "core/port.h"

#include <curl/curl.h>
#include <stdint.h>
#include <stdlib.h>

#include "bind/http_transfer.h"

#define IDLE_CONNECTIONS 64L /* kept open in all */
#define SPARE_MAX 32u /* easy handles kept */

struct port {
	CURLM *multi;
	struct transfer active; /* head of a ring */
	struct transfer *spare; /* list by next */
	unsigned n_spare;
	unsigned n_active;
	void *failed; /* exchanges that ended in send, by port_data, oldest first: done is owed */
	void **failed_tail;
	bool closing;
	struct port_conf conf; /* strings are own copies */
};

/* done is owed; poll calls it. */
static void
fail_later(struct port *p, struct exchange *ex, enum rc rc, const char *text)
{
	exchange_fail(ex, rc, text);
	ex->port_data = NULL;
	*p->failed_tail = ex;
	p->failed_tail = &ex->port_data;
}

static bool
deliver_failed(struct port *p)
{
	struct exchange *ex = p->failed;

	p->failed = NULL;
	p->failed_tail = &p->failed;
	if (ex == NULL)
		return false;
	while (ex != NULL) {
		struct exchange *next = ex->port_data;

		ex->port_data = NULL;
		ex->done(ex);
		ex = next;
	}
	return true;
}

/* A spare or new one; NULL without memory. */
static struct transfer *
transfer_get(struct port *p)
{
	struct transfer *t = p->spare;

	if (t != NULL) {
		p->spare = t->next;
		p->n_spare--;
		return t;
	}
	return transfer_new();
}

static void
transfer_put(struct port *p, struct transfer *t)
{
	if (p->n_spare >= SPARE_MAX) {
		transfer_free(t);
		return;
	}
	transfer_clear(t);
	t->next = p->spare;
	p->spare = t;
	p->n_spare++;
}

static void
transfer_start(struct port *p, struct transfer *t)
{
	t->next = &p->active;
	t->prev = p->active.prev;
	p->active.prev->next = t;
	p->active.prev = t;
	p->n_active++;
	t->ex->port_data = t;
}

/* Takes t out of the machinery; its exchange is the caller's again. */
static struct exchange *
transfer_end(struct port *p, struct transfer *t)
{
	struct exchange *ex = t->ex;

	curl_multi_remove_handle(p->multi, t->easy);
	t->prev->next = t->next;
	t->next->prev = t->prev;
	p->n_active--;
	ex->port_data = NULL;
	return ex;
}

/* Hands finished exchanges back; true when there was one. */
static bool
collect(struct port *p)
{
	bool any = false;
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(p->multi, &left)) != NULL) {
		struct transfer *t = NULL;
		struct exchange *ex;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
		transfer_judge(t, m->data.result);
		ex = transfer_end(p, t);
		transfer_put(p, t);
		ex->done(ex);
		any = true;
	}
	return any;
}

static char *
copy_text(const char *s)
{
	return s == NULL || s[0] == '\0' ? NULL : strdup(s);
}

static void
conf_copy(struct port_conf *to, const struct port_conf *conf)
{
	*to = *conf;
	to->ca_file = copy_text(conf->ca_file);
	to->cert_file = copy_text(conf->cert_file);
	to->key_file = copy_text(conf->key_file);
	to->user_agent = copy_text(conf->user_agent);
}

static void
conf_free(struct port_conf *conf)
{
	free((void *)(uintptr_t)conf->ca_file);
	free((void *)(uintptr_t)conf->cert_file);
	free((void *)(uintptr_t)conf->key_file);
	free((void *)(uintptr_t)conf->user_agent);
}

static enum rc
http_open(const struct port_conf *conf, struct port **port)
{
	struct port *p;

	/* Thread-safe and counted since libcurl 7.84. */
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return RC_UNAVAILABLE;
	p = calloc(1, sizeof(*p));
	if (p == NULL || (p->multi = curl_multi_init()) == NULL) {
		free(p);
		curl_global_cleanup();
		return RC_UNAVAILABLE;
	}
	conf_copy(&p->conf, conf);
	p->active.next = p->active.prev = &p->active;
	p->failed_tail = &p->failed;
	curl_multi_setopt(p->multi, CURLMOPT_MAX_HOST_CONNECTIONS,
	                  (long)conf->max_connections_per_host);
	curl_multi_setopt(p->multi, CURLMOPT_MAXCONNECTS, IDLE_CONNECTIONS);
	curl_multi_setopt(p->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	*port = p;
	return RC_OK;
}

static void
http_close(struct port *p)
{
	if (p == NULL)
		return;
	p->closing = true;
	while (p->active.next != &p->active) {
		struct transfer *t = p->active.next;
		struct exchange *ex = transfer_end(p, t);

		transfer_put(p, t);
		exchange_fail(ex, RC_UNAVAILABLE, "the port is closed");
		ex->done(ex);
	}
	while (deliver_failed(p))
		continue;
	while (p->spare != NULL) {
		struct transfer *t = p->spare;

		p->spare = t->next;
		transfer_free(t);
	}
	curl_multi_cleanup(p->multi);
	conf_free(&p->conf);
	free(p);
	curl_global_cleanup();
}

/* The exchange may be a used one, or all zeros. */
static void
reset_answer(struct exchange *ex)
{
	buf_fini(&ex->answer);
	buf_fini(&ex->answer_text);
	buf_init(&ex->answer, ex->answer_max);
	buf_init(&ex->answer_text, TRANSFER_HEADER_MAX);
	ex->rc = RC_OK;
	ex->http_status = 0;
	ex->unsent = false;
	ex->n_answer_headers = 0;
	ex->failure[0] = '\0';
}

static void
http_send(struct port *p, struct exchange *ex)
{
	struct transfer *t;

	reset_answer(ex);
	if (p->closing || (p->conf.max_exchanges > 0 && p->n_active >= p->conf.max_exchanges)) {
		fail_later(p, ex, RC_UNAVAILABLE,
		           p->closing ? "the port is closed" : "the port is full");
		return;
	}
	t = transfer_get(p);
	if (t == NULL) {
		fail_later(p, ex, RC_UNAVAILABLE, "no memory");
		return;
	}
	if (!transfer_prepare(t, &p->conf, ex)) {
		transfer_put(p, t);
		fail_later(p, ex, RC_BAD_GATEWAY, "the request cannot be written");
		return;
	}
	if (curl_multi_add_handle(p->multi, t->easy) != CURLM_OK) {
		transfer_put(p, t);
		fail_later(p, ex, RC_UNAVAILABLE, "no memory");
		return;
	}
	transfer_start(p, t);
}

static void
http_poll(struct port *p, int timeout_ms)
{
	bool any = deliver_failed(p);
	int running;

	curl_multi_perform(p->multi, &running);
	if (collect(p) || any)
		return;
	curl_multi_poll(p->multi, NULL, 0, timeout_ms, NULL);
	curl_multi_perform(p->multi, &running);
	collect(p);
	deliver_failed(p);
}

static void
http_wakeup(struct port *p)
{
	curl_multi_wakeup(p->multi);
}

static const char *const schemes[] = { "http", "https", NULL };

const struct port_ops port_http = {
	.schemes = schemes,
	.open = http_open,
	.close = http_close,
	.send = http_send,
	.poll = http_poll,
	.wakeup = http_wakeup,
};
