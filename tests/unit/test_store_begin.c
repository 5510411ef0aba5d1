/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reader of LMDB that is held up while it begins. LMDB copies the root of its tree from one of
 * the first two pages of the map; the test takes those pages away, so that the reader stops right
 * there, in the handler of the fault, until the commit after the next has written its page and is
 * not at its end yet.
 */
#include "config.h"

#include "store_bed.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LMDB 1 /* in engines */

/* What the handler and pwrite need. */
static struct {
	char *pages; /* both of them */
	size_t size;
	sem_t stopped, go_on, done; /* the reader: in the handler, may leave it, has read */
	atomic_bool armed; /* the next page of a commit lets the reader go on, and waits for it */
} held;

/* LMDB writes the page of a commit with this; the program's comes before that of the C library. */
ssize_t
pwrite(int fd, const void *bytes, size_t n, off_t at)
{
	ssize_t written = syscall(SYS_pwrite64, fd, bytes, n, at);

	if (at < (off_t)held.size && atomic_exchange(&held.armed, false)) {
		sem_post(&held.go_on);
		while (sem_wait(&held.done) != 0)
			;
	}
	return written;
}

static void
on_fault(int sig, siginfo_t *info, void *context)
{
	int err = errno;

	(void)context;
	if ((char *)info->si_addr < held.pages || (char *)info->si_addr >= held.pages + held.size) {
		signal(sig, SIG_DFL);
		return;
	}
	sem_post(&held.stopped);
	while (sem_wait(&held.go_on) != 0)
		;
	errno = err;
}

/* Where the store's file is mapped. */
static char *
find_map(const struct bed *b)
{
	FILE *f = fopen("/proc/self/maps", "r");
	unsigned long at = 0;
	char line[1024];

	ck_assert_ptr_nonnull(f);
	while (at == 0 && fgets(line, sizeof(line), f) != NULL)
		if (strstr(line, b->dir) != NULL && strstr(line, "/data.mdb") != NULL)
			at = strtoul(line, NULL, 16);
	fclose(f);
	ck_assert_uint_ne(at, 0);
	return (char *)(uintptr_t)at;
}

static void
hold(const struct bed *b)
{
	struct sigaction act = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };

	held.pages = find_map(b);
	held.size = 2 * (size_t)sysconf(_SC_PAGESIZE);
	ck_assert_int_eq(sem_init(&held.stopped, 0, 0), 0);
	ck_assert_int_eq(sem_init(&held.go_on, 0, 0), 0);
	ck_assert_int_eq(sem_init(&held.done, 0, 0), 0);
	sigemptyset(&act.sa_mask);
	ck_assert_int_eq(sigaction(SIGSEGV, &act, NULL), 0);
	ck_assert_int_eq(mprotect(held.pages, held.size, PROT_NONE), 0);
}

static void
write_one(struct bed *b, const char *val)
{
	struct txn *t = begin(b, true);

	put(b, t, "k", val);
	ck_assert_int_eq(b->ops->commit(t), RC_OK);
}

/* What one snapshot shows. */
static char
read_one(struct bed *b)
{
	struct txn *t = begin(b, false);
	struct slice val;
	char c;

	ck_assert_int_eq(b->ops->get(t, SLICE_LIT("k"), &val), RC_OK);
	ck_assert_uint_eq(val.n, 1);
	c = val.p[0];
	b->ops->abort(t);
	return c;
}

struct reader {
	struct bed *bed;
	sem_t warm, start;
	bool again; /* begins with what it had before */
	char seen[2];
};

static void *
reader_main(void *arg)
{
	struct reader *r = arg;

	if (r->again)
		read_one(r->bed);
	sem_post(&r->warm);
	while (sem_wait(&r->start) != 0)
		;
	r->seen[0] = read_one(r->bed);
	r->seen[1] = read_one(r->bed);
	sem_post(&held.done);
	return NULL;
}

/* The reader does not see the commit that is under way, and the one before it both times. */
START_TEST(test_held_up)
{
	struct reader r = { .again = _i == 1 };
	pthread_t thread;
	struct bed b;

	bed_init(&b, LMDB);
	bed_open(&b);
	write_one(&b, "1");
	r.bed = &b;
	ck_assert_int_eq(sem_init(&r.warm, 0, 0), 0);
	ck_assert_int_eq(sem_init(&r.start, 0, 0), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, reader_main, &r), 0);
	while (sem_wait(&r.warm) != 0)
		;
	hold(&b);
	sem_post(&r.start);
	while (sem_wait(&held.stopped) != 0)
		;
	ck_assert_int_eq(mprotect(held.pages, held.size, PROT_READ), 0);
	write_one(&b, "2");
	atomic_store(&held.armed, true);
	write_one(&b, "3");
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert(!atomic_load(&held.armed));
	ck_assert_msg(r.seen[0] == '2' && r.seen[1] == '2', "saw %c, then %c", r.seen[0],
	              r.seen[1]);
	ck_assert_int_eq(read_one(&b), '3');
	bed_fini(&b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("store_begin");
	TCase *c = tcase_create("lmdb");

	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, test_held_up, 0, 2);
	suite_add_tcase(s, c);
	return run_suite(s);
}
