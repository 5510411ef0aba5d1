/* SPDX-License-Identifier: Apache-2.0 */
/* Whole configurations: access rights, what is written of them, changes at run time, files. */
#include "config.h"

#include <inttypes.h>
#include <unistd.h>

#include "options_bed.h"

#define CONTRACT                                                                                   \
	"scl = { id = \"nscl.example.org\"; base = \"m2m\"; };\n"                                      \
	"store = { engine = \"lmdb\"; path = \"/var/lib/openscl/nscl\"; };\n"                          \
	"listeners = ( { address = \"127.0.0.1\"; port = 0; security = \"none\";\n"                    \
	"    serve = [ \"mia\", \"mid\" ]; } );\n"                                                     \
	"register = { nscl = [ \"http://127.0.0.1:18080/m2m\" ]; lifetime = 1800; };\n"                \
	"access_rights = ( { id = \"default\"; permissions = ( { id = \"everyone\";\n"                 \
	"    flags = [ \"READ\",\"WRITE\",\"CREATE\",\"DELETE\",\"DISCOVER\" ];\n"                     \
	"    holders = { all = true; domains = ( \"a.b\", \"c\" ); refs = [ \"http://a/m2m\" ];\n"     \
	"        applications = [ \"app\" ]; scls = [ \"gw\" ]; }; } );\n"                             \
	"  self_permissions = ( { id = \"everyone\"; flags = [ \"READ\" ];\n"                          \
	"    holders = { all = true; }; } ); },\n"                                                     \
	"  { id = \"empty\"; } );\n"                                                                   \
	"default_access_right = \"default\";\n"                                                        \
	"log = { level = \"info\"; };\n"

START_TEST(access_rights_are_read)
{
	struct options *o = load_text(CONTRACT);
	const struct options_access_right *r;
	const struct options_permission *p;

	ck_assert_msg(o != NULL, "%s", errors.p);
	ck_assert_int_eq((int)o->access_rights.n, 2);
	r = &o->access_rights.v[0];
	ck_assert_str_eq(r->id, "default");
	ck_assert_int_eq((int)r->permissions.n, 1);
	p = &r->permissions.v[0];
	ck_assert_str_eq(p->id, "everyone");
	ck_assert_int_eq((int)p->flags, OPTIONS_READ | OPTIONS_WRITE | OPTIONS_CREATE |
	                                        OPTIONS_DELETE | OPTIONS_DISCOVER);
	ck_assert(p->holders.all);
	ck_assert_int_eq((int)p->holders.domains.n, 2);
	ck_assert_str_eq(p->holders.domains.v[1], "c");
	ck_assert_str_eq(p->holders.refs.v[0], "http://a/m2m");
	ck_assert_str_eq(p->holders.applications.v[0], "app");
	ck_assert_str_eq(p->holders.scls.v[0], "gw");
	ck_assert_int_eq((int)r->self_permissions.v[0].flags, OPTIONS_READ);
	ck_assert_int_eq((int)o->access_rights.v[1].permissions.n, 0);
	ck_assert_int_eq((int)o->listeners.v[0].serve, SERVE_MIA | SERVE_MID);
	ck_assert_int_eq(o->register_at.lifetime_ms, 1800 * 1000);
	options_free(o);
}
END_TEST

START_TEST(bad_access_rights_are_reported)
{
	expect_error("access_rights = (\n { permissions = ( ); } );",
	             "<text>:2: access_rights[0].id: is missing\n");
	expect_error("access_rights = ( { id = \"a\"; },\n { id = \"a\"; } );",
	             "<text>:2: two access rights with the id a\n");
	expect_error("access_rights = ( { id = \"a\"; permissions = ( { id = \"p\"; },\n"
	             "{ id = \"p\"; } ); } );",
	             "<text>:1: two permissions with the id p\n");
	expect_error("access_rights = ( { id = \"a\"; self_permissions = (\n { id = \"p\";\n"
	             "flags = [ \"EXECUTE\" ]; } ); } );",
	             "<text>:3: access_rights[0].self_permissions[0].flags: must be one of READ, ");
	expect_error("access_rights = ( { id = \"a\"; permissions = ( { id = \"p\";\n"
	             "holders = { al = true; }; } ); } );",
	             "<text>:2: unknown option access_rights[0].permissions[0].holders.al\n");
	expect_error("access_rights = ( { id = \"a/b\"; } );", "access_rights[0].id: must be letters");
}
END_TEST

/* Settings of every kind away from the defaults. */
#define VARIED                                                                                     \
	"scl = { search_strings = [ \"a \\\"b\\\" \\\\ c\", \"\xc3\xa4\" ]; own_names = ( \"x:1\" ); };\n" \
	"store = { max_bytes = 10000000000L; cache_bytes = \"3 GiB\"; write_buffer_bytes = 1025; };\n" \
	"http = { min_rate = 0; idle_timeout = \"1500 ms\"; header_timeout = 90; };\n"                 \
	"lifetime = { default = \"36 h\"; max = 0; };\n"                                               \
	"container = { max_nr_max = 9223372036854775807L; max_bytes_max = 0x7fffffffffffffffL; };\n"

static const char *const fixpoints[] = { "", CONTRACT, VARIED };

START_TEST(dump_reads_back_to_the_same)
{
	struct options *a = load_text(fixpoints[_i]), *b;
	char *first, *second;

	ck_assert_msg(a != NULL, "%s", errors.p);
	first = dump(a, &profile, OPTIONS_EFFECTIVE);
	b = load_text(first);
	ck_assert_msg(b != NULL, "%s\n%s", errors.p, first);
	second = dump(b, &profile, OPTIONS_EFFECTIVE);
	ck_assert_str_eq(first, second);
	for (size_t i = 0; i < opt_options.n; i++) {
		struct buf x, y;

		buf_init(&x, TEXT_MAX);
		buf_init(&y, TEXT_MAX);
		opt_write_value(&opt_options.rows[i], a, 0, &x);
		opt_write_value(&opt_options.rows[i], b, 0, &y);
		ck_assert(slice_eq(buf_view(&x), buf_view(&y)));
		buf_fini(&x);
		buf_fini(&y);
	}
	free(first);
	free(second);
	options_free(a);
	options_free(b);
}
END_TEST

START_TEST(dump_and_help_name_every_option)
{
	const char *path = opt_options.rows[_i].path, *leaf = strrchr(path, '.');
	struct options *o = load_text("");
	char *text = dump(o, &profile, OPTIONS_EFFECTIVE);
	char line[128];
	struct buf b;

	snprintf(line, sizeof(line), "%s = ", leaf == NULL ? path : leaf + 1);
	ck_assert_ptr_nonnull(strstr(text, line));
	buf_init(&b, TEXT_MAX);
	options_write_help(&profile, &b);
	buf_char(&b, '\0');
	snprintf(line, sizeof(line), "  %s (", path);
	ck_assert_ptr_nonnull(strstr(b.p, line));
	buf_clear(&b);
	options_write_man(&profile, &b);
	buf_char(&b, '\0');
	snprintf(line, sizeof(line), ".TP\n.B %s\n", path);
	ck_assert_ptr_nonnull(strstr(b.p, line));
	buf_fini(&b);
	free(text);
	options_free(o);
}
END_TEST

START_TEST(sample_differs_from_defaults_by_its_examples)
{
	struct options *o = load_text(""), *sample;
	char *text = dump(o, &profile, OPTIONS_SAMPLE);

	sample = load_text(text);
	ck_assert_msg(sample != NULL, "%s", errors.p);
	for (size_t i = 0; i < opt_options.n; i++) {
		const struct opt_row *row = &opt_options.rows[i];
		struct buf x, y;

		buf_init(&x, TEXT_MAX);
		buf_init(&y, TEXT_MAX);
		opt_write_value(row, o, 0, &x);
		opt_write_value(row, sample, 0, &y);
		ck_assert_msg(slice_eq(buf_view(&x), buf_view(&y)) || row->example != NULL, "%s",
		              row->path);
		buf_fini(&x);
		buf_fini(&y);
	}
	ck_assert_str_eq(sample->default_access_right, sample->access_rights.v[0].id);
	free(text);
	options_free(o);
	options_free(sample);
}
END_TEST

struct seen {
	char text[256];
};

static void
on_change(void *arg, const char *path, bool applied)
{
	struct seen *seen = arg;
	size_t n = strlen(seen->text);

	snprintf(seen->text + n, sizeof(seen->text) - n, "%s%s ", applied ? "+" : "-", path);
}

START_TEST(merge_takes_over_what_is_reloadable)
{
	struct options *cur = load_text("scl = { id = \"a\"; }; limits = { depth = 8; };");
	struct options *next = load_text(
		"scl = { id = \"b\"; search_strings = [ \"x\" ]; }; limits = { depth = 9; };"
		"log = { level = \"debug\"; }; listeners = ( { port = 1; }, { port = 2; } );");
	struct seen seen = { "" };

	buf_clear(&errors);
	ck_assert(options_merge(next, cur, &profile, on_change, &seen, &errors));
	ck_assert_str_eq(seen.text,
	                 "-scl.id -scl.search_strings -listeners +limits.depth +log.level ");
	ck_assert_str_eq(next->scl.id, "a");
	ck_assert_int_eq((int)next->scl.search_strings.n, 0);
	ck_assert_int_eq(next->limits.depth, 9);
	ck_assert_int_eq(next->log.level, LOG_LEVEL_DEBUG);
	ck_assert_int_eq((int)next->listeners.n, 1);
	ck_assert_int_eq(next->listeners.v[0].port, 8080);
	options_free(next);
	options_free(cur);
}
END_TEST

START_TEST(merge_of_the_same_changes_nothing)
{
	struct options *cur = load_text(CONTRACT), *next = load_text(CONTRACT);
	struct seen seen = { "" };

	buf_clear(&errors);
	ck_assert(options_merge(next, cur, &profile, on_change, &seen, &errors));
	ck_assert_str_eq(seen.text, "");
	options_free(next);
	options_free(cur);
}
END_TEST

/* Both files are good; what a running daemon may take of the second contradicts the first. */
START_TEST(merge_refuses_a_contradiction)
{
	struct options *cur = load_text("");
	struct options *next = load_text("limits = { arena_max = \"1 GiB\"; body_max = \"512 MiB\"; };");
	struct seen seen = { "" };

	ck_assert_msg(next != NULL, "%s", errors.p);
	buf_clear(&errors);
	ck_assert(!options_merge(next, cur, &profile, on_change, &seen, &errors));
	buf_char(&errors, '\0');
	ck_assert(reported("limits.body_max must not be above limits.arena_max"));
	options_free(next);
	options_free(cur);
}
END_TEST

static void
write_file(const char *dir, const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
}

static void
expect_file_error(const char *dir, const char *name, const char *line)
{
	char path[128];
	const struct options_source src = { .profile = &profile, .file = path };

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	buf_clear(&errors);
	ck_assert_ptr_null(options_load(&src, &errors));
	buf_char(&errors, '\0');
	ck_assert_msg(reported(line), "%s", errors.p);
}

START_TEST(files_are_named_in_errors)
{
	char dir[] = "/tmp/test_options.XXXXXX", path[128];

	ck_assert_ptr_nonnull(mkdtemp(dir));
	write_file(dir, "a.conf", "\n@include \"b.conf\"\nscl = { bas = 1; };\n");
	write_file(dir, "b.conf", "log = {\n level = 1; };\n");
	write_file(dir, "c.conf", "log = {\n\n level = ; };\n");
	expect_file_error(dir, "a.conf", "/a.conf:3: unknown option scl.bas\n");
	expect_file_error(dir, "a.conf", "b.conf:2: log.level: a string is expected\n");
	expect_file_error(dir, "c.conf", "/c.conf:3: syntax error\n");
	expect_file_error(dir, "none", "/none: No such file or directory\n");
	expect_file_error(dir, "", "/: is a directory\n");
	for (const char *name = "abc"; *name != '\0'; name++) {
		snprintf(path, sizeof(path), "%s/%c.conf", dir, *name);
		unlink(path);
	}
	rmdir(dir);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("options_whole");
	TCase *tc = suite_case(s, "options_whole", setup, teardown);
	int n = (int)opt_options.n;

	tcase_add_loop_test(tc, dump_and_help_name_every_option, 0, n);
	tcase_add_test(tc, access_rights_are_read);
	tcase_add_test(tc, bad_access_rights_are_reported);
	tcase_add_test(tc, files_are_named_in_errors);
	tcase_add_loop_test(tc, dump_reads_back_to_the_same, 0, (int)NITEMS(fixpoints));
	tcase_add_test(tc, sample_differs_from_defaults_by_its_examples);
	tcase_add_test(tc, merge_takes_over_what_is_reloadable);
	tcase_add_test(tc, merge_of_the_same_changes_nothing);
	tcase_add_test(tc, merge_refuses_a_contradiction);
	return run_suite(s);
}
