/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The generator of the identity-based scheme of small data (sd/ibas.h): its secret is made when it
 * is first asked for, and lies in the store as every other key, wrapped. Whoever has it signs for
 * every device: keys go to the node of a service connection alone, each in the audit.
 */
#include "config.h"

#include "mas/mas_admin.h"
#include "mas/mas_group_impl.h"

#define SECRET_KEY "I" /* one record: version, epoch, wrapped secret */
#define RECORD_VERSION 1u

static const struct slice record_key = SLICE_INIT(SECRET_KEY);

/* ---- the secret ---- */

struct record {
	uint32_t epoch; /* from 1 on; another with each secret */
	struct mas_wrapped secret;
};

static enum rc
record_get(struct tables_tx *tx, struct record *out)
{
	struct slice val, text;
	struct unpack u;
	enum rc rc = tables_get(tx, record_key, &val);

	*out = (struct record){ .epoch = 0 };
	if (rc != RC_OK)
		return rc;
	u = unpack_of(val);
	if (unpack_number(&u, 1, 255) != RECORD_VERSION)
		return RC_INTERNAL;
	out->epoch = (uint32_t)unpack_number(&u, 4, UINT32_MAX);
	text = unpack_text(&u, MAS_WRAPPED_MAX);
	if (!unpack_done(&u) || text.n == 0)
		return RC_INTERNAL;
	memcpy(out->secret.v, text.p, text.n);
	out->secret.n = text.n;
	return RC_OK;
}

static enum rc
record_put(struct tables_tx *tx, const struct record *r)
{
	struct buf b;
	enum rc rc;

	buf_init(&b, 16 + MAS_WRAPPED_MAX);
	buf_be(&b, RECORD_VERSION, 1);
	buf_be(&b, r->epoch, 4);
	pack_text(&b, slice_make(r->secret.v, r->secret.n));
	rc = b.failed ? RC_UNAVAILABLE : tables_put(tx, record_key, buf_view(&b));
	buf_fini(&b);
	return rc;
}

static enum rc
store_secret(struct mas_local *m, struct tables_tx *tx, const struct ibas_secret *s, uint32_t epoch)
{
	struct record r = { .epoch = epoch };
	struct key octets;
	enum rc rc = ibas_secret_write(s, octets.v);

	if (rc == RC_OK)
		rc = mas_generator_wrap(m->keys, &octets, &r.secret);
	key_wipe(&octets);
	return rc == RC_OK ? record_put(tx, &r) : rc;
}

static enum rc
load_secret(struct mas_local *m, const struct mas_wrapped *w, struct ibas_secret *out)
{
	struct key octets;
	enum rc rc = mas_generator_unwrap(m->keys, w, &octets);

	if (rc == RC_OK)
		rc = ibas_secret_read(slice_make(octets.v, sizeof(octets.v)), out);
	key_wipe(&octets);
	return rc == RC_BAD_REQUEST ? RC_INTERNAL : rc;
}

/* The secret, made when there is none. The caller wipes out. */
static enum rc
secret(struct mas_local *m, struct tables_tx *tx, struct ibas_secret *out)
{
	struct mas_trace t = { .actor = "mas", .action = "generator-make" };
	struct record r;
	enum rc rc = record_get(tx, &r);

	if (rc == RC_OK)
		return load_secret(m, &r.secret, out);
	if (rc != RC_NOT_FOUND)
		return rc;
	rc = ibas_generate(out);
	if (rc == RC_OK)
		rc = store_secret(m, tx, out, 1);
	return rc == RC_OK ? mas_trace_text(m, tx, &t, SLICE_LIT("small data")) : rc;
}

enum rc
mas_generator_rewrap(struct mas_local *m, struct tables_tx *tx, bool *changed)
{
	struct record r;
	struct key octets;
	enum rc rc = record_get(tx, &r);

	*changed = false;
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	if (!mas_wrapped_old(m->keys, &r.secret))
		return RC_OK;
	rc = mas_generator_unwrap(m->keys, &r.secret, &octets);
	if (rc == RC_OK)
		rc = mas_generator_wrap(m->keys, &octets, &r.secret);
	key_wipe(&octets);
	*changed = rc == RC_OK;
	return rc == RC_OK ? record_put(tx, &r) : rc;
}

/* ---- keys ---- */

static enum rc
give_public(struct mas_identity *i, const struct ibas_secret *s)
{
	struct ibas_public q;
	enum rc rc = ibas_public_of(s, &q);

	return rc == RC_OK ? ibas_public_write(&q, i->q) : rc;
}

static enum rc
give_key(struct mas_local *m, struct mas_identity *i, const struct ibas_secret *s)
{
	int64_t now = clock_now(m->conf.clock);
	struct ibas_identity id;
	enum rc rc = ibas_identity_make(&i->node, (uint64_t)(now > 0 ? now / 1000 : 0), &id);

	if (rc == RC_OK)
		rc = ibas_key_make(s, &id, i->key);
	if (rc == RC_OK)
		memcpy(i->id, id.id, sizeof(i->id));
	return rc;
}

static enum rc
give(struct mas_local *m, struct tables_tx *tx, struct mas_identity *i)
{
	struct ibas_secret s = { { { 0 } } };
	enum rc rc = secret(m, tx, &s);

	if (rc == RC_OK)
		rc = give_public(i, &s);
	if (rc == RC_OK && !i->generator)
		rc = give_key(m, i, &s);
	ibas_secret_wipe(&s);
	return rc;
}

static enum rc
give_node(struct mas_local *m, struct tables_tx *tx, struct mas_identity *i)
{
	char actor[MAS_NSCL_MAX + 1];
	struct mas_trace t = { .actor = mas_actor(i->nscl, actor), .action = "identity-key" };
	struct mas_node node;
	enum rc rc = mas_group_may_ask(m, tx, "identity", i->nscl, &i->node, &node);

	if (rc == RC_OK && node.state != MAS_NODE_ENABLED)
		rc = RC_FORBIDDEN;
	if (rc == RC_FORBIDDEN) {
		mas_outcome(&i->outcome, rc, "AUTH_FAILED");
		t.result = "AUTH_FAILED";
		return mas_trace_node(m, tx, &t, &i->node, 0);
	}
	if (rc == RC_OK)
		rc = give(m, tx, i);
	return rc == RC_OK ? mas_trace_node(m, tx, &t, &i->node, 0) : rc;
}

static enum rc
run(struct tables_job *j, struct tables_tx *tx)
{
	struct mas_identity *i = MAS_CALL(j, struct mas_identity);
	struct mas_local *m = j->self;

	mas_outcome(&i->outcome, RC_OK, NULL);
	return i->generator ? give(m, tx, i) : give_node(m, tx, i);
}

static void
done(struct tables_job *j, enum rc rc)
{
	struct mas_identity *i = MAS_CALL(j, struct mas_identity);
	struct mas_local *m = j->self;

	if (rc == RC_NOT_IMPLEMENTED)
		mas_outcome(&i->outcome, rc, "SD_ALG");
	else if (rc != RC_OK)
		mas_outcome_failed(&i->outcome, rc);
	if (i->outcome.rc != RC_OK)
		secret_wipe(i->key, sizeof(i->key));
	else if (!i->generator)
		mas_count(m->counters, MAS_COUNT_IDENTITY_KEYS, 1);
	i->done(i);
}

void
mas_local_identity(void *self, struct mas_identity *i)
{
	mas_submit(self, &i->job, run, done);
}

/* ---- administration ---- */

static enum rc
replace(struct mas_local *m, struct tables_tx *tx, const struct mas_generator *g,
        struct ibas_secret *s)
{
	struct mas_trace t = { .actor = g->actor,
		               .action = "generator-replace",
		               .source = g->source };
	struct record r;
	enum rc rc = record_get(tx, &r);

	if (rc == RC_OK && r.epoch == UINT32_MAX)
		rc = RC_CONFLICT;
	if (rc == RC_OK || rc == RC_NOT_FOUND)
		rc = ibas_generate(s);
	if (rc == RC_OK)
		rc = store_secret(m, tx, s, r.epoch + 1);
	return rc == RC_OK ? mas_trace_text(m, tx, &t, SLICE_LIT("small data")) : rc;
}

static enum rc
administer(struct tables_job *j, struct tables_tx *tx)
{
	struct mas_generator *g = MAS_CALL(j, struct mas_generator);
	struct mas_local *m = j->self;
	struct ibas_secret s = { { { 0 } } };
	struct ibas_public q;
	struct record r;
	enum rc rc = g->replace ? replace(m, tx, g, &s) : RC_OK;

	mas_outcome(&g->outcome, RC_OK, NULL);
	if (rc == RC_OK)
		rc = record_get(tx, &r);
	if (rc == RC_OK && !g->replace)
		rc = load_secret(m, &r.secret, &s);
	if (rc == RC_OK)
		rc = ibas_public_of(&s, &q);
	if (rc == RC_OK)
		rc = ibas_public_write(&q, g->q);
	if (rc == RC_OK)
		g->epoch = r.epoch;
	ibas_secret_wipe(&s);
	return rc;
}

static void
administered(struct tables_job *j, enum rc rc)
{
	static const struct {
		enum rc rc;
		const char *reason;
	} reasons[] = { { RC_NOT_IMPLEMENTED, "SD_ALG" },
		        { RC_NOT_FOUND, "NOT_FOUND" },
		        { RC_CONFLICT, "NO_NEXT_EPOCH" } };
	struct mas_generator *g = MAS_CALL(j, struct mas_generator);

	if (rc != RC_OK)
		mas_outcome_failed(&g->outcome, rc);
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (rc == reasons[i].rc)
			mas_outcome(&g->outcome, rc, reasons[i].reason);
	g->done(g);
}

void
mas_generator(struct mas_local *m, struct mas_generator *g)
{
	mas_submit(m, &g->job, administer, administered);
}
