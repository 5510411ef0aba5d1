/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "mas/mas_identity_doc.h"

#include "codec/json_fields.h"
#include "sec/b64url.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define TEXT_MAX B64URL_LEN(96)

static void
put_octets(struct buf *b, const char *name, const uint8_t *p, size_t n)
{
	char text[TEXT_MAX];

	b64url_encode(text, p, n);
	json_put_text(b, name, slice_make(text, B64URL_LEN(n)));
	secret_wipe(text, sizeof(text));
}

void
mas_identity_put(const struct mas_identity *i, struct buf *b)
{
	/* At once as long as it gets: no copy of a key stays behind. */
	(void)buf_reserve(b, MAS_IDENTITY_DOC_MAX);
	buf_char(b, '{');
	put_octets(b, "generator", i->q, sizeof(i->q));
	if (!i->generator) {
		json_put_text(b, "id", slice_of(i->id));
		put_octets(b, "key", i->key, sizeof(i->key));
	}
	buf_char(b, '}');
}

struct wire_identity {
	struct slice generator, id, key;
};

static bool
take_octets(struct slice text, uint8_t *to, size_t n)
{
	return b64url_octets(text.n) == n && b64url_decode(text, to);
}

bool
mas_identity_take(struct slice text, struct mas_identity *i)
{
	static const struct json_field fields[] = {
		JSON_FIELD(struct wire_identity, generator, "generator", JSON_TEXT, true),
		JSON_FIELD(struct wire_identity, id, "id", JSON_TEXT, false),
		JSON_FIELD(struct wire_identity, key, "key", JSON_TEXT, false),
	};
	struct wire_identity w = { SLICE_NONE, SLICE_NONE, SLICE_NONE };
	bool ok = json_read(text, fields, NITEMS(fields), &w) &&
	          take_octets(w.generator, i->q, sizeof(i->q)) &&
	          i->generator == (w.key.p == NULL) && i->generator == (w.id.p == NULL);

	if (ok && !i->generator) {
		ok = w.id.n == IBAS_ID_SIZE && take_octets(w.key, i->key, sizeof(i->key));
		if (ok)
			memcpy(i->id, w.id.p, IBAS_ID_SIZE);
		i->id[IBAS_ID_SIZE] = '\0';
	}
	if (!ok)
		secret_wipe(i->key, sizeof(i->key));
	return ok;
}
