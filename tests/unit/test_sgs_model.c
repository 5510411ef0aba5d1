/* SPDX-License-Identifier: Apache-2.0 */
/* Random operations on the book of the SGA server, each answered as a model of it says. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "sgs_bed.h"
#include "suite.h"

#define DEVICES 6
#define SESSIONS 12
#define GROUPS 5
#define ITEMS 10 /* of one mailbox */
#define BLOBS 64
#define OPS 1500
#define NOBODY 200 /* the number of no device */

/* ---- the model ---- */

struct item {
	uint64_t number;
	size_t size;
	int64_t expires;
	unsigned blob; /* 0: none */
};

struct device {
	uint64_t number; /* 0: none */
	uint64_t last;
	struct item items[ITEMS];
	size_t n;
};

struct session {
	unsigned sid; /* 0: none */
	size_t party[2];
	enum sgs_state state;
	uint32_t next[2];
	int64_t expires;
};

struct group {
	bool used, stale, member[DEVICES];
	size_t owner;
	uint32_t epoch, next[DEVICES];
};

struct model {
	struct sgs_bed *b;
	const struct sgs_limits *max;
	struct device devices[DEVICES];
	struct session sessions[SESSIONS];
	struct group groups[GROUPS];
	struct {
		unsigned in;
		size_t size;
	} blobs[BLOBS];
	unsigned sids, r1;
	uint64_t missed; /* of group messages */
	unsigned messages, group_messages; /* that were taken */
	uint32_t seed;
};

static struct sgs_bed bed;

static unsigned
draw(struct model *m, unsigned below)
{
	m->seed = m->seed * 1664525u + 1013904223u;
	return (m->seed >> 8) % below;
}

static int64_t
now(const struct model *m)
{
	return atomic_load(&m->b->clock.now);
}

static uint64_t
number(const struct model *m, size_t d)
{
	return m->devices[d].number == 0 ? NOBODY : m->devices[d].number;
}

/* ---- mailboxes of the model ---- */

static size_t
octets_of(const struct device *d)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n; i++)
		n += d->items[i].size;
	return n;
}

static void
totals(const struct model *m, uint64_t *items, uint64_t *octets, uint64_t *blobs)
{
	*items = *octets = *blobs = 0;
	for (size_t d = 0; d < DEVICES; d++)
		for (size_t i = 0; i < m->devices[d].n; i++) {
			++*items;
			*octets +=
				m->devices[d].items[i].blob == 0 ? m->devices[d].items[i].size : 0;
		}
	for (size_t i = 1; i < BLOBS; i++)
		if (m->blobs[i].in > 0) {
			++*blobs;
			*octets += m->blobs[i].size;
		}
}

static bool
is_full(const struct model *m, size_t to, size_t size)
{
	const struct device *d = &m->devices[to];

	return d->n >= m->max->items_device_max || octets_of(d) + size > m->max->octets_device_max;
}

static bool
put(struct model *m, size_t to, size_t size, int64_t ttl, unsigned blob)
{
	struct device *d = &m->devices[to];
	uint64_t items, octets, blobs;

	totals(m, &items, &octets, &blobs);
	if (is_full(m, to, size) || items >= m->max->items_max ||
	    (blob == 0 && octets + size > m->max->octets_max))
		return false;
	d->items[d->n++] = (struct item){ ++d->last, size, now(m) + ttl, blob };
	m->blobs[blob].in++;
	return true;
}

/* From its place on: that item. */
static void
take(struct model *m, struct device *d, size_t at)
{
	m->blobs[d->items[at].blob].in--;
	memmove(&d->items[at], &d->items[at + 1], (d->n - at - 1) * sizeof(d->items[0]));
	d->n--;
}

/* Of the session the device has begun, half-open ones alone or all; of all: DEVICES. */
static unsigned
begun(const struct model *m, size_t device, bool half)
{
	unsigned n = 0;

	for (size_t i = 0; i < SESSIONS; i++) {
		const struct session *s = &m->sessions[i];

		n += s->sid != 0 && (device == DEVICES || s->party[0] == device) &&
		     (!half || s->state != SGS_OPEN);
	}
	return n;
}

/* ---- negotiations, records ---- */

/* Most often one that is there. */
static struct session *
any_session(struct model *m)
{
	struct session *s = &m->sessions[draw(m, SESSIONS)];

	for (unsigned n = 0; n < SESSIONS && s->sid == 0; n++)
		s = &m->sessions[draw(m, SESSIONS)];
	return s;
}

static void
do_invite(struct model *m)
{
	size_t i = draw(m, DEVICES), j = draw(m, DEVICES), at = 0;
	struct model before = *m;
	enum rc rc = RC_OK;

	while (at < SESSIONS - 1 && m->sessions[at].sid != 0)
		at++;
	if (m->sessions[at].sid != 0)
		return;
	if (i == j)
		rc = RC_BAD_REQUEST;
	else if (m->devices[i].number == 0 || m->devices[j].number == 0)
		rc = RC_NOT_FOUND;
	else if (begun(m, DEVICES, true) >= m->max->half_open_max ||
	         begun(m, i, true) >= m->max->half_open_device_max)
		rc = RC_UNAVAILABLE;
	else if (begun(m, DEVICES, false) >= m->max->sessions_max ||
	         begun(m, i, false) >= m->max->sessions_device_max ||
	         !put(m, j, 2, m->max->half_open_ttl, 0))
		rc = RC_NO_SPACE;
	/* Both are NOBODY when they are not there: that is one device twice. */
	if (number(m, i) == number(m, j))
		rc = RC_BAD_REQUEST;
	ck_assert_int_eq(sgs_bed_invite(m->b, ++m->sids, number(m, i), number(m, j)), rc);
	if (rc == RC_OK)
		m->sessions[at] = (struct session){ .sid = m->sids,
			                            .party = { i, j },
			                            .state = SGS_INVITED,
			                            .expires = now(m) + m->max->half_open_ttl };
	else {
		before.sids = m->sids;
		*m = before;
	}
}

static void
do_step(struct model *m)
{
	struct session *s = any_session(m);
	enum sgs_state to = draw(m, 4) > 0 && s->sid != 0 && s->state < SGS_OPEN
	                            ? s->state + 1
	                            : SGS_ACCEPTED + draw(m, 3);
	size_t by = draw(m, 6) == 0 ? draw(m, DEVICES) : s->party[to != SGS_REQUESTED];
	struct model before = *m;
	int64_t ttl = to == SGS_OPEN ? m->max->item_ttl : m->max->half_open_ttl;
	enum rc rc = RC_OK;

	if (s->sid == 0)
		rc = RC_NOT_FOUND;
	else if (by != s->party[to != SGS_REQUESTED])
		rc = RC_FORBIDDEN;
	else if (s->state != to - 1)
		rc = RC_CONFLICT;
	else if ((to != SGS_REQUESTED && !put(m, s->party[0], 4, ttl, 0)) ||
	         (to != SGS_ACCEPTED && !put(m, s->party[1], 4, ttl, 0)))
		rc = RC_NO_SPACE;
	ck_assert_int_eq(sgs_bed_step(m->b, s->sid, number(m, by), to), rc);
	if (rc != RC_OK) {
		*m = before;
		return;
	}
	s->state = to;
	s->expires = now(m) + (to == SGS_OPEN ? m->max->session_ttl : m->max->half_open_ttl);
}

static void
do_end(struct model *m)
{
	struct session *s = any_session(m);
	size_t by = draw(m, 3) == 0 ? draw(m, DEVICES) : s->party[draw(m, 2)];
	enum rc rc = RC_OK;

	if (draw(m, 3) > 0)
		return;

	if (s->sid == 0)
		rc = RC_NOT_FOUND;
	else if (by != s->party[0] && by != s->party[1])
		rc = RC_FORBIDDEN;
	ck_assert_int_eq(sgs_bed_end(m->b, s->sid, number(m, by), 0), rc);
	if (rc != RC_OK)
		return;
	(void)put(m, s->party[0], 5, m->max->item_ttl, 0);
	(void)put(m, s->party[1], 5, m->max->item_ttl, 0);
	s->sid = 0;
}

static void
do_message(struct model *m)
{
	struct session *s = any_session(m);
	size_t by = draw(m, 8) == 0 ? draw(m, DEVICES) : s->party[draw(m, 2)];
	size_t size = 1 + draw(m, draw(m, 10) == 0 ? 700 : 100);
	bool from = by != s->party[0], again = false, taken;
	uint32_t next = s->next[from], ctr = next + draw(m, 8) / 7 - (next > 0 && draw(m, 8) == 0);
	enum rc rc = RC_OK;

	taken = ctr < next;
	if (size > m->max->message_max)
		rc = RC_TOO_LARGE;
	else if (s->sid == 0)
		rc = RC_NOT_FOUND;
	else if (by != s->party[0] && by != s->party[1])
		rc = RC_FORBIDDEN;
	else if (s->state != SGS_OPEN)
		rc = RC_PRECONDITION;
	else if (ctr > next)
		rc = RC_CONFLICT;
	else if (!taken && ctr > 0 && s->next[!from] == 0)
		rc = RC_PRECONDITION;
	else if (!taken && !put(m, s->party[!from], size, m->max->item_ttl, 0))
		rc = RC_NO_SPACE;
	ck_assert_int_eq(sgs_bed_message(m->b, s->sid, number(m, by), ctr, size, &again), rc);
	if (rc != RC_OK)
		return;
	ck_assert(again == taken);
	s->next[from] += !taken;
	m->messages += !taken;
}

static void
do_ack(struct model *m)
{
	struct device *d = &m->devices[draw(m, DEVICES)];
	bool through = draw(m, 2) == 0;
	uint64_t item = d->last + 1 - draw(m, d->last < 12 ? (unsigned)d->last + 2 : 12);
	enum rc rc = d->number == 0 || item == 0 || item > d->last ? RC_NOT_FOUND : RC_OK;

	ck_assert_int_eq(sgs_bed_ack(m->b, d->number == 0 ? NOBODY : d->number, item, through), rc);
	for (size_t i = d->n; i-- > 0 && rc == RC_OK;)
		if (d->items[i].number == item || (through && d->items[i].number < item))
			take(m, d, i);
}

/* ---- groups ---- */

/* Some devices, which may not be there. */
static size_t
some(struct model *m, size_t owner, bool member[DEVICES], uint64_t *numbers, bool *there)
{
	size_t n = 0;

	*there = m->devices[owner].number != 0;
	for (size_t d = 0; d < DEVICES; d++) {
		member[d] = d == owner || draw(m, 5) < 2;
		if (member[d])
			*there = *there && m->devices[d].number != 0;
		if (member[d] && d != owner)
			numbers[n++] = number(m, d);
	}
	return n;
}

/* What naming them is answered. */
static enum rc
named(const struct model *m, const uint64_t *numbers, size_t n, uint64_t owner, bool there)
{
	if (n + 1 > m->max->members_max)
		return RC_TOO_LARGE;
	if (n == 0)
		return RC_BAD_REQUEST;
	for (size_t a = 0; a < n; a++)
		for (size_t b = 0; b < a; b++)
			if (numbers[a] == numbers[b] || numbers[a] == owner || numbers[b] == owner)
				return RC_BAD_REQUEST;
	return there ? RC_OK : RC_NOT_FOUND;
}

static void
do_group_make(struct model *m)
{
	unsigned gid = draw(m, GROUPS);
	struct group *g = &m->groups[gid];
	size_t owner = draw(m, DEVICES), n;
	struct group new = { .used = true, .owner = owner, .epoch = 1 };
	uint64_t numbers[DEVICES];
	unsigned all = 0, own = 0;
	bool there;
	enum rc rc;

	if (m->devices[owner].number == 0)
		return;
	n = some(m, owner, new.member, numbers, &there);
	for (size_t i = 0; i < GROUPS; i++) {
		all += m->groups[i].used;
		own += m->groups[i].used && m->groups[i].owner == owner;
	}
	rc = named(m, numbers, n, number(m, owner), there);
	if (rc == RC_OK && g->used) {
		bool same = g->owner == owner && g->epoch == 1 && !g->stale &&
		            memcmp(g->member, new.member, sizeof(new.member)) == 0;

		ck_assert_int_eq(sgs_bed_group(m->b, 900 + gid, number(m, owner), numbers, n),
		                 same ? RC_OK : RC_CONFLICT);
		return;
	}
	if (rc == RC_OK && (all >= m->max->groups_max || own >= m->max->groups_owner_max))
		rc = RC_NO_SPACE;
	ck_assert_int_eq(sgs_bed_group(m->b, 900 + gid, number(m, owner), numbers, n), rc);
	if (rc == RC_OK)
		*g = new;
}

static void
do_group_change(struct model *m)
{
	unsigned gid = draw(m, GROUPS);
	struct group *g = &m->groups[gid], new = *g;
	size_t by = draw(m, 4) == 0 ? draw(m, DEVICES) : g->owner, n;
	uint32_t epoch = g->epoch + draw(m, 3) - (g->epoch > 1 && draw(m, 4) == 0);
	uint64_t numbers[DEVICES];
	bool there, same;
	enum rc rc;

	n = some(m, g->owner, new.member, numbers, &there);
	same = memcmp(g->member, new.member, sizeof(new.member)) == 0;
	rc = !g->used ? RC_NOT_FOUND : by != g->owner ? RC_FORBIDDEN : RC_OK;
	if (rc == RC_OK)
		rc = named(m, numbers, n, number(m, g->owner), there);
	if (rc == RC_OK && epoch != g->epoch + 1 && !(epoch == g->epoch && same && !g->stale))
		rc = RC_CONFLICT;
	ck_assert_int_eq(sgs_bed_change(m->b, 900 + gid, number(m, by), epoch, numbers, n), rc);
	if (rc != RC_OK || epoch == g->epoch)
		return;
	new.epoch = epoch;
	new.stale = false;
	memset(new.next, 0, sizeof(new.next));
	*g = new;
}

static void
do_leave(struct model *m)
{
	unsigned gid = draw(m, GROUPS);
	struct group *g = &m->groups[gid];
	size_t member = draw(m, DEVICES), by = draw(m, 2) == 0 ? g->owner : member;
	enum rc rc = !g->used                                               ? RC_NOT_FOUND
	             : number(m, by) != number(m, g->owner) && by != member ? RC_FORBIDDEN
	             : !g->member[member]                                   ? RC_NOT_FOUND
	             : member == g->owner                                   ? RC_CONFLICT
	                                                                    : RC_OK;

	ck_assert_int_eq(sgs_bed_leave(m->b, 900 + gid, number(m, by), number(m, member)), rc);
	if (rc != RC_OK)
		return;
	g->member[member] = false;
	g->stale = true;
	(void)put(m, g->owner, 4, m->max->item_ttl, 0);
}

/* A blob that is not in use. */
static unsigned
free_blob(const struct model *m)
{
	unsigned i = 1;

	while (m->blobs[i].in > 0)
		i++;
	ck_assert_uint_lt(i, BLOBS);
	return i;
}

static enum rc
group_put(struct model *m, const struct group *g, size_t by, size_t size)
{
	unsigned blob = free_blob(m);
	uint64_t items, octets, blobs;

	totals(m, &items, &octets, &blobs);
	if (octets + size > m->max->octets_max)
		return RC_NO_SPACE;
	m->blobs[blob].size = size;
	for (size_t d = 0; d < DEVICES; d++) {
		if (d == by || !g->member[d])
			continue;
		if (is_full(m, d, size))
			m->missed++;
		else if (!put(m, d, size, m->max->item_ttl, blob))
			return RC_NO_SPACE;
	}
	return m->blobs[blob].in > 0 ? RC_OK : RC_NO_SPACE;
}

static void
do_group_message(struct model *m)
{
	unsigned gid = draw(m, GROUPS);
	struct group *g = &m->groups[gid];
	size_t by = draw(m, 3) == 0 ? draw(m, DEVICES) : g->owner, size = 1 + draw(m, 200);
	uint32_t next = g->next[by], epoch = g->epoch - (draw(m, 10) == 0 && g->epoch > 0);
	uint32_t ctr = next + draw(m, 8) / 7 - (next > 0 && draw(m, 6) == 0);
	struct model before = *m;
	bool again = false;
	enum rc rc = RC_OK;

	if (!g->used)
		rc = RC_NOT_FOUND;
	else if (!g->member[by])
		rc = RC_FORBIDDEN;
	else if (epoch != g->epoch)
		rc = RC_PRECONDITION;
	else if (ctr >= next)
		rc = g->stale     ? RC_PRECONDITION
		     : ctr > next ? RC_CONFLICT
		                  : group_put(m, g, by, size);
	ck_assert_int_eq(
		sgs_bed_group_message(m->b, 900 + gid, number(m, by), epoch, ctr, size, &again),
		rc);
	if (rc != RC_OK) {
		*m = before;
		return;
	}
	ck_assert(again == (ctr < next));
	g->next[by] += !again;
	m->group_messages += !again;
}

/* ---- devices, time ---- */

static void
do_register(struct model *m)
{
	struct device *d = &m->devices[draw(m, DEVICES)];
	char id[8] = { 'd', (char)('0' + (d - m->devices)), 0 };

	if (d->number != 0)
		return;
	ck_assert_int_eq(sgs_bed_token(m->b, id, 0xaa), RC_OK);
	ck_assert_int_eq(sgs_bed_register(m->b, id, 0xaa, (uint8_t)++m->r1, &d->number), RC_OK);
	d->last = 0;
}

static void
do_revoke(struct model *m)
{
	size_t at = draw(m, DEVICES);
	struct device *d = &m->devices[at];

	if (draw(m, 8) != 0)
		return;
	ck_assert_int_eq(sgs_bed_revoke(m->b, number(m, at)),
	                 d->number == 0 ? RC_NOT_FOUND : RC_OK);
	if (d->number == 0)
		return;
	while (d->n > 0)
		take(m, d, 0);
	for (size_t i = 0; i < SESSIONS; i++)
		if (m->sessions[i].party[0] == at || m->sessions[i].party[1] == at)
			m->sessions[i].sid = 0;
	for (size_t i = 0; i < GROUPS; i++) {
		m->groups[i].used = m->groups[i].used && m->groups[i].owner != at;
		m->groups[i].stale = m->groups[i].stale || m->groups[i].member[at];
		m->groups[i].member[at] = false;
	}
	d->number = 0;
}

static void
do_pass(struct model *m)
{
	sgs_bed_pass(m->b, (draw(m, 8) == 0 ? 400 : draw(m, 30)) * CLOCK_SECOND);
	for (size_t i = 0; i < SESSIONS; i++)
		if (m->sessions[i].expires <= now(m))
			m->sessions[i].sid = 0;
	for (size_t d = 0; d < DEVICES; d++)
		for (size_t i = m->devices[d].n; i-- > 0;)
			if (m->devices[d].items[i].expires <= now(m))
				take(m, &m->devices[d], i);
}

/* ---- both ---- */

static void
compare(struct model *m)
{
	struct sgs_stats s = sgs_bed_stats(m->b);
	uint64_t items, octets, blobs, numbers[ITEMS], groups = 0;

	totals(m, &items, &octets, &blobs);
	ck_assert_uint_eq(s.items, items);
	ck_assert_uint_eq(s.octets, octets);
	ck_assert_uint_eq(s.blobs, blobs);
	ck_assert_uint_eq(s.sessions, begun(m, DEVICES, false));
	ck_assert_uint_eq(s.half_open, begun(m, DEVICES, true));
	for (size_t i = 0; i < GROUPS; i++)
		groups += m->groups[i].used;
	ck_assert_uint_eq(s.groups, groups);
	ck_assert_uint_eq(s.group_missed, m->missed);
	for (size_t d = 0; d < DEVICES; d++) {
		const struct device *of = &m->devices[d];

		ck_assert_uint_eq(sgs_bed_items(m->b, number(m, d), numbers, ITEMS), of->n);
		for (size_t i = 0; i < of->n; i++)
			ck_assert_uint_eq(numbers[i], of->items[i].number);
	}
	sgs_bed_check(m->b);
}

/* Each as often as it stands here. */
static void (*const operations[])(struct model *) = {
	do_invite,        do_invite,        do_step,          do_step,          do_step,
	do_step,          do_step,          do_end,           do_message,       do_message,
	do_message,       do_message,       do_message,       do_message,       do_message,
	do_ack,           do_ack,           do_group_make,    do_group_change,  do_group_message,
	do_group_message, do_group_message, do_group_message, do_group_message, do_group_message,
	do_leave,         do_register,      do_register,      do_revoke,        do_pass,
};

START_TEST(test_model)
{
	struct model m = { .b = &bed, .seed = 20261123u + (uint32_t)_i };

	sgs_bed_make(&bed, 0);
	bed.conf.limits.replay_max = bed.conf.limits.replay_device_max = 10000;
	bed.conf.limits.half_open_ttl = 300 * CLOCK_SECOND;
	bed.conf.limits.item_ttl = 600 * CLOCK_SECOND;
	bed.conf.limits.session_ttl = 3000 * CLOCK_SECOND;
	sgs_bed_open(&bed);
	ck_assert_int_eq(sgs_bed_keys(&bed, SGS_SUITE, SGS_SERIAL), RC_OK);
	m.max = &bed.conf.limits;
	for (unsigned n = 0; n < OPS; n++) {
		operations[draw(&m, NITEMS(operations))](&m);
		if (n % 10 == 0)
			compare(&m);
	}
	compare(&m);
	/* It was not about nothing. */
	ck_assert_uint_gt(m.messages, 20);
	ck_assert_uint_gt(m.group_messages, 5);
	ck_assert_uint_gt(sgs_bed_stats(&bed).group_missed, 0);
	ck_assert_uint_gt(sgs_bed_stats(&bed).items_expired, 5);
	sgs_bed_free(&bed);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sgs_model");
	TCase *c = suite_case(s, "model", NULL, NULL);

	tcase_add_loop_test(c, test_model, 0, 6);
	tcase_set_timeout(c, 300);
	return run_suite(s);
}
