/* SPDX-License-Identifier: Apache-2.0 */
/* How a call goes on, and how it ends. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>

#include "cap/sgs/sgs_rest_own.h"
#include "sec/hex.h"

#define LOCATION_MAX 160u

/* ---- the end of a call ---- */

/* What was given as an answer before this has been copied. */
static enum rc
end_call(struct sgs_call *c, enum rc rc)
{
	struct req *rq = c->rq;
	bool pending = c->pending;

	if (c->secrets != NULL)
		secret_free(c->secrets, sizeof(*c->secrets));
	sgs_keyset_end(c->keys);
	buf_fini(&c->to_i);
	buf_fini(&c->to_j);
	secret_wipe(&c->u, sizeof(c->u));
	secret_wipe(c->secret, sizeof(c->secret));
	if (pending)
		endpoint_finish(rq, rc);
	return rc;
}

enum rc
sgs_call_done(struct sgs_call *c, enum rc rc)
{
	return end_call(c, endpoint_answer(c->rq, rc, "application/json", SLICE_NONE));
}

enum rc
sgs_call_refuse(struct sgs_call *c, enum rc rc, const char *word)
{
	return end_call(c, endpoint_refuse(c->rq, rc, slice_of(word)));
}

enum rc
sgs_call_octets(struct sgs_call *c, enum rc rc, struct slice octets)
{
	return end_call(c, endpoint_answer(c->rq, rc, sgs_media_type(SGS_OCTETS), octets));
}

/* b is the answer; wiped, as there may be a token in it. */
static enum rc
answer_buf(struct sgs_call *c, enum rc rc, struct buf *b)
{
	if (b->failed)
		rc = endpoint_refuse(c->rq, RC_UNAVAILABLE, SLICE_NONE);
	else
		rc = endpoint_answer(c->rq, rc, sgs_media_type(c->syntax), buf_view(b));
	if (b->p != NULL)
		secret_wipe(b->p, b->n);
	buf_fini(b);
	return end_call(c, rc);
}

enum rc
sgs_call_answer(struct sgs_call *c, enum rc rc, const struct sgs_doc *doc, const void *in)
{
	struct buf b;

	if (c->syntax == SGS_OCTETS)
		return sgs_call_refuse(c, RC_NOT_ACCEPTABLE, NULL);
	buf_init(&b, SGS_ANSWER_OCTETS);
	b.secret = true;
	sgs_doc_write(&b, c->syntax, doc, in);
	return answer_buf(c, rc, &b);
}

enum rc
sgs_call_message(struct sgs_call *c, enum rc rc, const char *root, struct slice message)
{
	struct buf b;

	buf_init(&b, SGS_ANSWER_OCTETS);
	sgs_message_write(&b, c->syntax, root, message);
	return answer_buf(c, rc, &b);
}

static enum rc
answer_class(struct sgs_call *c, unsigned class, const uint8_t *challenge)
{
	static const enum rc codes[] = { [SGA_CLASS_SYNTAX] = RC_BAD_REQUEST,
		                         [SGA_CLASS_REFUSED] = RC_FORBIDDEN,
		                         [SGA_CLASS_LATER] = RC_UNAVAILABLE,
		                         [SGA_CLASS_CHALLENGE] = RC_DENIED };
	uint8_t error[SGA_ERROR_SIZE];

	sga_error_make(c->message, (enum sga_class) class, challenge, error);
	if (class == SGA_CLASS_LATER && req_answer(c->rq)->retry_after == 0)
		req_answer(c->rq)->retry_after = 1;
	return sgs_call_message(c, codes[class], "error", slice_make(error, sizeof(error)));
}

enum rc
sgs_call_class(struct sgs_call *c, enum sgs_cause cause, struct slice subject)
{
	return answer_class(c, sgs_guard_refused(c->s->guard, cause, subject, c->source), NULL);
}

enum rc
sgs_call_later(struct sgs_call *c, unsigned retry)
{
	req_answer(c->rq)->retry_after = retry;
	return answer_class(c, SGA_CLASS_LATER, NULL);
}

enum rc
sgs_call_challenge(struct sgs_call *c, const uint8_t challenge[SGA_CHALLENGE_SIZE])
{
	sgs_guard_refused(c->s->guard, SGS_BY_CLOCK, SLICE_NONE, SLICE_NONE);
	return answer_class(c, SGA_CLASS_CHALLENGE, challenge);
}

enum rc
sgs_call_failed(struct sgs_call *c, enum rc rc)
{
	if (rc == RC_UNAVAILABLE)
		return sgs_call_class(c, SGS_BY_BUSY, SLICE_NONE);
	if (rc == RC_BAD_REQUEST)
		return sgs_call_class(c, SGS_BY_SYNTAX, SLICE_NONE);
	/* Of others is what is not there. */
	return sgs_call_refuse(c, rc == RC_FORBIDDEN ? RC_NOT_FOUND : rc, NULL);
}

void
sgs_call_ended(struct sgs_op *op)
{
	struct sgs_call *c = op->owner;

	if (op->rc == RC_OK)
		sgs_call_done(c, RC_NO_CONTENT);
	else
		sgs_call_failed(c, op->rc);
}

/* ---- on the way ---- */

enum rc
sgs_call_pend(struct sgs_call *c, void (*begin)(struct req *rq))
{
	if (c->pending) {
		begin(c->rq);
		return RC_PENDING;
	}
	c->pending = true;
	return endpoint_pend(c->rq, begin, c);
}

static void
job_run(struct pool_job *job)
{
	struct sgs_call *c =
		(struct sgs_call *)(void *)((char *)job - offsetof(struct sgs_call, job));

	if (job->ending)
		sgs_call_class(c, SGS_BY_BUSY, SLICE_NONE);
	else
		c->then(c);
}

void
sgs_call_to_pool(struct sgs_call *c, void (*then)(struct sgs_call *c))
{
	c->then = then;
	c->job.run = job_run;
	if (!sgs_submit(c->s, &c->job))
		sgs_call_class(c, SGS_BY_BUSY, SLICE_NONE);
}

void
sgs_call_location(struct sgs_call *c, const char *fmt, ...)
{
	char text[LOCATION_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	req_answer(c->rq)->location = arena_printf(c->arena, "/%s/sga/%s", c->s->all->base, text);
}

bool
sgs_call_number(struct sgs_call *c, const char *name, uint64_t max, uint64_t otherwise,
                uint64_t *out)
{
	struct slice value;

	*out = otherwise;
	return endpoint_parameter(c->rq, name, &value) == RC_OK &&
	       (value.p == NULL || slice_number(value, max, out));
}

enum rc
sgs_call_read(struct sgs_call *c, const struct sgs_doc *doc, void *out)
{
	enum rc rc;

	if (c->syntax_in == SGS_OCTETS || c->syntax_in == SGS_NO_SYNTAX)
		return sgs_call_refuse(c, RC_MEDIA_TYPE, NULL);
	rc = sgs_doc_read(c->arena, c->syntax_in, c->in->body, doc, out);
	return rc == RC_OK ? rc : sgs_call_failed(c, rc);
}

bool
sgs_call_sid(struct sgs_call *c)
{
	return hex_decode(c->stars[0], c->sid, SGS_SID_BYTES);
}

struct slice
sgs_call_name(const struct sgs_call *c, uint64_t device)
{
	struct sgs_device d;

	if (sgs_device_get(c->view, device, &d) != RC_OK)
		return SLICE_LIT("?");
	return arena_copy(c->arena, d.id);
}
