/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/gaka/gaka_sn_sessions.h"

#include <pthread.h>
#include <stdlib.h>

#include "gaka/keys.h"
#include "sec/key_slab.h"

#define SLOTS_MIN 64u
#define SWEEP_SLOTS 4096u /* looked at in one call */

struct session {
	struct gaka_gid gid;
	struct node_id id;
	struct key_slot *ks; /* NULL: revoked */
	uint64_t c, expiry; /* seconds since 1970 */
	bool single;
	struct session *next;
};

struct gaka_sessions {
	pthread_mutex_t lock;
	const struct clock *clock;
	struct key_slabs keys;
	uint64_t salt; /* nobody aims at a slot */
	unsigned max, n, good;
	size_t n_slots, swept;
	struct key dummy;
	struct session *slots[];
};

/* ---- the table: the caller has the lock ---- */

static uint64_t
now_of(const struct gaka_sessions *t)
{
	return (uint64_t)(clock_now(t->clock) / CLOCK_SECOND);
}

static size_t
slot_of(const struct gaka_sessions *t, const struct gaka_gid *gid, const struct node_id *id)
{
	uint64_t h = t->salt;

	for (size_t i = 0; i < GAKA_GID_SIZE; i++)
		h = (h ^ gid->v[i]) * UINT64_C(0x100000001b3);
	for (size_t i = 0; i < NODE_ID_BYTES; i++)
		h = (h ^ id->v[i]) * UINT64_C(0x100000001b3);
	return (size_t)(h >> 20) & (t->n_slots - 1);
}

static struct session *
find(const struct gaka_sessions *t, const struct gaka_gid *gid, const struct node_id *id)
{
	struct session *s = t->slots[slot_of(t, gid, id)];

	while (s != NULL && !(gaka_gid_eq(&s->gid, gid) && node_id_eq(&s->id, id)))
		s = s->next;
	return s;
}

static bool
is_good(const struct session *s, uint64_t now)
{
	return s != NULL && s->ks != NULL && s->expiry > now;
}

static void
drop_key(struct gaka_sessions *t, struct session *s)
{
	if (s->ks == NULL)
		return;
	key_slabs_give(&t->keys, s->ks);
	s->ks = NULL;
	t->good--;
}

/* Those of one slot that have expired. */
static void
sweep_slot(struct gaka_sessions *t, size_t slot, uint64_t now)
{
	for (struct session **at = &t->slots[slot]; *at != NULL;) {
		struct session *s = *at;

		if (s->expiry > now) {
			at = &s->next;
			continue;
		}
		drop_key(t, s);
		*at = s->next;
		t->n--;
		free(s);
	}
}

bool
gaka_sessions_sweep(struct gaka_sessions *t)
{
	uint64_t now = now_of(t);
	bool round;

	pthread_mutex_lock(&t->lock);
	for (unsigned i = 0; i < SWEEP_SLOTS && t->swept < t->n_slots; i++)
		sweep_slot(t, t->swept++, now);
	round = t->swept == t->n_slots;
	if (round)
		t->swept = 0;
	pthread_mutex_unlock(&t->lock);
	return round;
}

/* ---- what attempts ask ---- */

bool
gaka_sessions_room(struct gaka_sessions *t, const struct gaka_gid *gid, const struct node_id *id)
{
	bool room;

	pthread_mutex_lock(&t->lock);
	room = t->n < t->max || find(t, gid, id) != NULL;
	pthread_mutex_unlock(&t->lock);
	return room;
}

bool
gaka_sessions_has(struct gaka_sessions *t, const struct gaka_gid *gid, const struct node_id *id)
{
	uint64_t now = now_of(t);
	bool has;

	pthread_mutex_lock(&t->lock);
	has = is_good(find(t, gid, id), now);
	pthread_mutex_unlock(&t->lock);
	return has;
}

static struct session *
add(struct gaka_sessions *t, const struct gaka_done *done)
{
	struct session **slot = &t->slots[slot_of(t, &done->gid, &done->id)];
	struct session *s = t->n < t->max ? calloc(1, sizeof(*s)) : NULL;

	if (s == NULL)
		return NULL;
	s->gid = done->gid;
	s->id = done->id;
	s->next = *slot;
	*slot = s;
	t->n++;
	return s;
}

static enum rc
put(struct gaka_sessions *t, const struct gaka_done *done, bool single)
{
	struct session *s = find(t, &done->gid, &done->id);
	struct key_slot *ks;

	if (s == NULL && t->n >= t->max)
		return RC_NO_SPACE;
	ks = s != NULL && s->ks != NULL ? s->ks : key_slabs_take(&t->keys);
	if (ks == NULL)
		return RC_UNAVAILABLE;
	if (s == NULL)
		s = add(t, done);
	if (s == NULL) {
		key_slabs_give(&t->keys, ks);
		return RC_UNAVAILABLE;
	}
	if (s->ks == NULL)
		t->good++;
	s->ks = ks;
	*ks->key = done->ks;
	s->c = done->c;
	s->expiry = done->expiry;
	s->single = single;
	return RC_OK;
}

enum rc
gaka_sessions_put(struct gaka_sessions *t, const struct gaka_done *done, bool single)
{
	enum rc rc;

	pthread_mutex_lock(&t->lock);
	rc = put(t, done, single);
	pthread_mutex_unlock(&t->lock);
	return rc;
}

static bool
ends(const struct gaka_session_end *end, const struct session *s)
{
	if (end->id != NULL && !node_id_eq(&s->id, end->id))
		return false;
	return end->gid == NULL || gaka_gid_eq(&s->gid, end->gid) || (end->singles && s->single);
}

unsigned
gaka_sessions_end(struct gaka_sessions *t, const struct gaka_session_end *end)
{
	unsigned n = 0;

	pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < t->n_slots; i++)
		for (struct session *s = t->slots[i]; s != NULL; s = s->next)
			if (s->ks != NULL && ends(end, s)) {
				drop_key(t, s);
				n++;
			}
	pthread_mutex_unlock(&t->lock);
	return n;
}

unsigned
gaka_sessions_count(struct gaka_sessions *t)
{
	unsigned n;

	pthread_mutex_lock(&t->lock);
	n = t->good;
	pthread_mutex_unlock(&t->lock);
	return n;
}

/* ---- what handshakes and requests ask ---- */

static struct gaka_gid
gid_of(const struct psk_id *id)
{
	struct gaka_gid gid;

	_Static_assert(sizeof(gid.v) == sizeof(id->gid), "a GID");
	memcpy(gid.v, id->gid, sizeof(gid.v));
	return gid;
}

/* Who is not known costs as much as who is. */
static bool
psk_find(void *arg, const struct psk_id *id, struct key *out)
{
	struct gaka_sessions *t = arg;
	const struct gaka_gid gid = gid_of(id);
	uint64_t now = now_of(t), c = 0;
	const struct session *s;
	struct key ks = t->dummy;
	bool good;
	enum rc rc;

	pthread_mutex_lock(&t->lock);
	s = find(t, &gid, &id->node);
	good = is_good(s, now);
	if (good) {
		ks = *s->ks->key;
		c = s->c;
	}
	pthread_mutex_unlock(&t->lock);
	rc = gaka_psk(&ks, id->tls, c, out);
	key_wipe(&ks);
	return rc == RC_OK && good;
}

static bool
psk_stands(void *arg, const struct psk_id *id)
{
	struct gaka_sessions *t = arg;
	const struct gaka_gid gid = gid_of(id);
	const struct session *s;
	bool revoked;

	pthread_mutex_lock(&t->lock);
	s = find(t, &gid, &id->node);
	revoked = s != NULL && s->ks == NULL;
	pthread_mutex_unlock(&t->lock);
	return !revoked;
}

static bool
psk_node(void *arg, const struct psk_id *id, struct node_id *out)
{
	const struct gaka_gid gid = gid_of(id);

	*out = (struct node_id){ { 0 } };
	if (!gaka_sessions_has(arg, &gid, &id->node))
		return false;
	*out = id->node;
	return true;
}

struct sec_psk
gaka_sessions_psk(struct gaka_sessions *t)
{
	return (struct sec_psk){ t, psk_find, psk_stands, psk_node };
}

/* ---- life ---- */

struct gaka_sessions *
gaka_sessions_new(unsigned max, const struct clock *clock)
{
	struct gaka_sessions *t;
	size_t slots = SLOTS_MIN;

	while (slots < max)
		slots *= 2;
	t = calloc(1, sizeof(*t) + slots * sizeof(t->slots[0]));
	if (t == NULL)
		return NULL;
	pthread_mutex_init(&t->lock, NULL);
	t->clock = clock;
	t->max = max;
	t->n_slots = slots;
	if (key_random(&t->dummy) == RC_OK && secret_random(&t->salt, sizeof(t->salt)) == RC_OK)
		return t;
	gaka_sessions_free(t);
	return NULL;
}

void
gaka_sessions_free(struct gaka_sessions *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->n_slots; i++)
		for (struct session *s = t->slots[i], *next; s != NULL; s = next) {
			next = s->next;
			free(s);
		}
	key_slabs_fini(&t->keys);
	key_wipe(&t->dummy);
	pthread_mutex_destroy(&t->lock);
	free(t);
}
