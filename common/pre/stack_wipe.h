/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The library of the pairing clears its scalars, but leaves tables of multiples of them on the
 * stack. Whoever has called it with a secret clears what lies below.
 */
#ifndef PRE_STACK_WIPE_H
#define PRE_STACK_WIPE_H

#include <stddef.h>

#define STACK_WIPED 65536 /* octets; the pairing uses less than 49152 */

/* Clears STACK_WIPED octets of the stack below the caller, who has so much left. Any thread. */
void stack_wipe(void);

#endif
