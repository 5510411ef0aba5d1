/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relief_bed.h"

#include "base/base64.h"

#include <stdio.h>
#include <stdlib.h>

struct relief relief;

/* ---- the capability ---- */

static bool
may_send(void *arg, uint64_t destination, unsigned rcat)
{
	const struct relief *r = arg;

	ck_assert_uint_eq(destination, saf_relief_destination(SLICE_LIT(OTHER)));
	ck_assert_uint_ne(rcat, 0);
	return atomic_load(&r->open);
}

static void
pressed(void *arg, unsigned count, size_t octets)
{
	struct relief *r = arg;

	ck_assert_uint_gt(count, 0);
	ck_assert_uint_gt(octets, 0);
	atomic_fetch_add(&r->pressed, 1);
}

static void
link_changed(void *arg, uint64_t link, bool up)
{
	struct relief *r = arg;

	ck_assert_uint_eq(link, saf_relief_link(bed.scl, SLICE_LIT(OTHER)));
	atomic_fetch_add(up ? &r->ups : &r->downs, 1);
}

static void
attach(struct scl *scl)
{
	const struct saf_relief_ops ops = {
		.arg = &relief,
		.rigid = 1,
		.min_delay = 60 * CLOCK_SECOND,
		.document_max = 65536,
		.level = 50,
		.parked_max = relief.parked_max,
		.may_send = may_send,
		.pressed = pressed,
		.link_changed = link_changed,
	};

	ck_assert_int_eq(scl_relieve(scl, &ops), RC_OK);
	ck_assert_int_eq(scl_relieve(scl, &ops), RC_CONFLICT);
}

void
relief_init(void)
{
	relief = (struct relief){ .parked_max = 1000 };
	saf_init();
	bed.attach = attach;
}

void
relief_setup(void)
{
	relief_init();
	core_start(&bed);
	saf_register("gw", OTHER);
}

/* ---- requests ---- */

int
relief_repeat(const char *body, unsigned rcat)
{
	char name[16];
	struct reply r;
	int status;

	snprintf(name, sizeof(name), "RCAT_%u", rcat);
	r = saf_ask("POST", OTHER "/c", (struct headers){ LATER(body, SINK), .rcat = name }, body);
	status = r.status;
	reply_fini(&r);
	return status;
}

void
relief_accept(const char *body, unsigned rcat, const char *trpdt)
{
	char name[16];
	struct reply r;

	snprintf(name, sizeof(name), "RCAT_%u", rcat);
	r = saf_ask("POST", OTHER "/c",
	            (struct headers){ LATER(body, SINK), .rcat = name, .trpdt = trpdt }, body);
	ck_assert_msg(r.status == 202, "%s: %d %s", body, r.status, r.body);
	reply_fini(&r);
}

void
relief_accept_some(const char *prefix, unsigned n)
{
	char name[32];

	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%s%02u", prefix, i);
		relief_accept(name, 3, NULL);
	}
}

/* ---- on the courier thread ---- */

struct work {
	struct scl_task task; /* first */
	void (*run)(struct work *w);
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool done;
	struct parcel *const *in;
	struct parcel **out;
	struct parcel *one;
	unsigned n;
	size_t octets;
	uint64_t key, order;
	enum rc rc;
	struct buf *buf;
};

static void
work_end(struct work *w)
{
	pthread_mutex_lock(&w->lock);
	w->done = true;
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

static void
work_run(struct scl_task *t)
{
	struct work *w = (struct work *)(void *)t;

	w->run(w);
}

static void
work(struct work *w, void (*run)(struct work *w))
{
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->changed, NULL);
	w->run = run;
	w->task.run = work_run;
	scl_post(bed.scl, &w->task, 0);
	pthread_mutex_lock(&w->lock);
	while (!w->done)
		pthread_cond_wait(&w->changed, &w->lock);
	pthread_mutex_unlock(&w->lock);
	pthread_cond_destroy(&w->changed);
	pthread_mutex_destroy(&w->lock);
}

static bool
add_line(void *arg, const struct saf_relief_line *line)
{
	struct work *w = arg;

	ck_assert_uint_eq(line->destination, saf_relief_destination(SLICE_LIT(OTHER)));
	ck_assert(line->count == 0 || line->received > 0);
	w->octets += line->count;
	return true;
}

static void
run_count(struct work *w)
{
	saf_relief_each(bed.scl, add_line, w);
	work_end(w);
}

size_t
relief_waiting(void)
{
	struct work w = { 0 };

	work(&w, run_count);
	return w.octets;
}

static bool
so_many_wait(void *arg)
{
	return relief_waiting() == *(const size_t *)arg;
}

void
relief_await_waiting(size_t n)
{
	ck_assert_msg(core_await(so_many_wait, &n), "%zu, not %zu", relief_waiting(), n);
}

static void
run_take(struct work *w)
{
	w->n = saf_relief_take(bed.scl, saf_relief_destination(SLICE_LIT(OTHER)), w->n, w->octets,
	                       w->out);
	work_end(w);
}

unsigned
relief_take(unsigned max, size_t octets, struct parcel **out)
{
	struct work w = { .n = max, .octets = octets, .out = out };

	work(&w, run_take);
	return w.n;
}

void
relief_take_all(unsigned n, struct parcel **out)
{
	relief_await_waiting(n);
	ck_assert_uint_eq(relief_take(SAF_RELIEF_MAX, SIZE_MAX, out), n);
}

static void
run_claim(struct work *w)
{
	w->one = saf_relief_claim(bed.scl, w->key, w->order);
	work_end(w);
}

struct parcel *
relief_claim(uint64_t key, uint64_t order)
{
	struct work w = { .key = key, .order = order };

	work(&w, run_claim);
	return w.one;
}

static void
run_return(struct work *w)
{
	saf_relief_return(w->in, w->n);
	work_end(w);
}

void
relief_return(struct parcel *const *parcels, unsigned n)
{
	struct work w = { .in = parcels, .n = n };

	work(&w, run_return);
}

static void
parked(void *arg, enum rc rc)
{
	struct work *w = arg;

	w->rc = rc;
	work_end(w);
}

static void
run_park(struct work *w)
{
	ck_assert(saf_relief_parked(bed.scl, w->in, w->n, parked, w));
}

enum rc
relief_park(struct parcel *const *parcels, unsigned n)
{
	struct work w = { .in = parcels, .n = n };

	work(&w, run_park);
	return w.rc;
}

static void
ignored(void *arg, enum rc rc)
{
	(void)arg;
	(void)rc;
}

static void
run_park_begin(struct work *w)
{
	ck_assert(saf_relief_parked(bed.scl, w->in, w->n, ignored, NULL));
	work_end(w);
}

void
relief_park_begin(struct parcel *const *parcels, unsigned n)
{
	struct work w = { .in = parcels, .n = n };

	work(&w, run_park_begin);
}

static void
run_document(struct work *w)
{
	w->rc = saf_relief_document(w->one, SLICE_LIT(RELIEF_CONTACT), w->buf);
	work_end(w);
}

char *
relief_document(struct parcel *p, enum rc *rc)
{
	struct buf b;
	struct work w = { .one = p, .buf = &b };
	size_t n;

	buf_init(&b, 65536);
	work(&w, run_document);
	*rc = w.rc;
	if (w.rc != RC_OK) {
		buf_fini(&b);
		return NULL;
	}
	buf_char(&b, '\0');
	return buf_take(&b, &n);
}

char *
relief_body(struct parcel *p)
{
	enum rc rc;
	char *document = relief_document(p, &rc), *from, *to;
	struct buf b;
	size_t n;

	ck_assert_int_eq(rc, RC_OK);
	from = strstr(document, "<representation");
	ck_assert_ptr_nonnull(from);
	from = strchr(from, '>') + 1;
	to = strchr(from, '<');
	buf_init(&b, 65536);
	ck_assert(base64_append(&b, slice_make(from, (size_t)(to - from))));
	buf_char(&b, '\0');
	free(document);
	return buf_take(&b, &n);
}

void
relief_open(bool open)
{
	atomic_store(&relief.open, open);
	saf_relief_look(bed.scl);
}
