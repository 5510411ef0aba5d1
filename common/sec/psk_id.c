/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sec/psk_id.h"

#include "sec/hex.h"

#include <openssl/evp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#define FIELDS_MAX 3

/* The parts of an identity behind "xx<v>", each after a full stop. */
enum field {
	FIELD_END,
	FIELD_CONNECTION,
	FIELD_INDEX,
	FIELD_NODE,
	FIELD_APP,
	FIELD_GROUP,
	FIELD_TRANSCRIPT,
	FIELDS
};

/* Those of them that are octets in hex: where they lie in struct psk_id. */
static const struct octets {
	size_t at, n;
} octets[FIELDS] = {
	[FIELD_NODE] = { offsetof(struct psk_id, node), NODE_ID_BYTES },
	[FIELD_APP] = { offsetof(struct psk_id, app), APP_HASH_BYTES },
	[FIELD_GROUP] = { offsetof(struct psk_id, gid), PSK_GROUP_BYTES },
	[FIELD_TRANSCRIPT] = { offsetof(struct psk_id, th), PSK_TRANSCRIPT_BYTES },
};

static const struct form {
	char prefix[3];
	enum field fields[FIELDS_MAX + 1];
} forms[PSK_KINDS] = {
	[PSK_MR] = { "mr", { FIELD_NODE, FIELD_INDEX } },
	[PSK_MC] = { "mc", { FIELD_CONNECTION, FIELD_INDEX } },
	[PSK_MN] = { "mn", { FIELD_CONNECTION, FIELD_INDEX } },
	[PSK_MA] = { "ma", { FIELD_CONNECTION, FIELD_APP, FIELD_INDEX } },
	[PSK_GA] = { "ga", { FIELD_GROUP, FIELD_NODE } },
	[PSK_MP] = { "mp", { FIELD_TRANSCRIPT } },
};

/* ---- reading ---- */

static bool
has_identity_characters(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '.')
			return false;
	}
	return true;
}

static bool
read_index(struct slice s, uint32_t *out)
{
	uint64_t v;

	if (!conn_id_parse_decimal(s, &v) || v > UINT32_MAX)
		return false;
	*out = (uint32_t)v;
	return true;
}

static bool
read_field(enum field field, struct slice s, struct psk_id *id)
{
	const struct octets *o = &octets[field];

	if (o->n > 0)
		return hex_decode(s, (char *)id + o->at, o->n);
	return field == FIELD_CONNECTION ? conn_id_parse_hex(s, &id->connection)
	                                 : read_index(s, &id->index);
}

static bool
read_fields(const struct form *form, struct slice rest, struct psk_id *id)
{
	struct slice part;

	for (const enum field *field = form->fields; *field != FIELD_END; field++)
		if (!slice_split(&rest, '.', &part) || !read_field(*field, part, id))
			return false;
	return rest.p == NULL;
}

static const struct form *
find_form(struct slice text)
{
	for (size_t i = 0; i < PSK_KINDS; i++)
		if (slice_starts(text, slice_make(forms[i].prefix, 2)))
			return &forms[i];
	return NULL;
}

static bool
read_identity(struct slice text, struct psk_id *id)
{
	const struct form *form;

	/* The shortest thing that has a version and a field. */
	if (text.n < sizeof("mr3.x") - 1 || text.n > PSK_ID_MAX || !has_identity_characters(text))
		return false;
	form = find_form(text);
	if (form == NULL || (text.p[2] != '2' && text.p[2] != '3') || text.p[3] != '.')
		return false;
	id->kind = (enum psk_kind)(form - forms);
	id->tls = text.p[2] == '2' ? PSK_TLS_1_2 : PSK_TLS_1_3;
	return read_fields(form, slice_from(text, 4), id);
}

bool
psk_id_parse(struct slice text, struct psk_id *out)
{
	bool ok;

	*out = (struct psk_id){ .index = 0 };
	ok = read_identity(text, out);
	if (!ok)
		*out = (struct psk_id){ .index = 0 };
	return ok;
}

/* ---- writing ---- */

/* Writes one field at out, which has room; the number of characters, 0: it is outside its range. */
static size_t
write_field(enum field field, const struct psk_id *id, char *out)
{
	const struct octets *o = &octets[field];

	if (o->n > 0) {
		hex_encode((const char *)id + o->at, o->n, out);
		return 2 * o->n;
	}
	if (field == FIELD_INDEX)
		return id->index == 0 ? 0 : (size_t)snprintf(out, 11, "%u", id->index);
	if (id->connection == 0)
		return 0;
	conn_id_hex(id->connection, out);
	return CONN_ID_HEX - 1;
}

static size_t
refuse(char out[PSK_ID_TEXT])
{
	out[0] = '\0';
	return 0;
}

/* mr3. 32 . 10 = 47, ma3. 16 . 16 . 10 = 48, ga3. 16 . 32 = 53: every identity fits. */
size_t
psk_id_format(const struct psk_id *id, char out[PSK_ID_TEXT])
{
	size_t n, wrote;

	if (id->kind >= PSK_KINDS || (id->tls != PSK_TLS_1_2 && id->tls != PSK_TLS_1_3))
		return refuse(out);
	memcpy(out, forms[id->kind].prefix, 2);
	out[2] = id->tls == PSK_TLS_1_2 ? '2' : '3';
	n = 3;
	for (const enum field *field = forms[id->kind].fields; *field != FIELD_END; field++) {
		out[n++] = '.';
		wrote = write_field(*field, id, out + n);
		if (wrote == 0)
			return refuse(out);
		n += wrote;
	}
	return n;
}

/* ---- who has none ---- */

#define DUMMY_LABEL "m2m1 dummy"

enum rc
psk_dummy(const struct key *server, struct slice identity, struct key *out)
{
	size_t label_n = sizeof(DUMMY_LABEL) - 1, n = 0;
	unsigned char *text = identity.n > SIZE_MAX - label_n ? NULL : malloc(label_n + identity.n);
	bool ok = text != NULL;

	if (ok) {
		memcpy(text, DUMMY_LABEL, label_n);
		if (identity.n > 0)
			memcpy(text + label_n, identity.p, identity.n);
		ok = EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, server->v, KEY_BYTES, text,
		               label_n + identity.n, out->v, KEY_BYTES, &n) != NULL &&
		     n == KEY_BYTES;
	}
	free(text);
	if (!ok)
		key_wipe(out);
	return ok ? RC_OK : RC_INTERNAL;
}
