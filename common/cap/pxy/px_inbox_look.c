/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/pxy/px_inbox_own.h"
#include "cap/pxy/px_judge.h"
#include "codec/json_fields.h"

#define ANSWER_MAX 65536u
#define FAILURES_SHOWN 32u

static void
put_section(struct buf *b, const struct px_in_place *p)
{
	json_put_open(b, "section", '{');
	json_put_number(b, "stream", p->stream);
	json_put_number(b, "epoch", p->epoch);
	json_put_number(b, "keyIndex", p->key_index);
	if (p->any)
		json_put_number(b, "seq", p->seq);
	json_put_flag(b, "ended", p->ended);
	buf_char(b, '}');
}

static void
put_findings(struct buf *b, uint64_t findings)
{
	json_put_open(b, "findings", '[');
	for (unsigned bit = 1; bit <= PX_FINDINGS; bit <<= 1)
		if ((findings & bit) != 0 && px_finding_name(bit) != NULL)
			json_put_text(b, NULL, slice_of(px_finding_name(bit)));
	buf_char(b, ']');
}

static bool
put_failure(void *arg, const struct px_in_failure *f)
{
	struct buf *b = arg;

	json_put_open(b, NULL, '{');
	json_put_number(b, "number", (int64_t)f->number);
	json_put_time(b, "time", f->time);
	json_put_number(b, "status", f->status);
	buf_char(b, '}');
	return true;
}

static void
put_counts(struct buf *b, const struct px_in_count *c)
{
	const struct {
		const char *name;
		uint64_t value;
	} counts[] = { { "messages", c->tally.messages },
		       { "received", c->tally.received },
		       { "duplicates", c->tally.duplicates },
		       { "gone", c->tally.gone },
		       { "applied", c->applied },
		       { "waiting", c->queued - c->removed },
		       { "failed", c->failed },
		       { "alarms", c->tally.alarms } };

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		json_put_number(b, counts[i].name, (int64_t)counts[i].value);
}

/* The stream that is asked for; *given: one is. RC_BAD_REQUEST is refused already. */
static enum rc
stream_of(struct req *rq, uint16_t *stream, bool *given)
{
	struct slice text;
	uint64_t v = 0;
	enum rc rc = endpoint_parameter(rq, "stream", &text);

	*given = text.p != NULL;
	if (rc == RC_OK && *given && !slice_number(text, UINT16_MAX, &v))
		rc = endpoint_refuse(rq, RC_BAD_REQUEST, SLICE_LIT("BAD_PARAM"));
	*stream = (uint16_t)v;
	return rc;
}

static enum rc
write_answer(struct px_inbox *in, size_t source, const struct px_in_count *c,
             const struct px_in_place *place, struct buf *b)
{
	const struct inbox_source *s = &in->sources[source];
	enum rc rc;

	json_put_open(b, NULL, '{');
	json_put_text(b, "source", slice_of(s->url));
	put_counts(b, c);
	put_findings(b, c->tally.findings);
	if (place != NULL)
		put_section(b, place);
	json_put_open(b, "failures", '[');
	rc = px_inbook_failures(in->conf.book, &s->name, FAILURES_SHOWN, put_failure, b);
	buf_puts(b, "]}");
	return b->failed ? RC_UNAVAILABLE : rc;
}

enum rc
px_inbox_look(struct px_inbox *in, struct req *rq, size_t source)
{
	struct px_in_place place;
	struct px_in_count c;
	uint16_t stream;
	bool given, any;
	struct buf b;
	enum rc rc = stream_of(rq, &stream, &given);

	if (rc != RC_OK)
		return rc;
	rc = px_inbook_look(in->conf.book, &in->sources[source].name, given ? &stream : NULL, &c,
	                    &place, &any);
	if (rc != RC_OK)
		return endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_NONE);
	buf_init(&b, ANSWER_MAX);
	rc = write_answer(in, source, &c, any ? &place : NULL, &b);
	rc = rc == RC_OK ? endpoint_answer(rq, RC_OK, "application/json", buf_view(&b))
	                 : endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_NONE);
	buf_fini(&b);
	return rc;
}
