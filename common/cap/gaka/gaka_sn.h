/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The serving network of group authentication (gaka/gaka.h; Lai et al., "Security Issues on Machine
 * to Machine Communications", group authentication and key agreement) at a gateway or an NSCL, on
 * the listeners of dIa, also without TLS: its messages prove themselves. All bodies are
 * application/octet-stream.
 *
 *   POST {sclBase}/gaka            T1: 200 with T4 (full AKA) or T7 (member)
 *   POST {sclBase}/gaka?id=<id>    id: the device's node id in 32 hex digits
 *                                  T5: 200 with T6. T8: 200 with T9. Their
 *                                  Retry-After has the seconds until the key ends.
 *                                  T12 of GAKA_SYNC to a T4: 200 with another T4, once.
 *                                  Another T12: the attempt is over, 403 as below
 *
 * A device has one attempt: another T1 ends the one before, the same T1 again gets the same
 * challenge. Refusals have a T12 as their body, too, and so one cause looks like another:
 *
 *   403 GAKA_MAC      whatever has to do with keys, names and membership, no attempt under way
 *   410 GAKA_EXPIRED  the vectors have expired meanwhile: begin again with T1
 *   503 GAKA_BUSY     with Retry-After: limits, the home network does not answer, nothing is free, or
 *                     the device has failed three times in a minute
 *
 * 400, 405, 413, 415 with errorInfo: it is no message of a device.
 *
 * After T6 or T9 the device may connect with PSK_GA (sec/psk_id.h, gaka_psk): the GID of its T1 (zeros
 * for none) and its node id. The newest key of a pair counts.
 *
 * The home network is the MAS (sec_access.mas), else it is asked by way of the first NSCL, on its
 * service connection (cap/gaka/home.h). It is asked once per group and five seconds, sixty times
 * a minute for single devices. What it has said lives in secret memory alone.
 */
#ifndef CAP_GAKA_SN_DOC_H
#define CAP_GAKA_SN_DOC_H

#include "cap/capability.h"

struct endpoint; /* core/endpoint.h */
struct gaka_sn;

/* *out NULL: off. As endpoint_add; RC_UNAVAILABLE. Before scl_start. */
enum rc gaka_sn_attach(struct scl *scl, const struct capability_conf *conf, struct gaka_sn **out,
                       char why[CAPABILITY_WHY_MAX]);
/*
 * What takes the messages of devices; lives until detach. For whoever has the path already on a
 * listener that serves devices, too.
 */
const struct endpoint *gaka_sn_endpoint(const struct gaka_sn *s);
/* From then on devices are served. */
void gaka_sn_start(struct gaka_sn *s);
/* Answers who waits, and every later one at once: busy. */
void gaka_sn_stop(struct gaka_sn *s);
/* After scl_free. */
void gaka_sn_detach(struct gaka_sn *s);

#endif
