/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values for every place of the type tables: either everything that may stand there or the least.
 * What they are follows from the tables alone.
 */
#ifndef UNIT_MODEL_SAMPLES_H
#define UNIT_MODEL_SAMPLES_H

#include <stdlib.h>

#include "model/res.h"

struct maker {
	struct arena *arena;
	bool full; /* everything, several times where that is allowed; else what is required */
};

static inline struct node *
sample_node(const struct maker *m, struct node *parent, const char *ns, const char *name,
            const char *text)
{
	struct node *n = node_add(m->arena, parent, slice_of(name), 0);

	if (n == NULL)
		abort();
	n->ns = slice_of(ns);
	n->text = slice_of(text);
	return n;
}

/*
 * An element of a foreign namespace with others below, in the order of CBOR: there, names that no
 * table knows have no other.
 */
static inline struct node *
sample_any(const struct maker *m, const char *name)
{
	struct node *n = sample_node(m, NULL, "urn:example:a", name, "");

	sample_node(m, n, "", "plain", "\xc3\xa9");
	sample_node(m, n, "urn:example:a", "part", "1");
	sample_node(m, n, "urn:example:b", "part", "a b");
	return n;
}

static inline void sample_shape(const struct maker *m, const struct shape *shape, struct val **list);

static inline int64_t
sample_enum(const struct maker *m, const struct enumeration *e)
{
	int64_t last = 0;

	while (e->values[last + 1] != NULL)
		last++;
	return m->full ? 0 : last;
}

static inline void
sample_value(const struct maker *m, const struct attr_info *info, unsigned turn, struct val *v)
{
	static const char *const texts[] = {
		[K_STRING] = " a\n<b> ", [K_URI] = "http://h.example/m2m/x?y=%20", [K_NMTOKEN] = "n.1",
		[K_BASE64] = "abc",      [K_HEX] = "0aFF",                         [K_TOKEN] = "a b",
		[K_TIME_OF_DAY] = "04:30:00Z", [K_MEMORY_SIZE] = "10K",            [K_ANY] = NULL,
		[K_ZONED_TIME] = "2014-03-01T12:00:00+01:00",
	};

	switch (info->kind) {
	case K_LONG:
		v->num = info->min != info->max ? info->max : 4 + turn;
		return;
	case K_BOOLEAN:
		v->num = 1;
		return;
	case K_TIME:
		v->num = INT64_C(1393664400125000) + turn;
		v->num -= v->num % 1000;
		return;
	case K_DURATION:
		v->num = 90 * CLOCK_SECOND;
		return;
	case K_ENUM:
		v->num = sample_enum(m, info->values);
		return;
	case K_STRUCT:
		sample_shape(m, info->shape, &v->first);
		return;
	case K_ANY:
		v->any = sample_any(m, turn == 0 ? "first" : "other");
		return;
	default:
		v->text = slice_of(texts[info->kind]);
	}
}

/* Mandatory in Release 2 although binding does without, for the sake of Release 1. */
static inline bool
sample_needed(const struct shape *shape, const struct elem *e)
{
	return (e->flags & E_REQUIRED) != 0 || e->attr == A_ATTRIBUTE_ACCESSOR ||
	       e->attr == A_RESOURCE_URI || (e->attr == A_REF_ID && (shape->flags & SHAPE_TEXT));
}

static inline void
sample_place(const struct maker *m, const struct elem *e, struct val **list)
{
	unsigned turns = m->full && (e->flags & E_MANY) ? 3 : 1;

	for (unsigned turn = 0; turn < turns; turn++) {
		struct val *v = val_add(m->arena, list, e->attr);

		if (v == NULL)
			abort();
		sample_value(m, attr_info(e->attr), turn, v);
	}
}

/* Elements that exclude others in the schema, although the tables take them one by one. */
static inline bool
sample_excluded(const char *owner, unsigned attr)
{
	return (attr == A_TIMEOUT_REASON && strcmp(owner, "Notify") == 0) ||
	       (attr == A_DELAY_TOLERANCE && strcmp(owner, "Subscription") == 0);
}

static inline void
sample_shape(const struct maker *m, const struct shape *shape, struct val **list)
{
	const struct elem *chosen = NULL;

	for (const struct elem *e = shape->elems; e->attr != A_END; e++)
		if (!(e->flags & E_ANY_ATTRIBUTE) && (chosen == NULL || !m->full))
			chosen = e;
	for (const struct elem *e = shape->elems; e->attr != A_END; e++) {
		bool attribute = (e->flags & E_ANY_ATTRIBUTE) != 0;
		bool put = m->full || sample_needed(shape, e);

		if ((shape->flags & SHAPE_CHOICE) && !attribute)
			put = e == chosen;
		if (put && !sample_excluded(shape->name, e->attr))
			sample_place(m, e, list);
	}
	if ((shape->flags & SHAPE_TEXT) && !val_set_text(m->arena, list, A_TEXT, SLICE_LIT("text")))
		abort();
}

enum sample_column { SAMPLE_CREATE, SAMPLE_ANSWER };

/* What a resource of type t may have in a CREATE or in an answer. */
static inline struct val *
sample_resource(const struct maker *m, const struct rtype *t, enum sample_column column)
{
	struct val *list = NULL;

	for (const struct rule *r = t->rules; r->attr != A_END; r++) {
		unsigned presence = column == SAMPLE_CREATE ? r->create : r->answer;
		struct elem e = { .attr = r->attr, .flags = r->elem };

		if ((presence == P_M || (presence == P_O && m->full)) && !sample_excluded(t->shape, r->attr))
			sample_place(m, &e, &list);
	}
	return list;
}

#endif
