/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/pxy/px_talk.h"

#include "cap/pxy/px_book.h"
#include "codec/json_fields.h"
#include "sec/hex.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))

/* ---- asking ---- */

void
px_put_store(struct buf *b, const struct px_ask_store *a)
{
	json_put_open(b, NULL, '{');
	json_put_hex(b, "request", a->request, PX_SPOOL_REQUEST);
	json_put_number(b, "reserve", (int64_t)a->reserve);
	json_put_number(b, "ttl", a->ttl);
	json_put_text(b, "mode", SLICE_LIT("stream"));
	json_put_text(b, "class", SLICE_LIT("adaptive"));
	json_put_text(b, "transport", SLICE_LIT("rest"));
	json_put_open(b, "source", '{');
	json_put_text(b, "url", a->source);
	json_put_hex(b, "sign", a->sign->v, sizeof(a->sign->v));
	buf_char(b, '}');
	json_put_flag(b, "release", true);
	buf_char(b, '}');
}

void
px_put_ttl(struct buf *b, int64_t seconds)
{
	json_put_open(b, NULL, '{');
	json_put_number(b, "ttl", seconds);
	buf_char(b, '}');
}

static void
put_keys(struct buf *b, const struct px_ask_sink *s)
{
	json_put_open(b, "rk", '[');
	for (size_t i = 0; i < s->n_keys; i++) {
		const struct pre_rekey *k = &s->keys[i];

		json_put_open(b, NULL, '{');
		json_put_number(b, "stream", k->id.stream);
		json_put_number(b, "epoch", k->id.epoch);
		json_put_hex(b, "rk", k->rk, sizeof(k->rk));
		buf_char(b, '}');
	}
	buf_char(b, ']');
}

static void
put_sink(struct buf *b, const struct px_ask_sink *s)
{
	json_put_open(b, NULL, '{');
	json_put_text(b, "url", s->url);
	json_put_hex(b, "pkId", s->pk_id, PRE_PK_ID_SIZE);
	put_keys(b, s);
	json_put_number(b, "batch", s->batch);
	buf_char(b, '}');
}

void
px_put_forward(struct buf *b, const uint8_t *request, const struct px_ask_sink *sink)
{
	json_put_open(b, NULL, '{');
	json_put_hex(b, "request", request, PX_SPOOL_REQUEST);
	json_put_open(b, "sinks", '[');
	put_sink(b, sink);
	buf_puts(b, "]}");
}

static void
put_removal(struct buf *b, const struct px_ask_sink *s, struct slice at)
{
	json_put_open(b, "remove", '[');
	json_put_open(b, NULL, '{');
	json_put_text(b, "url", s->url);
	json_put_text(b, "at", at);
	buf_puts(b, "}]");
}

void
px_put_control(struct buf *b, uint64_t revision, enum px_ask_do what,
               const struct px_ask_sink *sink)
{
	json_put_open(b, NULL, '{');
	json_put_number(b, "revision", (int64_t)revision);
	json_put_text(b, "action", SLICE_LIT("change"));
	if (what == PX_ASK_REPLACE)
		put_removal(b, sink, SLICE_LIT("now"));
	if (what == PX_ASK_REMOVE)
		put_removal(b, sink, SLICE_LIT("section"));
	if (what == PX_ASK_ADD || what == PX_ASK_REPLACE) {
		json_put_open(b, "add", '[');
		put_sink(b, sink);
		buf_char(b, ']');
	}
	if (what == PX_ASK_KEYS) {
		json_put_open(b, "keys", '[');
		json_put_open(b, NULL, '{');
		json_put_text(b, "url", sink->url);
		put_keys(b, sink);
		buf_puts(b, "}]");
	}
	buf_char(b, '}');
}

/* ---- answers ---- */

struct info {
	int64_t available, largest, batch;
	struct slice suites, identity;
};

/* A sink that is no proxy has no room. */
static const struct json_field info_fields[] = {
	JSON_FIELD(struct info, available, "available", JSON_NUMBER, false),
	JSON_FIELD(struct info, largest, "largest", JSON_NUMBER, false),
	JSON_FIELD(struct info, batch, "batch", JSON_NUMBER, false),
	JSON_FIELD(struct info, suites, "suites", JSON_LIST, true),
	JSON_FIELD(struct info, identity, "identity", JSON_OBJECT, false),
};

struct identity {
	struct slice pk2, pk_id;
};

static const struct json_field identity_fields[] = {
	JSON_FIELD(struct identity, pk2, "pk2", JSON_TEXT, true),
	JSON_FIELD(struct identity, pk_id, "pkId", JSON_TEXT, true),
};

static bool
read_identity(struct slice object, struct px_told_info *out)
{
	struct identity i = { 0 };
	uint8_t own[PRE_PK_ID_SIZE];
	struct slice pk2;

	if (!json_pick(object, identity_fields, NITEMS(identity_fields), &i) ||
	    !hex_decode(i.pk2, out->pk2, sizeof(out->pk2)) ||
	    !hex_decode(i.pk_id, out->pk_id, sizeof(out->pk_id)))
		return false;
	pk2 = slice_make(out->pk2, sizeof(out->pk2));
	return afgh_public_second_check(pk2) == RC_OK && pre_pk_id(pk2, own) == RC_OK &&
	       memcmp(own, out->pk_id, sizeof(own)) == 0;
}

bool
px_read_info(struct slice body, struct px_told_info *out)
{
	struct info i = { 0 };
	struct slice item;
	uint64_t suite;
	int more;

	*out = (struct px_told_info){ 0 };
	if (!json_pick(body, info_fields, NITEMS(info_fields), &i) || i.available < 0 ||
	    i.largest < 0 || i.batch < 0)
		return false;
	out->available = (uint64_t)i.available;
	out->largest = (uint64_t)i.largest;
	out->batch = (uint64_t)i.batch;
	while ((more = json_item(&i.suites, &item)) == 1)
		if (slice_number(item, UINT8_MAX, &suite) && suite == PRE_SUITE)
			out->suite = true;
	out->has_identity = i.identity.n > 0;
	return more == 0 && (!out->has_identity || read_identity(i.identity, out));
}

struct made {
	struct slice id;
	int64_t revision;
};

static const struct json_field made_fields[] = {
	JSON_FIELD(struct made, id, "id", JSON_TEXT, true),
	JSON_FIELD(struct made, revision, "revision", JSON_NUMBER, true),
};

static bool
id_ok(struct slice id)
{
	uint64_t number;

	return px_id_parse(id, &number);
}

bool
px_read_id(struct slice body, struct slice *id)
{
	struct made m = { 0 };

	if (!json_pick(body, made_fields, 1, &m) || !id_ok(m.id))
		return false;
	*id = m.id;
	return true;
}

bool
px_read_forward(struct slice body, struct slice *id, uint64_t *revision)
{
	struct made m = { 0 };

	if (!json_pick(body, made_fields, NITEMS(made_fields), &m) || !id_ok(m.id) ||
	    m.revision < 0)
		return false;
	*id = m.id;
	*revision = (uint64_t)m.revision;
	return true;
}

bool
px_read_revision(struct slice body, uint64_t *revision)
{
	struct made m = { 0 };

	if (!json_pick(body, made_fields + 1, 1, &m) || m.revision < 0)
		return false;
	*revision = (uint64_t)m.revision;
	return true;
}

static const struct json_field forward_fields[] = {
	{ "sinks", JSON_LIST, true, 0 },
};

struct sink {
	struct slice url, state, rk, to;
	int64_t lag, until;
};

static const struct json_field sink_fields[] = {
	JSON_FIELD(struct sink, url, "url", JSON_TEXT, true),
	JSON_FIELD(struct sink, state, "state", JSON_TEXT, false),
	JSON_FIELD(struct sink, rk, "rk", JSON_LIST, false),
	JSON_FIELD(struct sink, lag, "lag", JSON_NUMBER, false),
	JSON_FIELD(struct sink, to, "to", JSON_LIST, false),
	JSON_FIELD(struct sink, until, "until", JSON_NUMBER, false),
};

struct epoch {
	int64_t stream, epoch;
};

static const struct json_field epoch_fields[] = {
	JSON_FIELD(struct epoch, stream, "stream", JSON_NUMBER, true),
	JSON_FIELD(struct epoch, epoch, "epoch", JSON_NUMBER, true),
};

static bool
read_epochs(struct slice list, uint16_t stream, int64_t *highest)
{
	struct slice item;
	int more;

	*highest = -1;
	while ((more = json_item(&list, &item)) == 1) {
		struct epoch e;

		if (!json_pick(item, epoch_fields, NITEMS(epoch_fields), &e) || e.epoch < 0 ||
		    e.epoch > UINT32_MAX)
			return false;
		if (e.stream == stream && e.epoch > *highest)
			*highest = e.epoch;
	}
	return more == 0;
}

/* A sink that was removed and named again stands there twice: one that has ended is none. */
static bool
read_sink(struct slice item, uint16_t stream, struct px_told_sink *sinks, size_t n)
{
	struct sink s = { .until = -1 };
	struct slice border;

	if (!json_pick(item, sink_fields, NITEMS(sink_fields), &s) || s.lag < 0)
		return false;
	if (slice_is(s.state, "ended"))
		return true;
	for (size_t i = 0; i < n; i++)
		if (slice_eq(sinks[i].url, s.url)) {
			sinks[i].there = true;
			sinks[i].going = s.until >= 0 || json_item(&s.to, &border) == 1;
			sinks[i].lag = (uint64_t)s.lag;
			return read_epochs(s.rk, stream, &sinks[i].epoch);
		}
	return true;
}

bool
px_read_sinks(struct slice body, uint16_t stream, struct px_told_sink *sinks, size_t n)
{
	struct slice list = SLICE_NONE, item;
	int more;

	if (!json_pick(body, forward_fields, NITEMS(forward_fields), &list))
		return false;
	while ((more = json_item(&list, &item)) == 1)
		if (!read_sink(item, stream, sinks, n))
			return false;
	return more == 0;
}

static bool
is_among(struct slice url, const struct px_told_sink *sinks, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (slice_eq(sinks[i].url, url))
			return true;
	return false;
}

size_t
px_read_others(struct slice body, const struct px_told_sink *sinks, size_t n, struct slice *others,
               size_t max)
{
	struct slice list = SLICE_NONE, item;
	size_t found = 0;

	if (!json_pick(body, forward_fields, NITEMS(forward_fields), &list))
		return 0;
	while (found < max && json_item(&list, &item) == 1) {
		struct sink s = { 0 };

		if (json_pick(item, sink_fields, NITEMS(sink_fields), &s) &&
		    !is_among(s.url, sinks, n))
			others[found++] = s.url;
	}
	return found;
}

static const struct json_field inbox_fields[] = {
	{ "waiting", JSON_NUMBER, true, 0 },
};

bool
px_read_waiting(struct slice body, uint64_t *waiting)
{
	int64_t v = 0;

	if (!json_pick(body, inbox_fields, NITEMS(inbox_fields), &v) || v < 0)
		return false;
	*waiting = (uint64_t)v;
	return true;
}
