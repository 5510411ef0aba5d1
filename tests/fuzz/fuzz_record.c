/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as records of a store, with a right or a wrong CRC: everything that reads or writes
 * ends with an outcome, a refused request is undone, and what the check finds clean is readable.
 *
 * An input is a list of records: space (upper bit: wrong CRC), id, number, length u16, value.
 */
#include "config.h"

#include "store/repo.h"

#include <stdlib.h>
#include <zlib.h>

#define IDS 6u
#define VALUE_MAX 2000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int64_t
fixed_now(const struct clock *c)
{
	(void)c;
	return INT64_C(1700000000) * CLOCK_SECOND;
}

static const struct clock fixed_clock = { .now = fixed_now };

/* What an input is read from. */
struct input {
	const uint8_t *p;
	size_t n;
};

static unsigned
take(struct input *in)
{
	if (in->n == 0)
		return 0;
	in->n--;
	return *in->p++;
}

static struct slice
take_bytes(struct input *in, size_t n)
{
	struct slice s = slice_head(slice_make(in->p, in->n), n);

	in->p += s.n;
	in->n -= s.n;
	return s;
}

static const struct layout {
	char space;
	unsigned char id, number; /* sizes */
	bool name;
} layouts[] = {
	{ 'N', 8, 0, false }, { 'I', 8, 8, false }, { 'T', 8, 0, false }, { 'K', 8, 4, false },
	{ 'S', 8, 0, false }, { 'C', 8, 4, true },  { 'J', 8, 0, true },  { 'R', 8, 8, false },
	{ 'G', 8, 0, false }, { 'P', 8, 0, false }, { 'Y', 2, 8, false }, { 'E', 9, 8, false },
	{ 'L', 8, 8, false }, { 'M', 0, 0, true },
};

static void
put_record(struct txn *txn, struct input *in)
{
	unsigned space = take(in), id = take(in), number = take(in);
	const struct layout *l = &layouts[(space & 0x7f) % (sizeof(layouts) / sizeof(layouts[0]))];
	size_t n = take(in) << 8;
	struct slice val = take_bytes(in, (n | take(in)) % VALUE_MAX);
	struct buf key, rec;

	buf_init(&key, STORE_KEY_MAX);
	buf_init(&rec, VALUE_MAX + 4);
	buf_char(&key, l->space);
	if (l->id > 8)
		buf_char(&key, 0);
	buf_be(&key, id, l->id > 8 ? 8 : l->id);
	buf_be(&key, number, l->number);
	if (l->name)
		buf_printf(&key, "%s", l->space == 'M' ? number & 1 ? "next_id" : "format" : "name");
	buf_slice(&rec, val);
	buf_be(&rec, crc32_z(0, (const unsigned char *)val.p, val.n) ^ (space >> 7), 4);
	if (store_memory.put(txn, buf_view(&key), buf_view(&rec)) != RC_OK)
		abort();
	buf_fini(&key);
	buf_fini(&rec);
}

/* The engine of the repository under test: the store below it is filled by the harness. */
static struct store *filled;

static enum rc
open_filled(const struct store_conf *conf, struct store **st, char why[256])
{
	(void)conf;
	(void)why;
	*st = filled;
	return RC_OK;
}

static struct store *
fill(struct input *in)
{
	static const struct slice format = SLICE_INIT("\0\0\0\0\0\0\0\1");
	static const struct slice next_id = SLICE_INIT("\0\0\0\0\0\0\0\x20");
	const struct store_conf conf = { .max_bytes = 0 };
	uint8_t start[2][13] = { { 13, 0, 0, 0, 8 }, { 13, 0, 1, 0, 8 } };
	struct store *st;
	struct txn *txn;
	char why[256];

	memcpy(start[0] + 5, format.p, 8);
	memcpy(start[1] + 5, next_id.p, 8);
	if (store_memory.open(&conf, &st, why) != RC_OK || store_memory.begin(st, true, &txn) != RC_OK)
		abort();
	for (int i = 0; i < 2; i++)
		put_record(txn, &(struct input){ start[i], 13 });
	while (in->n > 0)
		put_record(txn, in);
	if (store_memory.commit(txn) != RC_OK)
		abort();
	return st;
}

/* ---- visits ---- */

static bool
see_child(void *arg, const struct child *c)
{
	(void)arg;
	return c->name.n < STORE_KEY_MAX;
}

static bool
see_any(void *arg, slot_t slot, const struct child *c)
{
	(void)slot;
	return see_child(arg, c);
}

static enum visit
see_instance(void *arg, struct res *r)
{
	(void)arg;
	return r->name.n == 0 ? VISIT_STOP : VISIT_DROP;
}

static bool
see_due(void *arg, int64_t due, enum due_kind kind, uint64_t id)
{
	(void)arg;
	(void)due;
	(void)kind;
	(void)id;
	return true;
}

static bool
see_label(void *arg, uint64_t id, uint64_t seq)
{
	(void)arg;
	(void)id;
	(void)seq;
	return true;
}

static bool
see_id(void *arg, uint64_t id)
{
	(void)arg;
	(void)id;
	return true;
}

static void
finding(void *arg, const char *text)
{
	if (text[0] == '\0')
		abort();
	++*(unsigned *)arg;
}

/* ---- reading ---- */

static void
keep(bool *damaged, enum rc rc)
{
	if (rc != RC_OK && rc != RC_NOT_FOUND && rc != RC_INTERNAL)
		abort();
	*damaged = *damaged || rc == RC_INTERNAL;
}

static void
read_sequence(struct rtx *tx, uint64_t id, bool *damaged)
{
	struct res *r;
	struct seq seq;
	uint64_t number;

	keep(damaged, repo_seq(tx, id, &seq));
	keep(damaged, repo_seq_high(tx, id, &number));
	keep(damaged, repo_latest(tx, id, &r));
	keep(damaged, repo_oldest(tx, id, &r));
	keep(damaged, repo_inst_range(tx, id, 0, UINT64_MAX, 0, see_instance, NULL));
	keep(damaged, repo_owed(tx, id, 0, UINT64_MAX, 0, see_instance, NULL));
	keep(damaged, repo_inst_find(tx, id, SLICE_LIT("name"), &number));
	keep(damaged, repo_inst_find(tx, id, SLICE_LIT("ci_2"), &number));
}

static void
read_node(struct rtx *tx, uint64_t id, bool *damaged)
{
	struct slice path;
	struct child c;
	struct coll coll;
	struct lane lane;
	struct res *r;

	keep(damaged, repo_get(tx, id, &r));
	keep(damaged, repo_path(tx, id, SLOT_SELF, &path));
	keep(damaged, repo_children(tx, id, T_CONTAINERS, 0, see_child, NULL));
	keep(damaged, repo_children_all(tx, id, see_any, NULL));
	keep(damaged, repo_child(tx, id, T_CONTAINERS, SLICE_LIT("name"), &c));
	keep(damaged, repo_coll_get(tx, id, T_CONTAINERS, &coll));
	keep(damaged, repo_lane_get(tx, id, &lane));
	read_sequence(tx, id, damaged);
}

static bool
read_everything(struct repo *repo, struct arena *a)
{
	bool damaged = false;
	struct rtx *tx;

	if (repo_begin_read(repo, a, &tx) != RC_OK)
		abort();
	for (uint64_t id = 0; id < IDS; id++) {
		read_node(tx, id, &damaged);
		arena_reset(a);
	}
	keep(&damaged, repo_due(tx, CLOCK_NEVER, 0, see_due, NULL));
	keep(&damaged, repo_labelled(tx, SLICE_LIT("red"), see_label, NULL));
	keep(&damaged, repo_of_type(tx, T_CONTAINER, see_id, NULL));
	keep(&damaged, repo_pending(tx, 0, 0, see_id, NULL));
	repo_end_read(tx);
	return damaged;
}

/* ---- writing ---- */

static void
write_node(struct rtx *tx, uint64_t id)
{
	struct res *old, *r;
	struct seq_lane *lanes;
	size_t n;
	struct res inst = { .type = rtype_get(T_CONTENT_INSTANCE) };

	(void)repo_inst_append(tx, id, &inst);
	(void)repo_seq_lanes(tx, id, &lanes, &n);
	for (uint64_t seq = 0; seq < 5; seq++)
		(void)repo_inst_remove(tx, id, seq, seq % 2 == 0);
	(void)repo_release(tx, id, UINT64_MAX);
	(void)repo_coll_touch(tx, id, T_CONTAINERS, 1);
	(void)repo_lane_remove(tx, id);
	if (repo_get(tx, id, &old) != RC_OK || repo_get(tx, id, &r) != RC_OK)
		return;
	r->expires = CLOCK_NEVER;
	(void)val_set_text(repo_arena(tx), &r->vals, A_LINK, SLICE_LIT("http://h/"));
	(void)repo_update(tx, old, r);
	(void)repo_remove(tx, r);
}

static void
write_everything(struct repo *repo, struct arena *a)
{
	struct rtx *tx;
	bool more;

	if (repo_begin_write(repo, &tx) != RC_OK)
		abort();
	for (uint64_t id = 0; id < IDS; id++) {
		arena_reset(a);
		repo_request(tx, a);
		write_node(tx, id);
		(void)repo_sweep_removed(tx, 10, &more);
		if (repo_rollback(tx) != RC_OK)
			abort();
	}
	if (repo_commit(tx) != RC_OK)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct store_ops ops = store_memory;
	struct repo_conf conf = { .ops = &ops, .clock = &fixed_clock };
	struct arena *a = arena_new(16u << 20);
	struct repo *repo;
	unsigned before = 0, after = 0;
	char why[256];

	filled = fill(&in);
	ops.open = open_filled;
	if (repo_open(&conf, &repo, why) == RC_OK) {
		bool damaged = read_everything(repo, a);
		enum rc rc = repo_check(repo, finding, &before);

		if ((rc == RC_OK) != (before == 0) || (rc == RC_OK && damaged))
			abort();
		write_everything(repo, a);
		(void)repo_check(repo, finding, &after);
		if (before != after)
			abort();
		repo_close(repo);
	}
	arena_free(a);
	return 0;
}
