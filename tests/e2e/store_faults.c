/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the stores on disk promise when the disk fails or the process dies: nothing that failed
 * leaves a trace, nothing that was acknowledged is lost, reads go on, and writes work again when
 * the disk does. The failing disk is shim/failio.c, linked into this program.
 */
#include "config.h"

#include "base/clock.h"
#include "store/gate.h"
#include "store/store.h"

#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))

static const struct store_ops *const engines[] = {
	&store_lmdb,
#ifdef HAVE_ROCKSDB
	&store_rocksdb,
#endif
};

/* The command to the shim and what a write then ends with. */
static const struct fault {
	const char *command;
	enum rc rc;
} faults[] = {
	{ "ENOSPC", RC_NO_SPACE },       { "EIO", RC_UNAVAILABLE },
	{ "ENOSPC write", RC_NO_SPACE }, { "EIO write", RC_UNAVAILABLE },
	{ "ENOSPC sync", RC_NO_SPACE },  { "EIO sync", RC_UNAVAILABLE },
	{ "ENOSPC dsync", RC_NO_SPACE }, { "EIO dsync", RC_UNAVAILABLE },
};

/* Only LMDB writes to files opened with O_DSYNC. */
#define ROCKSDB_FAULTS 6

#define MAX_RECORDS 20000

/* A store and what it must hold: value i of record i, 0 = none. */
struct bed {
	const struct store_ops *ops;
	struct store *st;
	char base[300], dir[320];
	unsigned written; /* attempts; each has its own number */
	unsigned val[MAX_RECORDS];
};

static void
command(const char *text)
{
	const char *control = getenv("FAILIO_CONTROL");
	char part[320];
	FILE *f;

	/* By rename, so that the shim never reads half a command. */
	snprintf(part, sizeof(part), "%s.part", control);
	f = fopen(part, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
	ck_assert_int_eq(rename(part, control), 0);
}

static void
bed_open(struct bed *b)
{
	struct store_conf conf = { .path = b->dir };
	char why[256] = "";

	ck_assert_msg(b->ops->open(&conf, &b->st, why) == RC_OK, "%s: %s", b->ops->name, why);
}

static struct bed *
bed_new(const struct store_ops *ops)
{
	struct bed *b = calloc(1, sizeof(*b));

	ck_assert_ptr_nonnull(b);
	b->ops = ops;
	snprintf(b->base, sizeof(b->base), "%sXXXXXX", getenv("FAILIO_PATH"));
	ck_assert_ptr_nonnull(mkdtemp(b->base));
	snprintf(b->dir, sizeof(b->dir), "%s/store", b->base);
	command("");
	bed_open(b);
	return b;
}

static int
remove_one(const char *path, const struct stat *sb, int type, struct FTW *ftw)
{
	(void)sb;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void
bed_free(struct bed *b)
{
	b->ops->close(b->st);
	ck_assert_int_eq(nftw(b->base, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
	free(b);
}

static struct slice
key_of(unsigned i, char buf[16])
{
	return slice_make(buf, (size_t)snprintf(buf, 16, "k%06u", i));
}

/* Puts the numbered value under two records, and removes a third. */
static enum rc
change(struct bed *b, struct txn *t, unsigned n)
{
	unsigned at[2] = { n % MAX_RECORDS, n * 7 % 500 };
	char key[16], val[500];
	enum rc rc = RC_OK;

	memset(val, (int)n, sizeof(val));
	memcpy(val, &n, sizeof(n));
	for (size_t i = 0; i < NITEMS(at) && rc == RC_OK; i++)
		rc = b->ops->put(t, key_of(at[i], key), slice_make(val, sizeof(val)));
	if (rc == RC_OK) {
		rc = b->ops->del(t, key_of(n * 3 % 500 + 500, key));
		if (rc == RC_NOT_FOUND)
			rc = RC_OK;
	}
	return rc;
}

/* Write n is acknowledged. */
static void
note(struct bed *b, unsigned n)
{
	b->written = n;
	b->val[n % MAX_RECORDS] = n;
	b->val[n * 7 % 500] = n;
	b->val[n * 3 % 500 + 500] = 0;
}

static enum rc
write_some(struct bed *b)
{
	unsigned n = ++b->written;
	struct txn *t;
	enum rc rc = b->ops->begin(b->st, true, &t);

	if (rc != RC_OK)
		return rc;
	rc = change(b, t, n);
	if (rc != RC_OK) {
		b->ops->abort(t);
		return rc;
	}
	rc = b->ops->commit(t);
	if (rc == RC_OK)
		note(b, n);
	return rc;
}

/* Compares a scan with what the store must hold. */
struct compare {
	const unsigned *val;
	unsigned next;
};

static bool
compare_record(void *arg, struct slice key, struct slice val)
{
	struct compare *c = arg;
	char buf[16];

	while (c->next < MAX_RECORDS && c->val[c->next] == 0)
		c->next++;
	ck_assert_uint_lt(c->next, MAX_RECORDS);
	ck_assert(slice_eq(key, key_of(c->next, buf)));
	ck_assert_uint_eq(val.n, 500);
	ck_assert_int_eq(memcmp(val.p, &c->val[c->next], sizeof(unsigned)), 0);
	c->next++;
	return true;
}

static void
expect_txn(struct bed *b, struct txn *t, const unsigned *val)
{
	struct compare c = { .val = val };

	ck_assert_int_eq(b->ops->scan(t, slice_of(""), slice_of("z"), false, 0, compare_record, &c),
	                 RC_OK);
	while (c.next < MAX_RECORDS && val[c.next] == 0)
		c.next++;
	ck_assert_uint_eq(c.next, MAX_RECORDS);
}

/*
 * Whoever is refused for having waited as long as a store lets anybody wait begins again: on a
 * loaded machine a store may need longer to open again.
 */
static enum rc
begin_at_last(struct bed *b, bool writable, struct txn **out)
{
	for (;;) {
		int64_t from = clock_monotonic();
		enum rc rc = b->ops->begin(b->st, writable, out);

		if (rc != RC_UNAVAILABLE || clock_monotonic() - from < GATE_PATIENCE_MS * 1000)
			return rc;
	}
}

static struct txn *
begin_reader(struct bed *b)
{
	struct txn *t;

	ck_assert_int_eq(begin_at_last(b, false, &t), RC_OK);
	return t;
}

/* The store holds exactly what was acknowledged. */
static void
expect_store(struct bed *b)
{
	struct txn *t = begin_reader(b);

	expect_txn(b, t, b->val);
	b->ops->abort(t);
}

static void
print_finding(void *arg, const char *text)
{
	(void)arg;
	printf("finding: %s\n", text);
}

static void
expect_all_well(struct bed *b)
{
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(write_some(b), RC_OK);
	expect_store(b);
	ck_assert_int_eq(b->ops->check(b->st, print_finding, NULL), RC_OK);
	b->ops->close(b->st);
	b->st = NULL;
	bed_open(b);
	expect_store(b);
}

static unsigned
fault_count(const struct store_ops *ops)
{
	return ops == &store_lmdb ? NITEMS(faults) : ROCKSDB_FAULTS;
}

/* A reader from before the failure, reads meanwhile, and again writes at once after it. */
static void
try_fault(struct bed *b, const struct fault *f)
{
	static unsigned before[MAX_RECORDS];
	struct store_stat stat, after;
	struct txn *old;

	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(write_some(b), RC_OK);
	memcpy(before, b->val, sizeof(before));
	b->ops->stat(b->st, &stat);
	old = begin_reader(b);
	command(f->command);
	ck_assert_int_eq(write_some(b), f->rc);
	expect_txn(b, old, before);
	b->ops->abort(old);
	for (int i = 0; i < 5; i++) {
		expect_store(b);
		ck_assert_int_eq(write_some(b), f->rc);
	}
	b->ops->stat(b->st, &after);
	ck_assert_uint_eq(stat.commits, after.commits);
	command("");
	expect_store(b);
	ck_assert_int_eq(write_some(b), RC_OK);
}

START_TEST(test_fault)
{
	const struct store_ops *ops = engines[_i];

	for (unsigned i = 0; i < fault_count(ops); i++) {
		struct bed *b = bed_new(ops);

		try_fault(b, &faults[i]);
		try_fault(b, &faults[i]);
		expect_all_well(b);
		bed_free(b);
	}
}
END_TEST

/* The daemon is stopped while the disk fails, and started when it works again. */
START_TEST(test_stop_in_fault)
{
	const struct store_ops *ops = engines[_i];

	for (unsigned i = 0; i < fault_count(ops); i++) {
		struct bed *b = bed_new(ops);

		for (int n = 0; n < 100; n++)
			ck_assert_int_eq(write_some(b), RC_OK);
		command(faults[i].command);
		ck_assert_int_eq(write_some(b), faults[i].rc);
		b->ops->close(b->st);
		command("");
		bed_open(b);
		expect_store(b);
		expect_all_well(b);
		bed_free(b);
	}
}
END_TEST

/* Readers that compare two records of the same commit while the disk comes and goes. */
struct crowd {
	struct bed *bed;
	atomic_bool stop;
	atomic_uint reads, refused;
};

static void
read_pair(struct crowd *c, struct txn *t)
{
	const struct store_ops *ops = c->bed->ops;
	struct slice a, b;

	ck_assert_int_eq(ops->get(t, slice_of("!a"), &a), RC_OK);
	ck_assert_int_eq(ops->get(t, slice_of("!b"), &b), RC_OK);
	ck_assert(slice_eq(a, b));
	atomic_fetch_add(&c->reads, 1);
}

static void *
read_pairs(void *arg)
{
	struct crowd *c = arg;

	while (!atomic_load(&c->stop)) {
		struct txn *t;
		enum rc rc = begin_at_last(c->bed, false, &t);

		if (rc != RC_OK) {
			atomic_fetch_add(&c->refused, 1);
			continue;
		}
		read_pair(c, t);
		c->bed->ops->abort(t);
	}
	return NULL;
}

static enum rc
write_pair(struct bed *b, unsigned n)
{
	struct slice val = slice_make(&n, sizeof(n));
	struct txn *t;
	enum rc rc = begin_at_last(b, true, &t);

	if (rc != RC_OK)
		return rc;
	rc = b->ops->put(t, slice_of("!a"), val);
	if (rc == RC_OK)
		rc = b->ops->put(t, slice_of("!b"), val);
	if (rc == RC_OK)
		return b->ops->commit(t);
	b->ops->abort(t);
	return rc;
}

static void
expect_pair(struct bed *b, unsigned n)
{
	struct txn *t = begin_reader(b);
	struct slice val;

	ck_assert_int_eq(b->ops->get(t, slice_of("!a"), &val), RC_OK);
	ck_assert(slice_eq(val, slice_make(&n, sizeof(n))));
	b->ops->abort(t);
}

#define ROUNDS 30

START_TEST(test_crowd)
{
	struct bed *b = bed_new(engines[_i]);
	struct crowd c = { .bed = b };
	pthread_t readers[3];
	unsigned kept = 0, failures = 0;

	ck_assert_int_eq(write_pair(b, 0), RC_OK);
	for (size_t i = 0; i < NITEMS(readers); i++)
		ck_assert_int_eq(pthread_create(&readers[i], NULL, read_pairs, &c), 0);
	for (unsigned n = 1; n <= 10 * ROUNDS; n++) {
		if (n % 10 == 3)
			command(faults[n / 10 % fault_count(b->ops)].command);
		if (n % 10 == 6)
			command("");
		if (write_pair(b, n) == RC_OK)
			kept = n;
		else
			failures++;
		expect_pair(b, kept);
	}
	atomic_store(&c.stop, true);
	for (size_t i = 0; i < NITEMS(readers); i++)
		pthread_join(readers[i], NULL);
	ck_assert_uint_eq(failures, 3 * ROUNDS);
	ck_assert_uint_gt(atomic_load(&c.reads), ROUNDS);
	ck_assert_uint_eq(atomic_load(&c.refused), 0);
	bed_free(b);
}
END_TEST

/* The disk comes and goes while commits are on their way: any step of them may be hit. */
static void *
flicker(void *arg)
{
	struct crowd *c = arg;

	for (unsigned i = 0; !atomic_load(&c->stop); i++) {
		command(faults[i % fault_count(c->bed->ops)].command);
		usleep(500 + i * 131 % 2000);
		command("");
		usleep(500 + i * 2579 % 20000);
	}
	return NULL;
}

START_TEST(test_flicker)
{
	struct bed *b = bed_new(engines[_i]);
	struct crowd c = { .bed = b };
	pthread_t thread;
	unsigned kept = 0, failures = 0;

	ck_assert_int_eq(pthread_create(&thread, NULL, flicker, &c), 0);
	while (kept < 200 || failures < 20) {
		if (write_some(b) == RC_OK) {
			kept++;
			continue;
		}
		failures++;
		expect_store(b);
		usleep(5000);
	}
	atomic_store(&c.stop, true);
	pthread_join(thread, NULL);
	command("");
	expect_store(b);
	while (write_some(b) != RC_OK)
		usleep(5000);
	expect_all_well(b);
	bed_free(b);
}
END_TEST

/*
 * Writes until it is killed; tells the number of each acknowledged write. Runs outside of Check,
 * whose assertions do not work here.
 */
static int
write_and_tell(const char *engine, const char *dir, int fd, unsigned first)
{
	struct bed *b = calloc(1, sizeof(*b));
	struct store_conf conf = { .path = dir };
	char why[256];

	if (b == NULL)
		return EXIT_FAILURE;
	for (size_t i = 0; i < NITEMS(engines); i++)
		if (strcmp(engines[i]->name, engine) == 0)
			b->ops = engines[i];
	b->written = first;
	if (b->ops->open(&conf, &b->st, why) == RC_OK)
		while (write_some(b) == RC_OK && write(fd, &b->written, sizeof(b->written)) > 0)
			;
	return EXIT_FAILURE;
}

/* This program again, as write_and_tell: a mere fork would lack the threads of RocksDB. */
static pid_t
start_writer(const struct bed *b, int fd)
{
	char number[16], first[16];
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	snprintf(number, sizeof(number), "%d", fd);
	snprintf(first, sizeof(first), "%u", b->written);
	execl("/proc/self/exe", "store_faults", b->ops->name, b->dir, number, first, (char *)NULL);
	_exit(EXIT_FAILURE);
}

/* Adds what the dead child acknowledged; returns how many. */
static unsigned
read_acknowledged(struct bed *b, int fd)
{
	unsigned n, count = 0;

	while (read(fd, &n, sizeof(n)) == (ssize_t)sizeof(n)) {
		note(b, n);
		count++;
	}
	return count;
}

static bool
holds(struct bed *b, unsigned n)
{
	struct txn *t = begin_reader(b);
	char key[16];
	struct slice val;
	bool is_there = b->ops->get(t, key_of(n, key), &val) == RC_OK;

	b->ops->abort(t);
	return is_there;
}

static void
kill_once(struct bed *b)
{
	unsigned first;
	int status, fds[2];
	pid_t pid;

	ck_assert_int_eq(pipe(fds), 0);
	pid = start_writer(b, fds[1]);
	ck_assert_int_gt(pid, 0);
	close(fds[1]);
	ck_assert_int_eq((int)read(fds[0], &first, sizeof(first)), (int)sizeof(first));
	note(b, first);
	usleep(100000);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	ck_assert(WIFSIGNALED(status));
	ck_assert_uint_gt(read_acknowledged(b, fds[0]), 0);
	close(fds[0]);
}

START_TEST(test_kill)
{
	struct bed *b = bed_new(engines[_i]);

	b->ops->close(b->st);
	b->written = 1000; /* its first records are not among those that are replaced */
	for (int round = 0; round < 5; round++) {
		kill_once(b);
		bed_open(b);
		/* The last commit may be on disk without the word of it having arrived. */
		if (holds(b, b->written + 1))
			note(b, b->written + 1);
		expect_store(b);
		ck_assert_int_eq(b->ops->check(b->st, print_finding, NULL), RC_OK);
		b->ops->close(b->st);
	}
	bed_open(b);
	bed_free(b);
}
END_TEST

/*
 * A directory for all tests, with the control file of the shim; only paths that begin with
 * "store-" in it fail. Before any thread, because threads of the libraries read the environment.
 */
static void
prepare(char base[256])
{
	const char *tmp = getenv("TMPDIR");
	char path[300];

	snprintf(base, 256, "%s/store-faults-XXXXXX", tmp == NULL ? "/tmp" : tmp);
	if (mkdtemp(base) == NULL) {
		perror(base);
		exit(EXIT_FAILURE);
	}
	snprintf(path, sizeof(path), "%s/store-", base);
	setenv("FAILIO_PATH", path, 1);
	snprintf(path, sizeof(path), "%s/control", base);
	setenv("FAILIO_CONTROL", path, 1);
}

/* Without arguments all tests. */
int
main(int argc, char **argv)
{
	const TTest *const tests[] = { test_fault, test_stop_in_fault, test_crowd, test_flicker,
		                       test_kill };
	Suite *s = suite_create("store faults");
	TCase *tc = tcase_create("engines");
	char base[256];
	SRunner *r;
	int failed;

	if (argc == 5)
		return write_and_tell(argv[1], argv[2], atoi(argv[3]), (unsigned)atoi(argv[4]));
	prepare(base);
	tcase_set_timeout(tc, 180);
	for (size_t i = 0; i < NITEMS(tests); i++)
		tcase_add_loop_test(tc, tests[i], 0, (int)NITEMS(engines));
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	nftw(base, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return failed == 0 ? 0 : 1;
}
