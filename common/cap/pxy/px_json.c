/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies about stores, and what all bodies have. */
#include "config.h"

#include "cap/pxy/px_json.h"

#include "cap/pxy/px_json_own.h"
#include "pre/hdr.h"
#include "sec/hex.h"
#include "sec/sign.h"

enum rc
px_json_wrong(const char **why, const char *text)
{
	*why = text;
	return RC_BAD_REQUEST;
}

int
px_json_choice(struct slice text, const char *const *names)
{
	for (int i = 0; names[i] != NULL; i++)
		if (slice_is(text, names[i]))
			return i;
	return -1;
}

bool
px_json_hex(struct slice text, void *out, size_t n)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] >= 'A' && text.p[i] <= 'F')
			return false;
	return hex_decode(text, out, n);
}

bool
px_json_again(struct slice text, struct px_json_again *out)
{
	out->given = text.p != NULL;
	return !out->given || px_json_hex(text, out->id, sizeof(out->id));
}

long
px_json_count(struct slice list, size_t max)
{
	struct slice item;
	long n = 0;
	int more;

	if (list.p == NULL)
		return 0;
	while ((more = json_item(&list, &item)) == 1)
		if ((size_t)++n > max)
			return -1;
	return more == 0 ? n : -1;
}

/* ---- numbers with a meaning ---- */

/* Seconds. */
static bool
ttl_of(int64_t s, int64_t ttl_max, int64_t *ttl)
{
	if (s < 1 || s > ttl_max / CLOCK_SECOND)
		return false;
	*ttl = s * CLOCK_SECOND;
	return true;
}

struct one_number {
	int64_t v;
};

static bool
read_number(struct slice body, const char *name, int64_t *v)
{
	const struct json_field field = JSON_FIELD(struct one_number, v, name, JSON_NUMBER, true);
	struct one_number to = { PX_JSON_ABSENT };
	bool ok = json_read(body, &field, 1, &to);

	*v = to.v;
	return ok;
}

enum rc
px_json_ttl(struct slice body, int64_t ttl_max, int64_t *ttl, const char **why)
{
	int64_t v;

	if (!read_number(body, "ttl", &v))
		return px_json_wrong(why, "the body is no {\"ttl\"}");
	return ttl_of(v, ttl_max, ttl) ? RC_OK : px_json_wrong(why, "ttl is out of range");
}

enum rc
px_json_upto(struct slice body, uint64_t *upto, const char **why)
{
	int64_t v;

	if (!read_number(body, "upto", &v))
		return px_json_wrong(why, "the body is no {\"upto\"}");
	if (v < 0)
		return px_json_wrong(why, "upto is out of range");
	*upto = (uint64_t)v;
	return RC_OK;
}

/* ---- a new store ---- */

struct members {
	struct slice request, mode, class, transport, allow, source;
	int64_t reserve, ttl;
	bool release;
};

#define FIELD(name, member, kind, required) JSON_FIELD(struct members, member, name, kind, required)

static const struct json_field store_fields[] = {
	FIELD("request", request, JSON_TEXT, false),
	FIELD("reserve", reserve, JSON_NUMBER, true),
	FIELD("ttl", ttl, JSON_NUMBER, false),
	FIELD("mode", mode, JSON_TEXT, false),
	FIELD("class", class, JSON_TEXT, false),
	FIELD("transport", transport, JSON_TEXT, false),
	FIELD("allow", allow, JSON_LIST, false),
	FIELD("source", source, JSON_OBJECT, false),
	FIELD("release", release, JSON_FLAG, false),
};

static bool
read_allow(struct slice list, struct px_json_store *out)
{
	struct slice item;

	if (px_json_count(list, PX_NAMED_MAX) < 0)
		return false;
	while (list.p != NULL && json_item(&list, &item) == 1) {
		struct slice *to = &out->allow[out->n_allow++];

		if (!json_item_text(item, to) || to->n == 0 || to->n > PX_NAME_MAX)
			return false;
	}
	return true;
}

struct source_members {
	struct slice url, sign;
};

static bool
read_source(struct slice object, struct px_json_store *out)
{
	static const struct json_field fields[] = {
		JSON_FIELD(struct source_members, url, "url", JSON_TEXT, true),
		JSON_FIELD(struct source_members, sign, "sign", JSON_TEXT, false),
	};
	struct source_members m = { .url = SLICE_NONE };
	struct sign_public key;

	if (object.p == NULL)
		return true;
	if (!json_read(object, fields, NITEMS(fields), &m) || m.url.n > PX_SOURCE_URL_MAX ||
	    !pre_url_ok(m.url))
		return false;
	out->source = m.url;
	out->has_sign = m.sign.p != NULL;
	if (!out->has_sign)
		return true;
	if (!px_json_hex(m.sign, key.v, sizeof(key.v)) || !sign_public_ok(&key))
		return false;
	memcpy(out->sign, key.v, PX_SIGN_BYTES);
	return true;
}

/* Places of choices are the values less 1; absent: the default. */
static bool
read_choice(struct slice text, const char *const *names, int otherwise, int *out)
{
	int place = text.p == NULL ? otherwise : px_json_choice(text, names);

	*out = place + 1;
	return place >= 0;
}

static enum rc
read_kinds(const struct members *m, struct px_json_store *out, const char **why)
{
	static const char *const modes[] = { "individual", "stream", NULL };
	static const char *const classes[] = { "adaptive", "rigid", NULL };
	static const char *const transports[] = { "rest", "udp", NULL };
	int mode, class, transport;

	if (!read_choice(m->mode, modes, PX_STREAM - 1, &mode))
		return px_json_wrong(why, "mode is neither individual nor stream");
	if (!read_choice(m->class, classes, PX_ADAPTIVE - 1, &class))
		return px_json_wrong(why, "class is neither adaptive nor rigid");
	if (!read_choice(m->transport, transports, PX_REST - 1, &transport))
		return px_json_wrong(why, "transport is neither rest nor udp");
	out->mode = (enum px_mode)mode;
	out->class = (enum px_class) class;
	out->transport = (enum px_transport)transport;
	return RC_OK;
}

enum rc
px_json_store(struct slice body, int64_t ttl_max, struct px_json_store *out, const char **why)
{
	struct members m = { .ttl = PX_JSON_ABSENT };

	*out = (struct px_json_store){ .ttl = ttl_max < PX_TTL_DEFAULT ? ttl_max : PX_TTL_DEFAULT };
	if (!json_read(body, store_fields, NITEMS(store_fields), &m))
		return px_json_wrong(why, "the body is no description of a store");
	if (!px_json_again(m.request, &out->request))
		return px_json_wrong(why, "request is no 32 digits");
	if (m.reserve < (int64_t)PX_RESERVE_MIN)
		return px_json_wrong(why, "reserve is below 4096");
	if (m.ttl != PX_JSON_ABSENT && !ttl_of(m.ttl, ttl_max, &out->ttl))
		return px_json_wrong(why, "ttl is out of range");
	if (!read_allow(m.allow, out))
		return px_json_wrong(why, "allow is no list of at most 16 identities");
	if (!read_source(m.source, out))
		return px_json_wrong(why, "source is none");
	out->reserve = (uint64_t)m.reserve;
	out->release = m.release;
	return read_kinds(&m, out, why);
}
