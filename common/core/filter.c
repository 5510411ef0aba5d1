/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filterCriteria: from the query of a RETRIEVE or from a subscription (TS 102 921 annex C,
 * filterCriteria).
 */
#include "config.h"

#include "base/times.h"
#include "core/scl_impl.h"
#include "model/kinds.h"

#include <strings.h>

static bool
set_time(bool *has, int64_t *to, const struct val *v)
{
	*has = true;
	*to = v->num;
	return true;
}

static bool
add_text(struct arena *a, struct val **list, unsigned attr, struct slice text)
{
	struct val *v = val_add(a, list, attr);

	if (v != NULL)
		v->text = text;
	return v != NULL;
}

static bool
set_size(bool *has, int64_t *to, const struct val *v)
{
	*has = true;
	*to = v->num;
	return v->num >= 0;
}

/* Takes one criterion with its parsed value; false when the value is not usable. */
static bool
take(struct arena *a, struct filter *f, const struct val *v)
{
	switch (v->attr) {
	case A_IF_MODIFIED_SINCE:
		return set_time(&f->has_modified_since, &f->modified_since, v);
	case A_IF_UNMODIFIED_SINCE:
		return set_time(&f->has_unmodified_since, &f->unmodified_since, v);
	case A_CREATED_AFTER:
		return set_time(&f->has_created_after, &f->created_after, v);
	case A_CREATED_BEFORE:
		return set_time(&f->has_created_before, &f->created_before, v);
	case A_IF_NONE_MATCH:
		return add_text(a, &f->none_match, v->attr, v->text);
	case A_SEARCH_STRING:
		return add_text(a, &f->search_strings, v->attr, v->text);
	case A_CONTENT_TYPE:
		f->has_instance_criterion = true;
		return add_text(a, &f->content_types, v->attr, v->text);
	case A_SIZE_FROM:
		f->has_instance_criterion = true;
		return set_size(&f->has_size_from, &f->size_from, v);
	case A_SIZE_UNTIL:
		f->has_instance_criterion = true;
		return set_size(&f->has_size_until, &f->size_until, v);
	case A_MAX_SIZE:
		f->has_max_size = true;
		f->max_size = v->num;
		return v->num > 0;
	case A_META_DATA_ONLY:
		f->has_instance_criterion = true;
		f->meta_data_only = v->num != 0;
		return true;
	case A_ATTRIBUTE_ACCESSOR:
		f->accessor = v->text;
		return true;
	case A_SEARCH_PREFIX:
		f->prefix = v->text;
		return true;
	case A_IN_TYPE:
		f->in_types |= 1u << v->num;
		return true;
	case A_OUT_TYPE:
		f->out_types |= 1u << v->num;
		return true;
	default:
		return true;
	}
}

/* Release 1 names (TS 102 921 annex C, filterCriteria). */
static const struct {
	const char *name;
	unsigned attr;
} aliases[] = { { "createdSince", A_CREATED_AFTER }, { "createdUntil", A_CREATED_BEFORE } };

static unsigned
criterion_named(struct slice name, bool *many)
{
	*many = false;
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if (slice_is(name, aliases[i].name))
			return aliases[i].attr;
	for (const struct elem *e = shape_filter_criteria.elems; e->attr != A_END; e++)
		if (slice_is(name, attr_info(e->attr)->name)) {
			*many = (e->flags & E_MANY) != 0;
			return e->attr;
		}
	return A_END;
}

enum rc
filter_from_query(struct req *rq)
{
	struct slice query = rq->uri.query, name, text;
	struct val *seen = NULL;
	int more;

	while ((more = uri_next_param(rq->arena, &query, &name, &text)) > 0) {
		struct val v = { 0 };
		bool many;

		v.attr = (uint16_t)criterion_named(name, &many);
		if (v.attr == A_END)
			continue;
		if (!kind_parse(rq->arena, attr_info(v.attr), text, &v) || !take(rq->arena, &rq->filter, &v))
			return req_fail(rq, RC_BAD_REQUEST, "the query parameter %s has no usable value",
			                attr_info(v.attr)->name);
		if (!many && val_find(seen, v.attr) != NULL)
			return req_fail(rq, RC_BAD_REQUEST, "the query parameter %s stands twice",
			                attr_info(v.attr)->name);
		if (val_add(rq->arena, &seen, v.attr) == NULL)
			return RC_UNAVAILABLE;
	}
	rq->has_accessor_query = rq->filter.accessor.n > 0;
	return more == 0 ? RC_OK : req_fail(rq, RC_BAD_REQUEST, "the query is malformed");
}

bool
filter_from_vals(struct scl *scl, struct arena *a, const struct val *criteria, struct filter *f)
{
	(void)scl;
	*f = (struct filter){ 0 };
	for (; criteria != NULL; criteria = criteria->next)
		if (!take(a, f, criteria))
			return false;
	return true;
}

/* A client compares with the times that it was shown, which have milliseconds. */
static int64_t
shown_time(int64_t us)
{
	return us / 1000 * 1000;
}

bool
filter_times(const struct filter *f, int64_t created, int64_t modified)
{
	created = shown_time(created);
	modified = shown_time(modified);
	return !(f->has_created_after && created <= f->created_after) &&
	       !(f->has_created_before && created > f->created_before) &&
	       !(f->has_modified_since && modified <= f->modified_since) &&
	       !(f->has_unmodified_since && modified > f->unmodified_since);
}

bool
filter_labels(const struct filter *f, const struct val *vals)
{
	const struct val *list = val_get(vals, A_SEARCH_STRINGS);

	for (const struct val *want = f->search_strings; want != NULL; want = want->next) {
		const struct val *have = list == NULL ? NULL : list->first;

		while (have != NULL && !slice_eq(have->text, want->text))
			have = have->next;
		if (have == NULL)
			return false;
	}
	return true;
}

/* Type and subtype without parameters, in any case. */
static bool
same_media_type(struct slice a, struct slice b)
{
	slice_split(&(struct slice){ a.p, a.n }, ';', &a);
	slice_split(&(struct slice){ b.p, b.n }, ';', &b);
	while (a.n > 0 && a.p[a.n - 1] == ' ')
		a.n--;
	while (b.n > 0 && b.p[b.n - 1] == ' ')
		b.n--;
	return a.n == b.n && (a.n == 0 || strncasecmp(a.p, b.p, a.n) == 0);
}

static bool
etag_matches(struct slice etag, int64_t modified)
{
	char text[TIMES_TEXT_MAX];
	size_t n = times_format(modified, TIMES_MICRO, text);

	if (slice_starts(etag, SLICE_LIT("W/")))
		etag = slice_from(etag, 2);
	if (etag.n >= 2 && etag.p[0] == '"' && etag.p[etag.n - 1] == '"')
		etag = slice_make(etag.p + 1, etag.n - 2);
	return slice_eq(etag, slice_make(text, n));
}

bool
filter_instance(const struct filter *f, const struct res *inst)
{
	int64_t size = (int64_t)inst->inst.content.n;
	bool type_ok = f->content_types == NULL;

	if (!filter_times(f, inst->created, inst->modified) || !filter_labels(f, inst->vals))
		return false;
	if ((f->has_size_from && size < f->size_from) || (f->has_size_until && size > f->size_until))
		return false;
	for (const struct val *v = f->none_match; v != NULL; v = v->next)
		if (etag_matches(v->text, inst->modified))
			return false;
	for (const struct val *v = f->content_types; v != NULL && !type_ok; v = v->next)
		type_ok = same_media_type(v->text, inst->inst.media_type);
	return type_ok;
}

bool
filter_next_tag(struct slice *header, struct slice *tag)
{
	if (!slice_split(header, ',', tag))
		return false;
	while (tag->n > 0 && (tag->p[0] == ' ' || tag->p[0] == '\t'))
		*tag = slice_from(*tag, 1);
	while (tag->n > 0 && (tag->p[tag->n - 1] == ' ' || tag->p[tag->n - 1] == '\t'))
		tag->n--;
	return true;
}

/* One of the comma-separated entity tags of a header matches, or it is a star. */
static bool
any_etag(struct slice header, int64_t modified)
{
	struct slice tag;

	while (filter_next_tag(&header, &tag))
		if (slice_is(tag, "*") || etag_matches(tag, modified))
			return true;
	return false;
}

static bool
none_match_fails(const struct req *rq, int64_t modified)
{
	if (rq->in.if_none_match.p != NULL && any_etag(rq->in.if_none_match, modified))
		return true;
	for (const struct val *v = rq->filter.none_match; v != NULL; v = v->next)
		if (etag_matches(v->text, modified))
			return true;
	return false;
}

static int64_t
second_of(int64_t us)
{
	return us / CLOCK_SECOND;
}

enum rc
conditions_check(struct req *rq, int64_t modified, bool read)
{
	enum rc failed = read ? RC_NOT_MODIFIED : RC_PRECONDITION;
	int64_t when;

	if (rq->in.if_match.p != NULL && !any_etag(rq->in.if_match, modified))
		return req_fail(rq, RC_PRECONDITION, "the entity tag has changed");
	if (rq->in.if_unmodified_since.p != NULL &&
	    times_parse_http(rq->in.if_unmodified_since, &when) && second_of(modified) > second_of(when))
		return req_fail(rq, RC_PRECONDITION, "modified since");
	if (none_match_fails(rq, modified))
		return req_fail(rq, failed, "the entity tag has not changed");
	/* A date is looked at only without an entity tag (RFC 9110 13.2.2). */
	if (rq->in.if_none_match.p == NULL && rq->in.if_modified_since.p != NULL &&
	    times_parse_http(rq->in.if_modified_since, &when) && second_of(modified) <= second_of(when))
		return req_fail(rq, failed, "not modified since");
	return RC_OK;
}
