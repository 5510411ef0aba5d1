/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "core/links.h"

#include <stddef.h>

/* In the order in which they are written; the target is "href" to a query. */
static const struct attribute {
	const char *name;
	size_t at;
} attributes[] = {
	{ "href", offsetof(struct link, target) }, { "rt", offsetof(struct link, rt) },
	{ "ct", offsetof(struct link, ct) },       { "obs", offsetof(struct link, obs) },
	{ "title", offsetof(struct link, title) },
};

#define NATTRIBUTES (sizeof(attributes) / sizeof(attributes[0]))

static struct slice
value_of(const struct link *link, const struct attribute *a)
{
	return *(const struct slice *)(const void *)((const char *)link + a->at);
}

static void
filter_read(struct slice name, struct slice value, struct link_filter *f)
{
	*f = (struct link_filter){ .name = name, .value = value };
	if (value.n == 0 || value.p[value.n - 1] != '*')
		return;
	f->prefix = true;
	f->value.n--;
}

enum rc
link_query_read(struct req *rq, struct link_query *query)
{
	struct slice rest = rq->uri.query, name, value;
	int more;

	*query = (struct link_query){ .n = 0 };
	while ((more = uri_next_param(rq->arena, &rest, &name, &value)) > 0) {
		if (query->n == LINK_FILTERS_MAX)
			return req_fail(rq, RC_BAD_REQUEST, "more than %u parameters of the query",
			                LINK_FILTERS_MAX);
		filter_read(name, value, &query->list[query->n++]);
	}
	return more == 0 ? RC_OK : req_fail(rq, RC_BAD_REQUEST, "the query is malformed");
}

const struct link_filter *
link_query_of(const struct link_query *query, const char *name)
{
	for (unsigned i = 0; i < query->n; i++)
		if (slice_is(query->list[i].name, name))
			return &query->list[i];
	return NULL;
}

bool
link_filter_takes(const struct link_filter *f, struct slice value)
{
	return f->prefix ? slice_starts(value, f->value) : slice_eq(value, f->value);
}

/* A value that is a list holds one that does (RFC 6690 4.1, relation types; RFC 7252 7.2.1). */
static bool
filter_selects(const struct link_filter *f, struct slice values)
{
	struct slice value;

	if (values.p == NULL || f->value.p == NULL)
		return values.p != NULL;
	if (link_filter_takes(f, values))
		return true;
	while (slice_split(&values, ' ', &value))
		if (link_filter_takes(f, value))
			return true;
	return false;
}

bool
link_selected(const struct link_query *query, const struct link *link)
{
	for (unsigned i = 0; i < query->n; i++) {
		const struct link_filter *f = &query->list[i];
		size_t n = 0;

		while (n < NATTRIBUTES && !slice_is(f->name, attributes[n].name))
			n++;
		if (n == NATTRIBUTES || !filter_selects(f, value_of(link, &attributes[n])))
			return false;
	}
	return true;
}

void
link_put(struct buf *to, const struct link *link)
{
	buf_char(to, '<');
	buf_slice(to, link->target);
	buf_char(to, '>');
	for (size_t i = 1; i < NATTRIBUTES; i++) {
		struct slice value = value_of(link, &attributes[i]);

		if (value.p == NULL)
			continue;
		buf_char(to, ';');
		buf_puts(to, attributes[i].name);
		if (value.n == 0)
			continue;
		buf_puts(to, "=\"");
		buf_slice(to, value);
		buf_char(to, '"');
	}
}
