/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small data at a device (Lai et al., "Security Issues on Machine to Machine Communications",
 * aggregate signatures): what local applications report is numbered, kept, signed and sent to the
 * gateway, whose signature keys it makes itself and registers with the NSCL.
 *
 *   POST {sclBase}/smallData       1 to 512 octets of any media type, by a local application:
 *     202 {"seq": its number}: it is durable, and goes to the gateway with what was there before it.
 *     503 OVERLOAD with Retry-After: sd.queue_max wait, or this device does not know yet where its
 *     numbers go on; 507 FULL
 *   GET {sclBase}/smallData        200 {"pending", "registered", "alg": of the last bundle, 0: none,
 *     "sent", "rejected", "retries"}
 *
 * Readings are signed with what the gateway prefers of what both have. Of the identity-based scheme,
 * whose key the NSCL gives for a month, a device has one signature in a round of its gateway: what
 * waits meanwhile goes with a signature of another kind. Without a key store nothing outlives the
 * process, and nothing is signed in rounds. Nothing is there unless sd.enabled.
 */
#ifndef CAP_SD_SD_DEVICE_H
#define CAP_SD_SD_DEVICE_H

#include "cap/capability.h"

extern const struct capability cap_sd_device; /* dscl; before cap_registrar */

#endif
