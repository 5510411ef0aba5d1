/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/edge/edge_grant.h"

#include <stddef.h>

#include "base/times.h"
#include "base/uri.h"
#include "codec/json_fields.h"
#include "sec/hex.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))

/* As the document has it. */
struct document {
	struct slice fingerprints, operations, prefixes, contacts, trigger, kma, expires, state;
	int64_t rate, burst;
	bool inner;
};

#define FIELD(name, kind, required) JSON_FIELD(struct document, name, #name, kind, required)
static const struct json_field fields[] = {
	FIELD(fingerprints, JSON_LIST, true), FIELD(operations, JSON_LIST, true),
	FIELD(prefixes, JSON_LIST, true),     FIELD(contacts, JSON_LIST, false),
	FIELD(trigger, JSON_LIST, false),     FIELD(kma, JSON_LIST, false),
	FIELD(expires, JSON_TEXT, false),     FIELD(state, JSON_TEXT, false),
	FIELD(rate, JSON_NUMBER, false),      FIELD(burst, JSON_NUMBER, false),
	FIELD(inner, JSON_FLAG, false),
};
#undef FIELD

static const struct {
	const char *name;
	enum edge_operation op;
} operations[] = {
	{ "retrieve", EDGE_RETRIEVE }, { "create", EDGE_CREATE },   { "update", EDGE_UPDATE },
	{ "delete", EDGE_DELETE },     { "execute", EDGE_EXECUTE }, { "discover", EDGE_DISCOVER },
	{ "announce", EDGE_ANNOUNCE },
};

static const char *const states[] = {
	[EDGE_ENABLED] = "enabled", [EDGE_DISABLED] = "disabled", [EDGE_WITHDRAWN] = "withdrawn"
};

const char *
edge_state_name(enum edge_state state)
{
	return states[state];
}

bool
edge_texts_have(const struct edge_texts *list, struct slice text)
{
	for (unsigned i = 0; i < list->n; i++)
		if (slice_eq(list->v[i], text))
			return true;
	return false;
}

/* ---- what its lists may have ---- */

static bool
read_keys(struct slice list, struct edge_grant *g)
{
	struct slice item, text;
	int more;

	while ((more = json_item(&list, &item)) == 1)
		if (g->n_keys == EDGE_KEYS_MAX || !json_item_text(item, &text) ||
		    !hex_decode(text, g->keys[g->n_keys++], PEER_FINGERPRINT))
			return false;
	return more == 0 && g->n_keys > 0;
}

static bool
read_operations(struct slice list, struct edge_grant *g)
{
	struct slice item, text;
	int more;

	while ((more = json_item(&list, &item)) == 1) {
		unsigned op = 0;

		if (!json_item_text(item, &text))
			return false;
		for (size_t i = 0; i < NITEMS(operations); i++)
			if (slice_is(text, operations[i].name))
				op = operations[i].op;
		if (op == 0)
			return false;
		g->operations |= op;
	}
	return more == 0;
}

static bool
read_texts(struct slice list, struct edge_texts *out, unsigned max, bool (*ok)(struct slice text))
{
	struct slice item, text;
	int more;

	if (list.p == NULL)
		return true;
	while ((more = json_item(&list, &item)) == 1) {
		if (out->n == max || !json_item_text(item, &text) || text.n == 0 ||
		    text.n > EDGE_TEXT_MAX || !ok(text))
			return false;
		out->v[out->n++] = text;
	}
	return more == 0;
}

static bool
is_scl(struct slice text)
{
	return memchr(text.p, '/', text.n) == NULL;
}

/* "/" alone would be everything, sclBase is said by its name. */
static bool
is_prefix(struct slice text)
{
	struct uri u;

	if (text.p[text.n - 1] == '/' || !uri_parse(text, &u) || u.query.p != NULL ||
	    !edge_path_is_plain(u.path))
		return false;
	return u.scheme.n == 0 || uri_is_transport(text);
}

static bool
is_port(struct slice text)
{
	uint64_t n;

	return text.n > 0 && text.n <= 5 && text.p[0] != '0' && slice_number(text, 65535, &n);
}

static bool
is_host_octet(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

/*
 * A name in lower case, or an address. What resolvers take as an address although it is not written as
 * one (0x7f.1, 2130706433) is neither: the last label of a name has a letter, and no such form has
 * any but that of hexadecimal digits.
 */
static bool
is_host(struct slice text)
{
	size_t last = 0;

	if (text.n == 0 || text.n > 253 || text.p[0] == '.' || text.p[0] == '-')
		return false;
	for (size_t i = 0; i < text.n; i++) {
		if (!is_host_octet(text.p[i]) ||
		    (text.p[i] == '.' && i > 0 && text.p[i - 1] == '.'))
			return false;
		if (text.p[i] == '.')
			last = i + 1;
	}
	return last < text.n && text.p[last] >= 'a' && text.p[last] <= 'z';
}

static bool
is_v4(struct slice text)
{
	unsigned points = 0;

	for (size_t i = 0; i < text.n; i++) {
		points += text.p[i] == '.';
		if (text.p[i] != '.' && (text.p[i] < '0' || text.p[i] > '9'))
			return false;
	}
	return points == 3;
}

/* Host and port of a contact; an IPv6 address keeps its brackets. */
static void
split(struct slice contact, struct slice *host, struct slice *port)
{
	size_t from = 0, at;

	if (contact.n > 0 && contact.p[0] == '[')
		while (from < contact.n && contact.p[from] != ']')
			from++;
	for (at = from; at < contact.n && contact.p[at] != ':'; at++)
		continue;
	*host = slice_head(contact, at);
	*port = at < contact.n ? slice_from(contact, at + 1) : SLICE_NONE;
}

static bool
is_contact(struct slice text)
{
	struct slice host, port;

	split(text, &host, &port);
	if (port.p != NULL && !is_port(port))
		return false;
	if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
		return memchr(host.p, ':', host.n) != NULL;
	return is_host(host) || is_v4(host);
}

/* ---- reading ---- */

static bool
read_state(struct slice text, enum edge_state *state)
{
	if (text.p == NULL)
		return true;
	for (size_t i = 0; i < NITEMS(states); i++)
		if (slice_is(text, states[i])) {
			*state = (enum edge_state)i;
			return true;
		}
	return false;
}

static bool
read_rate(const struct document *d, struct edge_grant *g)
{
	g->rate = d->rate;
	g->burst = d->burst == 0 ? 2 * d->rate : d->burst;
	return d->rate > 0 && d->rate <= EDGE_RATE_MAX && g->burst > 0 &&
	       g->burst <= 2 * EDGE_RATE_MAX;
}

/* NULL, or what is wrong. */
static const char *
take(const struct document *d, struct edge_grant *g)
{
	if (!read_keys(d->fingerprints, g))
		return "fingerprints";
	if (!read_operations(d->operations, g))
		return "operations";
	if (!read_texts(d->prefixes, &g->prefixes, EDGE_PREFIXES_MAX, is_prefix))
		return "prefixes";
	if (!read_texts(d->contacts, &g->contacts, EDGE_CONTACTS_MAX, is_contact))
		return "contacts";
	if (!read_texts(d->trigger, &g->trigger, EDGE_SCLS_MAX, is_scl))
		return "trigger";
	if (!read_texts(d->kma, &g->kma, EDGE_SCLS_MAX, is_scl))
		return "kma";
	if (!read_rate(d, g))
		return "rate";
	if (!read_state(d->state, &g->state))
		return "state";
	if (d->expires.p != NULL && (!times_parse(d->expires, &g->expires) || g->expires <= 0))
		return "expires";
	return NULL;
}

enum rc
edge_grant_read(struct slice json, struct edge_grant *g, const char **why)
{
	struct document d = { .rate = EDGE_RATE };

	*g = (struct edge_grant){ .state = EDGE_ENABLED };
	*why = "grant";
	if (json.n > EDGE_GRANT_MAX || !json_read(json, fields, NITEMS(fields), &d))
		return RC_BAD_REQUEST;
	g->inner = d.inner;
	*why = take(&d, g);
	return *why == NULL ? RC_OK : RC_BAD_REQUEST;
}

/* ---- writing ---- */

static void
put_texts(struct buf *out, const char *name, const struct edge_texts *list)
{
	json_put_open(out, name, '[');
	for (unsigned i = 0; i < list->n; i++)
		json_put_text(out, NULL, list->v[i]);
	buf_char(out, ']');
}

void
edge_grant_write(const struct edge_grant *g, struct buf *out)
{
	buf_char(out, '{');
	json_put_open(out, "fingerprints", '[');
	for (unsigned i = 0; i < g->n_keys; i++)
		json_put_hex(out, NULL, g->keys[i], PEER_FINGERPRINT);
	buf_char(out, ']');
	json_put_open(out, "operations", '[');
	for (size_t i = 0; i < NITEMS(operations); i++)
		if (g->operations & operations[i].op)
			json_put_text(out, NULL, slice_of(operations[i].name));
	buf_char(out, ']');
	put_texts(out, "prefixes", &g->prefixes);
	put_texts(out, "contacts", &g->contacts);
	put_texts(out, "trigger", &g->trigger);
	put_texts(out, "kma", &g->kma);
	json_put_number(out, "rate", g->rate);
	json_put_number(out, "burst", g->burst);
	json_put_time(out, "expires", g->expires);
	json_put_flag(out, "inner", g->inner);
	json_put_text(out, "state", slice_of(states[g->state]));
	buf_char(out, '}');
}

/* ---- what it covers ---- */

bool
edge_grant_covers(const struct edge_grant *g, struct slice path)
{
	for (unsigned i = 0; i < g->prefixes.n; i++)
		if (uri_path_below(path, g->prefixes.v[i]))
			return true;
	return false;
}

static bool
same_text(struct slice lower, struct slice any)
{
	if (lower.n != any.n)
		return false;
	for (size_t i = 0; i < any.n; i++) {
		char c = any.p[i];

		if (lower.p[i] != (c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c))
			return false;
	}
	return true;
}

bool
edge_grant_contact(const struct edge_grant *g, struct slice url)
{
	struct slice https = SLICE_LIT("https://"), rest, authority, host, port;

	if (url.n <= https.n || !same_text(https, slice_head(url, https.n)) ||
	    memchr(url.p, '\\', url.n) != NULL || !uri_is_transport(url))
		return false;
	rest = slice_from(url, https.n);
	for (size_t i = 0; i < rest.n; i++)
		if (rest.p[i] == '/' || rest.p[i] == '?' || rest.p[i] == '#')
			rest.n = i;
	authority = rest;
	/* With user information it would be another host than it seems. */
	if (memchr(authority.p, '@', authority.n) != NULL)
		return false;
	split(authority, &host, &port);
	if (port.p == NULL)
		port = SLICE_LIT("443");
	for (unsigned i = 0; i < g->contacts.n; i++) {
		struct slice h, p;

		split(g->contacts.v[i], &h, &p);
		if (same_text(h, host) && slice_eq(p.p == NULL ? SLICE_LIT("443") : p, port))
			return true;
	}
	return false;
}
