/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/pxy/px_rule.h"

enum rc
px_rule_init(struct px_rule *r, const struct px_view *v, uint64_t forward, uint32_t sink)
{
	*r = (struct px_rule){ .view = v };
	return px_sink_get(v, forward, sink, &r->sink);
}

static bool
is_behind_last(const struct px_sink *s, const struct px_section *section)
{
	for (size_t i = 0; i < s->n_last; i++)
		if (s->last[i].stream == section->stream &&
		    px_section_order(section, &s->last[i]) > 0)
			return true;
	return false;
}

static bool
has_first_of(const struct px_sink *s, uint16_t stream)
{
	return s->has_first && s->first.stream == stream;
}

/* ---- keys ---- */

struct finding {
	bool any;
	struct px_key_of of;
};

static bool
find_one(void *arg, const struct px_key_of *of)
{
	struct finding *f = arg;

	*f = (struct finding){ .any = true, .of = *of };
	return false;
}

/* The first key of the stream of from that is not before it. */
static enum rc
first_key(const struct px_rule *r, struct px_key_of from, struct finding *f)
{
	struct px_key_of after = from;
	bool is_least = from.stream == 0 && from.epoch == 0;
	enum rc rc;

	if (from.epoch > 0)
		after.epoch--;
	else
		after = (struct px_key_of){ (uint16_t)(from.stream - 1), UINT32_MAX };
	f->any = false;
	rc = px_key_list(r->view, r->sink.forward, r->sink.number, is_least ? NULL : &after,
	                 find_one, f);
	f->any = f->any && f->of.stream == from.stream;
	return rc;
}

/* What a message of that stream and epoch is to the sink: it is not outside of first and last. */
static enum px_judgement
judge_key(const struct px_rule *r, struct px_key_of of)
{
	bool open = has_first_of(&r->sink, of.stream);
	struct finding f;
	enum rc rc = first_key(r, of, &f);

	if (rc == RC_OK && f.any && f.of.epoch == of.epoch)
		return PX_RULE_SEND;
	if (rc == RC_OK && !open) {
		rc = first_key(r, (struct px_key_of){ of.stream, 0 }, &f);
		open = f.any && f.of.epoch < of.epoch;
	}
	if (rc != RC_OK)
		return PX_RULE_FAIL;
	return open ? PX_RULE_WAIT : PX_RULE_PASS;
}

enum px_judgement
px_rule_judge(struct px_rule *r, const struct pre_hdr *h)
{
	const struct px_section section = { h->stream, h->epoch, h->key_index };
	const struct px_key_of of = { h->stream, h->epoch };

	if (is_behind_last(&r->sink, &section))
		return PX_RULE_END;
	if (has_first_of(&r->sink, h->stream) && px_section_order(&section, &r->sink.first) < 0)
		return PX_RULE_PASS;
	if (!r->known || r->of.stream != of.stream || r->of.epoch != of.epoch) {
		r->answer = judge_key(r, of);
		r->of = of;
		r->known = true;
	}
	return r->answer;
}

enum rc
px_rule_key(const struct px_rule *r, const struct pre_hdr *h, struct px_key *out)
{
	const struct px_key_of of = { h->stream, h->epoch };

	return px_key_get(r->view, r->sink.forward, r->sink.number, &of, out);
}
