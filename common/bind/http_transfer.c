/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "bind/http_transfer.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/uri.h"
#include "bind/http_out_tls.h"

#define LINE_MAX_BYTES 16384u /* of a request header field, or a URL */

/* Body of the answer. */
static size_t
on_body(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;

	buf_add(&t->ex->answer, data, size * n);
	if (!t->ex->answer.failed)
		return size * n;
	t->failure = "the answer is over the limit";
	return 0;
}

static void
add_lower(struct buf *b, struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		buf_char(b, s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] | 0x20) : s.p[i]);
}

static struct slice
trim(struct slice s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = slice_from(s, 1);
	while (s.n > 0 && strchr(" \t\r\n", s.p[s.n - 1]) != NULL)
		s.n--;
	return s;
}

/* A header line of the answer: kept as name:value and a line feed until all are there. */
static size_t
on_header(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	struct buf *to = &t->ex->answer_text;
	struct slice line = slice_make(data, size * n);
	struct slice name;
	struct slice value = line;

	/* Every response begins anew, so an interim one (100) leaves nothing. */
	if (slice_starts(line, SLICE_LIT("HTTP/"))) {
		buf_clear(to);
		return size * n;
	}
	if (line.n == 0 || line.p[0] == ' ' || line.p[0] == '\t' ||
	    !slice_split(&value, ':', &name) || value.p == NULL)
		return size * n;
	value = trim(value);
	add_lower(to, trim(name));
	buf_char(to, ':');
	buf_slice(to, value);
	buf_char(to, '\n');
	if (!to->failed)
		return size * n;
	t->failure = "the answer's header is over the limit";
	return 0;
}

/* Views of answer_text, which does not move any more. */
static void
view_headers(struct exchange *ex)
{
	struct slice rest = buf_view(&ex->answer_text);
	struct slice line;

	ex->n_answer_headers = 0;
	while (ex->n_answer_headers < EXCHANGE_HEADERS && slice_split(&rest, '\n', &line) &&
	       line.n > 0) {
		struct exchange_header *h = &ex->answer_headers[ex->n_answer_headers++];

		h->value = line;
		slice_split(&h->value, ':', &h->name);
	}
}

static bool
has_header(const struct exchange *ex, const char *name)
{
	for (unsigned i = 0; i < ex->nheaders; i++)
		if (ex->headers[i].name.n == strlen(name) &&
		    strncasecmp(ex->headers[i].name.p, name, ex->headers[i].name.n) == 0)
			return true;
	return false;
}

static bool
printable(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return false;
	return true;
}

static bool
append_line(struct transfer *t, const char *line)
{
	struct curl_slist *longer = curl_slist_append(t->headers, line);

	if (longer != NULL)
		t->headers = longer;
	return longer != NULL;
}

static bool
append_header(struct transfer *t, struct slice name, struct slice value)
{
	struct buf b;
	bool done;

	buf_init(&b, LINE_MAX_BYTES);
	buf_slice(&b, name);
	/* libcurl's way to write a field without a value. */
	buf_puts(&b, value.n == 0 ? ";" : ": ");
	buf_slice(&b, value);
	buf_char(&b, '\0');
	done = !b.failed && printable(name) && printable(value) && append_line(t, b.p);
	buf_fini(&b);
	return done;
}

/* Host is the authority of an absolute-form target, not the next hop (RFC 9112 section 3.2.2). */
static bool
append_host(struct transfer *t)
{
	struct uri target;

	if (t->ex->target.n == 0 || has_header(t->ex, "Host") || !uri_is_absolute(t->ex->target) ||
	    !uri_parse(t->ex->target, &target))
		return true;
	return append_header(t, SLICE_LIT("Host"), target.authority);
}

/* Fields that libcurl adds on its own account; an empty value keeps them out. */
static bool
suppress_headers(struct transfer *t)
{
	static const char *const own[] = { "Accept", "Content-Type" };
	char line[32];

	if (!append_line(t, "Expect:"))
		return false;
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		snprintf(line, sizeof(line), "%s:", own[i]);
		if (!has_header(t->ex, own[i]) && !append_line(t, line))
			return false;
	}
	return true;
}

static bool
build_headers(struct transfer *t)
{
	const struct exchange *ex = t->ex;

	if (!suppress_headers(t) || !append_host(t))
		return false;
	for (unsigned i = 0; i < ex->nheaders; i++)
		if (!append_header(t, ex->headers[i].name, ex->headers[i].value))
			return false;
	return curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers) == CURLE_OK;
}

/* An option whose text libcurl copies. */
static bool
set_text(CURL *easy, CURLoption option, struct slice value)
{
	struct buf b;
	bool done;

	buf_init(&b, LINE_MAX_BYTES);
	buf_slice(&b, value);
	buf_char(&b, '\0');
	done = !b.failed && printable(value) && curl_easy_setopt(easy, option, b.p) == CURLE_OK;
	buf_fini(&b);
	return done;
}

static bool
set_method(CURL *easy, const struct exchange *ex)
{
	if (slice_is(ex->method, "GET") && ex->body.n == 0)
		return curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L) == CURLE_OK;
	if (slice_is(ex->method, "HEAD"))
		return curl_easy_setopt(easy, CURLOPT_NOBODY, 1L) == CURLE_OK;
	/* A method with a body, or one whose Content-Length: 0 says that there is none. */
	if (!slice_is(ex->method, "DELETE") || ex->body.n > 0) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, ex->body.n == 0 ? "" : ex->body.p);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)ex->body.n);
	}
	return set_text(easy, CURLOPT_CUSTOMREQUEST, ex->method);
}

static void
set_security(CURL *easy, const struct port_conf *conf)
{
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	if (conf->ca_file != NULL) {
		curl_easy_setopt(easy, CURLOPT_CAINFO, conf->ca_file);
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	}
	if (conf->cert_file != NULL) {
		curl_easy_setopt(easy, CURLOPT_SSLCERT, conf->cert_file);
		curl_easy_setopt(easy, CURLOPT_SSLKEY, conf->key_file);
	}
}

/* ---- when the connection stands ---- */

/* NULL, or why the request is not sent. */
static const char *
check_session(struct transfer *t)
{
	struct exchange *ex = t->ex;
	const char *failure = NULL;

	if (t->credential != NULL)
		failure = out_tls_check(t->easy, t->credential);
	if (failure == NULL && ex->exporter_label != NULL) {
		failure = out_tls_export(t->easy, ex->exporter_label, &ex->exported);
		ex->has_exported = failure == NULL;
	}
	return failure;
}

static const char *
ask_sender(struct transfer *t)
{
	struct exchange_header more = { SLICE_NONE, SLICE_NONE };

	if (t->ex->connected == NULL)
		return NULL;
	/* On another connection than the first, the header would not be true any more. */
	if (t->begun)
		return "the connection was lost";
	if (!t->ex->connected(t->ex, &more))
		return "the sender does not want this session";
	/* libcurl keeps the list by its head, which stays, and writes the request after this. */
	if (more.name.n > 0 && !append_header(t, more.name, more.value))
		return "the request cannot be written";
	return NULL;
}

/*
 * CURLOPT_PREREQFUNCTION: the connection stands, new or used before, and libcurl begins to write the
 * request when this returns; once more when a used one turns out to be dead.
 */
static int
on_connection(void *arg, char *remote, char *local, int remote_port, int local_port)
{
	struct transfer *t = arg;

	(void)remote;
	(void)local;
	(void)remote_port;
	(void)local_port;
	t->failure = check_session(t);
	t->refused_tls = t->failure != NULL;
	if (t->failure == NULL)
		t->failure = ask_sender(t);
	t->refused = t->failure != NULL && !t->begun;
	t->begun = true;
	return t->failure != NULL ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

/*
 * The exporter's value, and what is computed from it, is for the first request of a session: such
 * an exchange gets a connection of its own, which those after it may use. So does one whose address
 * is to be asked about, where others share the connections.
 */
static bool
set_session(struct transfer *t)
{
	const struct exchange *ex = t->ex;
	bool own = ex->exporter_label != NULL || ex->connected != NULL ||
	           (ex->address_ok != NULL && ex->credential == NULL);

	if (t->credential == NULL && !own)
		return true;
	return (t->credential == NULL || out_tls_prepare(t->easy, t->credential)) &&
	       (!own || curl_easy_setopt(t->easy, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK) &&
	       curl_easy_setopt(t->easy, CURLOPT_PREREQFUNCTION, on_connection) == CURLE_OK &&
	       curl_easy_setopt(t->easy, CURLOPT_PREREQDATA, t) == CURLE_OK;
}

/* What is the same for every exchange of the port. */
static bool
set_common(struct transfer *t, const struct port_conf *conf)
{
	CURL *easy = t->easy;

	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->error);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, t);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
	if (conf->connect_timeout_ms > 0)
		curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)conf->connect_timeout_ms);
	if (t->credential == NULL)
		set_security(easy, conf);
	return conf->user_agent == NULL ||
	       curl_easy_setopt(easy, CURLOPT_USERAGENT, conf->user_agent) == CURLE_OK;
}

static bool
set_exchange(struct transfer *t)
{
	const struct exchange *ex = t->ex;

	if (ex->timeout_ms > 0)
		curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, (long)ex->timeout_ms);
	return set_text(t->easy, CURLOPT_URL, ex->url) &&
	       (ex->target.n == 0 || set_text(t->easy, CURLOPT_REQUEST_TARGET, ex->target)) &&
	       set_method(t->easy, ex) && build_headers(t);
}

bool
transfer_prepare(struct transfer *t, const struct port_conf *conf, struct exchange *ex,
                 const struct credential *c)
{
	t->ex = ex;
	t->credential = c;
	t->failure = NULL;
	t->refused = t->refused_tls = t->begun = false;
	t->error[0] = '\0';
	return set_common(t, conf) && set_session(t) && set_exchange(t);
}

/* In place of libcurl's words, which do not say which file. False: it is not a matter of a file. */
static bool
fail_for_file(const struct transfer *t, CURLcode result)
{
	char text[sizeof(t->ex->failure)];
	const char *name, *words;

	words = t->credential == NULL ? NULL : out_tls_file(result, t->credential, &name);
	if (words == NULL)
		return false;
	snprintf(text, sizeof(text), "%s %s", words, name);
	exchange_fail(t->ex, RC_BAD_GATEWAY, text);
	return true;
}

void
transfer_set_timeout(struct transfer *t, int64_t us)
{
	/* None is no limit for libcurl. */
	long ms = us < 1000 ? 1 : (long)(us / 1000);

	curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, ms);
}

void
transfer_judge(const struct transfer *t, CURLcode result)
{
	struct exchange *ex = t->ex;
	curl_off_t sending_us = 0;
	long status = 0;

	if (result == CURLE_OK) {
		curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
		ex->rc = RC_OK;
		ex->http_status = (int)status;
		view_headers(ex);
		return;
	}
	curl_easy_getinfo(t->easy, CURLINFO_PRETRANSFER_TIME_T, &sending_us);
	ex->unsent = t->refused || sending_us == 0;
	ex->tls_failed = t->refused_tls || out_tls_failed(result);
	ex->tls_refused = t->refused_tls || out_tls_refused(result, t->error);
	if (t->failure != NULL)
		exchange_fail(ex, RC_BAD_GATEWAY, t->failure);
	else if (!fail_for_file(t, result))
		exchange_fail(ex,
		              result == CURLE_OPERATION_TIMEDOUT ? RC_GATEWAY_TIMEOUT
		                                                 : RC_BAD_GATEWAY,
		              t->error[0] != '\0' ? t->error : curl_easy_strerror(result));
}

struct transfer *
transfer_new(void)
{
	struct transfer *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->easy = curl_easy_init();
	if (t->easy != NULL)
		return t;
	free(t);
	return NULL;
}

void
transfer_clear(struct transfer *t)
{
	curl_easy_reset(t->easy);
	curl_slist_free_all(t->headers);
	t->headers = NULL;
	t->ex = NULL;
	t->credential = NULL;
}

void
transfer_free(struct transfer *t)
{
	curl_easy_cleanup(t->easy);
	curl_slist_free_all(t->headers);
	free(t);
}
