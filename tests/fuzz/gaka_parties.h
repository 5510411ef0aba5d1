/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A home network, two serving networks and three devices of one group, with the same keys in each
 * run. Devices keep their state in memory.
 */
#ifndef FUZZ_GAKA_PARTIES_H
#define FUZZ_GAKA_PARTIES_H

#include <stdlib.h>

#include "gaka/hn.h"
#include "gaka/keys.h"
#include "gaka/sn.h"
#include "gaka/ue_own.h"

#define PARTIES_NOW UINT64_C(1700000000)
#define PARTIES_EXPIRY (PARTIES_NOW + 100)
#define PARTIES_DEVICES 3u
#define PARTIES_NETWORKS 2u
#define PARTIES_W 4u

struct parties_device {
	struct node_id id;
	struct key ka;
	uint64_t sqn, iv; /* at the home network */
	struct gaka_ue ue;
	struct gaka_try t;
	struct slice kept;
	uint8_t octets[GAKA_STATE_MAX];
};

struct parties {
	struct gaka_gid gid;
	struct key gak;
	struct node_id sn[PARTIES_NETWORKS];
	struct parties_device d[PARTIES_DEVICES];
};

static inline void
must(bool ok)
{
	if (!ok)
		abort();
}

static enum rc
parties_keep(void *arg, struct slice state)
{
	struct parties_device *d = arg;

	must(state.n <= sizeof(d->octets));
	memcpy(d->octets, state.p, state.n);
	d->kept = slice_make(d->octets, state.n);
	return RC_OK;
}

/* The device as after a restart; its attempt is over. */
static void
parties_restart(struct parties_device *d)
{
	const struct gaka_keeper keeper = { d, parties_keep };

	must(gaka_ue_init(&d->ue, &d->id, &d->ka, d->kept, &keeper) == RC_OK);
	gaka_try_wipe(&d->t);
}

static void
parties_init(struct parties *p)
{
	memset(p, 0, sizeof(*p));
	memset(p->gid.v, 1, sizeof(p->gid.v));
	memset(p->gak.v, 2, sizeof(p->gak.v));
	for (unsigned s = 0; s < PARTIES_NETWORKS; s++)
		memset(p->sn[s].v, (int)(3 + s), NODE_ID_BYTES);
	for (unsigned i = 0; i < PARTIES_DEVICES; i++) {
		struct parties_device *d = &p->d[i];

		memset(d->id.v, (int)(0x10 + i), NODE_ID_BYTES);
		memset(d->ka.v, (int)(0x20 + i), KEY_BYTES);
		d->iv = GAKA_IV_FIRST;
		parties_restart(d);
	}
}

#endif
