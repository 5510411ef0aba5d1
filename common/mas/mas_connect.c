/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A service connection (TS 102 690 clause 8): the checks in the order in which their answers are to
 * win, the connection key, what becomes of the older connection and the older Kmr.
 */
#include "config.h"

#include "mas/mas_group_impl.h"

struct work {
	struct mas_local *m;
	struct tables_tx *tx;
	struct mas_connect *c;
	struct mas_effects *effects;
	int64_t now;
	bool known; /* node is there */
	struct mas_node node;
	struct mas_kmr kmr;
	struct key key; /* Kmr; wiped at the end of run */
};

/* Why not, and what a node may be told of it. */
struct refusal {
	enum rc rc;
	const char *reason; /* of the answer */
	const char *really; /* of the audit */
	unsigned reject;
	bool permanent;
	enum mas_counter counter;
};

enum refusal_number {
	BAD_PARAM,
	UNKNOWN_NODE,
	NODE_REVOKED,
	UNKNOWN_KMR,
	KMR_TOO_OLD,
	KMR_REVOKED,
	KMR_RETIRED,
	KMR_EXPIRED,
	KMR_ROTATED,
	SCL_ID_TAKEN,
	SCL_ID_WRONG,
	TLS_TOO_OLD,
	WRONG_DEVICE,
	IVAL_MISSING,
	IVAL_SYNTAX,
	IVAL_FAILED,
	TOO_MANY,
	NOT_REFUSED
};

static const struct refusal refusals[] = {
	[BAD_PARAM] = { RC_BAD_REQUEST, "BAD_PARAM", "BAD_PARAM", 0, false, MAS_COUNT_CONNECT_PARAM },
	[UNKNOWN_NODE] = { RC_FORBIDDEN, "AUTH_FAILED", "UNKNOWN_NODE", REJECT_UNKNOWN, true,
	                   MAS_COUNT_CONNECT_AUTH },
	[NODE_REVOKED] = { RC_FORBIDDEN, "AUTH_FAILED", "NODE_REVOKED", REJECT_REVOKED, true,
	                   MAS_COUNT_CONNECT_AUTH },
	/* An index that was never issued here: the store is older than the node. */
	[UNKNOWN_KMR] = { RC_FORBIDDEN, "AUTH_FAILED", "UNKNOWN_KMR", REJECT_UNKNOWN, false,
	                  MAS_COUNT_CONNECT_AUTH },
	[KMR_TOO_OLD] = { RC_FORBIDDEN, "SEC_REBOOTSTRAP", "KMR_TOO_OLD", REJECT_EXPIRED, false,
	                  MAS_COUNT_CONNECT_REBOOTSTRAP },
	[KMR_REVOKED] = { RC_FORBIDDEN, "AUTH_FAILED", "KMR_REVOKED", REJECT_REVOKED, true,
	                  MAS_COUNT_CONNECT_AUTH },
	[KMR_RETIRED] = { RC_FORBIDDEN, "SEC_REBOOTSTRAP", "KMR_RETIRED", REJECT_EXPIRED, false,
	                  MAS_COUNT_CONNECT_REBOOTSTRAP },
	[KMR_EXPIRED] = { RC_FORBIDDEN, "SEC_REBOOTSTRAP", "KMR_EXPIRED", REJECT_EXPIRED, false,
	                  MAS_COUNT_CONNECT_REBOOTSTRAP },
	[KMR_ROTATED] = { RC_FORBIDDEN, "SEC_REBOOTSTRAP", "KMR_ROTATED", REJECT_EXPIRED, false,
	                  MAS_COUNT_CONNECT_REBOOTSTRAP },
	[SCL_ID_TAKEN] = { RC_CONFLICT, "SCLID_TAKEN", "SCLID_TAKEN", 0, false,
	                   MAS_COUNT_CONNECT_SCL_ID },
	[SCL_ID_WRONG] = { RC_FORBIDDEN, "AUTH_FAILED", "SCLID_WRONG", 0, false,
	                   MAS_COUNT_CONNECT_AUTH },
	[TLS_TOO_OLD] = { RC_FORBIDDEN, "AUTH_FAILED", "TLS_VERSION", 0, false, MAS_COUNT_CONNECT_AUTH },
	[WRONG_DEVICE] = { RC_FORBIDDEN, "AUTH_FAILED", "BINDING_ALARM", REJECT_WRONG_DEVICE, false,
	                   MAS_COUNT_CONNECT_AUTH },
	[IVAL_MISSING] = { RC_FORBIDDEN, "IVAL_FAILED", "IVAL_MISSING", REJECT_INTEGRITY, false,
	                   MAS_COUNT_CONNECT_IVAL },
	[IVAL_SYNTAX] = { RC_BAD_REQUEST, "BAD_PARAM", "IVAL_SYNTAX", 0, false,
	                  MAS_COUNT_CONNECT_PARAM },
	[IVAL_FAILED] = { RC_FORBIDDEN, "IVAL_FAILED", "IVAL_FAILED", REJECT_INTEGRITY, false,
	                  MAS_COUNT_CONNECT_IVAL },
	[TOO_MANY] = { RC_UNAVAILABLE, "OVERLOAD", "CONNECTIONS_MAX", REJECT_OVERLOAD, false,
	               MAS_COUNT_CONNECT_OVERLOAD },
};

/* ---- the checks; RC_OK and *no NOT_REFUSED, or why; other rc: the store ---- */

typedef enum rc check(struct work *w, enum refusal_number *no);

static bool
text_ok(struct slice s, size_t max)
{
	return s.n <= max && (s.n == 0 || memchr(s.p, '\0', s.n) == NULL);
}

static enum rc
check_parameters(struct work *w, enum refusal_number *no)
{
	const struct mas_connect *c = w->c;

	if (key_is_zero(&c->exporter) || c->variant != MAS_C1_TLS_PSK || c->kmr_index == 0 ||
	    (c->tls_version != 0x0303 && c->tls_version != 0x0304) ||
	    (c->scl_id.n > 0 && !scl_id_ok(c->scl_id)) || !text_ok(c->source, MAS_SOURCE_MAX) ||
	    !text_ok(c->nscl, MAS_NSCL_MAX))
		*no = BAD_PARAM;
	return RC_OK;
}

static enum rc
check_node(struct work *w, enum refusal_number *no)
{
	enum rc rc = mas_node_get(w->tx, &w->c->node, &w->node);

	w->known = rc == RC_OK;
	if (rc == RC_NOT_FOUND)
		*no = UNKNOWN_NODE;
	else if (rc == RC_OK && w->node.state != MAS_NODE_ENABLED)
		*no = NODE_REVOKED;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc
check_kmr(struct work *w, enum refusal_number *no)
{
	enum rc rc = mas_kmr_get(w->tx, &w->c->node, w->c->kmr_index, &w->kmr);

	if (rc == RC_NOT_FOUND) {
		*no = w->c->kmr_index > w->node.last_kmr ? UNKNOWN_KMR : KMR_TOO_OLD;
		return RC_OK;
	}
	if (rc != RC_OK)
		return rc;
	if (w->kmr.state == MAS_KMR_REVOKED)
		*no = KMR_REVOKED;
	else if (w->kmr.state == MAS_KMR_RETIRED)
		*no = KMR_RETIRED;
	else if (w->kmr.not_after <= w->now)
		*no = KMR_EXPIRED;
	else if (w->kmr.deadline != 0 || w->node.last_kmc == UINT32_MAX)
		*no = KMR_ROTATED;
	return RC_OK;
}

static enum rc
check_scl_id(struct work *w, enum refusal_number *no)
{
	struct node_id other;
	enum rc rc;

	if (w->c->scl_id.n == 0 || slice_is(w->c->scl_id, w->node.scl_id))
		return RC_OK;
	rc = mas_node_by_scl(w->tx, w->c->scl_id, &other);
	*no = rc == RC_OK ? SCL_ID_TAKEN : SCL_ID_WRONG;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc
check_tls(struct work *w, enum refusal_number *no)
{
	if ((w->node.flags & MAS_TLS13) != 0 && w->c->tls_version < 0x0304)
		*no = TLS_TOO_OLD;
	return RC_OK;
}

/* Kmr is not consumed by a wrong device. */
static enum rc
check_device(struct work *w, enum refusal_number *no)
{
	enum rc rc;

	if (w->node.n_fingerprints == 0)
		return RC_OK;
	rc = proof_verify(w->c->device_proof, &w->c->node, &w->c->exporter, w->node.fingerprints,
	                  w->node.n_fingerprints);
	if (rc != RC_OK && rc != RC_BAD_REQUEST && rc != RC_FORBIDDEN)
		return rc;
	if (rc != RC_OK)
		*no = WRONG_DEVICE;
	return RC_OK;
}

static enum rc
check_ival(struct work *w, enum refusal_number *no)
{
	enum rc rc;

	if (w->c->ival == NULL) {
		if ((w->node.flags & MAS_IVAL) != 0 || w->node.ival_required != 0)
			*no = IVAL_MISSING;
		return RC_OK;
	}
	rc = mas_ival(&w->key, &w->node, w->c->ival, w->now);
	if (rc == RC_BAD_REQUEST)
		*no = IVAL_SYNTAX;
	else if (rc == RC_FORBIDDEN)
		*no = IVAL_FAILED;
	return rc == RC_BAD_REQUEST || rc == RC_FORBIDDEN ? RC_OK : rc;
}

static enum rc
check_room(struct work *w, enum refusal_number *no)
{
	if (mas_live_room(w->m->live, w->m->conf.batch_max) != RC_OK)
		*no = TOO_MANY;
	return RC_OK;
}

static enum rc
take_key(struct work *w, enum refusal_number *no)
{
	(void)no;
	return mas_kmr_unwrap(w->m->keys, &w->kmr, &w->key);
}

static check *const checks[] = {
	check_parameters, check_node, check_kmr,  check_scl_id, check_tls,
	check_device,     take_key,   check_ival, check_room,
};

static enum rc
check_all(struct work *w, enum refusal_number *no)
{
	enum rc rc = RC_OK;

	*no = NOT_REFUSED;
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]) && rc == RC_OK; i++) {
		rc = checks[i](w, no);
		if (*no != NOT_REFUSED)
			break;
	}
	return rc;
}

/* ---- refused ---- */

/* The answer, its audit record, and what show tells of it. */
static enum rc
refuse(struct work *w, const struct refusal *r)
{
	char actor[MAS_NSCL_MAX + 1];
	struct mas_trace t = { .actor = mas_actor(w->c->nscl, actor), .action = "connect",
		               .result = r->really, .source = w->c->source };
	enum rc rc = mas_trace_node(w->m, w->tx, &t, &w->c->node, w->c->kmr_index);

	mas_outcome(&w->c->outcome, r->rc, r->reason);
	w->c->outcome.reject = r->reject;
	w->c->outcome.permanent = r->permanent;
	w->c->outcome.retry_after = r->rc == RC_UNAVAILABLE ? MAS_RETRY_AFTER : 0;
	w->c->refused = r->counter;
	w->c->alarm = r->reject == REJECT_WRONG_DEVICE || r->reject == REJECT_INTEGRITY;
	if (rc != RC_OK || !w->known)
		return rc;
	w->node.failures += w->node.failures < UINT32_MAX;
	w->node.last_failure = w->now;
	(void)string_set(w->node.last_reason, MAS_REASON_MAX, slice_of(r->really));
	return mas_node_put(w->tx, &w->node);
}

/* ---- made ---- */

static enum rc
trace_kmr(struct work *w, const char *action, uint32_t index)
{
	char actor[MAS_NSCL_MAX + 1];
	struct mas_trace t = { .actor = mas_actor(w->c->nscl, actor), .action = action,
		               .source = w->c->source };

	return mas_trace_node(w->m, w->tx, &t, &w->c->node, index);
}

static enum rc
retire_older(struct work *w, struct mas_kmr *older)
{
	enum rc rc = mas_kmr_retire(w->m, w->tx, older, w->effects);

	return rc != RC_OK ? rc : trace_kmr(w, "kmr-retired", older->index);
}

static enum rc
tell_class(struct work *w)
{
	struct mas_effect e = { .kind = EFFECT_CLASS, .node = w->kmr.node, .index = w->kmr.index,
		                .class = mas_class_of(&w->node, &w->kmr) };

	return mas_effect(w->effects, &e);
}

/*
 * A key that is used for the first time puts the older ones out of use, and vectors that were made
 * with one of them.
 */
static enum rc
activate(struct work *w)
{
	struct mas_kmr was = w->kmr;
	struct mas_kmrs kmrs;
	enum rc rc;

	if (w->kmr.state == MAS_KMR_ACTIVE)
		return RC_OK;
	w->kmr.state = MAS_KMR_ACTIVE;
	w->kmr.first_used = w->now;
	rc = mas_kmr_store(w->tx, &w->kmr, &was);
	if (rc == RC_OK)
		rc = tell_class(w);
	if (rc == RC_OK)
		rc = trace_kmr(w, "kmr-activated", w->kmr.index);
	if (rc == RC_OK)
		rc = mas_kmrs_of(w->tx, &w->kmr.node, &kmrs);
	for (size_t i = 0; rc == RC_OK && i < kmrs.n; i++)
		if (kmrs.all[i].state == MAS_KMR_ACTIVE && kmrs.all[i].index != w->kmr.index)
			rc = retire_older(w, &kmrs.all[i]);
	if (rc == RC_OK && kmrs.n > 1)
		rc = mas_groups_void(w->tx, &w->kmr.node, w->effects);
	return rc;
}

static enum rc
new_id(struct work *w, uint64_t *id)
{
	struct mas_conn taken;
	enum rc rc = conn_id_make(id);

	while (rc == RC_OK && mas_conn_get(w->tx, *id, &taken) == RC_OK)
		rc = conn_id_make(id);
	return rc == RC_OK ? tables_failure(w->tx) : rc;
}

static enum rc
make_kmc(const struct work *w, const struct mas_conn *conn, struct key *kmc)
{
	struct kmc_terms terms = { .node = conn->node, .kmr_index = conn->kmr_index,
		                   .kmc_index = conn->kmc_index, .connection = conn->id,
		                   .scl_id = slice_of(w->node.scl_id) };

	return kmc_derive(&w->key, &w->c->exporter, &terms, kmc);
}

/* As a node gets it in the form of release 2. */
static enum rc
wrap_kmc(const struct work *w, const struct mas_conn *conn, const struct key *kmc)
{
	struct key kek;
	enum rc rc = kek_conn(&w->key, &conn->node, conn->id, conn->kmc_index, &kek);

	if (rc == RC_OK)
		rc = key_wrap(&kek, kmc, w->c->wrapped);
	key_wipe(&kek);
	return rc;
}

static enum rc
make_connection(struct work *w, struct mas_conn *conn)
{
	int64_t expires = w->now + w->m->conf.kmc_lifetime;
	struct key kmc;
	enum rc rc;

	*conn = (struct mas_conn){ .node = w->c->node, .kmr_index = w->c->kmr_index,
		                   .kmc_index = ++w->node.last_kmc, .state = MAS_CONN_ACTIVE,
		                   .variant = w->c->variant, .created = w->now,
		                   .tls_version = w->c->tls_version };
	conn->expires = expires < w->kmr.not_after ? expires : w->kmr.not_after;
	(void)string_set(conn->nscl, MAS_NSCL_MAX, w->c->nscl);
	(void)string_set(conn->source, MAS_SOURCE_MAX, w->c->source);
	rc = new_id(w, &conn->id);
	if (rc == RC_OK)
		rc = make_kmc(w, conn, &kmc);
	if (rc != RC_OK)
		return rc;
	rc = mas_kmc_wrap(w->m->keys, &kmc, conn);
	if (rc == RC_OK)
		rc = wrap_kmc(w, conn, &kmc);
	if (rc == RC_OK)
		mas_connection_fill(conn, &w->node, &kmc, &w->c->connection);
	key_wipe(&kmc);
	return rc;
}

/* The older connection with that NSCL serves what is in flight. */
static enum rc
end_older(struct work *w, const struct mas_conn *conn)
{
	struct mas_conn_wish older = { .wants = mas_wants_older, .kmc_index = conn->kmc_index,
		                       .nscl = conn->nscl };

	return mas_conns_shorten(w->m, w->tx, &conn->node, &older, w->now + w->m->conf.kmc_overlap,
	                         w->effects);
}

static enum rc
accept(struct work *w)
{
	char actor[MAS_NSCL_MAX + 1];
	struct mas_trace t = { .actor = mas_actor(w->c->nscl, actor), .action = "connect",
		               .source = w->c->source };
	struct mas_conn conn;
	enum rc rc = activate(w);

	if (rc == RC_OK)
		rc = mas_conns_make_room(w->m, w->tx, &w->c->node, w->effects);
	if (rc == RC_OK)
		rc = make_connection(w, &conn);
	if (rc == RC_OK)
		rc = end_older(w, &conn);
	if (rc == RC_OK)
		rc = mas_conn_store(w->tx, &conn, NULL);
	w->node.failures = 0;
	if (rc == RC_OK)
		rc = mas_node_put(w->tx, &w->node);
	return rc != RC_OK ? rc : mas_trace_conn(w->m, w->tx, &t, &conn);
}

/* ---- the job ---- */

static struct slice
subject_of(const struct mas_connect *c)
{
	return slice_make(c->node.v, NODE_ID_BYTES);
}

/* Who was refused too often is not looked at any more. */
static bool
locked(struct mas_local *m, struct mas_connect *c)
{
	unsigned retry_after;

	if (failures_allow(m->failures, subject_of(c), c->source, &retry_after))
		return false;
	mas_outcome(&c->outcome, RC_UNAVAILABLE, "OVERLOAD");
	c->outcome.reject = REJECT_OVERLOAD;
	c->outcome.retry_after = retry_after;
	c->refused = MAS_COUNT_CONNECT_OVERLOAD;
	return true;
}

static enum rc
run(struct tables_job *j, struct tables_tx *tx)
{
	struct mas_connect *c = MAS_CALL(j, struct mas_connect);
	struct mas_local *m = j->self;
	struct work w = { .m = m, .tx = tx, .c = c, .effects = mas_job_effects(j),
		          .now = clock_now(m->conf.clock) };
	enum refusal_number no;
	enum rc rc;

	if (w.effects == NULL)
		return RC_UNAVAILABLE;
	c->alarm = false;
	mas_outcome(&c->outcome, RC_OK, NULL);
	if (locked(m, c))
		return RC_OK;
	rc = check_all(&w, &no);
	if (rc == RC_OK)
		rc = no == NOT_REFUSED ? accept(&w) : refuse(&w, &refusals[no]);
	key_wipe(&w.key);
	return rc;
}

static void
alarm_of(struct mas_local *m, const struct mas_connect *c)
{
	bool device = c->outcome.reject == REJECT_WRONG_DEVICE;
	char node[NODE_ID_TEXT];

	node_id_text(&c->node, node);
	mas_count(m->counters, device ? MAS_COUNT_BINDING_ALARM : MAS_COUNT_IVAL_ALARM, 1);
	LOG_WARN(m->conf.log, device ? "binding-alarm" : "integrity-alarm", LOG_Z("node", node),
	         LOG_S("source", c->source));
}

/*
 * Failures that somebody may cause on purpose are counted against them: not that of a node whose
 * key was replaced, which tries until it has bootstrapped.
 */
static void
count_failure(struct mas_local *m, const struct mas_connect *c)
{
	char node[NODE_ID_TEXT];

	if (c->outcome.rc != RC_FORBIDDEN && c->outcome.rc != RC_CONFLICT)
		return;
	if (c->refused == MAS_COUNT_CONNECT_REBOOTSTRAP)
		return;
	if (!failures_add(m->failures, subject_of(c), c->source))
		return;
	node_id_text(&c->node, node);
	LOG_WARN(m->conf.log, "connect-locked", LOG_Z("node", node), LOG_S("source", c->source));
}

static void
made(struct mas_local *m, struct mas_connect *c)
{
	mas_live_put(m->live, c->connection.id, mas_live_owner(c->nscl),
	             clock_monotonic() + c->connection.expires - c->connection.created);
	failures_clear(m->failures, subject_of(c), SLICE_NONE);
	mas_count(m->counters, MAS_COUNT_CONNECT_OK, 1);
}

static void
done(struct tables_job *j, enum rc rc)
{
	struct mas_connect *c = MAS_CALL(j, struct mas_connect);
	struct mas_local *m = j->self;

	mas_job_settle(j, rc);
	if (rc != RC_OK) {
		mas_outcome_failed(&c->outcome, rc);
		c->refused = rc == RC_UNAVAILABLE ? MAS_COUNT_CONNECT_OVERLOAD : MAS_COUNT_CONNECT_STORE;
	}
	if (c->outcome.rc == RC_OK) {
		made(m, c);
	} else {
		key_wipe(&c->connection.kmc);
		mas_count(m->counters, c->refused, 1);
		count_failure(m, c);
	}
	if (rc == RC_OK && c->alarm)
		alarm_of(m, c);
	mas_count(m->counters, MAS_COUNT_HN_IN, 1);
	mas_count(m->counters, MAS_COUNT_HN_OUT, 1);
	c->done(c);
}

void
mas_local_connect(void *self, struct mas_connect *c)
{
	c->alarm = false;
	mas_submit(self, &c->job, run, done);
}
