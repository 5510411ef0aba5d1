/* SPDX-License-Identifier: Apache-2.0 */
/* The parts below REST: what is counted, the book and the key above it, threads, who waits. */
#include "config.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "cap/sgs/sgs_own.h"
#include "cap/sgs/sgs_seen.h"
#include "cap/sgs/sgs_wait.h"
#include "sec/kek.h"

#define BURST 256u /* private-key requests of one address at once */
#define RATE 64u /* of them per second after that */
#define REPLAY_TIME (300 * CLOCK_SECOND)
#define REPLAY_SHARE 4u /* one device may have that part of the replay cache */
#define SESSIONS_PER_DEVICE 16384u
#define GROUPS_PER_OWNER 256u
/*
 * So many octets of bytes_max for each item of all mailboxes, fewer than any message has: only
 * messages of groups, which are stored once for many mailboxes, can come to more items.
 */
#define ITEM_OCTETS 32u

/* ---- what is counted ---- */

static enum rc
guard_attach(struct sgs *s, char why[CAPABILITY_WHY_MAX])
{
	const struct sga_conf_server *c = &s->conf->server;
	const struct sgs_guard_conf conf = { .clock = s->clock,
		                             .log = s->log,
		                             .per_subject = c->failures_max,
		                             .per_source = c->failures_per_address,
		                             .window = c->failures_window,
		                             .burst = BURST,
		                             .rate = RATE };

	(void)why;
	return sgs_guard_new(&conf, &s->guard);
}

static void
guard_detach(struct sgs *s)
{
	sgs_guard_free(s->guard);
	s->guard = NULL;
}

const struct sgs_part sgs_part_guard = {
	.name = "limits",
	.attach = guard_attach,
	.detach = guard_detach,
};

/* ---- the key above the secrets of the book ---- */

static enum rc
make_kek(struct sgs *s, const char *path, char why[KEK_WHY])
{
	enum rc rc = kek_create_file(path, why);

	if (rc == RC_OK)
		LOG_WARN(s->log, "sga-key-created", LOG_Z("file", path),
		         LOG_Z("note",
		               "whoever reads this directory has the keys of the devices; see "
		               "sga.kek_file"));
	return rc;
}

/*
 * Of sga.kek_file, else of the file sga.kek in conf->state, which is made unless there is a book
 * already: one whose key is lost must not get a new one. In memory a random one.
 */
static enum rc
read_kek(struct sgs *s, const char *book, struct key *kek, char why[KEK_WHY])
{
	char path[PATH_MAX];
	enum rc rc = RC_OK;

	if (s->conf->kek_file != NULL)
		return kek_read_file(s->conf->kek_file, kek, why);
	if (book == NULL)
		return key_random(kek);
	if ((size_t)snprintf(path, sizeof(path), "%s/sga.kek", s->conf->state) >= sizeof(path))
		return RC_TOO_LARGE;
	if (access(path, F_OK) != 0 && access(book, F_OK) != 0)
		rc = make_kek(s, path, why);
	return rc == RC_OK ? kek_read_file(path, kek, why) : rc;
}

/* ---- the book ---- */

static struct sgs_limits
limits_of(const struct sga_conf_server *c)
{
	return (struct sgs_limits){
		.devices_max = c->devices_max,
		.tokens_max = c->tokens_max,
		.half_open_device_max = c->half_open_per_device,
		.half_open_max = c->half_open_max,
		.sessions_device_max = c->sessions_max < SESSIONS_PER_DEVICE ? c->sessions_max
		                                                             : SESSIONS_PER_DEVICE,
		.sessions_max = c->sessions_max,
		.replay_max = c->replays_max,
		.replay_device_max = c->replays_max / REPLAY_SHARE,
		.items_device_max = c->mailbox_items,
		.octets_device_max = c->mailbox_bytes,
		.items_max = c->bytes_max / ITEM_OCTETS,
		.octets_max = c->bytes_max,
		.groups_owner_max =
			c->groups_max < GROUPS_PER_OWNER ? c->groups_max : GROUPS_PER_OWNER,
		.groups_max = c->groups_max,
		.members_max = c->members_max,
		.message_max = SGA_MESSAGE_MAX,
		.half_open_ttl = c->half_open_time,
		/*
		 * A record that is over before its session would leave a gap, and the peer takes
		 * nothing behind one.
		 */
		.session_ttl = c->session_time < c->item_ttl ? c->session_time : c->item_ttl,
		.item_ttl = c->item_ttl,
		.replay_ttl = REPLAY_TIME,
	};
}

static enum rc
book_attach(struct sgs *s, char why[CAPABILITY_WHY_MAX])
{
	struct key kek;
	struct sgs_conf conf = {
		.engine = s->conf->engine,
		.kek = &kek,
		.limits = limits_of(&s->conf->server),
		.clock = s->clock,
		.log = s->log,
		.told = sgs_told,
		.arg = s,
	};
	char dir[PATH_MAX];
	enum rc rc = RC_OK;

	if (s->conf->state != NULL) {
		conf.dir = dir;
		if ((size_t)snprintf(dir, sizeof(dir), "%s/%s", s->conf->state, SGA_BOOK_STORE) >=
		    sizeof(dir))
			return RC_TOO_LARGE;
	}
	s->seen = sgs_seen_new();
	if (s->seen == NULL)
		return RC_UNAVAILABLE;
	rc = read_kek(s, conf.dir, &kek, why);
	if (rc == RC_OK)
		rc = sgs_book_open(&conf, &s->book, why);
	key_wipe(&kek);
	if (rc == RC_OK)
		return rc;
	sgs_seen_free(s->seen);
	s->seen = NULL;
	return rc;
}

/* What is under way may be answered by it as long as the scl lives. */
static void
book_detach(struct sgs *s)
{
	sgs_book_close(s->book);
	sgs_seen_free(s->seen);
	s->book = NULL;
	s->seen = NULL;
}

static void
book_told(struct sgs *s, enum sgs_told what, uint64_t device)
{
	if (what == SGS_TOLD_DEVICE_GONE)
		sgs_seen_forget(s->seen, device);
}

const struct sgs_part sgs_part_book = {
	.name = "book",
	.attach = book_attach,
	.detach = book_detach,
	.told = book_told,
};

/* ---- the pool ---- */

static enum rc
pool_part_start(struct sgs *s, char why[CAPABILITY_WHY_MAX])
{
	(void)why;
	return pool_start(s->conf->threads, &s->pool);
}

static void
pool_part_stop(struct sgs *s)
{
	pool_stop(s->pool);
	s->pool = NULL;
}

const struct sgs_part sgs_part_pool = {
	.name = "threads",
	.start = pool_part_start,
	.stop = pool_part_stop,
};

/* ---- who waits ---- */

static enum rc
wait_attach(struct sgs *s, char why[CAPABILITY_WHY_MAX])
{
	(void)why;
	s->wait = sgs_wait_new(s->scl, s->conf->server.waiters_max);
	return s->wait == NULL ? RC_UNAVAILABLE : RC_OK;
}

static void
wait_stop(struct sgs *s)
{
	sgs_wait_stop(s->wait);
}

static void
wait_detach(struct sgs *s)
{
	sgs_wait_free(s->wait);
	s->wait = NULL;
}

static void
wait_told(struct sgs *s, enum sgs_told what, uint64_t device)
{
	if (what != SGS_TOLD_DEVICE)
		sgs_wait_touch(s->wait, device);
}

const struct sgs_part sgs_part_wait = {
	.name = "waits",
	.attach = wait_attach,
	.stop = wait_stop,
	.detach = wait_detach,
	.told = wait_told,
};
