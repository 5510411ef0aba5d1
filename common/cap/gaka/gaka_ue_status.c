/* SPDX-License-Identifier: Apache-2.0 */
/* What a device tells of group authentication, to whoever is on its host. */
#include "config.h"

#include <stdio.h>

#include "base/times.h"
#include "cap/gaka/gaka_ue_own.h"
#include "codec/json_fields.h"
#include "core/peer.h"
#include "sec/hex.h"

#define DOC_MAX 8192u

/* ---- the view: any thread reads it ---- */

void
ue_view_groups(struct ue *u)
{
	const struct mas_group_keys *k = &u->secrets->groups;

	pthread_mutex_lock(&u->lock);
	u->view.n_groups = k->n;
	for (unsigned i = 0; i < k->n; i++) {
		u->view.groups[i].gid = k->all[i].gid;
		u->view.groups[i].epoch = k->all[i].epoch;
	}
	pthread_mutex_unlock(&u->lock);
}

void
ue_view_state(struct ue *u, enum ue_state state)
{
	pthread_mutex_lock(&u->lock);
	u->view.state = state;
	u->view.failures = u->failures;
	pthread_mutex_unlock(&u->lock);
}

void
ue_view_reason(struct ue *u, const char *reason)
{
	pthread_mutex_lock(&u->lock);
	u->view.failures = u->failures;
	snprintf(u->view.reason, sizeof(u->view.reason), "%s", reason);
	pthread_mutex_unlock(&u->lock);
}

/* ---- the document ---- */

static void
put_gid(struct buf *b, const char *name, const struct gaka_gid *gid)
{
	if (!gaka_gid_none(gid))
		json_put_hex(b, name, gid->v, sizeof(gid->v));
}

static void
put_attached(struct buf *b, const struct ue_view *v)
{
	put_gid(b, "group", &v->gid);
	json_put_text(b, "role", slice_of(v->leader ? "leader" : "member"));
	json_put_time(b, "since", v->since);
	json_put_time(b, "expires", v->expires);
}

static void
put_groups(struct buf *b, const struct ue_view *v)
{
	char gid[CONN_ID_HEX];

	json_put_open(b, "groups", '[');
	for (unsigned i = 0; i < v->n_groups; i++) {
		conn_id_hex(v->groups[i].gid, gid);
		json_put_open(b, NULL, '{');
		json_put_text(b, "gid", slice_of(gid));
		json_put_number(b, "epoch", v->groups[i].epoch);
		buf_char(b, '}');
	}
	buf_char(b, ']');
}

static void
put_counters(struct buf *b, const struct ue *u)
{
	static const char *const names[UE_COUNTERS] = {
#define UE_COUNTER(id, name) [UE_N_##id] = (name),
#include "cap/gaka/gaka_ue_counters.def"
#undef UE_COUNTER
	};

	json_put_open(b, "counters", '{');
	for (unsigned i = 0; i < UE_COUNTERS; i++)
		json_put_counter(b, names[i], atomic_load(&u->counts[i]));
	buf_char(b, '}');
}

static void
put_status(struct buf *b, const struct ue *u, const struct ue_view *v)
{
	static const char *const states[] = { [UE_OFF] = "off",
		                              [UE_NO_GROUP] = "idle",
		                              [UE_ATTACHING] = "attaching",
		                              [UE_ATTACHED] = "attached" };

	enum ue_state state = v->state;

	if (state == UE_ATTACHED && clock_now(u->clock) >= v->expires)
		state = UE_ATTACHING;
	buf_char(b, '{');
	json_put_text(b, "state", slice_of(states[state]));
	json_put_text(b, "gateway", slice_of(u->conf->gateway));
	if (state == UE_ATTACHED)
		put_attached(b, v);
	json_put_number(b, "failures", v->failures);
	json_put_text(b, "reason", slice_of(v->reason));
	put_groups(b, v);
	put_counters(b, u);
	buf_char(b, '}');
}

static enum rc
serve(void *arg, struct req *rq, const struct req_input *in)
{
	struct ue *u = arg;
	struct ue_view view;
	struct buf b;
	enum rc rc;

	if (in->op != REQ_RETRIEVE)
		return endpoint_not_allowed(rq, "GET");
	if (in->peer == NULL || !in->peer->loopback)
		return endpoint_refuse(rq, RC_FORBIDDEN, SLICE_NONE);
	pthread_mutex_lock(&u->lock);
	view = u->view;
	pthread_mutex_unlock(&u->lock);
	buf_init(&b, DOC_MAX);
	put_status(&b, u, &view);
	rc = b.failed ? endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_LIT("OVERLOAD"))
	              : endpoint_answer(rq, RC_OK, "application/json", buf_view(&b));
	buf_fini(&b);
	return rc;
}

enum rc
ue_status_open(struct ue *u)
{
	struct slice base = scl_base_path(u->scl);
	int n = snprintf(u->path, sizeof(u->path), "%.*s/gaka", (int)base.n, base.p);

	if (n <= 0 || (size_t)n >= sizeof(u->path))
		return RC_BAD_REQUEST;
	u->endpoint = (struct endpoint){ .path = u->path,
		                         .serve = SERVE_DIA,
		                         .internal = true,
		                         .serve_request = serve,
		                         .arg = u };
	return endpoint_add(u->scl, &u->endpoint);
}
