/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/pxy/px_seal.h"

#include <stdlib.h>

#include "sec/secret.h"

/* What one turn at the pool does at most. */
#define TURN_SECTIONS 8u
#define TURN_OCTETS 65536u
#define TURN_KEYS 16u
/* Octets of a batch: more than all documents of an order take up. */
#define BATCH_MAX ((size_t)4 << 20)

struct px_seal {
	struct px_seal_conf conf; /* source lies in url */
	uint16_t number;
	struct pre_stream *stream;
	uint32_t count; /* data messages of the section */
	bool open;
	char url[PRE_URL_MAX];
};

/* ---- the stream ---- */

static enum rc
make_stream(struct px_seal *s, struct slice state)
{
	const struct px_seal_conf *c = &s->conf;
	struct pre_stream_conf conf = { .afgh = c->afgh,
		                        .keys = pre_identity_keys(c->identity),
		                        .sign = pre_identity_sign(c->identity),
		                        .source = c->source,
		                        .stream = s->number,
		                        .cid = c->cid,
		                        .sign_data = c->sign_data,
		                        .epoch_sections = c->epoch_sections,
		                        .section_messages = c->section_messages,
		                        .section_time = c->section_time };
	struct pre_stream *stream;
	enum rc rc = pre_stream_new(&conf, state, &stream);

	if (rc != RC_OK)
		return rc;
	pre_stream_free(s->stream);
	s->stream = stream;
	s->open = false;
	return RC_OK;
}

enum rc
px_seal_new(const struct px_seal_conf *conf, uint16_t stream, struct slice state,
            struct px_seal **out)
{
	struct px_seal *s = calloc(1, sizeof(*s));
	enum rc rc;

	*out = NULL;
	if (s == NULL)
		return RC_UNAVAILABLE;
	s->conf = *conf;
	s->number = stream;
	rc = conf->source.n > sizeof(s->url) ? RC_BAD_REQUEST : RC_OK;
	if (rc == RC_OK) {
		memcpy(s->url, conf->source.p, conf->source.n);
		s->conf.source.p = s->url;
		rc = make_stream(s, state);
	}
	if (rc == RC_OK)
		*out = s;
	else
		px_seal_free(s);
	return rc;
}

void
px_seal_free(struct px_seal *s)
{
	if (s == NULL)
		return;
	pre_stream_free(s->stream);
	free(s);
}

int64_t
px_seal_deadline(const struct px_seal *s)
{
	return pre_stream_deadline(s->stream);
}

bool
px_seal_is_open(const struct px_seal *s)
{
	return s->open;
}

/* ---- an order ---- */

static enum rc
end_section(struct px_seal *s, struct px_seal_order *o)
{
	enum rc rc = pre_stream_end(s->stream, &o->batch);

	if (rc == RC_OK)
		s->open = false;
	return rc;
}

/* The same stream behind the section that was begun last, which is not open any more. */
static enum rc
go_on_anew(struct px_seal *s, bool sign_data)
{
	bool before = s->conf.sign_data;
	uint8_t state[PRE_STREAM_STATE_SIZE];
	enum rc rc;

	pre_stream_state(s->stream, state);
	s->conf.sign_data = sign_data;
	rc = make_stream(s, slice_make(state, sizeof(state)));
	if (rc != RC_OK)
		s->conf.sign_data = before;
	return rc;
}

/* What is to be done before the first document. */
static enum rc
prepare(struct px_seal *s, struct px_seal_order *o)
{
	bool anew = o->change_signing && o->sign_data != s->conf.sign_data;
	enum rc rc = RC_OK;

	if (o->give_up)
		rc = go_on_anew(s, s->conf.sign_data);
	if (rc == RC_OK && (o->next_epoch || anew))
		rc = end_section(s, o);
	/* Behind an END that was appended it is done in any case: the order is carried out then. */
	if (rc == RC_OK && o->next_epoch)
		pre_stream_next_epoch(s->stream);
	if (rc == RC_OK && anew)
		rc = go_on_anew(s, o->sign_data);
	return rc;
}

static enum rc
begin_section(struct px_seal *s, struct px_seal_order *o, int64_t now)
{
	struct pre_hdr before, h;
	enum rc rc;

	pre_stream_section(s->stream, &before);
	rc = pre_stream_begin(s->stream, now, &o->batch);
	if (rc != RC_OK)
		return rc;
	pre_stream_section(s->stream, &h);
	/* A type of 0: there was none before. */
	if (before.type == 0 || before.epoch != h.epoch)
		o->epochs[o->n_epochs++] = (struct px_epoch){ h.epoch, h.key_index, 0 };
	s->open = true;
	s->count = 0;
	return RC_OK;
}

static enum rc
seal_one(struct px_seal *s, struct px_seal_order *o, unsigned *sections)
{
	int64_t now = clock_now(s->conf.clock);
	enum rc rc = RC_OK;

	if (pre_stream_due(s->stream, now)) {
		(*sections)++;
		rc = begin_section(s, o, now);
	}
	if (rc == RC_OK)
		rc = pre_stream_add(s->stream, now, o->documents[o->sealed], &o->batch);
	if (rc == RC_OK) {
		o->sealed++;
		s->count++;
	}
	return rc;
}

static void
answer(struct px_seal *s, struct px_seal_order *o, enum rc rc)
{
	struct pre_hdr h;

	pre_stream_state(s->stream, o->state);
	pre_stream_section(s->stream, &h);
	o->last = (struct px_place){ h.epoch, h.key_index, s->count };
	o->rc = o->batch.n > 0 ? RC_OK : rc;
	o->done(o);
}

static void
order_run(struct pool_job *job)
{
	struct px_seal_order *o =
		(struct px_seal_order *)(void *)((char *)job - offsetof(struct px_seal_order, job));
	struct px_seal *s = o->seal;
	size_t from = o->batch.n;
	unsigned sections = 0;
	enum rc rc = job->ending ? RC_UNAVAILABLE : RC_OK;

	if (rc == RC_OK && !o->begun)
		rc = prepare(s, o);
	o->begun = true;
	while (rc == RC_OK && o->sealed < o->n) {
		if (sections >= TURN_SECTIONS || o->batch.n - from >= TURN_OCTETS) {
			pool_submit(o->pool, POOL_OWN, &o->job);
			return;
		}
		rc = seal_one(s, o, &sections);
	}
	if (rc == RC_OK && o->end)
		rc = end_section(s, o);
	answer(s, o, rc);
}

void
px_seal_run(struct px_seal *s, struct px_seal_order *o)
{
	buf_init(&o->batch, BATCH_MAX);
	o->job = (struct pool_job){ .run = order_run };
	o->seal = s;
	o->begun = false;
	o->sealed = o->n_epochs = 0;
	pool_submit(o->pool, POOL_OWN, &o->job);
}

/* ---- re-encryption keys ---- */

static enum rc
make_key(struct px_rekey_order *o)
{
	struct afgh_epoch_id id = { .stream = o->stream, .epoch = o->epochs[o->made] };

	memcpy(id.source, o->source, sizeof(id.source));
	return pre_rekey_make(pre_identity_keys(o->identity), &id, o->pk2, &o->keys[o->made]);
}

static void
rekey_run(struct pool_job *job)
{
	struct px_rekey_order *o =
		(struct px_rekey_order *)(void *)((char *)job -
	                                          offsetof(struct px_rekey_order, job));
	enum rc rc = job->ending ? RC_UNAVAILABLE : RC_OK;

	for (unsigned i = 0; rc == RC_OK && o->made < o->n; i++) {
		if (i >= TURN_KEYS) {
			pool_submit(o->pool, POOL_OWN, &o->job);
			return;
		}
		rc = make_key(o);
		if (rc == RC_OK)
			o->made++;
	}
	if (rc != RC_OK)
		secret_wipe(o->keys, PX_REKEY_MAX * sizeof(*o->keys));
	o->rc = rc;
	o->done(o);
}

enum rc
px_rekey_run(struct px_rekey_order *o)
{
	o->keys = secret_alloc(PX_REKEY_MAX * sizeof(*o->keys));
	if (o->keys == NULL)
		return RC_UNAVAILABLE;
	o->job = (struct pool_job){ .run = rekey_run };
	o->made = 0;
	pool_submit(o->pool, POOL_OWN, &o->job);
	return RC_OK;
}

void
px_rekey_free(struct px_rekey_order *o)
{
	secret_free(o->keys, PX_REKEY_MAX * sizeof(*o->keys));
	o->keys = NULL;
}
