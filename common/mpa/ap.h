/* SPDX-License-Identifier: Apache-2.0 */
/* An access point in a run of multiparty authentication: messages as in device.h. */
#ifndef MPA_AP_H
#define MPA_AP_H

#include "mpa/device.h"

/* What an access point has. All that is pointed to is the caller's, and outlives the call. */
struct mpa_ap_conf {
	const struct sign_key *key;
	struct slice chain; /* octets of its own chain from CN (W5) */
	struct mpa_anchors anchors; /* the operator, and the servers that are contracted */
	/* Where it stands: the scope of a device's warrants must be "*" or one of these. */
	struct slice place; /* its SCL-ID; not empty */
	const struct slice *groups; /* n_groups ids of groups in hex digits that it serves */
	size_t n_groups;
	const struct mpa_revocations *revocations; /* NULL: none */
	struct mpa_cache *cache; /* NULL: chains are sent whole, and verified each time */
	const struct mpa_random *random;
};

/* One run, from A2 on. It remembers nothing of the conf that it was begun with. */
struct mpa_ap;

/*
 * Takes A1 and begins a run: *out, and A2 appended to *a2 (MPA_A2_MAX octets at most). The ephemeral key
 * does not outlive the call. A1 is not authenticated by anything: the caller bounds how many runs it
 * keeps, and for how long. RC_NO_SPACE: a2. The caller frees *out with mpa_ap_free.
 */
enum rc mpa_ap_start(const struct mpa_ap_conf *conf, struct slice a1, struct mpa_ap **out,
                     struct buf *a2, enum mpa_cause *why);
/* Wipes and frees, at any time. NULL is fine. */
void mpa_ap_free(struct mpa_ap *ap);

/* As mpa_device_run: of which run it is. */
void mpa_ap_run(const struct mpa_ap *ap, uint8_t out[MPA_RUN_SIZE]);

/*
 * Takes A3: both chains hold, the first from CN and the second from one of the servers, both are about
 * the device that A1 has named, and it has signed this run. Writes A4, and *session, which the caller
 * wipes. Its chains are then in the cache. Once; what is refused changes nothing. conf: of the same
 * access point, with the anchors and revocations of now; now: seconds since 1970.
 */
enum rc mpa_ap_take_a3(struct mpa_ap *ap, const struct mpa_ap_conf *conf, struct slice a3,
                       int64_t now, uint8_t a4[MPA_A4_SIZE], struct mpa_session *session,
                       enum mpa_cause *why);

/*
 * The transcript of a run that has accepted A3, appended to *out: what CN and S look at
 * (transcript.h). RC_CONFLICT: nothing was accepted; RC_NO_SPACE.
 */
enum rc mpa_ap_transcript(const struct mpa_ap *ap, struct buf *out);

#endif
