/* SPDX-License-Identifier: Apache-2.0 */
/* What m2m-sink has received becomes files, or goes to a program: source by source, in turn. */
#include "config.h"

#include "cli/sink_out.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "px_in_bed.h"
#include "sec/hex.h"
#include "suite.h"

#define MANY 96u /* of the first source: three times what is handed out at a time */

static struct {
	struct px_in_bed in, other; /* two sources of one book */
	struct sink_out_source sources[2];
	struct sink_out *out;
	char program[300], said[300];
} t;

static void
setup(void)
{
	px_in_start(&t.in);
	t.other = t.in;
	t.other.source.v[15] ^= 1;
	t.sources[0] = (struct sink_out_source){ .url = "http://a/", .name = t.in.source };
	t.sources[1] = (struct sink_out_source){ .url = "http://b/", .name = t.other.source };
	snprintf(t.program, sizeof(t.program), "%s/program", t.in.base);
	snprintf(t.said, sizeof(t.said), "%s/said", t.in.base);
}

static void
start(bool files)
{
	const struct sink_out_conf conf = { .book = t.in.book,
		                            .sources = t.sources,
		                            .n_sources = 2,
		                            .dir = files ? t.in.base : NULL,
		                            .program = files ? NULL : t.program };

	ck_assert_int_eq(sink_out_start(&conf, &t.out), RC_OK);
}

static void
teardown(void)
{
	sink_out_stop(t.out);
	px_in_free(&t.in);
}

static void
await_empty(struct px_in_bed *of)
{
	struct px_in_count c;

	do {
		(void)usleep(1000);
		c = px_in_counts(of);
	} while (c.removed < c.queued);
}

/* ---- files ---- */

static void
expect_file(const struct px_in_bed *of, unsigned number, const char *text)
{
	char name[2 * PRE_SOURCE_SIZE + 1], path[400], got[64];
	struct stat st;
	size_t n;
	FILE *f;

	hex_encode(of->source.v, PRE_SOURCE_SIZE, name);
	snprintf(path, sizeof(path), "%s/%s/%u", of->base, name, number);
	f = fopen(path, "rb");
	ck_assert_msg(f != NULL, "%s", path);
	ck_assert_int_eq(fstat(fileno(f), &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	n = fread(got, 1, sizeof(got), f);
	ck_assert(slice_is(slice_make(got, n), text));
	ck_assert_int_eq(fclose(f), 0);
}

START_TEST(test_files)
{
	ck_assert_int_eq(px_in_put(&t.in, "one"), RC_OK);
	ck_assert_int_eq(px_in_put(&t.other, "other"), RC_OK);
	start(true);
	await_empty(&t.in);
	await_empty(&t.other);
	ck_assert_int_eq(px_in_put(&t.in, ""), RC_OK);
	sink_out_queued(t.out, 0);
	await_empty(&t.in);
	expect_file(&t.in, 1, "one");
	expect_file(&t.in, 2, "");
	expect_file(&t.other, 1, "other");
	ck_assert_uint_eq(px_in_counts(&t.in).applied, 2);
}
END_TEST

/* ---- programs ---- */

/* Says whose message it had. */
static void
make_program(void)
{
	FILE *f = fopen(t.program, "w");

	ck_assert_ptr_nonnull(f);
	fprintf(f, "#!/bin/sh\ncat >/dev/null\necho \"$M2M_SOURCE $M2M_NUMBER\" >>%s\n", t.said);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(chmod(t.program, 0700), 0);
}

/* One source that has much to say does not keep another one waiting. */
START_TEST(test_in_turn)
{
	unsigned at = 0, of_first = 0, number, b_at = 0;
	char url[32];
	FILE *f;

	for (unsigned n = 1; n <= MANY; n++)
		ck_assert_int_eq(px_in_put(&t.in, "a"), RC_OK);
	ck_assert_int_eq(px_in_put(&t.other, "b"), RC_OK);
	make_program();
	start(false);
	await_empty(&t.in);
	await_empty(&t.other);
	f = fopen(t.said, "r");
	ck_assert_ptr_nonnull(f);
	while (fscanf(f, "%31s %u", url, &number) == 2) {
		at++;
		if (strcmp(url, "http://b/") == 0)
			b_at = at;
		else
			ck_assert_uint_eq(number, ++of_first);
	}
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_uint_eq(of_first, MANY);
	ck_assert_uint_gt(b_at, 0);
	ck_assert_uint_lt(b_at, MANY);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sink_out");
	TCase *c = suite_case(s, "sink_out", setup, teardown);

	tcase_add_test(c, test_files);
	tcase_add_test(c, test_in_turn);
	return run_suite(s);
}
