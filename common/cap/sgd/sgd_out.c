/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed records that are on their way, in memory and in the book. */
#include "config.h"

#include "base/be.h"
#include "cap/sgd/sgd_own.h"
#include "store/pack.h"

#define RECORD_MAX ((size_t)128 << 10)
#define OUT_MAX (SGD_OUT_OCTETS + 2 * RECORD_MAX)

/* ---- what is sealed ---- */

static struct table_key
record_key(const struct sga_sid *id, uint32_t ctr)
{
	return sgd_key_number(SGD_T_RECORD, id->v, sizeof(id->v), ctr, 4);
}

static enum rc
out_append(struct sgd_out *out, uint64_t number, uint32_t ctr, struct slice record)
{
	struct sgd_sealed *v = &out->v[out->n];

	if (out->n == SGD_OUT_MAX)
		return RC_NO_SPACE;
	if (out->octets.max == 0)
		buf_init(&out->octets, OUT_MAX);
	*v = (struct sgd_sealed){
		.number = number, .ctr = ctr, .at = out->octets.n, .n = record.n
	};
	buf_slice(&out->octets, record);
	if (out->octets.failed)
		return RC_UNAVAILABLE;
	out->n++;
	return RC_OK;
}

enum rc
sgd_out_add(struct sgd_out *out, const struct sga_sid *id, uint64_t number, struct slice record,
            struct sgd_change *c)
{
	struct sga_header h;
	struct table_key k;
	struct buf row;
	enum rc rc = sga_header_read(record, &h);

	if (rc == RC_OK)
		rc = out_append(out, number, h.ctr, record);
	if (rc != RC_OK)
		return rc;
	k = record_key(id, h.ctr);
	buf_init(&row, RECORD_MAX);
	buf_be(&row, number, 8);
	buf_slice(&row, record);
	if (row.failed)
		c->ops.failed = true;
	sgd_change_put(c, &k, buf_view(&row));
	buf_fini(&row);
	return RC_OK;
}

void
sgd_out_free(struct sgd_out *out)
{
	out->n = out->sent = 0;
	buf_fini(&out->octets);
}

static void
out_clear(struct sgd_out *out)
{
	out->n = out->sent = 0;
	buf_clear(&out->octets);
}

void
sgd_out_drop(struct sgd_out *out, const struct sga_sid *id, struct sgd_to *to, struct sgd_change *c)
{
	struct table_key all = sgd_key(SGD_T_RECORD, id->v, sizeof(id->v));

	for (unsigned i = 0; i < out->n; i++) {
		if (out->v[i].number == 0)
			continue;
		if (i < out->sent) {
			sgd_change_unqueue(c, &to->key, out->v[i].number, SGD_SENT);
			sgd_count(to->server->all, SGD_N_SENT, 1);
		} else {
			to->taken = 0;
		}
	}
	sgd_change_del_all(c, &all);
	to->waits = true;
	out_clear(out);
}

void
sgd_out_finish(struct sgd_out *out, const struct sga_sid *id, struct sgd_to *to,
               struct sgd_change *c)
{
	for (unsigned i = 0; i < out->n; i++) {
		struct table_key k = record_key(id, out->v[i].ctr);

		sgd_change_del(c, &k);
		if (out->v[i].number == 0)
			continue;
		sgd_change_unqueue(c, &to->key, out->v[i].number, SGD_SENT);
		sgd_count(to->server->all, SGD_N_SENT, 1);
	}
	out_clear(out);
}

/* ---- from the book ---- */

static bool
load_one(void *arg, struct slice rest, struct slice val)
{
	struct sgd *d = arg;
	struct unpack u = unpack_of(val);
	uint64_t number = unpack_number(&u, 8, UINT64_MAX);
	struct sgd_session *se;
	struct sgd_group *g;
	struct sga_sid id;
	struct sgd_out *out;
	struct sgd_to *to;

	if (rest.n != sizeof(id.v) + 4 || u.bad)
		return true;
	memcpy(id.v, rest.p, sizeof(id.v));
	se = sgd_session_find(d, &id);
	g = se == NULL ? sgd_group_find(d, &id) : NULL;
	if (se == NULL && g == NULL)
		return true;
	out = se != NULL ? &se->out : &g->out;
	to = se != NULL ? se->to : g->to;
	out_append(out, number, (uint32_t)be_get(rest.p + sizeof(id.v), 4), u.rest);
	if (number > to->taken)
		to->taken = number;
	return true;
}

enum rc
sgd_out_load(struct sgd *d)
{
	struct table_key all = sgd_key(SGD_T_RECORD, NULL, 0);

	for (struct sgd_to *to = d->tos; to != NULL; to = to->next) {
		to->taken = 0;
		to->waits = true;
	}
	for (struct sgd_session *se = d->sessions; se != NULL; se = se->next)
		out_clear(&se->out);
	for (struct sgd_group *g = d->groups; g != NULL; g = g->next)
		out_clear(&g->out);
	return sgd_book_scan(d->book, &all, SLICE_NONE, 0, false, load_one, d);
}
