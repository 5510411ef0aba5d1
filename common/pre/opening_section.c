/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "pre/opening_own.h"

#include <stdlib.h>

#include "sec/secret.h"

/* ---- keys ---- */

static enum rc
open_as_owner(const struct pre_opening *o, const struct pre_mm *m, struct pre_session *s)
{
	struct afgh_epoch_id id = { .stream = m->hdr.stream, .epoch = m->hdr.epoch };
	struct afgh_epoch *e;
	enum rc rc;

	memcpy(id.source, m->hdr.source, sizeof(id.source));
	rc = afgh_epoch_new(o->conf.keys, &id, &e);
	if (rc != RC_OK)
		return rc;
	rc = pre_mm_open_owner(m, o->conf.afgh, e, s);
	afgh_epoch_free(e);
	return rc;
}

static enum rc
open_session(const struct pre_opening *o, const struct pre_mm *m, struct pre_session *s)
{
	if (o->conf.as == PRE_AS_SINK)
		return pre_mm1_open(m, o->conf.keys, s);
	if (o->conf.as == PRE_AS_OWNER)
		return open_as_owner(o, m, s);
	if (m->hdr.type != PRE_MM2)
		return RC_BAD_REQUEST;
	return pre_mm_open_owner(m, o->conf.afgh, afgh_keys_first(o->conf.keys), s);
}

enum rc
opening_unlock(const struct pre_opening *o, const struct pre_mm *m, struct pre_data **out)
{
	struct pre_session s = { 0 };
	enum rc rc = open_session(o, m, &s);

	*out = NULL;
	if (rc == RC_OK)
		rc = pre_data_new(&m->hdr, &s, false, out);
	secret_wipe(&s, sizeof(s));
	return rc;
}

/* ---- life ---- */

struct opening_section *
opening_section_new(const struct pre_mm *m, struct slice rest, struct pre_data *data)
{
	struct opening_section *s = calloc(1, sizeof(*s));

	if (s == NULL || pre_mm_digest(m, s->digest) != RC_OK) {
		free(s);
		return NULL;
	}
	s->hdr = m->hdr;
	s->data = data;
	memcpy(s->mm, rest.p, rest.n);
	s->mm_n = rest.n;
	memcpy(s->chain.v, s->digest, sizeof(s->chain.v));
	replay_init(&s->window, 0);
	return s;
}

void
opening_section_free(struct opening_section *s)
{
	if (s == NULL)
		return;
	pre_data_free(s->data);
	free(s);
}

/* ---- what came ---- */

/* The chain cannot go on; the verdict will not be that all is well. */
static void
break_off(struct opening_section *s)
{
	s->broken = true;
	s->held_mask = 0;
}

/* The chain goes on with the messages that had come before message next. */
static void
follow_up(struct opening_section *s)
{
	while ((s->held_mask >> (s->next % HELD_MAX) & 1) != 0) {
		s->held_mask &= ~(UINT64_C(1) << (s->next % HELD_MAX));
		if (pre_chain_add(s->data, &s->chain, s->held[s->next % HELD_MAX]) != RC_OK) {
			break_off(s);
			return;
		}
		s->next++;
	}
}

static enum rc
advance(struct opening_section *s, const uint8_t digest[PRE_DIGEST_SIZE])
{
	enum rc rc = pre_chain_add(s->data, &s->chain, digest);

	if (rc != RC_OK)
		return rc;
	s->next++;
	follow_up(s);
	return RC_OK;
}

/* The part of m in the chain, now or later. */
static enum rc
enchain(struct opening_section *s, const struct pre_datum *m)
{
	if (s->broken)
		return RC_OK;
	if (m->seq == s->next)
		return advance(s, m->digest);
	/* Now the window has left behind the message that the chain waits for. */
	if (m->seq - s->next > HELD_MAX) {
		break_off(s);
		return RC_OK;
	}
	s->held_mask |= UINT64_C(1) << (m->seq % HELD_MAX);
	memcpy(s->held[m->seq % HELD_MAX], m->digest, PRE_DIGEST_SIZE);
	return RC_OK;
}

enum rc
opening_section_take(struct opening_section *s, const struct pre_datum *m)
{
	struct replay before = s->window;
	enum rc rc;

	if (s->ended && m->seq >= s->end.count) {
		s->altered = true;
		return RC_BAD_REQUEST;
	}
	if (!replay_take(&s->window, (uint64_t)m->seq + 1))
		return RC_CONFLICT;
	rc = enchain(s, m);
	if (rc != RC_OK) {
		s->window = before;
		return rc;
	}
	s->taken++;
	if (m->seq < s->top)
		s->reordered = true;
	else
		s->top = m->seq + 1;
	return RC_OK;
}

/* ---- the verdict ---- */

uint32_t
opening_section_missing(const struct opening_section *s)
{
	uint32_t all = s->ended && s->end.count > s->top ? s->end.count : s->top;

	return all - s->taken;
}

/* Of a section that has ended. */
static bool
is_altered(const struct opening_section *s)
{
	if (s->altered || s->top > s->end.count)
		return true;
	if (opening_section_missing(s) > 0)
		return false;
	return s->next != s->end.count || memcmp(&s->chain, &s->end.chain, sizeof(s->chain)) != 0;
}

unsigned
opening_section_findings(const struct opening_section *s)
{
	unsigned findings = s->link | (s->reordered ? PRE_REORDERED : 0);

	if (!s->ended)
		return findings | PRE_UNENDED;
	if (opening_section_missing(s) > 0)
		findings |= PRE_MISSING;
	if (is_altered(s))
		findings |= PRE_ALTERED;
	return findings;
}

bool
opening_section_complete(const struct opening_section *s, bool individual)
{
	unsigned against = PRE_MISSING | PRE_ALTERED | PRE_UNENDED;

	if (individual)
		return s->taken == 1;
	return (opening_section_findings(s) & against) == 0;
}
