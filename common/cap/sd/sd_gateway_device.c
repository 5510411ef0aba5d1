/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices whose readings come here; those of whom nothing waits are forgotten when there are many.
 * Names come before signatures are looked at: those that have proved nothing have places of their own,
 * so that none of them displaces a device with its keys, number and round.
 */
#include "config.h"

#include "cap/sd/sd_gateway_impl.h"

#include <stdlib.h>

#include "base/be.h"
#include "sec/digest.h"

#define FORGET_TRIES 64u

/* Who sends is not known yet, and must not choose where an id has its place. */
static enum rc
place_of(const struct gw *gw, const struct node_id *id, uint64_t *key)
{
	const struct slice part = slice_make(id->v, NODE_ID_BYTES);
	uint8_t digest[DIGEST_SIZE];
	enum rc rc = digest_hmac(slice_make(gw->seed.v, KEY_BYTES), &part, 1, digest);

	*key = be_get(digest, 8);
	return rc;
}

static struct gw_device *
find_in(const struct keyed_table *t, const struct node_id *id, uint64_t key)
{
	struct keyed *k = NULL;

	while ((k = keyed_find(t, key, k)) != NULL) {
		struct gw_device *d = GW_OF(k, struct gw_device, entry);

		if (node_id_eq(&d->id, id))
			return d;
	}
	return NULL;
}

static struct gw_device *
find(const struct gw *gw, const struct node_id *id, uint64_t key)
{
	struct gw_device *d = find_in(&gw->devices, id, key);

	return d != NULL ? d : find_in(&gw->strangers, id, key);
}

struct gw_device *
gw_device_find(const struct gw *gw, const struct node_id *id)
{
	uint64_t key;

	return place_of(gw, id, &key) == RC_OK ? find(gw, id, key) : NULL;
}

static bool
forget_one(struct keyed_table *t, size_t *hand)
{
	for (unsigned i = 0; i < FORGET_TRIES; i++) {
		struct keyed *k = keyed_any(t, hand);
		struct gw_device *d;

		if (k == NULL) {
			*hand = 0;
			continue;
		}
		++*hand;
		d = GW_OF(k, struct gw_device, entry);
		if (d->uses > 0)
			continue;
		keyed_remove(t, k);
		free(d);
		return true;
	}
	return false;
}

static enum rc
make(struct gw *gw, const struct node_id *id, uint64_t key, struct gw_device **out)
{
	struct gw_device *d;

	if (gw->strangers.n >= GW_STRANGERS_MAX && !forget_one(&gw->strangers, &gw->strangers_hand))
		return RC_UNAVAILABLE;
	d = calloc(1, sizeof(*d));
	if (d == NULL || !keyed_add(&gw->strangers, &d->entry, key)) {
		free(d);
		return RC_UNAVAILABLE;
	}
	d->id = *id;
	*out = d;
	return RC_OK;
}

enum rc
gw_device_enter(struct gw *gw, const struct node_id *id, struct gw_device **out)
{
	uint64_t key;
	enum rc rc = place_of(gw, id, &key);

	if (rc != RC_OK)
		return rc;
	*out = find(gw, id, key);
	if (*out == NULL)
		rc = make(gw, id, key, out);
	if (rc == RC_OK)
		(*out)->uses++;
	return rc;
}

/* Where all are in use there is one more: readings that wait are bounded, by sd.pending_max. */
void
gw_device_prove(struct gw *gw, struct gw_device *d)
{
	const uint64_t key = d->entry.key;

	if (d->proved)
		return;
	if (gw->devices.n >= GW_DEVICES_MAX)
		(void)forget_one(&gw->devices, &gw->hand);
	keyed_remove(&gw->strangers, &d->entry);
	d->proved = keyed_add(&gw->devices, &d->entry, key);
	/* This table has room, as it has had. */
	if (!d->proved)
		(void)keyed_add(&gw->strangers, &d->entry, key);
}

/*
 * Without verification anybody could name a number or a round that shuts the device out: the network
 * looks.
 */
bool
gw_is_new(const struct gw *gw, const struct gw_device *d, uint64_t seq)
{
	return !gw->conf.verify || seq > d->seq;
}

bool
gw_is_new_round(const struct gw *gw, const struct gw_device *d, const uint8_t round[SD_ROUND_SIZE])
{
	return !gw->conf.verify || memcmp(round, d->round, SD_ROUND_SIZE) > 0;
}

void
gw_device_leave(struct gw_device *d)
{
	d->uses--;
}

static void
free_all(struct keyed_table *t)
{
	struct keyed *k;
	size_t at = 0;

	while ((k = keyed_any(t, &at)) != NULL) {
		keyed_remove(t, k);
		free(GW_OF(k, struct gw_device, entry));
	}
	keyed_fini(t);
}

void
gw_devices_free(struct gw *gw)
{
	free_all(&gw->devices);
	free_all(&gw->strangers);
}
