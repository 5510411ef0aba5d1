/* SPDX-License-Identifier: Apache-2.0 */
/* Instance sequences of the repository, against a simple model. */
#include "config.h"

#include "repo_bed.h"
#include "suite.h"

#include <stdio.h>
#include <stdlib.h>

#define LIVE_MAX 24u
#define KEPT_MAX 24u
#define CONTAINERS_MAX 200u

/* ---- names ---- */

START_TEST(generated_names_avoid_chosen_ones)
{
	uint64_t c, seq;
	struct res *r;
	struct bed b;

	bed_init(&b, _i, 16);
	bed_root(&b);
	bed_write(&b);
	c = bed_insert(&b, T_CONTAINER, 1, T_CONTAINERS, "c")->id;
	ck_assert(slice_is(bed_append(&b, c, NULL, "a")->name, "ci_1"));
	ck_assert_int_eq(repo_inst_append(b.tx, c, bed_inst(&b, "ci_1", "b")), RC_CONFLICT);
	bed_append(&b, c, "ci_4", "second");
	bed_append(&b, c, "ci_5", "third");
	/* Numbers 4 and 5 are not given, since their names are taken. */
	r = bed_append(&b, c, NULL, "fourth");
	ck_assert(r->inst.seq == 6 && slice_is(r->name, "ci_6"));
	/* Forms that no generated name has. */
	bed_append(&b, c, "ci_07", "e");
	bed_append(&b, c, "ci_", "f");
	bed_append(&b, c, "ci_99999999999999999999999", "g");
	bed_append(&b, c, "CI_11", "h");
	r = bed_append(&b, c, NULL, "i");
	ck_assert(r->inst.seq == 11 && slice_is(r->name, "ci_11"));
	/* The name of an instance that has another one is free. */
	ck_assert_int_eq(repo_inst_find(b.tx, c, SLICE_LIT("ci_2"), &seq), RC_NOT_FOUND);
	bed_append(&b, c, "ci_2", "j");
	ck_assert_int_eq(repo_inst_find(b.tx, c, SLICE_LIT("ci_2"), &seq), RC_OK);
	ck_assert_uint_eq(seq, 12);
	bed_commit(&b);
	bed_reopen(&b);
	bed_write(&b);
	ck_assert_int_eq(repo_inst_find(b.tx, c, SLICE_LIT("ci_4"), &seq), RC_OK);
	ck_assert_uint_eq(seq, 2);
	ck_assert_int_eq(repo_inst_append(b.tx, c, bed_inst(&b, "ci_4", "x")), RC_CONFLICT);
	ck_assert_int_eq(repo_inst_append(b.tx, c, bed_inst(&b, "ci_6", "x")), RC_CONFLICT);
	bed_append(&b, c, "ci_14", "k");
	ck_assert_uint_eq(bed_append(&b, c, NULL, "l")->inst.seq, 15);
	bed_commit(&b);
	bed_clean(&b);
	bed_fini(&b);
}
END_TEST

START_TEST(instance_comes_back_as_it_was)
{
	char name[REPO_NAME_MAX + 2], media[70001];
	struct res *in, *out;
	uint64_t c;
	struct bed b;

	bed_init(&b, _i, 16);
	bed_root(&b);
	bed_write(&b);
	c = bed_insert(&b, T_CONTAINER, 1, T_CONTAINERS, "c")->id;
	memset(media, 'm', sizeof(media));
	memset(name, 'n', sizeof(name));
	name[REPO_NAME_MAX] = '\0';
	in = bed_inst(&b, name, "");
	in->inst.media_type = slice_make(media, 70000);
	in->inst.content = slice_make("a\0b", 3);
	in->inst.is_text = false;
	bed_label(&b, in, "red");
	ck_assert(val_set_num(b.arena, &in->vals, A_DELAY_TOLERANCE, 12345));
	ck_assert_int_eq(repo_inst_append(b.tx, c, in), RC_OK);
	ck_assert_int_eq(repo_inst_get(b.tx, c, 1, &out), RC_OK);
	ck_assert(out->type->number == T_CONTENT_INSTANCE && out->parent == c && out->inst.seq == 1);
	ck_assert(slice_eq(in->name, out->name) && slice_eq(in->inst.media_type, out->inst.media_type));
	ck_assert(slice_eq(in->inst.content, out->inst.content) && !out->inst.is_text);
	ck_assert(val_equal(in->vals, out->vals) && out->created == in->created);
	ck_assert(out->expires == CLOCK_NEVER && out->slot == T_CONTENT_INSTANCES);
	name[REPO_NAME_MAX] = 'n';
	name[REPO_NAME_MAX + 1] = '\0';
	ck_assert_int_eq(repo_inst_append(b.tx, c, bed_inst(&b, name, "")), RC_BAD_REQUEST);
	bed_commit(&b);
	bed_clean(&b);
	bed_fini(&b);
}
END_TEST

static enum visit
drop(void *arg, struct res *r)
{
	ck_assert(r->inst.seq == ++*(uint64_t *)arg && r->inst.content.n == 1000);
	return VISIT_DROP;
}

START_TEST(dropped_instances_cost_no_memory)
{
	struct arena *a = arena_new(20000);
	char text[1001];
	uint64_t c, seen = 0;
	struct bed b;

	memset(text, 'x', 1000);
	text[1000] = '\0';
	bed_init(&b, _i, 16);
	bed_root(&b);
	bed_write(&b);
	c = bed_insert(&b, T_CONTAINER, 1, T_CONTAINERS, "c")->id;
	for (int i = 0; i < 200; i++)
		bed_append(&b, c, NULL, text);
	bed_commit(&b);
	bed_read(&b);
	repo_set_arena(b.tx, a);
	ck_assert_int_eq(repo_inst_range(b.tx, c, 0, UINT64_MAX, 0, drop, &seen), RC_OK);
	ck_assert_uint_eq(seen, 200);
	seen = 99;
	ck_assert_int_eq(repo_owed(b.tx, c, 100, 150, 0, drop, &seen), RC_OK);
	ck_assert_uint_eq(seen, 150);
	ck_assert(!arena_failed(a));
	bed_end(&b);
	arena_free(a);
	bed_fini(&b);
}
END_TEST

/* ---- the model ---- */

struct item {
	uint64_t seq;
	int64_t size, created;
	char name[24]; /* chosen, or generated */
	bool labelled;
};

struct sequence {
	uint64_t id; /* 0 = no such container */
	uint64_t high;
	int64_t modified;
	unsigned live, kept;
	struct item items[LIVE_MAX];
	struct item retained[KEPT_MAX]; /* by number */
};

struct model {
	unsigned containers;
	struct sequence seq[CONTAINERS_MAX];
};

struct world {
	struct bed bed;
	struct dice dice;
	struct model now, committed, before_request;
	unsigned named; /* for container names */
};

static void
model_drop(struct item *list, unsigned *n, unsigned at)
{
	memmove(list + at, list + at + 1, (*n - at - 1) * sizeof(*list));
	--*n;
}

static void
model_retain(struct sequence *s, const struct item *it)
{
	unsigned at = s->kept;

	while (at > 0 && s->retained[at - 1].seq > it->seq)
		at--;
	memmove(s->retained + at + 1, s->retained + at, (s->kept - at) * sizeof(*it));
	s->retained[at] = *it;
	s->kept++;
}

static bool
model_has_name(const struct sequence *s, const char *name)
{
	for (unsigned i = 0; i < s->live; i++)
		if (strcmp(s->items[i].name, name) == 0)
			return true;
	return false;
}

static int64_t
model_time(const struct world *w, const struct sequence *s)
{
	int64_t now = repo_now(w->bed.tx);

	return now > s->modified ? now : s->modified + 1;
}

/* ---- comparison ---- */

static void
compare_item(const struct item *it, const struct res *r)
{
	ck_assert_uint_eq(r->inst.seq, it->seq);
	ck_assert_int_eq((int64_t)r->inst.content.n, it->size);
	ck_assert_int_eq(r->created, it->created);
	ck_assert_msg(slice_is(r->name, it->name), "name %.*s, expected %s", (int)r->name.n, r->name.p,
	              it->name);
}

struct expected {
	const struct item *items;
	unsigned at, n;
};

static enum visit
compare_next(void *arg, struct res *r)
{
	struct expected *e = arg;

	ck_assert_uint_lt(e->at, e->n);
	compare_item(&e->items[e->at++], r);
	return e->at % 2 == 0 ? VISIT_DROP : VISIT_KEEP;
}

static void
compare_ends(struct bed *b, const struct sequence *s)
{
	struct res *r;

	if (s->live == 0) {
		ck_assert_int_eq(repo_latest(b->tx, s->id, &r), RC_NOT_FOUND);
		ck_assert_int_eq(repo_oldest(b->tx, s->id, &r), RC_NOT_FOUND);
		return;
	}
	ck_assert_int_eq(repo_latest(b->tx, s->id, &r), RC_OK);
	compare_item(&s->items[s->live - 1], r);
	ck_assert_int_eq(repo_oldest(b->tx, s->id, &r), RC_OK);
	compare_item(&s->items[0], r);
}

/* Live and retained ones in one order. */
static unsigned
merge(const struct sequence *s, struct item out[LIVE_MAX + KEPT_MAX])
{
	unsigned i = 0, k = 0, n = 0;

	while (i < s->live || k < s->kept)
		if (k == s->kept || (i < s->live && s->items[i].seq < s->retained[k].seq))
			out[n++] = s->items[i++];
		else
			out[n++] = s->retained[k++];
	return n;
}

static void
compare_owed(struct bed *b, const struct sequence *s, struct dice *d)
{
	struct item all[LIVE_MAX + KEPT_MAX];
	unsigned n = merge(s, all), from = n == 0 ? 0 : dice(d, n), limit = dice(d, 6);
	struct expected e = { all, 0, n };

	ck_assert_int_eq(repo_owed(b->tx, s->id, 0, UINT64_MAX, 0, compare_next, &e), RC_OK);
	ck_assert_uint_eq(e.at, n);
	if (n == 0)
		return;
	e = (struct expected){ all + from, 0, n - from };
	if (limit != 0 && limit < e.n)
		e.n = limit;
	ck_assert_int_eq(repo_owed(b->tx, s->id, all[from].seq, all[n - 1].seq, limit, compare_next, &e),
	                 RC_OK);
	ck_assert_uint_eq(e.at, e.n);
}

/* The first one after a time: one of theirs, one between them, one before or behind all. */
static void
compare_since(struct world *w, const struct sequence *s)
{
	int64_t when = s->live == 0 ? 5 : s->items[dice(&w->dice, s->live)].created;
	uint64_t expected = 0, seq = 99;

	when += (int64_t)dice(&w->dice, 3) - 1;
	for (unsigned i = s->live; i-- > 0 && s->items[i].created > when;)
		expected = s->items[i].seq;
	ck_assert_int_eq(repo_inst_since(w->bed.tx, s->id, when, &seq), RC_OK);
	ck_assert_uint_eq(seq, expected);
}

static void
compare_sequence(struct world *w, const struct sequence *s)
{
	struct bed *b = &w->bed;
	struct expected e = { s->items, 0, s->live };
	uint64_t high = 99999;
	struct seq seq;
	int64_t bytes = 0;

	ck_assert_int_eq(repo_seq(b->tx, s->id, &seq), RC_OK);
	ck_assert_int_eq(seq.count, s->live);
	for (unsigned i = 0; i < s->live; i++)
		bytes += s->items[i].size;
	ck_assert_int_eq(seq.bytes, bytes);
	ck_assert_uint_eq(seq.first, s->live == 0 ? 0 : s->items[0].seq);
	ck_assert_uint_eq(seq.last, s->live == 0 ? 0 : s->items[s->live - 1].seq);
	ck_assert_int_eq(seq.modified, s->modified);
	ck_assert_int_eq(repo_seq_high(b->tx, s->id, &high), RC_OK);
	ck_assert_uint_eq(high, s->high);
	compare_ends(b, s);
	ck_assert_int_eq(repo_inst_range(b->tx, s->id, 0, UINT64_MAX, 0, compare_next, &e), RC_OK);
	ck_assert_uint_eq(e.at, s->live);
	compare_owed(b, s, &w->dice);
	compare_since(w, s);
	if (s->live > 0) {
		const struct item *it = &s->items[dice(&w->dice, s->live)];
		uint64_t found = 0;

		ck_assert_int_eq(repo_inst_find(b->tx, s->id, slice_of(it->name), &found), RC_OK);
		ck_assert_uint_eq(found, it->seq);
	}
}

struct label_count {
	struct world *w;
	unsigned n;
};

static bool
find_labelled(void *arg, uint64_t id, uint64_t seq)
{
	struct label_count *l = arg;
	const struct model *m = &l->w->now;
	bool known = false, seen = false;

	for (unsigned i = 0; i < m->containers; i++) {
		const struct sequence *s = &m->seq[i];

		known = known || s->id == id;
		for (unsigned k = 0; k < s->live && s->id == id; k++)
			seen = seen || (s->items[k].seq == seq && s->items[k].labelled);
	}
	/* Those of removed containers stay until the sweep. */
	ck_assert_msg(seen || !known, "label of %llu/%llu", (unsigned long long)id,
	              (unsigned long long)seq);
	l->n += known;
	return true;
}

static void
compare_labels(struct world *w)
{
	struct label_count l = { w, 0 };
	unsigned n = 0;

	for (unsigned i = 0; i < w->now.containers; i++)
		for (unsigned k = 0; k < w->now.seq[i].live; k++)
			n += w->now.seq[i].items[k].labelled;
	ck_assert_int_eq(repo_labelled(w->bed.tx, SLICE_LIT("red"), find_labelled, &l), RC_OK);
	ck_assert_uint_eq(l.n, n);
}

static void
compare_all(struct world *w)
{
	bed_read(&w->bed);
	for (unsigned i = 0; i < w->now.containers; i++) {
		if (w->now.seq[i].id != 0)
			compare_sequence(w, &w->now.seq[i]);
		arena_reset(w->bed.arena);
	}
	bed_end(&w->bed);
}

/* ---- operations on both ---- */

static void
op_container(struct world *w, struct sequence *s)
{
	char name[32];

	snprintf(name, sizeof(name), "c%u", w->named++);
	*s = (struct sequence){ 0 };
	s->id = bed_insert(&w->bed, T_CONTAINER, 1, T_CONTAINERS, name)->id;
}

static void
op_remove_container(struct world *w, struct sequence *s)
{
	struct res *r;

	ck_assert_int_eq(repo_get(w->bed.tx, s->id, &r), RC_OK);
	ck_assert_int_eq(repo_remove(w->bed.tx, r), RC_OK);
	s->id = 0;
	s->live = s->kept = 0;
}

static void
op_remove(struct world *w, struct sequence *s, unsigned at)
{
	bool retain = s->kept < KEPT_MAX && dice(&w->dice, 3) == 0;
	int64_t now = repo_now(w->bed.tx);

	ck_assert_int_eq(repo_inst_remove(w->bed.tx, s->id, s->items[at].seq, retain), RC_OK);
	ck_assert_int_eq(repo_inst_remove(w->bed.tx, s->id, s->items[at].seq, retain), RC_NOT_FOUND);
	if (retain)
		model_retain(s, &s->items[at]);
	model_drop(s->items, &s->live, at);
	s->modified = now > s->modified ? now : s->modified;
}

/* A chosen name, often in the form of a generated one; empty for none. */
static void
choose_name(struct world *w, const struct sequence *s, char name[24])
{
	name[0] = '\0';
	if (dice(&w->dice, 4) == 0)
		snprintf(name, 24, "ci_%llu", (unsigned long long)(s->high / 2 + dice(&w->dice, 12)));
	else if (dice(&w->dice, 5) == 0)
		snprintf(name, 24, "n%u", dice(&w->dice, 20));
}

static void
op_append(struct world *w, struct sequence *s)
{
	static const char content[] = "0123456789012345678901234567890123456789";
	struct item it = { .size = dice(&w->dice, 40), .labelled = dice(&w->dice, 4) == 0 };
	struct res *r;
	char name[24];

	choose_name(w, s, name);
	r = bed_inst(&w->bed, name, "");
	r->inst.content = slice_make(content, (size_t)it.size);
	if (it.labelled)
		bed_label(&w->bed, r, "red");
	if (name[0] != '\0' && model_has_name(s, name)) {
		ck_assert_int_eq(repo_inst_append(w->bed.tx, s->id, r), RC_CONFLICT);
		return;
	}
	it.created = s->modified = model_time(w, s);
	it.seq = ++s->high;
	for (; name[0] == '\0'; it.seq = ++s->high) {
		snprintf(it.name, sizeof(it.name), "ci_%llu", (unsigned long long)it.seq);
		if (!model_has_name(s, it.name))
			break;
	}
	if (name[0] != '\0')
		memcpy(it.name, name, sizeof(name));
	ck_assert_int_eq(repo_inst_append(w->bed.tx, s->id, r), RC_OK);
	compare_item(&it, r);
	s->items[s->live++] = it;
}

static void
op_release(struct world *w, struct sequence *s)
{
	uint64_t upto = s->kept == 0 ? s->high : s->retained[dice(&w->dice, s->kept)].seq;

	ck_assert_int_eq(repo_release(w->bed.tx, s->id, upto), RC_OK);
	while (s->kept > 0 && s->retained[0].seq <= upto)
		model_drop(s->retained, &s->kept, 0);
}

static void
op_any(struct world *w, struct sequence *s)
{
	unsigned what = dice(&w->dice, 100);

	if (s->id == 0) {
		op_container(w, s);
	} else if (what < 55 || s->live == 0) {
		while (s->live >= LIVE_MAX - 1)
			op_remove(w, s, 0);
		op_append(w, s);
	} else if (what < 70) {
		op_remove(w, s, 0);
	} else if (what < 80) {
		op_remove(w, s, s->live - 1);
	} else if (what < 90) {
		op_remove(w, s, dice(&w->dice, s->live));
	} else if (what < 94) {
		while (s->live > 0)
			op_remove(w, s, dice(&w->dice, s->live));
	} else if (what < 97) {
		op_release(w, s);
	} else {
		op_remove_container(w, s);
	}
}

static void
request(struct world *w)
{
	struct sequence *s;

	bed_request(&w->bed);
	w->before_request = w->now;
	for (unsigned n = 1 + dice(&w->dice, 3); n > 0; n--) {
		s = &w->now.seq[dice(&w->dice, w->now.containers)];
		op_any(w, s);
		if (s->id != 0)
			compare_sequence(w, s);
	}
	if (dice(&w->dice, 8) == 0) {
		bool more;

		ck_assert_int_eq(repo_sweep_removed(w->bed.tx, 1 + dice(&w->dice, 9), &more), RC_OK);
	}
	if (dice(&w->dice, 5) == 0) {
		ck_assert_int_eq(repo_rollback(w->bed.tx), RC_OK);
		w->now = w->before_request;
	}
}

static void
batch(struct world *w)
{
	w->bed.clock.now += (int64_t)dice(&w->dice, 5) - 1;
	bed_write(&w->bed);
	for (unsigned n = 1 + dice(&w->dice, 6); n > 0; n--)
		request(w);
	compare_labels(w);
	if (dice(&w->dice, 12) == 0) {
		repo_abort(w->bed.tx);
		w->now = w->committed;
	} else {
		bed_commit(&w->bed);
		w->committed = w->now;
	}
}

static void
sweep_all(struct world *w)
{
	bool more = true;

	while (more) {
		bed_write(&w->bed);
		ck_assert_int_eq(repo_sweep_removed(w->bed.tx, 7, &more), RC_OK);
		bed_commit(&w->bed);
	}
}

static bool
any_record(void *arg, struct slice key, struct slice val)
{
	(void)key;
	(void)val;
	++*(unsigned *)arg;
	return false;
}

static unsigned
records_in(struct bed *b, const char *from, const char *to)
{
	unsigned n = 0;

	bed_read(b);
	ck_assert_int_eq(b->ops.scan(b->tx->txn, slice_of(from), slice_of(to), false, 0, any_record, &n),
	                 RC_OK);
	bed_end(b);
	return n;
}

static void
run_model(int engine, unsigned containers, unsigned batches)
{
	struct world *w = calloc(1, sizeof(*w));

	ck_assert_ptr_nonnull(w);
	dice_init(&w->dice, "sequences");
	bed_init(&w->bed, engine, 16);
	bed_root(&w->bed);
	w->now.containers = w->committed.containers = containers;
	for (unsigned i = 0; i < batches; i++) {
		batch(w);
		if (dice(&w->dice, 10) == 0)
			compare_all(w);
		if (dice(&w->dice, 40) == 0)
			bed_reopen(&w->bed);
		if (dice(&w->dice, 60) == 0)
			bed_clean(&w->bed);
	}
	bed_reopen(&w->bed);
	compare_all(w);
	bed_clean(&w->bed);
	sweep_all(w);
	compare_all(w);
	bed_clean(&w->bed);
	ck_assert_uint_eq(records_in(&w->bed, "G", "H"), 0);
	bed_fini(&w->bed);
	free(w);
}

START_TEST(random_few_containers)
{
	run_model(_i, 3, _i == BED_MEMORY ? 2000 : 300);
}
END_TEST

START_TEST(random_many_containers)
{
	run_model(_i, CONTAINERS_MAX, _i == BED_MEMORY ? 800 : 300);
}
END_TEST

/* ---- removal ---- */

START_TEST(removed_container_is_swept_in_portions)
{
	bool more = true;
	unsigned turns = 0;
	struct res *r;
	uint64_t c;
	struct bed b;

	bed_init(&b, _i, 16);
	bed_root(&b);
	bed_write(&b);
	r = bed_insert(&b, T_CONTAINER, 1, T_CONTAINERS, "c");
	c = r->id;
	for (int i = 0; i < 50; i++) {
		struct res *inst = bed_inst(&b, NULL, "x");
		char name[16];

		snprintf(name, sizeof(name), "n%d", i);
		if (i % 3 == 0)
			inst->name = slice_of(name);
		bed_label(&b, inst, "red");
		ck_assert_int_eq(repo_inst_append(b.tx, c, inst), RC_OK);
	}
	for (uint64_t seq = 1; seq <= 10; seq++)
		ck_assert_int_eq(repo_inst_remove(b.tx, c, seq, true), RC_OK);
	ck_assert_int_eq(repo_inst_remove(b.tx, c, 20, false), RC_OK);
	ck_assert_int_eq(repo_remove(b.tx, r), RC_OK);
	bed_commit(&b);
	bed_clean(&b);
	for (; more; turns++) {
		bed_write(&b);
		ck_assert_int_eq(repo_sweep_removed(b.tx, 7, &more), RC_OK);
		bed_commit(&b);
		bed_clean(&b);
	}
	ck_assert_uint_ge(turns, 7);
	ck_assert_uint_eq(records_in(&b, "I", "K"), 0); /* instances, names */
	ck_assert_uint_eq(records_in(&b, "L", "M"), 0);
	ck_assert_uint_eq(records_in(&b, "R", "U"), 0); /* retained, state */
	ck_assert_uint_eq(records_in(&b, "G", "H"), 0);
	bed_fini(&b);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {
		generated_names_avoid_chosen_ones,
		instance_comes_back_as_it_was,
		dropped_instances_cost_no_memory,
		random_few_containers,
		random_many_containers,
		removed_container_is_swept_in_portions,
	};
	Suite *s = suite_create("repo_seq");
	TCase *c = tcase_create("engines");

	tcase_set_timeout(c, 300);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_loop_test(c, tests[i], BED_MEMORY, BED_ENGINES);
	suite_add_tcase(s, c);
	return run_suite(s);
}
