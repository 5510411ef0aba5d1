/* SPDX-License-Identifier: Apache-2.0 */
/* The type tables as JSON. Names of the tables are plain ASCII without quotes: none is escaped. */
#include "config.h"

#include "app/service.h"

#include "base/buf.h"
#include "model/kinds.h"
#include "model/rtype.h"

#define TYPES_MAX (4u << 20)

static const char *
kind_name(enum kind kind)
{
	static const char *const names[] = {
		[K_STRING] = "string",     [K_URI] = "anyURI",        [K_NMTOKEN] = "NMTOKEN",
		[K_LONG] = "long",         [K_BOOLEAN] = "boolean",   [K_TIME] = "dateTime",
		[K_DURATION] = "duration", [K_ENUM] = "enum",         [K_BASE64] = "base64",
		[K_HEX] = "hexBinary",     [K_TOKEN] = "token",       [K_TIME_OF_DAY] = "time",
		[K_MEMORY_SIZE] = "NMTOKEN", [K_ZONED_TIME] = "dateTime",
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

/* What limits a simple value. */
static void
put_facets(struct buf *b, const struct attr_info *info)
{
	if (info->min != info->max)
		buf_printf(b, ", \"min\": %lld, \"max\": %lld", (long long)info->min, (long long)info->max);
	if (info->length != 0)
		buf_printf(b, ", \"length\": %u", info->length);
	if (info->kind == K_MEMORY_SIZE)
		buf_puts(b, ", \"pattern\": \"" KIND_MEMORY_SIZE "\"");
	if (info->words)
		buf_puts(b, ", \"pattern\": \"true|false\"");
	if (info->kind == K_STRUCT)
		buf_printf(b, ", \"shape\": \"%s\"", info->shape->name);
	if (info->kind == K_ENUM)
		buf_printf(b, ", \"enum\": \"%s\"", info->values->name);
}

/* What Release 1 had otherwise. */
static void
put_release(struct buf *b, const struct attr_info *info, unsigned flags)
{
	if ((flags & E_RELEASE2) != 0 || info->since > 1)
		buf_puts(b, ", \"since\": 2");
	if ((flags & E_LOCAL_RELEASE1) != 0)
		buf_puts(b, ", \"qualified1\": false");
	if (info->seconds)
		buf_puts(b, ", \"kind1\": \"long\"");
}

/* The part of a field that attributes of types and elements of shapes have in common. */
static void
put_field(struct buf *b, unsigned attr, unsigned flags)
{
	const struct attr_info *info = attr_info(attr);
	bool wildcard = (flags & E_WILDCARD) != 0;

	buf_printf(b, "{\"name\": \"%s\", \"kind\": \"%s\", \"xmlAttribute\": %s, \"qualified\": %s, "
	           "\"many\": %s", wildcard ? "(any)" : info->name,
	           wildcard ? "wildcard" : kind_name(info->kind), truth((flags & E_ANY_ATTRIBUTE) != 0),
	           truth((flags & (E_LOCAL | E_ATTRIBUTE)) == 0), truth((flags & E_MANY) != 0));
	put_facets(b, info);
	put_release(b, info, flags);
}

static void
put_rule(struct buf *b, const struct rule *r)
{
	put_field(b, r->attr, r->elem);
	buf_printf(b, ", \"create\": \"%s\", \"update\": \"%s\", \"answer\": \"%s\"",
	           presence_name(r->create), presence_name(r->update), presence_name(r->answer));
	if ((r->elem & E_ACTION) != 0)
		buf_puts(b, ", \"action\": true");
	buf_puts(b, "}");
}

static void
put_methods(struct buf *b, unsigned methods)
{
	static const struct {
		unsigned method;
		const char *name;
	} names[] = {
		{ METHOD_POST, "POST" },
		{ METHOD_GET, "GET" },
		{ METHOD_PUT, "PUT" },
		{ METHOD_DELETE, "DELETE" },
	};
	const char *between = "";

	buf_puts(b, "\"methods\": [");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if ((methods & names[i].method) != 0) {
			buf_printf(b, "%s\"%s\"", between, names[i].name);
			between = ", ";
		}
	buf_puts(b, "]");
}

/* The names of complex types: they are unique. */
static void
put_created(struct buf *b, const uint8_t *types)
{
	buf_puts(b, "\"creates\": [");
	for (size_t i = 0; types != NULL && types[i] != T_NONE; i++)
		buf_printf(b, "%s\"%s\"", i == 0 ? "" : ", ", rtype_get(types[i])->shape);
	buf_puts(b, "]");
}

static void
put_type(struct buf *b, const struct rtype *t)
{
	buf_printf(b, "{\"name\": \"%s\", \"element\": \"%s\", \"number\": %u, \"clause\": \"%s\", "
	           "\"implemented\": true, \"typed\": %s, \"since\": %d,\n  ", t->shape, t->name, t->number,
	           t->clause, truth(t->xsi_type != NULL), (t->flags & RT_RELEASE2) != 0 ? 2 : 1);
	put_methods(b, t->methods);
	buf_puts(b, ", ");
	put_created(b, t->creates);
	buf_puts(b, ",\n  \"attributes\": [");
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
put_documents(struct buf *b)
{
	buf_puts(b, " \"documents\": [");
	for (const struct document *d = documents; d->element != NULL; d++)
		buf_printf(b, "%s{\"element\": \"%s\", \"shape\": \"%s\", \"since\": %u}",
		           d == documents ? "\n " : ",\n ", d->element, d->shape->name, d->since);
	buf_puts(b, "],\n");
}

static void
put_shape(struct buf *b, const struct shape *s)
{
	const char *release1 = s->release1 != NULL ? s->release1->name : NULL;

	if ((s->flags & SHAPE_RELEASE1_TEXT) != 0)
		release1 = "base64Binary";
	buf_printf(b, "\"%s\": {\"choice\": %s, ", s->name, truth((s->flags & SHAPE_CHOICE) != 0));
	if (release1 != NULL)
		buf_printf(b, "\"release1\": \"%s\", ", release1);
	buf_puts(b, "\"text\": ");
	if ((s->flags & SHAPE_TEXT) != 0)
		buf_printf(b, "\"%s\"", kind_name((enum kind)s->text_kind));
	else
		buf_puts(b, "null");
	buf_puts(b, ",\n  \"elements\": [");
	for (const struct elem *e = s->elems; e->attr != A_END; e++) {
		buf_puts(b, e == s->elems ? "\n   " : ",\n   ");
		put_field(b, e->attr, e->flags);
		buf_printf(b, ", \"required\": %s", truth((e->flags & E_REQUIRED) != 0));
		if (e->most != 0)
			buf_printf(b, ", \"most\": %u", e->most);
		buf_puts(b, "}");
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
put_values(struct buf *b, const char *name, const char *const *values)
{
	buf_printf(b, "\"%s\": [", name);
	for (const char *const *v = values; *v != NULL; v++)
		buf_printf(b, "%s\"%s\"", v == values ? "" : ", ", *v);
	buf_puts(b, "]");
}

static void
put_enums(struct buf *b)
{
	const char *between = "\n ";

	buf_puts(b, " \"enums\": {");
	for (size_t i = 0; enumerations[i] != NULL; i++) {
		buf_puts(b, i == 0 ? "\n " : ",\n ");
		put_values(b, enumerations[i]->name, enumerations[i]->values);
	}
	buf_puts(b, "},\n \"release1\": {");
	for (size_t i = 0; enumerations[i] != NULL; i++)
		if (enumerations[i]->release1 != NULL) {
			buf_puts(b, between);
			put_values(b, enumerations[i]->name, enumerations[i]->release1);
			between = ",\n ";
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
	put_documents(&b);
	put_shapes(&b);
	put_enums(&b);
	ok = !b.failed && fwrite(b.p, 1, b.n, out) == b.n && fflush(out) == 0;
	buf_fini(&b);
	return ok ? 0 : 1;
}
