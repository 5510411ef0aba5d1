/* SPDX-License-Identifier: Apache-2.0 */
/* Damaged stores: the repository answers instead of crashing, and the check finds the damage. */
#include "config.h"

#include "repo_bed.h"
#include "suite.h"

#include <stdio.h>
#include <stdlib.h>

#define SUB_SLOT slot_below(T_CONTENT_INSTANCES, T_SUBSCRIPTIONS)

/* Ids of furnish. */
enum { APP = 2, BOX = 3, SUBSCRIPTION = 4, GONE = 5, SUB_BOX = 6, SCL = 7, POC = 8, LAST_ID = 9 };

/* A store with records in every space. */
static void
furnish(struct bed *b)
{
	struct coll coll = { .modified = 5, .has_right = true, .right = SLICE_LIT("/right") };
	struct lane lane = { .subscription = SUBSCRIPTION, .container = BOX, .cursor = 2,
		             .contact = SLICE_LIT("http://c/") };
	struct val *info;
	struct res *r;

	bed_root(b);
	bed_write(b);
	r = bed_res(b, T_APPLICATION, 1, T_APPLICATIONS, "app");
	r->expires = repo_now(b->tx) + 1000;
	bed_label(b, r, "red");
	ck_assert(val_set_text(b->arena, &r->vals, A_APOC, SLICE_LIT("http://a/")));
	ck_assert_int_eq(repo_insert(b->tx, r), RC_OK);
	ck_assert_int_eq(repo_coll_put(b->tx, APP, T_CONTAINERS, &coll), RC_OK);
	bed_insert(b, T_CONTAINER, APP, T_CONTAINERS, "box");
	bed_insert(b, T_SUBSCRIPTION, BOX, SUB_SLOT, "sub");
	ck_assert_int_eq(repo_lane_put(b->tx, &lane, true), RC_OK);
	r = bed_insert(b, T_CONTAINER, 1, T_CONTAINERS, "gone");
	for (int i = 0; i < 8; i++) {
		struct res *inst = bed_inst(b, i == 3 ? "four" : i == 5 ? "ci_99" : NULL, "content");

		bed_label(b, inst, i % 2 == 0 ? "red" : "blue");
		ck_assert_int_eq(repo_inst_append(b->tx, BOX, inst), RC_OK);
		bed_append(b, GONE, i == 2 ? "three" : NULL, "content");
	}
	for (uint64_t seq = 1; seq <= 2; seq++)
		ck_assert_int_eq(repo_inst_remove(b->tx, BOX, seq, true), RC_OK);
	ck_assert_int_eq(repo_inst_remove(b->tx, BOX, 5, true), RC_OK);
	ck_assert_int_eq(repo_inst_remove(b->tx, BOX, 8, false), RC_OK);
	ck_assert_int_eq(repo_due_add(b->tx, 77, DUE_AGE, BOX), RC_OK);
	ck_assert_int_eq(repo_remove(b->tx, r), RC_OK);
	bed_insert(b, T_CONTAINER, BOX, T_SUBCONTAINERS, "sub");
	r = bed_res(b, T_SCL, 1, T_SCLS, "scl");
	ck_assert(val_set_text(b->arena, &r->vals, A_LINK, SLICE_LIT("https://scl.example/m2m")));
	ck_assert_int_eq(repo_insert(b->tx, r), RC_OK);
	r = bed_res(b, T_M2M_POC, SCL, T_M2M_POCS, "poc");
	info = val_add(b->arena, &r->vals, A_CONTACT_INFO);
	ck_assert(val_set_text(b->arena, &info->first, A_CONTACT_URI, SLICE_LIT("http://poc:81/")));
	ck_assert_int_eq(repo_insert(b->tx, r), RC_OK);
	bed_commit(b);
	bed_clean(b);
}

/* ---- everything that reads ---- */

static bool
see_child(void *arg, const struct child *c)
{
	(void)arg;
	return c->name.n > 0;
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
	return r->inst.seq != 0 ? VISIT_KEEP : VISIT_STOP;
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

/* Outcomes so far: the first one that is not fine. */
static void
keep(enum rc *worst, enum rc rc)
{
	ck_assert_int_lt((int)rc, RC_COUNT);
	if (*worst == RC_OK && rc != RC_NOT_FOUND)
		*worst = rc;
}

static void
read_sequence(struct rtx *tx, uint64_t id, enum rc *worst)
{
	struct res *r;
	struct seq seq;
	uint64_t number;

	keep(worst, repo_seq(tx, id, &seq));
	keep(worst, repo_seq_high(tx, id, &number));
	keep(worst, repo_latest(tx, id, &r));
	keep(worst, repo_oldest(tx, id, &r));
	keep(worst, repo_inst_range(tx, id, 0, UINT64_MAX, 0, see_instance, NULL));
	keep(worst, repo_owed(tx, id, 0, UINT64_MAX, 0, see_instance, NULL));
	keep(worst, repo_inst_find(tx, id, SLICE_LIT("four"), &number));
	keep(worst, repo_inst_find(tx, id, SLICE_LIT("ci_3"), &number));
	keep(worst, repo_inst_find(tx, id, SLICE_LIT("ci_99"), &number));
	keep(worst, repo_inst_get(tx, id, 3, &r));
}

static enum rc
read_everything(struct bed *b)
{
	enum rc worst = RC_OK;
	struct slice path;
	struct child c;
	struct coll coll;
	struct lane lane;
	struct res *r;

	bed_read(b);
	for (uint64_t id = 0; id <= LAST_ID; id++) {
		keep(&worst, repo_get(b->tx, id, &r));
		keep(&worst, repo_path(b->tx, id, SLOT_SELF, &path));
		keep(&worst, repo_children(b->tx, id, T_CONTAINERS, 0, see_child, NULL));
		keep(&worst, repo_children_all(b->tx, id, see_any, NULL));
		keep(&worst, repo_child(b->tx, id, T_CONTAINERS, SLICE_LIT("box"), &c));
		keep(&worst, repo_coll_get(b->tx, id, T_CONTAINERS, &coll));
		keep(&worst, repo_lane_get(b->tx, id, &lane));
		read_sequence(b->tx, id, &worst);
	}
	keep(&worst, repo_due(b->tx, CLOCK_NEVER, 0, see_due, NULL));
	keep(&worst, repo_labelled(b->tx, SLICE_LIT("red"), see_label, NULL));
	keep(&worst, repo_of_type(b->tx, T_CONTAINER, see_id, NULL));
	keep(&worst, repo_reached(b->tx, SLICE_LIT("scl.example"), see_id, NULL));
	keep(&worst, repo_reached(b->tx, SLICE_LIT("poc:81"), see_id, NULL));
	keep(&worst, repo_pending(b->tx, 0, 0, see_id, NULL));
	bed_end(b);
	return worst;
}

/* ---- everything that writes: each as a request that is taken back ---- */

static enum rc
write_append(struct bed *b)
{
	struct seq_lane *lanes;
	size_t n;
	enum rc rc = repo_inst_append(b->tx, BOX, bed_inst(b, NULL, "more"));

	return rc == RC_OK ? repo_seq_lanes(b->tx, BOX, &lanes, &n) : rc;
}

static enum rc
write_remove_instances(struct bed *b)
{
	enum rc rc = RC_OK;

	for (uint64_t seq = 1; seq <= 8 && (rc == RC_OK || rc == RC_NOT_FOUND); seq++)
		rc = repo_inst_remove(b->tx, BOX, seq, seq % 2 == 0);
	return rc;
}

static enum rc
write_update(struct bed *b)
{
	struct res *old, *r;
	enum rc rc = repo_get(b->tx, APP, &old);

	if (rc == RC_OK)
		rc = repo_get(b->tx, APP, &r);
	if (rc != RC_OK)
		return rc;
	r->expires = repo_now(b->tx) + 5;
	bed_label(b, r, "new");
	return repo_update(b->tx, old, r);
}

static enum rc
write_remove(struct bed *b)
{
	struct res *r;
	enum rc rc = repo_get(b->tx, BOX, &r);

	return rc == RC_OK ? repo_remove(b->tx, r) : rc;
}

static enum rc
write_contact(struct bed *b)
{
	struct res *old, *r;
	struct val *info;
	enum rc rc = repo_get(b->tx, POC, &old);

	if (rc == RC_OK)
		rc = repo_get(b->tx, POC, &r);
	if (rc != RC_OK)
		return rc;
	val_remove(&r->vals, A_CONTACT_INFO);
	info = val_add(b->arena, &r->vals, A_CONTACT_INFO);
	ck_assert(val_set_text(b->arena, &info->first, A_CONTACT_URI, SLICE_LIT("http://new/")));
	return repo_update(b->tx, old, r);
}

static enum rc
write_remove_scl(struct bed *b)
{
	struct res *r;
	enum rc rc = repo_get(b->tx, SCL, &r);

	return rc == RC_OK ? repo_remove(b->tx, r) : rc;
}

static enum rc
write_insert(struct bed *b)
{
	return repo_insert(b->tx, bed_res(b, T_CONTAINER, APP, T_CONTAINERS, "box"));
}

static enum rc
write_touch(struct bed *b)
{
	return repo_coll_touch(b->tx, APP, T_CONTAINERS, 3);
}

static enum rc
write_release(struct bed *b)
{
	return repo_release(b->tx, BOX, UINT64_MAX);
}

static enum rc
write_sweep(struct bed *b)
{
	bool more;

	return repo_sweep_removed(b->tx, 100, &more);
}

static enum rc
write_lane(struct bed *b)
{
	struct lane lane;
	enum rc rc = repo_lane_get(b->tx, SUBSCRIPTION, &lane);

	return rc == RC_OK ? repo_lane_put(b->tx, &lane, false) : rc;
}

static enum rc
write_everything(struct bed *b)
{
	static enum rc (*const requests[])(struct bed *b) = {
		write_append, write_remove_instances, write_update, write_remove, write_insert,
		write_touch, write_release, write_sweep, write_lane, write_contact, write_remove_scl,
	};
	struct buf before, after;
	enum rc worst = RC_OK;

	bed_write(b);
	before = bed_dump(b);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		enum rc rc;

		bed_request(b);
		rc = requests[i](b);
		if (rc != RC_CONFLICT)
			keep(&worst, rc);
		ck_assert_int_eq(repo_rollback(b->tx), RC_OK);
		after = bed_dump(b);
		bed_same(&before, &after);
		buf_fini(&after);
	}
	buf_fini(&before);
	repo_abort(b->tx);
	return worst;
}

/* ---- records of the store ---- */

struct records {
	struct buf bytes;
	size_t n;
	struct {
		size_t key, nkey, val, nval;
	} at[200];
};

static bool
take_record(void *arg, struct slice key, struct slice val)
{
	struct records *r = arg;

	ck_assert_uint_lt(r->n, sizeof(r->at) / sizeof(r->at[0]));
	r->at[r->n].key = r->bytes.n;
	r->at[r->n].nkey = key.n;
	buf_slice(&r->bytes, key);
	r->at[r->n].val = r->bytes.n;
	r->at[r->n++].nval = val.n;
	buf_slice(&r->bytes, val);
	return true;
}

static void
take_records(struct bed *b, struct records *r)
{
	*r = (struct records){ .n = 0 };
	buf_init(&r->bytes, SIZE_MAX);
	bed_read(b);
	ck_assert_int_eq(b->ops.scan(b->tx->txn, SLICE_LIT("A"), SLICE_LIT("z"), false, 0, take_record, r),
	                 RC_OK);
	bed_end(b);
	ck_assert_uint_gt(r->n, 40);
}

static struct slice
record_key(const struct records *r, size_t i)
{
	return slice_make(r->bytes.p + r->at[i].key, r->at[i].nkey);
}

static struct slice
record_val(const struct records *r, size_t i)
{
	return slice_make(r->bytes.p + r->at[i].val, r->at[i].nval);
}

static void
raw_put(struct bed *b, struct slice key, struct slice val)
{
	struct txn *txn;

	ck_assert_int_eq(b->ops.begin(b->repo->store, true, &txn), RC_OK);
	ck_assert_int_eq(b->ops.put(txn, key, val), RC_OK);
	ck_assert_int_eq(b->ops.commit(txn), RC_OK);
}

/* False for entries that say all in their key, and for names that are only swept. */
static bool
is_value_read(struct slice key)
{
	if (key.p[0] == SPACE_INSTANCE_NAME)
		return key.p[8] == BOX;
	return memchr("NCKITRSA", key.p[0], 8) != NULL;
}

START_TEST(flipped_bits_are_found)
{
	struct records recs;
	struct dice d;
	struct bed b;

	dice_init(&d, "flip");
	bed_init(&b, _i, 16);
	furnish(&b);
	take_records(&b, &recs);
	ck_assert_int_eq(read_everything(&b), RC_OK);
	ck_assert_int_eq(write_everything(&b), RC_OK);
	for (size_t i = 0; i < recs.n; i++) {
		struct slice key = record_key(&recs, i), val = record_val(&recs, i);
		char *bad = malloc(val.n);
		enum rc read, write;

		memcpy(bad, val.p, val.n);
		bad[dice(&d, (unsigned)val.n)] ^= (char)(1u << dice(&d, 8));
		raw_put(&b, key, slice_make(bad, val.n));
		seq_forget_all(b.repo);
		ck_assert_msg(bed_check(&b, "", NULL) > 0, "record %zu in space %c", i, key.p[0]);
		read = read_everything(&b);
		write = write_everything(&b);
		ck_assert(read == RC_OK || read == RC_INTERNAL);
		ck_assert(write == RC_OK || write == RC_INTERNAL);
		ck_assert_msg(!is_value_read(key) || read == RC_INTERNAL || write == RC_INTERNAL,
		              "record %zu in space %c is read", i, key.p[0]);
		raw_put(&b, key, val);
		seq_forget_all(b.repo);
		free(bad);
	}
	bed_clean(&b);
	buf_fini(&recs.bytes);
	bed_fini(&b);
}
END_TEST

/* Something else in place of a record's value. */
static void
distort(struct dice *d, struct buf *to, struct slice val)
{
	static const char extreme[] = "\x7f\xff\xff\xff\xff\xff\xff\xff\xff\x80\0\0\0\0\0\0\0";
	size_t n = val.n - 4;

	buf_clear(to);
	buf_slice(to, slice_head(val, n));
	switch (dice(d, 5)) {
	case 0:
		to->n = dice(d, (unsigned)n + 1);
		return;
	case 1:
		for (unsigned i = 1 + dice(d, 20); i > 0; i--)
			buf_char(to, (char)dice(d, 256));
		return;
	case 2:
		if (n >= 8)
			memcpy(to->p + dice(d, (unsigned)n - 7), extreme + dice(d, 9), 8);
		return;
	default:
		for (unsigned i = 1 + dice(d, 3); i > 0 && n > 0; i--)
			to->p[dice(d, (unsigned)n)] = (char)dice(d, 256);
	}
}

START_TEST(nonsense_is_survived)
{
	struct records recs;
	struct buf bad;
	struct dice d;
	struct bed b;

	dice_init(&d, "nonsense");
	bed_init(&b, BED_MEMORY, 16);
	furnish(&b);
	take_records(&b, &recs);
	buf_init(&bad, SIZE_MAX);
	for (unsigned turn = 0; turn < 1500; turn++) {
		size_t i = dice(&d, (unsigned)recs.n);

		distort(&d, &bad, record_val(&recs, i));
		bed_poke(&b, record_key(&recs, i), buf_view(&bad), true);
		seq_forget_all(b.repo);
		read_everything(&b);
		write_everything(&b);
		bed_check(&b, "", NULL);
		raw_put(&b, record_key(&recs, i), record_val(&recs, i));
		seq_forget_all(b.repo);
	}
	bed_clean(&b);
	buf_fini(&bad);
	buf_fini(&recs.bytes);
	bed_fini(&b);
}
END_TEST

/* Whether the others tell that this record is missing. */
static bool
is_missed(struct slice key)
{
	struct reader r = { slice_from(key, 1), true };
	uint64_t id = read_be(&r, 8), seq = read_be(&r, 8);

	switch (key.p[0]) {
	case 'I':
		/* The first one and those of a removed container may be gone already. */
		return seq != 3 && (id == BOX || seq == 3);
	case 'E':
		return key.p[9] == DUE_NODE;
	case 'R':
	case 'K':
	case 'P':
		return false;
	case 'J':
		return id == BOX;
	default:
		return true;
	}
}

START_TEST(missing_records_are_missed)
{
	struct records recs;
	struct bed b;

	bed_init(&b, _i, 16);
	furnish(&b);
	take_records(&b, &recs);
	for (size_t i = 0; i < recs.n; i++) {
		struct slice key = record_key(&recs, i);

		bed_cut(&b, key);
		if (is_missed(key))
			ck_assert_msg(bed_check(&b, "", NULL) > 0, "record %zu in space %c", i, key.p[0]);
		read_everything(&b);
		raw_put(&b, key, record_val(&recs, i));
		seq_forget_all(b.repo);
	}
	bed_clean(&b);
	buf_fini(&recs.bytes);
	bed_fini(&b);
}
END_TEST

#define ID(n) "\0\0\0\0\0\0\0" n

static const struct {
	struct slice key, val;
	const char *text;
} strangers[] = {
	{ SLICE_INIT("Zx"), SLICE_INIT(""), "belongs to nothing" },
	{ SLICE_INIT("\xff\xff"), SLICE_INIT(""), "belongs to nothing" },
	{ SLICE_INIT("N"), SLICE_INIT(""), "belongs to nothing" },
	{ SLICE_INIT("N" ID("\x02") "x"), SLICE_INIT(""), "belongs to nothing" },
	{ SLICE_INIT("L" ID("\x02") ID("\x02") "x"), SLICE_INIT(""), "belongs to nothing" },
	{ SLICE_INIT("Mother"), SLICE_INIT(""), "unknown name" },
	{ SLICE_INIT("Mnext_id"), SLICE_INIT("\0"), "malformed" },
	{ SLICE_INIT("Mnext_id"), SLICE_INIT(ID("\x05")), "the next id to give is 5" },
	{ SLICE_INIT("C" ID("\x01") "\0\0\0\x08" "twin"), SLICE_INIT(ID("\x03") "\0\x09" ID("\x09")),
	  "which is not that child" },
	{ SLICE_INIT("C" ID("\x01") "\0\0\0\x08" "short"), SLICE_INIT("x"), "malformed" },
	{ SLICE_INIT("K" ID("\x09") "\0\0\0\x08"), SLICE_INIT(""), "no such collection" },
	{ SLICE_INIT("K" ID("\x01") "\0\0\0\x0e"), SLICE_INIT(""), "no such collection" },
	{ SLICE_INIT("K" ID("\x01") "\0\0\0\x08"), SLICE_INIT("\x09"), "cannot be read" },
	{ SLICE_INIT("I" ID("\x01") ID("\x01")), SLICE_INIT(""), "instances without it" },
	{ SLICE_INIT("I" ID("\x03") ID("\x09")), SLICE_INIT("x"), "cannot be read" },
	{ SLICE_INIT("J" ID("\x03") "ghost"), SLICE_INIT(ID("\x03")), "which has another" },
	{ SLICE_INIT("J" ID("\x03") "ghost"), SLICE_INIT(ID("\x63")), "which has another" },
	{ SLICE_INIT("T" ID("\x05")), SLICE_INIT(""), "still has a state" },
	{ SLICE_INIT("T" ID("\x02")), SLICE_INIT(""), "a state without it" },
	{ SLICE_INIT("R" ID("\x02") ID("\x01")), SLICE_INIT(""), "retained instances without it" },
	{ SLICE_INIT("R" ID("\x03") ID("\x03")), SLICE_INIT(""), "not removed" },
	{ SLICE_INIT("E" ID("\x09") "\x01" ID("\x02")), SLICE_INIT(""), "not its expiration" },
	{ SLICE_INIT("E" ID("\x09") "\x02" ID("\x02")), SLICE_INIT(""), "holds no instances" },
	{ SLICE_INIT("E" ID("\x09") "\x03" ID("\x02")), SLICE_INIT(""), "the end of parked work 2" },
	{ SLICE_INIT("E" ID("\x09") "\x04" ID("\x02")), SLICE_INIT(""), "unknown kind" },
	{ SLICE_INIT("L" ID("\x09") ID("\x02")), SLICE_INIT(""), "none like it" },
	{ SLICE_INIT("L" ID("\x09") ID("\x03") ID("\x03")), SLICE_INIT(""), "none like it" },
	{ SLICE_INIT("L" ID("\x09") ID("\x03") ID("\x63")), SLICE_INIT(""), "none like it" },
	{ SLICE_INIT("Ascl.example\0" ID("\x08")), SLICE_INIT(""), "not reached there" },
	{ SLICE_INIT("Ascl.example\0" ID("\x63")), SLICE_INIT(""), "not reached there" },
	{ SLICE_INIT("Ascl.example:81\0" ID("\x07")), SLICE_INIT(""), "not reached there" },
	{ SLICE_INIT("Ascl.example\1" ID("\x07")), SLICE_INIT(""), "not reached there" },
	{ SLICE_INIT("Ac\0" ID("\x02")), SLICE_INIT(""), "not reached there" },
	{ SLICE_INIT("A\0" ID("\x07")), SLICE_INIT(""), "belongs to nothing" },
	{ SLICE_INIT("Aa\0\0\x07"), SLICE_INIT(""), "belongs to nothing" },
	{ SLICE_INIT("Ascl.example\0" ID("\x07")), SLICE_INIT("x"), "unknown value" },
	{ SLICE_INIT("Y\0\x09" ID("\x02")), SLICE_INIT(""), "which is none" },
	{ SLICE_INIT("Y\0\x09" ID("\x03")), SLICE_INIT("x"), "unknown value" },
	{ SLICE_INIT("G" ID("\x03")), SLICE_INIT(""), "listed as removed" },
	{ SLICE_INIT("G" ID("\x63")), SLICE_INIT(""), "the next id to give" },
	{ SLICE_INIT("P" ID("\x63")), SLICE_INIT(""), "without a delivery state" },
	{ SLICE_INIT("S" ID("\x63")), SLICE_INIT("x"), "cannot be read" },
};

START_TEST(strange_records_are_found)
{
	struct slice key = strangers[_i].key;
	bool seen = false;
	struct bed b;

	bed_init(&b, BED_MEMORY, 16);
	furnish(&b);
	bed_poke(&b, key, strangers[_i].val, true);
	bed_check(&b, strangers[_i].text, &seen);
	ck_assert_msg(seen, "stranger %d in space %c: %s", _i, key.p[0], strangers[_i].text);
	bed_fini(&b);
}
END_TEST

START_TEST(findings_are_bounded)
{
	bool seen = false;
	struct bed b;

	bed_init(&b, BED_MEMORY, 16);
	for (uint64_t i = 0; i < 5000; i++) {
		struct repo_key k;

		key_id(&k, SPACE_PENDING, i);
		bed_poke(&b, key_view(&k), SLICE_NONE, true);
	}
	ck_assert_uint_eq(bed_check(&b, "5000 findings, 4900 of them not shown", &seen), 101);
	ck_assert(seen);
	bed_fini(&b);
}
END_TEST

/* Wrong numbers with a right CRC in what a container keeps about itself. */
START_TEST(wrong_counts_are_found)
{
	struct cached_seq tail = { 0 };
	struct slice val;
	struct repo_key k;
	struct buf bad;
	bool seen;
	struct bed b;

	bed_init(&b, _i, 16);
	furnish(&b);
	buf_init(&bad, 100);
	bed_read(&b);
	ck_assert_int_eq(seq_tail_get(b.tx, BOX, &tail), RC_OK);
	ck_assert_int_eq(tail.hole_nr, 2);
	key_id(&k, SPACE_TAIL, BOX);
	ck_assert_int_eq(rec_get(b.tx, &k, &val), RC_OK);
	buf_slice(&bad, val);
	bed_end(&b);
	bad.p[1 + 8 + 8 + 8 + 7] = 1; /* one hole only */
	bed_poke(&b, key_view(&k), buf_view(&bad), true);
	bed_check(&b, "it has 5 instances of 28 bytes, found 4 of 28", &seen);
	ck_assert(seen);
	bad.p[1 + 8 + 8 + 8 + 7] = 2;
	bad.p[1 + 8 + 7] = 6; /* of 8 that were ever appended */
	bed_poke(&b, key_view(&k), buf_view(&bad), true);
	bed_check(&b, "behind its instances", &seen);
	ck_assert(seen);
	buf_fini(&bad);
	bed_fini(&b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("repo_check");
	TCase *c = tcase_create("all");

	tcase_set_timeout(c, 300);
	tcase_add_loop_test(c, flipped_bits_are_found, BED_MEMORY, BED_ENGINES);
	tcase_add_loop_test(c, missing_records_are_missed, BED_MEMORY, BED_ENGINES);
	tcase_add_loop_test(c, wrong_counts_are_found, BED_MEMORY, BED_ENGINES);
	tcase_add_loop_test(c, strange_records_are_found, 0, sizeof(strangers) / sizeof(strangers[0]));
	tcase_add_test(c, nonsense_is_survived);
	tcase_add_test(c, findings_are_bounded);
	suite_add_tcase(s, c);
	return run_suite(s);
}
