/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/pxy/px_judge.h"

#include <stdlib.h>

/* Against the section; the others come about when a source or a sink begins anew. */
#define ALARMS (PRE_MISSING | PRE_ALTERED | PRE_REORDERED | PRE_UNLINKED)
#define VERDICTS_MAX ((size_t)1 << 20) /* octets; more are counted, and not told */

static const struct {
	unsigned finding;
	const char *name;
	const char *event; /* NULL: no alarm */
} findings[] = {
	{ PRE_MISSING, "missing", "proxy-section-missing" },
	{ PRE_ALTERED, "altered", "proxy-section-altered" },
	{ PRE_REORDERED, "reordered", "proxy-section-reordered" },
	{ PRE_UNLINKED, "unlinked", "proxy-section-unlinked" },
	{ PRE_JOINED, "joined", NULL },
	{ PRE_UNENDED, "unended", NULL },
};

#define N_FINDINGS (sizeof(findings) / sizeof(findings[0]))

const char *
px_finding_name(unsigned finding)
{
	for (size_t i = 0; i < N_FINDINGS; i++)
		if (findings[i].finding == finding)
			return findings[i].name;
	return NULL;
}

/* ---- places ---- */

static struct px_in_place *
place_find(struct px_in_place *places, size_t n, uint16_t stream)
{
	for (size_t i = 0; i < n; i++)
		if (places[i].stream == stream)
			return &places[i];
	return NULL;
}

/* The place of a stream, as the book has it or empty; *fresh: nothing was taken from it before. */
static enum rc
place_of(struct px_judge *j, uint16_t stream, bool *fresh, struct px_in_place **out)
{
	struct px_in_place *p = place_find(j->places, j->n, stream);
	enum rc rc = RC_OK;

	*fresh = false;
	*out = p;
	if (p != NULL)
		return RC_OK;
	/* An opening refuses more. */
	if (j->n == j->streams)
		return RC_INTERNAL;
	p = &j->places[j->n];
	rc = px_inbook_place(j->book, &j->source, stream, p);
	*fresh = rc == RC_NOT_FOUND;
	if (*fresh)
		*p = (struct px_in_place){ .stream = stream };
	if (rc != RC_OK && !*fresh)
		return rc;
	j->n++;
	*out = p;
	return RC_OK;
}

/* Where the section of h stands to the place: below, equal to or above 0. */
static int
order(const struct pre_hdr *h, const struct px_in_place *p)
{
	if (h->epoch != p->epoch)
		return h->epoch < p->epoch ? -1 : 1;
	return h->key_index < p->key_index ? -1 : h->key_index > p->key_index;
}

static void
advance(struct px_in_place *p, const struct pre_hdr *h, const struct pre_opened *out, bool fresh)
{
	int o = fresh ? 1 : order(h, p);

	if (o > 0)
		*p = (struct px_in_place){ .stream = h->stream,
			                   .key_index = h->key_index,
			                   .epoch = h->epoch };
	if (o < 0)
		return;
	if (h->type == PRE_DATA && (!p->any || out->seq > p->seq))
		p->seq = out->seq;
	p->any = p->any || h->type == PRE_DATA;
	p->ended = p->ended || h->type == PRE_END;
}

static void
note_change(struct px_judge *j, const struct px_in_place *p)
{
	struct px_in_place *c = place_find(j->changed, j->n_changed, p->stream);

	if (c == NULL)
		c = &j->changed[j->n_changed++];
	*c = *p;
}

/* ---- verdicts ---- */

/*
 * A section is judged by its END or by its last message. With the next management message messages
 * that are missing until then will not come any more; anything else about that section was said.
 */
static unsigned
alarms_of(const struct pre_hdr *h, const struct pre_opened *out)
{
	bool mm = h->type == PRE_MM1 || h->type == PRE_MM2;

	if (mm)
		return (out->findings & (PRE_MISSING | PRE_ALTERED)) == PRE_MISSING ? PRE_MISSING
		                                                                    : 0;
	return out->judged ? out->findings & ALARMS : 0;
}

static void
judge(struct px_judge *j, const struct pre_hdr *h, const struct px_in_place *before,
      const struct pre_opened *out, struct px_in_tally *t)
{
	bool mm = h->type == PRE_MM1 || h->type == PRE_MM2;
	struct px_verdict v = { .stream = h->stream,
		                .key_index = mm ? before->key_index : h->key_index,
		                .epoch = mm ? before->epoch : h->epoch,
		                .findings = alarms_of(h, out),
		                .missing = out->missing };

	if (mm || out->judged)
		t->findings |= out->findings;
	if (v.findings == 0)
		return;
	t->alarms++;
	buf_add(&j->verdicts, &v, sizeof(v));
}

enum rc
px_judge_unit(struct px_judge *j, const struct pre_hdr *h, const struct pre_opened *out,
              struct px_in_tally *t)
{
	struct px_in_place *p;
	bool fresh;
	enum rc rc = place_of(j, h->stream, &fresh, &p);

	if (rc != RC_OK)
		return rc;
	judge(j, h, p, out, t);
	advance(p, h, out, fresh);
	note_change(j, p);
	return RC_OK;
}

void
px_judge_tell(struct px_judge *j, struct log *log)
{
	struct px_verdict v;

	for (size_t at = 0; at + sizeof(v) <= j->verdicts.n; at += sizeof(v)) {
		memcpy(&v, j->verdicts.p + at, sizeof(v));
		for (size_t i = 0; i < N_FINDINGS; i++)
			if ((v.findings & findings[i].finding) != 0 && findings[i].event != NULL)
				LOG_ERROR(log, findings[i].event, LOG_S("source", j->url),
				          LOG_N("stream", v.stream), LOG_N("epoch", v.epoch),
				          LOG_N("keyIndex", v.key_index),
				          LOG_N("missing", v.missing));
	}
	buf_clear(&j->verdicts);
}

/* ---- life ---- */

enum rc
px_judge_init(struct px_judge *j, struct px_inbook *book, const struct px_in_name *source,
              struct slice url, unsigned streams)
{
	*j = (struct px_judge){ .book = book, .source = *source, .url = url, .streams = streams };
	buf_init(&j->verdicts, VERDICTS_MAX);
	j->places = calloc(streams, sizeof(*j->places));
	j->changed = calloc(streams, sizeof(*j->changed));
	return j->places == NULL || j->changed == NULL ? RC_UNAVAILABLE : RC_OK;
}

void
px_judge_fini(struct px_judge *j)
{
	free(j->places);
	free(j->changed);
	buf_fini(&j->verdicts);
}

void
px_judge_begin(struct px_judge *j)
{
	j->n_changed = 0;
	buf_clear(&j->verdicts);
}

void
px_judge_reset(struct px_judge *j)
{
	j->n = 0;
	px_judge_begin(j);
}
