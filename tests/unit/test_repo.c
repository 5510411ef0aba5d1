/* SPDX-License-Identifier: Apache-2.0 */
/* Opening, nodes, indexes and collections of the repository. */
#include "config.h"

#include "repo_bed.h"
#include "suite.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- opening ---- */

START_TEST(fresh_until_there_is_a_root)
{
	struct bed b;

	bed_init(&b, _i, 16);
	ck_assert(repo_is_fresh(b.repo));
	ck_assert_uint_eq(repo_format_found(b.repo), REPO_FORMAT);
	bed_reopen(&b);
	ck_assert(repo_is_fresh(b.repo));
	bed_root(&b);
	bed_reopen(&b);
	ck_assert(!repo_is_fresh(b.repo));
	bed_clean(&b);
	bed_fini(&b);
}
END_TEST

static void
refused(struct bed *b, enum rc expected, const char *text)
{
	char why[256] = "";
	struct repo *repo = NULL;

	repo_close(b->repo);
	b->repo = NULL;
	ck_assert_int_eq(repo_open(&b->conf, &repo, why), expected);
	ck_assert_msg(strstr(why, text) != NULL, "why: %s", why);
	ck_assert_ptr_null(repo);
}

START_TEST(other_format_is_refused)
{
	struct bed b;

	bed_init(&b, _i, 16);
	bed_root(&b);
	bed_poke(&b, SLICE_LIT("Mformat"), SLICE_LIT("\0\0\0\0\0\0\0\3"), true);
	refused(&b, RC_NOT_IMPLEMENTED, "format 3, this program reads format 1 to 2");
	bed_fini(&b);
	bed_init(&b, _i, 16);
	bed_poke(&b, SLICE_LIT("Mformat"), SLICE_LIT("\0\0\0\0\0\0\0\0"), true);
	refused(&b, RC_NOT_IMPLEMENTED, "format 0");
	bed_fini(&b);
}
END_TEST

START_TEST(damaged_format_is_refused)
{
	struct bed b;

	bed_init(&b, _i, 16);
	bed_poke(&b, SLICE_LIT("Mformat"), SLICE_LIT("\0\0\0\0\0\0\0\1"), false);
	refused(&b, RC_INTERNAL, "cannot be read");
	bed_fini(&b);
}
END_TEST

START_TEST(foreign_map_is_refused)
{
	struct bed b;

	bed_init(&b, _i, 16);
	bed_root(&b);
	bed_cut(&b, SLICE_LIT("Mformat"));
	refused(&b, RC_NOT_FOUND, "cannot be read");
	bed_fini(&b);
}
END_TEST

START_TEST(empty_read_only_store_is_refused)
{
	struct bed b;

	bed_prepare(&b, BED_MEMORY, 16);
	b.conf.store.read_only = true;
	refused(&b, RC_NOT_FOUND, "empty");
	bed_fini(&b);
}
END_TEST

/* ---- nodes ---- */

START_TEST(node_comes_back_as_it_was)
{
	struct res *r, *back;
	struct val *v;
	struct bed b;

	bed_init(&b, _i, 16);
	bed_root(&b);
	bed_write(&b);
	r = bed_res(&b, T_APPLICATION, ID_SCL_BASE, T_APPLICATIONS, "app one");
	r->expires = r->created + 1000;
	r->modified = r->created + 5;
	r->subscriptions = 7;
	bed_label(&b, r, "first");
	bed_label(&b, r, "");
	ck_assert(val_set_text(b.arena, &r->vals, A_ACCESS_RIGHT_ID, SLICE_LIT("/m2m/accessRights/x")));
	v = val_add(b.arena, &r->vals, A_APOC_PATHS);
	v = val_add(b.arena, &v->first, A_APOC_PATH);
	ck_assert(val_set_text(b.arena, &v->first, A_PATH, SLICE_LIT("/p")));
	ck_assert_int_eq(repo_insert(b.tx, r), RC_OK);
	ck_assert_uint_eq(r->id, 2);
	ck_assert_int_eq(repo_get(b.tx, 2, &back), RC_OK);
	ck_assert(back->type == r->type && back->parent == 1 && back->slot == T_APPLICATIONS);
	ck_assert(slice_is(back->name, "app one"));
	ck_assert(back->created == r->created && back->modified == r->modified);
	ck_assert(back->expires == r->expires && back->subscriptions == 7);
	ck_assert(val_equal(back->vals, r->vals));
	ck_assert_int_eq(repo_get(b.tx, 3, &back), RC_NOT_FOUND);
	bed_commit(&b);
	bed_clean(&b);
	bed_fini(&b);
}
END_TEST

START_TEST(names_are_unique_per_slot)
{
	struct res *a, *c;
	struct child found;
	char name[REPO_NAME_MAX + 2];
	struct bed b;

	bed_init(&b, _i, 16);
	bed_root(&b);
	bed_write(&b);
	a = bed_insert(&b, T_APPLICATION, 1, T_APPLICATIONS, "same");
	c = bed_insert(&b, T_CONTAINER, 1, T_CONTAINERS, "same");
	bed_insert(&b, T_CONTAINER, a->id, T_CONTAINERS, "same");
	ck_assert_int_eq(repo_insert(b.tx, bed_res(&b, T_CONTAINER, 1, T_CONTAINERS, "same")), RC_CONFLICT);
	ck_assert_int_eq(repo_child(b.tx, 1, T_CONTAINERS, SLICE_LIT("same"), &found), RC_OK);
	ck_assert(found.id == c->id && found.type == T_CONTAINER && slice_is(found.name, "same"));
	ck_assert_int_eq(repo_child(b.tx, 1, T_APPLICATIONS, SLICE_LIT("same"), &found), RC_OK);
	ck_assert_uint_eq(found.id, a->id);
	ck_assert_int_eq(repo_child(b.tx, 1, T_CONTAINERS, SLICE_LIT("sam"), &found), RC_NOT_FOUND);
	ck_assert_int_eq(repo_child(b.tx, 1, T_CONTAINERS, SLICE_NONE, &found), RC_NOT_FOUND);
	memset(name, 'n', sizeof(name));
	name[REPO_NAME_MAX + 1] = '\0';
	ck_assert_int_eq(repo_insert(b.tx, bed_res(&b, T_CONTAINER, 1, T_CONTAINERS, name)),
	                 RC_BAD_REQUEST);
	ck_assert_int_eq(repo_child(b.tx, 1, T_CONTAINERS, slice_of(name), &found), RC_NOT_FOUND);
	name[REPO_NAME_MAX] = '\0';
	bed_insert(&b, T_CONTAINER, 1, T_CONTAINERS, name);
	ck_assert_int_eq(repo_insert(b.tx, bed_res(&b, T_CONTAINER, 1, T_CONTAINERS, "")), RC_BAD_REQUEST);
	bed_commit(&b);
	bed_clean(&b);
	bed_fini(&b);
}
END_TEST

/* Names met by a visit, as "a,b,". */
struct names {
	char text[256];
	unsigned stop_after, n;
};

static bool
add_name(void *arg, const struct child *c)
{
	struct names *l = arg;

	ck_assert_uint_lt(strlen(l->text) + c->name.n + 2, sizeof(l->text));
	strncat(l->text, c->name.p, c->name.n);
	strcat(l->text, ",");
	return ++l->n != l->stop_after;
}

static bool
add_any(void *arg, slot_t slot, const struct child *c)
{
	struct names *l = arg;

	snprintf(l->text + strlen(l->text), sizeof(l->text) - strlen(l->text), "%u/", slot);
	return add_name(arg, c);
}

static void
expect_children(struct bed *b, size_t limit, unsigned stop_after, const char *expected)
{
	struct names l = { .stop_after = stop_after };

	ck_assert_int_eq(repo_children(b->tx, 1, T_CONTAINERS, limit, add_name, &l), RC_OK);
	ck_assert_str_eq(l.text, expected);
}

START_TEST(children_come_by_name)
{
	struct names l = { .n = 0 };
	struct bed b;

	bed_init(&b, _i, 16);
	bed_root(&b);
	bed_write(&b);
	expect_children(&b, 0, 0, "");
	bed_insert(&b, T_CONTAINER, 1, T_CONTAINERS, "b");
	bed_insert(&b, T_CONTAINER, 1, T_CONTAINERS, "a");
	bed_insert(&b, T_CONTAINER, 1, T_CONTAINERS, "aa");
	bed_insert(&b, T_APPLICATION, 1, T_APPLICATIONS, "z");
	expect_children(&b, 0, 0, "a,aa,b,");
	expect_children(&b, 2, 0, "a,aa,");
	expect_children(&b, 3, 0, "a,aa,b,");
	expect_children(&b, 0, 1, "a,");
	ck_assert_int_eq(repo_children_all(b.tx, 1, add_any, &l), RC_OK);
	ck_assert_str_eq(l.text, "4/z,8/a,8/aa,8/b,");
	l = (struct names){ .stop_after = 2 };
	ck_assert_int_eq(repo_children_all(b.tx, 1, add_any, &l), RC_OK);
	ck_assert_str_eq(l.text, "4/z,8/a,");
	bed_commit(&b);
	bed_fini(&b);
}
END_TEST

START_TEST(expired_children_are_hidden)
{
	struct names l = { .n = 0 };
	struct child found;
	struct res *r;
	struct bed b;

	bed_init(&b, _i, 16);
	bed_root(&b);
	bed_write(&b);
	r = bed_res(&b, T_CONTAINER, 1, T_CONTAINERS, "mortal");
	r->expires = repo_now(b.tx) + 10;
	ck_assert_int_eq(repo_insert(b.tx, r), RC_OK);
	bed_insert(&b, T_CONTAINER, 1, T_CONTAINERS, "never");
	expect_children(&b, 0, 0, "mortal,never,");
	b.clock.now += 9;
	bed_request(&b);
	ck_assert_int_eq(repo_child(b.tx, 1, T_CONTAINERS, SLICE_LIT("mortal"), &found), RC_OK);
	b.clock.now += 1;
	bed_request(&b);
	ck_assert_int_eq(repo_child(b.tx, 1, T_CONTAINERS, SLICE_LIT("mortal"), &found), RC_NOT_FOUND);
	expect_children(&b, 0, 0, "never,");
	expect_children(&b, 1, 0, "never,");
	ck_assert_int_eq(repo_get(b.tx, 2, &r), RC_OK);
	ck_assert_int_eq(repo_insert(b.tx, bed_res(&b, T_CONTAINER, 1, T_CONTAINERS, "mortal")),
	                 RC_CONFLICT);
	ck_assert_int_eq(repo_children_all(b.tx, 1, add_any, &l), RC_OK);
	ck_assert_str_eq(l.text, "8/mortal,8/never,");
	bed_commit(&b);
	bed_clean(&b);
	bed_fini(&b);
}
END_TEST

START_TEST(path_is_made_of_names)
{
	struct slice path;
	struct res *a, *c, *s;
	struct bed b;

	bed_init(&b, _i, 16);
	bed_root(&b);
	bed_write(&b);
	a = bed_insert(&b, T_APPLICATION, 1, T_APPLICATIONS, "a b/\xc3\xa9");
	c = bed_insert(&b, T_CONTAINER, a->id, T_CONTAINERS, "c1");
	s = bed_insert(&b, T_SUBSCRIPTION, c->id, slot_below(T_CONTENT_INSTANCES, T_SUBSCRIPTIONS), "s1");
	ck_assert_int_eq(repo_path(b.tx, 1, SLOT_SELF, &path), RC_OK);
	ck_assert(slice_is(path, "/m2m"));
	ck_assert_int_eq(repo_path(b.tx, 1, slot_below(T_APPLICATIONS, T_SUBSCRIPTIONS), &path), RC_OK);
	ck_assert(slice_is(path, "/m2m/applications/subscriptions"));
	ck_assert_int_eq(repo_path(b.tx, s->id, SLOT_SELF, &path), RC_OK);
	ck_assert(slice_is(path, "/m2m/applications/a%20b%2F%C3%A9/containers/c1/contentInstances/"
	                         "subscriptions/s1"));
	ck_assert_int_eq(repo_path(b.tx, 99, SLOT_SELF, &path), RC_NOT_FOUND);
	bed_commit(&b);
	bed_fini(&b);
}
END_TEST

/* ---- indexes ---- */

/* Ids met by a visit. */
struct ids {
	uint64_t id[64], seq[64];
	int64_t due[64];
	unsigned n;
};

static bool
add_id(void *arg, uint64_t id)
{
	struct ids *l = arg;

	l->id[l->n++] = id;
	return l->n < 64;
}

static bool
add_labelled(void *arg, uint64_t id, uint64_t seq)
{
	struct ids *l = arg;

	l->seq[l->n] = seq;
	return add_id(arg, id);
}

static bool
add_due(void *arg, int64_t due, enum due_kind kind, uint64_t id)
{
	struct ids *l = arg;

	l->due[l->n] = due;
	l->seq[l->n] = kind;
	return add_id(arg, id);
}

static struct ids
labelled(struct bed *b, const char *label)
{
	struct ids l = { .n = 0 };

	ck_assert_int_eq(repo_labelled(b->tx, slice_of(label), add_labelled, &l), RC_OK);
	return l;
}

static struct ids
due(struct bed *b, int64_t upto, size_t limit)
{
	struct ids l = { .n = 0 };

	ck_assert_int_eq(repo_due(b->tx, upto, limit, add_due, &l), RC_OK);
	return l;
}

static struct ids
of_type(struct bed *b, unsigned type)
{
	struct ids l = { .n = 0 };

	ck_assert_int_eq(repo_of_type(b->tx, type, add_id, &l), RC_OK);
	return l;
}

START_TEST(update_moves_the_indexes)
{
	struct res *r, *old;
	struct child c;
	int64_t now;
	struct bed b;

	bed_init(&b, _i, 16);
	bed_root(&b);
	bed_write(&b);
	now = repo_now(b.tx);
	r = bed_res(&b, T_CONTAINER, 1, T_CONTAINERS, "c");
	r->expires = now + 100;
	bed_label(&b, r, "red");
	bed_label(&b, r, "red");
	bed_label(&b, r, "blue");
	ck_assert_int_eq(repo_insert(b.tx, r), RC_OK);
	ck_assert(labelled(&b, "red").n == 1 && labelled(&b, "blue").id[0] == r->id);
	ck_assert(due(&b, now + 100, 0).n == 1 && due(&b, now + 99, 0).n == 0);
	ck_assert(of_type(&b, T_CONTAINER).n == 1 && of_type(&b, T_APPLICATION).n == 0);

	ck_assert_int_eq(repo_get(b.tx, r->id, &old), RC_OK);
	ck_assert_int_eq(repo_get(b.tx, r->id, &r), RC_OK);
	val_remove(&r->vals, A_SEARCH_STRINGS);
	bed_label(&b, r, "red");
	bed_label(&b, r, "green");
	r->expires = now + 50;
	ck_assert_int_eq(repo_update(b.tx, old, r), RC_OK);
	ck_assert(labelled(&b, "blue").n == 0 && labelled(&b, "green").n == 1);
	ck_assert(labelled(&b, "red").n == 1);
	ck_assert(due(&b, now + 50, 0).n == 1 && due(&b, CLOCK_NEVER - 1, 0).n == 1);
	ck_assert_int_eq(repo_child(b.tx, 1, T_CONTAINERS, SLICE_LIT("c"), &c), RC_OK);
	ck_assert_int_eq(c.expires, now + 50);

	old = r;
	r = ARENA_NEW(b.arena, struct res);
	*r = *old;
	r->vals = NULL;
	r->expires = CLOCK_NEVER;
	ck_assert_int_eq(repo_update(b.tx, old, r), RC_OK);
	ck_assert(labelled(&b, "red").n == 0 && due(&b, CLOCK_NEVER - 1, 0).n == 0);
	bed_commit(&b);
	bed_clean(&b);
	bed_fini(&b);
}
END_TEST

START_TEST(due_comes_in_order)
{
	struct ids l;
	struct bed b;

	bed_init(&b, _i, 16);
	bed_write(&b);
	ck_assert_int_eq(repo_due_add(b.tx, 300, DUE_NODE, 3), RC_OK);
	ck_assert_int_eq(repo_due_add(b.tx, 100, DUE_AGE, 9), RC_OK);
	ck_assert_int_eq(repo_due_add(b.tx, 100, DUE_NODE, 12), RC_OK);
	ck_assert_int_eq(repo_due_add(b.tx, 200, DUE_AGE, 1), RC_OK);
	l = due(&b, 300, 0);
	ck_assert_uint_eq(l.n, 4);
	ck_assert(l.id[0] == 12 && l.seq[0] == DUE_NODE && l.due[0] == 100);
	ck_assert(l.id[1] == 9 && l.seq[1] == DUE_AGE);
	ck_assert(l.id[2] == 1 && l.due[2] == 200);
	ck_assert(l.id[3] == 3);
	ck_assert_uint_eq(due(&b, 300, 2).n, 2);
	ck_assert_uint_eq(due(&b, 99, 0).n, 0);
	ck_assert_int_eq(repo_due_remove(b.tx, 100, DUE_AGE, 9), RC_OK);
	ck_assert_int_eq(repo_due_remove(b.tx, 100, DUE_AGE, 9), RC_OK);
	ck_assert_uint_eq(due(&b, 100, 0).n, 1);
	repo_abort(b.tx);
	bed_fini(&b);
}
END_TEST

START_TEST(removed_node_leaves_nothing)
{
	struct buf before, after;
	struct coll coll = { .modified = 5 };
	struct res *r;
	struct bed b;

	bed_init(&b, _i, 16);
	bed_root(&b);
	bed_write(&b);
	bed_insert(&b, T_APPLICATION, 1, T_APPLICATIONS, "other");
	before = bed_dump(&b);
	r = bed_res(&b, T_APPLICATION, 1, T_APPLICATIONS, "gone");
	r->expires = repo_now(b.tx) + 5;
	bed_label(&b, r, "red");
	bed_label(&b, r, "red");
	ck_assert_int_eq(repo_insert(b.tx, r), RC_OK);
	for (slot_t slot = 1; slot <= 70; slot++)
		ck_assert_int_eq(repo_coll_put(b.tx, r->id, slot, &coll), RC_OK);
	ck_assert_int_eq(repo_remove(b.tx, r), RC_OK);
	b.repo->next_id = r->id - 1;
	ck_assert_int_eq(id_take(b.tx, &r->id), RC_OK);
	after = bed_dump(&b);
	bed_same(&before, &after);
	ck_assert_int_eq(repo_remove(b.tx, r), RC_INTERNAL);
	buf_fini(&before);
	buf_fini(&after);
	repo_abort(b.tx);
	bed_fini(&b);
}
END_TEST

/* ---- collections ---- */

START_TEST(collection_is_virtual_until_it_differs)
{
	struct coll c, put = { .modified = 77, .subscriptions = 3, .has_right = true };
	struct bed b;

	bed_init(&b, _i, 16);
	bed_root(&b);
	bed_write(&b);
	memset(&c, 0xff, sizeof(c));
	ck_assert_int_eq(repo_coll_get(b.tx, 1, T_CONTAINERS, &c), RC_OK);
	ck_assert(c.modified == 0 && c.subscriptions == 0 && !c.has_right && c.right.n == 0);
	put.right = SLICE_LIT("/m2m/accessRights/ar");
	ck_assert_int_eq(repo_coll_put(b.tx, 1, T_CONTAINERS, &put), RC_OK);
	ck_assert_int_eq(repo_coll_get(b.tx, 1, T_CONTAINERS, &c), RC_OK);
	ck_assert(c.modified == 77 && c.subscriptions == 3 && c.has_right);
	ck_assert(slice_is(c.right, "/m2m/accessRights/ar"));
	ck_assert_int_eq(repo_coll_get(b.tx, 1, T_APPLICATIONS, &c), RC_OK);
	ck_assert_int_eq(c.modified, 0);

	/* Time of the collection goes on even when the clock does not. */
	ck_assert_int_eq(repo_coll_touch(b.tx, 1, T_APPLICATIONS, repo_now(b.tx)), RC_OK);
	ck_assert_int_eq(repo_coll_touch(b.tx, 1, T_APPLICATIONS, repo_now(b.tx)), RC_OK);
	ck_assert_int_eq(repo_coll_get(b.tx, 1, T_APPLICATIONS, &c), RC_OK);
	ck_assert_int_eq(c.modified, repo_now(b.tx) + 2);
	bed_commit(&b);
	bed_clean(&b);
	bed_fini(&b);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {
		fresh_until_there_is_a_root,
		other_format_is_refused,
		damaged_format_is_refused,
		foreign_map_is_refused,
		node_comes_back_as_it_was,
		names_are_unique_per_slot,
		children_come_by_name,
		expired_children_are_hidden,
		path_is_made_of_names,
		update_moves_the_indexes,
		due_comes_in_order,
		removed_node_leaves_nothing,
		collection_is_virtual_until_it_differs,
	};
	Suite *s = suite_create("repo");
	TCase *c = tcase_create("engines");
	TCase *once = suite_case(s, "once", NULL, NULL);

	tcase_set_timeout(c, 60);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_loop_test(c, tests[i], BED_MEMORY, BED_ENGINES);
	tcase_add_test(once, empty_read_only_store_is_refused);
	suite_add_tcase(s, c);
	return run_suite(s);
}
