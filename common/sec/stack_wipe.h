/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Libraries leave secrets on the stack: that of the pairing tables of multiples of its scalars,
 * libcrypto the value of X25519. Whoever has called them clears what lies below.
 */
#ifndef SEC_STACK_WIPE_H
#define SEC_STACK_WIPE_H

#include <stddef.h>

#define STACK_WIPED 65536 /* octets; the pairing uses less than 49152 */

/* Clears STACK_WIPED octets of the stack below the caller, who has so much left. Any thread. */
void stack_wipe(void);

#endif
