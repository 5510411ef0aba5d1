/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "mas/param_set.h"

#include <stdio.h>

#include "base/times.h"
#include "sec/hex.h"

#define M2M(local) ((struct codec_name){ (local), CODEC_NS_M2M })

#define NUMBER_TEXT 24

/* A set on its way into a document. */
struct writing {
	const struct param_set *p;
	struct writer w;
};

static void
put(struct writing *s, const char *name, struct slice value, enum codec_scalar kind)
{
	s->w.ops->begin(&s->w, M2M(name), CODEC_SIMPLE);
	s->w.ops->text(&s->w, value, kind);
	s->w.ops->end(&s->w);
}

static void
put_number(struct writing *s, const char *name, uint64_t v)
{
	char text[NUMBER_TEXT];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)v);
	put(s, name, slice_of(text), CODEC_NUMBER);
}

static void
put_hex(struct writing *s, const char *name, const void *p, size_t n)
{
	char text[2 * KEYWRAP_BYTES + 1];

	hex_encode(p, n, text);
	put(s, name, slice_of(text), CODEC_TEXT);
	secret_wipe(text, sizeof(text));
}

/* ---- elements ---- */

static void
put_node(struct writing *s)
{
	put_hex(s, "securityM2MNodeId", s->p->node.v, NODE_ID_BYTES);
}

static void
put_kmr_index(struct writing *s)
{
	put_number(s, "securityKmrIndex", s->p->kmr_index);
}

static void
put_connection(struct writing *s)
{
	put_number(s, "securityConnectionId", s->p->connection_id);
}

static void
put_kmc_index(struct writing *s)
{
	put_number(s, "securityKmcIndex", s->p->kmc_index);
}

static void
put_lifetime(struct writing *s)
{
	char text[TIMES_TEXT_MAX];
	size_t n = times_format(s->p->lifetime, TIMES_SECOND, text);

	put(s, "securityLifetime", slice_make(text, n), CODEC_TEXT);
}

static void
put_mas(struct writing *s)
{
	if (s->p->mas_address != NULL)
		put(s, "securityMasFqdn", slice_of(s->p->mas_address), CODEC_TEXT);
}

static void
put_key(struct writing *s)
{
	if (s->p->wrapped != NULL)
		put_hex(s, "securityEncryptedM2MKey", s->p->wrapped, KEYWRAP_BYTES);
	else if (s->p->clear != NULL)
		put_hex(s, "securityM2MKey", s->p->clear->v, KEY_BYTES);
}

static void
put_scl_id(struct writing *s)
{
	if (s->p->scl_id != NULL && s->p->scl_id[0] != '\0')
		put(s, "sclId", slice_of(s->p->scl_id), CODEC_TEXT);
}

/* Its entries are local elements of the type: they have no namespace. */
static void
put_scl_id_list(struct writing *s)
{
	const struct codec_name entry = { "reference", CODEC_NS_NONE };

	if (s->p->nscls == NULL)
		return;
	s->w.ops->begin(&s->w, M2M("sclIdList"), 0);
	s->w.ops->list(&s->w, entry);
	for (const char *const *at = s->p->nscls; *at != NULL; at++) {
		s->w.ops->begin(&s->w, entry, CODEC_SIMPLE | CODEC_ENTRY);
		s->w.ops->text(&s->w, slice_of(*at), CODEC_TEXT);
		s->w.ops->end(&s->w);
	}
	s->w.ops->list_end(&s->w);
	s->w.ops->end(&s->w);
}

static void
put_flags(struct writing *s)
{
	const uint8_t octets[2] = { (uint8_t)(s->p->flags >> 8), (uint8_t)s->p->flags };

	put_hex(s, "securitymIdFlags", octets, sizeof(octets));
}

/* ---- documents ---- */

#define ELEMENTS_MAX 8

static const struct {
	const char *root;
	void (*put[ELEMENTS_MAX])(struct writing *s);
} documents[] = {
	[PARAM_BOOTSTRAP] = { "bootstrapParamSet",
	                      { put_node, put_kmr_index, put_lifetime, put_mas, put_key, put_scl_id,
	                        put_scl_id_list } },
	[PARAM_CONNECTION] = { "connectionParamSet",
	                       { put_connection, put_kmc_index, put_lifetime, put_key, put_scl_id,
	                         put_flags } },
};

static bool
texts_ok(const struct param_set *p)
{
	bool ok = codec_xml_text_ok(slice_of(p->scl_id)) &&
	          codec_xml_text_ok(slice_of(p->mas_address));

	for (const char *const *at = p->nscls; at != NULL && *at != NULL; at++)
		ok = ok && codec_xml_text_ok(slice_of(*at));
	return ok;
}

enum rc
param_set_write(const struct param_set *p, const struct codec *codec, struct buf *out)
{
	struct writing s = { .p = p };

	if (!texts_ok(p))
		return RC_BAD_REQUEST;
	codec->writer(&s.w, out);
	s.w.ops->begin(&s.w, M2M(documents[p->kind].root), CODEC_ROOT);
	for (unsigned i = 0; i < ELEMENTS_MAX && documents[p->kind].put[i] != NULL; i++)
		documents[p->kind].put[i](&s);
	s.w.ops->end(&s.w);
	return out->failed ? RC_NO_SPACE : RC_OK;
}
