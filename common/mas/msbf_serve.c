/* SPDX-License-Identifier: Apache-2.0 */
/* bootstrapParamSet: limits before the work (msbf_boot.c), and the answer after it. */
#include "config.h"

#include "mas/msbf_boot.h"

#include "mas/param_set.h"

/* ---- one at a time for a PPID ---- */

static bool
run_begin(struct boot *b)
{
	struct msbf *m = b->m;
	bool taken = false;

	pthread_mutex_lock(&m->lock);
	for (const struct boot *at = m->running; at != NULL; at = at->next)
		taken = taken || msbf_hash_eq(at->hash, b->hash);
	if (!taken) {
		b->next = m->running;
		m->running = b;
		b->runs = true;
	}
	pthread_mutex_unlock(&m->lock);
	return !taken;
}

static void
run_end(struct boot *b)
{
	struct boot **at = &b->m->running;

	if (!b->runs)
		return;
	pthread_mutex_lock(&b->m->lock);
	while (*at != b)
		at = &(*at)->next;
	*at = b->next;
	pthread_mutex_unlock(&b->m->lock);
}

/* ---- failures ---- */

static const struct {
	const char *reason;
	enum msbf_counter counter;
} counters[] = {
	{ "AUTH_FAILED", MSBF_COUNT_AUTH },
	{ "IVAL_FAILED", MSBF_COUNT_IVAL },
	{ "PPID_PARTIAL_MATCH", MSBF_COUNT_PARTIAL },
	{ "PPID_DUPLICATE_ADDRESS", MSBF_COUNT_DUPLICATE },
	{ "SCLID_TAKEN", MSBF_COUNT_SCL_ID },
	{ "IN_PROGRESS", MSBF_COUNT_IN_PROGRESS },
	{ "OVERLOAD", MSBF_COUNT_OVERLOAD },
};

static void
count_refusal(struct msbf *m, const char *reason)
{
	enum msbf_counter c = MSBF_COUNT_OTHER;

	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		if (strcmp(counters[i].reason, reason) == 0)
			c = counters[i].counter;
	mas_count(m->counters, c, 1);
}

/* An identifier is no secret: who has not proved it cannot lock it, but the own address alone. */
static struct slice
subject_of(const struct boot *b)
{
	return b->proved ? ppid_octets(&b->ppid) : SLICE_NONE;
}

static bool
is_refused(const struct boot *b, const struct msbf_refusal *r)
{
	bool refused = r->rc == RC_DENIED || r->rc == RC_FORBIDDEN;

	if (refused)
		LOG_INFO(b->m->conf.log, "bootstrap-refused", LOG_Z("source", b->source),
		         LOG_Z("reason", r->truth));
	return refused;
}

/* What somebody may have tried on purpose. */
static void
count_failure(struct boot *b, const struct msbf_refusal *r)
{
	struct msbf *m = b->m;

	if (!is_refused(b, r) || !failures_add(m->failures, subject_of(b), slice_of(b->source)))
		return;
	mas_count(m->counters, MSBF_COUNT_ALARM, 1);
	LOG_WARN(m->conf.log, "bootstrap-locked", LOG_Z("source", b->source));
}

/* An address that two devices claim. */
static void
raise_alarm(struct boot *b)
{
	if (b->refusal.rc != RC_CONFLICT || b->device.state < MSBF_LINK_PENDING)
		return;
	mas_count(b->m->counters, MSBF_COUNT_ALARM, 1);
	LOG_WARN(b->m->conf.log, "bootstrap-address-claimed", LOG_Z("source", b->source),
	         LOG_Z("reason", b->refusal.truth));
}

/* ---- overload ---- */

bool
msbf_boot_put_off(struct boot *b, const struct msbf_load *load)
{
	const struct msbf_conf *conf = &b->m->conf;

	if (conf->put_off == NULL || !conf->put_off(conf->put_off_arg, load, &b->retry_after))
		return false;
	b->refusal = (struct msbf_refusal){ RC_UNAVAILABLE, "OVERLOAD", "OVERLOAD" };
	return true;
}

/* ---- the answer ---- */

static enum rc
wrap(struct boot *b, uint8_t wrapped[KEYWRAP_BYTES])
{
	struct key kek;
	enum rc rc = kek_boot(&b->secret, &b->device.node, b->device.kmr_index, &kek);

	if (rc == RC_OK)
		rc = key_wrap(&kek, &b->provision.kmr, wrapped);
	key_wipe(&kek);
	return rc;
}

static enum rc
write_set(struct boot *b, struct buf *out)
{
	const struct msbf *m = b->m;
	const struct msbf_device *d = &b->device;
	struct param_set p = { .kind = PARAM_BOOTSTRAP,
		               .node = d->node,
		               .kmr_index = d->kmr_index,
		               .lifetime = d->expires,
		               .mas_address = m->conf.mas_address,
		               .scl_id = d->scl_id,
		               .nscls = m->conf.nscls };
	bool sent = b->op == BOOT_POST && b->mode->sent;
	uint8_t wrapped[KEYWRAP_BYTES];
	enum rc rc = RC_OK;

	if (sent && m->conf.old_documents)
		p.clear = &b->provision.kmr;
	else if (sent) {
		rc = wrap(b, wrapped);
		p.wrapped = wrapped;
	}
	/* In one piece, so that no half of it stays behind. */
	if (rc == RC_OK && buf_reserve(out, PARAM_SET_MAX) == NULL)
		rc = RC_UNAVAILABLE;
	return rc != RC_OK ? rc : param_set_write(&p, b->json ? &codec_json : &codec_xml, out);
}

static enum rc
answer_set(struct boot *b)
{
	const struct codec *codec = b->json ? &codec_json : &codec_xml;
	char text[PPID_TEXT];
	struct buf body;
	enum rc rc;

	buf_init(&body, PARAM_SET_MAX);
	rc = write_set(b, &body);
	if (rc == RC_OK && b->op == BOOT_POST) {
		ppid_text(&b->ppid, text);
		req_answer(b->rq)->location =
			arena_printf(req_arena(b->rq), "%s?ppid=%s", b->m->paths[0], text);
	}
	if (rc == RC_OK)
		rc = endpoint_answer(b->rq, b->op == BOOT_POST ? RC_CREATED : RC_OK,
		                     codec->media_type, buf_view(&body));
	else
		rc = endpoint_refuse(b->rq, RC_INTERNAL, SLICE_NONE);
	if (body.p != NULL)
		secret_wipe(body.p, body.cap);
	buf_fini(&body);
	return rc;
}

static enum rc
answer_refusal(struct boot *b)
{
	const struct msbf_refusal *r = &b->refusal;
	unsigned retry_after = r->rc == RC_UNAVAILABLE ? MAS_RETRY_AFTER : 0;

	if (b->retry_after != 0)
		retry_after = b->retry_after;

	count_refusal(b->m, r->reason);
	raise_alarm(b);
	req_answer(b->rq)->retry_after = retry_after;
	if (b->has_nonce && r->rc == RC_FORBIDDEN)
		msbf_sign_refusal(b->m, b->rq, b->nonce,
		                  strcmp(r->reason, "IVAL_FAILED") == 0 ? REJECT_INTEGRITY
		                                                        : REJECT_NOT_HERE,
		                  0);
	else if (b->has_nonce && r->rc == RC_UNAVAILABLE)
		msbf_sign_refusal(b->m, b->rq, b->nonce, REJECT_OVERLOAD, retry_after);
	return endpoint_refuse(b->rq, r->rc, slice_of(r->reason));
}

static enum rc
answer(struct boot *b)
{
	if (b->refusal.rc != RC_OK)
		return answer_refusal(b);
	if (b->op == BOOT_DELETE) {
		mas_count(b->m->counters, MSBF_COUNT_GIVEN_UP, 1);
		return endpoint_answer(b->rq, RC_NO_CONTENT, NULL, SLICE_NONE);
	}
	if (b->op == BOOT_POST)
		mas_count(b->m->counters, MSBF_COUNT_OK, 1);
	return answer_set(b);
}

static void
boot_free(struct boot *b)
{
	run_end(b);
	ocsp_question_free(b->question);
	secret_free(b, sizeof(*b));
}

void
msbf_boot_finish(struct boot *b)
{
	struct msbf *m = b->m;
	struct req *rq = b->rq;
	enum rc rc;

	if (b->before.rc == RC_OK)
		count_failure(b, &b->refusal);
	rc = answer(b);
	/* The next one for the PPID may come with the answer. */
	boot_free(b);
	endpoint_finish(rq, rc);
	msbf_leave(m);
}

/* ---- the request ---- */

static void
certificate_judged(struct msbf_ocsp_check *c)
{
	struct boot *b = c->owner;

	/* Outside it is the same whether the certificate or its responder is to blame. */
	if (c->rc == RC_FORBIDDEN || c->rc == RC_BAD_GATEWAY)
		b->before = (struct msbf_refusal){ RC_FORBIDDEN, "AUTH_FAILED", c->truth };
	else if (c->rc != RC_OK)
		b->before = (struct msbf_refusal){ RC_UNAVAILABLE, "OVERLOAD", c->truth };
	/* A responder that is away locks nobody out for longer than it is. */
	if (c->rc == RC_BAD_GATEWAY)
		(void)is_refused(b, &b->before);
	else
		count_failure(b, &b->before);
	msbf_boot_begin(b);
}

static void
begin(struct req *rq)
{
	struct boot *b = endpoint_state(rq);
	struct ocsp_question *q = b->question;

	b->question = NULL;
	b->ocsp = (struct msbf_ocsp_check){ .done = certificate_judged, .owner = b };
	if (q != NULL)
		msbf_ocsp_ask(b->m->ocsp, q, &b->ocsp);
	else
		msbf_boot_begin(b);
}

/* RC_PENDING, or what was answered; b is freed then. */
static enum rc
serve(struct boot *b, const struct req_input *in)
{
	unsigned retry_after;
	struct slice source = in->peer == NULL ? SLICE_NONE : in->peer->address;
	enum rc rc = msbf_boot_read(b, in);

	if (rc != RC_OK)
		return rc;
	if (!failures_allow(b->m->failures, ppid_octets(&b->ppid), source, &retry_after)) {
		count_refusal(b->m, "OVERLOAD");
		return msbf_refuse_load(b->rq, retry_after);
	}
	msbf_boot_prove(b, in->peer);
	if (b->op == BOOT_POST && b->before.rc == RC_OK &&
	    msbf_boot_put_off(b, &(struct msbf_load){ .in = in }))
		return answer_refusal(b);
	if (b->before.rc != RC_OK) {
		count_failure(b, &b->before);
	} else if (b->op != BOOT_GET && !run_begin(b)) {
		count_refusal(b->m, "IN_PROGRESS");
		return endpoint_refuse(b->rq, RC_CONFLICT, SLICE_LIT("IN_PROGRESS"));
	}
	return endpoint_pend(b->rq, begin, b);
}

static bool
op_of(enum req_op asked, enum boot_op *op)
{
	static const struct {
		enum req_op asked;
		enum boot_op op;
	} ops[] = { { REQ_CREATE, BOOT_POST },
		    { REQ_RETRIEVE, BOOT_GET },
		    { REQ_DELETE, BOOT_DELETE } };

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (ops[i].asked == asked) {
			*op = ops[i].op;
			return true;
		}
	return false;
}

enum rc
msbf_serve_boot(void *arg, struct req *rq, const struct req_input *in)
{
	struct msbf *m = arg;
	enum boot_op op;
	struct boot *b;
	bool json;
	enum rc rc;

	if (!op_of(in->op, &op))
		return endpoint_not_allowed(rq, "DELETE, GET, POST");
	rc = endpoint_accept(rq, false, &json);
	if (rc != RC_OK)
		return rc;
	if (!msbf_rate_take(m->boot_rate, in->peer == NULL ? SLICE_NONE : in->peer->address))
		return msbf_refuse_load(rq, 1);
	if (!msbf_enter(m, MSBF_RUNNING_MAX))
		return msbf_refuse_load(rq, MAS_RETRY_AFTER);
	b = secret_alloc(sizeof(*b));
	if (b == NULL) {
		msbf_leave(m);
		return msbf_refuse_load(rq, MAS_RETRY_AFTER);
	}
	*b = (struct boot){ .m = m, .rq = rq, .op = op, .json = json };
	rc = serve(b, in);
	if (rc != RC_PENDING) {
		boot_free(b);
		msbf_leave(m);
	}
	return rc;
}
