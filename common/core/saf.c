/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "core/saf_line.h"
#include "core/saf_relief.h"

#include <limits.h>
#include <stdlib.h>

#define LINK_BUCKETS 64u
/*
 * What waits is looked at again at least this often: interfaces come and go without a word, and
 * the clock may be set.
 */
#define LOOK_EVERY CLOCK_SECOND
#define LINGER_MIN CLOCK_SECOND
/* Failures of a link that nobody uses count for so long. */
#define LINK_KNOWN (3600 * CLOCK_SECOND)

/* The access networks as connections to one next SCL have found them. */
struct saf_link {
	uint64_t id;
	struct saf_link *next;
	unsigned groups;
	enum { LINK_UNKNOWN, LINK_UP, LINK_DOWN } told; /* to the relief */
	struct {
		int64_t connected_until;
		unsigned failures;
		int64_t failed, rest;
	} networks[SAF_NETWORKS];
};

/* The ordered ones of a group that go to the same SCL: the adaptive ones, or the others. */
struct saf_lane {
	uint64_t destination;
	bool adaptive;
	struct saf_lane *next;
	struct saf_line line;
	bool busy; /* one of them is under way */
	int64_t rest; /* the destination cannot take any before */
	unsigned refusals; /* in a row */
};

struct saf_group {
	struct scl_task task; /* first: looks at the group */
	struct saf *saf;
	struct saf_link *link;
	const struct saf_set *set; /* in the present book */
	unsigned rcat;
	struct saf_group *next;
	struct saf_line line; /* those without an order */
	struct saf_lane *lanes;
	unsigned under_way;
	bool orphan; /* the policies changed: it ends with what is under way */
};

struct saf {
	struct scl *scl;
	struct access_network networks[SAF_NETWORKS];
	size_t nnetworks;
	struct saf_link *links[LINK_BUCKETS];
	struct saf_group *groups;
	uint64_t order;
	struct saf_book book; /* in arena; the courier thread's */
	struct arena *arena;
	struct scl_task refresh, look;
};

static int64_t
now_of(const struct saf *saf)
{
	return clock_now(saf->scl->clock);
}

int64_t
saf_backoff(const struct scl_conf *conf, unsigned failures)
{
	int64_t delay = conf->saf.retry_first;

	for (unsigned i = 1; i < failures && delay < conf->saf.retry_max; i++)
		delay *= 2;
	return delay < conf->saf.retry_max ? delay : conf->saf.retry_max;
}

/* ---- links ---- */

/* It has nothing to tell any more. */
static bool
link_stale(const struct saf *saf, const struct saf_link *link, int64_t now)
{
	for (size_t i = 0; i < saf->nnetworks; i++)
		if (link->networks[i].connected_until > now ||
		    (link->networks[i].failures > 0 && link->networks[i].failed + LINK_KNOWN > now))
			return false;
	return link->groups == 0;
}

static struct saf_link *
link_get(struct saf *saf, uint64_t id)
{
	struct saf_link **at = &saf->links[id % LINK_BUCKETS], *link;

	while ((link = *at) != NULL && link->id != id)
		if (link_stale(saf, link, now_of(saf))) {
			*at = link->next;
			free(link);
		} else {
			at = &link->next;
		}
	if (link != NULL)
		return link;
	link = calloc(1, sizeof(*link));
	if (link == NULL)
		return NULL;
	link->id = id;
	*at = link;
	return link;
}

/* ---- groups and lanes ---- */

static void group_look(struct scl_task *t);

static struct saf_group *
group_find(struct saf *saf, uint64_t link, const struct saf_set *set, unsigned rcat)
{
	for (struct saf_group *g = saf->groups; g != NULL; g = g->next)
		if (!g->orphan && g->link->id == link && g->set == set && g->rcat == rcat)
			return g;
	return NULL;
}

static struct saf_group *
group_get(struct saf *saf, uint64_t link, const struct saf_set *set, unsigned rcat)
{
	struct saf_group *g = group_find(saf, link, set, rcat);

	if (g != NULL || (g = calloc(1, sizeof(*g))) == NULL)
		return g;
	g->link = link_get(saf, link);
	if (g->link == NULL) {
		free(g);
		return NULL;
	}
	g->link->groups++;
	g->saf = saf;
	g->set = set;
	g->rcat = rcat;
	g->task.run = group_look;
	g->next = saf->groups;
	saf->groups = g;
	return g;
}

static struct saf_lane *
lane_find(const struct saf_group *g, const struct saf_entry *e)
{
	struct saf_lane *lane = g->lanes;

	while (lane != NULL &&
	       (lane->destination != e->destination || lane->adaptive != e->adaptive))
		lane = lane->next;
	return lane;
}

static struct saf_lane *
lane_get(struct saf_group *g, const struct saf_entry *e)
{
	struct saf_lane *lane = lane_find(g, e);

	if (lane != NULL || (lane = calloc(1, sizeof(*lane))) == NULL)
		return lane;
	lane->destination = e->destination;
	lane->adaptive = e->adaptive;
	lane->next = g->lanes;
	g->lanes = lane;
	return lane;
}

static void
lanes_trim(struct saf_group *g)
{
	struct saf_lane **at = &g->lanes;

	while (*at != NULL) {
		struct saf_lane *lane = *at;

		if (!lane->busy && lane->line.first == NULL) {
			*at = lane->next;
			free(lane);
		} else {
			at = &lane->next;
		}
	}
}

static bool
group_idle(const struct saf_group *g)
{
	return g->line.first == NULL && g->lanes == NULL && g->under_way == 0;
}

static void
group_free(struct saf_group *g)
{
	struct saf_group **at = &g->saf->groups;

	while (*at != g)
		at = &(*at)->next;
	*at = g->next;
	courier_cancel(g->saf->scl->courier, &g->task);
	lanes_trim(g);
	g->link->groups--;
	free(g);
}

/* ---- what waits, as the policy sees it ---- */

static bool
lane_held(const struct saf_group *g, const struct saf_lane *lane)
{
	return lane->adaptive && saf_relief_holds(g->saf->scl, lane->destination, g->rcat);
}

/* What is held back is no reason for a connection, but may come to its end. */
static void
add_up(struct saf_group *g, int64_t now, struct saf_backlog *b, int64_t *deadline)
{
	struct saf_backlog held = { .last_call = CLOCK_NEVER };

	*b = (struct saf_backlog){ .rcat = g->rcat, .last_call = CLOCK_NEVER };
	*deadline = CLOCK_NEVER;
	saf_line_add(&g->line, now, b, deadline);
	for (struct saf_lane *lane = g->lanes; lane != NULL; lane = lane->next)
		saf_line_add(&lane->line, now, lane_held(g, lane) ? &held : b, deadline);
}

static void
networks_now(const struct saf *saf, const struct saf_link *link, int64_t now,
             struct saf_network out[SAF_NETWORKS])
{
	for (size_t i = 0; i < saf->nnetworks; i++)
		out[i] = (struct saf_network){ .name = saf->networks[i].name,
			                       .usable = saf->networks[i].usable(&saf->networks[i]),
			                       .connected = link->networks[i].connected_until > now,
			                       .failures = link->networks[i].failures,
			                       .failed = link->networks[i].failed,
			                       .rest = link->networks[i].rest };
}

static void
group_expire(struct saf_group *g, int64_t now, bool stopping)
{
	saf_line_expire(&g->line, now, stopping);
	for (struct saf_lane *lane = g->lanes; lane != NULL; lane = lane->next)
		saf_line_expire(&lane->line, now, stopping);
}

/* What may start now, out of the lines; the clock of a resting destination goes into *look. */
static struct saf_entry *
take_ready(struct saf_group *g, int64_t now, int64_t *look)
{
	struct saf_entry *ready = g->line.first, **last = &ready;

	g->line = (struct saf_line){ 0 };
	while (*last != NULL)
		last = &(*last)->next;
	for (struct saf_lane *lane = g->lanes; lane != NULL; lane = lane->next) {
		if (lane->busy || lane->line.first == NULL || lane_held(g, lane))
			continue;
		if (lane->rest > now) {
			*look = lane->rest < *look ? lane->rest : *look;
			continue;
		}
		*last = saf_line_take(&lane->line);
		last = &(*last)->next;
		lane->busy = true;
	}
	return ready;
}

/*
 * Starting may fail at once and then changes what is known of the link: the others stay. Nothing
 * is started twice in one look.
 */
static void
start_ready(struct saf_group *g, struct saf_entry *ready, unsigned network)
{
	unsigned failures = g->link->networks[network].failures;

	while (ready != NULL) {
		struct saf_entry *e = ready;

		ready = e->next;
		if (g->link->networks[network].failures > failures) {
			if (e->lane != NULL)
				e->lane->busy = false;
			saf_line_put(e->lane != NULL ? &e->lane->line : &g->line, e);
			continue;
		}
		g->under_way++;
		e->start(e, network);
	}
}

/* Sends what may be sent; when to look again. */
static int64_t
group_send(struct saf_group *g, int64_t now)
{
	struct saf_network networks[SAF_NETWORKS];
	struct saf_backlog b;
	int64_t deadline, look;
	int network;

	add_up(g, now, &b, &deadline);
	if (b.requests == 0)
		return deadline;
	networks_now(g->saf, g->link, now, networks);
	network = saf_decide(g->set, &b, networks, g->saf->nnetworks, now, &look);
	if (network >= 0) {
		look = CLOCK_NEVER;
		start_ready(g, take_ready(g, now, &look), (unsigned)network);
	}
	return deadline < look ? deadline : look;
}

static void
group_later(struct saf_group *g, int64_t now, int64_t look)
{
	int64_t delay = look <= now ? 0 : look - now;

	courier_post(g->saf->scl->courier, &g->task, delay < LOOK_EVERY ? delay : LOOK_EVERY);
}

static bool
group_waits(const struct saf_group *g)
{
	for (const struct saf_lane *lane = g->lanes; lane != NULL; lane = lane->next)
		if (lane->line.first != NULL)
			return true;
	return g->line.first != NULL;
}

static void
group_look(struct scl_task *t)
{
	struct saf_group *g = (struct saf_group *)(void *)t;
	int64_t now = now_of(g->saf), look;
	bool stopping = courier_stopping(g->saf->scl->courier);

	group_expire(g, now, stopping);
	look = stopping ? CLOCK_NEVER : group_send(g, now);
	lanes_trim(g);
	if (group_waits(g) && !stopping)
		group_later(g, now, look > now ? look : now + 1);
	else if (group_idle(g))
		group_free(g);
}

/* ---- policies ---- */

static void
free_book(struct saf *saf)
{
	arena_free(saf->arena);
	saf->arena = NULL;
	saf->book = (struct saf_book){ 0 };
}

static void
put_in_group(struct saf *saf, struct saf_entry *e)
{
	const struct saf_set *set = saf_set_of(&saf->book.policy, e->application);
	struct saf_group *g = group_get(saf, e->link, set, e->rcat);
	struct saf_lane *lane = g == NULL || !e->ordered ? NULL : lane_get(g, e);

	if (g == NULL || (e->ordered && lane == NULL)) {
		LOG_ERROR(saf->scl->log, "saf-without-memory", LOG_N("requests", 1));
		e->expire(e, true);
		return;
	}
	e->group = g;
	e->lane = lane;
	saf_line_put(lane != NULL ? &lane->line : &g->line, e);
	courier_post(saf->scl->courier, &g->task, 0);
}

/* Everything that waits, out of its groups, which end once nothing of them is under way. */
static struct saf_entry *
leave_groups(struct saf *saf)
{
	struct saf_line all = { 0 };
	struct saf_entry *e;

	for (struct saf_group *g = saf->groups, *next; g != NULL; g = next) {
		next = g->next;
		while ((e = saf_line_take(&g->line)) != NULL)
			saf_line_put(&all, e);
		for (struct saf_lane *lane = g->lanes; lane != NULL; lane = lane->next)
			while ((e = saf_line_take(&lane->line)) != NULL)
				saf_line_put(&all, e);
		g->orphan = true;
		if (g->under_way == 0)
			group_free(g);
	}
	return all.first;
}

static enum rc
read_book(struct saf *saf, struct arena *a, struct saf_book *book)
{
	struct rtx *tx;
	enum rc rc = repo_begin_read(saf->scl->repo, a, &tx);

	if (rc != RC_OK)
		return rc;
	rc = saf_book_read(saf->scl, tx, book);
	repo_end_read(tx);
	return rc;
}

/* Only the way up is subject to policies (TS 102 690 9.3.1.5). */
bool
saf_has_policies(const struct scl *scl)
{
	return scl->conf.role != SCL_NSCL;
}

static void
refresh_run(struct scl_task *t)
{
	struct saf *saf = (struct saf *)(void *)((char *)t - offsetof(struct saf, refresh));
	struct arena *a = arena_new(saf->scl->conf.arena_max);
	struct saf_entry *waiting;
	struct saf_book book;

	if (a == NULL || read_book(saf, a, &book) != RC_OK) {
		arena_free(a);
		if (!courier_stopping(saf->scl->courier))
			courier_post(saf->scl->courier, t, CLOCK_SECOND);
		return;
	}
	if (book.digest == saf->book.digest) {
		arena_free(a);
		return;
	}
	waiting = leave_groups(saf);
	/* What is under way needs nothing of the old book. */
	free_book(saf);
	saf->arena = a;
	saf->book = book;
	LOG_INFO(saf->scl->log, "saf-policies", LOG_N("sets", book.policy.nsets));
	while (waiting != NULL) {
		struct saf_entry *e = waiting;

		waiting = e->next;
		put_in_group(saf, e);
	}
}

void
saf_note_change(struct scl *scl)
{
	if (saf_has_policies(scl))
		courier_note_task(scl->courier, &scl->saf->refresh);
}

/* ---- waiting ---- */

void
saf_wait(struct saf *saf, struct saf_entry *e)
{
	if (e->order == 0)
		e->order = ++saf->order;
	put_in_group(saf, e);
}

static void
lane_ended(struct saf *saf, struct saf_lane *lane, enum saf_end how)
{
	lane->busy = false;
	if (how != SAF_BUSY) {
		lane->refusals = 0;
		lane->rest = 0;
		return;
	}
	lane->refusals++;
	lane->rest = now_of(saf) + saf_backoff(scl_conf(saf->scl), lane->refusals);
}

static void
link_ended(struct saf *saf, struct saf_link *link, unsigned network, bool reached)
{
	const struct scl_conf *conf = scl_conf(saf->scl);
	const bool news = link->told != (reached ? LINK_UP : LINK_DOWN);
	int64_t linger = conf->saf.linger > LINGER_MIN ? conf->saf.linger : LINGER_MIN;

	link->told = reached ? LINK_UP : LINK_DOWN;
	if (reached) {
		link->networks[network].failures = 0;
		link->networks[network].connected_until = now_of(saf) + linger;
	} else {
		link->networks[network].failures++;
		link->networks[network].failed = now_of(saf);
		link->networks[network].rest =
			now_of(saf) + saf_backoff(conf, link->networks[network].failures);
		link->networks[network].connected_until = 0;
		LOG_INFO(saf->scl->log, "saf-connection-failed",
		         LOG_S("network", saf->networks[network].name),
		         LOG_N("failures", link->networks[network].failures));
	}
	/* The lane is busy still: what was tried comes back before anything of it is taken. */
	if (news)
		saf_relief_link_told(saf->scl, link->id, reached);
}

void
saf_ended(struct saf *saf, struct saf_entry *e, unsigned network, enum saf_end how)
{
	struct saf_group *group = e->group;
	struct saf_link *link = group->link;

	if (how != SAF_NONE)
		link_ended(saf, link, network, how != SAF_FAILED);
	if (e->lane != NULL)
		lane_ended(saf, e->lane, how);
	e->group = NULL;
	e->lane = NULL;
	group->under_way--;
	if (group->orphan && group->under_way == 0 && !group_waits(group)) {
		group_free(group);
		group = NULL;
	}
	/* The connection is there: all that it admits goes; or the next of the line does. */
	for (struct saf_group *g = saf->groups; g != NULL; g = g->next)
		if (g == group || ((how == SAF_REACHED || how == SAF_BUSY) && g->link == link))
			courier_post(saf->scl->courier, &g->task, 0);
}

/* ---- for relief ---- */

struct saf_entry *
saf_oldest(struct saf *saf, uint64_t destination)
{
	struct saf_entry *oldest = NULL;

	for (struct saf_group *g = saf->groups; g != NULL; g = g->next)
		for (struct saf_lane *lane = g->lanes; lane != NULL; lane = lane->next) {
			struct saf_entry *first = lane->line.first;

			if (!lane->adaptive || lane->destination != destination)
				continue;
			if (lane->busy)
				return NULL;
			if (first != NULL && (oldest == NULL || first->order < oldest->order))
				oldest = first;
		}
	return oldest;
}

bool
saf_withdraw(struct saf_entry *e)
{
	if (e->lane == NULL || !saf_line_remove(&e->lane->line, e))
		return false;
	e->group = NULL;
	e->lane = NULL;
	return true;
}

void
saf_each_line(struct saf *saf, bool (*visit)(void *arg, const struct saf_relief_line *line),
              void *arg)
{
	for (const struct saf_group *g = saf->groups; g != NULL; g = g->next)
		for (const struct saf_lane *lane = g->lanes; lane != NULL; lane = lane->next) {
			const struct saf_entry *first = lane->line.first;
			const struct saf_relief_line line = {
				.destination = lane->destination,
				.link = g->link->id,
				.rcat = g->rcat,
				.count = lane->line.requests,
				.octets = (size_t)lane->line.octets,
				.received = first != NULL ? first->received : 0,
				.under_way = lane->busy,
			};

			if (lane->adaptive && !visit(arg, &line))
				return;
		}
}

static void
look_run(struct scl_task *t)
{
	struct saf *saf = (struct saf *)(void *)((char *)t - offsetof(struct saf, look));

	for (struct saf_group *g = saf->groups; g != NULL; g = g->next)
		courier_post(saf->scl->courier, &g->task, 0);
}

void
saf_look(struct saf *saf)
{
	(void)courier_post(saf->scl->courier, &saf->look, 0);
}

/* ---- life ---- */

static enum rc
read_networks(struct saf *saf)
{
	const char *const *names = saf->scl->conf.saf.networks;

	for (; names != NULL && *names != NULL && saf->nnetworks < SAF_NETWORKS; names++)
		if (!access_network_parse(*names, &saf->networks[saf->nnetworks++]))
			return RC_BAD_REQUEST;
	if (saf->nnetworks == 0)
		access_network_default(&saf->networks[saf->nnetworks++]);
	return RC_OK;
}

enum rc
saf_new(struct scl *scl)
{
	struct saf *saf = calloc(1, sizeof(*saf));

	if (saf == NULL)
		return RC_UNAVAILABLE;
	scl->saf = saf;
	saf->scl = scl;
	saf->refresh.run = refresh_run;
	saf->look.run = look_run;
	TRY(read_networks(saf));
	return saf_parcels_new(scl, &scl->parcels);
}

enum rc
saf_start(struct saf *saf)
{
	if (saf_has_policies(saf->scl))
		(void)courier_post(saf->scl->courier, &saf->refresh, 0);
	return saf_parcels_load(saf->scl->parcels);
}

void
saf_free(struct saf *saf)
{
	if (saf == NULL)
		return;
	saf_parcels_free(saf->scl->parcels);
	saf_relief_free(saf->scl->relief);
	while (saf->groups != NULL) {
		struct saf_group *g = saf->groups;

		saf->groups = g->next;
		while (g->lanes != NULL) {
			struct saf_lane *lane = g->lanes;

			g->lanes = lane->next;
			free(lane);
		}
		free(g);
	}
	for (unsigned i = 0; i < LINK_BUCKETS; i++)
		while (saf->links[i] != NULL) {
			struct saf_link *link = saf->links[i];

			saf->links[i] = link->next;
			free(link);
		}
	free_book(saf);
	free(saf);
}
