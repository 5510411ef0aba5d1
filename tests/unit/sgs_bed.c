/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sgs_bed.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cap/sgs/sgs_book_impl.h"

#define FNV_BASIS UINT64_C(14695981039346656037)
#define FNV_PRIME UINT64_C(1099511628211)

/* ---- life ---- */

static int64_t
bed_now(const struct clock *c)
{
	return atomic_load(&((const struct sgs_clock *)(const void *)c)->now);
}

static void
told(void *arg, enum sgs_told what, uint64_t id)
{
	struct sgs_bed *b = arg;

	pthread_mutex_lock(&b->lock);
	b->told[b->n_told++ % SGS_TOLD_KEPT] = (struct sgs_hint){ what, id };
	pthread_mutex_unlock(&b->lock);
}

void
sgs_bed_make(struct sgs_bed *b, int engine)
{
	const char *tmp = getenv("TMPDIR");

	*b = (struct sgs_bed){ .clock.clock.now = bed_now,
		               .lock = PTHREAD_MUTEX_INITIALIZER,
		               .turn = PTHREAD_COND_INITIALIZER };
	atomic_store(&b->clock.now, SGS_START);
	memset(b->kek.v, 0x5a, sizeof(b->kek.v));
	snprintf(b->base, sizeof(b->base), "%s/test-sgs-XXXXXX", tmp == NULL ? "/tmp" : tmp);
	ck_assert_ptr_nonnull(mkdtemp(b->base));
	snprintf(b->dir, sizeof(b->dir), "%s/sga", b->base);
	b->conf = (struct sgs_conf){ .dir = engine == SGS_LMDB ? b->dir : NULL,
		                     .engine = engine == SGS_LMDB ? &store_lmdb : NULL,
		                     .kek = &b->kek,
		                     .limits = { .devices_max = 8,
		                                 .tokens_max = 4,
		                                 .half_open_device_max = 3,
		                                 .half_open_max = 5,
		                                 .sessions_device_max = 6,
		                                 .sessions_max = 9,
		                                 .replay_max = 20,
		                                 .replay_device_max = 10,
		                                 .items_device_max = 10,
		                                 .octets_device_max = 1000,
		                                 .items_max = 30,
		                                 .octets_max = 2500,
		                                 .groups_owner_max = 2,
		                                 .groups_max = 3,
		                                 .members_max = 4,
		                                 .message_max = 500,
		                                 .half_open_ttl = 120 * CLOCK_SECOND,
		                                 .session_ttl = 86400 * CLOCK_SECOND,
		                                 .item_ttl = 3600 * CLOCK_SECOND,
		                                 .replay_ttl = 300 * CLOCK_SECOND },
		                     .clock = &b->clock.clock,
		                     .told = told,
		                     .arg = b };
}

void
sgs_bed_open(struct sgs_bed *b)
{
	char why[256];
	enum rc rc = sgs_book_open(&b->conf, &b->book, why);

	ck_assert_msg(rc == RC_OK, "open: %s", why);
}

void
sgs_bed_close(struct sgs_bed *b)
{
	sgs_book_close(b->book);
	b->book = NULL;
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
sgs_bed_drop(struct sgs_bed *b)
{
	sgs_bed_close(b);
	ck_assert_int_eq(nftw(b->base, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

void
sgs_bed_free(struct sgs_bed *b)
{
	sgs_bed_settle(b);
	sgs_bed_check(b);
	sgs_bed_drop(b);
}

void
sgs_bed_start(struct sgs_bed *b, int engine)
{
	sgs_bed_make(b, engine);
	sgs_bed_open(b);
	ck_assert_int_eq(sgs_bed_keys(b, SGS_SUITE, SGS_SERIAL), RC_OK);
}

/* ---- all records ---- */

static void
each_record(struct sgs_view *v, store_visit *visit, void *arg)
{
	for (char table = 'A'; table <= 'z'; table++)
		ck_assert_int_eq(
			tables_scan(v->tx, slice_make(&table, 1), SLICE_NONE, 0, visit, arg),
			RC_OK);
}

static void
print_octets(uint64_t *print, struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		*print = (*print ^ (unsigned char)s.p[i]) * FNV_PRIME;
	*print = (*print ^ s.n) * FNV_PRIME;
}

static bool
print_one(void *arg, struct slice key, struct slice val)
{
	print_octets(arg, key);
	print_octets(arg, val);
	return true;
}

static uint64_t
print(struct sgs_bed *b)
{
	struct sgs_view *v = sgs_bed_view(b);
	uint64_t p = FNV_BASIS;

	each_record(v, print_one, &p);
	sgs_view_close(v);
	return p;
}

struct busy {
	uint64_t now;
	bool any;
};

static bool
busy_one(void *arg, struct slice key, struct slice val)
{
	struct busy *w = arg;

	(void)val;
	w->any = w->any || key.p[0] == SGS_T_GONE ||
	         (key.p[0] == SGS_T_DUE && table_key_read(key, 1, 8) <= w->now);
	return !w->any;
}

static bool
is_busy(struct sgs_bed *b)
{
	struct sgs_view *v = sgs_bed_view(b);
	struct busy w = { .now = (uint64_t)v->now };

	each_record(v, busy_one, &w);
	sgs_view_close(v);
	return w.any;
}

void
sgs_bed_settle(struct sgs_bed *b)
{
	while (is_busy(b))
		usleep(1000);
}

void
sgs_bed_pass(struct sgs_bed *b, int64_t us)
{
	atomic_fetch_add(&b->clock.now, us);
	tables_work_wake(b->book->work);
	sgs_bed_settle(b);
}

static bool
count_one(void *arg, struct slice key, struct slice val)
{
	(void)key;
	(void)val;
	++*(uint64_t *)arg;
	return true;
}

uint64_t
sgs_bed_count(struct sgs_bed *b, char table)
{
	struct sgs_view *v = sgs_bed_view(b);
	uint64_t n = 0;

	ck_assert_int_eq(tables_scan(v->tx, slice_make(&table, 1), SLICE_NONE, 0, count_one, &n),
	                 RC_OK);
	sgs_view_close(v);
	return n;
}

/* ---- what is told ---- */

void
sgs_bed_told_clear(struct sgs_bed *b)
{
	pthread_mutex_lock(&b->lock);
	b->n_told = 0;
	pthread_mutex_unlock(&b->lock);
}

size_t
sgs_bed_told(struct sgs_bed *b, enum sgs_told what, uint64_t id)
{
	size_t n = 0;

	pthread_mutex_lock(&b->lock);
	for (size_t i = 0; i < b->n_told && i < SGS_TOLD_KEPT; i++)
		n += b->told[i].what == what && b->told[i].id == id;
	pthread_mutex_unlock(&b->lock);
	return n;
}

/* ---- operations ---- */

static void
op_done(struct sgs_op *op)
{
	struct sgs_bed *b = op->owner;

	pthread_mutex_lock(&b->lock);
	b->done = op;
	pthread_cond_broadcast(&b->turn);
	pthread_mutex_unlock(&b->lock);
}

void
sgs_bed_before(struct sgs_bed *b, struct sgs_op *op)
{
	b->print = b->quick ? 0 : print(b);
	b->done = NULL;
	op->done = op_done;
	op->owner = b;
}

enum rc
sgs_bed_after(struct sgs_bed *b, struct sgs_op *op)
{
	pthread_mutex_lock(&b->lock);
	while (b->done != op)
		pthread_cond_wait(&b->turn, &b->lock);
	pthread_mutex_unlock(&b->lock);
	if (op->rc != RC_OK && !b->quick)
		ck_assert_msg(print(b) == b->print, "refused with %d, but changed something",
		              op->rc);
	return op->rc;
}

struct sgs_sid
sgs_sid(unsigned n)
{
	struct sgs_sid sid = { { 0x51, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n } };

	return sid;
}

static void
sid_set(uint8_t to[SGS_SID_BYTES], unsigned n)
{
	struct sgs_sid sid = sgs_sid(n);

	memcpy(to, sid.v, sizeof(sid.v));
}

enum rc
sgs_bed_keys(struct sgs_bed *b, uint8_t suite, uint32_t serial)
{
	struct sgs_keys_put p = { .suite = suite,
		                  .serial = serial,
		                  .created = SGS_START,
		                  .package = SLICE_LIT("public package"),
		                  .secret = SLICE_LIT("private keys of the server") };

	return SGS_DO(b, sgs_keys_put, &p);
}

enum rc
sgs_bed_token(struct sgs_bed *b, const char *id, uint8_t hash)
{
	struct sgs_token t = { .id = slice_of(id), .ttl = 600 * CLOCK_SECOND };

	memset(t.hash, hash, sizeof(t.hash));
	return SGS_DO(b, sgs_token_make, &t);
}

enum rc
sgs_bed_register(struct sgs_bed *b, const char *id, uint8_t hash, uint8_t r1, uint64_t *device)
{
	struct sgs_view *v = sgs_bed_view(b);
	uint8_t token[SGS_HASH_BYTES];
	struct sgs_register r = { .id = slice_of(id),
		                  .token_hash = hash == 0 ? NULL : token,
		                  .kd = (const uint8_t *)"the initial key of the device kd",
		                  .suite = SGS_SUITE,
		                  .cid0 = 1,
		                  .cidset = 3,
		                  .sign = (const uint8_t *)"the public key for its signatures",
		                  .answer = SLICE_LIT("the answer R2") };

	memset(token, hash, sizeof(token));
	memset(r.r1_hash, r1, sizeof(r.r1_hash));
	ck_assert_int_eq(sgs_regctr_next(v, r.id, &r.regctr), RC_OK);
	sgs_view_close(v);
	(void)SGS_DO(b, sgs_device_register, &r);
	if (device != NULL)
		*device = r.device;
	return r.op.rc;
}

uint64_t
sgs_bed_device(struct sgs_bed *b, const char *id)
{
	uint64_t device = 0;

	ck_assert_int_eq(sgs_bed_token(b, id, 0xaa), RC_OK);
	ck_assert_int_eq(sgs_bed_register(b, id, 0xaa, 1, &device), RC_OK);
	return device;
}

enum rc
sgs_bed_revoke(struct sgs_bed *b, uint64_t device)
{
	struct sgs_revoke r = { .device = device };
	enum rc rc = SGS_DO(b, sgs_device_revoke, &r);

	sgs_bed_settle(b);
	return rc;
}

enum rc
sgs_bed_invite(struct sgs_bed *b, unsigned sid, uint64_t i, uint64_t j)
{
	struct sgs_invite n = { .i = i,
		                .j = j,
		                .suite = SGS_SUITE,
		                .serial = SGS_SERIAL,
		                .state = SLICE_LIT("saved after A1"),
		                .to_j = SLICE_LIT("A2") };

	sid_set(n.sid, sid);
	return SGS_DO(b, sgs_session_invite, &n);
}

enum rc
sgs_bed_spend(struct sgs_bed *b, unsigned sid, uint64_t i)
{
	struct sgs_spend s = { .device = i };

	sid_set(s.sid, sid);
	return SGS_DO(b, sgs_session_spend, &s);
}

enum rc
sgs_bed_step(struct sgs_bed *b, unsigned sid, uint64_t by, enum sgs_state to)
{
	struct sgs_step s = { .by = by,
		              .to = to,
		              .state = SLICE_LIT("saved after a step"),
		              .to_i = to == SGS_REQUESTED ? SLICE_NONE : SLICE_LIT("to i"),
		              .to_j = to == SGS_ACCEPTED ? SLICE_NONE : SLICE_LIT("to j") };

	sid_set(s.sid, sid);
	return SGS_DO(b, sgs_session_step, &s);
}

enum rc
sgs_bed_end(struct sgs_bed *b, unsigned sid, uint64_t by, enum sgs_state in)
{
	struct sgs_end e = {
		.by = by, .in = in, .to_i = SLICE_LIT("no, i"), .to_j = SLICE_LIT("no, j")
	};

	sid_set(e.sid, sid);
	return SGS_DO(b, sgs_session_end, &e);
}

void
sgs_bed_session(struct sgs_bed *b, unsigned sid, uint64_t i, uint64_t j)
{
	ck_assert_int_eq(sgs_bed_invite(b, sid, i, j), RC_OK);
	ck_assert_int_eq(sgs_bed_step(b, sid, j, SGS_ACCEPTED), RC_OK);
	ck_assert_int_eq(sgs_bed_step(b, sid, i, SGS_REQUESTED), RC_OK);
	ck_assert_int_eq(sgs_bed_step(b, sid, j, SGS_OPEN), RC_OK);
}

enum rc
sgs_bed_message(struct sgs_bed *b, unsigned sid, uint64_t by, uint32_t ctr, size_t size,
                bool *again)
{
	char octets[1024];
	struct sgs_message m = {
		.by = by, .ctr = ctr, .confirm = ctr == 0, .octets = slice_make(octets, size)
	};

	ck_assert_uint_le(size, sizeof(octets));
	memset(octets, (int)(ctr & 0xff), sizeof(octets));
	sid_set(m.sid, sid);
	(void)SGS_DO(b, sgs_message_put, &m);
	if (again != NULL)
		*again = m.again;
	return m.op.rc;
}

enum rc
sgs_bed_ack(struct sgs_bed *b, uint64_t device, uint64_t item, bool through)
{
	struct sgs_ack a = { .device = device, .item = item, .through = through };

	return SGS_DO(b, sgs_item_ack, &a);
}

enum rc
sgs_bed_group(struct sgs_bed *b, unsigned gid, uint64_t owner, const uint64_t *members, size_t n)
{
	struct sgs_group_new g = {
		.owner = owner, .members = members, .n_members = n, .purpose = SLICE_LIT("heating")
	};

	sid_set(g.gid, gid);
	return SGS_DO(b, sgs_group_make, &g);
}

enum rc
sgs_bed_change(struct sgs_bed *b, unsigned gid, uint64_t by, uint32_t epoch,
               const uint64_t *members, size_t n)
{
	struct sgs_group_change c = {
		.by = by, .epoch = epoch, .members = members, .n_members = n
	};

	sid_set(c.gid, gid);
	return SGS_DO(b, sgs_group_change, &c);
}

enum rc
sgs_bed_leave(struct sgs_bed *b, unsigned gid, uint64_t by, uint64_t member)
{
	struct sgs_group_leave l = { .by = by, .member = member, .to_owner = SLICE_LIT("left") };

	sid_set(l.gid, gid);
	return SGS_DO(b, sgs_group_leave, &l);
}

enum rc
sgs_bed_group_message(struct sgs_bed *b, unsigned gid, uint64_t by, uint32_t epoch, uint32_t ctr,
                      size_t size, bool *again)
{
	char octets[1024];
	struct sgs_group_message m = {
		.by = by, .epoch = epoch, .ctr = ctr, .octets = slice_make(octets, size)
	};

	ck_assert_uint_le(size, sizeof(octets));
	memset(octets, (int)(0x80 | ctr), sizeof(octets));
	sid_set(m.gid, gid);
	(void)SGS_DO(b, sgs_group_message_put, &m);
	if (again != NULL)
		*again = m.again;
	return m.op.rc;
}

/* ---- reading ---- */

struct sgs_view *
sgs_bed_view(struct sgs_bed *b)
{
	struct sgs_view *v;

	ck_assert_int_eq(sgs_view_open(b->book, &v), RC_OK);
	return v;
}

struct sgs_stats
sgs_bed_stats(struct sgs_bed *b)
{
	struct sgs_view *v = sgs_bed_view(b);
	struct sgs_stats s;

	ck_assert_int_eq(sgs_stats_get(v, &s), RC_OK);
	sgs_view_close(v);
	return s;
}

enum rc
sgs_bed_show(struct sgs_bed *b, uint64_t device, struct sgs_device *out)
{
	struct sgs_view *v = sgs_bed_view(b);
	enum rc rc = sgs_device_get(v, device, out);

	sgs_view_close(v);
	return rc;
}

enum rc
sgs_bed_session_show(struct sgs_bed *b, unsigned sid, struct sgs_session *out)
{
	struct sgs_view *v = sgs_bed_view(b);
	struct sgs_sid id = sgs_sid(sid);
	enum rc rc = sgs_session_get(v, id.v, out);

	sgs_view_close(v);
	return rc;
}

enum rc
sgs_bed_group_show(struct sgs_bed *b, unsigned gid, struct sgs_group *out)
{
	struct sgs_view *v = sgs_bed_view(b);
	struct sgs_sid id = sgs_sid(gid);
	enum rc rc = sgs_group_get(v, id.v, out);

	sgs_view_close(v);
	return rc;
}

struct numbers {
	uint64_t *v;
	size_t n, max;
};

static bool
take_number(void *arg, const struct sgs_item *i)
{
	struct numbers *n = arg;

	if (n->n < n->max)
		n->v[n->n] = i->number;
	n->n++;
	return true;
}

size_t
sgs_bed_items(struct sgs_bed *b, uint64_t device, uint64_t *numbers, size_t max)
{
	struct sgs_view *v = sgs_bed_view(b);
	struct numbers n = { .v = numbers, .max = max };
	enum rc rc = sgs_item_list(v, device, 0, 0, UINT64_MAX, take_number, &n);

	sgs_view_close(v);
	ck_assert(rc == RC_OK || rc == RC_NOT_FOUND);
	return n.n;
}
