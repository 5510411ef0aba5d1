/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "pre/opening.h"

#include <stdlib.h>

#include "pre/opening_own.h"
#include "sec/secret.h"

#define STREAMS_MAX 65536u
#define SECTIONS_MAX 64u

/* ---- life ---- */

static bool
conf_ok(const struct pre_opening_conf *c)
{
	return c->afgh != NULL && c->keys != NULL && c->as <= PRE_AS_ADDRESSEE &&
	       pre_url_ok(c->source) && c->source.n <= PRE_URL_MAX && sign_public_ok(&c->key) &&
	       c->streams <= STREAMS_MAX && c->sections <= SECTIONS_MAX;
}

static enum rc
fill(struct pre_opening *o, const struct pre_opening_conf *conf)
{
	o->conf = *conf;
	if (o->conf.streams == 0)
		o->conf.streams = PRE_STREAMS_DEFAULT;
	if (o->conf.sections == 0)
		o->conf.sections = PRE_SECTIONS_DEFAULT;
	o->url = malloc(conf->source.n);
	o->streams = calloc(o->conf.streams, sizeof(*o->streams));
	if (o->url == NULL || o->streams == NULL)
		return RC_UNAVAILABLE;
	memcpy(o->url, conf->source.p, conf->source.n);
	o->conf.source.p = o->url;
	return pre_source_name(o->conf.source, o->source);
}

enum rc
pre_opening_new(const struct pre_opening_conf *conf, struct slice state, struct pre_opening **out)
{
	struct pre_opening *o;
	enum rc rc;

	*out = NULL;
	if (!conf_ok(conf))
		return RC_BAD_REQUEST;
	o = calloc(1, sizeof(*o));
	if (o == NULL)
		return RC_UNAVAILABLE;
	buf_init(&o->plain, PRE_UNIT_MAX);
	o->plain.secret = true;
	rc = fill(o, conf);
	if (rc == RC_OK && state.n > 0)
		rc = opening_load(o, state);
	if (rc != RC_OK) {
		pre_opening_free(o);
		return rc;
	}
	*out = o;
	return RC_OK;
}

static void
free_stream(const struct pre_opening *o, struct opening_stream *st)
{
	for (unsigned i = 0; i < o->conf.sections; i++)
		opening_section_free(st->sections[i]);
	free(st->sections);
}

void
pre_opening_free(struct pre_opening *o)
{
	if (o == NULL)
		return;
	for (unsigned i = 0; i < o->n; i++)
		free_stream(o, &o->streams[i]);
	if (o->plain.p != NULL)
		secret_wipe(o->plain.p, o->plain.cap);
	buf_fini(&o->plain);
	free(o->streams);
	free(o->url);
	free(o);
}

/* ---- streams and sections ---- */

struct opening_stream *
opening_find_stream(const struct pre_opening *o, uint16_t id)
{
	for (unsigned i = 0; i < o->n; i++)
		if (o->streams[i].id == id)
			return &o->streams[i];
	return NULL;
}

enum rc
opening_add_stream(struct pre_opening *o, uint16_t id, struct opening_stream **out)
{
	struct opening_stream *st;

	*out = NULL;
	if (o->n == o->conf.streams)
		return RC_NO_SPACE;
	st = &o->streams[o->n];
	*st = (struct opening_stream){ .id = id };
	st->sections = calloc(o->conf.sections, sizeof(struct opening_section *));
	if (st->sections == NULL)
		return RC_UNAVAILABLE;
	o->n++;
	*out = st;
	return RC_OK;
}

struct opening_section **
opening_find_section(const struct pre_opening *o, const struct opening_stream *st,
                     const struct pre_hdr *h)
{
	for (unsigned i = 0; st != NULL && i < o->conf.sections; i++)
		if (st->sections[i] != NULL && pre_hdr_order(&st->sections[i]->hdr, h) == 0)
			return &st->sections[i];
	return NULL;
}

void
opening_count(const struct pre_opening *o, const struct opening_section *s, struct pre_report *r)
{
	unsigned findings = opening_section_findings(s);

	if (o->conf.individual)
		findings = s->taken == 1 ? 0 : PRE_MISSING;
	r->findings |= findings;
	r->complete += opening_section_complete(s, o->conf.individual);
}

void
pre_opening_report(const struct pre_opening *o, struct pre_report *out)
{
	*out = o->past;
	for (unsigned i = 0; i < o->n; i++)
		for (unsigned k = 0; k < o->conf.sections; k++)
			if (o->streams[i].sections[k] != NULL)
				opening_count(o, o->streams[i].sections[k], out);
}

/* The section of u, which may have come before: RC_GONE, RC_NOT_FOUND, RC_BAD_REQUEST. */
static enum rc
section_of(const struct pre_opening *o, const struct pre_unit *u, struct opening_section **out)
{
	const struct opening_stream *st = opening_find_stream(o, u->hdr.stream);
	struct opening_section **place = opening_find_section(o, st, &u->hdr);

	*out = NULL;
	if (place != NULL) {
		*out = *place;
		return pre_hdr_same(&(*place)->hdr, &u->hdr) ? RC_OK : RC_BAD_REQUEST;
	}
	if (st == NULL || o->conf.archive || pre_hdr_order(&u->hdr, &st->newest) > 0)
		return RC_NOT_FOUND;
	return RC_GONE;
}

/* ---- management messages ---- */

/* The place of a new section: a free one, or that of the section that was opened first. */
static struct opening_section **
place_for(struct pre_opening *o, const struct opening_stream *st)
{
	struct opening_section **oldest = &st->sections[0];

	for (unsigned i = 0; i < o->conf.sections; i++) {
		if (st->sections[i] == NULL)
			return &st->sections[i];
		if (st->sections[i]->opened < (*oldest)->opened)
			oldest = &st->sections[i];
	}
	opening_count(o, *oldest, &o->past);
	opening_section_free(*oldest);
	*oldest = NULL;
	return oldest;
}

/* Findings about the section that was the newest. */
static unsigned
findings_before(const struct pre_opening *o, const struct opening_stream *st)
{
	struct opening_section **place = opening_find_section(o, st, &st->newest);

	if (place == NULL || o->conf.individual)
		return 0;
	return opening_section_findings(*place);
}

/* Takes s. */
static enum rc
install(struct pre_opening *o, struct opening_section *s, struct pre_opened *out)
{
	struct opening_stream *st = opening_find_stream(o, s->hdr.stream);
	enum rc rc = RC_OK;

	if (st != NULL)
		out->findings = findings_before(o, st);
	else
		rc = opening_add_stream(o, s->hdr.stream, &st);
	if (rc != RC_OK) {
		opening_section_free(s);
		return rc;
	}
	s->opened = ++o->opened;
	o->past.sections++;
	if (st->newest.type == 0 || pre_hdr_order(&s->hdr, &st->newest) > 0)
		st->newest = s->hdr;
	*place_for(o, st) = s;
	return RC_OK;
}

/* A management message that is the source's: one that has come before is not opened again. */
static enum rc
check_known(const struct pre_opening *o, const struct pre_mm *m)
{
	const struct opening_stream *st = opening_find_stream(o, m->hdr.stream);
	struct opening_section **place = opening_find_section(o, st, &m->hdr);
	uint8_t digest[PRE_DIGEST_SIZE];
	enum rc rc;

	if (place == NULL)
		return RC_OK;
	rc = pre_mm_digest(m, digest);
	if (rc != RC_OK)
		return rc;
	return memcmp(digest, (*place)->digest, sizeof(digest)) == 0 ? RC_CONFLICT : RC_BAD_REQUEST;
}

/* Of a section that is not kept: that of the newest, too, is not to begin again. */
static enum rc
check_age(const struct pre_opening *o, const struct pre_hdr *h)
{
	const struct opening_stream *st = opening_find_stream(o, h->stream);

	return st != NULL && !o->conf.archive && pre_hdr_order(h, &st->newest) <= 0 ? RC_GONE
	                                                                            : RC_OK;
}

static enum rc
take_mm(struct pre_opening *o, const struct pre_unit *u, struct pre_opened *out)
{
	struct opening_section *s;
	struct pre_data *data;
	struct pre_mm m;
	enum rc rc = pre_mm_parse(&u->hdr, u->rest, &m);

	if (rc == RC_OK)
		rc = pre_mm_verify(&m, &o->conf.key);
	if (rc == RC_OK)
		rc = check_known(o, &m);
	if (rc == RC_OK)
		rc = opening_unlock(o, &m, &data);
	if (rc != RC_OK)
		return rc;
	rc = check_age(o, &m.hdr);
	s = rc == RC_OK ? opening_section_new(&m, u->rest, data) : NULL;
	if (s == NULL) {
		pre_data_free(data);
		return rc == RC_OK ? RC_UNAVAILABLE : rc;
	}
	return install(o, s, out);
}

/* ---- data messages ---- */

static enum rc
open_data(struct pre_opening *o, struct opening_section *s, const struct pre_unit *u,
          struct pre_datum *m)
{
	uint32_t forgeries = pre_cipher_find(s->hdr.cid)->forgeries;
	enum rc rc;

	if (forgeries != 0 && s->forgeries >= forgeries)
		return RC_BAD_REQUEST;
	rc = pre_data_open(s->data, &o->conf.key, u->rest, m, &o->plain);
	if (rc == RC_BAD_REQUEST && s->forgeries < UINT32_MAX)
		s->forgeries++;
	/* Every plaintext fits into the buffer. */
	return rc == RC_NO_SPACE ? RC_UNAVAILABLE : rc;
}

static void
tell(const struct opening_section *s, struct pre_opened *out)
{
	out->findings = opening_section_findings(s);
	out->missing = opening_section_missing(s);
	/* A section that somebody has added to does not become better by what may still come. */
	out->judged = s->ended && (out->findings & (PRE_MISSING | PRE_ALTERED)) != PRE_MISSING;
}

static enum rc
take_data(struct pre_opening *o, const struct pre_unit *u, struct pre_opened *out)
{
	struct pre_datum m = { .msg_id = u->msg_id };
	struct opening_section *s;
	enum rc rc = section_of(o, u, &s);

	if (rc == RC_OK)
		rc = open_data(o, s, u, &m);
	if (rc == RC_OK)
		rc = o->conf.individual && m.seq != 0 ? RC_BAD_REQUEST
		                                      : opening_section_take(s, &m);
	if (rc != RC_OK)
		return rc;
	o->past.messages++;
	out->seq = m.seq;
	out->plain = buf_view(&o->plain);
	tell(s, out);
	if (!out->judged)
		out->findings = 0;
	return RC_OK;
}

/* ---- END ---- */

/* How e stands to the END before it in the stream; st goes on to it. */
static unsigned
link_end(struct opening_stream *st, const struct pre_hdr *h, const struct pre_end *e)
{
	static const struct pre_chain none;
	bool had = st->has_end;
	const struct pre_chain before = had ? st->chain : none;

	if (had && pre_hdr_order(h, &st->end) <= 0)
		return 0;
	st->has_end = true;
	st->end = *h;
	st->chain = e->chain;
	if (memcmp(&before, &e->prev, sizeof(before)) == 0)
		return 0;
	return had ? PRE_UNLINKED : PRE_JOINED;
}

static enum rc
take_end(struct pre_opening *o, const struct pre_unit *u, struct pre_opened *out)
{
	struct opening_stream *st = opening_find_stream(o, u->hdr.stream);
	struct opening_section *s;
	struct pre_end e;
	unsigned link;
	enum rc rc = pre_end_read(&u->hdr, u->rest, &o->conf.key, &e);

	if (rc != RC_OK || o->conf.individual)
		return rc == RC_OK ? RC_BAD_REQUEST : rc;
	rc = section_of(o, u, &s);
	if (rc == RC_BAD_REQUEST)
		return rc;
	if (s != NULL && s->ended)
		return memcmp(&s->end, &e, sizeof(e)) == 0 ? RC_CONFLICT : RC_BAD_REQUEST;
	/* Also that of a section that is not for this party: the next one names it. */
	link = st == NULL ? 0 : link_end(st, &u->hdr, &e);
	if (s == NULL)
		return rc;
	s->ended = true;
	s->end = e;
	s->link = link;
	tell(s, out);
	return RC_OK;
}

enum rc
pre_opening_take(struct pre_opening *o, const struct pre_unit *u, struct pre_opened *out)
{
	*out = (struct pre_opened){ .type = u->hdr.type };
	buf_clear(&o->plain);
	if (memcmp(u->hdr.source, o->source, sizeof(o->source)) != 0)
		return RC_BAD_REQUEST;
	switch ((enum pre_type)u->hdr.type) {
	case PRE_MM1:
	case PRE_MM2:
		return take_mm(o, u, out);
	case PRE_DATA:
		return take_data(o, u, out);
	case PRE_END:
		return take_end(o, u, out);
	}
	return RC_BAD_REQUEST;
}
