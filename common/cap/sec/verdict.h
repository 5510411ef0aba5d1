/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a node asks its provider when it is not let in any more and nobody says why:
 * {msbfBase}/status, whose answer is signed or means nothing. Courier thread.
 */
#ifndef CAP_SEC_VERDICT_H
#define CAP_SEC_VERDICT_H

#include "base/arena.h"
#include "core/port.h"
#include "sec/psk_id.h"
#include "sec/reject.h"

struct sec;

/* Caller's memory, zero at first; alive until done was called. */
struct verdict {
	void (*done)(struct verdict *v, bool is_void); /* is_void: the credentials are to be erased */
	void *owner;
	struct sec *n; /* private, as the following */
	struct exchange ex;
	uint8_t nonce[REJECT_NONCE_SIZE];
	char url[1100];
	char body[PSK_ID_TEXT + 128];
};

/* False: there is nobody to ask, or no key to believe the answer by; done is not called. */
bool verdict_ask(struct verdict *v, struct sec *n);

#endif
