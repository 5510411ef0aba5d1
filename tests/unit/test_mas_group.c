/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of group authentication at the MAS: changes, messages, keys of members, what is kept. */
#include "config.h"

#include "gaka/keys.h"
#include "mas/mas_group_admin.h"
#include "mas/mas_group_impl.h"
#include "mas_case.h"

#define LMDB 1
#define GID UINT64_C(0xa1a2a3a4a5a6a7a8)
#define GATEWAY 1 /* node of that number; the others are devices */
#define DEVICES 6

/* ---- calls that wait ---- */

static void
change_done(struct mas_group_change *c)
{
	bed_over(c->owner);
}

static enum rc
change(struct mas_group_change *c)
{
	struct bed_call call = { .b = &bed };

	c->actor = "admin";
	c->done = change_done;
	c->owner = &call;
	mas_group_change(bed.m, c);
	bed_wait(&call);
	return c->outcome.rc;
}

static void
gaka_done(struct mas_gaka *g)
{
	bed_over(g->owner);
}

static enum rc
ask(struct mas_gaka *g)
{
	struct bed_call call = { .b = &bed };

	g->done = gaka_done;
	g->owner = &call;
	bed.mas.ops->gaka(bed.mas.self, g);
	bed_wait(&call);
	return g->outcome.rc;
}

static void
keys_done(struct mas_group_keys *k)
{
	bed_over(k->owner);
}

static enum rc
keys_of(uint8_t node, struct mas_group_keys *k)
{
	struct bed_call call = { .b = &bed };

	*k = (struct mas_group_keys){ .node = bed_node(node), .done = keys_done, .owner = &call };
	bed.mas.ops->group_keys(bed.mas.self, k);
	bed_wait(&call);
	return k->outcome.rc;
}

struct looking {
	struct bed_call call;
	struct mas_group g;
	struct mas_member members[16];
	unsigned n;
};

static void
look_begin(struct mas_group_query *q)
{
	((struct looking *)q->owner)->n = 0;
}

static void
look_row(struct mas_group_query *q, const struct mas_group *g, const struct mas_member *one)
{
	struct looking *l = q->owner;

	if (g != NULL)
		l->g = *g;
	else
		l->members[l->n++] = *one;
}

static void
look_done(struct mas_group_query *q)
{
	bed_over(&((struct looking *)q->owner)->call);
}

static enum rc
look(struct looking *l)
{
	struct mas_group_query q = { .gid = GID,
		                     .actor = "admin",
		                     .begin = look_begin,
		                     .row = look_row,
		                     .done = look_done,
		                     .owner = l };

	*l = (struct looking){ .call.b = &bed };
	mas_group_query(bed.m, &q);
	bed_wait(&l->call);
	return q.outcome.rc;
}

/* ---- cases ---- */

static struct mas_group_event told;
static unsigned n_told;

static void
told_group(struct mas_watcher *w, const struct mas_group_event *e)
{
	(void)w;
	told = *e;
	n_told++;
}

/* A group with all devices, which the gateway and the NSCL may serve. */
static struct mas_bed *
grouped(int engine)
{
	static const struct slice networks[] = { SLICE_INIT("scl-1"), SLICE_INIT("nscl-1") };
	struct mas_bed *b = &bed;
	struct node_id nodes[DEVICES];
	struct mas_group_change c = { .kind = MAS_GROUP_MAKE,
		                      .gid = GID,
		                      .nodes = nodes,
		                      .n_nodes = DEVICES,
		                      .networks = networks,
		                      .n_networks = 2 };

	bed_make(b, engine);
	b->watcher.group = told_group;
	bed_open(b);
	n_told = 0;
	bed_issue(b, GATEWAY, GATEWAY);
	for (uint8_t i = 0; i < DEVICES; i++) {
		bed_issue(b, (uint8_t)(10 + i), (uint8_t)(10 + i));
		nodes[i] = bed_node((uint8_t)(10 + i));
	}
	ck_assert_int_eq(change(&c), RC_OK);
	ck_assert_uint_eq(c.epoch, 1);
	return b;
}

static struct mas_group_change
one_node(enum mas_group_kind kind, const struct node_id *node)
{
	return (struct mas_group_change){ .kind = kind, .gid = GID, .nodes = node, .n_nodes = 1 };
}

static struct gaka_t2
t2_of(uint8_t leader, const struct node_id *sn)
{
	return (struct gaka_t2){ .gid = { { 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8 } },
		                 .leader = bed_node(leader),
		                 .sn = *sn,
		                 .w = 16 };
}

/* The answer to a T2 of the gateway, in g; the type of it. */
static unsigned
ask_t2(const struct gaka_t2 *t2, struct mas_gaka *g)
{
	uint8_t octets[GAKA_T2_SIZE];

	gaka_t2_write(t2, octets);
	*g = (struct mas_gaka){ .asker = MAS_ASKER_GATEWAY,
		                .name = SLICE_LIT("scl-1"),
		                .message = slice_make(octets, sizeof(octets)) };
	ck_assert_int_eq(ask(g), RC_OK);
	g->message = SLICE_NONE;
	return gaka_type_of(buf_view(&g->answer));
}

static unsigned
ask_t10(uint8_t device, bool resync, struct mas_gaka *g)
{
	struct gaka_t10 t10 = { .id = bed_node(device), .sn = bed_node(GATEWAY), .resync = resync };
	uint8_t octets[GAKA_T10_SIZE];

	gaka_t10_write(&t10, octets);
	*g = (struct mas_gaka){ .asker = MAS_ASKER_GATEWAY,
		                .name = SLICE_LIT("scl-1"),
		                .message = slice_make(octets, sizeof(octets)) };
	ck_assert_int_eq(ask(g), RC_OK);
	g->message = SLICE_NONE;
	return gaka_type_of(buf_view(&g->answer));
}

/* The same of the NSCL, in step. */
static unsigned
ask_t10_nscl(uint8_t device, struct mas_gaka *g)
{
	struct gaka_t10 t10 = { .id = bed_node(device) };
	uint8_t octets[GAKA_T10_SIZE];

	ck_assert_int_eq(mas_serving_id(SLICE_LIT("nscl-1"), &t10.sn), RC_OK);
	gaka_t10_write(&t10, octets);
	*g = (struct mas_gaka){ .asker = MAS_ASKER_NSCL,
		                .name = SLICE_LIT("nscl-1"),
		                .message = slice_make(octets, sizeof(octets)) };
	ck_assert_int_eq(ask(g), RC_OK);
	g->message = SLICE_NONE;
	return gaka_type_of(buf_view(&g->answer));
}

static unsigned
reason_of(struct mas_gaka *g)
{
	enum gaka_reason reason;

	ck_assert_int_eq(gaka_t12_read(buf_view(&g->answer), &reason), RC_OK);
	buf_fini(&g->answer);
	return reason;
}

static struct key
ka_of(uint8_t device)
{
	struct key kmr = bed_key(device), ka;
	struct node_id id = bed_node(device);

	ck_assert_int_eq(aka_root(&kmr, &id, &ka), RC_OK);
	return ka;
}

/* The sequence number in the AUTN of an answer that was made with the device's key. */
static uint64_t
sqn_in(const struct gaka_vector *v, uint8_t device)
{
	struct key ka = ka_of(device);
	struct node_id sn = bed_node(GATEWAY);
	struct gaka_aka a = { .ka = &ka, .rand = &v->rand, .sn = &sn };

	ck_assert_int_eq(gaka_autn_open(&a, v->autn), RC_OK);
	return a.sqn;
}

static uint64_t
single_sqn(uint8_t device, bool resync)
{
	struct gaka_t11 t11;
	struct mas_gaka g;
	uint64_t sqn;

	ck_assert_uint_eq(ask_t10(device, resync, &g), GAKA_T11);
	ck_assert_int_eq(gaka_t11_read(buf_view(&g.answer), &t11), RC_OK);
	sqn = sqn_in(&t11.vector, device);
	buf_fini(&g.answer);
	return sqn;
}

/* ---- tests ---- */

/* Leader, members in ascending order, keys of each, counters in the answer. */
START_TEST(test_vectors)
{
	struct mas_bed *b = grouped(_i);
	struct node_id sn = bed_node(GATEWAY), leader = bed_node(12);
	struct gaka_t2 t2 = t2_of(12, &sn);
	struct gaka_t3 t3;
	struct mas_gaka g;
	uint64_t before[4], after[4];
	static const enum mas_counter hn[] = { MAS_COUNT_HN_IN, MAS_COUNT_HN_OUT,
		                               MAS_COUNT_HN_BYTES_IN, MAS_COUNT_HN_BYTES_OUT };

	for (size_t i = 0; i < NITEMS(hn); i++)
		before[i] = mas_counted(mas_counters_of(b->m), hn[i]);
	ck_assert_uint_eq(ask_t2(&t2, &g), GAKA_T3);
	for (size_t i = 0; i < NITEMS(hn); i++)
		after[i] = mas_counted(mas_counters_of(b->m), hn[i]) - before[i];
	ck_assert_uint_eq(after[0], 1);
	ck_assert_uint_eq(after[1], 1);
	ck_assert_uint_eq(after[2], GAKA_T2_SIZE);
	ck_assert_uint_eq(after[3], GAKA_T3_SIZE(DEVICES - 1));
	ck_assert_int_eq(gaka_t3_read(buf_view(&g.answer), &t3), RC_OK);
	ck_assert_uint_eq(t3.count, DEVICES - 1);
	ck_assert_uint_eq(t3.w, 16);
	ck_assert_uint_eq(t3.expiry, (uint64_t)(BED_START / CLOCK_SECOND) + 3600);
	ck_assert_uint_eq(sqn_in(&t3.leader, 12), 1);
	for (unsigned i = 0; i < t3.count; i++) {
		struct gaka_member m;
		struct key ka, xk;
		struct gaka_part part = {
			.gid = &t2.gid, .rand = &t3.leader.rand, .sn = &sn, .w = t3.w
		};

		gaka_t3_member(&t3, i, &m);
		ck_assert(!node_id_eq(&m.id, &leader));
		ka = ka_of(m.id.v[NODE_ID_BYTES - 1]);
		part.iv = m.iv;
		ck_assert_int_eq(gaka_xk(&ka, &part, &xk), RC_OK);
		ck_assert(key_equal(&xk, &m.xk));
		ck_assert_uint_ge(m.iv, (uint64_t)BED_START);
	}
	buf_fini(&g.answer);
	bed_free(b);
}
END_TEST

/* Counters of a member are never given out twice, sequence numbers grow, also over a restart. */
START_TEST(test_numbers)
{
	struct mas_bed *b = grouped(LMDB);
	struct node_id sn = bed_node(GATEWAY);
	struct gaka_t2 t2 = t2_of(10, &sn);
	uint64_t next = 0;

	for (unsigned turn = 0; turn < 4; turn++) {
		struct gaka_member m;
		struct gaka_t3 t3;
		struct mas_gaka g;

		ck_assert_uint_eq(ask_t2(&t2, &g), GAKA_T3);
		ck_assert_int_eq(gaka_t3_read(buf_view(&g.answer), &t3), RC_OK);
		ck_assert_uint_eq(sqn_in(&t3.leader, 10), turn + 1);
		gaka_t3_member(&t3, 0, &m);
		ck_assert_uint_ge(m.iv, next);
		next = m.iv + t3.w;
		buf_fini(&g.answer);
		/* A clock that goes back takes nothing back. */
		bed_pass(b, turn == 1 ? -BED_HOUR : 5 * CLOCK_SECOND);
		if (turn == 2) {
			bed_close(b);
			bed_open(b);
		}
	}
	bed_free(b);
}
END_TEST

START_TEST(test_refusals)
{
	struct mas_bed *b = grouped(0);
	struct node_id sn = bed_node(GATEWAY), other = bed_node(11);
	struct gaka_t2 good = t2_of(10, &sn), t2 = good;
	struct mas_gaka g;

	t2.gid.v[0] ^= 1;
	ck_assert_uint_eq(ask_t2(&t2, &g), GAKA_T12);
	ck_assert_uint_eq(reason_of(&g), GAKA_UNKNOWN);
	t2 = t2_of(GATEWAY, &sn);
	ck_assert_uint_eq(ask_t2(&t2, &g), GAKA_T12);
	ck_assert_uint_eq(reason_of(&g), GAKA_NOT_MEMBER);
	t2 = t2_of(10, &other);
	ck_assert_uint_eq(ask_t2(&t2, &g), GAKA_T12);
	ck_assert_uint_eq(reason_of(&g), GAKA_MAC);
	/* Once in five seconds; who is out of step may ask again at once. */
	ck_assert_uint_eq(ask_t2(&good, &g), GAKA_T3);
	buf_fini(&g.answer);
	ck_assert_uint_eq(ask_t2(&good, &g), GAKA_T12);
	ck_assert_uint_eq(reason_of(&g), GAKA_BUSY);
	t2 = good;
	t2.resync = true;
	ck_assert_uint_eq(ask_t2(&t2, &g), GAKA_T3);
	buf_fini(&g.answer);
	bed_pass(b, 5 * CLOCK_SECOND);
	ck_assert_uint_eq(ask_t2(&good, &g), GAKA_T3);
	buf_fini(&g.answer);
	g = (struct mas_gaka){ .asker = MAS_ASKER_GATEWAY,
		               .name = SLICE_LIT("scl-1"),
		               .message = SLICE_LIT("no message") };
	ck_assert_int_eq(ask(&g), RC_BAD_REQUEST);
	ck_assert_uint_eq(g.answer.n, 0);
	g = (struct mas_gaka){ .asker = MAS_ASKER_GATEWAY,
		               .name = SLICE_LIT("nobody"),
		               .message = SLICE_NONE };
	ck_assert_int_eq(ask(&g), RC_BAD_REQUEST);
	bed_free(b);
}
END_TEST

/* One device alone: one number after the other, 32 when it is out of step, and not too often. */
START_TEST(test_single)
{
	struct mas_bed *b = grouped(_i);
	struct mas_gaka g;

	ck_assert_uint_eq(single_sqn(10, false), 1);
	ck_assert_uint_eq(single_sqn(10, false), 2);
	ck_assert_uint_eq(single_sqn(10, true), 34);
	ck_assert_uint_eq(single_sqn(11, false), 1);
	ck_assert_uint_eq(single_sqn(10, true), 66);
	ck_assert_uint_eq(single_sqn(10, true), 98);
	ck_assert_uint_eq(ask_t10(10, false, &g), GAKA_T12);
	ck_assert_uint_eq(reason_of(&g), GAKA_BUSY);
	ck_assert_uint_eq(single_sqn(11, false), 2);
	bed_pass(b, 70 * CLOCK_SECOND);
	ck_assert_uint_eq(single_sqn(10, false), 99);
	ck_assert_uint_eq(ask_t10(GATEWAY, false, &g), GAKA_T12);
	ck_assert_uint_eq(reason_of(&g), GAKA_NOT_MEMBER);
	/* Whom one serving network has made look out of step is not so elsewhere. */
	for (unsigned i = 0; i < 3; i++)
		(void)single_sqn(13, true);
	ck_assert_uint_eq(ask_t10(13, false, &g), GAKA_T12);
	ck_assert_uint_eq(reason_of(&g), GAKA_BUSY);
	ck_assert_uint_eq(ask_t10_nscl(13, &g), GAKA_T11);
	buf_fini(&g.answer);
	for (unsigned i = 0; i < 54; i++)
		(void)single_sqn(11, false);
	ck_assert_uint_eq(ask_t10(12, false, &g), GAKA_T12);
	ck_assert_uint_eq(reason_of(&g), GAKA_BUSY);
	bed_free(b);
}
END_TEST

/* A member has the keys since it came; the epoch before is over after ten minutes. */
START_TEST(test_keys)
{
	struct mas_bed *b = grouped(_i);
	struct node_id node = bed_node(20);
	struct mas_group_change join = one_node(MAS_GROUP_JOIN, &node);
	struct mas_group_change rekey = { .kind = MAS_GROUP_REKEY, .gid = GID };
	struct mas_group_keys first, second;
	struct looking l;

	ck_assert_int_eq(keys_of(10, &first), RC_FORBIDDEN);
	(void)bed_connected(b, 10, 1);
	ck_assert_int_eq(keys_of(10, &first), RC_OK);
	ck_assert_uint_eq(first.n, 1);
	ck_assert(first.all[0].gid == GID && first.all[0].epoch == 1 && first.all[0].window == 16);
	ck_assert_uint_eq(first.all[0].previous_epoch, 0);
	bed_issue(b, 20, 20);
	ck_assert_int_eq(change(&join), RC_OK);
	ck_assert_uint_eq(join.epoch, 2);
	(void)bed_connected(b, 20, 1);
	ck_assert_int_eq(keys_of(20, &second), RC_OK);
	ck_assert(second.all[0].epoch == 2 && second.all[0].previous_epoch == 0);
	ck_assert(!key_equal(&second.all[0].gak, &first.all[0].gak));
	ck_assert_int_eq(keys_of(10, &second), RC_OK);
	ck_assert(second.all[0].previous_epoch == 1);
	ck_assert(key_equal(&second.all[0].previous, &first.all[0].gak));
	ck_assert_int_eq(change(&rekey), RC_OK);
	ck_assert_int_eq(keys_of(20, &second), RC_OK);
	ck_assert(second.all[0].epoch == 3 && second.all[0].previous_epoch == 2);
	bed_pass(b, MAS_GROUP_OVERLAP + CLOCK_SECOND);
	ck_assert_int_eq(keys_of(20, &second), RC_OK);
	ck_assert_uint_eq(second.all[0].previous_epoch, 0);
	do
		ck_assert_int_eq(look(&l), RC_OK);
	while (l.g.previous_until != 0);
	bed_free(b);
}
END_TEST

/* Who is revoked is out of its groups, and the serving networks are told. */
START_TEST(test_revoked)
{
	struct mas_bed *b = grouped(_i);
	struct mas_change c = { .kind = MAS_REVOKE_NODE,
		                .node = bed_node(11),
		                .actor = "admin",
		                .flags = MAS_KEEP_FLAGS };
	struct node_id sn = bed_node(GATEWAY), node = bed_node(11), serving;
	struct gaka_t2 t2 = t2_of(10, &sn);
	struct mas_group_change join = one_node(MAS_GROUP_JOIN, &node);
	struct gaka_t3 t3;
	struct looking l;
	struct mas_gaka g;

	ck_assert_int_eq(bed_change(b, &c), RC_OK);
	ck_assert_uint_eq(n_told, 1);
	ck_assert(told.gid == GID && told.epoch == 2 && told.removed &&
	          node_id_eq(&told.node, &node));
	ck_assert_int_eq(mas_serving_id(SLICE_LIT("nscl-1"), &serving), RC_OK);
	ck_assert_uint_eq(told.n_serving, 2);
	ck_assert(node_id_eq(&told.serving[1], &serving));
	ck_assert_int_eq(look(&l), RC_OK);
	ck_assert(l.n == DEVICES - 1 && l.g.members == DEVICES - 1 && l.g.epoch == 2);
	ck_assert_uint_eq(ask_t2(&t2, &g), GAKA_T3);
	ck_assert_int_eq(gaka_t3_read(buf_view(&g.answer), &t3), RC_OK);
	ck_assert_uint_eq(t3.count, DEVICES - 2);
	buf_fini(&g.answer);
	ck_assert_int_eq(change(&join), RC_CONFLICT);
	ck_assert_str_eq(join.outcome.reason, "NO_NODE");
	/* Again: nothing more. */
	ck_assert_int_eq(bed_change(b, &c), RC_OK);
	ck_assert_uint_eq(n_told, 1);
	/* A key alone: its vectors die, the node stays. */
	c.kind = MAS_REVOKE_KMR;
	c.node = bed_node(12);
	ck_assert_int_eq(bed_change(b, &c), RC_OK);
	ck_assert_uint_eq(n_told, 2);
	ck_assert(told.gid == GID && told.epoch == 2 && !told.removed);
	ck_assert_uint_eq(ask_t10(12, false, &g), GAKA_T12);
	ck_assert_uint_eq(reason_of(&g), GAKA_NOT_MEMBER);
	bed_free(b);
}
END_TEST

/* Another root key of a member: vectors that were made with the one before die, sessions do not. */
START_TEST(test_another_root)
{
	struct mas_bed *b = grouped(_i);
	uint32_t first = 1, second;

	(void)bed_connected(b, 12, first);
	ck_assert_uint_eq(n_told, 0);
	(void)bed_connected(b, 12, first);
	ck_assert_uint_eq(n_told, 0);
	second = bed_issue(b, 12, 40);
	ck_assert_uint_eq(second, 2);
	ck_assert_uint_eq(n_told, 0);
	(void)bed_connected(b, 12, second);
	ck_assert_uint_eq(n_told, 1);
	ck_assert(told.gid == GID && told.epoch == 1 && !told.removed);
	bed_free(b);
}
END_TEST

/* Changes that are refused change nothing. */
START_TEST(test_changes)
{
	static const struct slice networks[] = { SLICE_INIT("nscl-1") };
	struct mas_bed *b = grouped(0);
	struct node_id some[2] = { bed_node(30), bed_node(31) };
	struct mas_group_change make = { .kind = MAS_GROUP_MAKE, .gid = GID };
	struct mas_group_change join = {
		.kind = MAS_GROUP_JOIN, .gid = GID, .nodes = some, .n_nodes = 2
	};
	struct mas_group_change leave = one_node(MAS_GROUP_LEAVE, some);
	struct mas_group_change set = {
		.kind = MAS_GROUP_SET, .gid = GID, .networks = networks, .n_networks = 1
	};
	struct mas_group_change drop = { .kind = MAS_GROUP_DELETE, .gid = GID };
	struct looking l;

	ck_assert_int_eq(change(&make), RC_CONFLICT);
	ck_assert_str_eq(make.outcome.reason, "GID_TAKEN");
	bed_issue(b, 30, 30);
	ck_assert_int_eq(change(&join), RC_CONFLICT);
	ck_assert_int_eq(look(&l), RC_OK);
	ck_assert(l.n == DEVICES && l.g.epoch == 1);
	ck_assert_int_eq(change(&leave), RC_NOT_FOUND);
	set.window = 70000;
	ck_assert_int_eq(change(&set), RC_BAD_REQUEST);
	set.window = 0;
	ck_assert_int_eq(change(&set), RC_OK);
	ck_assert_uint_eq(set.epoch, 2);
	ck_assert_uint_eq(told.n_serving, 2);
	bed_issue(b, 31, 31);
	ck_assert_int_eq(change(&join), RC_OK);
	ck_assert_uint_eq(join.epoch, 3);
	ck_assert_int_eq(change(&join), RC_OK);
	ck_assert_uint_eq(join.epoch, 3);
	leave.nodes = &some[1];
	ck_assert_int_eq(change(&leave), RC_OK);
	ck_assert(told.removed && told.epoch == 4);
	ck_assert_int_eq(change(&drop), RC_OK);
	ck_assert(told.epoch == 0 && !told.removed);
	ck_assert_int_eq(look(&l), RC_NOT_FOUND);
	ck_assert_int_eq(change(&drop), RC_NOT_FOUND);
	bed_free(b);
}
END_TEST

/* A node is in so many groups and no more. */
START_TEST(test_many)
{
	struct mas_bed *b = grouped(0);
	struct node_id node = bed_node(10);
	struct mas_change revoke = {
		.kind = MAS_REVOKE_NODE, .node = node, .actor = "admin", .flags = MAS_KEEP_FLAGS
	};

	for (unsigned i = 1; i < MAS_GROUPS_PER_NODE; i++) {
		struct mas_group_change c = { .kind = MAS_GROUP_MAKE,
			                      .nodes = &node,
			                      .n_nodes = 1 };

		ck_assert_int_eq(change(&c), RC_OK);
		ck_assert_uint_ne(c.gid, 0);
	}
	struct mas_group_change c = { .kind = MAS_GROUP_MAKE, .nodes = &node, .n_nodes = 1 };

	ck_assert_int_eq(change(&c), RC_CONFLICT);
	ck_assert_str_eq(c.outcome.reason, "TOO_MANY");
	n_told = 0;
	ck_assert_int_eq(bed_change(b, &revoke), RC_OK);
	ck_assert_uint_eq(n_told, MAS_GROUPS_PER_NODE);
	bed_free(b);
}
END_TEST

/* Under a new master key there is all that there was, and no key lies in the store as it is. */
START_TEST(test_rewrapped)
{
	struct mas_bed *b = grouped(LMDB);
	struct mas_group_change rekey = { .kind = MAS_GROUP_REKEY, .gid = GID };
	struct mas_rewrap r = { .actor = "admin" };
	struct mas_group_keys before, after;

	ck_assert_int_eq(change(&rekey), RC_OK);
	(void)bed_connected(b, 10, 1);
	ck_assert_int_eq(keys_of(10, &before), RC_OK);
	bed_close(b);
	bed_write(b->next, b->kek_octets[1], KEY_BYTES);
	bed_open(b);
	ck_assert_int_eq(bed_rewrap(b, &r), RC_OK);
	ck_assert_int_eq(keys_of(10, &after), RC_OK);
	bed_close(b);
	bed_write(b->kek, b->kek_octets[1], KEY_BYTES);
	bed_open(b);
	ck_assert_int_eq(keys_of(10, &after), RC_OK);
	ck_assert(key_equal(&before.all[0].gak, &after.all[0].gak));
	ck_assert_uint_eq(after.all[0].previous_epoch, 1);
	ck_assert(key_equal(&before.all[0].previous, &after.all[0].previous));
	bed_free(b);
}
END_TEST

/* Records that are cut, longer or of another version are damage. */
START_TEST(test_damaged)
{
	struct mas_bed *b = grouped(LMDB);
	struct table_key key = table_key('G');
	struct tables store = { .ops = NULL };
	char why[256], octets[4096];
	struct mas_group g;
	struct tables_tx *tx;
	struct slice val;
	size_t n;

	bed_close(b);
	ck_assert_int_eq(tables_open(b->conf.engine, &b->conf.store, &store, why), RC_OK);
	ck_assert_int_eq(tables_begin(&store, &tx), RC_OK);
	table_key_number(&key, GID, 8);
	ck_assert_int_eq(tables_get(tx, table_key_view(&key), &val), RC_OK);
	n = val.n;
	ck_assert_uint_lt(n, sizeof(octets));
	memcpy(octets, val.p, n);
	octets[n] = 0;
	for (size_t len = 0; len < n; len++) {
		ck_assert_int_eq(tables_put(tx, table_key_view(&key), slice_make(octets, len)),
		                 RC_OK);
		ck_assert_int_eq(mas_group_get(tx, GID, &g), RC_INTERNAL);
	}
	ck_assert_int_eq(tables_put(tx, table_key_view(&key), slice_make(octets, n + 1)), RC_OK);
	ck_assert_int_eq(mas_group_get(tx, GID, &g), RC_INTERNAL);
	octets[0] ^= 2;
	ck_assert_int_eq(tables_put(tx, table_key_view(&key), slice_make(octets, n)), RC_OK);
	ck_assert_int_eq(mas_group_get(tx, GID, &g), RC_INTERNAL);
	tables_abort(tx);
	tables_close(&store);
	bed_free(b);
}
END_TEST

int
main(void)
{
	const TTest *const engines[] = { test_vectors, test_single, test_keys, test_revoked,
		                         test_another_root };
	const TTest *const tests[] = { test_numbers, test_refusals,  test_changes,
		                       test_many,    test_rewrapped, test_damaged };
	Suite *s = suite_create("mas group");
	TCase *c = suite_case(s, "all", NULL, NULL);

	tcase_set_timeout(c, 120);
	for (size_t i = 0; i < NITEMS(engines); i++)
		tcase_add_loop_test(c, engines[i], 0, BED_ENGINES);
	for (size_t i = 0; i < NITEMS(tests); i++)
		tcase_add_test(c, tests[i]);
	return run_suite(s);
}
