/* SPDX-License-Identifier: Apache-2.0 */
/* What a sink has re-encryption keys for. */
#include "config.h"

#include "cap/pxy/px_impl.h"

struct listing {
	px_key_visit *visit;
	void *arg;
};

static bool
list_one(void *arg, struct slice key, struct slice val)
{
	const struct listing *l = arg;
	const struct px_key_of of = { .stream = (uint16_t)table_key_read(key, 13, 2),
		                      .epoch = (uint32_t)table_key_read(key, 15, 4) };

	(void)val;
	return l->visit(l->arg, &of);
}

enum rc
px_key_list(const struct px_view *v, uint64_t forward, uint32_t sink, const struct px_key_of *after,
            px_key_visit *visit, void *arg)
{
	struct listing l = { .visit = visit, .arg = arg };
	struct table_key of = px_sink_key(PX_T_KEY, forward, sink), from = of;
	struct px_sink s;
	enum rc rc = px_sink_get(v, forward, sink, &s);

	if (rc != RC_OK || s.n_keys == 0)
		return rc;
	if (after != NULL) {
		table_key_number(&from, after->stream, 2);
		table_key_number(&from, after->epoch, 4);
	}
	return tables_scan(v->tx, table_key_view(&of),
	                   after == NULL ? SLICE_NONE : table_key_view(&from), 0, list_one, &l);
}
