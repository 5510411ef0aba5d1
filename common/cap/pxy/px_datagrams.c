/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/pxy/px_datagrams.h"

#include <stdlib.h>

#include "cap/pxy/px_own.h"
#include "cap/pxy/px_units.h"

#define IDS_MAX 256u /* stores that send at a time; others are looked up again */
#define ARENA_MAX (256u << 10)

/* A run on its way to the book. */
struct carry {
	struct px_append op; /* the first member */
	struct px *px;
	struct px_udp_run *run;
	struct arena *arena;
	size_t n; /* of the run; what is behind them comes again */
	struct px_source sources[PX_WINDOW];
	struct px_unit units[PX_WINDOW];
	bool good[PX_WINDOW]; /* else it is refused */
	bool alone; /* the next one by itself: with others something was wrong */
};

/* ---- who sends ---- */

static enum rc
look_up(struct px *px, uint64_t id, struct px_store *s, struct px_view **v)
{
	enum rc rc = px_view_open(px->book, v);

	if (rc != RC_OK)
		return rc;
	rc = px_store_get(*v, id, s);
	if (rc != RC_OK)
		px_view_close(*v);
	return rc;
}

static enum rc
find(void *arg, uint64_t id, unsigned turn, struct px_udp_known *out)
{
	struct px *px = arg;
	struct px_store s;
	struct px_view *v;
	enum rc rc = turn > 0 ? RC_NOT_FOUND : look_up(px, id, &s, &v);

	if (rc != RC_OK)
		return rc;
	out->upto = s.udp_upto;
	rc = px_store_udp_key(v, id, out->key);
	px_view_close(v);
	return rc;
}

/* ---- what they send ---- */

/* The key that management messages of that store are signed with, if it is known. */
static enum rc
sign_of(struct px *px, uint64_t id, bool *known, uint8_t out[PX_SIGN_BYTES])
{
	struct px_store s;
	struct px_view *v;
	enum rc rc = look_up(px, id, &s, &v);

	*known = rc == RC_OK && s.has_source && s.source.sign != NULL;
	if (*known)
		memcpy(out, s.source.sign, PX_SIGN_BYTES);
	if (rc == RC_OK)
		px_view_close(v);
	/* Whoever is to store it says that it is gone. */
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* One unit and nothing else: a batch is for bodies. */
static enum rc
read_one(struct carry *c, size_t i, const uint8_t *sign)
{
	struct slice octets = c->run->units[i];
	struct px_units u;
	size_t at = 0;
	enum rc rc = RC_BAD_REQUEST;

	if (octets.p[0] == PRE_VERSION)
		rc = px_units_read(octets, c->px->conf->store.message_max, c->arena, &u);
	if (rc != RC_OK)
		return rc;
	c->units[i] = u.v[0];
	c->sources[i] = u.source;
	return sign == NULL ? RC_OK : px_units_verify(&u, sign, 1, &at);
}

/* Up to what cannot be read now, for which nobody is refused. */
static void
read_all(struct carry *c)
{
	uint8_t sign[PX_SIGN_BYTES];
	bool known;
	enum rc rc = sign_of(c->px, c->run->id, &known, sign);

	while (rc == RC_OK && c->n < c->run->n) {
		rc = read_one(c, c->n, known ? sign : NULL);
		if (rc == RC_UNAVAILABLE || rc == RC_INTERNAL)
			return;
		c->good[c->n++] = rc == RC_OK;
		rc = RC_OK;
	}
}

/* ---- into the book ---- */

static void
give_back(struct carry *c)
{
	struct px_udp_run *run = c->run;

	arena_free(c->arena);
	free(c);
	px_udp_taken(run->udp, run);
}

/* How many from there on go together: all of one source. */
static size_t
together(const struct carry *c, size_t from)
{
	size_t n = 0, max = c->alone ? 1 : c->n - from;

	while (n < max && c->good[from + n] &&
	       memcmp(c->sources[from + n].name, c->sources[from].name, PX_SOURCE_BYTES) == 0)
		n++;
	return n;
}

static void stored(struct px_op *op);

/* The next ones; one that is refused has its number stored. */
static void
go_on(struct carry *c)
{
	size_t from = c->run->n_done, n;

	if (from == c->n) {
		give_back(c);
		return;
	}
	n = together(c, from);
	c->op = (struct px_append){ .op = { .done = stored, .owner = c },
		                    .store = c->run->id,
		                    .source = n > 0 ? &c->sources[from] : NULL,
		                    .units = &c->units[from],
		                    .n = n,
		                    .udp_upto = c->run->first + from + (n > 0 ? n - 1 : 0) };
	px_messages_append(c->px->book, &c->op);
}

static bool
is_never(enum rc rc)
{
	return rc == RC_BAD_REQUEST || rc == RC_TOO_LARGE || rc == RC_FORBIDDEN ||
	       rc == RC_CONFLICT;
}

static enum px_datagram_status
status_of_stop(enum rc rc)
{
	if (rc == RC_NO_SPACE)
		return PX_DATAGRAM_FULL;
	return rc == RC_NOT_FOUND ? PX_DATAGRAM_GONE : PX_DATAGRAM_LATER;
}

static void
answer(struct carry *c, size_t n, enum px_datagram_status status)
{
	for (size_t i = 0; i < n; i++)
		c->run->status[c->run->n_done++] = status;
	c->alone = false;
}

/* On the thread of the book. */
static void
stored(struct px_op *op)
{
	struct carry *c = op->owner;
	size_t n = c->op.n;

	if (op->rc == RC_OK) {
		px_count_stored(c->px, &c->op);
		answer(c, n > 0 ? n : 1, n > 0 ? PX_DATAGRAM_STORED : PX_DATAGRAM_REFUSED);
	} else if (n > 1)
		c->alone = true;
	else if (n == 1 && is_never(op->rc)) {
		px_count(c->px, PX_N_REFUSED, 1);
		c->good[c->run->n_done] = false;
	} else {
		answer(c, 1, status_of_stop(op->rc));
		give_back(c);
		return;
	}
	go_on(c);
}

static void
count_come(struct px *px, const struct px_udp_run *run)
{
	uint64_t octets = 0;

	for (size_t i = 0; i < run->n; i++)
		octets += run->units[i].n;
	px_count(px, PX_N_REQUESTS, run->n);
	px_count(px, PX_N_RECEIVED, octets);
}

static void
take(void *arg, struct px_udp_run *run)
{
	struct px *px = arg;
	struct carry *c = calloc(1, sizeof(*c));

	run->n_done = 0;
	if (c != NULL)
		c->arena = arena_new(ARENA_MAX);
	if (c == NULL || c->arena == NULL) {
		free(c);
		px_udp_taken(run->udp, run);
		return;
	}
	c->px = px;
	c->run = run;
	count_come(px, run);
	read_all(c);
	go_on(c);
}

struct px_udp_taker
px_datagrams_taker(struct px *px)
{
	return (struct px_udp_taker){ .find = find, .take = take, .arg = px, .ids_max = IDS_MAX };
}

/* ---- the part ---- */

static enum rc
datagrams_start(struct px *px, char why[CAPABILITY_WHY_MAX])
{
	const struct proxy_conf_udp *c = &px->conf->udp;
	const struct px_udp_conf conf = { .address = c->address,
		                          .port = (uint16_t)c->port,
		                          .unit_max = c->unit_max,
		                          .held_max = c->held,
		                          .taker = px_datagrams_taker(px),
		                          .bad_tags = &px->counts[PX_N_UDP_BAD_TAG] };

	return c->port == 0 ? RC_OK : px_udp_open(&conf, &px->udp, why);
}

static void
datagrams_stop(struct px *px)
{
	if (px->udp != NULL)
		px_udp_stop(px->udp);
}

/* The book still answers what is under way. */
static void
datagrams_detach(struct px *px)
{
	px_udp_free(px->udp);
	px->udp = NULL;
}

static void
datagrams_told(struct px *px, enum px_told what, uint64_t id)
{
	if (px->udp != NULL && what == PX_TOLD_STORE_GONE)
		px_udp_forget(px->udp, id);
}

const struct px_part px_part_datagrams = {
	.name = "datagrams",
	.roles = PX_PROXY,
	.start = datagrams_start,
	.stop = datagrams_stop,
	.detach = datagrams_detach,
	.told = datagrams_told,
};
