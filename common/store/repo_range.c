/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges of instances: live ones, and those retained for the courier. */
#include "config.h"

#include "store/repo_impl.h"

#define SEQ_MAX UINT64_MAX

struct range_scan {
	struct rtx *tx;
	uint64_t container;
	repo_visit_inst *visit;
	void *arg;
	bool stopped;
	enum rc rc;
};

static bool
scan_instance(void *arg, struct slice key, struct slice val)
{
	struct range_scan *s = arg;
	struct reader k = { slice_from(key, 9), true };
	struct arena_mark mark = arena_mark(s->tx->arena);
	struct res *inst = NULL;
	uint64_t seq = read_be(&k, 8);
	enum visit visit;

	s->rc = rec_check(&val) ? inst_decode(s->tx, s->container, seq, val, &inst) : RC_INTERNAL;
	if (s->rc != RC_OK)
		return false;
	visit = s->visit(s->arg, inst);
	if (visit == VISIT_DROP)
		arena_rewind(s->tx->arena, mark);
	s->stopped = visit == VISIT_STOP;
	return !s->stopped;
}

static enum rc
range(struct rtx *tx, enum space space, uint64_t from, uint64_t to, size_t limit,
      struct range_scan *s)
{
	struct repo_key a, b;
	enum rc rc;

	if (from > to)
		return RC_OK;
	key_id_seq(&a, space, s->container, from);
	key_id_seq(&b, space, s->container, to == SEQ_MAX ? SEQ_MAX : to + 1);
	rc = rec_scan_from(tx, &a, &b, limit, scan_instance, s);
	return rc != RC_OK ? rc : s->rc;
}

enum rc
repo_inst_range(struct rtx *tx, uint64_t container, uint64_t from, uint64_t to, size_t limit,
                repo_visit_inst *visit, void *arg)
{
	struct range_scan s = { .tx = tx, .container = container, .visit = visit, .arg = arg };

	return range(tx, SPACE_INSTANCE, from, to, limit, &s);
}

struct first_seq {
	uint64_t seq; /* 0 = none */
};

static bool
scan_seq(void *arg, struct slice key, struct slice val)
{
	struct first_seq *s = arg;
	struct reader k = { slice_from(key, 9), true };

	(void)val;
	s->seq = read_be(&k, 8);
	return false;
}

/* The end of the run that starts at from and has nothing of space in it; at most to. */
static enum rc
run_end(struct rtx *tx, enum space space, uint64_t container, uint64_t from, uint64_t to,
        uint64_t *end)
{
	struct first_seq s = { 0 };
	struct repo_key a, b;
	enum rc rc;

	key_id_seq(&a, space, container, from);
	key_id_seq(&b, space, container, to == SEQ_MAX ? SEQ_MAX : to + 1);
	rc = rec_scan_from(tx, &a, &b, 1, scan_seq, &s);
	*end = s.seq < from || s.seq == 0 ? to : s.seq - 1;
	return rc;
}

enum rc
repo_inst_since(struct rtx *tx, uint64_t container, int64_t created, uint64_t *seq)
{
	struct seq_end at, last;
	uint64_t low, high; /* all below low are too old; the next at or above high is not */
	enum rc rc = seq_end(tx, container, false, &at);

	*seq = 0;
	if (rc == RC_OK)
		rc = seq_end(tx, container, true, &last);
	if (rc != RC_OK || last.seq == 0 || last.head.created <= created)
		return rc;
	/* Over numbers, not instances: of a hole's numbers the next instance behind it is asked. */
	low = at.seq;
	high = last.seq;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		rc = seq_near(tx, container, middle - 1, false, &at);
		if (rc != RC_OK)
			return rc;
		if (at.head.created > created)
			high = middle;
		else
			low = at.seq + 1;
	}
	rc = seq_near(tx, container, low - 1, false, &at);
	*seq = at.seq;
	return rc;
}

/* Counts what passes, so that the limit spans both spaces. */
struct owed {
	repo_visit_inst *visit;
	void *arg;
	size_t seen;
};

static enum visit
count_visit(void *arg, struct res *inst)
{
	struct owed *o = arg;

	o->seen++;
	return o->visit(o->arg, inst);
}

enum rc
repo_owed(struct rtx *tx, uint64_t container, uint64_t from, uint64_t to, size_t limit,
          repo_visit_inst *visit, void *arg)
{
	/* A deleted one may lie among live ones: runs of both kinds take turns. */
	static const enum space spaces[] = { SPACE_RETAINED, SPACE_INSTANCE };
	struct owed o = { visit, arg, 0 };
	struct range_scan s = { .tx = tx, .container = container, .visit = count_visit, .arg = &o };
	uint64_t end = 0;
	enum rc rc = RC_OK;

	for (unsigned turn = 0; from <= to && rc == RC_OK; turn ^= 1) {
		rc = run_end(tx, spaces[turn ^ 1], container, from, to, &end);
		/* What is both retained and live would be met on both turns. */
		if (rc == RC_OK && end < from && turn == 1)
			return RC_INTERNAL;
		if (rc == RC_OK && end >= from)
			rc = range(tx, spaces[turn], from, end, limit == 0 ? 0 : limit - o.seen, &s);
		if (s.stopped || (limit != 0 && o.seen >= limit) || end == to)
			break;
		from = end + 1;
	}
	return rc;
}

struct release_scan {
	uint64_t seqs[64];
	size_t n;
};

static bool
scan_release(void *arg, struct slice key, struct slice val)
{
	struct release_scan *s = arg;
	struct reader k = { slice_from(key, 9), true };

	(void)val;
	s->seqs[s->n++] = read_be(&k, 8);
	return s->n < sizeof(s->seqs) / sizeof(s->seqs[0]);
}

enum rc
repo_release(struct rtx *tx, uint64_t container, uint64_t upto)
{
	struct release_scan s;
	struct repo_key from, to, k;
	enum rc rc;

	key_id_seq(&from, SPACE_RETAINED, container, 0);
	key_id_seq(&to, SPACE_RETAINED, container, upto == SEQ_MAX ? SEQ_MAX : upto + 1);
	do {
		s.n = 0;
		rc = rec_scan_from(tx, &from, &to, 0, scan_release, &s);
		for (size_t i = 0; i < s.n && rc == RC_OK; i++) {
			key_id_seq(&k, SPACE_RETAINED, container, s.seqs[i]);
			rc = rec_del(tx, &k);
		}
	} while (rc == RC_OK && s.n > 0);
	return rc;
}
