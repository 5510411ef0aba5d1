/* SPDX-License-Identifier: Apache-2.0 */
/* The home network of the serving network under test. */
#include "config.h"

#include "gaka_sn_bed.h"

#include <stdlib.h>

static struct snb_device *
device_of(struct snb *b, const struct node_id *id)
{
	for (unsigned i = 0; i < SNB_DEVICES; i++)
		if (node_id_eq(&b->d[i].id, id))
			return &b->d[i];
	return NULL;
}

static struct gaka_hn_terms
terms_of(struct snb *b, struct snb_device *d, bool resync)
{
	ck_assert_int_eq(gaka_sqn_next(&d->sqn, resync), RC_OK);
	return (struct gaka_hn_terms){ &b->self, &d->ka, d->sqn, b->expiry, NULL };
}

static void
answer_t2(struct snb *b, struct mas_gaka *g)
{
	const struct gaka_hn_group group = { &b->gak, b->w };
	size_t size = GAKA_T3_SIZE(b->devices);
	uint8_t *to = malloc(size);
	struct gaka_hn_terms terms;
	struct snb_device *leader;
	struct gaka_hn h;
	struct gaka_t2 t2;
	struct slice t3;

	ck_assert_ptr_nonnull(to);
	ck_assert_int_eq(gaka_t2_read(g->message, &t2), RC_OK);
	leader = device_of(b, &t2.leader);
	ck_assert_ptr_nonnull(leader);
	terms = terms_of(b, leader, t2.resync);
	ck_assert_int_eq(gaka_hn_begin(&h, &t2, &terms, &group, to, size), RC_OK);
	for (unsigned i = 0; i < b->devices; i++)
		if (&b->d[i] != leader && !b->d[i].away)
			ck_assert_int_eq(gaka_hn_add(&h, &b->d[i].id, &b->d[i].ka, &b->d[i].iv),
			                 RC_OK);
	t3 = gaka_hn_end(&h);
	buf_slice(&g->answer, t3);
	free(to);
}

static void
answer_t10(struct snb *b, struct mas_gaka *g)
{
	uint8_t t11[GAKA_T11_SIZE];
	struct gaka_hn_terms terms;
	struct gaka_t10 t10;

	ck_assert_int_eq(gaka_t10_read(g->message, &t10), RC_OK);
	terms = terms_of(b, device_of(b, &t10.id), t10.resync);
	ck_assert_int_eq(gaka_hn_single(&t10, &terms, t11), RC_OK);
	buf_add(&g->answer, t11, sizeof(t11));
}

/* A stranger is refused as the home network would. */
static enum gaka_reason
refusal_of(struct snb *b, const struct mas_gaka *g)
{
	struct gaka_t10 t10;
	struct gaka_t2 t2;
	bool group = gaka_t2_read(g->message, &t2) == RC_OK;

	if (b->refusal != 0)
		return b->refusal;
	if (group && !gaka_gid_eq(&t2.gid, &b->gid))
		return GAKA_UNKNOWN;
	if (!group)
		ck_assert_int_eq(gaka_t10_read(g->message, &t10), RC_OK);
	return device_of(b, group ? &t2.leader : &t10.id) == NULL ? GAKA_NOT_MEMBER : 0;
}

static void
answer(struct snb *b, struct mas_gaka *g)
{
	enum gaka_reason no = refusal_of(b, g);
	uint8_t t12[GAKA_SHORT_SIZE];

	buf_init(&g->answer, GAKA_T3_MAX);
	g->outcome.rc = b->outcome;
	if (b->nonsense) {
		buf_puts(&g->answer, "nonsense");
	} else if (no != 0) {
		gaka_t12_write(no, t12);
		buf_add(&g->answer, t12, sizeof(t12));
	} else if (b->outcome == RC_OK && gaka_type_of(g->message) == GAKA_T2) {
		answer_t2(b, g);
	} else if (b->outcome == RC_OK) {
		answer_t10(b, g);
	}
	g->done(g);
}

static void
ask_home(void *mas, struct mas_gaka *g)
{
	struct snb *b = mas;
	bool held;

	ck_assert_int_eq(g->asker, MAS_ASKER_NSCL);
	pthread_mutex_lock(&b->lock);
	if (gaka_type_of(g->message) == GAKA_T2)
		b->n_t2++;
	else
		b->n_t10++;
	held = b->held;
	if (held) {
		ck_assert_uint_lt(b->n_waiting, SNB_HELD);
		b->waiting[b->n_waiting++] = g;
	}
	pthread_mutex_unlock(&b->lock);
	if (!held)
		answer(b, g);
}

void
snb_release(struct snb *b)
{
	struct mas_gaka *all[SNB_HELD];
	unsigned n;

	pthread_mutex_lock(&b->lock);
	n = b->n_waiting;
	memcpy(all, b->waiting, sizeof(all));
	b->n_waiting = 0;
	b->held = false;
	pthread_mutex_unlock(&b->lock);
	for (unsigned i = 0; i < n; i++)
		answer(b, all[i]);
}

struct held {
	struct snb *b;
	unsigned n;
};

static bool
are_held(void *arg)
{
	struct held *h = arg;
	bool are;

	pthread_mutex_lock(&h->b->lock);
	are = h->b->n_waiting >= h->n;
	pthread_mutex_unlock(&h->b->lock);
	return are;
}

void
snb_await_held(struct snb *b, unsigned n)
{
	struct held h = { b, n };

	ck_assert(core_await(are_held, &h));
}

static void
watch(void *mas, struct mas_watcher *w)
{
	((struct snb *)mas)->mas_watcher = w;
}

static void
unwatch(void *mas, struct mas_watcher *w)
{
	ck_assert_ptr_eq(((struct snb *)mas)->mas_watcher, w);
}

const struct mas_ops snb_home = { .gaka = ask_home, .watch = watch, .unwatch = unwatch };

void
snb_tell(struct snb *b, uint32_t epoch, const struct node_id *removed)
{
	struct mas_group_event e = { .gid = UINT64_C(0xa1a1a1a1a1a1a1a1), .epoch = epoch };

	e.removed = removed != NULL;
	if (removed != NULL)
		e.node = *removed;
	b->mas_watcher->group(b->mas_watcher, &e);
}
