/* SPDX-License-Identifier: Apache-2.0 */
/* Key stores that are not as they were, or of somebody else; crashes and disturbances. */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keystore_bed.h"
#include "sec/keystore_set.h"
#include "sec/record.h"

/* ---- what is not ours, or not as it was ---- */

START_TEST(flipped_bits_are_refused)
{
	static char file[10000];
	struct set set;
	size_t n;

	fill();
	n = read_store(file, sizeof(file));
	ck_assert_uint_eq(set_load(&kek, slice_make(file, n), &set), RC_OK);
	set_free(&set);
	for (size_t bit = 0; bit < 8 * n; bit++) {
		enum rc rc;

		file[bit / 8] ^= (char)(1u << bit % 8);
		rc = set_load(&kek, slice_make(file, n), &set);
		ck_assert(rc == RC_PRECONDITION || rc == RC_DENIED);
		ck_assert_ptr_null(set.v);
		file[bit / 8] ^= (char)(1u << bit % 8);
	}
	/* Once more, by the file. */
	file[n - 1] ^= 1;
	write_file(path, file, n, 0600);
	ck_assert_uint_eq(try_open(), RC_PRECONDITION);
	expect_store(file, n);
}
END_TEST

START_TEST(other_lengths_are_refused)
{
	static char file[10000];
	struct set set;
	size_t n;

	fill();
	n = read_store(file, sizeof(file) - 1);
	for (size_t i = 0; i <= n + 1; i++) {
		char *exact = malloc(i + 1);

		if (i == n) {
			free(exact);
			continue;
		}
		memcpy(exact, file, i);
		ck_assert_uint_eq(set_load(&kek, slice_make(exact, i), &set), RC_PRECONDITION);
		free(exact);
	}
	write_file(path, file, 0, 0600);
	ck_assert_uint_eq(try_open(), RC_PRECONDITION);
	expect_store(file, 0);
}
END_TEST

/* Takes the record number i out of the file, or puts it there twice. */
START_TEST(records_cannot_be_taken_away_or_exchanged)
{
	static char file[10000], other[10000];
	struct slice parts[5], rest;
	struct record r;
	struct set set;
	size_t n, parts_n = 0;

	fill();
	n = read_store(file, sizeof(file));
	for (rest = slice_make(file, n); rest.n > 0; parts_n++) {
		ck_assert_uint_lt(parts_n, NITEMS(parts));
		ck_assert_uint_eq(record_parse(&rest, &r), RC_OK);
		parts[parts_n] = r.whole;
	}
	ck_assert_uint_eq(parts_n, 4);
	for (size_t i = 0; i < parts_n; i++)
		for (unsigned times = 0; times <= 2; times += 2) {
			size_t at = 0;

			for (size_t j = 0; j < parts_n; j++)
				for (unsigned k = 0; k < (j == i ? times : 1); k++) {
					memcpy(other + at, parts[j].p, parts[j].n);
					at += parts[j].n;
				}
			ck_assert_uint_eq(set_load(&kek, slice_make(other, at), &set), RC_PRECONDITION);
		}
}
END_TEST

START_TEST(foreign_files_are_left_alone)
{
	static const char text[] = "this is the diary of somebody else";
	const struct keystore_conf create = conf(true);
	struct keystore *ks;

	ck_assert_int_eq(mkdir(dir, 0700), 0);
	write_file(path, text, sizeof(text), 0600);
	ck_assert_uint_eq(try_open(), RC_PRECONDITION);
	ck_assert_uint_eq(keystore_open(&create, &ks, why), RC_PRECONDITION);
	ck_assert_ptr_nonnull(strstr(why, "not a key store"));
	expect_store(text, sizeof(text));
	ck_assert_int_eq(truncate(path, (off_t)KEYSTORE_FILE_MAX + 1), 0);
	ck_assert_uint_eq(keystore_open(&create, &ks, why), RC_PRECONDITION);
}
END_TEST

START_TEST(other_keys_do_not_open_it)
{
	static char file[10000], pass[100];
	struct keystore_conf c = conf(true);
	struct keystore *ks;
	size_t n;

	fill();
	n = read_store(file, sizeof(file));
	write_file(kek_path, secret.v, KEY_BYTES, 0600);
	ck_assert_uint_eq(try_open(), RC_DENIED);
	write_file(kek_path, kek.v, KEY_BYTES, 0600);
	c.kek.bind = true;
	c.kek.machine_id = MACHINE;
	c.kek.ppid = PPID;
	ck_assert_uint_eq(keystore_open(&c, &ks, why), RC_DENIED);
	ck_assert_ptr_nonnull(strstr(why, "not bound"));
	snprintf(pass, sizeof(pass), "%s/pass", home);
	write_file(pass, "correct horse", 13, 0600);
	c.kek = (struct kek_source){ .passphrase_file = pass };
	ck_assert_uint_eq(keystore_open(&c, &ks, why), RC_DENIED);
	ck_assert_ptr_nonnull(strstr(why, "key file"));
	expect_store(file, n);
	ck_assert_uint_eq(try_open(), RC_OK);
}
END_TEST

/* A copy of the file on another machine, or with another device, is of no use. */
START_TEST(a_bound_store_opens_on_its_machine_only)
{
	char pass[100];
	struct keystore_conf c = conf(true);
	struct keystore *ks;

	snprintf(pass, sizeof(pass), "%s/pass", home);
	write_file(pass, "correct horse\n", 14, 0600);
	c.kek = (struct kek_source){ .passphrase_file = pass, .bind = true, .machine_id = MACHINE,
		                         .ppid = PPID };
	ck_assert_uint_eq(keystore_open(&c, &ks, why), RC_OK);
	put(ks, &kmr1, "", &secret);
	keystore_close(ks);
	ck_assert_uint_eq(keystore_open(&c, &ks, why), RC_OK);
	expect_key(ks, &kmr1, "", &secret);
	keystore_close(ks);
	c.kek.machine_id = SLICE_LIT("0123456789abcdef0123456789abcdee");
	ck_assert_uint_eq(keystore_open(&c, &ks, why), RC_DENIED);
	c.kek.machine_id = MACHINE;
	c.kek.ppid = slice_head(PPID, 6);
	ck_assert_uint_eq(keystore_open(&c, &ks, why), RC_DENIED);
	c.kek.ppid = PPID;
	c.kek.bind = false;
	ck_assert_uint_eq(keystore_open(&c, &ks, why), RC_DENIED);
	c.kek.bind = true;
	write_file(pass, "correct house\n", 14, 0600);
	ck_assert_uint_eq(keystore_open(&c, &ks, why), RC_DENIED);
}
END_TEST

START_TEST(modes_and_owners_are_checked)
{
	static const mode_t dir_modes[] = { 0701, 0710, 0704, 0740, 0755, 0777, 0702 };
	static const mode_t file_modes[] = { 0601, 0610, 0604, 0640, 0644, 0666, 0602, 0700, 04600 };
	char moved[120];

	fill();
	for (size_t i = 0; i < NITEMS(dir_modes); i++) {
		ck_assert_int_eq(chmod(dir, dir_modes[i]), 0);
		ck_assert_uint_eq(try_open(), RC_FORBIDDEN);
	}
	ck_assert_int_eq(chmod(dir, 0700), 0);
	for (size_t i = 0; i < NITEMS(file_modes); i++) {
		ck_assert_int_eq(chmod(path, file_modes[i]), 0);
		ck_assert_uint_eq(try_open(), RC_FORBIDDEN);
	}
	ck_assert_int_eq(chmod(path, 0400), 0);
	ck_assert_uint_eq(try_open(), RC_OK);
	if (geteuid() == 0) {
		ck_assert_int_eq(chown(path, 65534, 65534), 0);
		ck_assert_uint_eq(try_open(), RC_FORBIDDEN);
		ck_assert_int_eq(chown(path, 0, 0), 0);
		ck_assert_int_eq(chown(dir, 65534, 65534), 0);
		ck_assert_uint_eq(try_open(), RC_FORBIDDEN);
		ck_assert_int_eq(chown(dir, 0, 0), 0);
	}
	/* Links, to the file and to the directory. */
	snprintf(moved, sizeof(moved), "%s/elsewhere", home);
	ck_assert_int_eq(rename(path, moved), 0);
	ck_assert_int_eq(symlink(moved, path), 0);
	ck_assert_uint_eq(try_open(), RC_FORBIDDEN);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkdir(path, 0600), 0);
	ck_assert_uint_eq(try_open(), RC_FORBIDDEN);
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_int_eq(rename(moved, path), 0);
	ck_assert_int_eq(rename(dir, moved), 0);
	ck_assert_int_eq(symlink(moved, dir), 0);
	ck_assert_uint_eq(try_open(), RC_FORBIDDEN);
}
END_TEST

START_TEST(nothing_is_made_unless_wanted)
{
	ck_assert_uint_eq(try_open(), RC_NOT_FOUND);
	ck_assert_int_ne(access(dir, F_OK), 0);
	ck_assert_int_eq(mkdir(dir, 0700), 0);
	ck_assert_uint_eq(try_open(), RC_NOT_FOUND);
	ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

START_TEST(one_process_at_a_time)
{
	struct keystore *ks = must_open();
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(try_open() == RC_CONFLICT ? 0 : 1);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_uint_eq(try_open(), RC_CONFLICT);
	keystore_close(ks);
	ck_assert_uint_eq(try_open(), RC_OK);
}
END_TEST

/* ---- crashes and disturbances ---- */

START_TEST(a_temporary_file_of_a_crash_is_no_harm)
{
	static char file[10000];
	struct keystore *ks;
	size_t n;

	fill();
	n = read_store(file, sizeof(file));
	/* Half of a new file, not renamed. */
	write_file(temporary, file, n / 2, 0600);
	ks = must_open();
	ck_assert_uint_eq(count(ks), 3);
	expect_key(ks, &kmr1, "mas=a", &secret);
	put(ks, &kmr1, "mas=d", &kek);
	ck_assert_int_ne(access(temporary, F_OK), 0);
	keystore_close(ks);
	ks = must_open();
	expect_key(ks, &kmr1, "mas=d", &kek);
	/* A link of somebody who hopes that it is followed. */
	ck_assert_int_eq(symlink(kek_path, temporary), 0);
	put(ks, &kmr1, "mas=e", &kek);
	keystore_close(ks);
	ck_assert_uint_eq(try_open(), RC_OK);
}
END_TEST

START_TEST(what_cannot_be_written_changes_nothing)
{
	struct keystore *ks;
	const struct keystore_item item = { kmr1, 1700000000, SLICE_INIT("new") };

	fill();
	ks = must_open();
	/* No temporary file can be made here. */
	ck_assert_int_eq(mkdir(temporary, 0700), 0);
	ck_assert_uint_eq(keystore_put(ks, &item, key_slice(&kek)), RC_INTERNAL);
	ck_assert_uint_eq(take_away(ks, &kmr2), RC_INTERNAL);
	expect_key(ks, &kmr1, "mas=a", &secret);
	expect_key(ks, &kmr2, "mas=b", &kek);
	ck_assert_int_eq(rmdir(temporary), 0);
	ck_assert_uint_eq(keystore_put(ks, &item, key_slice(&kek)), RC_OK);
	expect_key(ks, &kmr1, "new", &kek);
	keystore_close(ks);
}
END_TEST

START_TEST(a_file_that_somebody_else_has_replaced_is_not_overwritten)
{
	static const char text[] = "a back-up that was put here";
	const struct keystore_item item = { kmr1, 1700000000, SLICE_INIT("new") };
	struct keystore *ks;

	fill();
	ks = must_open();
	write_file(path, text, sizeof(text), 0600);
	ck_assert_uint_eq(keystore_put(ks, &item, key_slice(&kek)), RC_CONFLICT);
	expect_store(text, sizeof(text));
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_uint_eq(keystore_put(ks, &item, key_slice(&kek)), RC_CONFLICT);
	expect_key(ks, &kmr1, "mas=a", &secret);
	keystore_close(ks);
}
END_TEST

/* Killed at any moment, the store has the old or the new: a counter that never falls behind. */
START_TEST(killed_while_it_writes)
{
	for (int round = 0; round < 20; round++) {
		int told[2], status;
		uint64_t next, seen = 0, value;
		struct keystore *ks;
		pid_t pid;

		ck_assert_int_eq(pipe(told), 0);
		pid = fork();
		if (pid == 0) {
			close(told[0]);
			ks = must_open();
			if (keystore_counter(ks, &seq, &next) != RC_OK)
				_exit(2);
			while (keystore_counter_raise(ks, &seq, ++next) == RC_OK)
				if (write(told[1], &next, sizeof(next)) != (ssize_t)sizeof(next))
					break;
			_exit(1);
		}
		close(told[1]);
		for (int i = 0; i <= round; i++)
			ck_assert_int_eq(read(told[0], &seen, sizeof(seen)), (ssize_t)sizeof(seen));
		kill(pid, SIGKILL);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		while (read(told[0], &next, sizeof(next)) == (ssize_t)sizeof(next))
			seen = next;
		close(told[0]);
		ks = must_open();
		ck_assert_uint_eq(keystore_counter(ks, &seq, &value), RC_OK);
		ck_assert_uint_ge(value, seen);
		ck_assert_uint_le(value, seen + 1);
		keystore_close(ks);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sec_keystore_care");
	TCase *c = suite_case(s, "foreign", make_home, remove_home);

	tcase_add_test(c, flipped_bits_are_refused);
	tcase_add_test(c, other_lengths_are_refused);
	tcase_add_test(c, records_cannot_be_taken_away_or_exchanged);
	tcase_add_test(c, foreign_files_are_left_alone);
	tcase_add_test(c, other_keys_do_not_open_it);
	tcase_add_test(c, a_bound_store_opens_on_its_machine_only);
	tcase_add_test(c, modes_and_owners_are_checked);
	tcase_add_test(c, nothing_is_made_unless_wanted);
	tcase_add_test(c, one_process_at_a_time);
	c = suite_case(s, "crashes", make_home, remove_home);
	tcase_add_test(c, a_temporary_file_of_a_crash_is_no_harm);
	tcase_add_test(c, what_cannot_be_written_changes_nothing);
	tcase_add_test(c, a_file_that_somebody_else_has_replaced_is_not_overwritten);
	tcase_add_test(c, killed_while_it_writes);
	return run_suite(s);
}
