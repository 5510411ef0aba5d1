/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Triggers that prove where they come from: an NSCL wakes a node by its remTriggerAddr (TS 102 690,
 * resource scl) with a token of the MAS (sec/trigger.h). Without a token that counts a node does
 * nothing, says nothing, and connects to nobody (Lai et al., "Security Issues on Machine to Machine
 * Communications", false triggers).
 */
#ifndef CAP_TRIGGER_H
#define CAP_TRIGGER_H

#include "cap/capability.h"

extern const struct capability cap_trigger_send; /* nscl */
extern const struct capability cap_trigger_take; /* gscl, dscl; before cap_registrar */

#endif
