/* SPDX-License-Identifier: Apache-2.0 */
/* How a stream begins and ends, and what it tells of itself. */
#include "config.h"

#include "pre/section.h"

#include <stdlib.h>

#include "base/clock.h"
#include "pre/section_own.h"

static bool
conf_ok(const struct pre_stream_conf *c)
{
	return c->afgh != NULL && c->sign != NULL && (c->keys != NULL || c->pk1.n > 0) &&
	       pre_url_ok(c->source) && c->source.n <= PRE_URL_MAX && pre_sink_ok(c->sink) &&
	       c->sink.n <= PRE_URL_MAX && pre_cipher_find(c->cid) != NULL &&
	       c->section_messages <= PRE_SECTION_MESSAGES && c->section_time > 0 &&
	       c->section_time <= PRE_SECTION_TIME;
}

static void
set_defaults(struct pre_stream_conf *c)
{
	if (c->cid == 0)
		c->cid = PRE_CID_DEFAULT;
	if (c->epoch_sections == 0)
		c->epoch_sections = 1;
	if (c->section_messages == 0)
		c->section_messages = PRE_SECTION_MESSAGES;
	if (c->section_time == 0)
		c->section_time = PRE_SECTION_TIME;
}

/* Both URLs and PK1 in one piece of memory. */
static bool
copy_names(struct pre_stream *s)
{
	struct pre_stream_conf *c = &s->conf;
	struct slice *const parts[] = { &c->source, &c->sink, &c->pk1 };
	char *to = malloc(c->source.n + c->sink.n + c->pk1.n);

	s->names = to;
	if (to == NULL)
		return false;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (parts[i]->n > 0)
			memcpy(to, parts[i]->p, parts[i]->n);
		parts[i]->p = to;
		to += parts[i]->n;
	}
	return true;
}

/* The header that all sections have, and where the stream stands. */
static enum rc
set_place(struct pre_stream *s, struct slice state)
{
	struct pre_hdr base = {
		.flags = s->conf.sign_data ? PRE_FLAG_SIGNED : 0,
		.stream = s->conf.stream,
		.cid = s->conf.cid,
	};
	enum rc rc = pre_source_name(s->conf.source, base.source);

	if (rc != RC_OK)
		return rc;
	return stream_place_read(state, &base, &s->place) ? RC_OK : RC_BAD_REQUEST;
}

enum rc
pre_stream_new(const struct pre_stream_conf *conf, struct slice state, struct pre_stream **out)
{
	struct pre_stream *s;
	enum rc rc;

	*out = NULL;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return RC_UNAVAILABLE;
	s->conf = *conf;
	set_defaults(&s->conf);
	rc = !conf_ok(&s->conf) ? RC_BAD_REQUEST : copy_names(s) ? RC_OK : RC_UNAVAILABLE;
	if (rc == RC_OK && conf->pk1.n > 0)
		rc = afgh_public_first_check(conf->pk1);
	if (rc == RC_OK)
		rc = set_place(s, state);
	if (rc != RC_OK) {
		pre_stream_free(s);
		return rc;
	}
	*out = s;
	return RC_OK;
}

void
pre_stream_free(struct pre_stream *s)
{
	if (s == NULL)
		return;
	pre_data_free(s->data);
	afgh_epoch_free(s->epoch);
	free(s->names);
	free(s);
}

void
pre_stream_state(const struct pre_stream *s, uint8_t out[PRE_STREAM_STATE_SIZE])
{
	stream_place_write(&s->place, out);
}

void
pre_stream_section(const struct pre_stream *s, struct pre_hdr *out)
{
	*out = s->place.used ? s->place.hdr : (struct pre_hdr){ 0 };
}

bool
pre_stream_due(const struct pre_stream *s, int64_t now)
{
	return s->data == NULL || s->place.skip > 0 || s->count >= s->conf.section_messages ||
	       now < s->opened || now - s->opened >= s->conf.section_time;
}

int64_t
pre_stream_deadline(const struct pre_stream *s)
{
	return s->data == NULL ? CLOCK_NEVER : s->opened + s->conf.section_time;
}

void
pre_stream_next_epoch(struct pre_stream *s)
{
	if (s->place.skip < UINT32_MAX)
		s->place.skip++;
}
