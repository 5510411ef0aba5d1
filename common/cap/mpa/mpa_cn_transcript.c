/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A transcript that an access point forwards: verified here, shown to the server that the device
 * belongs to, whose decision is verified and given back. Nothing else of what the server says is.
 */
#include "config.h"

#include <stdio.h>

#include "base/clock.h"
#include "cap/edge_gate.h"
#include "cap/mpa/mpa_cn.h"
#include "mpa/decision.h"

#define SERVERS_LOOKED 64u /* grows by as many */
#define RETRY_S 5u

/* In the arena of its request, and in this order on: pool, courier, pool. */
struct forwarding {
	struct pool_job job; /* first */
	struct mpa_cn *cn;
	struct req *rq;
	struct slice octets, ap; /* transcript; SCL-ID of who has sent it */
	struct scl_task task;
	struct exchange ex;
	bool sent;
	struct mpa_th th;
	char device[MPA_ID_MAX + 1], server[MPA_ID_MAX + 1];
	struct sign_public key; /* of the server */
	char contact[CN_CONTACT_MAX + 1], application[CN_APPLICATION_MAX + 1];
};

static void
finish(struct forwarding *f, enum rc rc, const char *reason)
{
	struct req *rq = f->rq;

	if (f->sent) {
		buf_fini(&f->ex.answer);
		buf_fini(&f->ex.answer_text);
	}
	if (rc == RC_UNAVAILABLE)
		req_answer(rq)->retry_after = RETRY_S;
	endpoint_finish(rq, endpoint_refuse(rq, rc, slice_of(reason)));
}

/* ---- verification ---- */

struct anchors {
	struct arena *arena;
	struct mpa_anchor *v;
	size_t n, room;
};

static bool
add_server(void *arg, const struct cn_server *s)
{
	struct anchors *a = arg;
	struct mpa_anchor *more;

	if (s->state != CN_ACTIVE)
		return true;
	if (a->n == a->room) {
		more = ARENA_ARRAY(a->arena, struct mpa_anchor, a->room + SERVERS_LOOKED);
		if (more == NULL)
			return false;
		if (a->n > 0)
			memcpy(more, a->v, a->n * sizeof(*more));
		a->v = more;
		a->room += SERVERS_LOOKED;
	}
	a->v[a->n++] = (struct mpa_anchor){ s->key, s->id };
	return true;
}

/* Whom the transcript is for, and by which way. */
static enum rc
find_contact(struct forwarding *f, struct tables_tx *tx, const struct mpa_anchor *server,
             const char **reason)
{
	struct cn_server s;
	enum rc rc = cn_server_get(tx, server->id, &s);

	if (rc != RC_OK)
		return rc;
	if (s.contact.n == 0) {
		*reason = "NO_CONTACT";
		return RC_NOT_FOUND;
	}
	f->key = s.key;
	if (!slice_copy(s.id, f->server, sizeof(f->server)) ||
	    !slice_copy(s.contact, f->contact, sizeof(f->contact)) ||
	    !slice_copy(s.application, f->application, sizeof(f->application)))
		return RC_PRECONDITION;
	return RC_OK;
}

static enum rc
verify_in(struct forwarding *f, struct tables_tx *tx, const char **reason)
{
	const struct mpa_revocations revocations = cn_revocations(tx);
	struct anchors servers = { .arena = req_arena(f->rq) };
	struct mpa_verifier v = { .revocations = &revocations,
		                  .cache = f->cn->cache,
		                  .now = cn_now() };
	enum mpa_cause why = MPA_FINE;
	struct mpa_proved proved;
	enum rc rc = cn_servers(tx, add_server, &servers);

	if (rc != RC_OK || arena_failed(servers.arena))
		return rc != RC_OK ? rc : RC_UNAVAILABLE;
	v.anchors = (struct mpa_anchors){ { f->cn->book.public, f->cn->id }, servers.v, servers.n };
	if (mpa_transcript_check(f->octets, &v, &proved, &why) != RC_OK)
		return cn_refused(f->cn, why, "transcript", f->ap, reason);
	/* Of another access point: it has no business with it. */
	if (!slice_is(f->ap, proved.ap))
		return cn_refused(f->cn, MPA_NAME, "transcript", f->ap, reason);
	f->th = proved.th;
	memcpy(f->device, proved.device, sizeof(f->device));
	return find_contact(f, tx, &servers.v[proved.server], reason);
}

static void
verify(struct pool_job *job)
{
	struct forwarding *f = (struct forwarding *)(void *)job;
	const char *reason = "";
	struct tables_tx *tx;
	enum rc rc = tables_read(&f->cn->book.tables, &tx);

	cn_count(f->cn, CN_TRANSCRIPTS_N);
	if (rc == RC_OK) {
		rc = verify_in(f, tx, &reason);
		tables_abort(tx);
	}
	if (rc != RC_OK)
		finish(f, rc, reason);
	else if (job->ending)
		finish(f, RC_UNAVAILABLE, "OVERLOAD");
	else
		scl_post(f->cn->scl, &f->task, 0);
}

/* ---- the decision ---- */

static void
give_decision(struct forwarding *f, const struct mpa_decision *d)
{
	struct mpa_cn *cn = f->cn;
	bool accepted = d->verdict == MPA_ACCEPTED;
	enum rc rc = endpoint_answer(f->rq, RC_OK, CN_OCTETS, buf_view(&f->ex.answer));

	cn_count(cn, accepted ? CN_ACCEPTED_N : CN_REFUSED_N);
	LOG_INFO(cn->log, "mpa-decided", LOG_Z("server", f->server), LOG_Z("device", f->device),
	         LOG_S("ap", f->ap), LOG_Z("decision", accepted ? "accepted" : "refused"));
	buf_fini(&f->ex.answer);
	buf_fini(&f->ex.answer_text);
	endpoint_finish(f->rq, rc);
}

static void
log_none(const struct forwarding *f, const char *why)
{
	LOG_WARN(f->cn->log, "mpa-no-decision", LOG_Z("server", f->server),
	         LOG_Z("device", f->device), LOG_S("ap", f->ap), LOG_Z("why", why));
	cn_count(f->cn, CN_NONE_N);
}

static void
judge(struct pool_job *job)
{
	struct forwarding *f = (struct forwarding *)(void *)job;
	enum mpa_cause why = MPA_FINE;
	struct mpa_decision d;

	if (mpa_decision_check(buf_view(&f->ex.answer), &f->key, &f->th, &d, &why) == RC_OK) {
		give_decision(f, &d);
		return;
	}
	log_none(f, mpa_cause_text(why));
	finish(f, RC_BAD_GATEWAY, "NO_DECISION");
}

/* ---- the exchange ---- */

static void
exchanged(struct exchange *ex)
{
	struct forwarding *f = ex->owner;

	if (ex->rc == RC_OK && ex->http_status == 200) {
		f->job = (struct pool_job){ .run = judge };
		if (!cn_pool(f->cn, &f->job))
			finish(f, RC_UNAVAILABLE, "OVERLOAD");
		return;
	}
	log_none(f, ex->rc == RC_OK ? "the server has refused it" : ex->failure);
	if (ex->rc == RC_OK && ex->http_status == 403)
		finish(f, RC_FORBIDDEN, "MPA_REFUSED");
	else
		finish(f, ex->rc == RC_GATEWAY_TIMEOUT ? RC_GATEWAY_TIMEOUT : RC_BAD_GATEWAY,
		       "NO_DECISION");
}

/*
 * Where the external interface is served a contact is what the application's grant allows; without
 * a grant nothing is. Elsewhere the administrator's word alone counts.
 */
static bool
contact_allowed(struct forwarding *f)
{
	const struct edge_seat *seat = f->cn->cap->edge_seat;
	struct slice app = slice_of(f->application);

	if (seat == NULL || seat->gate == NULL)
		return true;
	/* Of whom there is no grant any more the gate says nothing, and looks at no address. */
	return seat->gate->contact(seat->gate->arg, app, f->ex.url, &f->ex) == RC_OK &&
	       f->ex.address_ok != NULL;
}

static void
send_it(struct scl_task *task)
{
	struct forwarding *f =
		(struct forwarding *)(void *)((char *)task - offsetof(struct forwarding, task));
	const struct mpa_conf *conf = f->cn->conf;

	f->ex = (struct exchange){ .method = SLICE_LIT("POST"),
		                   .url = slice_of(f->contact),
		                   .body = f->octets,
		                   .timeout_ms = (unsigned)(conf->contact_time / 1000),
		                   .answer_max = MPA_DECISION_SIZE,
		                   .done = exchanged,
		                   .owner = f };
	if (!contact_allowed(f)) {
		log_none(f, "the grant of its application does not allow the contact");
		finish(f, RC_FORBIDDEN, "MPA_REFUSED");
		return;
	}
	f->sent = true;
	exchange_add_header(&f->ex, SLICE_LIT("Content-Type"), SLICE_LIT(CN_OCTETS));
	exchange_add_header(&f->ex, SLICE_LIT("Accept"), SLICE_LIT(CN_OCTETS));
	scl_send(f->cn->scl, &f->ex);
}

/* ---- asking ---- */

static void
begin(struct req *rq)
{
	struct forwarding *f = endpoint_state(rq);

	if (!cn_pool(f->cn, &f->job))
		finish(f, RC_UNAVAILABLE, "OVERLOAD");
}

enum rc
cn_transcripts_serve(void *arg, struct req *rq, const struct req_input *in)
{
	struct forwarding *f = ARENA_NEW(req_arena(rq), struct forwarding);
	struct mpa_cn *cn = arg;
	struct endpoint_who who;
	struct node_id node;
	enum rc rc;

	if (in->op != REQ_CREATE)
		return endpoint_not_allowed(rq, "POST");
	rc = cn_identify(cn, rq, in, &who, &node);
	if (rc != RC_OK)
		return rc;
	if (f == NULL)
		return endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_LIT("OVERLOAD"));
	if (!cn_is_type(in->content_type, CN_OCTETS))
		return endpoint_refuse(rq, RC_MEDIA_TYPE, SLICE_NONE);
	*f = (struct forwarding){ .job = { .run = verify },
		                  .cn = cn,
		                  .rq = rq,
		                  .octets = in->body,
		                  .ap = who.scl_id,
		                  .task = { .run = send_it } };
	return endpoint_pend(rq, begin, f);
}
