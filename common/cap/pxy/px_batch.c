/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/pxy/px_batch.h"

#include "cap/pxy/px_grants.h"
#include "cap/pxy/px_gzip.h"
#include "cap/pxy/px_own.h"
#include "cap/pxy/px_rule.h"
#include "pre/reencrypt.h"

#define LOOKED_MAX 1024u /* messages for one body, also such as are not for it */
#define STEP_OCTETS (64u << 10) /* that one job looks at, or compresses */
#define STEP_MANAGEMENT 8u /* messages that one job re-encrypts: 4 ms */
#define GROWTH                                                                                     \
	(PRE_MM1_MAX -                                                                             \
	 PRE_MM2_MAX) /* of a message that is re-encrypted, beside the URL of its sink */
#define GZIP_UNITS 4u /* below, it does not get shorter */
#define OPTION_URL_MAX 1034u /* octets of an option with a URL (RFC 7252 5.10) */

static void run(struct pool_job *job);

/* ---- one message ---- */

/* What the walk does next. */
enum step {
	ON, /* to the next message */
	BREAK, /* goes on in the next job */
	FULL, /* the body is */
	STOP, /* by result */
};

struct walk {
	struct px_batch *b;
	struct px_rule rule;
	struct px_store store;
	unsigned management; /* re-encrypted in this job */
	enum step step;
};

static enum step
stop(struct walk *w, enum px_result_kind kind, const char *why)
{
	w->b->result.kind = kind;
	w->b->why = why;
	return STOP;
}

static enum rc
reencrypt(struct walk *w, const struct pre_unit *u, const struct px_key *key)
{
	struct px_batch *b = w->b;
	struct pre_rekey k = { .id = { .stream = key->of.stream, .epoch = key->of.epoch } };
	const struct pre_grant *grant;
	struct sign_public sign;
	enum rc rc;

	memcpy(k.id.source, u->hdr.source, sizeof(k.id.source));
	memcpy(k.pk_id, key->pk_id, sizeof(k.pk_id));
	memcpy(k.rk, key->rk, sizeof(k.rk));
	rc = px_grants_take(b->grants, b->forward, b->sink, &k, &grant);
	secret_wipe(&k, sizeof(k));
	if (rc != RC_OK)
		return rc;
	if (w->store.source.sign != NULL)
		memcpy(sign.v, w->store.source.sign, sizeof(sign.v));
	rc = pre_reencrypt(grant, u, w->store.source.sign != NULL ? &sign : NULL, buf_view(&b->url),
	                   &b->body);
	px_grants_give(b->grants, grant);
	px_count(b->px, PX_N_REENCRYPTED, rc == RC_OK ? 1 : 0);
	return rc;
}

static enum rc
reencrypt_with_key(struct walk *w, const struct pre_unit *u)
{
	struct px_key key;
	enum rc rc = px_rule_key(&w->rule, &u->hdr, &key);

	if (rc == RC_OK)
		rc = reencrypt(w, u, &key);
	secret_wipe(&key, sizeof(key));
	w->management++;
	return rc;
}

static void
count_unit(struct px_batch *b, const struct px_message *m, const struct pre_hdr *h, size_t octets)
{
	struct px_result *r = &b->result;

	if (r->n++ == 0) {
		r->first = m->number;
		r->section = (struct px_section){ h->stream, h->epoch, h->key_index };
	}
	r->octets += octets;
}

static enum step
add(struct walk *w, const struct px_message *m, const struct pre_unit *u)
{
	struct px_batch *b = w->b;
	size_t before = b->body.n, at = pre_batch_begin(&b->body);
	enum rc rc = RC_OK;

	if (u->hdr.type == PRE_MM2)
		rc = reencrypt_with_key(w, u);
	else
		buf_slice(&b->body, m->octets);
	if (rc == RC_OK)
		rc = pre_batch_end(&b->body, at);
	if (rc == RC_OK) {
		count_unit(b, m, &u->hdr, b->body.n - before - PRE_LENGTH_SIZE);
		return b->result.n >= b->max ? FULL : ON;
	}
	b->body.n = before;
	b->body.failed = false;
	if (rc != RC_BAD_REQUEST)
		return stop(w, PX_RESULT_FAILED, "the body could not be made");
	b->result.first = b->result.n == 0 ? m->number : b->result.first;
	return stop(w, PX_RESULT_BAD, "the management message is not the source's, or damaged");
}

/* Room in the body, and work that this job may still do. */
static enum step
room_for(const struct walk *w, const struct pre_unit *u)
{
	const struct px_batch *b = w->b;
	bool management = u->hdr.type == PRE_MM2;
	size_t n = PRE_LENGTH_SIZE + u->whole.n + (management ? GROWTH + b->url.n - u->sink.n : 0);

	if (b->result.n > 0 && b->body.n + n > b->px->conf->store.batch_bytes)
		return FULL;
	return management && w->management >= STEP_MANAGEMENT ? BREAK : ON;
}

static enum step
look_at(struct walk *w, const struct px_message *m)
{
	struct px_batch *b = w->b;
	struct pre_unit u;
	enum step step;

	if (m->number > w->rule.sink.until)
		return stop(w, PX_RESULT_END, NULL);
	if (pre_unit_parse(m->octets, NULL, &u) != RC_OK) {
		b->result.first = b->result.n == 0 ? m->number : b->result.first;
		return stop(w, PX_RESULT_BAD, "the message in the store is damaged");
	}
	switch (px_rule_judge(&w->rule, &u.hdr)) {
	case PX_RULE_PASS:
		return ON;
	case PX_RULE_END:
		return stop(w, PX_RESULT_END, NULL);
	case PX_RULE_WAIT:
		b->result.waits_for = (struct px_key_of){ u.hdr.stream, u.hdr.epoch };
		return stop(w, PX_RESULT_NOKEY, NULL);
	case PX_RULE_FAIL:
		return stop(w, PX_RESULT_FAILED, "the keys of the sink cannot be read");
	case PX_RULE_SEND:
		break;
	}
	step = room_for(w, &u);
	return step == ON ? add(w, m, &u) : step;
}

static bool
visit(void *arg, const struct px_message *m)
{
	struct walk *w = arg;
	unsigned before = w->b->result.n;

	w->step = look_at(w, m);
	/* A body that is full has this one in it, or has not. */
	if (w->step == ON || (w->step == FULL && w->b->result.n > before)) {
		w->b->at = m->number;
		w->b->looked++;
	}
	return w->step == ON;
}

/* ---- a job ---- */

static enum px_form
form_of(struct slice url)
{
	if (slice_starts(url, SLICE_LIT("coap")))
		return PX_FORM_COAP;
	return slice_starts(url, SLICE_LIT("udp")) ? PX_FORM_DATAGRAM : PX_FORM_UNITS;
}

/* Where the section begins that the lane has to go back to. */
static enum step
go_back(struct walk *w, const struct px_view *v)
{
	struct px_batch *b = w->b;
	const struct px_section *s = &b->order.section;
	struct px_section found;
	uint64_t number;
	enum rc rc = px_section_find(v, w->store.id, s, &found, &number);

	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return stop(w, PX_RESULT_FAILED, "the book cannot be read");
	b->result.back = rc == RC_OK && found.stream == s->stream && found.epoch == s->epoch &&
	                 found.key_index == s->key_index;
	if (!b->result.back)
		return stop(w, PX_RESULT_NOTHING, NULL);
	if (number <= b->at)
		b->at = number - 1;
	return ON;
}

static enum step
begin(struct walk *w, const struct px_view *v)
{
	struct px_batch *b = w->b;

	b->begun = true;
	b->form = form_of(w->rule.sink.url);
	b->max = b->order.single || b->form != PX_FORM_UNITS ? 1 : w->rule.sink.batch;
	b->compress = w->rule.sink.compress && b->form == PX_FORM_UNITS;
	buf_slice(&b->url, w->rule.sink.url);
	if (b->url.failed)
		return stop(w, PX_RESULT_FAILED, "there is no memory");
	return b->order.back ? go_back(w, v) : ON;
}

/* RC_OK: there is something to walk through. */
static enum rc
find(struct walk *w, const struct px_view *v)
{
	struct px_forward f;
	enum rc rc = px_forward_get(v, w->b->forward, &f);

	if (rc == RC_OK && f.state != PX_RUNNING)
		rc = RC_NOT_FOUND;
	if (rc == RC_OK)
		rc = px_rule_init(&w->rule, v, w->b->forward, w->b->sink);
	if (rc == RC_OK && w->rule.sink.ended)
		rc = RC_NOT_FOUND;
	return rc == RC_OK ? px_store_get(v, f.store, &w->store) : rc;
}

static enum step
walk(struct walk *w, const struct px_view *v)
{
	struct px_batch *b = w->b;
	enum rc rc = find(w, v);

	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? stop(w, PX_RESULT_NOTHING, NULL)
		                          : stop(w, PX_RESULT_FAILED, "the book cannot be read");
	w->step = b->begun ? ON : begin(w, v);
	if (w->step != ON)
		return w->step;
	/* What is not there any more is passed over. */
	if (b->at < w->store.first - 1)
		b->at = w->store.first - 1;
	if (b->at >= w->rule.sink.until)
		return stop(w, PX_RESULT_END, NULL);
	rc = px_message_list(v, w->store.id, b->at, LOOKED_MAX - b->looked, STEP_OCTETS, visit, w);
	if (rc != RC_OK)
		return stop(w, PX_RESULT_FAILED, "the messages cannot be read");
	if (w->step != ON)
		return w->step;
	b->result.more = b->at < w->store.last;
	return b->result.more && b->looked < LOOKED_MAX ? BREAK : stop(w, PX_RESULT_NOTHING, NULL);
}

static enum step
look(struct px_batch *b)
{
	struct walk w = { .b = b };
	struct px_view *v;
	enum step step;

	if (px_view_open(b->px->book, &v) != RC_OK)
		return stop(&w, PX_RESULT_FAILED, "the book cannot be read");
	step = walk(&w, v);
	px_view_close(v);
	return step;
}

/* ---- the whole ---- */

/* A single unit goes without its length; over CoAP without what goes beside it. */
static void
wrap(struct px_batch *b)
{
	struct slice unit = slice_from(buf_view(&b->body), PRE_LENGTH_SIZE);

	b->wire = b->result.n == 1 ? unit : buf_view(b->gzip ? &b->packed : &b->body);
	if (b->form != PX_FORM_COAP || pre_unit_parse(unit, NULL, &b->unit) != RC_OK)
		return;
	if (b->unit.source.n > OPTION_URL_MAX || b->url.n > OPTION_URL_MAX) {
		b->form = PX_FORM_PLAIN;
		return;
	}
	if (pre_unit_payload(&b->unit, &b->packed) == RC_OK)
		b->wire = buf_view(&b->packed);
	else
		b->form = PX_FORM_PLAIN;
}

static void
finish(struct px_batch *b)
{
	b->result.upto = b->at;
	if (b->result.n > 0) {
		b->result.kind = PX_RESULT_BODY;
		wrap(b);
	}
	b->done(b);
}

/* What cannot be compressed goes as it is. */
static void
zip(struct px_batch *b)
{
	struct slice piece = slice_head(slice_from(buf_view(&b->body), b->zipped), STEP_OCTETS);
	bool last = b->zipped + piece.n == b->body.n;
	enum rc rc = px_gzip_add(b->z, piece, last, &b->packed);

	b->zipped += piece.n;
	if (rc == RC_OK && !last) {
		pool_submit(b->px->pool, POOL_FOREIGN, &b->job);
		return;
	}
	b->gzip = rc == RC_OK && b->packed.n < b->body.n;
	finish(b);
}

static void
go_on(struct px_batch *b)
{
	if (!b->compress || b->result.n < GZIP_UNITS || px_gzip_new(&b->z) != RC_OK) {
		finish(b);
		return;
	}
	b->packed.max = b->body.n;
	pool_submit(b->px->pool, POOL_FOREIGN, &b->job);
}

static void
run(struct pool_job *job)
{
	struct px_batch *b = (struct px_batch *)(void *)job;

	if (job->ending) {
		b->result.n = 0;
		b->result.kind = PX_RESULT_FAILED;
		b->why = "stopping";
		finish(b);
	} else if (b->z != NULL) {
		zip(b);
	} else if (look(b) == BREAK) {
		pool_submit(b->px->pool, POOL_FOREIGN, job);
	} else {
		go_on(b);
	}
}

void
px_batch_init(struct px_batch *b)
{
	*b = (struct px_batch){ .job.run = run };
	buf_init(&b->url, PX_URL_MAX);
	buf_init(&b->body, 0);
	buf_init(&b->packed, 0);
}

void
px_batch_make(struct px_batch *b)
{
	const struct proxy_conf_store *c = &b->px->conf->store;

	px_batch_clear(b);
	/* A message is taken alone whatever its length. */
	b->body.max = c->batch_bytes + c->message_max + GROWTH + PX_URL_MAX + PRE_LENGTH_SIZE;
	b->packed.max = b->body.max;
	b->at = b->order.after;
	b->result.back = b->order.back;
	pool_submit(b->px->pool, POOL_FOREIGN, &b->job);
}

void
px_batch_clear(struct px_batch *b)
{
	buf_fini(&b->url);
	buf_fini(&b->body);
	buf_fini(&b->packed);
	px_gzip_free(b->z);
	b->z = NULL;
	b->result = (struct px_result){ .kind = PX_RESULT_NOTHING };
	b->why = NULL;
	b->gzip = b->begun = b->compress = false;
	b->wire = SLICE_NONE;
	b->zipped = 0;
	b->looked = 0;
}
