/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cli/sink_udp.h"

#include <stdlib.h>

#include "cap/pxy/px_udp.h"
#include "sec/kek.h"

#define HELD_MAX ((size_t)4 << 20)

struct sink_udp {
	struct px_udp *udp;
	struct px_inbox *inbox;
	struct key *keys; /* secret memory */
	size_t n;
	_Atomic bool ready; /* udp is known: there may be datagrams before it is */
};

/* A datagram on its way through the inbox. */
struct arrival {
	struct px_delivery d; /* first */
	struct sink_udp *u;
	struct px_udp_run *run;
	struct pre_unit unit;
};

static enum px_datagram_status
status_of_rc(enum rc rc)
{
	switch (rc) {
	case RC_OK:
		return PX_DATAGRAM_STORED;
	case RC_CONFLICT:
		return PX_DATAGRAM_UNKNOWN;
	case RC_NO_SPACE:
		return PX_DATAGRAM_FULL;
	case RC_BAD_REQUEST:
	case RC_FORBIDDEN:
	case RC_TOO_LARGE:
		return PX_DATAGRAM_REFUSED;
	default:
		return PX_DATAGRAM_LATER;
	}
}

static void
give_back(struct sink_udp *u, struct px_udp_run *run, enum rc rc)
{
	run->status[0] = status_of_rc(rc);
	run->n_done = 1;
	px_udp_taken(u->udp, run);
}

static void
delivered(struct px_delivery *d)
{
	struct arrival *a = (struct arrival *)(void *)d;

	give_back(a->u, a->run, d->rc);
	free(a);
}

static void
take(void *arg, struct px_udp_run *run)
{
	static const struct pre_limits limits = { 0 };
	struct sink_udp *u = arg;
	struct arrival *a = calloc(1, sizeof(*a));
	enum rc rc = a == NULL ? RC_UNAVAILABLE : RC_OK;

	if (rc == RC_OK)
		rc = pre_unit_parse(run->units[0], &limits, &a->unit);
	if (rc == RC_OK) {
		a->d = (struct px_delivery){ .units = &a->unit, .n = 1, .done = delivered };
		a->u = u;
		a->run = run;
		rc = px_inbox_give(u->inbox, &a->d);
	}
	if (rc == RC_OK)
		return;
	free(a);
	give_back(u, run, rc);
}

static enum rc
find(void *arg, uint64_t id, unsigned turn, struct px_udp_known *out)
{
	const struct sink_udp *u = arg;

	(void)id;
	if (turn >= u->n || !atomic_load(&u->ready))
		return RC_NOT_FOUND;
	memcpy(out->key, u->keys[turn].v, KEY_BYTES);
	/* What came before a restart is known as a duplicate by the opening. */
	out->upto = 0;
	return RC_OK;
}

/* ---- life ---- */

static enum rc
read_keys(struct sink_udp *u, const struct sink_udp_conf *conf, char why[256])
{
	char text[KEK_WHY] = "";
	enum rc rc = RC_OK;

	u->keys = secret_alloc(conf->n_keys * sizeof(*u->keys));
	u->n = conf->n_keys;
	if (u->keys == NULL)
		return RC_UNAVAILABLE;
	for (size_t i = 0; i < u->n && rc == RC_OK; i++)
		rc = kek_read_file(conf->key_files[i], &u->keys[i], text);
	if (rc != RC_OK)
		snprintf(why, 256, "%.250s", text);
	return rc;
}

static enum rc
start(struct sink_udp *u, const struct sink_udp_conf *conf, char why[256])
{
	const struct px_udp_conf udp = { .address = conf->address->host,
		                         .port = (uint16_t)conf->address->port,
		                         .unit_max = PX_DATAGRAM_UNIT_MAX,
		                         .held_max = HELD_MAX,
		                         .taker = { .find = find,
		                                    .take = take,
		                                    .arg = u,
		                                    .gaps = true,
		                                    .ids_max = SINK_UDP_IDS * conf->n_keys } };
	enum rc rc = read_keys(u, conf, why);

	u->inbox = conf->inbox;
	return rc == RC_OK ? px_udp_open(&udp, &u->udp, why) : rc;
}

enum rc
sink_udp_start(const struct sink_udp_conf *conf, struct sink_udp **out, char why[256])
{
	struct sink_udp *u = calloc(1, sizeof(*u));
	enum rc rc;

	*out = NULL;
	if (u == NULL)
		return RC_UNAVAILABLE;
	rc = start(u, conf, why);
	if (rc == RC_OK) {
		atomic_store(&u->ready, true);
		*out = u;
	} else {
		sink_udp_free(u);
	}
	return rc;
}

unsigned
sink_udp_port(const struct sink_udp *u)
{
	return px_udp_port(u->udp);
}

void
sink_udp_stop(struct sink_udp *u)
{
	if (u != NULL)
		px_udp_stop(u->udp);
}

void
sink_udp_free(struct sink_udp *u)
{
	if (u == NULL)
		return;
	px_udp_free(u->udp);
	secret_free(u->keys, u->n * sizeof(*u->keys));
	free(u);
}
