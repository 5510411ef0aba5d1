/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rewrite RELEASE: what does the library write of what it accepts? Reads XML documents from stdin,
 * each after a line with its size in bytes. For every type (or document that is no resource) and
 * column that accepts one, writes to stdout the representation with these values, all others that
 * an answer must have added: a line "NUMBER SIZE" (of the document in the input, from 0), then that
 * many bytes. Exit 0, 2 when the input is not so.
 */
#include "config.h"

#include "codec/codec.h"
#include "model/bind.h"
#include "model/render.h"
#include "model/rtype.h"

#include <stdio.h>
#include <stdlib.h>

#define DOCUMENT_MAX (1u << 20)

static const struct codec_limits limits = { 16, 4096, 32, 65536 };

static void *
need(void *p)
{
	if (p == NULL) {
		fputs("rewrite: out of memory\n", stderr);
		exit(2);
	}
	return p;
}

/* ---- what an answer must have ---- */

/* A legal text of the kinds that are kept as text. */
static const char *
some_text(enum kind kind)
{
	switch (kind) {
	case K_TIME_OF_DAY: return "12:00:00";
	case K_ZONED_TIME: return "2014-03-01T12:00:00+01:00";
	case K_MEMORY_SIZE: return "1K";
	case K_HEX:
	case K_BASE64: return "";
	default: return "a";
	}
}

static void shape_complete(struct arena *a, const struct shape *shape, struct val **vals);

static void
some_value(struct arena *a, struct val **vals, unsigned attr)
{
	const struct attr_info *info = attr_info(attr);
	struct val *v;

	if (info->kind == K_ANY)
		return;
	v = need(val_add(a, vals, attr));
	v->num = info->min;
	v->text = slice_of(some_text(info->kind));
	if (info->kind == K_STRUCT)
		shape_complete(a, info->shape, &v->first);
}

static void
shape_complete(struct arena *a, const struct shape *shape, struct val **vals)
{
	bool choice = (shape->flags & SHAPE_CHOICE) != 0;
	struct val *v;

	for (const struct elem *e = shape->elems; e->attr != A_END; e++) {
		bool element = (e->flags & E_ANY_ATTRIBUTE) == 0;

		if ((e->flags & E_REQUIRED) || (choice && element))
			some_value(a, vals, e->attr);
		if (choice && element)
			break;
	}
	if (shape->flags & SHAPE_TEXT) {
		v = need(val_add(a, vals, A_TEXT));
		v->text = slice_of(some_text(shape->text_kind));
	}
}

static void
complete(struct arena *a, const struct rtype *t, struct val **vals)
{
	for (const struct rule *r = t->rules; r->attr != A_END; r++)
		if (r->answer == P_M && val_find(*vals, r->attr) == NULL)
			some_value(a, vals, r->attr);
}

/* ---- one document ---- */

struct output {
	long number;
	int release;
	struct buf bytes;
};

static void
put(struct output *out)
{
	struct slice s = buf_view(&out->bytes);

	if (out->bytes.failed) {
		fprintf(stderr, "rewrite: document %ld cannot be written\n", out->number);
		exit(2);
	}
	printf("%ld %zu\n", out->number, s.n);
	fwrite(s.p, 1, s.n, stdout);
}

static void
rewrite_resource(struct output *out, struct arena *a, const struct rtype *t,
                 enum bind_column column, const struct node *root)
{
	struct binder b = { .arena = a };
	struct val *vals = NULL;
	struct writer w;

	if (bind_resource(&b, t, column, root, &vals) != RC_OK)
		return;
	complete(a, t, &vals);
	buf_clear(&out->bytes);
	codec_xml.writer(&w, &out->bytes);
	render_resource(&w, t, vals, out->release);
	put(out);
}

static void
rewrite_document(struct output *out, struct arena *a, const struct document *d,
                 const struct node *root)
{
	struct binder b = { .arena = a };
	struct val *vals = NULL;
	struct writer w;

	if (!slice_is(root->name, d->element) || bind_shape(&b, d->shape, root, &vals) != RC_OK)
		return;
	buf_clear(&out->bytes);
	codec_xml.writer(&w, &out->bytes);
	render_shape(&w, d->element, d->shape, vals, out->release);
	put(out);
}

static void
rewrite(struct output *out, struct arena *a, struct slice bytes)
{
	struct node *root = NULL;
	const char *why;

	if (codec_xml.decode(a, bytes, &limits, &root, &why) != RC_OK)
		return;
	for (unsigned number = 1; number < T_MAX; number++) {
		const struct rtype *t = rtype_get(number);

		if (t == NULL || t->rules == NULL || !slice_is(root->name, t->name))
			continue;
		rewrite_resource(out, a, t, BIND_CREATE, root);
		rewrite_resource(out, a, t, BIND_UPDATE, root);
	}
	for (const struct document *d = documents; d->element != NULL; d++)
		rewrite_document(out, a, d, root);
}

static bool
rewrite_all(struct output *out, FILE *in)
{
	char *bytes = need(malloc(DOCUMENT_MAX));
	struct arena *a = need(arena_new(1u << 24));
	char line[32], *end;
	bool good = true;

	while (good && fgets(line, sizeof(line), in) != NULL) {
		unsigned long size = strtoul(line, &end, 10);

		good = *end == '\n' && size <= DOCUMENT_MAX && fread(bytes, 1, size, in) == size;
		if (good)
			rewrite(out, a, slice_make(bytes, size));
		arena_reset(a);
		out->number++;
	}
	arena_free(a);
	free(bytes);
	return good && !ferror(in);
}

int
main(int argc, char **argv)
{
	struct output out = { .release = argc == 2 ? atoi(argv[1]) : 0 };
	bool good;

	if (out.release != 1 && out.release != 2) {
		fprintf(stderr, "usage: %s 1|2 <documents\n", argv[0]);
		return 2;
	}
	buf_init(&out.bytes, DOCUMENT_MAX);
	good = rewrite_all(&out, stdin);
	buf_fini(&out.bytes);
	return good && fflush(stdout) == 0 ? 0 : 2;
}
