/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of new forwards; sinks and their keys. */
#include "config.h"

#include "base/uri.h"
#include "cap/pxy/px_json_own.h"
#include "cap/pxy/px_udp.h"
#include "sec/secret.h"

/* ---- keys ---- */

bool
px_json_make_keys(struct px_json_keys *keys, struct arena *a)
{
	keys->v = ARENA_ARRAY(a, struct px_key, PX_JSON_KEYS_MAX);
	keys->udp = arena_alloc(a, sizeof(*keys->udp) * PX_JSON_SINKS_MAX);
	if (keys->v == NULL || keys->udp == NULL)
		return false;
	keys->room = PX_JSON_KEYS_MAX;
	keys->udp_room = PX_JSON_SINKS_MAX;
	return true;
}

void
px_json_wipe(struct px_json_keys *keys)
{
	if (keys->room > 0)
		secret_wipe(keys->v, sizeof(*keys->v) * keys->room);
	if (keys->udp_room > 0)
		secret_wipe(keys->udp, sizeof(*keys->udp) * keys->udp_room);
	keys->n = keys->n_udp = 0;
}

struct rk_members {
	int64_t stream, epoch;
	struct slice rk;
};

static const struct json_field rk_fields[] = {
	JSON_FIELD(struct rk_members, stream, "stream", JSON_NUMBER, true),
	JSON_FIELD(struct rk_members, epoch, "epoch", JSON_NUMBER, true),
	JSON_FIELD(struct rk_members, rk, "rk", JSON_TEXT, true),
};

static bool
read_rk(struct slice item, struct px_key *k)
{
	struct rk_members m;

	if (!json_read(item, rk_fields, NITEMS(rk_fields), &m) || m.stream < 0 ||
	    m.stream > UINT16_MAX || m.epoch < 0 || m.epoch > UINT32_MAX)
		return false;
	k->of = (struct px_key_of){ (uint16_t)m.stream, (uint32_t)m.epoch };
	return px_json_hex(m.rk, k->rk, PX_RK_BYTES);
}

enum rc
px_json_rk(struct slice list, const uint8_t pk_id[PX_PK_ID_BYTES], struct px_json_keys *keys,
           struct px_key **v, size_t *n, const char **why)
{
	struct slice item;
	int more = 0; /* behind the last item there is no list any more */

	*v = keys->v + keys->n;
	*n = 0;
	while (list.p != NULL && (more = json_item(&list, &item)) == 1) {
		struct px_key *k = keys->v + keys->n;

		if (keys->n == keys->room)
			return px_json_wrong(why, "more than 256 re-encryption keys");
		keys->n++;
		++*n;
		if (!read_rk(item, k))
			return px_json_wrong(why, "rk is no list of re-encryption keys");
		memcpy(k->pk_id, pk_id, PX_PK_ID_BYTES);
	}
	return more >= 0 ? RC_OK : px_json_wrong(why, "rk is no list of re-encryption keys");
}

/* ---- points ---- */

struct point_members {
	int64_t stream, epoch, key_index, number;
};

static const struct json_field point_fields[] = {
	JSON_FIELD(struct point_members, stream, "stream", JSON_NUMBER, false),
	JSON_FIELD(struct point_members, epoch, "epoch", JSON_NUMBER, false),
	JSON_FIELD(struct point_members, key_index, "keyIndex", JSON_NUMBER, false),
	JSON_FIELD(struct point_members, number, "number", JSON_NUMBER, false),
};

static bool
read_point(struct slice object, struct px_json_point *out)
{
	struct point_members m = { PX_JSON_ABSENT, PX_JSON_ABSENT, PX_JSON_ABSENT, PX_JSON_ABSENT };

	if (object.p == NULL)
		return true;
	if (!json_read(object, point_fields, NITEMS(point_fields), &m))
		return false;
	if (m.number != PX_JSON_ABSENT) {
		out->number = (uint64_t)m.number;
		return m.number > 0 && m.stream == PX_JSON_ABSENT && m.epoch == PX_JSON_ABSENT &&
		       m.key_index == PX_JSON_ABSENT;
	}
	out->by_section = true;
	out->section =
		(struct px_section){ (uint16_t)m.stream, (uint32_t)m.epoch, (uint16_t)m.key_index };
	return m.stream >= 0 && m.stream <= UINT16_MAX && m.epoch >= 0 && m.epoch <= UINT32_MAX &&
	       m.key_index >= 0 && m.key_index <= UINT16_MAX;
}

/* ---- sinks ---- */

struct sink_members {
	struct slice url, pk_id, rk, key, from, to;
	int64_t rate, batch;
	bool compress;
};

#define FIELD(name, member, kind, required)                                                        \
	JSON_FIELD(struct sink_members, member, name, kind, required)

static const struct json_field sink_fields[] = {
	FIELD("url", url, JSON_TEXT, true),        FIELD("pkId", pk_id, JSON_TEXT, true),
	FIELD("rk", rk, JSON_LIST, false),         FIELD("rate", rate, JSON_NUMBER, false),
	FIELD("batch", batch, JSON_NUMBER, false), FIELD("compress", compress, JSON_FLAG, false),
	FIELD("key", key, JSON_TEXT, false),       FIELD("from", from, JSON_OBJECT, false),
	FIELD("to", to, JSON_OBJECT, false),
};

static bool
is_udp(struct slice url)
{
	struct px_udp_address a;

	return px_udp_address(url, &a);
}

bool
px_json_url(struct slice url)
{
	return url.n <= PX_URL_MAX && (uri_is_transport(url) || is_udp(url));
}

/* Datagrams have a key, all else has none. */
static bool
read_udp_key(struct slice url, struct slice text, struct px_json_keys *keys, struct px_json_sink *s)
{
	uint8_t *key;

	if (is_udp(url) != (text.p != NULL))
		return false;
	if (text.p == NULL)
		return true;
	if (keys->n_udp == keys->udp_room)
		return false;
	key = keys->udp[keys->n_udp++];
	s->udp_key = key;
	return px_json_hex(text, key, PX_UDP_KEY_BYTES);
}

static enum rc
read_sink(struct slice item, struct px_json_sink *s, struct px_json_keys *keys, const char **why)
{
	struct sink_members m = { .rate = 0, .batch = PX_BATCH_DEFAULT };
	uint8_t pk_id[PX_PK_ID_BYTES];

	*s = (struct px_json_sink){ .n_keys = 0 };
	if (!json_read(item, sink_fields, NITEMS(sink_fields), &m))
		return px_json_wrong(why, "a sink is none");
	if (!px_json_url(m.url))
		return px_json_wrong(why, "the url of a sink is none");
	if (!px_json_hex(m.pk_id, pk_id, sizeof(pk_id)))
		return px_json_wrong(why, "pkId is no 16 digits");
	if (m.rate < 0 || m.batch < 1 || m.batch > (int64_t)PX_BATCH_MAX)
		return px_json_wrong(why, "rate or batch is out of range");
	if (!read_udp_key(m.url, m.key, keys, s))
		return px_json_wrong(why, "key is for udp, and has 64 digits");
	if (!read_point(m.from, &s->from) || !read_point(m.to, &s->to))
		return px_json_wrong(why, "from or to is no point");
	s->url = m.url;
	s->rate = (uint64_t)m.rate;
	s->batch = (uint32_t)m.batch;
	s->compress = m.compress;
	return px_json_rk(m.rk, pk_id, keys, &s->keys, &s->n_keys, why);
}

enum rc
px_json_sinks(struct slice list, struct arena *a, struct px_json_sink **out, size_t *n,
              struct px_json_keys *keys, const char **why)
{
	long count = px_json_count(list, PX_JSON_SINKS_MAX);
	struct slice item;
	enum rc rc = RC_OK;

	*n = 0;
	if (count < 0)
		return px_json_wrong(why, "the sinks are no list of at most 256");
	*out = ARENA_ARRAY(a, struct px_json_sink, count + 1);
	if (*out == NULL)
		return RC_UNAVAILABLE;
	while (rc == RC_OK && list.p != NULL && json_item(&list, &item) == 1)
		rc = read_sink(item, &(*out)[(*n)++], keys, why);
	return rc;
}

/* ---- a new forward ---- */

struct forward_members {
	struct slice request, sinks, from, to;
};

static const struct json_field forward_fields[] = {
	JSON_FIELD(struct forward_members, request, "request", JSON_TEXT, false),
	JSON_FIELD(struct forward_members, sinks, "sinks", JSON_LIST, true),
	JSON_FIELD(struct forward_members, from, "from", JSON_OBJECT, false),
	JSON_FIELD(struct forward_members, to, "to", JSON_OBJECT, false),
};

enum rc
px_json_forward(struct slice body, struct arena *a, struct px_json_forward *out,
                struct px_json_keys *keys, const char **why)
{
	struct forward_members m = { .request = SLICE_NONE };
	enum rc rc;

	*out = (struct px_json_forward){ .n_sinks = 0 };
	*keys = (struct px_json_keys){ .n = 0 };
	if (!json_read(body, forward_fields, NITEMS(forward_fields), &m))
		return px_json_wrong(why, "the body is no description of a forward");
	if (!px_json_again(m.request, &out->request))
		return px_json_wrong(why, "request is no 32 digits");
	if (!read_point(m.from, &out->from) || !read_point(m.to, &out->to))
		return px_json_wrong(why, "from or to is no point");
	if (!px_json_make_keys(keys, a))
		return RC_UNAVAILABLE;
	rc = px_json_sinks(m.sinks, a, &out->sinks, &out->n_sinks, keys, why);
	return rc == RC_OK && out->n_sinks == 0 ? px_json_wrong(why, "there are no sinks") : rc;
}
