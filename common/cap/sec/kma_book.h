/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which application has got its Kma of which Kmc, and the audit of that: a store of its own with a
 * chain of records (mas/mas_audit.h), each in the transaction of the hand-out that it tells of:
 * actor is the application, object ConnectionId, KmcIndex and the hash of the App-ID as in PSK
 * identities, with points between. The chain is checked after each start; damage is logged.
 */
#ifndef CAP_SEC_KMA_BOOK_H
#define CAP_SEC_KMA_BOOK_H

#include "base/clock.h"
#include "base/log.h"
#include "sec/secret.h"
#include "store/store.h"
#include "store/tables_job.h"

#define KMA_BOOK_MAX 65536u /* hand-outs that can be in it; those of a Kmc that is over go */
#define KMA_BOOK_KEEP (365 * 86400 * CLOCK_SECOND) /* how old audit records become */

struct kma_book;

struct kma_book_conf {
	const char *dir; /* NULL: in memory, nothing outlives the process */
	const struct store_ops *engine; /* of dir; copied like all else but log and clock */
	const struct key *seal; /* authenticates the audit */
	const struct clock *clock;
	struct log *log;
	/* What was handed out in an earlier run; within kma_book_open. */
	void (*given)(void *arg, struct slice app_id, uint64_t connection, uint32_t kmc_index);
	void *arg;
};

/*
 * Blocks on the disk. RC_PRECONDITION: made with another key, as when its keystore came back without
 * it, or damaged; otherwise as tables_open. One line in why, with the way out.
 */
enum rc kma_book_open(const struct kma_book_conf *conf, struct kma_book **out, char why[256]);
/* Answers what waits. NULL is fine. Nobody enters anything any more. */
void kma_book_close(struct kma_book *b);

/* One hand-out; in the caller's memory until done was called, once, never from within. */
struct kma_entry {
	struct slice app_id; /* 1..255 octets; lives until done, as the next */
	struct slice source; /* where it came from */
	uint64_t connection;
	uint32_t kmc_index;
	int64_t expires; /* securityLifetime of Kmc */
	/*
	 * RC_OK: it is entered, durably; RC_CONFLICT: it was before; RC_UNAVAILABLE, RC_NO_SPACE: it is
	 * not.
	 */
	enum rc rc;
	void (*done)(struct kma_entry *e); /* on a thread of the book */
	void *owner;
	struct tables_job job; /* the book's */
};

/* Any thread, never blocks. */
void kma_book_enter(struct kma_book *b, struct kma_entry *e);

#endif
