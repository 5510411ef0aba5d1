/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small data at a gateway (Lai et al., "Security Issues on Machine to Machine Communications",
 * aggregate signatures): readings of devices are verified, kept until the network has answered, and
 * passed on with one signature for all of them. The gateway can drop and delay them, not alter them.
 *
 *   GET {sclBase}/smallData        what devices are to sign with:
 *     200 {"algs": [1, 3, 4], "preferred": 1|3|4, "readings": of a bundle at most, "payload": octets}
 *   GET {sclBase}/smallData/round  the round of identity-based signatures (sd/ibas.h):
 *     200 {"round": 32 hex digits, "until": seconds since 1970}; a device signs once in each
 *   GET {sclBase}/smallData/state  on loopback, others 403: 200 {"pending", "kept", "counters": {..}}
 *   POST {sclBase}/smallData       application/octet-stream, a bundle (sd/bundle.h) of one device with
 *     gatewayId and bundleSeq zero, algorithm 1, 3, or 4 with one reading, numbers that grow
 *
 * Answers to a bundle:
 *   202 {"accepted": n, "rejected": [{"index", "reason"}]}: what is not in rejected is durable here.
 *     SD_REPLAY     the number is not above the last one that was taken (so it is also answered when a
 *                   bundle is sent again whose answer was lost), or a second signature in one round
 *     SD_SIGNATURE  not the signature of the device
 *   400 SD_FORMAT, SD_ROUND (a round that is over); 403 SD_NO_KEY the network knows no such device, or
 *     none with a key for the algorithm; 413 SD_BUDGET a smaller bundle; 501 SD_ALG; 507 FULL
 *   503 OVERLOAD with Retry-After: sd.pending_max readings wait, the keys of the device cannot be had
 *     as the network is away, too much work for one address that has proved nothing, or another bundle of the device is being
 *     stored
 *
 * One bundle at a time goes to the NSCL, so that the readings of a device arrive in their order. An
 * aggregate that the network calls wrong is sent again with the single signatures, which name the
 * culprit; readings of a device that the network excludes go with single signatures as well.
 *
 * Nothing is there unless sd.enabled.
 */
#ifndef CAP_SD_SD_GATEWAY_H
#define CAP_SD_SD_GATEWAY_H

#include "cap/capability.h"

extern const struct capability cap_sd_gateway; /* gscl; before cap_registrar */

#endif
