/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "px_in_bed.h"

#include <ftw.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct {
	_Atomic unsigned fail, kill_at;
	_Atomic int rc;
} faults;

static enum rc
commit(struct txn *txn)
{
	if (atomic_load(&faults.kill_at) > 0 && atomic_fetch_sub(&faults.kill_at, 1) == 1)
		(void)kill(getpid(), SIGKILL);
	if (atomic_load(&faults.fail) == 0)
		return store_lmdb.commit(txn);
	atomic_fetch_sub(&faults.fail, 1);
	store_lmdb.abort(txn);
	return (enum rc)atomic_load(&faults.rc);
}

void
px_in_fail(unsigned n, enum rc rc)
{
	atomic_store(&faults.rc, (int)rc);
	atomic_store(&faults.fail, n);
}

void
px_in_kill_at(unsigned n)
{
	atomic_store(&faults.kill_at, n);
}

/* ---- life ---- */

void
px_in_open(struct px_in_bed *b)
{
	static struct store_ops ops;
	struct px_inbook_conf conf = { .dir = b->dir, .engine = &ops, .octets = PX_IN_OCTETS };
	char why[256];
	enum rc rc;

	ops = store_lmdb;
	ops.commit = commit;
	rc = px_inbook_open(&conf, &b->book, why);
	ck_assert_msg(rc == RC_OK, "%s", why);
}

void
px_in_close(struct px_in_bed *b)
{
	px_inbook_close(b->book);
	b->book = NULL;
}

void
px_in_start(struct px_in_bed *b)
{
	const char *tmp = getenv("TMPDIR");

	*b = (struct px_in_bed){ .book = NULL };
	px_in_fail(0, RC_OK);
	px_in_kill_at(0);
	snprintf(b->base, sizeof(b->base), "%s/test-in-XXXXXX", tmp == NULL ? "/tmp" : tmp);
	ck_assert_ptr_nonnull(mkdtemp(b->base));
	snprintf(b->dir, sizeof(b->dir), "%s/sink", b->base);
	ck_assert_int_eq(pre_source_name(SLICE_LIT(PX_IN_URL), b->source.v), RC_OK);
	px_in_open(b);
}

static int
remove_one(const char *path, const struct stat *sb, int type, struct FTW *ftw)
{
	(void)sb;
	(void)type;
	(void)ftw;
	return remove(path);
}

void
px_in_free(struct px_in_bed *b)
{
	px_in_close(b);
	ck_assert_int_eq(nftw(b->base, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* ---- changes ---- */

struct waiting {
	pthread_mutex_t lock;
	pthread_cond_t turn;
	bool done;
};

static void
op_done(struct px_in_op *op)
{
	struct waiting *w = op->owner;

	pthread_mutex_lock(&w->lock);
	w->done = true;
	pthread_cond_signal(&w->turn);
	pthread_mutex_unlock(&w->lock);
}

static struct waiting
waiting_for(struct px_in_op *op)
{
	op->done = op_done;
	return (struct waiting){ .lock = PTHREAD_MUTEX_INITIALIZER,
		                 .turn = PTHREAD_COND_INITIALIZER };
}

static void
await(struct waiting *w)
{
	pthread_mutex_lock(&w->lock);
	while (!w->done)
		pthread_cond_wait(&w->turn, &w->lock);
	pthread_mutex_unlock(&w->lock);
}

enum rc
px_in_do_take(struct px_in_bed *b, struct px_in_take *t)
{
	struct waiting w = waiting_for(&t->op);

	t->op.owner = &w;
	t->source = b->source;
	px_inbook_take(b->book, t);
	await(&w);
	return t->op.rc;
}

enum rc
px_in_do_end(struct px_in_bed *b, struct px_in_end *e)
{
	struct waiting w = waiting_for(&e->op);

	e->op.owner = &w;
	e->source = b->source;
	px_inbook_end(b->book, e);
	await(&w);
	return e->op.rc;
}

enum rc
px_in_put(struct px_in_bed *b, const char *plain)
{
	struct slice s = slice_of(plain);
	struct px_in_take t = { .state = s, .plains = &s, .n = 1, .octets_max = PX_IN_OCTETS };

	t.added.received = t.added.messages = 1;
	return px_in_do_take(b, &t);
}

enum rc
px_in_end_to(struct px_in_bed *b, uint64_t up_to)
{
	struct px_in_end e = { .up_to = up_to, .applied = 1 };

	return px_in_do_end(b, &e);
}

/* ---- reading ---- */

struct px_in_count
px_in_counts(struct px_in_bed *b)
{
	struct px_in_count c;

	ck_assert_int_eq(px_inbook_source(b->book, &b->source, &c, NULL), RC_OK);
	return c;
}

struct listing {
	char text[65536];
	size_t n;
	uint64_t next;
};

static bool
list_one(void *arg, uint64_t number, struct slice plain)
{
	struct listing *l = arg;

	ck_assert_uint_eq(number, l->next++);
	ck_assert_uint_lt(l->n + plain.n + 2, sizeof(l->text));
	l->n += (size_t)snprintf(l->text + l->n, sizeof(l->text) - l->n, "%.*s ", (int)plain.n,
	                         plain.p);
	return true;
}

const char *
px_in_queue(struct px_in_bed *b, uint64_t after, size_t n)
{
	static struct listing l;
	struct px_in_count c = px_in_counts(b);

	l = (struct listing){ .next = (after > c.removed ? after : c.removed) + 1 };
	ck_assert_int_eq(px_inbook_queue(b->book, &b->source, after, n, list_one, &l), RC_OK);
	return l.text;
}
