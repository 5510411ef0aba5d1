/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that have proved themselves: the keys of their sessions on the listeners. */
#include "config.h"

#include <stdlib.h>

#include "base/clock.h"
#include "cap/mpa/mpa_ap.h"

#define PER_NODE 2u /* sessions of one device: the last one, and that which it takes the place of */

static struct ap_session **
bucket_of(struct ap *ap, const uint8_t th[PSK_TRANSCRIPT_BYTES])
{
	uint32_t h = (uint32_t)th[0] << 24 | (uint32_t)th[1] << 16 | (uint32_t)th[2] << 8 | th[3];

	return &ap->buckets[h % ap->n_buckets];
}

/* Lock is held, as for all that follows. */
static struct ap_session *
find(struct ap *ap, const uint8_t th[PSK_TRANSCRIPT_BYTES])
{
	struct ap_session *s = *bucket_of(ap, th);

	while (s != NULL && memcmp(s->s.th.v, th, PSK_TRANSCRIPT_BYTES) != 0)
		s = s->next;
	return s;
}

static bool
is_over(const struct ap_session *s, int64_t now, int64_t monotonic)
{
	return monotonic >= s->deadline || !mpa_session_stands(&s->s, NULL, now);
}

static void
release(struct ap *ap, struct ap_session **at)
{
	struct ap_session *s = *at;

	*at = s->next;
	key_slabs_give(&ap->slabs, s->slot);
	free(s);
	ap->n_sessions--;
}

static void
sweep_over(struct ap *ap)
{
	int64_t now = ap_now(), monotonic = clock_monotonic();

	for (size_t i = 0; i < ap->n_buckets; i++)
		for (struct ap_session **at = &ap->buckets[i]; *at != NULL;)
			if (is_over(*at, now, monotonic))
				release(ap, at);
			else
				at = &(*at)->next;
}

/* Of a node: where the oldest one hangs, and how many there are. */
static struct ap_session **
oldest_of(struct ap *ap, const struct node_id *node, unsigned *n)
{
	struct ap_session **oldest = NULL;
	int64_t made = INT64_MAX;

	*n = 0;
	for (size_t i = 0; i < ap->n_buckets; i++)
		for (struct ap_session **at = &ap->buckets[i]; *at != NULL; at = &(*at)->next) {
			if ((*at)->slot == NULL || !node_id_eq(&(*at)->node, node))
				continue;
			(*n)++;
			if (oldest == NULL || (*at)->made < made) {
				oldest = at;
				made = (*at)->made;
			}
		}
	return oldest;
}

/* Removes those that are over, and of a node the oldest when it has enough. */
static void
sweep(struct ap *ap, const struct node_id *node)
{
	struct ap_session **oldest;
	unsigned n;

	sweep_over(ap);
	oldest = oldest_of(ap, node, &n);
	if (oldest != NULL && n >= PER_NODE)
		release(ap, oldest);
}

bool
ap_session_has_room(struct ap *ap)
{
	static const struct node_id nobody;
	bool room;

	pthread_mutex_lock(&ap->lock);
	if (ap->n_sessions >= ap->conf->sessions_max)
		sweep(ap, &nobody);
	room = ap->n_sessions < ap->conf->sessions_max;
	pthread_mutex_unlock(&ap->lock);
	return room;
}

/* The operator, and the server that the device has belonged to, are still who they were. */
static bool
is_trusted(const struct ap_anchors *a, const struct mpa_session *s)
{
	bool cn = false, server = false;

	for (size_t i = 0; i < s->n_links; i++) {
		const uint8_t *issuer = s->links[i].issuer.v;

		cn = cn || memcmp(issuer, a->v.cn.key.v, SIGN_PUBLIC_SIZE) == 0;
		for (size_t k = 0; k < a->v.n_servers && !server; k++)
			server = memcmp(issuer, a->servers[k].key.v, SIGN_PUBLIC_SIZE) == 0;
	}
	return cn && server;
}

static bool
still_stands(struct ap_anchors *a, const struct mpa_session *s, int64_t now)
{
	const struct mpa_revocations revocations = ap_revocations(a);

	return is_trusted(a, s) && mpa_session_stands(s, &revocations, now);
}

static enum rc
add(struct ap *ap, struct ap_session *one, const struct key *key)
{
	struct ap_session **at;

	/* What it rests on may have been revoked while it was looked at. */
	if (ap->anchors == NULL || !still_stands(ap->anchors, &one->s, ap_now()))
		return RC_FORBIDDEN;
	sweep(ap, &one->node);
	if (ap->n_sessions >= ap->conf->sessions_max)
		return RC_NO_SPACE;
	one->slot = key_slabs_take(&ap->slabs);
	if (one->slot == NULL)
		return RC_NO_SPACE;
	*one->slot->key = *key;
	at = bucket_of(ap, one->s.th.v);
	one->next = *at;
	*at = one;
	ap->n_sessions++;
	return RC_OK;
}

enum rc
ap_session_add(struct ap *ap, const struct mpa_session *s)
{
	struct ap_session *one;
	struct node_id node;
	enum rc rc;

	if (!node_id_parse(slice_of(s->peer), &node))
		return RC_BAD_REQUEST;
	one = malloc(sizeof(*one));
	if (one == NULL)
		return RC_NO_SPACE;
	*one = (struct ap_session){ .s = *s, .node = node, .made = clock_monotonic() };
	key_wipe(&one->s.key);
	one->deadline = one->made + ap->conf->session_time;
	pthread_mutex_lock(&ap->lock);
	rc = add(ap, one, &s->key);
	pthread_mutex_unlock(&ap->lock);
	if (rc != RC_OK)
		free(one);
	return rc;
}

/* ---- revocation ---- */

static void
cut(struct ap *ap, struct ap_session *s, const char *why)
{
	char name[NODE_ID_TEXT];

	key_slabs_give(&ap->slabs, s->slot);
	s->slot = NULL;
	ap_count(ap, AP_CUT_N);
	node_id_text(&s->node, name);
	LOG_WARN(ap->log, "mpa-cut", LOG_Z("device", name), LOG_Z("why", why));
}

void
ap_sessions_judge(struct ap *ap, struct ap_anchors *a)
{
	int64_t now = ap_now();

	for (size_t i = 0; i < ap->n_buckets; i++)
		for (struct ap_session *s = ap->buckets[i]; s != NULL; s = s->next)
			if (s->slot != NULL && !still_stands(a, &s->s, now))
				cut(ap, s, "a warrant was revoked");
}

void
ap_sessions_cut_node(struct ap *ap, const struct node_id *node)
{
	pthread_mutex_lock(&ap->lock);
	for (size_t i = 0; i < ap->n_buckets; i++)
		for (struct ap_session *s = ap->buckets[i]; s != NULL; s = s->next)
			if (s->slot != NULL && node_id_eq(&s->node, node))
				cut(ap, s, "the node was revoked");
	pthread_mutex_unlock(&ap->lock);
}

void
ap_sessions_close(struct ap *ap)
{
	for (size_t i = 0; i < ap->n_buckets; i++)
		while (ap->buckets[i] != NULL)
			release(ap, &ap->buckets[i]);
	free(ap->buckets);
	key_slabs_fini(&ap->slabs);
}

/* ---- the listeners' keys ---- */

/* The same derivation for who has a session and who has none. */
static bool
psk_find(void *arg, const struct psk_id *id, struct key *out)
{
	struct mpa_session s = { .n_links = 0 };
	struct ap *ap = arg;
	const struct ap_session *one;
	bool found;
	enum rc rc;

	memcpy(s.th.v, id->th, PSK_TRANSCRIPT_BYTES);
	pthread_mutex_lock(&ap->lock);
	one = find(ap, id->th);
	found = one != NULL && one->slot != NULL && !is_over(one, ap_now(), clock_monotonic());
	if (found) {
		s.th = one->s.th;
		s.key = *one->slot->key;
	}
	pthread_mutex_unlock(&ap->lock);
	rc = mpa_session_psk(&s, id->tls, out);
	mpa_session_wipe(&s);
	if (found && rc == RC_OK)
		return true;
	key_wipe(out);
	return false;
}

static bool
psk_stands(void *arg, const struct psk_id *id)
{
	struct ap *ap = arg;
	const struct ap_session *one;
	bool stands;

	pthread_mutex_lock(&ap->lock);
	one = find(ap, id->th);
	stands = one == NULL || one->slot != NULL;
	pthread_mutex_unlock(&ap->lock);
	return stands;
}

static bool
psk_node(void *arg, const struct psk_id *id, struct node_id *out)
{
	struct ap *ap = arg;
	const struct ap_session *one;
	bool found;

	*out = (struct node_id){ { 0 } };
	pthread_mutex_lock(&ap->lock);
	one = find(ap, id->th);
	found = one != NULL && one->slot != NULL && !is_over(one, ap_now(), clock_monotonic());
	if (found)
		*out = one->node;
	pthread_mutex_unlock(&ap->lock);
	return found;
}

enum rc
ap_psk_open(struct ap *ap)
{
	const struct sec_psk source = {
		.arg = ap, .find = psk_find, .stands = psk_stands, .node = psk_node
	};

	ap->n_buckets = ap->conf->sessions_max < 65536u ? ap->conf->sessions_max + 1u : 65536u;
	ap->buckets = calloc(ap->n_buckets, sizeof(struct ap_session *));
	if (ap->buckets == NULL)
		return RC_UNAVAILABLE;
	return ap->sec->psk_add(ap->sec->arg, PSK_MP, &source);
}
