/* SPDX-License-Identifier: Apache-2.0 */
/* Documents of the SGA server: writing. */
#include "config.h"

#include "cap/sgs/sgs_doc.h"

#include <inttypes.h>
#include <stdio.h>

#include "codec/codec.h"
#include "sec/b64url.h"
#include "sec/hex.h"
#include "sec/secret.h"

struct out {
	struct writer w;
	enum sgs_syntax syntax;
};

static struct codec_name
plain(const char *name)
{
	return (struct codec_name){ .local = name, .ns = CODEC_NS_NONE };
}

static void
put_scalar(struct out *o, const char *name, struct slice text, enum codec_scalar kind,
           unsigned flags)
{
	o->w.ops->begin(&o->w, plain(name), CODEC_SIMPLE | flags);
	o->w.ops->text(&o->w, text, kind);
	o->w.ops->end(&o->w);
}

static void
put_number(struct out *o, const char *name, uint64_t v)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%" PRIu64, v);

	put_scalar(o, name, slice_make(text, (size_t)n), CODEC_NUMBER, 0);
}

static void
put_octets(struct out *o, const char *name, struct slice octets)
{
	struct buf text;

	if (octets.p == NULL)
		return;
	if (o->syntax == SGS_CBOR) {
		o->w.ops->begin(&o->w, plain(name), CODEC_SIMPLE);
		o->w.ops->base64(&o->w, octets);
		o->w.ops->end(&o->w);
		return;
	}
	buf_init(&text, B64URL_LEN(octets.n));
	b64url_add(&text, octets);
	o->w.out->failed = o->w.out->failed || text.failed;
	put_scalar(o, name, buf_view(&text), CODEC_TEXT, 0);
	/* It may be a token. */
	if (text.p != NULL)
		secret_wipe(text.p, text.n);
	buf_fini(&text);
}

static void
put_texts(struct out *o, const char *name, const struct sgs_texts *texts)
{
	o->w.ops->list(&o->w, plain(name));
	for (size_t i = 0; i < texts->n; i++)
		put_scalar(o, name, texts->v[i], CODEC_TEXT, CODEC_ENTRY);
	o->w.ops->list_end(&o->w);
}

static void put_field(struct out *o, const struct sgs_field *f, const void *in);

/* Simple fields only: a row has no rows. */
static void
put_rows(struct out *o, const char *name, const struct sgs_rows *rows)
{
	o->w.ops->list(&o->w, plain(name));
	for (size_t i = 0; i < rows->n; i++) {
		o->w.ops->begin(&o->w, plain(name), CODEC_ENTRY);
		for (size_t k = 0; k < rows->doc->n; k++)
			put_field(o, &rows->doc->fields[k], (const char *)rows->v + i * rows->size);
		o->w.ops->end(&o->w);
	}
	o->w.ops->list_end(&o->w);
}

static void
put_hex(struct out *o, const char *name, const void *octets)
{
	char text[2 * SGS_NUMBER_BYTES + 1];

	hex_encode(octets, SGS_NUMBER_BYTES, text);
	put_scalar(o, name, slice_make(text, 2 * SGS_NUMBER_BYTES), CODEC_TEXT, 0);
}

static void
put_counts(struct out *o, const struct sgs_counts *c)
{
	for (size_t i = 0; i < c->n; i++)
		put_number(o, c->v[i].name, c->v[i].value);
}

static void
put_field(struct out *o, const struct sgs_field *f, const void *in)
{
	const void *from = (const char *)in + f->at;
	const struct slice *text = from;
	const uint64_t *number = from;
	const bool *flag = from;

	switch (f->kind) {
	case SGS_TEXT:
		if (text->p != NULL)
			put_scalar(o, f->name, *text, CODEC_TEXT, 0);
		break;
	case SGS_TIME:
		if (*number == 0)
			break;
		/* fall through */
	case SGS_NUMBER:
		put_number(o, f->name, *number);
		break;
	case SGS_FLAG:
		put_scalar(o, f->name, *flag ? SLICE_LIT("true") : SLICE_LIT("false"),
		           CODEC_BOOLEAN, 0);
		break;
	case SGS_BYTES:
		put_octets(o, f->name, *text);
		break;
	case SGS_HEX:
		put_hex(o, f->name, from);
		break;
	case SGS_TEXTS:
		put_texts(o, f->name, from);
		break;
	case SGS_ROWS:
		put_rows(o, f->name, from);
		break;
	case SGS_COUNTS:
		put_counts(o, from);
		break;
	}
}

void
sgs_doc_write(struct buf *b, enum sgs_syntax syntax, const struct sgs_doc *doc, const void *in)
{
	static const struct codec *const codecs[] = {
		[SGS_JSON] = &codec_json, [SGS_XML] = &codec_xml, [SGS_CBOR] = &codec_cbor
	};
	struct out o = { .syntax = syntax };

	if (syntax == SGS_OCTETS || syntax == SGS_NO_SYNTAX) {
		b->failed = true;
		return;
	}
	if (syntax == SGS_XML)
		buf_puts(b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
	codecs[syntax]->writer(&o.w, b);
	/* As an entry of nothing: objects of JSON and CBOR have no name then. */
	o.w.ops->begin(&o.w, plain(doc->root), CODEC_ENTRY);
	if (syntax == SGS_XML)
		o.w.ops->attr(&o.w, plain("xmlns"), slice_of(SGS_NS), CODEC_TEXT);
	for (size_t i = 0; i < doc->n; i++)
		put_field(&o, &doc->fields[i], in);
	o.w.ops->end(&o.w);
}
