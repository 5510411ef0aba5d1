/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sec/node_protect.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/uri.h"
#include "cap/sec/connector.h"
#include "cap/sec/node_impl.h"
#include "sec/access_tag.h"
#include "sec/jose.h"

#define REASON_ARENA (1u << 17)
#define REASON_BODY_MAX 4096u

/* What was done to a request, until its answer is there. */
struct protection {
	struct connector *c;
	uint64_t connection; /* ConnectionId */
	uint32_t kmc_index;
	struct credential *credential; /* NULL: without TLS */
	/* Of a body that was sealed. */
	bool sealed;
	uint64_t seq;
	struct buf object;
	struct slice body; /* as the sender gave it */
	struct exchange_header *type; /* Content-Type; NULL: there was none */
	struct slice type_value;
	unsigned nheaders; /* as the sender gave them */
	char tag[ACCESS_TAG_TEXT + 1];
	uint64_t octets;
};

static struct protection *
protection_new(struct connector *c, struct exchange *ex)
{
	struct protection *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->c = c;
	p->body = ex->body;
	p->nheaders = ex->nheaders;
	p->octets = ex->body.n;
	return p;
}

/* The request is as the sender gave it. */
static void
take_back(struct protection *p, struct exchange *ex)
{
	ex->body = p->body;
	ex->nheaders = p->nheaders;
	if (p->type != NULL)
		p->type->value = p->type_value;
	if (p->credential != NULL)
		ex->credential = NULL;
	credential_unref(p->credential);
	buf_fini(&p->object);
	free(p);
}

static struct exchange_header *
header(struct exchange *ex, const char *name)
{
	for (unsigned i = 0; i < ex->nheaders; i++)
		if (ex->headers[i].name.n == strlen(name) &&
		    strncasecmp(ex->headers[i].name.p, name, ex->headers[i].name.n) == 0)
			return &ex->headers[i];
	return NULL;
}

/* Path and query of the request line, as the receiver takes them. */
static struct slice
request_target(const struct exchange *ex)
{
	struct slice whole = ex->target.n > 0 ? ex->target : ex->url;
	struct uri u;

	if (whole.n == 0 || whole.p[0] == '/' || !uri_parse(whole, &u))
		return whole;
	return u.path.n == 0 ? SLICE_LIT("/") : slice_from(whole, (size_t)(u.path.p - whole.p));
}

/* ---- objects ---- */

/* Bodies, and requests whose answers have one: these belong to the number of the request. */
static bool
is_to_be_sealed(const struct exchange *ex, unsigned flags)
{
	return (flags & MAS_OBJECT) != 0 && (ex->body.n > 0 || slice_is(ex->method, "GET"));
}

static enum rc
direction_key(const struct sec *n, const struct protection *p, enum obj_dir dir, struct key *out)
{
	struct key kmc;
	enum rc rc;

	if (!live_kmc(n->live, p->connection, p->kmc_index, &kmc))
		return RC_UNAVAILABLE;
	rc = obj_key(&kmc, dir, p->connection, p->kmc_index, out);
	key_wipe(&kmc);
	return rc;
}

static enum rc
seal(const struct sec *n, struct protection *p, struct exchange *ex)
{
	struct exchange_header *type = header(ex, "Content-Type");
	struct jose_header h = { .connection = p->connection,
		                 .kmc_index = p->kmc_index,
		                 .direction = OBJ_D2N,
		                 .cty = type == NULL ? SLICE_NONE : type->value,
		                 .method = ex->method,
		                 .target = request_target(ex) };
	struct key key;
	enum rc rc = live_next_object(n->live, p->connection, &p->seq);

	if (rc != RC_OK)
		return RC_UNAVAILABLE;
	h.seq = p->seq;
	rc = direction_key(n, p, OBJ_D2N, &key);
	buf_init(&p->object, JOSE_HEADER_MAX + 2 * ex->body.n + 256);
	if (rc == RC_OK)
		rc = jose_seal(&h, &key, ex->body, &p->object);
	key_wipe(&key);
	if (rc != RC_OK)
		return rc == RC_TOO_LARGE ? rc : RC_UNAVAILABLE;
	p->sealed = true;
	ex->body = buf_view(&p->object);
	if (type == NULL)
		return exchange_add_header(ex, SLICE_LIT("Content-Type"), SLICE_LIT(JOSE_MEDIA_TYPE))
		               ? RC_OK
		               : RC_TOO_LARGE;
	p->type = type;
	p->type_value = type->value;
	type->value = SLICE_LIT(JOSE_MEDIA_TYPE);
	return RC_OK;
}

/* It names the request that it answers, and there is one answer to a request. */
static bool
take_answer(void *arg, uint64_t seq)
{
	(void)arg;
	(void)seq;
	return true;
}

/* The answer's Content-Type becomes type, whatever happens to the memory of the header views. */
static bool
set_answer_type(struct exchange *ex, struct slice type)
{
	size_t at = ex->answer_text.n;
	const char *before = ex->answer_text.p;
	bool found = false;

	buf_slice(&ex->answer_text, type);
	if (ex->answer_text.failed)
		return false;
	for (unsigned i = 0; i < ex->n_answer_headers; i++) {
		struct exchange_header *h = &ex->answer_headers[i];

		/* Names may be constants. */
		if (h->name.p >= before && h->name.p < before + at)
			h->name.p = ex->answer_text.p + (h->name.p - before);
		if (h->value.p >= before && h->value.p < before + at)
			h->value.p = ex->answer_text.p + (h->value.p - before);
		if (slice_is(h->name, "content-type")) {
			h->value = slice_make(ex->answer_text.p + at, type.n);
			found = true;
		}
	}
	return found;
}

static bool
open_answer(const struct sec *n, struct protection *p, struct exchange *ex)
{
	const struct jose_expect want = { .connection = p->connection,
		                          .kmc_index = p->kmc_index,
		                          .direction = OBJ_N2D,
		                          .method = JOSE_RSP,
		                          .answers = p->seq,
		                          .status = (unsigned)ex->http_status,
		                          .take = take_answer };
	struct arena *a = arena_new(JOSE_HEADER_MAX + 65536);
	struct jose object;
	struct buf body;
	struct key key;
	bool opened = a != NULL && direction_key(n, p, OBJ_N2D, &key) == RC_OK;

	buf_init(&body, ex->answer.n);
	opened = opened && jose_parse(buf_view(&ex->answer), a, &object) == RC_OK &&
	         jose_open(&object, &key, &want, &body) == RC_OK &&
	         set_answer_type(ex, object.h.cty);
	key_wipe(&key);
	if (opened) {
		buf_fini(&ex->answer);
		ex->answer = body;
	} else {
		buf_fini(&body);
	}
	arena_free(a);
	return opened;
}

/* What came on the connection, but is not the NSCL's answer to this request. */
static void
answer_is_none(struct exchange *ex)
{
	buf_clear(&ex->answer);
	ex->rc = RC_BAD_GATEWAY;
	ex->http_status = 0;
	snprintf(ex->failure, sizeof(ex->failure), "the answer is not protected as its request");
}

/* Refusals may come from before the object was opened. */
static void
check_answer(const struct sec *n, struct protection *p, struct exchange *ex)
{
	struct slice type = exchange_answer_header(ex, "content-type");
	bool object = slice_starts(type, SLICE_LIT(JOSE_MEDIA_TYPE));

	if (ex->answer.n == 0 || (!object && ex->http_status >= 400))
		return;
	if (!object || !open_answer(n, p, ex))
		answer_is_none(ex);
}

/* ---- trusted access ---- */

static enum rc
tag(const struct sec *n, struct protection *p, struct exchange *ex)
{
	const struct access_request rq = { ex->method, request_target(ex), ex->body };
	struct access_tag t;
	struct key kmc, key;
	uint64_t counter;
	enum rc rc = live_next_object(n->live, p->connection, &counter);

	if (rc != RC_OK || !live_kmc(n->live, p->connection, p->kmc_index, &kmc))
		return RC_UNAVAILABLE;
	rc = access_tag_key(&kmc, p->connection, p->kmc_index, &key);
	key_wipe(&kmc);
	if (rc == RC_OK)
		rc = access_tag_make(&key, p->connection, counter, &rq, &t);
	key_wipe(&key);
	if (rc != RC_OK)
		return rc;
	(void)access_tag_format(&t, p->tag);
	return exchange_add_header(ex, SLICE_LIT(ACCESS_TAG_HEADER), slice_of(p->tag)) ? RC_OK
	                                                                              : RC_TOO_LARGE;
}

/* ---- the hooks ---- */

static struct connector *
find(const struct sec *n, struct slice url, bool *clear)
{
	for (unsigned i = 0; i < n->n_connectors; i++) {
		*clear = connector_is_clear(n->connectors[i], url);
		if (*clear || connector_is_for(n->connectors[i], url))
			return n->connectors[i];
	}
	return NULL;
}

static enum rc
protect_by(struct sec *n, struct protection *p, bool clear, struct exchange *ex)
{
	struct mas_connection conn;
	unsigned flags;
	enum rc rc = RC_OK;

	p->connection = connector_id(p->c, &flags);
	if (p->connection == 0 ||
	    live_find(n->live, p->connection, 0, &conn) != LIVE_OK)
		return RC_UNAVAILABLE;
	p->kmc_index = conn.kmc_index;
	if (!clear && (p->credential = connector_credential(p->c)) == NULL)
		return RC_UNAVAILABLE;
	if (is_to_be_sealed(ex, flags))
		rc = seal(n, p, ex);
	if (rc == RC_OK && clear && (flags & MAS_ACCESS_NETWORK) != 0)
		rc = tag(n, p, ex);
	if (p->credential != NULL)
		ex->credential = p->credential;
	return rc;
}

enum rc
node_protect(void *arg, struct exchange *ex)
{
	struct sec *n = arg;
	bool clear = false;
	struct connector *c = n->open ? NULL : find(n, ex->url, &clear);
	struct protection *p;
	enum rc rc;

	ex->protection = NULL;
	if (c == NULL)
		return RC_OK;
	p = protection_new(c, ex);
	if (p == NULL)
		return RC_UNAVAILABLE;
	rc = protect_by(n, p, clear, ex);
	if (rc != RC_OK) {
		connector_look(c);
		take_back(p, ex);
		return rc;
	}
	ex->protection = p;
	return RC_OK;
}

/* The NSCL says that the connection is over. */
static bool
says_over(const struct exchange *ex)
{
	static const char *const tokens[] = { "SEC_KMC_EXPIRED", "SEC_REVOKED", "SEC_NO_CONNECTION" };
	struct slice reason;
	bool over = false;
	struct arena *a;

	if ((ex->http_status != 401 && ex->http_status != 403) || ex->answer.n > REASON_BODY_MAX ||
	    (a = arena_new(REASON_ARENA)) == NULL)
		return false;
	reason = error_reason(a, buf_view(&ex->answer));
	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++)
		over = over || slice_is(reason, tokens[i]);
	arena_free(a);
	return over;
}

static void
report_news(const struct protection *p, const struct exchange *ex)
{
	if (ex->rc == RC_OK)
		connector_hear(p->c, p->connection,
		               says_over(ex) ? CONNECTOR_REFUSED : CONNECTOR_GOOD);
	else if (ex->tls_failed && p->credential != NULL)
		connector_hear(p->c, p->connection, CONNECTOR_NO_SESSION);
}

void
node_unprotect(void *arg, struct exchange *ex)
{
	struct sec *n = arg;
	struct protection *p = ex->protection;

	ex->protection = NULL;
	if (p == NULL)
		return;
	(void)live_use(n->live, p->connection, 1, p->octets + ex->answer.n);
	if (!node_stopping(n))
		report_news(p, ex);
	if (ex->rc == RC_OK && p->sealed)
		check_answer(n, p, ex);
	take_back(p, ex);
}
