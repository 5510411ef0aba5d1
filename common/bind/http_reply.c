/* SPDX-License-Identifier: Apache-2.0 */
/* Answers: by libmicrohttpd, or written to the socket when it has no way to send one yet. */
#include "config.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/times.h"
#include "bind/http_server.h"
#include "bind/http_tls.h"
#include "sec/secret.h"

#define SERVER_NAME "OpenSCL"
#define EARLY_MAX 262144u /* octets of an answer written past libmicrohttpd */

/* Header fields of an answer (TS 102 921 annex C, headers). */
static const struct {
	const char *name;
	size_t offset; /* of a slice in struct req_answer */
} fields[] = {
	{ "Content-Type", offsetof(struct req_answer, content_type) },
	{ "Location", offsetof(struct req_answer, location) },
	{ "Content-Location", offsetof(struct req_answer, content_location) },
	{ "ETag", offsetof(struct req_answer, etag) },
	{ "Last-Modified", offsetof(struct req_answer, last_modified) },
	{ "Allow", offsetof(struct req_answer, allow) },
	{ "Via", offsetof(struct req_answer, via) },
	{ "X-M2M-Reject", offsetof(struct req_answer, reject) },
};

#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))

static struct slice
field_value(const struct req_answer *a, size_t i)
{
	struct slice v = *(const struct slice *)(const void *)((const char *)a + fields[i].offset);

	/* A line break would begin a header of somebody else's making. */
	for (size_t k = 0; k < v.n; k++)
		if ((unsigned char)v.p[k] < ' ' && v.p[k] != '\t')
			return SLICE_NONE;
	return v;
}

/* libmicrohttpd copies, but wants a zero-terminated value. */
static bool
add_header(struct MHD_Response *r, const char *name, struct slice value)
{
	char small[512];
	char *z = value.n < sizeof(small) ? small : malloc(value.n + 1);
	bool done;

	if (z == NULL)
		return false;
	memcpy(z, value.p, value.n);
	z[value.n] = '\0';
	done = MHD_add_response_header(r, name, z) == MHD_YES;
	if (z != small)
		free(z);
	return done;
}

static bool
add_headers(struct MHD_Response *r, const struct req_answer *a, bool last)
{
	bool ok = MHD_add_response_header(r, "Server", SERVER_NAME) == MHD_YES;
	char seconds[16];

	for (size_t i = 0; ok && i < N_FIELDS; i++) {
		struct slice v = field_value(a, i);

		ok = v.n == 0 || add_header(r, fields[i].name, v);
	}
	if (ok && a->retry_after > 0) {
		snprintf(seconds, sizeof(seconds), "%u", a->retry_after);
		ok = MHD_add_response_header(r, "Retry-After", seconds) == MHD_YES;
	}
	if (ok && a->no_store)
		ok = MHD_add_response_header(r, "Cache-Control", "no-store") == MHD_YES;
	return ok && (!last || MHD_add_response_header(r, "Connection", "close") == MHD_YES);
}

/* A body that nobody is to keep: erased when it was sent. */
struct wiped {
	char *p;
	size_t n;
};

static void
wipe(void *arg)
{
	struct wiped *w = arg;

	secret_wipe(w->p, w->n);
	free(w->p);
	free(w);
}

static struct MHD_Response *
wiped_response(const struct req_answer *a)
{
	struct wiped *w = malloc(sizeof(*w));
	struct MHD_Response *r;

	if (w == NULL)
		return NULL;
	*w = (struct wiped){ a->body, a->body_len };
	r = MHD_create_response_from_buffer_with_free_callback_cls(a->body_len, a->body, wipe, w);
	if (r == NULL)
		free(w);
	return r;
}

struct MHD_Response *
http_reply(struct http_conn *c, int *status)
{
	const struct req_answer *encoded = req_encode(c->rq);
	struct req_answer *a = req_answer(c->rq);
	struct MHD_Response *r;

	*status = encoded->http_status;
	if (a->body == NULL)
		r = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	else if (a->no_store)
		r = wiped_response(a);
	else
		r = MHD_create_response_from_buffer(a->body_len, a->body, MHD_RESPMEM_MUST_FREE);
	if (r == NULL)
		return NULL;
	a->body = NULL;
	if (add_headers(r, a, a->close || atomic_load_explicit(&c->server->quiesced,
	                                                       memory_order_relaxed)))
		return r;
	MHD_destroy_response(r);
	return NULL;
}

struct MHD_Response *
http_reply_overload(void)
{
	/* No request, no codec: the one error document that the core cannot make. */
	static char body[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
			     "<m2m:errorInfo xmlns:m2m=\"http://uri.etsi.org/m2m\">"
			     "<m2m:statusCode>STATUS_SERVICE_UNAVAILABLE</m2m:statusCode>"
			     "<m2m:additionalInfo>too many requests under way</m2m:additionalInfo>"
			     "</m2m:errorInfo>";
	struct req_answer a = { .content_type = SLICE_LIT("application/xml"), .retry_after = 1 };
	struct MHD_Response *r =
		MHD_create_response_from_buffer(sizeof(body) - 1, body, MHD_RESPMEM_PERSISTENT);

	if (r == NULL || add_headers(r, &a, false))
		return r;
	MHD_destroy_response(r);
	return NULL;
}

static void
early_text(struct buf *b, const struct req_answer *a, bool head)
{
	bool has_body = a->body != NULL && a->body_len > 0;
	char date[TIMES_TEXT_MAX];

	times_format_http(clock_now(&clock_system), date);
	buf_printf(b,
	           "HTTP/1.1 %d %s\r\nDate: %s\r\nServer: " SERVER_NAME "\r\nConnection: close\r\n",
	           a->http_status, MHD_get_reason_phrase_for((unsigned)a->http_status), date);
	for (size_t i = 0; i < N_FIELDS; i++) {
		struct slice v = field_value(a, i);

		if (v.n > 0)
			buf_printf(b, "%s: %.*s\r\n", fields[i].name, (int)v.n, v.p);
	}
	if (a->retry_after > 0)
		buf_printf(b, "Retry-After: %u\r\n", a->retry_after);
	if (a->no_store)
		buf_puts(b, "Cache-Control: no-store\r\n");
	buf_printf(b, "Content-Length: %zu\r\n\r\n", has_body ? a->body_len : 0);
	if (has_body && !head)
		buf_add(b, a->body, a->body_len);
}

/* Whatever the socket does not take at once is lost: the client did not read earlier answers. */
static void
write_all(struct http_conn *c, struct slice text)
{
	while (text.n > 0) {
		ssize_t n = c->session != NULL
		                    ? http_tls_write(c->session, text)
		                    : send(c->fd, text.p, text.n, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n <= 0)
			return;
		text = slice_from(text, (size_t)n);
	}
}

void
http_reply_early(struct http_conn *c, enum rc rc, const char *text)
{
	struct buf b;

	if (rc != RC_OK)
		req_refuse(c->rq, rc, text);
	buf_init(&b, EARLY_MAX);
	early_text(&b, req_encode(c->rq), req_input(c->rq)->head);
	if (!b.failed)
		write_all(c, buf_view(&b));
	buf_fini(&b);
	/* The end of the answer is told now; the close waits, or a reset could overtake it. */
	if (c->session == NULL)
		shutdown(c->fd, SHUT_WR);
	http_conn_time(c, HTTP_DRAIN_US);
	if (!http_conn_move(c, CONN_ACTIVE, CONN_DRAIN))
		http_conn_move(c, CONN_LATE, CONN_DRAIN);
	c->drained = 0;
}
