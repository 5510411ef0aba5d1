/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The check of a whole store: every record alone, and every reference between two records from
 * both of its ends. Keys are taken in portions, so that what a record asks for may be looked up
 * between them; nothing is remembered but the sequence that is being counted.
 */
#include "config.h"

#include "store/repo_impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define FINDINGS_MAX 100u
#define FINDING_TEXT 256
#define PORTION 64
#define RECORD_ARENA (256u << 20)
#define AUTHORITY_TAIL 9u /* of a key, behind the authority: a zero and the id */

/* The sequence whose instances pass by. */
struct count {
	uint64_t container; /* ID_NONE = none */
	bool removed; /* its container is; the sweep may have begun */
	bool damaged; /* an instance was not readable: nothing can be counted */
	uint64_t first, last;
	int64_t nr, bytes;
	struct inst_head head; /* of the last */
};

struct check {
	struct rtx *tx;
	store_finding *found;
	void *arg;
	unsigned findings;
	uint64_t format, next_id;
	bool rooted; /* the sclBase was seen */
	bool populated; /* a node was seen */
	struct count count;
	size_t nkeys;
	struct repo_key keys[PORTION];
};

static void __attribute__((format(printf, 2, 3)))
say(struct check *c, const char *fmt, ...)
{
	char text[FINDING_TEXT];
	va_list ap;

	if (c->findings++ >= FINDINGS_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	c->found(c->arg, text);
}

static void
engine_finding(void *arg, const char *text)
{
	say(arg, "%s", text);
}

static unsigned long long
ull(uint64_t v)
{
	return (unsigned long long)v;
}

static bool
exists(struct check *c, const struct repo_key *k)
{
	struct slice val;

	return rec_get(c->tx, k, &val) == RC_OK;
}

static bool
exists_id(struct check *c, enum space space, uint64_t id)
{
	struct repo_key k;

	key_id(&k, space, id);
	return exists(c, &k);
}

static bool
has_child_type(const struct rtype *t, unsigned number)
{
	for (const struct rule *r = t->rules; r->attr != A_END; r++)
		if (r->source == S_CHILD && r->arg == number)
			return true;
	return false;
}

/* True when a resource of type t has the fixed child that the slot names. */
static bool
slot_known(const struct rtype *t, slot_t slot)
{
	for (int i = SLOT_DEPTH - 1; i >= 0; i--) {
		unsigned number = slot >> (8 * (unsigned)i) & 0xff;

		if (number == T_NONE && slot >> (8 * (unsigned)i) == 0)
			continue;
		if (!has_child_type(t, number))
			return false;
		t = rtype_get(number);
		if (t == NULL)
			return false;
	}
	return true;
}

/* The node that a record refers to; NULL when there is none that can be read. */
static struct res *
node_of(struct check *c, uint64_t id)
{
	struct res *r;

	return repo_get(c->tx, id, &r) == RC_OK ? r : NULL;
}

/* True when id is a container, or one that was removed and waits for the sweep. */
static bool
is_sequence(struct check *c, uint64_t id)
{
	struct res *r = node_of(c, id);

	if (r != NULL)
		return has_child_type(r->type, T_CONTENT_INSTANCES);
	return exists_id(c, SPACE_REMOVED, id);
}

/* RC_CONFLICT when the label has that hash. */
static enum rc
compare_hash(struct rtx *tx, struct slice label, uint64_t hash, uint64_t seq)
{
	struct repo_key k;
	struct reader r;

	(void)tx;
	(void)seq;
	label_key(&k, label, 0, 0);
	r = (struct reader){ slice_from(key_view(&k), 1), true };
	return read_be(&r, 8) == hash ? RC_CONFLICT : RC_OK;
}

struct node_at {
	struct check *c;
	uint64_t id;
};

static enum rc
look_up_label(struct rtx *tx, struct slice label, uint64_t id, uint64_t seq)
{
	struct slice val;
	struct repo_key k;

	label_key(&k, label, id, seq);
	return rec_get(tx, &k, &val);
}

static bool
labels_indexed(struct check *c, const struct val *vals, uint64_t id, uint64_t seq)
{
	return labels_each(c->tx, vals, id, seq, look_up_label) == RC_OK;
}

static enum rc
look_up_authority(void *arg, struct slice authority)
{
	const struct node_at *n = arg;
	struct slice val;
	struct repo_key k;

	authority_key(&k, authority, n->id);
	return rec_get(n->c->tx, &k, &val);
}

/* RC_CONFLICT when it is the one that is looked for. */
static enum rc
compare_authority(void *arg, struct slice authority)
{
	return slice_eq(authority, *(const struct slice *)arg) ? RC_CONFLICT : RC_OK;
}

static bool
authorities_indexed(struct check *c, const struct res *r)
{
	struct node_at n = { c, r->id };

	return c->format == REPO_FORMAT_OLDEST ||
	       authorities_each(c->tx->arena, r, look_up_authority, &n) == RC_OK;
}

/* ---- one record of each space ---- */

static void
check_meta(struct check *c, struct reader key, struct slice val)
{
	if (!slice_is(key.rest, "format") && !slice_is(key.rest, "next_id"))
		say(c, "a number of the store has an unknown name");
	else if (val.n != 8)
		say(c, "a number of the store is malformed");
}

/* Some resources have children of their own, in no collection (TS 102 921 10.30: parameters). */
static bool
creates(const struct rtype *t, unsigned number)
{
	for (const uint8_t *n = t->flags & RT_COLLECTION ? NULL : t->creates; n != NULL && *n != 0; n++)
		if (*n == number)
			return true;
	return false;
}

static void
check_place(struct check *c, const struct res *r)
{
	struct res *parent = node_of(c, r->parent);
	struct child entry;
	enum rc rc;

	/* A parent is older than its children, so there are no circles. */
	if (parent == NULL || r->parent >= r->id)
		say(c, "node %llu: there is no parent %llu", ull(r->id), ull(r->parent));
	else if (r->slot == SLOT_SELF ? !creates(parent->type, r->type->number)
	                              : !slot_known(parent->type, r->slot))
		say(c, "node %llu: its parent has no collection %08x", ull(r->id), r->slot);
	rc = child_get(c->tx, r->parent, r->slot, r->name, &entry);
	if (rc != RC_OK)
		say(c, "node %llu: it is not listed as a child of %llu", ull(r->id), ull(r->parent));
	else if (entry.id != r->id || entry.type != r->type->number || entry.expires != r->expires)
		say(c, "node %llu: it differs from its entry as a child of %llu", ull(r->id),
		    ull(r->parent));
}

static void
check_node(struct check *c, struct reader key, struct slice val)
{
	uint64_t id = read_be(&key, 8);
	struct res *r = node_of(c, id);
	struct repo_key k;

	(void)val;
	c->populated = true;
	c->rooted = c->rooted || id == ID_SCL_BASE;
	if (r == NULL) {
		say(c, "node %llu: it cannot be read", ull(id));
		return;
	}
	if (id >= c->next_id)
		say(c, "node %llu: the next id to give is %llu", ull(id), ull(c->next_id));
	if (id != ID_SCL_BASE)
		check_place(c, r);
	else if (r->parent != ID_NONE || r->slot != SLOT_SELF)
		say(c, "node %llu: the root has a parent", ull(id));
	type_key(&k, r->type->number, id);
	if (!exists(c, &k))
		say(c, "node %llu: it is not listed by its type", ull(id));
	due_key(&k, r->expires, DUE_NODE, id);
	if (r->expires != CLOCK_NEVER && !exists(c, &k))
		say(c, "node %llu: its expiration is not listed", ull(id));
	if (!labels_indexed(c, r->vals, id, 0))
		say(c, "node %llu: a search string is not listed", ull(id));
	if (!authorities_indexed(c, r))
		say(c, "node %llu: an authority it is reached at is not listed", ull(id));
}

static void
check_child(struct check *c, struct reader key, struct slice val)
{
	struct reader v = { val, true };
	uint64_t parent = read_be(&key, 8), slot = read_be(&key, 4), id = read_be(&v, 8);
	struct res *r = node_of(c, id);

	if (val.n != 18)
		say(c, "a child entry of %llu is malformed", ull(parent));
	else if (r == NULL || r->parent != parent || r->slot != slot || !slice_eq(r->name, key.rest))
		say(c, "a child entry of %llu names node %llu, which is not that child", ull(parent),
		    ull(id));
}

static void
check_coll(struct check *c, struct reader key, struct slice val)
{
	uint64_t id = read_be(&key, 8);
	slot_t slot = (slot_t)read_be(&key, 4);
	struct res *r = node_of(c, id);
	struct coll coll;

	(void)val;
	if (r == NULL || slot == SLOT_SELF || !slot_known(r->type, slot))
		say(c, "collection %08x of node %llu: there is no such collection", slot, ull(id));
	if (repo_coll_get(c->tx, id, slot, &coll) != RC_OK)
		say(c, "collection %08x of node %llu: it cannot be read", slot, ull(id));
}

static void
check_type(struct check *c, struct reader key, struct slice val)
{
	uint64_t type = read_be(&key, 2), id = read_be(&key, 8);
	struct res *r = node_of(c, id);

	(void)val;
	if (r == NULL || r->type->number != type)
		say(c, "the list of type %llu has node %llu, which is none", ull(type), ull(id));
}

/* When it ends is in the record, which is its owner's. */
static void
check_parked(struct check *c, uint64_t key)
{
	struct repo_key k;

	key_init(&k, SPACE_WORK);
	key_be(&k, WORK_PARKED, 1);
	key_be(&k, key, 8);
	if (!exists(c, &k))
		say(c, "the end of parked work %llu is listed, which is not there", ull(key));
}

static void
check_due(struct check *c, struct reader key, struct slice val)
{
	int64_t due = (int64_t)read_be(&key, 8);
	uint64_t kind = read_be(&key, 1), id = read_be(&key, 8);
	struct res *r = node_of(c, id);

	(void)val;
	if (kind == DUE_PARKED)
		check_parked(c, id);
	else if (kind != DUE_NODE && kind != DUE_AGE)
		say(c, "an expiry entry of node %llu is of an unknown kind", ull(id));
	else if (kind == DUE_NODE && (r == NULL || r->expires != due))
		say(c, "an expiry entry of node %llu is not its expiration", ull(id));
	else if (kind == DUE_AGE && r != NULL && !has_child_type(r->type, T_CONTENT_INSTANCES))
		say(c, "an age entry of node %llu, which holds no instances", ull(id));
}

static void
check_label(struct check *c, struct reader key, struct slice val)
{
	uint64_t hash = read_be(&key, 8), id = read_be(&key, 8);
	uint64_t seq = key.rest.n > 0 ? read_be(&key, 8) : 0;
	struct res *r;

	(void)val;
	if (seq == 0)
		r = node_of(c, id);
	else if (repo_inst_get(c->tx, id, seq, &r) != RC_OK)
		r = NULL;
	if (r == NULL || labels_each(c->tx, r->vals, hash, 0, compare_hash) == RC_OK)
		say(c, "a search string is listed for %llu/%llu, which has none like it", ull(id),
		    ull(seq));
}

static void
check_authority(struct check *c, struct reader key, struct slice val)
{
	struct slice authority = read_bytes(&key, key.rest.n - AUTHORITY_TAIL);
	uint64_t zero = read_be(&key, 1), id = read_be(&key, 8);
	struct res *r = node_of(c, id);

	(void)val;
	if (zero != 0 || r == NULL ||
	    authorities_each(c->tx->arena, r, compare_authority, &authority) != RC_CONFLICT)
		say(c, "an authority is listed for node %llu, which is not reached there", ull(id));
}

static void
check_removed(struct check *c, struct reader key, struct slice val)
{
	uint64_t id = read_be(&key, 8);

	(void)val;
	if (exists_id(c, SPACE_NODE, id))
		say(c, "node %llu is listed as removed", ull(id));
	if (exists_id(c, SPACE_TAIL, id))
		say(c, "container %llu is removed and still has a state", ull(id));
	if (id >= c->next_id)
		say(c, "removed node %llu: the next id to give is %llu", ull(id), ull(c->next_id));
}

static void
check_lane(struct check *c, struct reader key, struct slice val)
{
	uint64_t id = read_be(&key, 8);
	struct lane lane;

	(void)val;
	if (repo_lane_get(c->tx, id, &lane) != RC_OK) {
		say(c, "delivery state %llu: it cannot be read", ull(id));
		return;
	}
	/* An ended subscription and what it watched may be gone; its last notification is owed. */
	if (lane.final != RC_OK)
		return;
	if (node_of(c, id) == NULL)
		say(c, "delivery state %llu: there is no such subscription", ull(id));
	if (lane.container != ID_NONE && !is_sequence(c, lane.container))
		say(c, "delivery state %llu: there is no container %llu", ull(id), ull(lane.container));
}

static void
check_pending(struct check *c, struct reader key, struct slice val)
{
	uint64_t id = read_be(&key, 8);

	(void)val;
	if (!exists_id(c, SPACE_LANE, id))
		say(c, "subscription %llu is pending without a delivery state", ull(id));
}

static void
check_work(struct check *c, struct reader key, struct slice val)
{
	unsigned kind = (unsigned)read_be(&key, 1);

	if (kind == 0 || kind >= WORK_KINDS || val.n == 0)
		say(c, "a work of kind %u belongs to nobody", kind);
}

/* ---- sequences ---- */

/* What is stored must say what was counted. */
static void
count_compare(struct check *c, const struct cached_seq *tail)
{
	const struct count *n = &c->count;
	bool ahead = tail->next > n->last;
	struct seq seq;

	if (ahead && (tail->total_nr < n->head.total_nr || tail->total_bytes < n->head.total_bytes))
		say(c, "container %llu: its state is behind its instances", ull(n->container));
	if (repo_seq(c->tx, n->container, &seq) != RC_OK)
		say(c, "container %llu: its state cannot be read", ull(n->container));
	else if (seq.first != n->first || seq.last != n->last)
		say(c, "container %llu: its ends are %llu..%llu, found %llu..%llu", ull(n->container),
		    ull(seq.first), ull(seq.last), ull(n->first), ull(n->last));
	else if (seq.count != n->nr || seq.bytes != n->bytes)
		say(c, "container %llu: it has %lld instances of %lld bytes, found %lld of %lld",
		    ull(n->container), (long long)seq.count, (long long)seq.bytes, (long long)n->nr,
		    (long long)n->bytes);
}

static void
count_end(struct check *c)
{
	struct cached_seq tail = { 0 };

	if (c->count.container == ID_NONE)
		return;
	if (!c->count.removed && !c->count.damaged &&
	    seq_tail_get(c->tx, c->count.container, &tail) == RC_OK)
		count_compare(c, &tail);
	c->count.container = ID_NONE;
}

static void
count_begin(struct check *c, uint64_t container, uint64_t seq)
{
	c->count = (struct count){ .container = container, .first = seq };
	if (!is_sequence(c, container))
		say(c, "container %llu: there are instances without it", ull(container));
	else
		c->count.removed = !exists_id(c, SPACE_NODE, container);
}

static void
count_add(struct check *c, uint64_t seq, const struct inst_head *h)
{
	struct count *n = &c->count;
	const struct inst_head *last = &n->head;

	if (n->nr > 0 && (h->total_nr <= last->total_nr || h->created < last->created ||
	                  h->total_bytes < last->total_bytes + (int64_t)h->size))
		say(c, "instance %llu/%llu: its totals or its time go back", ull(n->container), ull(seq));
	n->nr++;
	n->bytes += (int64_t)h->size;
	n->last = seq;
	n->head = *h;
}

static void
check_instance(struct check *c, struct reader key, struct slice val)
{
	uint64_t container = read_be(&key, 8), seq = read_be(&key, 8), named;
	struct inst_head h;
	struct res *r;

	(void)val;
	if (container != c->count.container)
		count_begin(c, container, seq);
	if (seq == 0 || inst_head_get(c->tx, container, seq, &h) != RC_OK ||
	    repo_inst_get(c->tx, container, seq, &r) != RC_OK) {
		say(c, "instance %llu/%llu: it cannot be read", ull(container), ull(seq));
		c->count.damaged = true;
		return;
	}
	count_add(c, seq, &h);
	if (h.name != 0 &&
	    (inst_named(c->tx, container, r->name, &named) != RC_OK || named != seq))
		say(c, "instance %llu/%llu: its name is not listed", ull(container), ull(seq));
	if (((h.flags & INST_LABELS) != 0) != (val_get(r->vals, A_SEARCH_STRINGS) != NULL))
		say(c, "instance %llu/%llu: its head is wrong about search strings", ull(container),
		    ull(seq));
	if (!labels_indexed(c, r->vals, container, seq))
		say(c, "instance %llu/%llu: a search string is not listed", ull(container), ull(seq));
}

static void
check_instance_name(struct check *c, struct reader key, struct slice val)
{
	struct reader v = { val, true };
	uint64_t container = read_be(&key, 8), seq = read_be(&v, 8);
	struct inst_head h;
	struct res *r;

	if (val.n != 8 || inst_head_get(c->tx, container, seq, &h) != RC_OK || h.name == 0 ||
	    repo_inst_get(c->tx, container, seq, &r) != RC_OK || !slice_eq(r->name, key.rest))
		say(c, "container %llu: a name is listed for instance %llu, which has another",
		    ull(container), ull(seq));
}

static void
check_tail(struct check *c, struct reader key, struct slice val)
{
	uint64_t container = read_be(&key, 8);
	struct cached_seq tail = { 0 };
	struct seq seq;

	(void)val;
	if (!exists_id(c, SPACE_NODE, container) || !is_sequence(c, container))
		say(c, "container %llu: there is a state without it", ull(container));
	else if (seq_tail_get(c->tx, container, &tail) != RC_OK ||
	         repo_seq(c->tx, container, &seq) != RC_OK)
		say(c, "container %llu: its state cannot be read", ull(container));
	else if (seq.first == 0 && (tail.hole_nr != 0 || tail.hole_bytes != 0))
		say(c, "container %llu: it is empty and has holes", ull(container));
}

static void
check_retained(struct check *c, struct reader key, struct slice val)
{
	uint64_t container = read_be(&key, 8), seq = read_be(&key, 8);
	struct res *r;
	struct repo_key k;

	(void)val;
	if (!is_sequence(c, container))
		say(c, "container %llu: there are retained instances without it", ull(container));
	if (inst_load(c->tx, SPACE_RETAINED, container, seq, &r) != RC_OK)
		say(c, "retained instance %llu/%llu: it cannot be read", ull(container), ull(seq));
	key_id_seq(&k, SPACE_INSTANCE, container, seq);
	if (exists(c, &k))
		say(c, "instance %llu/%llu: it is retained and not removed", ull(container), ull(seq));
}

/* ---- all records ---- */

struct space_row {
	enum space space;
	uint16_t min, max; /* length of a key */
	bool empty; /* the value says nothing */
	void (*check)(struct check *c, struct reader key, struct slice val);
};

static const struct space_row spaces[] = {
	{ SPACE_META, 2, 32, false, check_meta },
	{ SPACE_NODE, 9, 9, false, check_node },
	{ SPACE_CHILD, 14, 13 + REPO_NAME_MAX, false, check_child },
	{ SPACE_COLL, 13, 13, false, check_coll },
	{ SPACE_INSTANCE, 17, 17, false, check_instance },
	{ SPACE_INSTANCE_NAME, 10, 9 + REPO_NAME_MAX, false, check_instance_name },
	{ SPACE_TAIL, 9, 9, false, check_tail },
	{ SPACE_RETAINED, 17, 17, false, check_retained },
	{ SPACE_AUTHORITY, 2 + AUTHORITY_TAIL, 1 + REPO_AUTHORITY_MAX + AUTHORITY_TAIL, true,
	  check_authority },
	{ SPACE_DUE, 18, 18, true, check_due },
	{ SPACE_LABEL, 17, 25, true, check_label },
	{ SPACE_TYPE, 11, 11, true, check_type },
	{ SPACE_REMOVED, 9, 9, true, check_removed },
	{ SPACE_LANE, 9, 9, false, check_lane },
	{ SPACE_PENDING, 9, 9, true, check_pending },
	{ SPACE_WORK, 10, 10, false, check_work },
};

static const struct space_row *
row_of(char space)
{
	for (size_t i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++)
		if ((char)spaces[i].space == space)
			return &spaces[i];
	return NULL;
}

static void
check_record(struct check *c, const struct repo_key *k)
{
	const struct space_row *row = row_of(k->b[0]);
	struct reader key = { slice_from(key_view(k), 1), true };
	struct slice val;
	uint64_t id = read_be(&(struct reader){ key.rest, true }, 8);
	enum rc rc;

	if (row == NULL || row->space != SPACE_INSTANCE || id != c->count.container)
		count_end(c);
	if (row == NULL || k->n < row->min || k->n > row->max ||
	    (row->space == SPACE_LABEL && k->n != row->min && k->n != row->max)) {
		say(c, "a key of %zu bytes in space %02x belongs to nothing", k->n,
		    (unsigned)(unsigned char)k->b[0]);
		return;
	}
	rc = rec_get(c->tx, k, &val);
	if (rc != RC_OK)
		say(c, "a record of space %c is damaged (%llu)", k->b[0], ull(id));
	else if (row->empty && val.n != 0)
		say(c, "a record of space %c has an unknown value", k->b[0]);
	if (rc == RC_OK || row->space == SPACE_INSTANCE)
		row->check(c, key, val);
}

static bool
take_key(void *arg, struct slice key, struct slice val)
{
	struct check *c = arg;

	(void)val;
	c->keys[c->nkeys].n = 0;
	key_text(&c->keys[c->nkeys++], key);
	return c->nkeys < PORTION;
}

static enum rc
check_records(struct check *c)
{
	struct repo_key from = { .n = 1, .b = { 0 } }, end = { .n = STORE_KEY_MAX };
	enum rc rc;

	memset(end.b, 0xff, sizeof(end.b));
	do {
		c->nkeys = 0;
		rc = rec_scan_from(c->tx, &from, &end, PORTION, take_key, c);
		for (size_t i = 0; i < c->nkeys && rc == RC_OK; i++) {
			check_record(c, &c->keys[i]);
			arena_reset(c->tx->arena);
		}
		if (c->nkeys > 0) {
			/* The least key above the last one. */
			from = c->keys[c->nkeys - 1];
			if (from.n < STORE_KEY_MAX)
				from.b[from.n++] = '\0';
			else
				key_range_end(&c->keys[c->nkeys - 1], &from);
		}
	} while (rc == RC_OK && c->nkeys == PORTION);
	count_end(c);
	return rc;
}

static enum rc
check_content(struct check *c, struct repo *repo)
{
	struct arena *a = arena_new(RECORD_ARENA);
	enum rc rc = a == NULL ? RC_UNAVAILABLE : repo_begin_read(repo, a, &c->tx);

	if (rc == RC_OK) {
		if (meta_get(c->tx, "format", &c->format) != RC_OK ||
		    c->format < REPO_FORMAT_OLDEST || c->format > REPO_FORMAT)
			say(c, "the store has no format number that this program reads");
		if (meta_get(c->tx, "next_id", &c->next_id) != RC_OK)
			say(c, "the next id to give is not known");
		rc = check_records(c);
		if (c->populated && !c->rooted)
			say(c, "there are nodes, but no root");
		repo_end_read(c->tx);
	}
	arena_free(a);
	return rc;
}

enum rc
repo_check(struct repo *repo, store_finding *found, void *arg)
{
	struct check *c = calloc(1, sizeof(*c));
	enum rc rc;

	if (c == NULL)
		return RC_UNAVAILABLE;
	c->found = found;
	c->arg = arg;
	rc = repo->ops->check(repo->store, engine_finding, c);
	/* Records of an engine that is damaged itself cannot be walked through safely. */
	if (rc == RC_OK)
		rc = check_content(c, repo);
	if (c->findings > 0) {
		char text[FINDING_TEXT];

		snprintf(text, sizeof(text), "%u findings, %u of them not shown", c->findings,
		         c->findings > FINDINGS_MAX ? c->findings - FINDINGS_MAX : 0);
		found(arg, text);
	}
	rc = rc == RC_OK && c->findings > 0 ? RC_INTERNAL : rc;
	free(c);
	return rc;
}
