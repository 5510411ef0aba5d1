/* SPDX-License-Identifier: Apache-2.0 */
/* The index by authority: what enters it, what leaves it, and stores that were written without it. */
#include "config.h"

#include "repo_bed.h"
#include "suite.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/uri.h"

#define MANY 150u /* more than a portion of the upgrade */
#define FORMAT_1 SLICE_LIT("\0\0\0\0\0\0\0\1")

/* ---- nodes ---- */

static void
add_poc_text(struct bed *b, struct res *scl, const char *uri)
{
	struct val *pocs = val_find(scl->vals, A_POCS);

	if (pocs == NULL)
		pocs = val_add(b->arena, &scl->vals, A_POCS);
	val_add(b->arena, &pocs->first, A_REFERENCE)->text = arena_copy(b->arena, slice_of(uri));
}

static struct res *
scl_of(struct bed *b, const char *name, const char *link)
{
	struct res *r = bed_res(b, T_SCL, ID_SCL_BASE, T_SCLS, name);

	ck_assert(val_set_text(b->arena, &r->vals, A_LINK, arena_copy(b->arena, slice_of(link))));
	return r;
}

static struct res *
poc_of(struct bed *b, uint64_t scl, const char *name, const char *uri)
{
	struct res *r = bed_res(b, T_M2M_POC, scl, T_M2M_POCS, name);
	struct val *info = val_add(b->arena, &r->vals, A_CONTACT_INFO);

	ck_assert(val_set_text(b->arena, &info->first, A_CONTACT_URI,
	                       arena_copy(b->arena, slice_of(uri))));
	return r;
}

static uint64_t
insert(struct bed *b, struct res *r)
{
	ck_assert_int_eq(repo_insert(b->tx, r), RC_OK);
	return r->id;
}

/* ---- entries ---- */

struct found {
	char text[256]; /* "2,5," */
	unsigned stop_after;
};

static bool
add_id(void *arg, uint64_t id)
{
	struct found *f = arg;
	size_t n = strlen(f->text);

	snprintf(f->text + n, sizeof(f->text) - n, "%llu,", (unsigned long long)id);
	return f->stop_after == 0 || --f->stop_after > 0;
}

static void
expect_at_line(struct bed *b, const char *authority, const char *ids, int line)
{
	struct found f = { "", 0 };

	ck_assert_int_eq(repo_reached(b->tx, slice_of(authority), add_id, &f), RC_OK);
	ck_assert_msg(strcmp(f.text, ids) == 0, "line %d: %s: %s", line, authority, f.text);
}

#define expect_at(b, authority, ids) expect_at_line(b, authority, ids, __LINE__)

struct keys {
	struct repo_key at[4 * MANY];
	size_t n;
};

static bool
take_key(void *arg, struct slice key, struct slice val)
{
	struct keys *k = arg;

	(void)val;
	ck_assert_uint_lt(k->n, sizeof(k->at) / sizeof(k->at[0]));
	k->at[k->n].n = 0;
	key_text(&k->at[k->n++], key);
	return true;
}

static void
entries(struct bed *b, struct keys *k)
{
	k->n = 0;
	ck_assert_int_eq(b->ops.scan(b->tx->txn, SLICE_LIT("A"), SLICE_LIT("B"), false, 0, take_key, k),
	                 RC_OK);
}

static void
expect_entries(struct bed *b, size_t n)
{
	struct keys *k = malloc(sizeof(*k));

	ck_assert_ptr_nonnull(k);
	entries(b, k);
	ck_assert_uint_eq(k->n, n);
	free(k);
}

static void
begin(struct bed *b, int engine)
{
	bed_init(b, engine, 16);
	bed_root(b);
	bed_write(b);
}

static void
end(struct bed *b)
{
	bed_commit(b);
	bed_clean(b);
	bed_fini(b);
}

/* ---- what is in it ---- */

START_TEST(entries_follow_the_resource)
{
	struct res *scl, *poc, *old;
	struct bed b;

	begin(&b, _i);
	scl = scl_of(&b, "gw", "https://gw.example/m2m");
	add_poc_text(&b, scl, "http://old.example:8080/");
	ck_assert_uint_eq(insert(&b, scl), 2);
	ck_assert_uint_eq(insert(&b, poc_of(&b, 2, "p", "http://contact.example/x")), 3);
	ck_assert_uint_eq(insert(&b, scl_of(&b, "other", "https://contact.example/m2m")), 4);
	expect_at(&b, "gw.example", "2,");
	expect_at(&b, "old.example:8080", "2,");
	expect_at(&b, "contact.example", "3,4,");
	expect_at(&b, "nobody.example", "");
	bed_request(&b);
	ck_assert_int_eq(repo_get(b.tx, 2, &old), RC_OK);
	ck_assert_int_eq(repo_get(b.tx, 2, &scl), RC_OK);
	val_remove(&scl->vals, A_POCS);
	add_poc_text(&b, scl, "http://new.example/");
	ck_assert_int_eq(repo_update(b.tx, old, scl), RC_OK);
	expect_at(&b, "gw.example", "2,");
	expect_at(&b, "old.example:8080", "");
	expect_at(&b, "new.example", "2,");
	bed_request(&b);
	ck_assert_int_eq(repo_get(b.tx, 3, &old), RC_OK);
	poc = poc_of(&b, 2, "p", "http://elsewhere.example");
	poc->id = 3;
	ck_assert_int_eq(repo_update(b.tx, old, poc), RC_OK);
	expect_at(&b, "contact.example", "4,");
	expect_at(&b, "elsewhere.example", "3,");
	ck_assert_int_eq(repo_remove(b.tx, poc), RC_OK);
	expect_at(&b, "elsewhere.example", "");
	expect_entries(&b, 3);
	bed_request(&b);
	ck_assert_int_eq(repo_get(b.tx, 2, &old), RC_OK);
	ck_assert_int_eq(repo_remove(b.tx, old), RC_OK);
	expect_entries(&b, 1);
	end(&b);
}
END_TEST

/* An update of something else writes no entry. */
START_TEST(other_values_leave_it_alone)
{
	struct res *poc, *old;
	struct bed b;

	begin(&b, BED_MEMORY);
	insert(&b, scl_of(&b, "gw", "https://gw.example/m2m"));
	insert(&b, poc_of(&b, 2, "p", "http://contact.example/x"));
	bed_request(&b);
	ck_assert_int_eq(repo_get(b.tx, 3, &old), RC_OK);
	ck_assert_int_eq(repo_get(b.tx, 3, &poc), RC_OK);
	ck_assert(val_set_num(b.arena, &poc->vals, A_ONLINE_STATUS, NOT_REACHABLE));
	ck_assert_int_eq(repo_update(b.tx, old, poc), RC_OK);
	ck_assert_ptr_nonnull(b.tx->undo);
	ck_assert_ptr_null(b.tx->undo->next);
	expect_at(&b, "contact.example", "3,");
	end(&b);
}
END_TEST

static const struct {
	const char *uri, *authority;
} forms[] = {
	{ "https://gw.example/m2m", "gw.example" },
	{ "HTTPS://GW.Example", "gw.example" },
	{ "https://gw.example:443/", "gw.example" },
	{ "http://gw.example:80/a/b?c=d", "gw.example" },
	{ "http://gw.example:443/", "gw.example:443" },
	{ "http://gw.example:/", "gw.example" },
	{ "http://gw.example:8080", "gw.example:8080" },
	{ "coap://gw.example:5683", "gw.example" },
	{ "http://user:word@gw.example:81/", "gw.example:81" },
	{ "http://192.0.2.1:8080/m2m", "192.0.2.1:8080" },
	{ "https://[2001:DB8::A]:443/m2m", "[2001:db8::a]" },
	{ "https://[2001:db8::a]:8443", "[2001:db8::a]:8443" },
};

START_TEST(forms_of_an_authority)
{
	const char *uri = forms[_i].uri, *authority = forms[_i].authority;
	struct res *scl;
	struct bed b;

	begin(&b, BED_MEMORY);
	ck_assert(slice_is(uri_authority(b.arena, slice_of(uri)), authority));
	insert(&b, scl_of(&b, "link", uri));
	insert(&b, poc_of(&b, 2, "contact", uri));
	scl = scl_of(&b, "pocs", "http://nobody.example/");
	add_poc_text(&b, scl, uri);
	insert(&b, scl);
	expect_at(&b, authority, "2,3,4,");
	expect_entries(&b, 4);
	end(&b);
}
END_TEST

START_TEST(what_is_not_reached)
{
	static const char *const none[] = { "", "no uri", "/path", "http://", "http://gw.example/%zz",
		                            "http://a b/", "http://h:123456/", "mailto:a@b" };
	struct res *r;
	char name[8];
	struct bed b;

	begin(&b, BED_MEMORY);
	for (unsigned i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		snprintf(name, sizeof(name), "%u", i);
		insert(&b, scl_of(&b, name, none[i]));
		insert(&b, poc_of(&b, 2, name, none[i]));
	}
	insert(&b, bed_res(&b, T_SCL, ID_SCL_BASE, T_SCLS, "bare"));
	insert(&b, bed_res(&b, T_M2M_POC, 2, T_M2M_POCS, "bare"));
	r = bed_res(&b, T_M2M_POC, 2, T_M2M_POCS, "other");
	val_add(b.arena, &r->vals, A_CONTACT_INFO);
	insert(&b, r);
	r = bed_res(&b, T_APPLICATION_ANNC, 2, T_APPLICATIONS, "announced");
	ck_assert(val_set_text(b.arena, &r->vals, A_LINK, SLICE_LIT("http://gw.example/")));
	insert(&b, r);
	expect_entries(&b, 0);
	repo_abort(b.tx);
	bed_fini(&b);
}
END_TEST

START_TEST(twice_is_once)
{
	struct res *scl, *old;
	struct bed b;

	begin(&b, _i);
	scl = scl_of(&b, "gw", "https://gw.example/m2m");
	add_poc_text(&b, scl, "http://gw.example/");
	add_poc_text(&b, scl, "http://GW.example:80/");
	insert(&b, scl);
	expect_at(&b, "gw.example", "2,");
	ck_assert_int_eq(repo_get(b.tx, 2, &old), RC_OK);
	ck_assert_int_eq(repo_get(b.tx, 2, &scl), RC_OK);
	val_remove(&scl->vals, A_POCS);
	ck_assert_int_eq(repo_update(b.tx, old, scl), RC_OK);
	expect_at(&b, "gw.example", "2,");
	ck_assert_int_eq(repo_remove(b.tx, scl), RC_OK);
	expect_entries(&b, 0);
	end(&b);
}
END_TEST

/* What begins or ends alike is another host. */
START_TEST(no_other_host)
{
	struct found first = { "", 1 };
	struct bed b;

	begin(&b, _i);
	insert(&b, scl_of(&b, "a", "http://gw/"));
	insert(&b, scl_of(&b, "b", "http://gw:8080/"));
	insert(&b, scl_of(&b, "c", "http://gw.example/"));
	insert(&b, scl_of(&b, "d", "http://GW/"));
	expect_at(&b, "gw", "2,5,");
	expect_at(&b, "gw:8080", "3,");
	expect_at(&b, "gw.example", "4,");
	expect_at(&b, "g", "");
	expect_at(&b, "w", "");
	expect_at(&b, "", "");
	ck_assert_int_eq(repo_reached(b.tx, SLICE_LIT("gw"), add_id, &first), RC_OK);
	ck_assert_str_eq(first.text, "2,");
	end(&b);
}
END_TEST

/* Longer than a key has room for: it is not said that nobody is there. */
START_TEST(long_authorities)
{
	char text[REPO_AUTHORITY_MAX + 2], link[sizeof(text) + 8];
	struct found f = { "", 0 };
	struct bed b;

	begin(&b, _i);
	memset(text, 'h', sizeof(text));
	text[REPO_AUTHORITY_MAX + 1] = '\0';
	snprintf(link, sizeof(link), "http://%s", text);
	insert(&b, scl_of(&b, "longer", link));
	ck_assert_int_eq(repo_reached(b.tx, slice_of(text), add_id, &f), RC_UNAVAILABLE);
	expect_entries(&b, 0);
	text[REPO_AUTHORITY_MAX] = '\0';
	snprintf(link, sizeof(link), "http://%s", text);
	insert(&b, scl_of(&b, "long", link));
	expect_at(&b, text, "3,");
	end(&b);
}
END_TEST

/* ---- what is taken back ---- */

static void
write_all(struct bed *b)
{
	struct res *scl, *old;

	insert(b, scl_of(b, "new", "https://new.example/m2m"));
	insert(b, poc_of(b, 2, "new", "https://new.example"));
	ck_assert_int_eq(repo_get(b->tx, 2, &old), RC_OK);
	ck_assert_int_eq(repo_get(b->tx, 2, &scl), RC_OK);
	ck_assert(val_set_text(b->arena, &scl->vals, A_LINK, SLICE_LIT("https://moved.example/m2m")));
	ck_assert_int_eq(repo_update(b->tx, old, scl), RC_OK);
	ck_assert_int_eq(repo_get(b->tx, 3, &old), RC_OK);
	ck_assert_int_eq(repo_remove(b->tx, old), RC_OK);
}

START_TEST(a_refused_request_leaves_no_entry)
{
	struct buf before, after;
	struct bed b;

	begin(&b, _i);
	insert(&b, scl_of(&b, "gw", "https://gw.example/m2m"));
	insert(&b, poc_of(&b, 2, "p", "http://contact.example/"));
	before = bed_dump(&b);
	bed_request(&b);
	write_all(&b);
	expect_at(&b, "new.example", "4,5,");
	expect_at(&b, "gw.example", "");
	expect_at(&b, "moved.example", "2,");
	expect_at(&b, "contact.example", "");
	ck_assert_int_eq(repo_rollback(b.tx), RC_OK);
	after = bed_dump(&b);
	bed_same(&before, &after);
	buf_fini(&before);
	buf_fini(&after);
	end(&b);
}
END_TEST

/* Without memory a registration fails; it is not half done. */
START_TEST(nothing_is_lost_for_want_of_memory)
{
	enum rc rc = RC_UNAVAILABLE;
	unsigned refused = 0;
	struct res *scl;
	struct bed b;

	begin(&b, BED_MEMORY);
	scl = scl_of(&b, "gw", "https://gw.example/m2m");
	for (size_t n = 0; rc != RC_OK; n += 8) {
		struct arena *small = arena_new(n), *all;

		repo_request(b.tx, b.arena);
		all = repo_set_arena(b.tx, small);
		scl->id = ID_NONE;
		rc = repo_insert(b.tx, scl);
		repo_set_arena(b.tx, all);
		arena_free(small);
		ck_assert(rc == RC_OK || rc == RC_UNAVAILABLE);
		if (rc == RC_OK)
			break;
		refused++;
		ck_assert_int_eq(repo_rollback(b.tx), RC_OK);
		expect_entries(&b, 0);
	}
	ck_assert_uint_gt(refused, 1);
	expect_at(&b, "gw.example", "2,");
	end(&b);
}
END_TEST

/* ---- stores of format 1 ---- */

static void
furnish(struct bed *b)
{
	char name[16], link[64];
	struct res *r;

	bed_root(b);
	bed_write(b);
	insert(b, bed_res(b, T_APPLICATION, ID_SCL_BASE, T_APPLICATIONS, "app"));
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "gw-%u", i);
		snprintf(link, sizeof(link), "https://gw-%u.example/m2m", i);
		r = scl_of(b, name, link);
		if (i % 3 == 0)
			add_poc_text(b, r, "http://shared.example/");
		if (i % 5 == 0)
			r->expires = repo_now(b->tx) + 1 + i;
		insert(b, poc_of(b, insert(b, r), "p", "http://contact.example:8080/"));
	}
	bed_commit(b);
	bed_clean(b);
	/* Some have expired and are there still. */
	b->clock.now += MANY;
}

static struct buf
dump(struct bed *b)
{
	struct buf all;

	bed_read(b);
	all = bed_dump(b);
	bed_end(b);
	return all;
}

/* As the program before would have written it. */
static void
make_format_1(struct bed *b)
{
	struct keys *k = malloc(sizeof(*k));

	ck_assert_ptr_nonnull(k);
	bed_read(b);
	entries(b, k);
	bed_end(b);
	ck_assert_uint_gt(k->n, MANY);
	for (size_t i = 0; i < k->n; i++)
		bed_cut(b, key_view(&k->at[i]));
	free(k);
	bed_poke(b, SLICE_LIT("Mformat"), FORMAT_1, true);
}

static void
expect_dump(struct bed *b, const struct buf *expected)
{
	struct buf now = dump(b);

	bed_same(expected, &now);
	buf_fini(&now);
}

START_TEST(an_old_store_is_brought_up_to_date)
{
	struct buf whole;
	struct bed b;

	bed_init(&b, _i, 16);
	furnish(&b);
	whole = dump(&b);
	make_format_1(&b);
	bed_reopen(&b);
	ck_assert(!repo_is_fresh(b.repo));
	ck_assert_uint_eq(repo_format_found(b.repo), 1);
	expect_dump(&b, &whole);
	bed_clean(&b);
	bed_reopen(&b);
	ck_assert_uint_eq(repo_format_found(b.repo), REPO_FORMAT);
	expect_dump(&b, &whole);
	bed_write(&b);
	ck_assert_uint_eq(insert(&b, scl_of(&b, "next", "https://next.example/m2m")), 2 * MANY + 3);
	bed_commit(&b);
	bed_clean(&b);
	buf_fini(&whole);
	bed_fini(&b);
}
END_TEST

static void
refuse_to_open(struct bed *b, enum rc expected, const char *text)
{
	char why[256] = "";

	repo_close(b->repo);
	b->repo = NULL;
	ck_assert_int_eq(repo_open(&b->conf, &b->repo, why), expected);
	ck_assert_msg(strstr(why, text) != NULL, "why: %s", why);
}

/* The store as it is, whatever its format. */
static void
open_to_read(struct bed *b)
{
	b->conf.store.read_only = true;
	bed_open(b);
	b->conf.store.read_only = false;
}

START_TEST(an_upgrade_that_fails_changes_nothing)
{
	struct buf whole, old;
	struct bed b;

	bed_init(&b, _i, 16);
	furnish(&b);
	whole = dump(&b);
	make_format_1(&b);
	old = dump(&b);
	/* The last one is that of the format. */
	for (long puts = 0; puts <= 350; puts += 50) {
		bed_fail_after(puts);
		refuse_to_open(&b, RC_UNAVAILABLE, "cannot be brought from format 1 to 2");
		bed_fail_after(-1);
		open_to_read(&b);
		expect_dump(&b, &old);
	}
	bed_reopen(&b);
	expect_dump(&b, &whole);
	buf_fini(&whole);
	buf_fini(&old);
	bed_fini(&b);
}
END_TEST

START_TEST(an_old_store_that_is_read)
{
	struct found f = { "", 0 };
	struct buf old;
	bool seen;
	struct bed b;

	bed_init(&b, _i, 16);
	furnish(&b);
	make_format_1(&b);
	old = dump(&b);
	repo_close(b.repo);
	open_to_read(&b);
	bed_clean(&b);
	expect_dump(&b, &old);
	bed_read(&b);
	ck_assert_int_eq(repo_reached(b.tx, SLICE_LIT("gw-1.example"), add_id, &f), RC_UNAVAILABLE);
	bed_end(&b);
	repo_close(b.repo);
	bed_open(&b);
	bed_poke(&b, SLICE_LIT("Mformat"), FORMAT_1, true);
	repo_close(b.repo);
	open_to_read(&b);
	/* What it has is right all the same. */
	bed_clean(&b);
	repo_close(b.repo);
	bed_open(&b);
	bed_poke(&b, SLICE_LIT("Mformat"), SLICE_LIT("\0\0\0\0\0\0\0\3"), true);
	bed_check(&b, "no format number", &seen);
	ck_assert(seen);
	buf_fini(&old);
	bed_fini(&b);
}
END_TEST

/* The list of a type names what is no node of it, or a node that is not readable. */
static void
damage(struct bed *b, int how)
{
	struct repo_key k;

	if (how == 2) {
		type_key(&k, T_SCL, 2);
		bed_poke(b, key_view(&k), SLICE_NONE, true);
		return;
	}
	key_id(&k, SPACE_NODE, 3);
	if (how == 0)
		bed_poke(b, key_view(&k), SLICE_LIT("rubbish"), false);
	else
		bed_cut(b, key_view(&k));
}

START_TEST(an_old_store_that_is_damaged)
{
	struct buf old;
	struct bed b;

	bed_init(&b, BED_LMDB, 16);
	furnish(&b);
	make_format_1(&b);
	damage(&b, _i);
	old = dump(&b);
	refuse_to_open(&b, RC_INTERNAL, _i == 2 ? "node 2 is damaged" : "node 3 is damaged");
	open_to_read(&b);
	expect_dump(&b, &old);
	buf_fini(&old);
	bed_fini(&b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("repo_authority");
	TCase *c = tcase_create("all");

	tcase_set_timeout(c, 300);
	tcase_add_loop_test(c, entries_follow_the_resource, BED_MEMORY, BED_ENGINES);
	tcase_add_test(c, other_values_leave_it_alone);
	tcase_add_loop_test(c, forms_of_an_authority, 0, sizeof(forms) / sizeof(forms[0]));
	tcase_add_test(c, what_is_not_reached);
	tcase_add_loop_test(c, twice_is_once, BED_MEMORY, BED_ENGINES);
	tcase_add_loop_test(c, no_other_host, BED_MEMORY, BED_ENGINES);
	tcase_add_loop_test(c, long_authorities, BED_MEMORY, BED_ENGINES);
	tcase_add_loop_test(c, a_refused_request_leaves_no_entry, BED_MEMORY, BED_ENGINES);
	tcase_add_test(c, nothing_is_lost_for_want_of_memory);
	tcase_add_loop_test(c, an_old_store_is_brought_up_to_date, BED_MEMORY, BED_ENGINES);
	tcase_add_loop_test(c, an_upgrade_that_fails_changes_nothing, BED_MEMORY, BED_ENGINES);
	tcase_add_loop_test(c, an_old_store_that_is_read, BED_MEMORY, BED_ENGINES);
	tcase_add_loop_test(c, an_old_store_that_is_damaged, 0, 3);
	suite_add_tcase(s, c);
	return run_suite(s);
}
