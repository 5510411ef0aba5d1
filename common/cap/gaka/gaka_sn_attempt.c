/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts under way: one of each device, for as long as is configured. */
#include "config.h"

#include "cap/gaka/gaka_sn_impl.h"

/* Ids are those of real devices here: the home network has vouched for them. */
static struct sn_attempt **
slot_of(struct gaka_sn *s, const struct node_id *id)
{
	unsigned h = 0;

	for (size_t i = 0; i < NODE_ID_BYTES; i++)
		h = h * 31u + id->v[i];
	return &s->attempts.slots[h & (SN_SLOTS - 1)];
}

struct sn_attempt *
sn_attempt_find(struct gaka_sn *s, const struct node_id *id)
{
	struct sn_attempt *x = *slot_of(s, id);

	while (x != NULL && !node_id_eq(&x->t1.id, id))
		x = x->next;
	return x;
}

/* ---- by age ---- */

static void
join_newest(struct sn_attempts *t, struct sn_attempt *x)
{
	x->older = t->newest;
	if (t->newest != NULL)
		t->newest->newer = x;
	else
		t->oldest = x;
	t->newest = x;
}

static void
leave(struct sn_attempts *t, struct sn_attempt *x)
{
	if (x->older != NULL)
		x->older->newer = x->newer;
	else
		t->oldest = x->newer;
	if (x->newer != NULL)
		x->newer->older = x->older;
	else
		t->newest = x->older;
}

void
sn_attempt_drop(struct gaka_sn *s, struct sn_attempt *x)
{
	struct sn_attempt **at;

	if (x == NULL)
		return;
	for (at = slot_of(s, &x->t1.id); *at != x; at = &(*at)->next)
		;
	*at = x->next;
	leave(&s->attempts, x);
	s->attempts.n--;
	secret_free(x, sizeof(*x));
}

struct sn_attempt *
sn_attempt_put(struct gaka_sn *s, struct gaka_attempt *a, const struct sn_request *r)
{
	struct sn_attempt **slot = slot_of(s, &r->t1.id);
	struct sn_attempt *x = secret_alloc(sizeof(*x));

	if (x != NULL) {
		sn_attempt_drop(s, sn_attempt_find(s, &r->t1.id));
		x->a = *a;
		x->t1 = r->t1;
		memcpy(x->octets, r->octets, GAKA_T1_SIZE);
		x->deadline = sn_mono(s) + s->conf->attempt_time;
		x->next = *slot;
		*slot = x;
		join_newest(&s->attempts, x);
		s->attempts.n++;
	}
	gaka_attempt_wipe(a);
	return x;
}

void
sn_attempts_expire(struct gaka_sn *s)
{
	int64_t now = sn_mono(s);

	while (s->attempts.oldest != NULL && s->attempts.oldest->deadline <= now)
		sn_attempt_drop(s, s->attempts.oldest);
}

void
sn_attempts_void(struct gaka_sn *s, const struct gaka_gid *gid, const struct node_id *id)
{
	for (struct sn_attempt *x = s->attempts.oldest, *newer; x != NULL; x = newer) {
		newer = x->newer;
		if ((gid == NULL && id == NULL) || (gid != NULL && gaka_gid_eq(&x->t1.gid, gid)) ||
		    (id != NULL && node_id_eq(&x->t1.id, id)))
			sn_attempt_drop(s, x);
	}
}

void
sn_attempts_void_singles(struct gaka_sn *s)
{
	for (struct sn_attempt *x = s->attempts.oldest, *newer; x != NULL; x = newer) {
		newer = x->newer;
		if (x->single)
			sn_attempt_drop(s, x);
	}
}
