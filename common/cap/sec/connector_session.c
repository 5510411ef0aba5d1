/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session A: TLS under a key of Kmr, one POST of connectionParamSet, and what its answer means. Kmc
 * is derived here out of Kmr and this TLS session; what the NSCL sends has to be the same.
 */
#include "config.h"

#include <stdio.h>

#include "base/times.h"
#include "base/uri.h"
#include "cap/sec/bootstrapper.h"
#include "cap/sec/connector_impl.h"
#include "cap/sec/integrity.h"
#include "sec/derive.h"
#include "sec/indicator.h"

#define LIFETIME_MAX (7 * 86400 * CLOCK_SECOND)
/* After so many sessions that were not made the provider is asked why. */
#define TLS_FAILURES_MAX 5u

static struct log *
log_of(const struct connector *c)
{
	return c->n->conf->log;
}

static void
fail(struct connector *c, struct slice why, int64_t least, struct slice retry_after)
{
	LOG_WARN(log_of(c), "service-connection-failed", LOG_Z("nscl", c->base), LOG_S("why", why));
	connector_failed(c, least, retry_after);
}

/* ---- the set ---- */

static void
store_run(struct node_job *job)
{
	struct connector *c = job->owner;

	c->stored = node_keys_put_link(c->n->keys, c->link);
}

static void
store_done(struct node_job *job)
{
	struct connector *c = job->owner;
	bool up = c->stored == RC_OK && node_has_root(c->n) && connector_up(c, c->link, c->link_left);

	c->busy = false;
	key_wipe(&c->link->conn.kmc);
	if (!up) {
		fail(c, slice_of(status_of(c->stored)->text), 0, SLICE_NONE);
		return;
	}
	c->tls_failures = 0;
	if (!c->retried)
		c->failures = 0;
	LOG_INFO(log_of(c), "service-connection", LOG_Z("nscl", c->base),
	         LOG_N("kmc_index", c->conn.kmc_index), LOG_N("left_s", c->link_left / CLOCK_SECOND));
}

static void
store(struct connector *c)
{
	c->store = (struct node_job){ .run = store_run, .done = store_done, .owner = c };
	if (!node_work_submit(c->n->work, &c->store))
		c->busy = false;
}

/*
 * What the NSCL's clock says is left, for ours may be wrong: Date comes by the authenticated
 * session.
 */
static int64_t
left_of(const struct connector *c, const struct exchange *ex, int64_t expires)
{
	int64_t date;

	if (!times_parse_http(exchange_answer_header(ex, "date"), &date))
		date = node_now(c->n);
	return expires - date < LIFETIME_MAX ? expires - date : LIFETIME_MAX;
}

/* Kmc, as both sides derive it, into the link. RC_DENIED: the NSCL has another one. */
static enum rc
confirm_key(struct connector *c, const struct connection_set *set, const struct key *e_conn)
{
	const struct sec *n = c->n;
	const struct kmc_terms terms = { .node = n->root.node,
		                         .kmr_index = n->root.kmr_index,
		                         .kmc_index = set->kmc_index,
		                         .connection = set->id,
		                         .scl_id = slice_of(n->conf->scl_id) };
	struct key kek, sent = { { 0 } };
	enum rc rc = kmc_derive(n->kmr, e_conn, &terms, &c->link->conn.kmc);

	if (rc == RC_OK)
		rc = kek_conn(n->kmr, &n->root.node, set->id, set->kmc_index, &kek);
	if (rc == RC_OK)
		rc = param_key_open(&set->key, &kek, &sent);
	if (rc == RC_OK && !key_equal(&sent, &c->link->conn.kmc))
		rc = RC_DENIED;
	key_wipe(&kek);
	key_wipe(&sent);
	if (rc != RC_OK)
		key_wipe(&c->link->conn.kmc);
	return rc;
}

static void
fill_link(struct connector *c, const struct connection_set *set)
{
	const struct sec *n = c->n;
	struct mas_connection *conn = &c->link->conn;

	conn->id = set->id;
	conn->kmc_index = set->kmc_index;
	conn->node = n->root.node;
	conn->kmr_index = n->root.kmr_index;
	snprintf(conn->scl_id, sizeof(conn->scl_id), "%s", n->conf->scl_id);
	conn->flags = set->flags;
	conn->created = node_now(n);
	conn->expires = conn->created + c->link_left;
	c->link->lifetime = c->link_left;
	snprintf(c->link->name, sizeof(c->link->name), "%s", c->name);
}

static void
accept_set(struct connector *c, struct exchange *ex)
{
	struct connection_set set;
	const char *element = "";
	enum rc rc = connection_set_parse(c->arena, buf_view(&ex->answer), &set, &element);

	*c->link = (struct node_link){ 0 };
	c->link_left = rc == RC_OK ? left_of(c, ex, set.expires) : 0;
	if (rc == RC_OK && c->link_left <= 0) {
		element = "securityLifetime";
		rc = RC_BAD_REQUEST;
	}
	if (rc == RC_OK && !slice_is(set.scl_id, c->n->conf->scl_id)) {
		element = "sclId";
		rc = RC_BAD_REQUEST;
	}
	if (rc == RC_OK)
		rc = confirm_key(c, &set, &ex->exported);
	secret_wipe(&set.key, sizeof(set.key));
	if (rc == RC_OK) {
		fill_link(c, &set);
		store(c);
	} else if (rc == RC_DENIED) {
		fail(c, SLICE_LIT("KEY_CONFIRM_FAILED"), c->n->conf->bootstrap.backoff, SLICE_NONE);
	} else {
		fail(c, arena_printf(c->arena, "connectionParamSet is not acceptable: %s", element), 0,
		     SLICE_NONE);
	}
}

/* ---- other answers ---- */

/* The root that session A was made by is still the one there is. */
static bool
is_of_root(const struct connector *c)
{
	const struct node_root *root = &c->n->root;

	return root->kmr_index == c->kmr_index && node_id_eq(&root->node, &c->root_node);
}

static void
verdict_done(struct verdict *v, bool is_void)
{
	struct connector *c = v->owner;

	if (node_stopping(c->n))
		return;
	if (!is_of_root(c)) {
		connector_again(c);
		return;
	}
	c->busy = false;
	if (is_void)
		node_erase(c->n);
	else
		connector_failed(c, 0, SLICE_NONE);
}

/* No session, or none that lasted: whatever the reason, it passes, unless the provider says so. */
static void
no_session(struct connector *c, const struct exchange *ex)
{
	LOG_WARN(log_of(c), "service-connection-failed", LOG_Z("nscl", c->base),
	         LOG_Z("why", ex->failure), LOG_N("tls", ex->tls_failed));
	if (ex->tls_failed && ++c->tls_failures % TLS_FAILURES_MAX == 0) {
		c->verdict.done = verdict_done;
		c->verdict.owner = c;
		if (verdict_ask(&c->verdict, c->n))
			return;
	}
	connector_failed(c, 0, SLICE_NONE);
}

/* The NSCL wants another root. It has proved to be the NSCL; all that this costs is a bootstrap. */
static void
bootstrap_again(struct connector *c)
{
	struct sec *n = c->n;

	if (n->boot == NULL) {
		LOG_ERROR(log_of(c), "no-credentials", LOG_Z("nscl", c->base),
		          LOG_Z("note", "the provider wants them replaced: import new ones"));
		connector_failed(c, n->conf->bootstrap.retry_max, SLICE_NONE);
		return;
	}
	LOG_INFO(log_of(c), "bootstrap-again", LOG_Z("nscl", c->base));
	c->busy = false;
	c->waiting = true;
	bootstrapper_need(n->boot);
}

static void
refused(struct connector *c, const struct exchange *ex)
{
	struct slice reason = error_reason(c->arena, buf_view(&ex->answer));
	struct reject r;

	c->tls_failures = 0;
	if (node_read_reject(c->n, ex, c->nonce, &r) && node_is_void(&r)) {
		c->busy = false;
		node_erase(c->n);
		return;
	}
	if (ex->http_status == 403 && slice_is(reason, "SEC_REBOOTSTRAP")) {
		bootstrap_again(c);
		return;
	}
	fail(c, arena_printf(c->arena, "status %d %.*s", ex->http_status,
	                     (int)(reason.n < 64 ? reason.n : 64), reason.n > 0 ? reason.p : ""),
	     0, exchange_answer_header(ex, "retry-after"));
}

static void
session_done(struct exchange *ex)
{
	struct connector *c = ex->owner;
	bool again = false;

	credential_unref(c->root_credential);
	c->root_credential = NULL;
	arena_reset(c->arena);
	if (node_stopping(c->n) || !node_has_root(c->n))
		c->busy = false;
	else if (!is_of_root(c))
		again = true;
	else if (ex->rc != RC_OK)
		no_session(c, ex);
	else if (ex->http_status == 201 && ex->has_exported)
		accept_set(c, ex);
	else
		refused(c, ex);
	/* Of version 1.1 the set has Kmc in clear. */
	arena_wipe(c->arena);
	arena_reset(c->arena);
	node_exchange_end(ex);
	if (again)
		connector_again(c);
}

/* ---- the request ---- */

static bool
make_psk(const struct sec *n, enum psk_tls tls, struct credential_psk *out)
{
	const struct psk_id id = { .kind = PSK_MR, .tls = tls, .index = n->root.kmr_index,
		                   .node = n->root.node };

	return psk_id_format(&id, out->identity) > 0 &&
	       psk_mr(n->kmr, tls, &n->root.node, n->root.kmr_index, &out->key) == RC_OK;
}

static struct credential *
root_credential(const struct connector *c)
{
	struct credential_psk tls13, tls12;
	struct credential *made = NULL;

	if (make_psk(c->n, PSK_TLS_1_3, &tls13) && make_psk(c->n, PSK_TLS_1_2, &tls12))
		made = credential_psk(&tls13, (c->conn.flags & MAS_TLS13) != 0 ? NULL : &tls12);
	key_wipe(&tls13.key);
	key_wipe(&tls12.key);
	return made;
}

/* The device proves that it is the one that the credentials are bound to, in this very session. */
static bool
prove_device(struct exchange *ex, struct exchange_header *more)
{
	struct connector *c = ex->owner;

	if (!node_answer_room(ex))
		return false;
	if (c->n->device == NULL)
		return true;
	if (proof_make(c->n->device, &c->root_node, &ex->exported, c->proof) != RC_OK)
		return false;
	*more = (struct exchange_header){ SLICE_LIT(PROOF_HEADER), slice_of(c->proof) };
	return true;
}

void
connector_session(struct connector *c)
{
	struct slice scl;
	struct sec *n = c->n;

	arena_reset(c->arena);
	buf_clear(&c->body);
	scl = uri_encode_segment(c->arena, slice_of(n->conf->scl_id));
	c->root_node = n->root.node;
	c->kmr_index = n->root.kmr_index;
	c->root_credential = root_credential(c);
	if (c->root_credential == NULL || !node_nonce(c->nonce, c->nonce_text) ||
	    (n->integrity != NULL && integrity_report(n->integrity, true, &c->body) != RC_OK)) {
		credential_unref(c->root_credential);
		c->root_credential = NULL;
		fail(c, SLICE_LIT("the request cannot be made"), 0, SLICE_NONE);
		return;
	}
	c->ex = (struct exchange){ .method = SLICE_LIT("POST"),
		                   .url = arena_printf(c->arena,
		                                       "%s/connectionParamSet?sclId=%.*s&nonce=%s",
		                                       c->base, (int)scl.n, scl.p, c->nonce_text),
		                   .body = buf_view(&c->body),
		                   .timeout_ms = NODE_TIMEOUT_MS,
		                   .answer_max = PARAM_READ_MAX,
		                   .credential = c->root_credential,
		                   .exporter_label = M2M_EXPORTER_CONNECTION,
		                   .connected = prove_device,
		                   .done = session_done,
		                   .owner = c };
	exchange_add_header(&c->ex, SLICE_LIT("Accept"), SLICE_LIT("application/xml"));
	exchange_add_header(&c->ex, SLICE_LIT(REJECT_NONCE_HEADER), slice_of(c->nonce_text));
	if (n->conf->low_priority)
		exchange_add_header(&c->ex, SLICE_LIT(PRIORITY_HEADER), SLICE_LIT("low"));
	if (c->body.n > 0)
		exchange_add_header(&c->ex, SLICE_LIT("Content-Type"), SLICE_LIT("application/xml"));
	scl_send(n->scl, &c->ex);
}
