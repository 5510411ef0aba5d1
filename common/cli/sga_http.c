/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cli/sga_http.h"

#include <curl/curl.h>
#include <stdlib.h>

#include "cli/sga_state.h"
#include "sec/key_file.h"
#include "sec/secret.h"

#define CONNECT_S 10L
#define TIMEOUT_S 30L
#define HEADERS_MAX 8u
#define LINE_MAX_SIZE 1200u

struct sga_http {
	CURL *curl;
	const struct sga_args *args;
	const char *root, *via;
	char bearer[512]; /* a header, or "" */
};

static bool
read_bearer(struct sga_http *h)
{
	struct key_file file;
	enum rc rc = key_file_private(h->args->bearer, &file);
	size_t n = 0;

	if (rc != RC_OK)
		return sga_fail(h->args->bearer,
		                rc == RC_FORBIDDEN ? "others may read it, or it is not this user's"
		                                   : status_of(rc)->text);
	while (n < file.n && file.p[n] > ' ' && file.p[n] < 0x7f)
		n++;
	if (n > 0 && n + 32 < sizeof(h->bearer))
		snprintf(h->bearer, sizeof(h->bearer), "Authorization: Bearer %.*s", (int)n,
		         file.p);
	key_file_free(&file);
	return h->bearer[0] != '\0' || sga_fail(h->args->bearer, "has no token in its first line");
}

bool
sga_http_open(const struct sga_args *a, const char *root, const char *via, struct sga_http **out)
{
	struct sga_http *h = calloc(1, sizeof(*h));

	if (h == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
	    (h->curl = curl_easy_init()) == NULL) {
		sga_http_close(h);
		return sga_fail("HTTP", "no memory");
	}
	h->args = a;
	h->root = root;
	h->via = via;
	if (a->bearer != NULL && !read_bearer(h)) {
		sga_http_close(h);
		return false;
	}
	*out = h;
	return true;
}

void
sga_http_close(struct sga_http *h)
{
	if (h == NULL)
		return;
	if (h->curl != NULL)
		curl_easy_cleanup(h->curl);
	secret_wipe(h->bearer, sizeof(h->bearer));
	free(h);
}

static size_t
take(char *p, size_t size, size_t n, void *arg)
{
	struct buf *to = arg;

	buf_add(to, p, size * n);
	return to->failed ? 0 : size * n;
}

/* A list that has one more line, or as it was, with *ok false. */
static struct curl_slist *
add(struct curl_slist *list, bool *ok, const char *name, const char *value)
{
	char line[LINE_MAX_SIZE];
	struct curl_slist *longer;

	if (value == NULL || !*ok)
		return list;
	*ok = (size_t)snprintf(line, sizeof(line), "%s: %s", name, value) < sizeof(line);
	longer = *ok ? curl_slist_append(list, line) : NULL;
	*ok = longer != NULL;
	return *ok ? longer : list;
}

static struct curl_slist *
headers_of(const struct sga_http *h, const struct sga_http_request *rq, bool *ok)
{
	struct curl_slist *list = NULL;

	*ok = true;
	list = add(list, ok, "Content-Type", rq->type == NULL ? "" : rq->type);
	list = add(list, ok, "Expect", "");
	list = add(list, ok, "Accept", rq->accept);
	list = add(list, ok, "From", h->args->from);
	list = add(list, ok, "X-M2M-SGA", rq->proof);
	if (h->bearer[0] != '\0' && *ok) {
		struct curl_slist *longer = curl_slist_append(list, h->bearer);

		*ok = longer != NULL;
		list = *ok ? longer : list;
	}
	return list;
}

/* Where to connect, and what to ask for there: the absolute URL when it is to be passed on. */
static bool
set_target(struct sga_http *h, const char *url)
{
	CURL *c = h->curl;

	if (h->via == NULL)
		return curl_easy_setopt(c, CURLOPT_URL, url) == CURLE_OK;
	return curl_easy_setopt(c, CURLOPT_URL, h->via) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_REQUEST_TARGET, url) == CURLE_OK;
}

static bool
set_all(struct sga_http *h, struct sga_http_request *rq, const struct curl_slist *list, char *error)
{
	const struct sga_args *a = h->args;
	const struct {
		CURLoption option;
		const char *value;
	} texts[] = { { CURLOPT_CUSTOMREQUEST, rq->method },
		      { CURLOPT_CAINFO, a->ca },
		      { CURLOPT_SSLCERT, a->cert },
		      { CURLOPT_SSLKEY, a->key_pem },
		      { CURLOPT_UNIX_SOCKET_PATH, a->unix_socket },
		      { CURLOPT_PROXY, "" },
		      { CURLOPT_PROTOCOLS_STR, "http,https" } };
	const struct {
		CURLoption option;
		long value;
	} numbers[] = { { CURLOPT_TIMEOUT, TIMEOUT_S + (long)rq->wait },
		        { CURLOPT_CONNECTTIMEOUT, CONNECT_S },
		        { CURLOPT_NOSIGNAL, 1L } };
	bool ok = curl_easy_setopt(h->curl, CURLOPT_ERRORBUFFER, error) == CURLE_OK &&
	          curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, list) == CURLE_OK &&
	          curl_easy_setopt(h->curl, CURLOPT_WRITEFUNCTION, take) == CURLE_OK &&
	          curl_easy_setopt(h->curl, CURLOPT_WRITEDATA, &rq->answer) == CURLE_OK;

	for (size_t i = 0; ok && i < sizeof(texts) / sizeof(texts[0]); i++)
		ok = texts[i].value == NULL ||
		     curl_easy_setopt(h->curl, texts[i].option, texts[i].value) == CURLE_OK;
	for (size_t i = 0; ok && i < sizeof(numbers) / sizeof(numbers[0]); i++)
		ok = curl_easy_setopt(h->curl, numbers[i].option, numbers[i].value) == CURLE_OK;
	if (ok && rq->type != NULL)
		ok = curl_easy_setopt(h->curl, CURLOPT_POSTFIELDS,
		                      rq->body.n == 0 ? "" : rq->body.p) == CURLE_OK &&
		     curl_easy_setopt(h->curl, CURLOPT_POSTFIELDSIZE, (long)rq->body.n) == CURLE_OK;
	return ok;
}

static bool
perform(struct sga_http *h, struct sga_http_request *rq, const struct curl_slist *list,
        const char *url, char why[SGA_HTTP_WHY])
{
	char error[CURL_ERROR_SIZE] = "";
	CURLcode code;

	curl_easy_reset(h->curl);
	if (!set_target(h, url) || !set_all(h, rq, list, error)) {
		snprintf(why, SGA_HTTP_WHY, "the request cannot be made");
		return false;
	}
	code = curl_easy_perform(h->curl);
	if (code != CURLE_OK) {
		snprintf(why, SGA_HTTP_WHY, "%.200s",
		         error[0] != '\0' ? error : curl_easy_strerror(code));
		return false;
	}
	return curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &rq->status) == CURLE_OK;
}

bool
sga_http_do(struct sga_http *h, struct sga_http_request *rq, char why[SGA_HTTP_WHY])
{
	char url[2048];
	struct curl_slist *list;
	bool ok;

	buf_fini(&rq->answer);
	buf_init(&rq->answer, SGA_HTTP_ANSWER_MAX);
	rq->answer.secret = true; /* a token */
	snprintf(why, SGA_HTTP_WHY, "the request cannot be made");
	if ((size_t)snprintf(url, sizeof(url), "%s%s", h->root, rq->path) >= sizeof(url))
		return false;
	list = headers_of(h, rq, &ok);
	ok = ok && perform(h, rq, list, url, why);
	curl_slist_free_all(list);
	return ok;
}
