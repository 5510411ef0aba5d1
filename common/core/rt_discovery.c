/* SPDX-License-Identifier: Apache-2.0 */
/*
 * discovery (TS 102 921 10.36). Candidates come from the narrowest index that the criteria allow:
 * search string, type, or a walk below searchPrefix; each is then held against all criteria and
 * the right to be discovered.
 */
#include "config.h"

#include "base/ident.h"
#include "core/hooks.h"

#define SCRATCH_MAX (4u << 20)
/* Octets of an answer around its references, at most. */
#define ENVELOPE 320

struct search {
	struct scl *scl;
	struct rtx *tx;
	struct arena *arena; /* of the result */
	struct arena *scratch; /* of one candidate */
	const struct filter *f;
	const struct originator *who;
	const struct discovery_sink *sink; /* NULL: the references are collected */
	struct slice prefix; /* local path, empty = everything */
	bool instances; /* single contentInstances are listed */
	struct val *first, **tail;
	int64_t matches;
	size_t listed, max;
	size_t room; /* octets that references may still take */
	/* Of the links of announcements that have matched: each is listed once. */
	uint64_t *links, links_seed;
	size_t n_links, links_size; /* a power of two */
	enum rc rc;
};

static bool
code_allowed(const struct filter *f, const struct rtype *t)
{
	/*
	 * Everything that is no collection is a resource (RS); CI, CT ... say which (TS 102 921,
	 * data types).
	 */
	unsigned bits = 1u << t->code | 1u << CODE_RS;

	if (f->in_types != 0 && (f->in_types & bits) == 0)
		return false;
	return (f->out_types & bits) == 0;
}

/* What an entry takes in XML; JSON takes less. */
static size_t
entry_size(struct slice uri)
{
	size_t n = uri.n + strlen("<reference></reference>");

	for (size_t i = 0; i < uri.n; i++)
		if (uri.p[i] == '&')
			n += strlen("&amp;") - 1;
	return n;
}

static void
add_uri(struct search *s, struct slice uri)
{
	size_t size = entry_size(uri);
	struct val *v;

	s->matches++;
	/* The first one without room is the end: what is left out is not a matter of its length. */
	if (size > s->room)
		s->max = s->listed;
	if (s->listed == s->max)
		return;
	s->room -= size;
	v = ARENA_NEW(s->arena, struct val);
	uri = arena_copy(s->arena, uri);
	if (v == NULL || uri.p == NULL) {
		s->rc = RC_UNAVAILABLE;
		return;
	}
	v->attr = A_REFERENCE;
	v->text = uri;
	*s->tail = v;
	s->tail = &v->next;
	s->listed++;
}

/* The same for another form of answer, which says what it takes. */
static void
offer(struct search *s, struct slice uri, const struct rtype *type)
{
	size_t taken = 0;

	if (s->listed == s->max)
		return;
	if (!s->sink->found(s->sink->arg, uri, type, s->room, &taken))
		s->max = s->listed;
	s->room -= taken;
	s->listed += taken > 0;
}

static void
add_result(struct search *s, struct slice path, const struct rtype *type)
{
	if (s->sink != NULL)
		offer(s, path, type);
	else
		add_uri(s, absolute_uri(s->scl, s->scratch, path));
}

static uint64_t
link_hash(struct search *s, struct slice link)
{
	char random[IDENT_LEN + 1];
	uint64_t h;

	/* Links come from other SCLs: none can be made to look like another. */
	if (s->links_seed == 0) {
		ident_random(random);
		for (size_t i = 0; i < IDENT_LEN; i++)
			s->links_seed = s->links_seed * 61 + (unsigned char)random[i];
	}
	h = s->links_seed;
	for (size_t i = 0; i < link.n; i++) {
		h = (h ^ (unsigned char)link.p[i]) * UINT64_C(0x9fb21c651e98df25);
		h ^= h >> 32;
	}
	return h == 0 ? 1 : h;
}

/* False when it was there already. */
static bool
links_put(uint64_t *links, size_t size, uint64_t h)
{
	size_t at = h & (size - 1);

	while (links[at] != 0 && links[at] != h)
		at = (at + 1) & (size - 1);
	if (links[at] == h)
		return false;
	links[at] = h;
	return true;
}

static bool
links_grow(struct search *s)
{
	size_t size = s->links_size == 0 ? 64 : s->links_size * 2;
	uint64_t *links = ARENA_ARRAY(s->arena, uint64_t, size);

	if (links == NULL)
		return false;
	for (size_t i = 0; i < s->links_size; i++)
		if (s->links[i] != 0)
			(void)links_put(links, size, s->links[i]);
	s->links = links;
	s->links_size = size;
	return true;
}

static const struct rtype *
original_of(const struct rtype *annc)
{
	for (unsigned n = 1; n < T_MAX; n++)
		if (rtype_get(n) != NULL && rtype_get(n)->annc == annc->number)
			return rtype_get(n);
	return annc;
}

/* An announcement stands for its original (TS 102 690, discovery). */
static void
add_link(struct search *s, struct slice link, const struct rtype *annc)
{
	struct slice normal = uri_normalise(s->scratch, link);

	if (s->n_links * 2 >= s->links_size && !links_grow(s)) {
		s->rc = RC_UNAVAILABLE;
		return;
	}
	if (!links_put(s->links, s->links_size, link_hash(s, normal.p != NULL ? normal : link)))
		return;
	s->n_links++;
	if (s->sink != NULL)
		offer(s, link, original_of(annc));
	else
		add_uri(s, link);
}

static bool
below_prefix(const struct search *s, struct slice path)
{
	return s->prefix.n == 0 || uri_path_below(path, s->prefix);
}

static bool
may_discover(struct search *s, const struct target *t)
{
	enum rc rc = access_check(s->scl, s->tx, s->who, t, FLAG_DISCOVER);

	if (rc != RC_OK && rc != RC_NOT_FOUND && rc != RC_DENIED)
		s->rc = rc;
	return rc == RC_OK;
}

static void
try_instance(struct search *s, const struct target *coll, struct res *inst)
{
	struct slice path = arena_printf(s->scratch, "%.*s/%.*s", (int)coll->path.n, coll->path.p,
	                                 (int)inst->name.n, inst->name.p);

	if (below_prefix(s, path) && code_allowed(s->f, inst->type) &&
	    !instance_aged(coll->node, inst, repo_now(s->tx)) && filter_instance(s->f, inst) &&
	    may_discover(s, coll))
		add_result(s, path, inst->type);
}

/* Sub-paths of an application that have search strings of their own. */
static void
try_apoc_paths(struct search *s, const struct target *t)
{
	const struct val *paths = val_get(t->node->vals, A_APOC_PATHS);

	for (const struct val *p = paths == NULL ? NULL : paths->first; p != NULL; p = p->next) {
		struct slice sub = val_text(p->first, A_PATH);
		struct target at = *t;

		if (s->f->search_strings == NULL || val_get(p->first, A_SEARCH_STRINGS) == NULL ||
		    !filter_labels(s->f, p->first))
			continue;
		while (sub.n > 0 && sub.p[0] == '/')
			sub = slice_from(sub, 1);
		at.kind = TARGET_APOC;
		at.apoc_path = p;
		at.path = arena_printf(s->scratch, "%.*s/%.*s", (int)t->path.n, t->path.p, (int)sub.n, sub.p);
		if (below_prefix(s, at.path) && may_discover(s, &at))
			add_result(s, at.path, at.type);
	}
}

/* Only what has searchStrings, or a type that was asked for, is a candidate. */
static bool
is_candidate(const struct search *s, const struct rtype *t)
{
	return (t->flags & RT_LABELS) != 0 || (s->f->in_types >> t->code & 1) != 0;
}

static void
try_target(struct search *s, const struct target *t)
{
	const struct filter *f = s->f;

	if (!is_candidate(s, t->type) || !code_allowed(f, t->type) ||
	    !filter_times(f, t->node->created, t->node->modified))
		return;
	/*
	 * Criteria of instances leave nothing else (TS 102 921 annex C, filterCriteria: all given
	 * parameters must hold).
	 */
	if (f->has_instance_criterion)
		return;
	if (below_prefix(s, t->path) && filter_labels(f, t->node->vals) && may_discover(s, t)) {
		if (rtype_is_annc(t->type))
			add_link(s, val_text(t->node->vals, A_LINK), t->type);
		else
			add_result(s, t->path, t->type);
	}
	try_apoc_paths(s, t);
}

/* Resolves a node as a request would, so that expired ancestors hide it. */
static bool
find_node(struct search *s, uint64_t id, struct target *t)
{
	struct slice path;
	enum rc rc = repo_path(s->tx, id, SLOT_SELF, &path);

	if (rc == RC_OK)
		rc = target_find(s->scl, s->tx, path, t);
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		s->rc = rc;
	return rc == RC_OK;
}

/* Without a count of what is left out, what is full is the end. */
static bool
go_on(const struct search *s)
{
	return s->rc == RC_OK && (s->sink == NULL || s->listed < s->max);
}

static bool
visit_labelled(void *arg, uint64_t id, uint64_t seq)
{
	struct search *s = arg;
	struct target t;
	struct res *inst;

	arena_reset(s->scratch);
	if (!find_node(s, id, &t))
		return go_on(s);
	if (seq == 0) {
		try_target(s, &t);
	} else if (s->instances && repo_inst_get(s->tx, id, seq, &inst) == RC_OK) {
		t.path = arena_printf(s->scratch, "%.*s/contentInstances", (int)t.path.n, t.path.p);
		try_instance(s, &t, inst);
	}
	return go_on(s);
}

struct listing {
	struct search *s;
	const struct target *coll;
};

static enum visit
visit_instance(void *arg, struct res *inst)
{
	struct listing *l = arg;

	try_instance(l->s, l->coll, inst);
	return go_on(l->s) ? VISIT_DROP : VISIT_STOP;
}

static void
try_sequence(struct search *s, struct target t)
{
	struct listing l = { s, &t };
	enum rc rc;

	if (!s->instances || !rtype_has_instances(t.type))
		return;
	t.path = arena_printf(s->scratch, "%.*s/contentInstances", (int)t.path.n, t.path.p);
	rc = repo_inst_range(s->tx, t.id, 0, UINT64_MAX, 0, visit_instance, &l);
	if (rc != RC_OK)
		s->rc = rc;
}

static bool
visit_id(void *arg, uint64_t id)
{
	struct search *s = arg;
	struct target t;

	arena_reset(s->scratch);
	if (find_node(s, id, &t))
		try_target(s, &t);
	return go_on(s);
}

static bool
visit_container(void *arg, uint64_t id)
{
	struct search *s = arg;
	struct target t;

	arena_reset(s->scratch);
	if (find_node(s, id, &t))
		try_sequence(s, t);
	return go_on(s);
}

static void
note(struct search *s, enum rc rc)
{
	if (rc != RC_OK && s->rc == RC_OK)
		s->rc = rc;
}

/* The walk: every node below the prefix, by the child index. */
static bool
visit_below(void *arg, slot_t slot, const struct child *c)
{
	struct search *s = arg;
	uint64_t id = c->id;
	struct target t;

	(void)slot;
	arena_reset(s->scratch);
	if (find_node(s, id, &t)) {
		try_target(s, &t);
		try_sequence(s, t);
	}
	note(s, repo_children_all(s->tx, id, visit_below, s));
	return go_on(s);
}

static void
walk(struct search *s)
{
	struct target t;
	enum rc rc = target_find(s->scl, s->tx, s->prefix.n > 0 ? s->prefix : s->scl->base_path, &t);

	if (rc != RC_OK) {
		note(s, rc == RC_NOT_FOUND ? RC_OK : rc);
		return;
	}
	if (t.kind == TARGET_NODE)
		try_target(s, &t);
	try_sequence(s, (struct target){ .type = t.node->type, .id = t.id, .node = t.node,
	                                 .path = s->prefix, .container = t.container, .app = t.app,
	                                 .app_path = t.app_path, .scl = t.scl, .scl_name = t.scl_name });
	note(s, repo_children_all(s->tx, t.id, visit_below, s));
}

static void
visit_containers(struct search *s)
{
	for (unsigned n = 1; n < T_MAX && go_on(s); n++)
		if (rtype_get(n) != NULL && rtype_has_instances(rtype_get(n)))
			note(s, repo_of_type(s->tx, n, visit_container, s));
}

/* inType names types: their index is narrower than the tree, unless collections are meant too. */
static bool
by_type(struct search *s)
{
	if (s->f->in_types == 0 || (s->f->in_types & (1u << CODE_RS | 1u << CODE_CS)) != 0 || s->prefix.n > 0)
		return false;
	for (unsigned n = 1; n < T_MAX && go_on(s); n++) {
		const struct rtype *t = rtype_get(n);

		if (t == NULL || (t->flags & (RT_COLLECTION | RT_VIRTUAL)) != 0 ||
		    (s->f->in_types >> t->code & 1) == 0)
			continue;
		if (n != T_CONTENT_INSTANCE)
			note(s, repo_of_type(s->tx, n, visit_id, s));
		else
			visit_containers(s);
	}
	return true;
}

/*
 * What a capability serves below sclBase is no resource with times, a type and rights: only its
 * search string finds it, alone.
 */
static void
try_capabilities(struct search *s)
{
	const struct filter *f = s->f;
	const struct val *label = f->search_strings;
	struct slice names[CAPABILITY_NAMES_MAX];
	unsigned n;

	if (label == NULL || label->next != NULL ||
	    !slice_starts(label->text, SLICE_LIT(CAPABILITY_LABEL)) || f->in_types != 0 ||
	    f->has_instance_criterion || f->has_created_after || f->has_created_before ||
	    f->has_modified_since || f->has_unmodified_since)
		return;
	n = capability_names(s->scl, SERVE_TREE, names);
	for (unsigned i = 0; i < n; i++) {
		struct slice path = ARENA_JOIN(s->arena, s->scl->base_path, SLICE_LIT("/"), names[i]);

		if (slice_eq(slice_from(label->text, strlen(CAPABILITY_LABEL)), names[i]) &&
		    below_prefix(s, path))
			add_uri(s, absolute_uri(s->scl, s->arena, path));
	}
}

static bool
prefix_in_sequence(struct slice prefix)
{
	struct slice seg;

	while (slice_split(&prefix, '/', &seg))
		if (slice_is(seg, "contentInstances"))
			return true;
	return false;
}

static void
run(struct search *s)
{
	if (s->f->search_strings != NULL)
		note(s, repo_labelled(s->tx, s->f->search_strings->text, visit_labelled, s));
	else if (!by_type(s))
		walk(s);
}

static enum rc
search(struct search *s)
{
	const struct filter *f = s->f;

	if (f->prefix.n > 0) {
		s->prefix = own_path(s->scl, s->arena, f->prefix);
		/* A foreign prefix finds nothing here. */
		if (s->prefix.n == 0)
			return RC_OK;
	}
	s->instances = f->has_instance_criterion || (f->in_types >> CODE_CI & 1) != 0 ||
	               prefix_in_sequence(s->prefix);
	s->scratch = arena_new(SCRATCH_MAX);
	if (s->scratch == NULL)
		return RC_UNAVAILABLE;
	repo_set_arena(s->tx, s->scratch);
	run(s);
	try_capabilities(s);
	repo_set_arena(s->tx, s->arena);
	arena_free(s->scratch);
	return s->rc;
}

static enum rc
discovery_answer(struct search *s, struct val **list)
{
	struct val *uris;

	TRY(search(s));
	if (!val_set_num(s->arena, list, A_MATCH_SIZE, s->matches) ||
	    !val_set_num(s->arena, list, A_TRUNCATED, (int64_t)s->listed < s->matches))
		return RC_UNAVAILABLE;
	uris = val_add(s->arena, list, A_DISCOVERY_URI);
	if (uris == NULL)
		return RC_UNAVAILABLE;
	uris->first = s->first;
	return RC_OK;
}

/* The caps of this SCL's own EtsiSclMo, 0 = none (TS 102 690 annex E). */
static enum rc
cap_answer(struct search *s)
{
	int64_t records, octets;
	struct res *mo;
	enum rc rc = mgmt_scl_mo(s->tx, &mo);

	s->room = SIZE_MAX;
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	records = val_num(mo->vals, A_MAX_NUMBER_OF_DISCOV_RECORDS, 0);
	octets = val_num(mo->vals, A_MAX_SIZE_OF_DISCOV_ANSWER, 0);
	if (records > 0 && (uint64_t)records < s->max)
		s->max = (size_t)records;
	if (octets > 0)
		s->room = octets > ENVELOPE ? (size_t)(octets - ENVELOPE) : 0;
	return RC_OK;
}

static enum rc
search_init(struct search *s, struct scl *scl, struct rtx *tx, const struct originator *who,
            const struct filter *f)
{
	*s = (struct search){ .scl = scl, .tx = tx, .arena = repo_arena(tx), .f = f, .who = who };
	s->tail = &s->first;
	s->max = scl_conf(scl)->discovery_max > 0 ? scl_conf(scl)->discovery_max : SIZE_MAX;
	if (f->has_max_size && (uint64_t)f->max_size < s->max)
		s->max = (size_t)f->max_size;
	return cap_answer(s);
}

static enum rc
discovery_answer_of(struct scl *scl, struct rtx *tx, const struct originator *who,
                    const struct filter *f, struct val **out)
{
	struct search s;

	*out = NULL;
	TRY(search_init(&s, scl, tx, who, f));
	return discovery_answer(&s, out);
}

enum rc
discovery_find(struct scl *scl, struct rtx *tx, const struct originator *who,
               const struct filter *f, const struct discovery_sink *sink)
{
	struct search s;

	TRY(search_init(&s, scl, tx, who, f));
	s.sink = sink;
	return search(&s);
}

const struct hooks hooks_discovery = { .serve = discovery_answer_of };
