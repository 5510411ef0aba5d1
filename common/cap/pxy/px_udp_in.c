/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams with messages: who may send them, what waits, what is acknowledged. */
#include "config.h"

#include <stdlib.h>

#include "cap/pxy/px_udp_own.h"

/* ---- who sends ---- */

static struct px_udp_id **
bucket_of(struct px_udp *u, uint64_t id)
{
	return &u->ids[id % PX_UDP_BUCKETS];
}

static struct px_udp_id *
find_id(struct px_udp *u, uint64_t id)
{
	struct px_udp_id *e = *bucket_of(u, id);

	while (e != NULL && e->id != id)
		e = e->next;
	return e;
}

static struct px_udp_held *
held_at(struct px_udp *u, struct px_udp_id *e, uint64_t number)
{
	return &e->held[u->conf.taker.gaps ? 0 : number % PX_WINDOW];
}

static void
unhold(struct px_udp *u, struct px_udp_held *h)
{
	u->held -= h->n;
	free(h->octets);
	*h = (struct px_udp_held){ .n = 0 };
}

static void
remove_id(struct px_udp *u, struct px_udp_id *e)
{
	struct px_udp_id **at = bucket_of(u, e->id);

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	u->n_ids--;
	for (size_t i = 0; i < PX_WINDOW; i++)
		unhold(u, &e->held[i]);
	key_slabs_give(&u->keys, e->data);
	key_slabs_give(&u->keys, e->acks);
	free(e);
}

/* That was idle longest, of all or of those that hold something. NULL: all are busy. */
static struct px_udp_id *
idlest(struct px_udp *u, bool holding)
{
	struct px_udp_id *found = NULL;

	for (size_t i = 0; i < PX_UDP_BUCKETS; i++)
		for (struct px_udp_id *e = u->ids[i]; e != NULL; e = e->next)
			if (!e->busy && (!holding || e->window.held != 0) &&
			    (found == NULL || e->used < found->used))
				found = e;
	return found;
}

/* False: all are busy. */
static bool
make_room(struct px_udp *u)
{
	struct px_udp_id *e;

	if (u->n_ids < u->conf.taker.ids_max)
		return true;
	e = idlest(u, false);
	if (e != NULL)
		remove_id(u, e);
	return e != NULL;
}

/*
 * For n octets of the message that an id goes on with: those that wait for one before them are
 * dropped, and come again. Otherwise ids of which the first ones were lost could hold all of it, and
 * none of them would ever go on. False: what is held is under way.
 */
static bool
make_held_room(struct px_udp *u, size_t n)
{
	struct px_udp_id *e;

	while (n > u->conf.held_max - u->held && (e = idlest(u, true)) != NULL) {
		for (size_t i = 0; i < PX_WINDOW; i++)
			unhold(u, &e->held[i]);
		e->window.held = 0;
	}
	return n <= u->conf.held_max - u->held;
}

static struct px_udp_id *
add_id(struct px_udp *u, uint64_t id, const struct px_udp_known *known, const struct key *data)
{
	struct px_udp_id *e = make_room(u) ? calloc(1, sizeof(*e)) : NULL;

	if (e == NULL)
		return NULL;
	e->id = id;
	e->window.upto = known->upto;
	e->data = key_slabs_take(&u->keys);
	e->acks = key_slabs_take(&u->keys);
	if (e->data == NULL || e->acks == NULL ||
	    px_datagram_derive(known->key, PX_DATAGRAM_ACKS, id, e->acks->key) != RC_OK) {
		key_slabs_give(&u->keys, e->data);
		key_slabs_give(&u->keys, e->acks);
		free(e);
		return NULL;
	}
	*e->data->key = *data;
	e->next = *bucket_of(u, id);
	*bucket_of(u, id) = e;
	u->n_ids++;
	return e;
}

static void
count_bad(struct px_udp *u)
{
	if (u->conf.bad_tags != NULL)
		atomic_fetch_add_explicit(u->conf.bad_tags, 1, memory_order_relaxed);
}

/* One that is not remembered, by the key with which the tag is right. */
static struct px_udp_id *
learn_id(struct px_udp *u, const struct px_datagram *d)
{
	const struct px_udp_taker *t = &u->conf.taker;
	struct px_udp_id *e = NULL;
	struct px_udp_known known;
	struct key data;
	bool good = false;

	for (unsigned turn = 0; !good && t->find(t->arg, d->id, turn, &known) == RC_OK; turn++) {
		good = px_datagram_derive(known.key, d->type, d->id, &data) == RC_OK &&
		       px_datagram_good(&data, d);
		if (good)
			e = add_id(u, d->id, &known, &data);
		secret_wipe(&known, sizeof(known));
		key_wipe(&data);
	}
	if (!good)
		count_bad(u);
	return e;
}

/* NULL: nobody who may. */
static struct px_udp_id *
sender_of(struct px_udp *u, const struct px_datagram *d)
{
	struct px_udp_id *e = find_id(u, d->id);

	if (e == NULL)
		return learn_id(u, d);
	if (px_datagram_good(e->data->key, d))
		return e;
	count_bad(u);
	return NULL;
}

/* ---- answers ---- */

static void
acknowledge(struct px_udp *u, const struct px_udp_id *e, uint64_t number,
            enum px_datagram_status status, const struct px_udp_address *to)
{
	uint8_t ack[PX_DATAGRAM_ACK];

	if (px_datagram_ack(e->acks->key, e->id, number, status, e->window.upto, ack) == RC_OK)
		(void)px_udp_send(u, to, ack, sizeof(ack));
}

/* ---- runs ---- */

static void
run_out(struct px_udp *u, struct px_udp_id *e, uint64_t first, size_t n)
{
	struct px_udp_run *r = &e->run;

	*r = (struct px_udp_run){ .id = e->id, .first = first, .n = n, .udp = u };
	for (size_t i = 0; i < n; i++) {
		const struct px_udp_held *h = held_at(u, e, first + i);

		r->units[i] = slice_make((const char *)h->octets, h->n);
	}
	e->busy = true;
	px_udp_run_out(u);
	u->conf.taker.take(u->conf.taker.arg, r);
}

static bool
is_done(enum px_datagram_status s)
{
	return s == PX_DATAGRAM_STORED || s == PX_DATAGRAM_REFUSED;
}

/* Of a store: moves on behind what is done; what is not comes again. */
static void
move_window(struct px_udp_id *e, const struct px_udp_run *r)
{
	size_t done = 0;

	while (done < r->n_done && is_done(r->status[done]))
		done++;
	for (size_t i = done; i < r->n; i++)
		px_window_drop(&e->window, r->first + i);
	for (size_t i = 0; i < done; i++)
		px_window_done(&e->window, r->status[i] == PX_DATAGRAM_REFUSED);
}

/* Who is told that a section is not known goes back to its begin. */
static void
move(struct px_udp *u, struct px_udp_id *e, const struct px_udp_run *r)
{
	if (!u->conf.taker.gaps)
		move_window(e, r);
	else if (r->n_done > 0 && r->status[0] == PX_DATAGRAM_STORED)
		e->window.upto = r->first;
	else if (r->n_done > 0 && r->status[0] == PX_DATAGRAM_UNKNOWN)
		e->window.upto = 0;
}

void
px_udp_back(struct px_udp *u, struct px_udp_run *r)
{
	struct px_udp_id *e = (struct px_udp_id *)(void *)r;
	unsigned ready;

	pthread_mutex_lock(&u->ids_lock);
	e->busy = false;
	move(u, e, r);
	for (size_t i = 0; i < r->n; i++) {
		struct px_udp_held *h = held_at(u, e, r->first + i);

		if (i < r->n_done && (!e->gone || r->status[i] == PX_DATAGRAM_GONE))
			acknowledge(u, e, r->first + i, r->status[i], &h->from);
		if (i < r->n_done && r->status[i] == PX_DATAGRAM_GONE)
			e->gone = true;
		unhold(u, h);
	}
	ready = px_window_run(&e->window);
	if (e->gone)
		remove_id(u, e);
	else if (ready > 0)
		run_out(u, e, e->window.upto + 1, ready);
	pthread_mutex_unlock(&u->ids_lock);
}

/* ---- coming in ---- */

/* False: there is no room. */
static bool
hold(struct px_udp *u, struct px_udp_id *e, const struct px_datagram *d,
     const struct px_udp_address *from)
{
	struct px_udp_held *h = held_at(u, e, d->number);
	bool next = !e->busy && d->number == e->window.upto + 1, room;
	uint8_t *octets;

	room = d->unit.n <= u->conf.held_max - u->held || (next && make_held_room(u, d->unit.n));
	octets = room ? malloc(d->unit.n) : NULL;
	if (octets == NULL)
		return false;
	memcpy(octets, d->unit.p, d->unit.n);
	*h = (struct px_udp_held){ .octets = octets, .n = d->unit.n, .from = *from };
	u->held += d->unit.n;
	return true;
}

static void
take_in_window(struct px_udp *u, struct px_udp_id *e, const struct px_datagram *d,
               const struct px_udp_address *from)
{
	unsigned ready;

	if (px_window_look(&e->window, d->number) != PX_WINDOW_NEW || !hold(u, e, d, from))
		return;
	px_window_hold(&e->window, d->number);
	ready = px_window_run(&e->window);
	if (!e->busy && ready > 0)
		run_out(u, e, e->window.upto + 1, ready);
}

static void
take_from(struct px_udp *u, struct px_udp_id *e, const struct px_datagram *d,
          const struct px_udp_address *from)
{
	e->used = clock_monotonic();
	if (e->gone)
		return;
	if (d->number <= e->window.upto)
		acknowledge(u, e, d->number,
		            px_window_refused(&e->window, d->number) ? PX_DATAGRAM_REFUSED
		                                                     : PX_DATAGRAM_STORED,
		            from);
	else if (!u->conf.taker.gaps)
		take_in_window(u, e, d, from);
	else if (!e->busy && hold(u, e, d, from))
		run_out(u, e, d->number, 1);
}

void
px_udp_take(struct px_udp *u, const struct px_datagram *d, const struct px_udp_address *from)
{
	struct px_udp_id *e;

	if (u->conf.taker.take == NULL || d->unit.n > u->conf.unit_max)
		return;
	pthread_mutex_lock(&u->ids_lock);
	e = sender_of(u, d);
	if (e != NULL)
		take_from(u, e, d, from);
	pthread_mutex_unlock(&u->ids_lock);
}

/* ---- forgetting ---- */

void
px_udp_forget(struct px_udp *u, uint64_t id)
{
	struct px_udp_id *e;

	pthread_mutex_lock(&u->ids_lock);
	e = find_id(u, id);
	if (e != NULL && e->busy)
		e->gone = true;
	else if (e != NULL)
		remove_id(u, e);
	pthread_mutex_unlock(&u->ids_lock);
}

void
px_udp_forget_all(struct px_udp *u)
{
	for (size_t i = 0; i < PX_UDP_BUCKETS; i++)
		while (u->ids[i] != NULL)
			remove_id(u, u->ids[i]);
	key_slabs_fini(&u->keys);
}
