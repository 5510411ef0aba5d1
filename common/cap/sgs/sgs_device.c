/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sgs/sgs_device.h"

#include "cap/sgs/sgs_book_impl.h"
#include "store/pack.h"

#define FORMAT 1
#define NAMES_MAX (64u + SGS_SIGN_BYTES + SGS_HASH_BYTES + SGS_ID_MAX + SGS_ANSWER_MAX)

/* ---- rows ---- */

enum rc
sgs_device_row(struct tables_tx *tx, uint64_t device, struct sgs_device_row *out)
{
	struct table_key k = sgs_key1(SGS_T_DEVICE, device);
	enum rc rc = table_row_get(tx, &k, out, sizeof(*out));

	return rc == RC_OK && out->gone != 0 ? RC_NOT_FOUND : rc;
}

static enum rc
device_put(struct tables_tx *tx, uint64_t device, const struct sgs_device_row *row)
{
	struct table_key k = sgs_key1(SGS_T_DEVICE, device);

	return table_row_put(tx, &k, row, sizeof(*row));
}

enum rc
sgs_count_get(struct tables_tx *tx, uint64_t device, struct sgs_count_row *out)
{
	struct table_key k = sgs_key1(SGS_T_COUNT, device);

	return sgs_must(table_row_get(tx, &k, out, sizeof(*out)));
}

enum rc
sgs_count_put(struct tables_tx *tx, uint64_t device, const struct sgs_count_row *c)
{
	struct table_key k = sgs_key1(SGS_T_COUNT, device);

	return table_row_put(tx, &k, c, sizeof(*c));
}

static struct table_key
number_key(struct slice id)
{
	return table_key_of(SGS_T_NUMBER, id.p, id.n);
}

enum rc
sgs_number_of(struct tables_tx *tx, struct slice id, uint64_t *out)
{
	struct table_key k = number_key(id);
	struct slice val;
	enum rc rc = tables_get(tx, table_key_view(&k), &val);

	if (rc != RC_OK)
		return rc;
	*out = table_key_read(val, 0, 8);
	return val.n == 8 && *out != 0 ? RC_OK : RC_INTERNAL;
}

static enum rc
number_put(struct tables_tx *tx, struct slice id, uint64_t device)
{
	struct table_key k = number_key(id), number = { .n = 0 };

	table_key_number(&number, device, 8);
	return tables_put(tx, table_key_view(&k), table_key_view(&number));
}

/* What the record of names says; slices and pointers lie in it. */
struct names {
	const uint8_t *sign, *r1_hash;
	struct slice id, answer;
};

static enum rc
names_read(struct tables_tx *tx, uint64_t device, struct names *out)
{
	struct table_key k = sgs_key1(SGS_T_NAMES, device);
	struct unpack u;
	struct slice val, sign, hash;
	bool version, has;
	enum rc rc = sgs_must(tables_get(tx, table_key_view(&k), &val));

	if (rc != RC_OK)
		return rc;
	u = unpack_of(val);
	version = unpack_number(&u, 1, FORMAT) == FORMAT;
	has = unpack_flag(&u);
	sign = unpack_text(&u, SGS_SIGN_BYTES);
	hash = unpack_text(&u, SGS_HASH_BYTES);
	out->id = unpack_text(&u, SGS_ID_MAX);
	out->answer = unpack_text(&u, SGS_ANSWER_MAX);
	if (!version || !unpack_done(&u) || sign.n != (has ? SGS_SIGN_BYTES : 0) ||
	    hash.n != SGS_HASH_BYTES || out->id.n == 0)
		return RC_INTERNAL;
	out->sign = has ? (const uint8_t *)sign.p : NULL;
	out->r1_hash = (const uint8_t *)hash.p;
	return RC_OK;
}

static enum rc
names_put(struct tables_tx *tx, uint64_t device, const struct sgs_register *r)
{
	struct table_key k = sgs_key1(SGS_T_NAMES, device);
	struct buf v;
	enum rc rc;

	buf_init(&v, NAMES_MAX);
	buf_be(&v, FORMAT, 1);
	buf_be(&v, r->sign != NULL, 1);
	pack_text(&v, slice_make(r->sign, r->sign == NULL ? 0 : SGS_SIGN_BYTES));
	pack_text(&v, slice_make(r->r1_hash, SGS_HASH_BYTES));
	pack_text(&v, r->id);
	pack_text(&v, r->answer);
	rc = v.failed ? RC_UNAVAILABLE : tables_put(tx, table_key_view(&k), buf_view(&v));
	buf_fini(&v);
	return rc;
}

/* ---- registration ---- */

static bool
register_ok(const struct sgs_register *r)
{
	return r->id.n > 0 && r->id.n <= SGS_ID_MAX && r->answer.n > 0 &&
	       r->answer.n <= SGS_ANSWER_MAX;
}

/* What a registration says of the device r->device. */
static enum rc
registered_put(struct sgs_turn *t, const struct sgs_register *r)
{
	const struct sgs_device_row row = { .suite = r->suite,
		                            .cid0 = r->cid0,
		                            .cidset = r->cidset,
		                            .regctr = r->regctr,
		                            .registered = (uint64_t)t->now };
	struct table_key k = sgs_key1(SGS_T_KD, r->device);
	enum rc rc = device_put(t->tx, r->device, &row);

	if (rc == RC_OK)
		rc = names_put(t->tx, r->device, r);
	if (rc != RC_OK)
		return rc;
	return sgs_secret_put(t->b, t->tx, &k, SGS_SECRET_KD, slice_make(r->kd, SGS_SECRET_BYTES));
}

static enum rc
register_new(struct sgs_turn *t, struct sgs_register *r)
{
	const struct sgs_count_row none = { 0 };
	enum rc rc;

	if (r->token_hash == NULL)
		return RC_NOT_FOUND;
	rc = sgs_token_use(t, r->token_hash, r->id);
	if (rc != RC_OK)
		return rc;
	if (r->regctr != t->totals.regctr + 1)
		return RC_PRECONDITION;
	if (t->totals.devices >= t->b->conf.limits.devices_max)
		return RC_NO_SPACE;
	t->totals.devices++;
	r->device = ++t->totals.last_device;
	rc = number_put(t->tx, r->id, r->device);
	if (rc == RC_OK)
		rc = sgs_count_put(t->tx, r->device, &none);
	return rc == RC_OK ? registered_put(t, r) : rc;
}

static enum rc
register_again(struct sgs_turn *t, struct sgs_register *r)
{
	struct sgs_device_row row;
	struct names names;
	enum rc rc = sgs_must(sgs_device_row(t->tx, r->device, &row));

	if (rc == RC_OK)
		rc = names_read(t->tx, r->device, &names);
	if (rc != RC_OK)
		return rc;
	r->again = memcmp(names.r1_hash, r->r1_hash, SGS_HASH_BYTES) == 0;
	if (r->again)
		return RC_OK;
	if (r->token_hash != NULL)
		return RC_CONFLICT;
	if (r->regctr != row.regctr + 1)
		return RC_PRECONDITION;
	return registered_put(t, r);
}

static enum rc
run_register(struct sgs_turn *t, struct sgs_op *op)
{
	struct sgs_register *r = (struct sgs_register *)(void *)op;
	enum rc rc;

	r->again = false;
	if (!register_ok(r))
		return RC_BAD_REQUEST;
	rc = sgs_number_of(t->tx, r->id, &r->device);
	if (rc == RC_NOT_FOUND)
		rc = register_new(t, r);
	else if (rc == RC_OK)
		rc = register_again(t, r);
	if (rc == RC_OK && !r->again)
		sgs_op_tells(op, SGS_TOLD_DEVICE, r->device);
	return rc;
}

void
sgs_device_register(struct sgs_book *b, struct sgs_register *r)
{
	sgs_op_submit(b, &r->op, 0, run_register);
}

/* ---- revocation ---- */

/* Its identity and its secret are forgotten at once. */
static enum rc
revoke(struct sgs_turn *t, uint64_t device, struct sgs_device_row *row)
{
	struct table_key kd = sgs_key1(SGS_T_KD, device), gone = sgs_key1(SGS_T_GONE, device);
	struct table_key contact = sgs_key1(SGS_T_CONTACT, device), number;
	struct names names;
	enum rc rc = names_read(t->tx, device, &names);

	if (rc != RC_OK)
		return rc;
	number = number_key(names.id);
	row->gone = 1;
	t->totals.revoked++;
	if (t->totals.regctr < row->regctr)
		t->totals.regctr = row->regctr;
	rc = device_put(t->tx, device, row);
	if (rc == RC_OK)
		rc = sgs_del(t->tx, &number);
	if (rc == RC_OK)
		rc = sgs_del(t->tx, &kd);
	if (rc == RC_OK)
		rc = sgs_del(t->tx, &contact);
	return rc == RC_OK ? tables_put(t->tx, table_key_view(&gone), SLICE_NONE) : rc;
}

static enum rc
run_revoke(struct sgs_turn *t, struct sgs_op *op)
{
	uint64_t device = ((const struct sgs_revoke *)(const void *)op)->device;
	struct sgs_device_row row;
	enum rc rc = sgs_device_row(t->tx, device, &row);

	if (rc != RC_OK)
		return rc;
	op->sweep = true;
	sgs_op_tells(op, SGS_TOLD_DEVICE_GONE, device);
	return revoke(t, device, &row);
}

void
sgs_device_revoke(struct sgs_book *b, struct sgs_revoke *r)
{
	sgs_op_submit(b, &r->op, 0, run_revoke);
}

/* ---- contact, counter ---- */

static enum rc
run_contact(struct sgs_turn *t, struct sgs_op *op)
{
	const struct sgs_contact *c = (const struct sgs_contact *)(const void *)op;
	struct table_key k = sgs_key1(SGS_T_CONTACT, c->device);
	struct sgs_device_row row;
	enum rc rc = sgs_device_row(t->tx, c->device, &row);

	if (rc != RC_OK)
		return rc;
	if (c->uri.n > SGS_CONTACT_MAX)
		return RC_TOO_LARGE;
	sgs_op_tells(op, SGS_TOLD_DEVICE, c->device);
	return c->uri.n == 0 ? sgs_del(t->tx, &k) : tables_put(t->tx, table_key_view(&k), c->uri);
}

void
sgs_contact_put(struct sgs_book *b, struct sgs_contact *c)
{
	sgs_op_submit(b, &c->op, 0, run_contact);
}

static enum rc
run_counter(struct sgs_turn *t, struct sgs_op *op)
{
	struct sgs_counter *c = (struct sgs_counter *)(void *)op;
	struct sgs_device_row row;
	enum rc rc = sgs_device_row(t->tx, c->device, &row);

	if (rc != RC_OK)
		return rc;
	if (c->ctr > UINT64_MAX - SGS_COUNTER_STEP)
		return RC_BAD_REQUEST;
	if (c->regctr != row.regctr)
		return RC_PRECONDITION;
	c->ceiling = row.ceiling;
	if (c->ctr + SGS_COUNTER_STEP <= row.ceiling)
		return RC_OK;
	c->ceiling = row.ceiling = c->ctr + SGS_COUNTER_STEP;
	return device_put(t->tx, c->device, &row);
}

void
sgs_counter_raise(struct sgs_book *b, struct sgs_counter *c)
{
	sgs_op_submit(b, &c->op, 0, run_counter);
}

/* ---- reading ---- */

/* Without the contact, which need not be. */
static enum rc
device_of(const struct sgs_view *v, uint64_t device, struct sgs_device *out)
{
	struct sgs_device_row row = { 0 };
	struct sgs_count_row c = { 0 };
	struct names names = { 0 };
	enum rc rc = sgs_device_row(v->tx, device, &row);

	if (rc == RC_OK)
		rc = sgs_count_get(v->tx, device, &c);
	if (rc == RC_OK)
		rc = names_read(v->tx, device, &names);
	*out = (struct sgs_device){ .number = device,
		                    .id = names.id,
		                    .suite = (uint8_t)row.suite,
		                    .cid0 = (uint16_t)row.cid0,
		                    .cidset = (uint16_t)row.cidset,
		                    .sign = names.sign,
		                    .regctr = row.regctr,
		                    .registered = (int64_t)row.registered,
		                    .ceiling = row.ceiling,
		                    .r1_hash = names.r1_hash,
		                    .answer = names.answer,
		                    .items = c.items,
		                    .octets = c.octets,
		                    .last_item = c.last_item,
		                    .half_open = c.half_open,
		                    .sessions = c.sessions,
		                    .groups = c.groups };
	return rc;
}

enum rc
sgs_device_get(const struct sgs_view *v, uint64_t device, struct sgs_device *out)
{
	struct table_key k = sgs_key1(SGS_T_CONTACT, device);
	enum rc rc = device_of(v, device, out);

	if (rc == RC_OK)
		rc = tables_get(v->tx, table_key_view(&k), &out->contact);
	else
		return rc;
	if (rc == RC_NOT_FOUND)
		out->contact = SLICE_NONE;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc
sgs_device_find(const struct sgs_view *v, struct slice id, struct sgs_device *out)
{
	uint64_t device = 0;
	enum rc rc = sgs_number_of(v->tx, id, &device);

	return rc == RC_OK ? sgs_must(sgs_device_get(v, device, out)) : rc;
}
