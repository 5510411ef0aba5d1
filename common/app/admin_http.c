/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "app/admin_http.h"

#include <curl/curl.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/req.h"
#include "sec/key_file.h"
#include "sec/secret.h"
#include "sec/tokens.h"

#define TIMEOUT_S 30L
#define ANSWER_MAX (4u << 20)
#define UNIX_PREFIX "unix:"
#define PIN_MAX (sizeof("sha256//") + 4 * ((SHA256_DIGEST_LENGTH + 2) / 3))

struct admin_http {
	CURL *curl;
	char base[320];
	const char *socket; /* path, or NULL */
	char pin[PIN_MAX + 1]; /* of the key of the listener, or "" */
	char header[TOKEN_MAX + 64]; /* Authorization */
};

/* ---- where, and by what it is known ---- */

static const struct options_listener *
find_listener(const struct options *o)
{
	for (size_t i = 0; i < o->listeners.n; i++)
		if ((o->listeners.v[i].serve & SERVE_ADMIN) != 0)
			return &o->listeners.v[i];
	return NULL;
}

static enum rc
take_address(struct admin_http *h, const struct options_listener *l, char why[ADMIN_HTTP_WHY])
{
	const char *host = l->address;

	if (strncmp(host, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0) {
		h->socket = host + strlen(UNIX_PREFIX);
		host = "localhost";
	} else if (l->port == 0) {
		snprintf(why, ADMIN_HTTP_WHY, "the listener for administration has no fixed port");
		return RC_BAD_REQUEST;
	}
	if (strcmp(host, "0.0.0.0") == 0)
		host = "127.0.0.1";
	if (strcmp(host, "::") == 0)
		host = "::1";
	snprintf(h->base, sizeof(h->base), strchr(host, ':') != NULL ? "%s://[%s]:%d" : "%s://%s:%d",
	         l->security == OPTIONS_CLEAR ? "http" : "https", host,
	         h->socket != NULL ? 80 : l->port);
	return RC_OK;
}

/* The digest of the certificate's public key, in the form of libcurl. */
static bool
pin_of(X509 *cert, char pin[PIN_MAX + 1])
{
	unsigned char *der = NULL, digest[SHA256_DIGEST_LENGTH];
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);

	if (n <= 0)
		return false;
	SHA256(der, (size_t)n, digest);
	OPENSSL_free(der);
	memcpy(pin, "sha256//", 8);
	EVP_EncodeBlock((unsigned char *)pin + 8, digest, sizeof(digest));
	return true;
}

static enum rc
take_pin(struct admin_http *h, const struct options_listener *l, char why[ADMIN_HTTP_WHY])
{
	FILE *f;
	X509 *cert;
	bool ok;

	if (l->security != OPTIONS_CERTIFICATE)
		return RC_OK;
	f = fopen(l->certificate, "re");
	cert = f == NULL ? NULL : PEM_read_X509(f, NULL, NULL, NULL);
	ok = cert != NULL && pin_of(cert, h->pin);
	X509_free(cert);
	if (f != NULL)
		fclose(f);
	if (!ok)
		snprintf(why, ADMIN_HTTP_WHY, "%.160s has no certificate", l->certificate);
	return ok ? RC_OK : RC_BAD_REQUEST;
}

static enum rc
take_token(struct admin_http *h, const char *file, char why[ADMIN_HTTP_WHY])
{
	struct key_file f;
	size_t n;
	enum rc rc = file[0] == '\0' ? RC_NOT_FOUND : key_file_private(file, &f);

	if (rc != RC_OK) {
		snprintf(why, ADMIN_HTTP_WHY, "admin.tokens: %s",
		         rc == RC_NOT_FOUND   ? "there is no such file"
		         : rc == RC_FORBIDDEN ? "must be a file of this user with mode 0600"
		                              : "cannot be read");
		return rc;
	}
	n = f.n > 0 && f.p[f.n - 1] == '\n' ? f.n - 1 : f.n;
	if (n >= TOKEN_MIN && n <= TOKEN_MAX && memchr(f.p, '\n', n) == NULL &&
	    memchr(f.p, '\r', n) == NULL)
		snprintf(h->header, sizeof(h->header), "Authorization: Bearer %.*s", (int)n, f.p);
	else
		rc = RC_BAD_REQUEST;
	key_file_free(&f);
	if (rc != RC_OK)
		snprintf(why, ADMIN_HTTP_WHY, "admin.tokens: not one token of %d to %d characters",
		         TOKEN_MIN, TOKEN_MAX);
	return rc;
}

enum rc
admin_http_open(const struct options *o, struct admin_http **out, char why[ADMIN_HTTP_WHY])
{
	const struct options_listener *l = find_listener(o);
	struct admin_http *h = calloc(1, sizeof(*h));
	enum rc rc = h == NULL ? RC_UNAVAILABLE : RC_OK;

	snprintf(why, ADMIN_HTTP_WHY, l == NULL ? "no listener serves admin" : "no memory");
	if (rc == RC_OK && l == NULL)
		rc = RC_NOT_FOUND;
	if (rc == RC_OK)
		rc = take_address(h, l, why);
	if (rc == RC_OK)
		rc = take_pin(h, l, why);
	if (rc == RC_OK)
		rc = take_token(h, o->admin.tokens, why);
	if (rc == RC_OK && (h->curl = curl_easy_init()) == NULL)
		rc = RC_UNAVAILABLE;
	if (rc == RC_OK)
		*out = h;
	else
		admin_http_close(h);
	return rc;
}

void
admin_http_close(struct admin_http *h)
{
	if (h == NULL)
		return;
	curl_easy_cleanup(h->curl);
	secret_wipe(h, sizeof(*h));
	free(h);
}

/* ---- one request ---- */

static size_t
on_body(char *p, size_t size, size_t n, void *arg)
{
	struct buf *b = arg;

	buf_add(b, p, size * n);
	return b->failed ? 0 : size * n;
}

static struct curl_slist *
headers_of(const struct admin_http *h, const struct admin_http_request *rq)
{
	char type[128];
	struct curl_slist *list = curl_slist_append(NULL, h->header);

	snprintf(type, sizeof(type), "Content-Type: %s", rq->media_type);
	list = curl_slist_append(list, "Accept: application/json");
	list = curl_slist_append(list, "Expect:");
	return rq->body.n > 0 ? curl_slist_append(list, type) : list;
}

static void
set_connection(const struct admin_http *h)
{
	CURL *c = h->curl;

	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	if (h->socket != NULL)
		curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, h->socket);
	if (h->pin[0] == '\0')
		return;
	/* The very key is known: that says more than an issuer and a name. */
	curl_easy_setopt(c, CURLOPT_PINNEDPUBLICKEY, h->pin);
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
}

enum rc
admin_http_do(struct admin_http *h, struct admin_http_request *rq, char why[ADMIN_HTTP_WHY])
{
	struct curl_slist *headers = headers_of(h, rq);
	char url[2048];
	CURL *c = h->curl;
	CURLcode code;

	buf_init(&rq->answer, ANSWER_MAX);
	(void)buf_reserve(&rq->answer, 8192);
	snprintf(url, sizeof(url), "%s/admin/%s", h->base, rq->path);
	curl_easy_reset(c);
	set_connection(h);
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, rq->method);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c, CURLOPT_TIMEOUT, TIMEOUT_S);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, &rq->answer);
	if (strcmp(rq->method, "GET") != 0) {
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, rq->body.n == 0 ? "" : rq->body.p);
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)rq->body.n);
	}
	code = curl_easy_perform(c);
	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &rq->status);
	curl_slist_free_all(headers);
	if (code == CURLE_OK)
		return RC_OK;
	snprintf(why, ADMIN_HTTP_WHY, "%.100s: %.100s", h->socket != NULL ? h->socket : h->base,
	         curl_easy_strerror(code));
	return RC_BAD_GATEWAY;
}

char *
admin_http_escape(struct admin_http *h, const char *text)
{
	return curl_easy_escape(h->curl, text, 0);
}

void
admin_http_free_text(char *text)
{
	curl_free(text);
}
