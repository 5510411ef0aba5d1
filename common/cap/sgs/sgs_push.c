/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deliveries to the contacts of devices: the items of a mailbox in their order, one at a time for
 * each device, over HTTP or CoAP. What the contact answers with success is acknowledged; otherwise
 * the same item is tried again, ever more slowly. A number of places bounds what is under way.
 *
 * All of it is on the courier thread, but for what others tell: that is noted, and looked at there.
 */
#include "config.h"

#include "cap/sgs/sgs_push_own.h"

#include <stdlib.h>

#define PAGE 256u /* contacts that are looked at in one go */

#define OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* ---- who is looked at ---- */

/* False: no memory. */
static bool
add(struct sgs_push *p, uint64_t device, bool changed)
{
	struct sgs_target **at = sgs_target_find(p, device), *t = *at;

	if (t == NULL) {
		t = calloc(1, sizeof(*t));
		if (t == NULL)
			return false;
		t->p = p;
		t->device = device;
		t->task.run = sgs_target_run;
		*at = t;
	}
	if (t->state == IDLE)
		sgs_target_enqueue(t);
	/* What has failed so far was said of another contact. */
	if (changed)
		t->failures = 0;
	if (changed && t->state == WAITING)
		scl_post(p->s->scl, &t->task, 0);
	return true;
}

struct finding {
	struct sgs_push *p;
	uint64_t last;
	size_t n;
	bool failed;
};

static bool
take_contact(void *arg, uint64_t device, struct slice uri)
{
	struct finding *f = arg;

	(void)uri;
	f->failed = !add(f->p, device, false);
	if (f->failed)
		return false;
	f->last = device;
	f->n++;
	return true;
}

/* A page of all contacts; the next one is for later. */
static void
look_at_all(struct sgs_push *p, const struct sgs_view *v)
{
	struct finding f = { .p = p, .last = p->seen };
	bool failed = sgs_contact_list(v, p->seen, PAGE, take_contact, &f) != RC_OK || f.failed;

	p->seen = f.last;
	p->all = failed || f.n == PAGE;
	if (p->all)
		scl_post(p->s->scl, &p->look, failed ? CLOCK_SECOND : 0);
}

/* Into p->taken; how many. */
static size_t
take_notes(struct sgs_push *p, bool *missed)
{
	size_t n;

	pthread_mutex_lock(&p->lock);
	n = p->n_notes;
	memcpy(p->taken, p->notes, n * sizeof(p->notes[0]));
	p->n_notes = 0;
	*missed = p->missed;
	p->missed = false;
	pthread_mutex_unlock(&p->lock);
	return n;
}

static void
look(struct sgs_push *p, const struct sgs_view *v)
{
	bool missed;
	size_t n = take_notes(p, &missed);

	for (size_t i = 0; i < n; i++) {
		const struct sgs_note *note = &p->taken[i];
		struct sgs_device d;

		if (sgs_device_get(v, note->device, &d) == RC_OK && d.contact.n > 0 && d.items > 0)
			missed = !add(p, note->device, note->changed) || missed;
	}
	if (missed) {
		p->all = true;
		p->seen = 0;
	}
	if (p->all)
		look_at_all(p, v);
}

static void
look_run(struct scl_task *task)
{
	struct sgs_push *p = OF(task, struct sgs_push, look);
	struct sgs *s = p->s;
	struct sgs_view *v;

	if (!sgs_enter(s))
		return;
	if (sgs_view_open(s->book, &v) == RC_OK) {
		look(p, v);
		sgs_view_close(v);
		sgs_push_run(p);
	} else {
		scl_post(s->scl, task, CLOCK_SECOND);
	}
	sgs_leave(s);
}

/* ---- the part ---- */

static void
push_told(struct sgs *s, enum sgs_told what, uint64_t device)
{
	struct sgs_push *p = s->push;

	if (what == SGS_TOLD_DEVICE_GONE)
		return;
	pthread_mutex_lock(&p->lock);
	if (p->n_notes < SGS_NOTES_MAX)
		p->notes[p->n_notes++] =
			(struct sgs_note){ .device = device, .changed = what == SGS_TOLD_DEVICE };
	else
		p->missed = true;
	pthread_mutex_unlock(&p->lock);
	scl_post(s->scl, &p->look, 0);
}

static enum rc
push_attach(struct sgs *s, char why[CAPABILITY_WHY_MAX])
{
	struct sgs_push *p = calloc(1, sizeof(*p));

	(void)why;
	if (p == NULL)
		return RC_UNAVAILABLE;
	p->s = s;
	p->look.run = look_run;
	p->queue_end = &p->queue;
	p->all = true; /* what has been waiting since the last run */
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->stored, NULL);
	s->push = p;
	return RC_OK;
}

/* The gate is opened after this: it is for later. */
static enum rc
push_start(struct sgs *s, char why[CAPABILITY_WHY_MAX])
{
	(void)why;
	scl_post(s->scl, &s->push->look, CLOCK_SECOND);
	return RC_OK;
}

static void
push_detach(struct sgs *s)
{
	struct sgs_push *p = s->push;

	/* The thread of the book is the only one that is left. */
	pthread_mutex_lock(&p->lock);
	while (p->acks > 0)
		pthread_cond_wait(&p->stored, &p->lock);
	pthread_mutex_unlock(&p->lock);
	for (size_t i = 0; i < SGS_PUSH_LISTS; i++)
		while (p->lists[i] != NULL)
			sgs_target_end(p->lists[i]);
	pthread_cond_destroy(&p->stored);
	pthread_mutex_destroy(&p->lock);
	free(p);
	s->push = NULL;
}

const struct sgs_part sgs_part_push = {
	.name = "deliveries",
	.attach = push_attach,
	.start = push_start,
	.detach = push_detach,
	.told = push_told,
};
