/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SCLs that this one reaches without being registered with them: the gateway at which a device has
 * proved itself (group or multiparty authentication). What local applications of the device ask of it
 * goes there directly, in the device's name, for there the device is the only one who is known
 * (Lai et al., "Security Issues on Machine to Machine Communications": one session of the device
 * with its gateway). Of others such requests are not taken.
 */
#ifndef CORE_NEIGHBOUR_H
#define CORE_NEIGHBOUR_H

#include "base/rc.h"
#include "base/slice.h"

#include <stdbool.h>

struct scl;

#define NEIGHBOURS_MAX 4u
#define NEIGHBOUR_URI_MAX 1024u

/*
 * base: absolute URI of the neighbour's sclBase, copied; reachable: requests may go there now, else
 * they are answered 503. The first call for a base makes the neighbour, which stays. RC_BAD_REQUEST:
 * no such URI; RC_NO_SPACE: too many. Any thread, never waits.
 */
enum rc neighbour_set(struct scl *scl, struct slice base, bool reachable);

#endif
