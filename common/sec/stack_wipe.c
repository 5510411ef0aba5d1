/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sec/stack_wipe.h"
#include "sec/secret.h"

/* In the frame of its caller it would clear only what the caller's calls do not reach. */
__attribute__((noinline)) void
stack_wipe(void)
{
	unsigned char room[STACK_WIPED];

	secret_wipe(room, sizeof(room));
}
