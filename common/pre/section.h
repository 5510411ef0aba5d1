/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The source's side of a stream: data messages in sections, each under a session key that a
 * management message (MM2) carries, closed by an END.
 *
 * Sections are numbered by key_index, 0 to 65535, which goes on through the epochs of the stream;
 * after 65535 comes 0 in a new epoch. Epochs count from 0. The AFGH secret of an epoch is its own,
 * so that a re-encryption key for one epoch is worth nothing in the next: an epoch ends after as
 * many sections as configured, and when pre_stream_next_epoch says so.
 *
 * Written ahead: session keys live in memory alone, and a section is never continued by another
 * process. What has to survive is which sections were begun (pre_stream_state): it changes with
 * pre_stream_begin, pre_stream_end, pre_stream_single and pre_stream_next_epoch, and the caller
 * makes it durable before anything that they have appended leaves the process. A source that
 * starts again with the last durable state goes on with the next section. Whose state is lost
 * takes another stream number: sinks refuse sections that are older than what they have seen.
 *
 * What is appended are units behind their length (unit.h, a batch). When a function fails, batch
 * and stream are as they were before.
 *
 * Outcomes: RC_NO_SPACE when batch is full; RC_UNAVAILABLE without memory or secret memory;
 * RC_INTERNAL when a library fails; RC_NOT_IMPLEMENTED in a build without pairing. One thread at a
 * time.
 */
#ifndef PRE_SECTION_H
#define PRE_SECTION_H

#include "pre/chain.h"
#include "pre/unit.h"

#define PRE_SECTION_MESSAGES (1u << 20) /* at most, and by default */
#define PRE_SECTION_TIME (INT64_C(600) * 1000000) /* the same, in microseconds */
#define PRE_STREAM_STATE_SIZE 72u

struct pre_stream_conf {
	const struct afgh *afgh; /* these three are the caller's and outlive the stream */
	const struct afgh_keys *keys; /* of the source: epochs are derived from it */
	const struct sign_key *sign;
	struct slice pk1; /* if not empty, 288 octets: for that party instead of for a proxy */
	struct slice source; /* URL (pre_url_ok), copied */
	struct slice sink; /* URL or name, or empty (pre_sink_ok), copied */
	uint16_t stream;
	uint16_t cid; /* 0: PRE_CID_DEFAULT */
	bool sign_data; /* PRE_FLAG_SIGNED */
	uint32_t epoch_sections; /* sections of an epoch; 0: 1 */
	uint32_t section_messages; /* messages of a section; 0: PRE_SECTION_MESSAGES */
	int64_t section_time; /* microseconds; 0: PRE_SECTION_TIME */
};

struct pre_stream;

/*
 * A stream that goes on behind state, or begins when state is empty. RC_BAD_REQUEST: a value of
 * conf is out of range, or state is not one of that source and stream. The caller frees *out with
 * pre_stream_free.
 */
enum rc pre_stream_new(const struct pre_stream_conf *conf, struct slice state,
                       struct pre_stream **out);
/* Wipes and frees; NULL is fine. The open section is not ended: call pre_stream_end before. */
void pre_stream_free(struct pre_stream *s);
/* What has to be durable; no secret, but it must not be changed or replaced by an older one. */
void pre_stream_state(const struct pre_stream *s, uint8_t out[PRE_STREAM_STATE_SIZE]);

/* The section that is open, or that was open last; all zero before the first. */
void pre_stream_section(const struct pre_stream *s, struct pre_hdr *out);
/*
 * Whether the next message needs pre_stream_begin first: no section is open, or it has reached its
 * messages or its time, or its epoch has ended. now: microseconds (clock.h); a clock that went
 * back ends a section too.
 */
bool pre_stream_due(const struct pre_stream *s, int64_t now);
/*
 * When the open section reaches its time and is to be ended even if nothing more is to be sent;
 * CLOCK_NEVER: none is open.
 */
int64_t pre_stream_deadline(const struct pre_stream *s);

/*
 * Appends the END of the open section, if any, and the MM2 of a new one, in a new epoch when the
 * last one is at its end. RC_GONE: the last section of the last epoch has been used: the stream
 * has no more.
 */
enum rc pre_stream_begin(struct pre_stream *s, int64_t now, struct buf *batch);
/*
 * Appends one message. RC_CONFLICT: pre_stream_due; RC_TOO_LARGE: over what the cipher or a unit
 * takes.
 */
enum rc pre_stream_add(struct pre_stream *s, int64_t now, struct slice plain, struct buf *batch);
/* Appends the END of the open section; nothing, and RC_OK, when none is open. */
enum rc pre_stream_end(struct pre_stream *s, struct buf *batch);
/*
 * An individual message: the MM2 of a section of its own, and one message; no END. RC_CONFLICT
 * while a section is open; RC_TOO_LARGE, RC_GONE.
 */
enum rc pre_stream_single(struct pre_stream *s, int64_t now, struct slice plain, struct buf *batch);
/*
 * A sink was added or removed: the next section, also if it is the first one, is of the next epoch;
 * called again, of the one behind. An epoch for which keys have been given out to a sink that is
 * removed since is to be left out, whether or not it has begun.
 */
void pre_stream_next_epoch(struct pre_stream *s);

#endif
