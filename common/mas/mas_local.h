/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The MAS of this process (TS 102 690 clause 8): its store, its worker, its keys in memory, behind
 * the functions of mas.h. Administration is in mas_admin.h.
 */
#ifndef MAS_MAS_LOCAL_H
#define MAS_MAS_LOCAL_H

#include "base/clock.h"
#include "base/log.h"
#include "mas/mas.h"
#include "mas/mas_counter.h"
#include "mas/mas_psk.h"
#include "sec/reject.h"
#include "store/store.h"

struct mas_local;

#define MAS_KMR_LIFETIME (2 * 365 * 86400 * CLOCK_SECOND)
#define MAS_KMR_LIFETIME_MAX (10 * 365 * 86400 * CLOCK_SECOND)
#define MAS_KMC_LIFETIME (86400 * CLOCK_SECOND)
#define MAS_KMC_LIFETIME_MAX (7 * 86400 * CLOCK_SECOND)
#define MAS_KMC_OVERLAP (60 * CLOCK_SECOND)
#define MAS_KMC_REQUESTS_MAX (UINT64_C(1) << 24)
#define MAS_KMC_OCTETS_MAX (UINT64_C(64) << 30)

/* Strings and files are read by mas_open only; log and clock outlive the MAS. 0 = the default. */
struct mas_conf {
	const struct store_ops *engine;
	struct store_conf store; /* a directory of its own */
	const struct clock *clock;
	struct log *log;
	const char *sp_id; /* M2M-SP-ID */
	const char *kek_file; /* master key, sec/kek.h */
	const char *kek_next_file; /* the next one, for mas_rewrap; NULL = none */
	const char *reject_key_file; /* Ed25519 of signed rejects; NULL = rejects are not signed */
	unsigned queue_max, batch_max;
	unsigned nodes_max, connections_max;
	int64_t kmr_lifetime; /* microseconds, at most MAS_KMR_LIFETIME_MAX; so the next two */
	int64_t kmc_lifetime, kmc_overlap;
	int64_t audit_keep; /* how old audit records become; 0 = for ever */
	unsigned flags; /* of new nodes; 0 = MAS_CHANNEL */
	uint64_t ival_required; /* the same */
	unsigned gaka_singles; /* T10 of a serving network in a minute; 0 = 60 */
	unsigned failures_max; /* refused connects of a node in an hour, then OVERLOAD */
};

/* What may change while it runs; as the members of mas_conf of those names. */
struct mas_limits {
	int64_t kmr_lifetime, kmc_lifetime, kmc_overlap, audit_keep;
	unsigned flags;
	uint64_t ival_required;
};

/*
 * RC_OK and *out; otherwise *why says in one line why: RC_FORBIDDEN (a key file that others may
 * read), RC_NOT_FOUND, RC_BAD_REQUEST (an option, a key that is not the store's), RC_INTERNAL
 * (damage). Blocks on the disk.
 */
enum rc mas_open(const struct mas_conf *conf, struct mas_local **out, char why[256]);
/* Ends what waits. Nobody calls it any more. NULL is fine. */
void mas_close(struct mas_local *m);

/*
 * For keys, connections and nodes that are made from then on. RC_BAD_REQUEST: out of range;
 * RC_UNAVAILABLE. Any thread, never blocks.
 */
enum rc mas_set_limits(struct mas_local *m, const struct mas_limits *limits);

/* As the NSCL and the MSBF see it; lives as long as m. */
struct mas mas_of(struct mas_local *m);

/*
 * Signs a verdict about a node as the value of X-M2M-Reject. cause: enum reject_cause. False
 * without a key, or when signing fails: the answer then has no such header. Any thread.
 */
bool mas_reject(struct mas_local *m, const struct node_id *node,
                const uint8_t nonce[REJECT_NONCE_SIZE], unsigned cause, bool permanent,
                uint32_t retry_after, char out[REJECT_TEXT_MAX + 1]);

/*
 * used of mas.h for a NSCL of another process: what is not its connection is not looked at, and
 * logged.
 */
void mas_used_by(struct mas_local *m, struct slice nscl, uint64_t connection_id, uint64_t requests,
                 uint64_t octets);

/* For psk-feed: mas_psk_feed, mas_psk_news. */
struct mas_psk *mas_psk_of(struct mas_local *m);

/* Numbers of 5.5 and what else there is to count. */
enum mas_counter {
#define MAS_COUNTER(name, text) MAS_COUNT_##name,
#include "mas/mas_counters.def"
#undef MAS_COUNTER
	MAS_COUNTERS
};
struct mas_counters *mas_counters_of(struct mas_local *m);

#endif
