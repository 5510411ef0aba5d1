/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "core/saf_book.h"

#include "base/times.h"

/* Policy resources of one kind that are looked at below one parent, and EtsiSclMo in all. */
#define CHILDREN_MAX 256

static size_t
count(const struct val *list, unsigned attr)
{
	size_t n = 0;

	for (; list != NULL; list = list->next)
		n += list->attr == attr;
	return n;
}

static const struct val *
entries(const struct val *vals, unsigned attr)
{
	const struct val *v = val_get(vals, attr);

	return v == NULL ? NULL : v->first;
}

/* The texts of attr in list. */
static bool
texts_of(struct arena *a, const struct val *list, unsigned attr, const struct slice **out,
         size_t *n)
{
	struct slice *v = ARENA_ARRAY(a, struct slice, count(list, attr) + 1);

	*n = 0;
	*out = v;
	for (; v != NULL && list != NULL; list = list->next)
		if (list->attr == attr)
			v[(*n)++] = list->text;
	return v != NULL;
}

/* ---- SafPolicySet ---- */

bool
saf_scope_of(struct scl *scl, struct arena *a, const struct val *vals, struct saf_set *out)
{
	const struct val *list = entries(vals, A_POLICY_SCOPE);
	struct slice *v = ARENA_ARRAY(a, struct slice, count(list, A_REFERENCE) + 1);

	out->scope = v;
	out->nscope = 0;
	for (; v != NULL && list != NULL; list = list->next) {
		struct slice uri = slice_is(list->text, "default")
		                           ? list->text
		                           : comparable_uri(scl, a, list->text);

		v[out->nscope++] = uri.p != NULL ? uri : list->text;
	}
	return v != NULL;
}

/* ---- AnpPolicy ---- */

/* The zone is that of the last span: they are meant to have the same. */
static struct saf_span
span_of(const struct val *list, struct saf_item *item)
{
	struct saf_span span = { 0, 0 };

	if (times_parse(val_text(list, A_START_TIME), &span.start))
		item->zone = times_zone(val_text(list, A_START_TIME));
	(void)times_parse(val_text(list, A_END_TIME), &span.end);
	return span;
}

static bool
spans_of(struct arena *a, const struct val *list, struct saf_item *item)
{
	struct saf_span *v = ARENA_ARRAY(a, struct saf_span, count(list, A_ABS_TIME_SPAN) + 1);

	item->spans = v;
	for (; v != NULL && list != NULL; list = list->next)
		if (list->attr == A_ABS_TIME_SPAN)
			v[item->nspans++] = span_of(list->first, item);
	return v != NULL;
}

static bool
crontabs_of(struct arena *a, const struct val *list, struct saf_item *item)
{
	size_t n = 0;
	struct slice *v;

	for (const struct val *s = list; s != NULL; s = s->next)
		if (s->attr == A_SCHEDULE)
			n += count(s->first, A_SCHEDULE_STRING);
	item->crontabs = v = ARENA_ARRAY(a, struct slice, n + 1);
	for (; v != NULL && list != NULL; list = list->next)
		for (const struct val *c = list->attr == A_SCHEDULE ? list->first : NULL; c != NULL;
		     c = c->next)
			v[item->ncrontabs++] = val_text(c->first, A_TEXT);
	return v != NULL;
}

static bool
items_of(struct arena *a, const struct val *list, struct saf_schedule *s)
{
	struct saf_item *v = ARENA_ARRAY(a, struct saf_item, count(list, A_SCHED_ITEM) + 1);

	s->items = v;
	for (; v != NULL && list != NULL; list = list->next)
		if (list->attr == A_SCHED_ITEM && (!spans_of(a, list->first, &v[s->nitems]) ||
		                                   !crontabs_of(a, list->first, &v[s->nitems++])))
			return false;
	return v != NULL;
}

static bool
blocks_of(struct arena *a, const struct val *list, struct saf_anp *out)
{
	struct saf_block *v = ARENA_ARRAY(a, struct saf_block, count(list, A_BLOCK_ITEM) + 1);

	out->blocks = v;
	for (; v != NULL && list != NULL; list = list->next)
		if (list->attr == A_BLOCK_ITEM)
			v[out->nblocks++] =
				(struct saf_block){ val_num(list->first, A_FAILED_ATTEMPTS, 0),
				                    val_num(list->first, A_BLOCK_DURATION, 0) };
	return v != NULL;
}

bool
saf_anp_of(struct arena *a, const struct val *vals, struct saf_anp *out)
{
	const struct val *list = entries(vals, A_RCAT_SCHED_LIST);
	struct saf_schedule *v =
		ARENA_ARRAY(a, struct saf_schedule, count(list, A_RCAT_SCHEDULE) + 1);

	*out = (struct saf_anp){ .name = val_text(vals, A_AN_NAME), .schedules = v };
	for (; v != NULL && list != NULL; list = list->next) {
		if (list->attr != A_RCAT_SCHEDULE)
			continue;
		v[out->nschedules].rcat = (int)val_num(list->first, A_RCAT_VALUE, 0);
		if (!items_of(a, list->first, &v[out->nschedules++]))
			return false;
	}
	return v != NULL && blocks_of(a, entries(vals, A_BLOCK_PERIODS), out);
}

/* ---- RcatParamList ---- */

static struct saf_tolerance
tolerance_of(const struct val *list)
{
	const struct val *delay = val_get(list, A_TOLERABLE_DELAY);
	struct saf_tolerance t = { .kind = SAF_UNLIMITED };

	if (delay != NULL)
		return (struct saf_tolerance){ SAF_DELAY, delay->num };
	if (times_parse_daytime(val_text(list, A_TOLERABLE_TIME), &t.us))
		t.kind = SAF_DAYTIME;
	return t;
}

bool
saf_params_from(struct arena *a, const struct val *vals, struct saf_params *out)
{
	*out = (struct saf_params){ .rcat = (unsigned)val_num(vals, A_RCAT_VALUE, 0),
		                    .tolerance = tolerance_of(entries(vals, A_DEFAULT_TRPDT_VALUE)),
		                    .max_requests = val_num(vals, A_MAX_PEND_REQS, -1),
		                    .max_octets = -1 };
	if (!saf_parse_memory(val_text(vals, A_MAX_PEND_DATA), &out->max_octets))
		out->max_octets = -1;
	return texts_of(a, entries(vals, A_RANKED_AN_LIST), A_ACCESS_NETWORK, &out->ranked,
	                &out->nranked);
}

/* ---- the tree ---- */

struct ids {
	uint64_t v[CHILDREN_MAX];
	size_t n;
};

static bool
collect_child(void *arg, const struct child *c)
{
	struct ids *ids = arg;

	ids->v[ids->n++] = c->id;
	return ids->n < CHILDREN_MAX;
}

static bool
collect_id(void *arg, uint64_t id)
{
	struct ids *ids = arg;

	ids->v[ids->n++] = id;
	return ids->n < CHILDREN_MAX;
}

struct reader {
	struct scl *scl;
	struct rtx *tx;
	struct arena *a;
	struct saf_book *book;
	uint64_t except;
};

/* The children of a resource, those of it that are parameters. */
static enum rc
read_children(struct reader *r, uint64_t parent, struct res ***out, size_t *n)
{
	struct ids *ids = ARENA_NEW(r->a, struct ids);
	struct res **v;

	if (ids == NULL)
		return RC_UNAVAILABLE;
	TRY(repo_children(r->tx, parent, SLOT_SELF, 0, collect_child, ids));
	v = ARENA_ARRAY(r->a, struct res *, ids->n + 1);
	if (v == NULL)
		return RC_UNAVAILABLE;
	for (*n = 0; *n < ids->n; ++*n) {
		TRY(repo_get(r->tx, ids->v[*n], &v[*n]));
		/* lastModifiedTime grows with every change of a resource. */
		r->book->digest = r->book->digest * 31 + v[*n]->id + (uint64_t)v[*n]->modified;
	}
	*out = v;
	return RC_OK;
}

static enum rc
read_m2m_sp(struct reader *r, const struct res *sp, struct saf_set *set)
{
	struct saf_params *params;
	struct res **lists;
	size_t n;

	set->default_rcat = (int)val_num(sp->vals, A_DEFAULT_RCAT_VALUE, -1);
	TRY(read_children(r, sp->id, &lists, &n));
	params = ARENA_ARRAY(r->a, struct saf_params, n + 1);
	set->params = params;
	set->nparams = 0;
	for (size_t i = 0; params != NULL && i < n; i++)
		if (lists[i]->type->number == T_RCAT_PARAM_LIST &&
		    !saf_params_from(r->a, lists[i]->vals, &params[set->nparams++]))
			return RC_UNAVAILABLE;
	return params == NULL ? RC_UNAVAILABLE : RC_OK;
}

static enum rc
read_set(struct reader *r, const struct res *self, struct saf_set *set)
{
	struct saf_anp *anps;
	struct res **children;
	size_t n;

	*set = (struct saf_set){ .path = self->name, .default_rcat = -1 };
	TRY(read_children(r, self->id, &children, &n));
	anps = ARENA_ARRAY(r->a, struct saf_anp, n + 1);
	if (anps == NULL || !saf_scope_of(r->scl, r->a, self->vals, set))
		return RC_UNAVAILABLE;
	set->anps = anps;
	for (size_t i = 0; i < n; i++) {
		if (children[i]->type->number == T_M2M_SP_POLICY)
			TRY(read_m2m_sp(r, children[i], set));
		if (children[i]->type->number == T_ANP_POLICY &&
		    !saf_anp_of(r->a, children[i]->vals, &anps[set->nanps++]))
			return RC_UNAVAILABLE;
	}
	return RC_OK;
}

/* Management objects of an attached device are not about this SCL. */
static bool
is_own(struct reader *r, const struct res *mo)
{
	struct res *parent;

	return mo->parent == ID_SCL_BASE ||
	       (repo_get(r->tx, mo->parent, &parent) == RC_OK && parent->type->number == T_SCL);
}

static enum rc
read_scl_mo(struct reader *r, const struct res *mo, struct saf_set *sets, size_t *n)
{
	struct res **children;
	size_t nchildren;

	TRY(read_children(r, mo->id, &children, &nchildren));
	for (size_t i = 0; i < nchildren && *n < CHILDREN_MAX; i++)
		if (children[i]->type->number == T_SAF_POLICY_SET && children[i]->id != r->except)
			TRY(read_set(r, children[i], &sets[(*n)++]));
	return RC_OK;
}

static enum rc
read_sets(struct reader *r, const struct ids *ids, bool all)
{
	struct saf_set *sets;
	size_t n = 0;

	if (ids->n == 0)
		return RC_OK;
	sets = ARENA_ARRAY(r->a, struct saf_set, CHILDREN_MAX);
	if (sets == NULL)
		return RC_UNAVAILABLE;
	for (size_t i = 0; i < ids->n; i++) {
		struct res *mo;

		TRY(repo_get(r->tx, ids->v[i], &mo));
		if (mo->type->number == T_ETSI_SCL_MO && mo->expires > repo_now(r->tx) &&
		    (all || is_own(r, mo)))
			TRY(read_scl_mo(r, mo, sets, &n));
	}
	r->book->policy = (struct saf_policy){ sets, n };
	return RC_OK;
}

enum rc
saf_book_read(struct scl *scl, struct rtx *tx, struct saf_book *book)
{
	struct reader r = { scl, tx, repo_arena(tx), book, ID_NONE };
	struct ids *ids = ARENA_NEW(r.a, struct ids);

	*book = (struct saf_book){ 0 };
	if (ids == NULL)
		return RC_UNAVAILABLE;
	TRY(repo_of_type(tx, T_ETSI_SCL_MO, collect_id, ids));
	return read_sets(&r, ids, false);
}

enum rc
saf_book_read_at(struct scl *scl, struct rtx *tx, const struct res *mo, uint64_t except,
                 struct saf_book *book)
{
	struct reader r = { scl, tx, repo_arena(tx), book, except };
	struct ids *ids = ARENA_NEW(r.a, struct ids);

	*book = (struct saf_book){ 0 };
	if (ids == NULL)
		return RC_UNAVAILABLE;
	TRY(repo_children(tx, mo->parent, mo->slot, 0, collect_child, ids));
	return read_sets(&r, ids, true);
}
