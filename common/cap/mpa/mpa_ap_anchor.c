/* SPDX-License-Identifier: Apache-2.0 */
/* What the operator says of keys, servers and revocations. */
#include "config.h"

#include <stdlib.h>

#include "base/clock.h"
#include "cap/mpa/mpa_ap.h"
#include "codec/json_fields.h"
#include "sec/b64url.h"

#define SERIAL_OCTETS (SIGN_PUBLIC_SIZE + MPA_SERIAL_SIZE)
#define SERIAL_TEXT B64URL_LEN(SERIAL_OCTETS)

struct ap_document {
	int64_t number;
	struct slice network, servers, access_point, revoked;
};

struct named_key {
	struct slice id, key;
};

static bool
anchor_read(struct slice json, struct mpa_anchor *out)
{
	static const struct json_field fields[] = {
		JSON_FIELD(struct named_key, id, "id", JSON_TEXT, true),
		JSON_FIELD(struct named_key, key, "publicKey", JSON_TEXT, true),
	};
	struct named_key k;

	if (!json_pick(json, fields, 2, &k) || !mpa_id_ok(k.id) ||
	    b64url_octets(k.key.n) != SIGN_PUBLIC_SIZE || !b64url_decode(k.key, out->key.v))
		return false;
	out->id = k.id;
	return sign_public_ok(&out->key);
}

/* How many elements a list has; false: it is none. */
static bool
count(struct slice list, size_t *n)
{
	struct slice item;
	int more;

	*n = 0;
	while ((more = json_item(&list, &item)) > 0)
		(*n)++;
	return more == 0;
}

static bool
servers_read(struct ap_anchors *a, struct slice list)
{
	struct slice item;
	size_t n;

	if (!count(list, &n))
		return false;
	a->servers = calloc(n + 1, sizeof(*a->servers));
	if (a->servers == NULL)
		return false;
	while (json_item(&list, &item) > 0)
		if (!anchor_read(item, &a->servers[a->v.n_servers++]))
			return false;
	a->v.servers = a->servers;
	return true;
}

static int
compare(const void *x, const void *y)
{
	return memcmp(x, y, SERIAL_OCTETS);
}

_Static_assert(sizeof(struct mpa_serial) == SERIAL_OCTETS, "it is its octets");

static bool
revoked_read(struct ap_anchors *a, struct slice list)
{
	struct slice item, text;
	size_t n;

	if (!count(list, &n))
		return false;
	a->revoked = calloc(n + 1, sizeof(*a->revoked));
	if (a->revoked == NULL)
		return false;
	while (json_item(&list, &item) > 0) {
		if (!json_item_text(item, &text) || text.n != SERIAL_TEXT ||
		    !b64url_decode(text, (uint8_t *)&a->revoked[a->n_revoked++]))
			return false;
	}
	qsort(a->revoked, a->n_revoked, sizeof(*a->revoked), compare);
	return true;
}

static bool
is_revoked(void *arg, const struct mpa_serial *serial)
{
	const struct ap_anchors *a = arg;

	return bsearch(serial, a->revoked, a->n_revoked, sizeof(*a->revoked), compare) != NULL;
}

struct mpa_revocations
ap_revocations(struct ap_anchors *a)
{
	return (struct mpa_revocations){ is_revoked, a };
}

/* Its own warrant is of use for its own key alone, and until it is revoked. */
static bool
is_of_use(struct ap_anchors *a, const struct mpa_chain *c, const struct sign_public *own)
{
	struct mpa_serial s;

	for (size_t i = 0; i < c->n; i++) {
		s.issuer = c->link[i].delegator;
		memcpy(s.v, c->link[i].serial, MPA_SERIAL_SIZE);
		if (is_revoked(a, &s))
			return false;
	}
	return memcmp(c->last->delegate.v, own->v, SIGN_PUBLIC_SIZE) == 0;
}

static bool
own_read(struct ap_anchors *a, struct slice text, const struct sign_public *own)
{
	size_t n = b64url_octets(text.n);
	struct mpa_chain c;
	char *to;

	if (text.p == NULL)
		return true;
	to = n == 0 || n > MPA_CHAIN_MAX ? NULL : buf_reserve(&a->w5, n);
	if (to == NULL || !b64url_decode(text, (uint8_t *)to))
		return false;
	a->w5.n = n;
	if (mpa_chain_parse(buf_view(&a->w5), &c, NULL) != RC_OK)
		return false;
	if (!is_of_use(a, &c, own))
		buf_clear(&a->w5);
	return true;
}

static bool
parse(struct ap_anchors *a, const struct sign_public *own)
{
	static const struct json_field fields[] = {
		JSON_FIELD(struct ap_document, number, "number", JSON_NUMBER, true),
		JSON_FIELD(struct ap_document, network, "network", JSON_OBJECT, true),
		JSON_FIELD(struct ap_document, servers, "servers", JSON_LIST, true),
		JSON_FIELD(struct ap_document, access_point, "accessPoint", JSON_TEXT, false),
		JSON_FIELD(struct ap_document, revoked, "revoked", JSON_LIST, true),
	};
	struct ap_document d = { .number = 0 };

	if (!json_pick(buf_view(&a->text), fields, sizeof(fields) / sizeof(fields[0]), &d) ||
	    d.number < 0 || !anchor_read(d.network, &a->v.cn))
		return false;
	a->number = (uint64_t)d.number;
	return servers_read(a, d.servers) && revoked_read(a, d.revoked) &&
	       own_read(a, d.access_point, own);
}

enum rc
ap_anchors_read(struct slice json, const struct sign_public *own, struct ap_anchors **out)
{
	struct ap_anchors *a = calloc(1, sizeof(*a));
	enum rc rc;

	*out = NULL;
	if (a == NULL)
		return RC_UNAVAILABLE;
	atomic_init(&a->refs, 1);
	buf_init(&a->text, json.n);
	buf_init(&a->w5, MPA_CHAIN_MAX);
	buf_slice(&a->text, json);
	rc = a->text.failed ? RC_UNAVAILABLE : parse(a, own) ? RC_OK : RC_BAD_REQUEST;
	if (rc == RC_OK)
		*out = a;
	else
		ap_anchors_unref(a);
	return rc;
}

void
ap_anchors_unref(struct ap_anchors *a)
{
	if (a == NULL || atomic_fetch_sub(&a->refs, 1) != 1)
		return;
	buf_fini(&a->text);
	buf_fini(&a->w5);
	free(a->servers);
	free(a->revoked);
	free(a);
}

/* ---- which count ---- */

/* What was revoked in the meantime is not known for longer than a session lasts: then nobody is
 * taken any more. */
struct ap_anchors *
ap_anchors_now(struct ap *ap)
{
	struct ap_anchors *a;

	pthread_mutex_lock(&ap->lock);
	a = ap->anchors;
	if (a != NULL && clock_monotonic() - ap->anchored > ap->conf->session_time)
		a = NULL;
	if (a != NULL)
		atomic_fetch_add(&a->refs, 1);
	pthread_mutex_unlock(&ap->lock);
	return a;
}

void
ap_anchors_set(struct ap *ap, struct ap_anchors *a)
{
	struct ap_anchors *old;

	pthread_mutex_lock(&ap->lock);
	old = ap->anchors;
	ap->anchors = a;
	ap->anchored = clock_monotonic();
	ap_sessions_judge(ap, a);
	pthread_mutex_unlock(&ap->lock);
	ap_count(ap, AP_ANCHORS_N);
	LOG_INFO(ap->log, "mpa-anchors", LOG_N("number", (int64_t)a->number),
	         LOG_N("servers", (int64_t)a->v.n_servers), LOG_N("revoked", (int64_t)a->n_revoked),
	         LOG_Z("warrant", a->w5.n > 0 ? "yes" : "no"));
	ap_anchors_unref(old);
}
