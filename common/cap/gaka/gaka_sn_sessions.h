/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of devices that have attached, until they expire: what TLS sessions with PSK_GA are made
 * by. In secret memory alone. Any thread; nothing waits.
 */
#ifndef CAP_GAKA_SN_SESSIONS_H
#define CAP_GAKA_SN_SESSIONS_H

#include "base/clock.h"
#include "cap/sec_access.h"
#include "gaka/gaka.h"

struct gaka_sessions;

/* max: keys, at least 1. clock tells the time of expiry, and lives longer. NULL without memory. */
struct gaka_sessions *gaka_sessions_new(unsigned max, const struct clock *clock);
/* Wipes. NULL is fine. */
void gaka_sessions_free(struct gaka_sessions *t);

/* True when the device of that group has, or may have, a place. */
bool gaka_sessions_room(struct gaka_sessions *t, const struct gaka_gid *gid,
                        const struct node_id *id);
/* True when it has a key that is good. */
bool gaka_sessions_has(struct gaka_sessions *t, const struct gaka_gid *gid,
                       const struct node_id *id);
/*
 * The end of an attempt, in place of what the pair of group and device had. single: the home
 * network has answered for the device alone, not for its group. RC_NO_SPACE: there are max that are
 * good; RC_UNAVAILABLE: no secret memory. Nothing has changed then.
 */
enum rc gaka_sessions_put(struct gaka_sessions *t, const struct gaka_done *done, bool single);

/* Who has lost the right to the keys it has. */
struct gaka_session_end {
	const struct gaka_gid *gid; /* NULL: of every group */
	const struct node_id *id; /* NULL: all devices */
	bool singles; /* with gid: also what the home network has answered for a device alone */
};

/* Revokes them: sessions under them are cut (struct sec_psk.stands). Returns how many. */
unsigned gaka_sessions_end(struct gaka_sessions *t, const struct gaka_session_end *end);
/* How many are good. */
unsigned gaka_sessions_count(struct gaka_sessions *t);
/*
 * Forgets what has expired, in some of the table: the next call goes on. True when it has come
 * round. For a timer.
 */
bool gaka_sessions_sweep(struct gaka_sessions *t);

/* For sec_access.psk_add, of PSK_GA. */
struct sec_psk gaka_sessions_psk(struct gaka_sessions *t);

#endif
