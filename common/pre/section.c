/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "pre/section.h"

#include "pre/section_own.h"
#include "sec/secret.h"

/* ---- units ---- */

/* Where a batch was, to go back to. */
struct mark {
	size_t n;
	bool failed;
};

static struct mark
mark_of(const struct buf *batch)
{
	return (struct mark){ batch->n, batch->failed };
}

static enum rc
settle(struct buf *batch, struct mark mark, enum rc rc)
{
	if (rc != RC_OK) {
		batch->n = mark.n;
		batch->failed = mark.failed;
	}
	return rc;
}

/* The generator is asked for many at a time. */
static enum rc
next_msg_id(struct pre_stream *s, uint32_t *out)
{
	if (s->msg_ids_n == 0) {
		enum rc rc = secret_random(s->msg_ids, sizeof(s->msg_ids));

		if (rc != RC_OK)
			return rc;
		s->msg_ids_n = MSG_IDS;
	}
	*out = s->msg_ids[--s->msg_ids_n];
	return RC_OK;
}

/* Begins a unit with a new msgId. */
static enum rc
unit_begin(struct pre_stream *s, const struct pre_hdr *h, enum pre_type type, struct buf *batch,
           uint32_t *msg_id)
{
	struct pre_unit u = { .hdr = *h, .source = s->conf.source, .sink = s->conf.sink };
	enum rc rc = next_msg_id(s, &u.msg_id);

	u.hdr.type = (uint8_t)type;
	*msg_id = u.msg_id;
	return rc == RC_OK ? pre_unit_begin(&u, batch) : rc;
}

/* ---- beginning and end of a section ---- */

static enum rc
add_end(struct pre_stream *s, struct buf *batch)
{
	const struct pre_end e = { .count = s->count, .chain = s->chain, .prev = s->place.prev };
	size_t at = pre_batch_begin(batch);
	uint32_t msg_id;
	enum rc rc = unit_begin(s, &s->place.hdr, PRE_END, batch, &msg_id);

	if (rc == RC_OK)
		rc = pre_end_make(&s->place.hdr, &e, s->conf.sign, batch);
	return rc == RC_OK ? pre_batch_end(batch, at) : rc;
}

static void
close_section(struct pre_stream *s)
{
	pre_data_free(s->data);
	s->data = NULL;
}

enum rc
pre_stream_end(struct pre_stream *s, struct buf *batch)
{
	struct mark mark = mark_of(batch);
	enum rc rc;

	if (s->data == NULL)
		return RC_OK;
	rc = add_end(s, batch);
	if (rc == RC_OK) {
		s->place.prev = s->chain;
		close_section(s);
	}
	return settle(batch, mark, rc);
}

/* What a new section has that the stream does not have yet. */
struct beginning {
	struct stream_place place;
	struct afgh_epoch *epoch; /* NULL: that of the section before, or none is needed */
	struct pre_data *data;
	struct pre_chain chain;
};

static enum rc
make_epoch(const struct pre_stream *s, struct beginning *b)
{
	const struct pre_hdr *h = &b->place.hdr;
	struct afgh_epoch_id id = { .stream = h->stream, .epoch = h->epoch };

	if (s->conf.pk1.n > 0 || (s->epoch != NULL && h->epoch == s->place.hdr.epoch))
		return RC_OK;
	memcpy(id.source, h->source, sizeof(id.source));
	return afgh_epoch_new(s->conf.keys, &id, &b->epoch);
}

static enum rc
make_kem(const struct pre_stream *s, const struct beginning *b, struct pre_kem *kem)
{
	if (s->conf.pk1.n > 0)
		return afgh_encrypt_to(s->conf.pk1, kem->c1, &kem->k);
	return afgh_encrypt(s->conf.afgh, b->epoch != NULL ? b->epoch : s->epoch, kem->c1, &kem->k);
}

/* Appends the MM2 that carries session, and takes its digest as the start of the chain. */
static enum rc
add_mm2(struct pre_stream *s, struct beginning *b, const struct pre_session *session,
        struct buf *batch)
{
	const struct pre_hdr *h = &b->place.hdr;
	size_t at = pre_batch_begin(batch), rest;
	struct pre_kem kem;
	struct pre_mm m;
	uint32_t msg_id;
	enum rc rc = unit_begin(s, h, PRE_MM2, batch, &msg_id);

	rest = batch->n;
	if (rc == RC_OK)
		rc = make_kem(s, b, &kem);
	if (rc == RC_OK)
		rc = pre_mm2_make(h, &kem, session, s->conf.sign, batch);
	secret_wipe(&kem, sizeof(kem));
	if (rc == RC_OK)
		rc = pre_mm_parse(h, slice_from(buf_view(batch), rest), &m);
	if (rc == RC_OK)
		rc = pre_mm_digest(&m, b->chain.v);
	return rc == RC_OK ? pre_batch_end(batch, at) : rc;
}

static enum rc
begin_section(struct pre_stream *s, struct beginning *b, struct buf *batch)
{
	struct pre_session session;
	struct key random;
	enum rc rc = make_epoch(s, b);

	if (rc == RC_OK)
		rc = key_random(&random);
	if (rc != RC_OK)
		return rc;
	memcpy(session.v, random.v, sizeof(session.v));
	rc = add_mm2(s, b, &session, batch);
	if (rc == RC_OK)
		rc = pre_data_new(&b->place.hdr, &session, true, &b->data);
	key_wipe(&random);
	secret_wipe(&session, sizeof(session));
	return rc;
}

static void
take_over(struct pre_stream *s, const struct beginning *b, int64_t now)
{
	close_section(s);
	if (b->epoch != NULL) {
		afgh_epoch_free(s->epoch);
		s->epoch = b->epoch;
	}
	s->place = b->place;
	s->data = b->data;
	s->chain = b->chain;
	s->count = 0;
	s->opened = now;
}

enum rc
pre_stream_begin(struct pre_stream *s, int64_t now, struct buf *batch)
{
	struct mark mark = mark_of(batch);
	struct beginning b = { .place = s->place };
	enum rc rc;

	if (s->data != NULL)
		b.place.prev = s->chain;
	rc = stream_place_next(&b.place, s->conf.epoch_sections) ? RC_OK : RC_GONE;
	b.place.hdr.type = PRE_MM2;
	if (rc == RC_OK && s->data != NULL)
		rc = add_end(s, batch);
	if (rc == RC_OK)
		rc = begin_section(s, &b, batch);
	if (rc == RC_OK)
		take_over(s, &b, now);
	else
		afgh_epoch_free(b.epoch);
	return settle(batch, mark, rc);
}

/* ---- messages ---- */

static enum rc
add_data(struct pre_stream *s, struct slice plain, struct buf *batch)
{
	size_t at = pre_batch_begin(batch);
	struct pre_datum m = { .seq = s->count };
	struct pre_chain chain = s->chain;
	enum rc rc = unit_begin(s, &s->place.hdr, PRE_DATA, batch, &m.msg_id);

	if (rc == RC_OK &&
	    batch->n - at - PRE_LENGTH_SIZE + pre_data_size(&s->place.hdr, plain.n) > PRE_UNIT_MAX)
		rc = RC_TOO_LARGE;
	if (rc == RC_OK)
		rc = pre_data_seal(s->data, s->conf.sign, plain, &m, batch);
	if (rc == RC_OK)
		rc = pre_chain_add(s->data, &chain, m.digest);
	if (rc == RC_OK)
		rc = pre_batch_end(batch, at);
	if (rc == RC_OK) {
		s->chain = chain;
		s->count++;
	}
	return rc;
}

enum rc
pre_stream_add(struct pre_stream *s, int64_t now, struct slice plain, struct buf *batch)
{
	struct mark mark = mark_of(batch);

	if (pre_stream_due(s, now))
		return RC_CONFLICT;
	return settle(batch, mark, add_data(s, plain, batch));
}

enum rc
pre_stream_single(struct pre_stream *s, int64_t now, struct slice plain, struct buf *batch)
{
	struct mark mark = mark_of(batch);
	struct stream_place before = s->place;
	enum rc rc;

	if (s->data != NULL)
		return RC_CONFLICT;
	rc = pre_stream_begin(s, now, batch);
	if (rc != RC_OK)
		return rc;
	rc = add_data(s, plain, batch);
	close_section(s);
	if (rc != RC_OK)
		s->place = before;
	return settle(batch, mark, rc);
}
