/* SPDX-License-Identifier: Apache-2.0 */
/* What a device tells of itself in multiparty authentication, to whoever is on its machine. */
#include "config.h"

#include "cap/mpa/mpa_device_own.h"

#include <stdlib.h>

#include "codec/json_fields.h"
#include "core/peer.h"
#include "sec/b64url.h"

#define MEDIA_JSON "application/json"
#define ANSWER_MAX 8192u

static const char *const counter_names[] = {
#define MPA_DEVICE_COUNTER(name, text) [MPAD_N_##name] = text,
#include "cap/mpa/mpa_device_counters.def"
#undef MPA_DEVICE_COUNTER
};

static void
put_session(struct buf *b, const struct mpad_view *v)
{
	json_put_open(b, "session", '{');
	json_put_text(b, "gateway", slice_of(v->gateway));
	json_put_hex(b, "th", v->th.v, DIGEST_SIZE);
	json_put_number(b, "since", (int64_t)v->since);
	json_put_number(b, "until", (int64_t)v->until);
	json_put_number(b, "octets", (int64_t)v->octets);
	json_put_text(b, "decision", slice_of(mpad_verdict_name(v->verdict)));
	if (v->decided_at > 0)
		json_put_number(b, "decidedAt", (int64_t)v->decided_at);
	buf_char(b, '}');
}

static void
put_counters(struct buf *b, const struct mpad *d)
{
	json_put_open(b, "counters", '{');
	for (unsigned i = 0; i < MPAD_COUNTERS; i++)
		json_put_number(b, counter_names[i], (int64_t)atomic_load(&d->counters[i]));
	buf_char(b, '}');
	json_put_open(b, "mpa_refused", '{');
	for (unsigned i = MPA_FINE + 1; i < MPA_CAUSES; i++)
		json_put_number(b, mpa_cause_text((enum mpa_cause)i),
		                (int64_t)atomic_load(&d->causes[i]));
	buf_char(b, '}');
}

static void
put_status(struct buf *b, const struct mpad *d, const struct mpad_view *v)
{
	char key[B64URL_LEN(SIGN_PUBLIC_SIZE)];

	b64url_encode(key, d->book.public.v, SIGN_PUBLIC_SIZE);
	json_put_open(b, NULL, '{');
	json_put_text(b, "state", slice_of(mpad_phase_name(v->phase)));
	if (v->why != NULL)
		json_put_text(b, "why", slice_of(v->why));
	json_put_hex(b, "node", v->node.v, NODE_ID_BYTES);
	json_put_text(b, "publicKey", slice_make(key, sizeof(key)));
	if (v->credentials_until > 0)
		json_put_number(b, "credentialsUntil", (int64_t)v->credentials_until);
	if (v->session)
		put_session(b, v);
	put_counters(b, d);
	buf_char(b, '}');
}

static enum rc
serve(void *arg, struct req *rq, const struct req_input *in)
{
	struct mpad *d = arg;
	struct mpad_view view;
	struct buf b;
	enum rc rc;

	if (in->op != REQ_RETRIEVE)
		return endpoint_not_allowed(rq, "GET");
	if (in->peer == NULL || !in->peer->loopback)
		return endpoint_refuse(rq, RC_FORBIDDEN, SLICE_NONE);
	pthread_mutex_lock(&d->lock);
	view = d->view;
	pthread_mutex_unlock(&d->lock);
	buf_init(&b, ANSWER_MAX);
	put_status(&b, d, &view);
	rc = b.failed ? endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_NONE)
	              : endpoint_answer(rq, RC_OK, MEDIA_JSON, buf_view(&b));
	buf_fini(&b);
	return rc;
}

enum rc
mpad_rest_open(struct mpad *d)
{
	static const char tail[] = "/mpa";
	struct slice base = scl_base_path(d->scl);

	d->path = malloc(base.n + sizeof(tail));
	if (d->path == NULL)
		return RC_UNAVAILABLE;
	memcpy(d->path, base.p, base.n);
	memcpy(d->path + base.n, tail, sizeof(tail));
	d->endpoint = (struct endpoint){ .path = d->path,
		                         .serve = SERVE_DIA | SERVE_MIA,
		                         .internal = true,
		                         .serve_request = serve,
		                         .arg = d };
	return endpoint_add(d->scl, &d->endpoint);
}
