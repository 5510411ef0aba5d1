/* SPDX-License-Identifier: Apache-2.0 */
#include "client/http.h"

#include <err.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "client/mem.h"
#include "client/uri.h"
#include "client/when.h"
#include "client/xml.h"

#define CALL_MAX_MS	10000		/* one request with its answer */
#define BODY_MAX	(8u << 20)	/* bytes of an answer */
#define WAKE_MAX_MS	1000
#define TOKEN_MAX	512		/* characters */
#define STOP_FDS	2
#define MEDIA_TYPE	"application/xml; charset=utf-8"

struct http {
	CURLM *multi;
	CURL *easy;
	char *scl;		/* where connections go */
	char *authority;	/* of scl */
	char *from;
	char *authorization;	/* header line; NULL: none */
	int stop_fd[STOP_FDS];
	unsigned int stop_fds;
	int64_t deadline;
	int (*idle)(void *arg);
	void *idle_arg;
	char *body;		/* answer of the last call, capacity BODY_MAX + 1 at most */
	size_t len;
	size_t capacity;
	char error[CURL_ERROR_SIZE];
	char reason[512];
};

static size_t
take_body(char *data, size_t size, size_t count, void *arg)
{
	struct http *h = arg;
	size_t n = size * count;

	if (n > BODY_MAX - h->len)
		return 0;
	if (h->len + n + 1 > h->capacity) {
		h->capacity = (h->len + n + 1) * 2;
		h->body = mem_resize(h->body, h->capacity, 1);
	}
	memcpy(h->body + h->len, data, n);
	h->len += n;
	h->body[h->len] = '\0';
	return n;
}

/* The header line with the token in the file. */
static char *
read_token(const char *file)
{
	char token[TOKEN_MAX + 2];
	FILE *f = fopen(file, "r");

	if (f == NULL)
		err(1, "%s", file);
	if (fgets(token, sizeof(token), f) == NULL || strlen(token) > TOKEN_MAX)
		errx(1, "%s: no token", file);
	fclose(f);
	token[strcspn(token, "\r\n")] = '\0';
	return mem_printf("Authorization: Bearer %s", token);
}

static void
prove(struct http *h, const struct http_proof *proof)
{
	if (proof->ca != NULL)
		curl_easy_setopt(h->easy, CURLOPT_CAINFO, proof->ca);
	if (proof->token != NULL)
		h->authorization = read_token(proof->token);
}

struct http *
http_new(const char *scl, const char *from, const struct http_proof *proof)
{
	struct http *h = mem_alloc(1, sizeof(*h));

	h->multi = curl_multi_init();
	h->easy = curl_easy_init();
	if (h->multi == NULL || h->easy == NULL)
		errx(1, "cannot start libcurl");
	h->scl = mem_strdup(scl);
	h->authority = uri_authority(scl);
	h->from = mem_strdup(from);
	h->capacity = 4096;
	h->body = mem_alloc(h->capacity, 1);
	curl_easy_setopt(h->easy, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(h->easy, CURLOPT_WRITEDATA, h);
	curl_easy_setopt(h->easy, CURLOPT_ERRORBUFFER, h->error);
	curl_easy_setopt(h->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(h->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	/* A web proxy of the environment has no business between an application and its SCL. */
	curl_easy_setopt(h->easy, CURLOPT_PROXY, "");
	if (proof != NULL)
		prove(h, proof);
	return h;
}

void
http_free(struct http *h)
{
	if (h == NULL)
		return;
	curl_easy_cleanup(h->easy);
	curl_multi_cleanup(h->multi);
	free(h->scl);
	free(h->authority);
	free(h->from);
	free(h->authorization);
	free(h->body);
	free(h);
}

void
http_stop_on(struct http *h, int fd)
{
	if (h->stop_fds < STOP_FDS)
		h->stop_fd[h->stop_fds++] = fd;
}

void
http_stop_never(struct http *h)
{
	h->stop_fds = 0;
}

void
http_set_deadline(struct http *h, int64_t monotonic_ms)
{
	h->deadline = monotonic_ms;
}

void
http_set_idle(struct http *h, int (*run)(void *arg), void *arg)
{
	h->idle = run;
	h->idle_arg = arg;
}

const char *
http_reason(const struct http *h)
{
	return h->reason;
}

/* Milliseconds the next request may take; 0 or less when the deadline has passed. */
static long
time_left(const struct http *h)
{
	int64_t left = CALL_MAX_MS;

	if (h->deadline != 0 && h->deadline - when_monotonic() < left)
		left = h->deadline - when_monotonic();
	return (long)left;
}

/* Waits for the network, the idle function or a stop descriptor; true when it was the last. */
static bool
wait_some(struct http *h)
{
	struct curl_waitfd extra[STOP_FDS] = { 0 };
	int timeout = h->idle != NULL ? h->idle(h->idle_arg) : WAKE_MAX_MS;

	for (unsigned int i = 0; i < h->stop_fds; i++) {
		extra[i].fd = h->stop_fd[i];
		extra[i].events = CURL_WAIT_POLLIN;
	}
	curl_multi_poll(h->multi, extra, h->stop_fds, timeout < WAKE_MAX_MS ? timeout : WAKE_MAX_MS,
	    NULL);
	for (unsigned int i = 0; i < h->stop_fds; i++)
		if (extra[i].revents != 0)
			return true;
	return false;
}

/* Runs the prepared request; false when it was stopped. */
static bool
transfer(struct http *h, CURLcode *result)
{
	bool stopped = false;
	int running = 1;
	int left;
	CURLMsg *message;

	*result = CURLE_FAILED_INIT;
	if (curl_multi_add_handle(h->multi, h->easy) != CURLM_OK)
		return true;
	while (!stopped) {
		if (curl_multi_perform(h->multi, &running) != CURLM_OK || running == 0)
			break;
		stopped = wait_some(h);
	}
	message = curl_multi_info_read(h->multi, &left);
	if (message != NULL && message->msg == CURLMSG_DONE) {
		*result = message->data.result;
		stopped = false;
	}
	curl_multi_remove_handle(h->multi, h->easy);
	return !stopped;
}

/* Adds a header line, which is freed, to the list. */
static struct curl_slist *
add_header(struct curl_slist *list, char *line)
{
	struct curl_slist *longer = curl_slist_append(list, line);

	if (longer == NULL)
		errx(1, "out of memory");
	free(line);
	return longer;
}

/*
 * Origin form for the SCL itself, absolute form for every other authority (TS 102 921 annex C;
 * a web proxy would be sent the same). CURLOPT_PROXY could not do it: with https it tunnels.
 */
static struct curl_slist *
set_target(struct http *h, const char *uri)
{
	char *authority = uri_authority(uri);
	bool own = strcmp(authority, h->authority) == 0;
	struct curl_slist *headers = NULL;

	curl_easy_setopt(h->easy, CURLOPT_URL, own ? uri : h->scl);
	curl_easy_setopt(h->easy, CURLOPT_REQUEST_TARGET, own ? NULL : uri);
	if (!own)
		headers = add_header(headers, mem_printf("Host: %s", authority));
	free(authority);
	return headers;
}

static struct curl_slist *
prepare(struct http *h, const char *method, const char *uri, const char *body)
{
	struct curl_slist *headers = set_target(h, uri);

	headers = add_header(headers, mem_printf("From: %s", h->from));
	headers = add_header(headers, mem_strdup("Accept: application/xml"));
	if (h->authorization != NULL)
		headers = add_header(headers, mem_strdup(h->authorization));
	curl_easy_setopt(h->easy, CURLOPT_HTTPGET, 1L);
	if (body != NULL) {
		headers = add_header(headers, mem_printf("Content-Type: %s", MEDIA_TYPE));
		headers = add_header(headers, mem_strdup("Expect:"));
		curl_easy_setopt(h->easy, CURLOPT_POSTFIELDS, body);
		curl_easy_setopt(h->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
	}
	curl_easy_setopt(h->easy, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(h->easy, CURLOPT_TIMEOUT_MS, time_left(h));
	return headers;
}

static enum outcome
outcome_of(long status)
{
	if (status >= 200 && status < 300)
		return OUT_DONE;
	if (status == 409)
		return OUT_EXISTS;
	if (status == 404 || status == 410)
		return OUT_GONE;
	if (status == 408 || status >= 500)
		return OUT_AWAY;
	return OUT_REFUSED;
}

/* Notes the status and what the errorInfo document of the SCL says. */
static void
explain(struct http *h, const char *method, const char *uri, long status)
{
	xmlDoc *doc = xml_parse(h->body, h->len, "errorInfo");
	char *info = xml_field(doc, "additionalInfo");

	snprintf(h->reason, sizeof(h->reason), "%s %s: %ld %s", method, uri, status,
	    info != NULL ? info : "");
	free(info);
	xmlFreeDoc(doc);
}

static enum outcome
conclude(struct http *h, const char *method, const char *uri, CURLcode result, long *status)
{
	enum outcome out;

	if (result != CURLE_OK) {
		snprintf(h->reason, sizeof(h->reason), "%s %s: %s", method, uri,
		    h->error[0] != '\0' ? h->error : curl_easy_strerror(result));
		return OUT_AWAY;
	}
	curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, status);
	out = outcome_of(*status);
	if (out != OUT_DONE)
		explain(h, method, uri, *status);
	return out;
}

enum outcome
http_call(struct http *h, const char *method, const char *uri, const char *body,
    struct http_reply *reply)
{
	enum outcome out = OUT_STOPPED;
	CURLcode result = CURLE_OPERATION_TIMEDOUT;
	struct curl_slist *headers;
	long status = 0;

	h->len = 0;
	h->body[0] = '\0';
	h->error[0] = '\0';
	snprintf(h->reason, sizeof(h->reason), "%s %s: stopped", method, uri);
	headers = prepare(h, method, uri, body);
	if (time_left(h) <= 0 || transfer(h, &result))
		out = conclude(h, method, uri, result, &status);
	curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(headers);
	if (reply != NULL)
		*reply = (struct http_reply){ .status = status, .body = h->body, .len = h->len };
	return out;
}
