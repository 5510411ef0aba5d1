/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whoever is the network between devices and serving networks of group AKA: every message that was
 * ever sent is given to anybody at any time, also changed. Three octets are a step. Whatever they
 * are: a device answers a challenge once; who is done has a key that the other side has computed for
 * it; no key is taken twice.
 */
#include "config.h"

#include "gaka_parties.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STEPS_MAX 400u
#define SENT_MAX 256u

struct sent {
	uint8_t n;
	uint8_t v[GAKA_DEVICE_MAX];
};

/* A key, and whose run it is. */
struct agreed {
	struct gaka_done done;
	bool network, device; /* who is done with it; before that the device has computed it */
};

struct run {
	struct parties p;
	struct gaka_set *set[PARTIES_NETWORKS];
	struct gaka_attempt a[PARTIES_NETWORKS][PARTIES_DEVICES];
	unsigned sent_n, keys_n;
	struct sent sent[SENT_MAX];
	struct agreed keys[STEPS_MAX]; /* a step makes one at most */
};

/* One step. */
struct step {
	uint8_t what, who, which;
};

static struct run r;

static void
send(const void *octets, size_t n)
{
	struct sent *s = &r.sent[r.sent_n % SENT_MAX];

	s->n = (uint8_t)n;
	memcpy(s->v, octets, n);
	r.sent_n++;
}

static struct slice
old(uint8_t which)
{
	const struct sent *s;

	if (r.sent_n == 0)
		return SLICE_NONE;
	s = &r.sent[(r.sent_n - 1 - which % r.sent_n) % SENT_MAX];
	return slice_make(s->v, s->n);
}

/* ---- devices ---- */

static void
device_begins(struct step s)
{
	struct parties_device *d = &r.p.d[s.who % PARTIES_DEVICES];
	uint8_t n[GAKA_NONCE_SIZE] = { s.which }; /* also one that it has had */
	uint8_t t1[GAKA_T1_SIZE];

	must(gaka_ue_begin(&d->ue, &d->t, &r.p.gid, NULL, n, t1) == RC_OK);
	send(t1, sizeof(t1));
}

/* The device has computed a key: nobody has answered that challenge before. */
static void
computed(const struct gaka_done *done)
{
	for (unsigned i = 0; i < r.keys_n; i++) {
		const struct gaka_done *k = &r.keys[i].done;

		must(!key_equal(&k->ks, &done->ks));
		must(!node_id_eq(&k->id, &done->id) || !node_id_eq(&k->sn, &done->sn) ||
		     k->leader != done->leader || k->c != done->c);
	}
	r.keys[r.keys_n++] = (struct agreed){ .done = *done };
}

static void
device_is_challenged(struct step s)
{
	struct parties_device *d = &r.p.d[s.who % PARTIES_DEVICES];
	const struct gaka_gaks gaks = { &r.p.gak, NULL };
	uint8_t out[GAKA_SHORT_SIZE];

	if (gaka_ue_challenge(&d->ue, &d->t, old(s.which), &gaks, out) != RC_OK)
		return;
	computed(&d->t.done);
	send(out, sizeof(out));
}

static struct agreed *
find(const struct gaka_done *done)
{
	for (unsigned i = 0; i < r.keys_n; i++)
		if (key_equal(&r.keys[i].done.ks, &done->ks))
			return &r.keys[i];
	return NULL;
}

static bool
same(const struct gaka_done *a, const struct gaka_done *b)
{
	return gaka_gid_eq(&a->gid, &b->gid) && node_id_eq(&a->id, &b->id) &&
	       node_id_eq(&a->sn, &b->sn) && a->c == b->c && a->leader == b->leader;
}

static void
device_is_done(struct step s)
{
	struct parties_device *d = &r.p.d[s.who % PARTIES_DEVICES];
	struct gaka_done done;
	struct agreed *k;

	if (gaka_ue_confirm(&d->t, old(s.which), &done) != RC_OK)
		return;
	k = find(&done);
	must(k != NULL && k->network && !k->device && same(&k->done, &done));
	must(node_id_eq(&done.id, &d->id));
	k->device = true;
}

static void
device_restarts(struct step s)
{
	parties_restart(&r.p.d[s.who % PARTIES_DEVICES]);
}

/* ---- networks ---- */

static void
home_answers(const struct gaka_t1 *t1, unsigned s, struct parties_device *leader,
             struct gaka_t3 *t3)
{
	static uint8_t to[GAKA_T3_SIZE(PARTIES_DEVICES)];
	const struct gaka_t2 t2 = {
		.gid = r.p.gid, .leader = t1->id, .sn = r.p.sn[s], .w = PARTIES_W
	};
	const struct gaka_rand rand = { { 1, (uint8_t)leader->sqn, (uint8_t)r.sent_n } };
	const struct gaka_hn_terms terms = { &r.p.sn[s], &leader->ka, leader->sqn, PARTIES_EXPIRY,
		                             &rand };
	const struct gaka_hn_group group = { &r.p.gak, PARTIES_W };
	struct gaka_hn h;

	must(gaka_hn_begin(&h, &t2, &terms, &group, to, sizeof(to)) == RC_OK);
	for (unsigned i = 0; i < PARTIES_DEVICES; i++)
		if (&r.p.d[i] != leader)
			must(gaka_hn_add(&h, &r.p.d[i].id, &r.p.d[i].ka, &r.p.d[i].iv) == RC_OK);
	must(gaka_t3_read(gaka_hn_end(&h), t3) == RC_OK);
	gaka_set_free(r.set[s]);
	must(gaka_set_make(&t2, t3, PARTIES_NOW, &r.set[s]) == RC_OK);
}

static struct parties_device *
device_of(const struct gaka_t1 *t1)
{
	for (unsigned i = 0; i < PARTIES_DEVICES; i++)
		if (node_id_eq(&r.p.d[i].id, &t1->id) && gaka_gid_eq(&t1->gid, &r.p.gid))
			return &r.p.d[i];
	return NULL;
}

/* T1 at a serving network: T7 of its set, or a new set and T4. */
static void
network_is_asked(struct step s)
{
	unsigned at = s.who % PARTIES_NETWORKS;
	struct parties_device *d;
	struct gaka_attempt *a;
	uint8_t t4[GAKA_T4_SIZE], t7[GAKA_T7_SIZE];
	struct gaka_t1 t1;
	struct gaka_t3 t3;

	if (gaka_t1_read(old(s.which), &t1) != RC_OK || (d = device_of(&t1)) == NULL)
		return;
	a = &r.a[at][d - r.p.d];
	if (s.who < 128 && r.set[at] != NULL &&
	    gaka_sn_member(a, r.set[at], &t1, t1.n, PARTIES_NOW, t7) == RC_OK) {
		send(t7, sizeof(t7));
		return;
	}
	must(gaka_sqn_next(&d->sqn, s.who >= 192) == RC_OK);
	home_answers(&t1, at, d, &t3);
	must(gaka_sn_full(a, &t1, &r.p.sn[at], &t3.leader, t3.expiry, PARTIES_NOW, t4) == RC_OK);
	send(t4, sizeof(t4));
}

static void
network_is_answered(struct step s)
{
	unsigned i = s.who / PARTIES_NETWORKS % PARTIES_DEVICES;
	struct gaka_attempt *a = &r.a[s.who % PARTIES_NETWORKS][i];
	uint8_t out[GAKA_SHORT_SIZE];
	struct gaka_done done;
	struct agreed *k;

	if (gaka_sn_answer(a, old(s.which), PARTIES_NOW, out, &done) != RC_OK)
		return;
	k = find(&done);
	must(k != NULL && !k->network && same(&k->done, &done));
	must(node_id_eq(&done.id, &r.p.d[i].id));
	k->network = true;
	send(out, sizeof(out));
}

/* ---- the network between them ---- */

static void
changed(struct step s)
{
	uint8_t copy[GAKA_DEVICE_MAX];
	struct slice m = old(s.which);

	if (m.n == 0)
		return;
	memcpy(copy, m.p, m.n);
	copy[s.who % m.n] ^= (uint8_t)(1 << s.who % 8);
	send(copy, m.n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const steps[])(struct step) = {
		device_begins,    device_is_challenged, device_is_done,
		network_is_asked, network_is_answered,  changed,
		device_restarts,
	};

	memset(&r, 0, sizeof(r));
	parties_init(&r.p);
	for (unsigned n = 0; n < STEPS_MAX && size >= 3; n++, data += 3, size -= 3) {
		const struct step s = { data[0], data[1], data[2] };

		steps[s.what % (sizeof(steps) / sizeof(steps[0]))](s);
	}
	for (unsigned s = 0; s < PARTIES_NETWORKS; s++)
		gaka_set_free(r.set[s]);
	return 0;
}
