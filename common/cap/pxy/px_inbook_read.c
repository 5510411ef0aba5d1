/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/pxy/px_inbook_impl.h"
#include "store/pack.h"

static enum rc
state_get(struct tables_tx *tx, const struct px_in_name *source, struct buf *to)
{
	struct table_key k = px_in_key(PX_IN_T_STATE, source);
	struct slice state;
	enum rc rc = tables_get(tx, table_key_view(&k), &state);

	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	buf_slice(to, state);
	return to->failed ? RC_UNAVAILABLE : RC_OK;
}

enum rc
px_inbook_source(struct px_inbook *b, const struct px_in_name *source, struct px_in_count *out,
                 struct buf *state)
{
	struct tables_tx *tx;
	enum rc rc = tables_read(&b->store, &tx);

	if (rc != RC_OK)
		return rc;
	rc = px_in_count_get(tx, source, out);
	if (rc == RC_OK && state != NULL)
		rc = state_get(tx, source, state);
	tables_abort(tx);
	return rc;
}

static enum rc
place_get(struct tables_tx *tx, const struct px_in_name *source, uint16_t stream,
          struct px_in_place *out)
{
	struct table_key k = px_in_key_number(PX_IN_T_PLACE, source, stream, 2);
	struct px_in_place_row row;
	enum rc rc = table_row_get(tx, &k, &row, sizeof(row));

	if (rc == RC_OK)
		*out = (struct px_in_place){ .stream = stream,
			                     .key_index = (uint16_t)row.key_index,
			                     .epoch = (uint32_t)row.epoch,
			                     .any = row.seqs > 0,
			                     .seq = (uint32_t)(row.seqs - (row.seqs > 0)),
			                     .ended = row.ended != 0 };
	return rc;
}

enum rc
px_inbook_place(struct px_inbook *b, const struct px_in_name *source, uint16_t stream,
                struct px_in_place *out)
{
	struct tables_tx *tx;
	enum rc rc = tables_read(&b->store, &tx);

	if (rc != RC_OK)
		return rc;
	rc = place_get(tx, source, stream, out);
	tables_abort(tx);
	return rc;
}

enum rc
px_inbook_look(struct px_inbook *b, const struct px_in_name *source, const uint16_t *stream,
               struct px_in_count *out, struct px_in_place *place, bool *any)
{
	struct tables_tx *tx;
	enum rc rc = tables_read(&b->store, &tx);

	*any = false;
	if (rc != RC_OK)
		return rc;
	rc = px_in_count_get(tx, source, out);
	if (rc == RC_OK && (stream != NULL || out->newest > 0)) {
		rc = place_get(tx, source, stream != NULL ? *stream : (uint16_t)(out->newest - 1),
		               place);
		*any = rc == RC_OK;
	}
	tables_abort(tx);
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* Records behind the source's name in a key, for whom they are meant. */
struct reading {
	px_in_visit *queue;
	px_in_visit_failure *failure;
	void *arg;
	bool damaged;
};

#define NUMBER_AT (1 + PRE_SOURCE_SIZE)

static bool
show_plain(void *arg, struct slice key, struct slice val)
{
	struct reading *r = arg;

	return r->queue(r->arg, table_key_read(key, NUMBER_AT, 8), val);
}

static bool
show_failure(void *arg, struct slice key, struct slice val)
{
	struct reading *r = arg;
	struct unpack u = unpack_of(val);
	struct px_in_failure f = { .number = unpack_number(&u, 8, UINT64_MAX) };

	(void)key;
	f.time = unpack_time(&u);
	f.status = (unsigned)unpack_number(&u, 2, UINT16_MAX);
	r->damaged = !unpack_done(&u);
	return !r->damaged && r->failure(r->arg, &f);
}

static enum rc
scan(struct px_inbook *b, enum px_in_table t, const struct px_in_name *source, uint64_t after,
     size_t n, store_visit *visit, struct reading *r)
{
	struct table_key prefix = px_in_key(t, source),
			 from = px_in_key_number(t, source, after, 8);
	struct tables_tx *tx;
	enum rc rc = tables_read(&b->store, &tx);

	if (rc != RC_OK)
		return rc;
	rc = tables_scan(tx, table_key_view(&prefix), table_key_view(&from), n, visit, r);
	tables_abort(tx);
	return rc == RC_OK && r->damaged ? RC_INTERNAL : rc;
}

enum rc
px_inbook_queue(struct px_inbook *b, const struct px_in_name *source, uint64_t after, size_t n,
                px_in_visit *visit, void *arg)
{
	struct reading r = { .queue = visit, .arg = arg };

	return scan(b, PX_IN_T_QUEUE, source, after, n, show_plain, &r);
}

enum rc
px_inbook_failures(struct px_inbook *b, const struct px_in_name *source, size_t n,
                   px_in_visit_failure *visit, void *arg)
{
	struct reading r = { .failure = visit, .arg = arg };
	struct px_in_count c;
	enum rc rc = px_inbook_source(b, source, &c, NULL);

	if (rc != RC_OK)
		return rc;
	return scan(b, PX_IN_T_FAILURE, source, c.failed > n ? c.failed - n : 0, n, show_failure,
	            &r);
}
