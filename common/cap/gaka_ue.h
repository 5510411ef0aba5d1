/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device of group authentication (gaka/gaka.h; Lai et al., "Security Issues on Machine to
 * Machine Communications", group authentication and key agreement): a node attaches to the gateway
 * gaka.gateway and speaks with it under the key of that from then on.
 *
 *   GET {nsclBase}/groupKeys     on its service connection: the keys of its groups, an object (cap/gaka/home.h)
 *   POST {gaka.attach}/gaka      T1 .. T9 (cap/gaka/gaka_sn.h), by TLS with the trust anchors of client.ca
 *                                or in clear, never under a key of before
 *
 * It attaches when it has a root key, before the key ends, and when the gateway does not know the
 * key any more, which it looks after every gaka.check_interval; in the next of its groups, and later
 * each time, when it is refused. What it has answered to a challenge is durable, in the book "gaka",
 * before the answer leaves: on a thread of its own.
 *
 *   GET {sclBase}/gaka           from this host alone: JSON
 *       {state, gateway, group?, role?, since?, expires?, failures, reason, groups: [{gid, epoch}],
 *        counters: {name: value}}
 *       state: off (no root key), idle (in no group), attaching, attached; group: absent for
 *       conventional AKA; role: leader, member; reason: why it was refused last
 */
#ifndef CAP_GAKA_UE_H
#define CAP_GAKA_UE_H

#include "cap/capability.h"

extern const struct capability cap_gaka_ue; /* dscl */

#endif
