/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a source has computed by the pool: documents sealed as messages of its stream (pre/section.h),
 * and re-encryption keys for sinks. One order per stream at a time; of keys any number.
 *
 * Nothing of an order may leave the process before its state is durable. An order whose answer is
 * lost leaves a gap in its section: its answer is kept until it is stored, or the process ends, and
 * the section with it.
 */
#ifndef CAP_PXY_PX_SEAL_H
#define CAP_PXY_PX_SEAL_H

#include "base/clock.h"
#include "cap/pool.h"
#include "cap/pxy/px_spool.h"
#include "pre/pre.h"

struct px_seal;

/* The pointers outlive the seal. */
struct px_seal_conf {
	const struct afgh *afgh;
	const struct pre_identity *identity; /* of the source */
	struct slice source; /* its URL, as pre_url_ok has it; copied */
	uint16_t cid; /* 0: the usual one */
	uint32_t epoch_sections; /* sections of an epoch; 0: 1 */
	uint32_t section_messages; /* 0: as many as there may be */
	int64_t section_time; /* microseconds; 0: as long as it may be */
	bool sign_data;
	const struct clock *clock;
};

/*
 * The stream of that number that goes on behind state, or begins when state is empty. Outcomes of
 * pre_stream_new. The caller frees *out with px_seal_free, while no order is under way.
 */
enum rc px_seal_new(const struct px_seal_conf *conf, uint16_t stream, struct slice state,
                    struct px_seal **out);
/* Wipes and frees; NULL is fine. */
void px_seal_free(struct px_seal *s);
/*
 * When the open section is to be ended even if nothing more is to be sealed; CLOCK_NEVER: none is
 * open. While no order is under way.
 */
int64_t px_seal_deadline(const struct px_seal *s);
/* Whether a section is open: what END is owed for. While no order is under way. */
bool px_seal_is_open(const struct px_seal *s);

/* In memory of whoever gives it, until done was called. */
struct px_seal_order {
	const struct slice *documents; /* sealed in this order */
	size_t n; /* at most PX_SPOOL_PARCELS */
	bool next_epoch; /* what is sealed from now on is of the next epoch; the open section ends */
	bool give_up; /* first of all: no END of the open section, nothing more of it */
	bool change_signing; /* messages are signed (or not) by sign_data from the next section on */
	bool sign_data;
	bool end; /* the section ends with it */
	struct pool *pool;
	/* On a thread of the pool, once; must not block. */
	void (*done)(struct px_seal_order *o);
	void *owner;

	/*
	 * The answer. RC_OK: as follows. Otherwise nothing was sealed: RC_TOO_LARGE of the first document;
	 * RC_GONE: the stream has no more sections; RC_UNAVAILABLE also when the pool is being stopped.
	 */
	enum rc rc;
	size_t sealed; /* documents: fewer than n when memory was short or a limit was reached */
	struct buf batch; /* may be empty; the caller ends it, whatever rc is */
	uint8_t state[PRE_STREAM_STATE_SIZE];
	struct px_epoch epochs[PX_SPOOL_PARCELS + 1]; /* that begin in the batch */
	size_t n_epochs;
	struct px_place last; /* where the stream stands, when there is anything in batch */

	struct pool_job job; /* px_seal's, as the following */
	struct px_seal *seal;
	bool begun;
};

/* Any thread, never blocks. */
void px_seal_run(struct px_seal *s, struct px_seal_order *o);

/* ---- re-encryption keys ---- */

#define PX_REKEY_MAX 64u

/* In memory of whoever gives it, until done was called; n, epochs and what is above job are set. */
struct px_rekey_order {
	const struct pre_identity *identity;
	uint8_t source[PRE_SOURCE_SIZE]; /* pre_source_name */
	uint16_t stream;
	struct slice pk2; /* of the sink, certain to be its */
	uint32_t epochs[PX_REKEY_MAX];
	size_t n; /* 1..PX_REKEY_MAX */
	struct pool *pool;
	void (*done)(struct px_rekey_order *o); /* on a thread of the pool, once */
	void *owner;

	enum rc rc; /* the answer, as keys: of each epoch; zero unless RC_OK */
	struct pre_rekey *keys; /* secret memory of px_rekey_free's */

	struct pool_job job; /* private, as the next */
	size_t made;
};

/* Any thread, never blocks. RC_UNAVAILABLE without memory: done is not called then. */
enum rc px_rekey_run(struct px_rekey_order *o);
/* Wipes and frees the keys. */
void px_rekey_free(struct px_rekey_order *o);

#endif
