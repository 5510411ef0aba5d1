/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sec/node_protect.h"

#include <stdlib.h>

#include "cap/sec/connector.h"
#include "cap/sec/node_impl.h"
#include "cap/sec/object_exchange.h"
#include "cap/sec/param_read.h"
#include "sec/access_tag.h"
#include "sec/derive.h"
#include "sec/indicator.h"

#define REASON_ARENA (1u << 17)
#define REASON_BODY_MAX 4096u

/* What was done to a request, until its answer is there. */
struct protection {
	struct connector *c; /* NULL: by a session that was agreed on, with headers alone */
	uint64_t connection; /* ConnectionId */
	uint32_t kmc_index;
	struct credential *credential; /* NULL: without TLS */
	bool sealed;
	struct object_exchange object; /* when sealed */
	unsigned nheaders; /* as the sender gave them */
	char tag[ACCESS_TAG_TEXT + 1];
	char indicator[INDICATOR_TEXT + 1];
	uint64_t octets;
};

static struct protection *
protection_new(struct connector *c, struct exchange *ex)
{
	struct protection *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->c = c;
	p->nheaders = ex->nheaders;
	p->octets = ex->body.n;
	return p;
}

/* The request is as the sender gave it. */
static void
take_back(struct protection *p, struct exchange *ex)
{
	if (p->sealed)
		object_exchange_take_back(&p->object, ex);
	ex->nheaders = p->nheaders;
	if (p->credential != NULL)
		ex->credential = NULL;
	credential_unref(p->credential);
	free(p);
}

/* ---- trusted access ---- */

static enum rc
tag(const struct sec *n, struct protection *p, struct exchange *ex)
{
	const struct access_request rq = { ex->method, exchange_target(ex), ex->body };
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

/* ---- the claim of low priority; without one it is normal ---- */

static struct slice
path_of(struct slice target)
{
	for (size_t i = 0; i < target.n; i++)
		if (target.p[i] == '?')
			return slice_head(target, i);
	return target;
}

/* What no session protects, K_ind does. */
static enum rc
indicate(const struct sec *n, struct protection *p, struct exchange *ex)
{
	const struct indicator_request rq = { &n->root.node, ex->method,
		                              path_of(exchange_target(ex)) };
	struct indicator i = { .low = true, .time = (uint64_t)(node_now(n) / CLOCK_SECOND) };
	struct key k_ind;
	enum rc rc = secret_random(i.nonce, sizeof(i.nonce));

	if (rc == RC_OK)
		rc = indicator_key(n->kmr, &n->root.node, &k_ind);
	if (rc != RC_OK)
		return rc;
	rc = indicator_make(&k_ind, &rq, &i);
	key_wipe(&k_ind);
	if (rc != RC_OK)
		return rc;
	(void)indicator_format(&i, p->indicator);
	return exchange_add_header(ex, SLICE_LIT(INDICATOR_HEADER), slice_of(p->indicator))
	           ? RC_OK
	           : RC_TOO_LARGE;
}

static enum rc
claim_in_session(struct exchange *ex)
{
	return exchange_add_header(ex, SLICE_LIT(PRIORITY_HEADER), SLICE_LIT("low")) ? RC_OK
	                                                                            : RC_TOO_LARGE;
}

static enum rc
claim(const struct sec *n, struct protection *p, const struct mas_connection *conn, bool clear,
      struct exchange *ex)
{
	if (!n->conf->low_priority)
		return RC_OK;
	/* The NSCL looks for K_ind of the Kmr that the connection was made by. */
	if (clear)
		return conn->kmr_index == n->root.kmr_index ? indicate(n, p, ex) : RC_OK;
	return claim_in_session(ex);
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
	enum rc rc = RC_OK;

	p->connection = connector_id(p->c);
	if (p->connection == 0 ||
	    live_find(n->live, p->connection, 0, &conn) != LIVE_OK)
		return RC_UNAVAILABLE;
	p->kmc_index = conn.kmc_index;
	/* Without TLS there is only what the access network protects. */
	if (clear ? (conn.flags & MAS_ACCESS_NETWORK) == 0
	          : (p->credential = connector_credential(p->c)) == NULL)
		return RC_UNAVAILABLE;
	if (object_exchange_wanted(&conn, ex)) {
		rc = object_exchange_seal(n->live, &conn, OBJ_D2N, ex, &p->object);
		p->sealed = rc == RC_OK;
	}
	if (rc == RC_OK && clear)
		rc = tag(n, p, ex);
	if (rc == RC_OK)
		rc = claim(n, p, &conn, clear, ex);
	if (p->credential != NULL)
		ex->credential = p->credential;
	return rc;
}

/* The key that a capability has agreed on with that peer is in node_credential. */
static enum rc
protect_agreed(const struct sec *n, struct exchange *ex)
{
	struct protection *p;
	enum rc rc;

	if (!n->conf->low_priority)
		return RC_OK;
	p = protection_new(NULL, ex);
	if (p == NULL)
		return RC_UNAVAILABLE;
	rc = claim_in_session(ex);
	if (rc == RC_OK)
		ex->protection = p;
	else
		take_back(p, ex);
	return rc;
}

enum rc
node_protect(void *arg, struct exchange *ex)
{
	struct sec *n = arg;
	bool clear = false;
	struct connector *c;
	struct protection *p;
	enum rc rc;

	ex->protection = NULL;
	if (authorities_find(n->authorities, ex->url) != NULL)
		return protect_agreed(n, ex);
	c = n->open ? NULL : find(n, ex->url, &clear);
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

/* By TLS: it is the NSCL that answers, or nobody. */
static void
report_session(const struct protection *p, const struct exchange *ex)
{
	if (ex->rc == RC_OK)
		connector_hear(p->c, p->connection,
		               says_over(ex) ? CONNECTOR_REFUSED : CONNECTOR_GOOD);
	else if (ex->tls_failed)
		connector_hear(p->c, p->connection,
		               ex->tls_refused ? CONNECTOR_NO_KEY : CONNECTOR_CUT);
}

/* The tag proves the request, not the answer, which anybody on the way may have made. */
static void
report_clear(const struct protection *p, const struct exchange *ex)
{
	if (ex->rc == RC_OK && says_over(ex))
		connector_hear(p->c, p->connection, CONNECTOR_DOUBTED);
}

/* What the answer says of the service connection. */
static void
account(struct sec *n, const struct protection *p, const struct exchange *ex)
{
	(void)live_use(n->live, p->connection, 1, p->octets + ex->answer.n);
	if (!node_stopping(n) && p->credential != NULL)
		report_session(p, ex);
	else if (!node_stopping(n))
		report_clear(p, ex);
}

void
node_unprotect(void *arg, struct exchange *ex)
{
	struct sec *n = arg;
	struct protection *p = ex->protection;

	ex->protection = NULL;
	if (p == NULL)
		return;
	if (p->c != NULL)
		account(n, p, ex);
	if (p->sealed)
		object_exchange_open(&p->object, ex);
	take_back(p, ex);
}
