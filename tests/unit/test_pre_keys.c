/* SPDX-License-Identifier: Apache-2.0 */
/* Files of keys: what is written is read again, and nothing else is. */
#include "config.h"

#include "pre/armour.h"
#include "pre_flow.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_MAX 8192u

static char dir[64];
static struct buf text;

static void
setup(void)
{
	pre_flow_setup();
	strcpy(dir, "/tmp/openscl-pre-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	buf_init(&text, TEXT_MAX);
	text.secret = true;
}

static const char *
path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void
teardown(void)
{
	(void)unlink(path_of("key"));
	ck_assert_int_eq(rmdir(dir), 0);
	buf_fini(&text);
	pre_flow_teardown();
}

/* ---- secret keys ---- */

START_TEST(an_identity)
{
	struct pre_identity *id, *again;
	uint8_t one[AFGH_SECRET], two[AFGH_SECRET];
	struct sign_public p, q;

	ck_assert_uint_eq(pre_identity_new(&id), RC_OK);
	ck_assert_uint_eq(pre_identity_write(id, &text), RC_OK);
	ck_assert_uint_eq(pre_key_write(path_of("key"), buf_view(&text), true), RC_OK);
	ck_assert_uint_eq(pre_identity_read(path_of("key"), &again), RC_OK);
	afgh_keys_write(pre_identity_keys(id), one);
	afgh_keys_write(pre_identity_keys(again), two);
	ck_assert_mem_eq(one, two, sizeof(one));
	sign_key_public(pre_identity_sign(id), &p);
	sign_key_public(pre_identity_sign(again), &q);
	ck_assert_mem_eq(&p, &q, sizeof(p));
	pre_identity_free(again);
	/* Not the same the next time. */
	ck_assert_uint_eq(pre_identity_new(&again), RC_OK);
	afgh_keys_write(pre_identity_keys(again), two);
	ck_assert_mem_ne(one, two, sizeof(one));
	pre_identity_free(again);
	pre_identity_free(id);
	pre_identity_free(NULL);
}
END_TEST

START_TEST(an_identity_that_only_receives)
{
	struct pre_identity *id, *again;
	uint8_t one[AFGH_SECRET], two[AFGH_SECRET];

	ck_assert_uint_eq(pre_identity_new(&id), RC_OK);
	ck_assert_uint_eq(pre_identity_write(id, &text), RC_OK);
	ck_assert_uint_eq(pre_key_write(path_of("key"), buf_view(&text), true), RC_OK);
	ck_assert_uint_eq(pre_identity_read(path_of("key"), &again), RC_OK);
	pre_identity_end_signing(again);
	ck_assert_ptr_null(pre_identity_sign(again));
	pre_identity_end_signing(again);
	afgh_keys_write(pre_identity_keys(id), one);
	afgh_keys_write(pre_identity_keys(again), two);
	ck_assert_mem_eq(one, two, sizeof(one));
	pre_identity_free(again);
	pre_identity_free(id);
}
END_TEST

START_TEST(a_secret_that_others_may_read)
{
	static const mode_t modes[] = { 0640, 0604, 0620, 0660, 0644, 0700 };
	struct pre_identity *id;

	ck_assert_uint_eq(pre_identity_new(&id), RC_OK);
	ck_assert_uint_eq(pre_identity_write(id, &text), RC_OK);
	pre_identity_free(id);
	ck_assert_uint_eq(pre_key_write(path_of("key"), buf_view(&text), true), RC_OK);
	for (size_t i = 0; i < NITEMS(modes); i++) {
		ck_assert_int_eq(chmod(path_of("key"), modes[i]), 0);
		ck_assert_uint_eq(pre_identity_read(path_of("key"), &id), RC_FORBIDDEN);
	}
	ck_assert_int_eq(chmod(path_of("key"), 0400), 0);
	ck_assert_uint_eq(pre_identity_read(path_of("key"), &id), RC_OK);
	pre_identity_free(id);
	ck_assert_uint_eq(pre_identity_read(path_of("none"), &id), RC_NOT_FOUND);
	ck_assert_ptr_null(id);
}
END_TEST

START_TEST(files_are_not_replaced)
{
	struct stat st;

	ck_assert_uint_eq(pre_key_write(path_of("key"), SLICE_LIT("x"), true), RC_OK);
	ck_assert_int_eq(stat(path_of("key"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert_uint_eq(pre_key_write(path_of("key"), SLICE_LIT("y"), true), RC_CONFLICT);
	ck_assert_int_eq(unlink(path_of("key")), 0);
	(void)umask(022);
	ck_assert_uint_eq(pre_key_write(path_of("key"), SLICE_LIT("x"), false), RC_OK);
	ck_assert_int_eq(stat(path_of("key"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0644);
	ck_assert_uint_eq(pre_key_write(path_of("none/key"), SLICE_LIT("x"), true), RC_NOT_FOUND);
	ck_assert_uint_eq(pre_key_write("/dev/full/x", SLICE_LIT("x"), true), RC_NOT_FOUND);
}
END_TEST

/* Half a file is none. */
START_TEST(a_disk_that_is_full)
{
	struct rlimit before, few;

	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
	few = (struct rlimit){ 10, before.rlim_max };
	ck_assert(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &few), 0);
	ck_assert_uint_eq(pre_key_write(path_of("key"), SLICE_LIT("eleven octets"), true),
	                  RC_NO_SPACE);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
	ck_assert_int_ne(access(path_of("key"), F_OK), 0);
	/* In the directory where the process is. */
	ck_assert_int_eq(chdir(dir), 0);
	ck_assert_uint_eq(pre_key_write("key", SLICE_LIT("eleven octets"), true), RC_OK);
	ck_assert_int_eq(access(path_of("key"), F_OK), 0);
}
END_TEST

/* ---- every change of a text ---- */

enum block { SECRET, PUBLIC, REKEY, KINDS };

static enum rc
parse(enum block kind, struct slice s)
{
	struct pre_identity *id;
	struct pre_public p;
	struct pre_rekey k;
	enum rc rc;

	if (kind == PUBLIC)
		return pre_public_parse(s, &p);
	if (kind == REKEY) {
		rc = pre_rekey_next(&s, &k);
		return rc == RC_OK && s.n > 0 ? pre_rekey_next(&s, &k) : rc;
	}
	rc = pre_identity_parse(s, &id);
	pre_identity_free(id);
	return rc;
}

static void
make(enum block kind)
{
	struct pre_rekey k = flow_rekey(&flow_sink, 5, 6);
	struct pre_identity *id;
	struct pre_public p;

	ck_assert_uint_eq(pre_identity_new(&id), RC_OK);
	ck_assert_uint_eq(pre_public_of(id, flow_afgh, PRE_PUBLIC_ALL, SLICE_LIT(FLOW_SOURCE), &p),
	                  RC_OK);
	if (kind == SECRET)
		ck_assert_uint_eq(pre_identity_write(id, &text), RC_OK);
	else if (kind == PUBLIC)
		ck_assert_uint_eq(pre_public_write(&p, &text), RC_OK);
	else
		ck_assert_uint_eq(pre_rekey_write(&k, &text), RC_OK);
	pre_identity_free(id);
	ck_assert_uint_eq(parse(kind, buf_view(&text)), RC_OK);
}

/* The same digits in other lines. */
START_TEST(other_lines)
{
	struct buf other;
	size_t line;

	make((enum block)_i);
	line = (size_t)((char *)memchr(text.p, '\n', text.n) - text.p) + 1;
	buf_init(&other, TEXT_MAX);
	buf_add(&other, text.p, line + 2);
	buf_char(&other, '\n');
	buf_add(&other, text.p + line + 2, text.n - line - 2);
	ck_assert_uint_eq(parse((enum block)_i, buf_view(&other)), RC_BAD_REQUEST);
	buf_fini(&other);
}
END_TEST

START_TEST(changed_texts)
{
	enum block kind = (enum block)_i;

	make(kind);
	for (size_t i = 0; i < text.n; i++) {
		char was = text.p[i];

		for (unsigned bit = 0; bit < 8; bit++) {
			text.p[i] = (char)(was ^ (char)(1u << bit));
			/* Digits of either case are the same. */
			if ((was < 'a' || was > 'f' || bit != 5))
				ck_assert_uint_eq(parse(kind, buf_view(&text)), RC_BAD_REQUEST);
		}
		text.p[i] = was;
	}
	for (size_t n = 1; n < text.n; n++)
		ck_assert_uint_eq(parse(kind, slice_head(buf_view(&text), n)), RC_BAD_REQUEST);
	ck_assert_uint_eq(parse(kind, SLICE_NONE), kind == REKEY ? RC_NOT_FOUND : RC_BAD_REQUEST);
	buf_char(&text, '\n');
	ck_assert_uint_eq(parse(kind, buf_view(&text)), RC_BAD_REQUEST);
	for (int other = 0; other < KINDS; other++)
		if (other != _i)
			ck_assert_uint_eq(parse((enum block)other, buf_view(&text)),
			                  RC_BAD_REQUEST);
}
END_TEST

static const char *const kinds[KINDS] = { "SECRET KEY", "PUBLIC KEY", "RE-ENCRYPTION KEY" };

/* The octets of a text, without their check. */
static size_t
body_of(enum block kind, uint8_t *out, size_t max)
{
	struct slice rest = buf_view(&text);
	struct buf body;
	size_t n;

	buf_init(&body, max);
	ck_assert_uint_eq(armour_read(&rest, kinds[kind], &body), RC_OK);
	n = body.n;
	memcpy(out, body.p, n);
	buf_fini(&body);
	return n;
}

static enum rc
parse_body(enum block kind, const uint8_t *body, size_t n)
{
	buf_clear(&text);
	ck_assert_uint_eq(armour_write(kinds[kind], slice_make(body, n), &text), RC_OK);
	return parse(kind, buf_view(&text));
}

/* A text without a fault, whose octets are no key: of another version or suite, longer, shorter. */
START_TEST(bodies_that_are_none)
{
	enum block kind = (enum block)_i;
	uint8_t body[ARMOUR_MAX];
	size_t n;

	make(kind);
	n = body_of(kind, body, sizeof(body));
	ck_assert_uint_eq(parse_body(kind, body, n), RC_OK);
	for (size_t i = 0; i < 2; i++) {
		body[i]++;
		ck_assert_uint_eq(parse_body(kind, body, n), RC_BAD_REQUEST);
		body[i]--;
	}
	body[n] = 0;
	ck_assert_uint_eq(parse_body(kind, body, n + 1), RC_BAD_REQUEST);
	for (size_t k = 1; k < n; k++)
		ck_assert_uint_eq(parse_body(kind, body, k), RC_BAD_REQUEST);
	/* The last octets of all three are those of a key. */
	memset(body + n - 32, 0, 32);
	if (kind != SECRET)
		ck_assert_uint_eq(parse_body(kind, body, n), RC_BAD_REQUEST);
}
END_TEST

START_TEST(public_bodies)
{
	uint8_t body[ARMOUR_MAX] = { 1, 1 };

	ck_assert_uint_eq(parse_body(PUBLIC, body, 5), RC_OK);
	body[2] = 8;
	ck_assert_uint_eq(parse_body(PUBLIC, body, 5), RC_BAD_REQUEST);
	body[2] = 0;
	memset(body + 5, 'a', PRE_URL_MAX + 1);
	body[3] = PRE_URL_MAX >> 8;
	ck_assert_uint_eq(parse_body(PUBLIC, body, 5 + PRE_URL_MAX), RC_OK);
	body[4] = 1;
	ck_assert_uint_eq(parse_body(PUBLIC, body, 5 + PRE_URL_MAX + 1), RC_BAD_REQUEST);
}
END_TEST

/* Octets have one text: each line but the last has 64 digits. */
START_TEST(lines)
{
	static const char begin[] = "-----BEGIN M2PRE PUBLIC KEY-----\n";
	size_t at = sizeof(begin) - 1;
	char *copy;

	make(PUBLIC);
	copy = malloc(text.n + 1);
	/* A line feed more: 62 and 2 digits; one less: 128 digits. */
	memcpy(copy, text.p, text.n);
	memmove(copy + at + 63, text.p + at + 62, text.n - at - 62);
	copy[at + 62] = '\n';
	ck_assert_uint_eq(parse(PUBLIC, slice_make(copy, text.n + 1)), RC_BAD_REQUEST);
	memcpy(copy, text.p, text.n);
	memmove(copy + at + 64, text.p + at + 65, text.n - at - 65);
	ck_assert_uint_eq(parse(PUBLIC, slice_make(copy, text.n - 1)), RC_BAD_REQUEST);
	free(copy);
}
END_TEST

/* ---- public keys ---- */

START_TEST(parts_of_a_public_key)
{
	struct pre_identity *id;
	struct pre_public p, q;

	ck_assert_uint_eq(pre_identity_new(&id), RC_OK);
	ck_assert_uint_eq(pre_public_of(id, flow_afgh, (unsigned)_i, SLICE_LIT("billing"), &p),
	                  RC_OK);
	ck_assert_uint_eq(pre_public_write(&p, &text), RC_OK);
	ck_assert_uint_eq(pre_public_parse(buf_view(&text), &q), RC_OK);
	ck_assert_mem_eq(&p, &q, sizeof(p));
	ck_assert_str_eq(q.url, "billing");
	ck_assert_uint_eq(pre_key_write(path_of("key"), buf_view(&text), false), RC_OK);
	ck_assert_uint_eq(pre_public_read(path_of("key"), &q), RC_OK);
	ck_assert_mem_eq(&p, &q, sizeof(p));
	ck_assert_uint_eq(pre_public_of(id, flow_afgh, 8, SLICE_NONE, &p), RC_BAD_REQUEST);
	ck_assert_uint_eq(pre_public_of(id, flow_afgh, 1, SLICE_LIT("a b"), &p), RC_BAD_REQUEST);
	pre_identity_free(id);
}
END_TEST

/* Keys that are none are refused although the text is as it should be. */
START_TEST(public_keys_that_are_none)
{
	struct pre_public good = { .parts = PRE_PUBLIC_ALL }, bad, out;

	memcpy(good.pk1, flow_source.pk1, sizeof(good.pk1));
	memcpy(good.pk2, flow_source.pk2, sizeof(good.pk2));
	good.sign = flow_source.public;
	for (int i = 0; i < 4; i++) {
		bad = good;
		if (i == 1)
			bad.pk1[100] ^= 1;
		if (i == 2)
			memset(bad.pk2, 0, sizeof(bad.pk2));
		if (i == 3)
			memset(&bad.sign, 0, sizeof(bad.sign));
		buf_clear(&text);
		ck_assert_uint_eq(pre_public_write(&bad, &text), RC_OK);
		ck_assert_uint_eq(pre_public_parse(buf_view(&text), &out),
		                  i == 0 ? RC_OK : RC_BAD_REQUEST);
	}
	expect_zeros(&out, sizeof(out));
}
END_TEST

/* ---- re-encryption keys ---- */

START_TEST(versions)
{
	static const char body[] = "\1\1\0\0\0";
	struct pre_public p;
	char octets[5];

	for (size_t at = 0; at < 3; at++) {
		memcpy(octets, body, sizeof(octets));
		octets[at] ^= at < 2 ? 2 : 0;
		buf_clear(&text);
		ck_assert_uint_eq(
			armour_write("PUBLIC KEY", slice_make(octets, sizeof(octets)), &text),
			RC_OK);
		ck_assert_uint_eq(pre_public_parse(buf_view(&text), &p),
		                  at < 2 ? RC_BAD_REQUEST : RC_OK);
	}
}
END_TEST

START_TEST(keys_for_many_epochs)
{
	struct pre_rekey keys[3], k;
	struct slice rest;

	for (uint32_t i = 0; i < NITEMS(keys); i++) {
		keys[i] = flow_rekey(&flow_sink, FLOW_STREAM, 10 + i);
		ck_assert_uint_eq(pre_rekey_write(&keys[i], &text), RC_OK);
	}
	rest = buf_view(&text);
	for (uint32_t i = 0; i < NITEMS(keys); i++) {
		ck_assert_uint_eq(pre_rekey_next(&rest, &k), RC_OK);
		ck_assert_mem_eq(&k.id.source, &keys[i].id.source, sizeof(k.id.source));
		ck_assert_uint_eq(k.id.stream, FLOW_STREAM);
		ck_assert_uint_eq(k.id.epoch, 10 + i);
		ck_assert_mem_eq(k.pk_id, keys[i].pk_id, sizeof(k.pk_id));
		ck_assert_mem_eq(k.rk, keys[i].rk, sizeof(k.rk));
	}
	ck_assert_uint_eq(pre_rekey_next(&rest, &k), RC_NOT_FOUND);
}
END_TEST

START_TEST(no_key_for_what_is_no_sink)
{
	struct afgh_epoch_id id = { .stream = 1 };
	struct pre_rekey k;
	uint8_t pk2[AFGH_G2] = { 0xc0 };

	ck_assert_uint_eq(pre_rekey_make(flow_source.keys, &id, slice_make(pk2, sizeof(pk2)), &k),
	                  RC_BAD_REQUEST);
	ck_assert_uint_eq(pre_rekey_make(flow_source.keys, &id, SLICE_NONE, &k), RC_BAD_REQUEST);
	expect_zeros(k.rk, sizeof(k.rk));
}
END_TEST

static Suite *
keys_suite(void)
{
	Suite *s = suite_create("pre_keys");
	TCase *c = suite_case(s, "secret", setup, teardown);

	tcase_add_test(c, an_identity);
	tcase_add_test(c, an_identity_that_only_receives);
	tcase_add_test(c, a_secret_that_others_may_read);
	tcase_add_test(c, files_are_not_replaced);
	tcase_add_test(c, a_disk_that_is_full);
	c = suite_case(s, "text", setup, teardown);
	tcase_add_loop_test(c, changed_texts, 0, KINDS);
	tcase_add_loop_test(c, other_lines, 0, KINDS);
	tcase_add_loop_test(c, bodies_that_are_none, 0, KINDS);
	tcase_add_test(c, public_bodies);
	tcase_add_test(c, lines);
	c = suite_case(s, "public", setup, teardown);
	tcase_add_loop_test(c, parts_of_a_public_key, 0, 8);
	tcase_add_test(c, public_keys_that_are_none);
	tcase_add_test(c, versions);
	c = suite_case(s, "rekey", setup, teardown);
	tcase_add_test(c, keys_for_many_epochs);
	tcase_add_test(c, no_key_for_what_is_no_sink);
	return s;
}

int
main(void)
{
#ifndef HAVE_PAIRING
	return 77;
#endif
	return run_suite(keys_suite());
}
