/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on the book: how they are begun, carried out one at a time, and answered. */
#include "config.h"

#include "cap/mpa/mpa_cn.h"

#include <stdlib.h>

#include "base/uri.h"
#include "codec/json_fields.h"
#include "sec/b64url.h"

#define ANSWER_MAX (1u << 20)

/* ---- what operations have in common ---- */

enum rc
cn_refuse_op(struct cn_op *op, enum rc rc, const char *reason)
{
	op->reason = reason;
	return rc;
}

bool
cn_has_room(const struct mpa_cn *cn, unsigned n)
{
	return cn->conf->warrants_max >= n && cn->n_warrants <= cn->conf->warrants_max - n;
}

enum rc
cn_note(struct cn_op *op, struct tables_tx *tx, struct slice octets, struct slice server)
{
	struct mpa_warrant w;
	bool known;
	enum rc rc = mpa_warrant_parse(octets, &w);

	if (rc != RC_OK)
		return RC_INTERNAL;
	rc = cn_warrant_known(tx, &w, server, &known);
	if (rc == RC_CONFLICT)
		return cn_refuse_op(op, rc, "SERIAL_IN_USE");
	if (rc == RC_OK && !known) {
		rc = cn_warrant_put(tx, &w, server);
		op->issued += rc == RC_OK ? 1u : 0u;
	}
	return rc;
}

static bool
is_revoked(void *arg, const struct mpa_serial *serial)
{
	return cn_is_revoked(arg, serial);
}

struct mpa_revocations
cn_revocations(struct tables_tx *tx)
{
	return (struct mpa_revocations){ is_revoked, tx };
}

void
cn_put_octets(struct buf *b, const char *name, struct slice octets)
{
	struct buf text;

	buf_init(&text, B64URL_LEN(MPA_CHAIN_MAX));
	b64url_add(&text, octets);
	if (text.failed)
		b->failed = true;
	else
		json_put_text(b, name, buf_view(&text));
	buf_fini(&text);
}

void
cn_put_public(struct buf *b, const char *name, const struct sign_public *key)
{
	cn_put_octets(b, name, slice_make(key->v, SIGN_PUBLIC_SIZE));
}

bool
cn_take_octets(struct slice text, size_t max, struct buf *out)
{
	size_t n = b64url_octets(text.n);
	char *to = n == 0 || n > max ? NULL : buf_reserve(out, n);

	if (to == NULL || !b64url_decode(text, (uint8_t *)to))
		return false;
	out->n += n;
	return true;
}

void
cn_put_network(const struct mpa_cn *cn, struct buf *b)
{
	json_put_open(b, "network", '{');
	json_put_text(b, "id", cn->id);
	cn_put_public(b, "publicKey", &cn->book.public);
	buf_char(b, '}');
}

/* ---- one operation ---- */

static void
answer(struct cn_op *op, enum rc rc)
{
	const char *reason = op->reason;

	if (reason == NULL)
		reason = rc == RC_NO_SPACE ? "FULL" : rc == RC_UNAVAILABLE ? "OVERLOAD" : "";
	if (op->ask != NULL) {
		if (rc == RC_OK)
			admin_ask_end(op->ask, op->then, buf_view(&op->answer));
		else
			admin_ask_refuse(op->ask, rc, reason, op->retry_after);
	} else if (op->rq != NULL) {
		req_answer(op->rq)->retry_after = op->retry_after;
		if (rc == RC_OK)
			rc = endpoint_answer(op->rq, op->then, op->answer.n > 0 ? CN_JSON : "",
			                     buf_view(&op->answer));
		else
			rc = endpoint_refuse(op->rq, rc, slice_of(reason));
		endpoint_finish(op->rq, rc);
	}
}

static enum rc
run(struct tables_job *j, struct tables_tx *tx)
{
	struct cn_op *op = j->self;

	buf_clear(&op->answer);
	op->then = RC_OK;
	op->reason = NULL;
	op->issued = op->revoked = op->retry_after = 0;
	op->changed = false;
	op->dropped[0] = '\0';
	return op->row->run(op, tx);
}

static void
done(struct tables_job *j, enum rc rc)
{
	struct cn_op *op = j->self;
	struct mpa_cn *cn = op->cn;

	if (rc == RC_OK) {
		cn->n_warrants += op->issued;
		mas_count(cn->counters, CN_ISSUED_N, op->issued);
		mas_count(cn->counters, CN_REVOKED_N, op->revoked);
		if (op->issued > 0 || op->revoked > 0)
			LOG_INFO(cn->log, "mpa-warrants", LOG_Z("operation", op->row->name),
			         LOG_S("id", op->id), LOG_Z("node", op->dropped),
			         LOG_N("issued", (int64_t)op->issued),
			         LOG_N("revoked", (int64_t)op->revoked));
	}
	/* Told before it is answered: who has revoked something knows that it is on its way. */
	if (rc == RC_OK && op->changed)
		cn_anchor_changed(cn);
	/* What was done is done, whether or not there is memory to say so. */
	answer(op, rc == RC_OK && op->answer.failed ? RC_UNAVAILABLE : rc);
	if (op->ended != NULL)
		op->ended(op, rc);
	buf_fini(&op->answer);
	free(op);
}

enum rc
cn_op_begin(struct mpa_cn *cn, const struct cn_row *row, const struct cn_op *how)
{
	struct cn_op *op = malloc(sizeof(*op));
	bool open;

	if (op == NULL)
		return RC_UNAVAILABLE;
	*op = *how;
	op->cn = cn;
	op->row = row;
	op->now = cn_now();
	op->job = (struct tables_job){ .run = run, .done = done, .self = op };
	buf_init(&op->answer, ANSWER_MAX);
	pthread_mutex_lock(&cn->lock);
	open = cn->running && cn->work != NULL;
	if (open)
		tables_work_submit(cn->work, &op->job);
	pthread_mutex_unlock(&cn->lock);
	if (!open)
		free(op);
	return open ? RC_OK : RC_UNAVAILABLE;
}

/* ---- administration ---- */

static void
begin(void *arg, struct admin_ask *ask)
{
	const struct cn_admin *a = arg;
	struct cn_op how = { .ask = ask, .body = ask->body };

	if ((ask->id.p != NULL && !uri_decode(ask->arena, ask->id, &how.id)) ||
	    (ask->id.p != NULL && !mpa_id_ok(how.id)))
		admin_ask_refuse(ask, RC_NOT_FOUND, "NOT_FOUND", 0);
	else if (cn_op_begin(a->cn, a->row, &how) != RC_OK)
		admin_ask_refuse(ask, RC_UNAVAILABLE, "OVERLOAD", 0);
}

static enum rc
add_rows(struct mpa_cn *cn, const struct cn_row *rows, unsigned n)
{
	enum rc rc = RC_OK;

	for (unsigned i = 0; i < n && rc == RC_OK; i++) {
		struct cn_admin *a = &cn->admin[cn->n_admin++];

		a->cn = cn;
		a->row = &rows[i];
		a->more = (struct admin_more){ .method = rows[i].method,
			                       .path = rows[i].path,
			                       .name = rows[i].name,
			                       .begin = begin,
			                       .arg = a };
		rc = admin_add(cn->sec->admin, &a->more);
	}
	return rc;
}

enum rc
cn_admin_open(struct mpa_cn *cn)
{
	enum rc rc;

	if (cn->sec->admin == NULL)
		return RC_OK;
	rc = add_rows(cn, cn_rows_servers, cn_n_rows_servers);
	if (rc == RC_OK)
		rc = add_rows(cn, cn_rows_issue, cn_n_rows_issue);
	if (rc == RC_OK)
		rc = add_rows(cn, cn_rows_list, cn_n_rows_list);
	return rc == RC_OK ? admin_add_counters(cn->sec->admin, cn->counters) : rc;
}

/* ---- nodes that the provider has revoked ---- */

static enum rc
run_node(struct cn_op *op, struct tables_tx *tx)
{
	return cn_drop_node(op, tx, &op->node);
}

/* What could not be done is found again by asking the MAS. */
static void
node_ended(struct cn_op *op, enum rc rc)
{
	if (rc != RC_OK)
		cn_doubt_begin(op->cn);
}

void
cn_node_revoked(struct mpa_cn *cn, const struct node_id *node)
{
	static const struct cn_row row = { .name = "mpa-node-revoked", .run = run_node };
	const struct cn_op how = { .node = *node, .ended = node_ended };

	if (cn_op_begin(cn, &row, &how) != RC_OK)
		cn_doubt_begin(cn);
}
