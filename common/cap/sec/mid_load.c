/* SPDX-License-Identifier: Apache-2.0 */
/* What is put off while there is too much to do: whose a request is, and of which class. */
#include "config.h"

#include "cap/sec/mid_impl.h"
#include "core/peer.h"

/* The path as it was sent, without the query. */
static struct slice
path_of(const struct req_input *in)
{
	struct slice target = mid_target(in);

	for (size_t i = 0; i < target.n; i++)
		if (target.p[i] == '?')
			return slice_head(target, i);
	return target;
}

enum rc
mid_put_off(struct mid *mid, const struct req_input *in, const struct mid_load *load,
            struct arena *arena, struct req_answer *out, struct slice *reason)
{
	struct overload_ask ask = { .kind = load->kind, .active = load->active };

	if (mid->conf.overload == NULL)
		return RC_OK;
	ask.low = priority_is_low(mid->conf.priority, in, &load->of, mid_method(in), path_of(in));
	if (!overload_sheds(mid->conf.overload, &ask, &out->retry_after))
		return RC_OK;
	if (load->of.node != NULL)
		mid_reject(mid, in, load->of.node, REJECT_OVERLOAD, false, arena, out);
	return mid_refuse(RC_UNAVAILABLE, "OVERLOAD", reason);
}

/* A new registration, or something else. What it is matters only when there is an overload. */
static enum overload_kind
kind_of(struct mid *mid, const struct req_input *in, struct arena *arena)
{
	struct slice named;

	if (overload_level(mid->conf.overload) == 0 || in->op != REQ_CREATE || mid->scl == NULL)
		return OVERLOAD_OTHER;
	return identity_in_path(mid->scl, in, arena, &named) && named.p == NULL
	               ? OVERLOAD_REGISTRATION
	               : OVERLOAD_OTHER;
}

enum rc
mid_put_off_peer(struct mid *mid, const struct req_listener *listener, const struct req_input *in,
                 const struct mid_peer *peer, struct arena *arena, struct req_answer *out,
                 struct slice *reason)
{
	struct mid_load load = { .kind = OVERLOAD_OTHER };

	if (mid->conf.overload == NULL)
		return RC_OK;
	load.kind = kind_of(mid, in, arena);
	if (peer->proof == MID_SCL) {
		load.active = true;
		load.of.session = listener->secure;
		load.of.low = (peer->conn.flags & MAS_LOW_PRIORITY) != 0;
		load.of.node = peer->conn.id != 0 ? &peer->conn.node : NULL;
		load.of.kmr_index = peer->conn.kmr_index;
	}
	return mid_put_off(mid, in, &load, arena, out, reason);
}
