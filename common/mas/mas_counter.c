/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "mas/mas_counter.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "store/pack.h"

struct counter {
	atomic_uint_fast64_t value;
	uint64_t written; /* the worker's */
};

struct mas_counters {
	const char *const *names;
	unsigned n;
	struct counter all[];
};

struct mas_counters *
mas_counters_new(const char *const *names, unsigned n)
{
	struct mas_counters *c = calloc(1, sizeof(*c) + n * sizeof(c->all[0]));

	if (c == NULL)
		return NULL;
	c->names = names;
	c->n = n;
	for (unsigned i = 0; i < n; i++)
		atomic_init(&c->all[i].value, 0);
	return c;
}

void
mas_counters_free(struct mas_counters *c)
{
	free(c);
}

void
mas_count(struct mas_counters *c, unsigned which, uint64_t by)
{
	atomic_fetch_add_explicit(&c->all[which].value, by, memory_order_relaxed);
}

uint64_t
mas_counted(const struct mas_counters *c, unsigned which)
{
	return atomic_load_explicit(&c->all[which].value, memory_order_relaxed);
}

void
mas_counters_visit(const struct mas_counters *c,
                   void (*visit)(void *arg, const char *name, uint64_t value), void *arg)
{
	for (unsigned i = 0; i < c->n; i++)
		visit(arg, c->names[i], mas_counted(c, i));
}

static struct table_key
key_of(const struct mas_counters *c, unsigned i)
{
	struct table_key k = table_key('Q');

	table_key_add(&k, c->names[i], strlen(c->names[i]));
	return k;
}

enum rc
mas_counters_load(struct mas_counters *c, struct tables_tx *tx)
{
	for (unsigned i = 0; i < c->n; i++) {
		struct table_key k = key_of(c, i);
		struct unpack u;
		struct slice val;
		enum rc rc = tables_get(tx, table_key_view(&k), &val);

		if (rc == RC_NOT_FOUND)
			continue;
		if (rc != RC_OK)
			return rc;
		u = unpack_of(val);
		c->all[i].written = unpack_number(&u, 8, UINT64_MAX);
		if (!unpack_done(&u))
			return RC_INTERNAL;
		atomic_store(&c->all[i].value, c->all[i].written);
	}
	return RC_OK;
}

enum rc
mas_counters_write(struct mas_counters *c, struct tables_tx *tx)
{
	enum rc rc = RC_OK;

	for (unsigned i = 0; i < c->n && rc == RC_OK; i++) {
		struct table_key k, v = { .n = 0 };
		uint64_t value = mas_counted(c, i);

		if (value == c->all[i].written)
			continue;
		k = key_of(c, i);
		table_key_number(&v, value, 8);
		rc = tables_put(tx, table_key_view(&k), table_key_view(&v));
		if (rc == RC_OK)
			c->all[i].written = value;
	}
	return rc;
}
