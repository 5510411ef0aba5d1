/* SPDX-License-Identifier: Apache-2.0 */
/* The type tables as JSON. Names of the tables are plain ASCII without quotes: none is escaped. */
#include "config.h"

#include "app/service.h"

#include "base/buf.h"
#include "model/rtype.h"

#define TYPES_MAX (4u << 20)

static const char *
kind_name(enum kind kind)
{
	static const char *const names[] = {
		[K_STRING] = "string",     [K_URI] = "anyURI",        [K_NMTOKEN] = "NMTOKEN",
		[K_LONG] = "long",         [K_BOOLEAN] = "boolean",   [K_TIME] = "dateTime",
		[K_DURATION] = "duration", [K_ENUM] = "enum",         [K_BASE64] = "base64",
		[K_STRUCT] = "struct",     [K_ANY] = "any",
	};

	return names[kind];
}

static const char *
presence_name(uint8_t presence)
{
	static const char *const names[] = { [P_NP] = "NP", [P_O] = "O", [P_M] = "M" };

	return names[presence];
}

static const char *
truth(bool b)
{
	return b ? "true" : "false";
}

/* The part of a field that attributes of types and elements of shapes have in common. */
static void
put_field(struct buf *b, unsigned attr, unsigned flags)
{
	const struct attr_info *info = attr_info(attr);
	unsigned unqualified = E_LOCAL | E_ATTRIBUTE;

	buf_printf(b, "{\"name\": \"%s\", \"kind\": \"%s\", \"xmlAttribute\": %s, \"qualified\": %s, "
	           "\"many\": %s", info->name, kind_name(info->kind),
	           truth((flags & E_ANY_ATTRIBUTE) != 0), truth((flags & unqualified) == 0),
	           truth((flags & E_MANY) != 0));
	if (info->kind == K_STRUCT)
		buf_printf(b, ", \"shape\": \"%s\"", info->shape->name);
	if (info->kind == K_ENUM)
		buf_printf(b, ", \"enum\": \"%s\"", info->values->name);
}

static void
put_rule(struct buf *b, const struct rule *r)
{
	put_field(b, r->attr, r->elem);
	buf_printf(b, ", \"create\": \"%s\", \"update\": \"%s\", \"answer\": \"%s\"}",
	           presence_name(r->create), presence_name(r->update), presence_name(r->answer));
}

static void
put_type(struct buf *b, const struct rtype *t)
{
	buf_printf(b, "{\"name\": \"%s\", \"element\": \"%s\", \"number\": %u, \"clause\": \"%s\", "
	           "\"implemented\": true,\n  \"attributes\": [", t->shape, t->name, t->number,
	           t->clause);
	for (const struct rule *r = t->rules; r->attr != A_END; r++) {
		buf_puts(b, r == t->rules ? "\n   " : ",\n   ");
		put_rule(b, r);
	}
	buf_puts(b, "]}");
}

static void
put_types(struct buf *b)
{
	const char *between = "\n ";

	buf_puts(b, "{\"types\": [");
	for (unsigned number = 0; number < T_MAX; number++) {
		const struct rtype *t = rtype_get(number);

		if (t == NULL)
			continue;
		buf_puts(b, between);
		put_type(b, t);
		between = ",\n ";
	}
	buf_puts(b, "],\n");
}

static void
put_shape(struct buf *b, const struct shape *s)
{
	buf_printf(b, "\"%s\": {\"choice\": %s, \"text\": ", s->name,
	           truth((s->flags & SHAPE_CHOICE) != 0));
	if ((s->flags & SHAPE_TEXT) != 0)
		buf_printf(b, "\"%s\"", kind_name((enum kind)s->text_kind));
	else
		buf_puts(b, "null");
	buf_puts(b, ",\n  \"elements\": [");
	for (const struct elem *e = s->elems; e->attr != A_END; e++) {
		buf_puts(b, e == s->elems ? "\n   " : ",\n   ");
		put_field(b, e->attr, e->flags);
		buf_printf(b, ", \"required\": %s}", truth((e->flags & E_REQUIRED) != 0));
	}
	buf_puts(b, "]}");
}

static void
put_shapes(struct buf *b)
{
	buf_puts(b, " \"shapes\": {");
	for (size_t i = 0; shapes[i] != NULL; i++) {
		buf_puts(b, i == 0 ? "\n " : ",\n ");
		put_shape(b, shapes[i]);
	}
	buf_puts(b, "},\n");
}

static void
put_enums(struct buf *b)
{
	buf_puts(b, " \"enums\": {");
	for (size_t i = 0; enumerations[i] != NULL; i++) {
		buf_printf(b, "%s\"%s\": [", i == 0 ? "\n " : ",\n ", enumerations[i]->name);
		for (const char *const *v = enumerations[i]->values; *v != NULL; v++)
			buf_printf(b, "%s\"%s\"", v == enumerations[i]->values ? "" : ", ", *v);
		buf_puts(b, "]");
	}
	buf_puts(b, "}}\n");
}

int
service_print_types(FILE *out)
{
	struct buf b;
	bool ok;

	buf_init(&b, TYPES_MAX);
	put_types(&b);
	put_shapes(&b);
	put_enums(&b);
	ok = !b.failed && fwrite(b.p, 1, b.n, out) == b.n && fflush(out) == 0;
	buf_fini(&b);
	return ok ? 0 : 1;
}
