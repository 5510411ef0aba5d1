/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <stdlib.h>

#include "cap/sgs/sgs_book_impl.h"

enum rc
sgs_view_open(struct sgs_book *b, struct sgs_view **out)
{
	struct sgs_view *v = calloc(1, sizeof(*v));
	enum rc rc;

	*out = NULL;
	if (v == NULL)
		return RC_UNAVAILABLE;
	v->book = b;
	v->now = clock_now(b->conf.clock);
	rc = tables_read(&b->store, &v->tx);
	if (rc == RC_OK)
		*out = v;
	else
		free(v);
	return rc;
}

void
sgs_view_close(struct sgs_view *v)
{
	if (v == NULL)
		return;
	tables_abort(v->tx);
	sgs_touch(v->book, SGS_OP_OCTETS);
	if (sgs_is_touched(v->book))
		tables_work_wake(v->book->work);
	free(v);
}

enum rc
sgs_stats_get(const struct sgs_view *v, struct sgs_stats *out)
{
	struct table_key k = table_key(SGS_T_TOTALS);
	struct sgs_total_row r = { 0 };
	enum rc rc = sgs_must(table_row_get(v->tx, &k, &r, sizeof(r)));

	*out = (struct sgs_stats){ .devices = r.devices,
		                   .tokens = r.tokens,
		                   .half_open = r.half_open,
		                   .sessions = r.sessions,
		                   .replays = r.replays,
		                   .items = r.items,
		                   .octets = r.octets,
		                   .blobs = r.blobs,
		                   .groups = r.groups,
		                   .revoked = r.revoked,
		                   .ended = r.ended,
		                   .sessions_expired = r.sessions_expired,
		                   .repeated = r.repeated,
		                   .items_acknowledged = r.items_acknowledged,
		                   .items_expired = r.items_expired,
		                   .group_missed = r.group_missed };
	return rc;
}
