/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of the guard that asks the monitoring of places (cap/geo_gate.h): whether a request may be
 * made from where its node is. Any thread; nothing waits.
 */
#ifndef CAP_SEC_GUARD_PLACE_H
#define CAP_SEC_GUARD_PLACE_H

#include "cap/sec/guard.h"

/* NULL: places are not watched. */
const struct geo_gate *guard_places(const struct sec_guard_conf *conf);
/*
 * The connection of the request is proved: by that node (NULL: none), with that SCL-ID (empty: none).
 * RC_OK; RC_FORBIDDEN GEO_RESTRICTED, or GEO_ENDED with out->close, and a signed verdict for a node
 * with a nonce.
 */
enum rc guard_place_admit(const struct sec_guard_conf *conf, const struct req_input *in,
                          const struct node_id *node, struct slice scl_id, struct arena *arena,
                          struct req_answer *out, struct slice *reason);
/* The same of a request without TLS, once its body has proved the connection. */
enum rc guard_place_opened(const struct sec_guard_conf *conf, const struct req_input *in,
                           struct arena *arena, struct req_answer *out, struct slice *reason);
/*
 * What an SCL writes: an application that it announces is there; locTargetDevice of its own scl is a
 * report. As guard_place_admit.
 */
enum rc guard_place_says(const struct sec_guard_conf *conf, const struct req_input *in,
                         const struct node *doc, struct req_answer *out, struct slice *reason);

#endif
