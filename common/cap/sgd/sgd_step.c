/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sgd/sgd_step.h"

#include "sga/record.h"

#define JUMPS_FROM 1u /* refusals of a tagged request before its counter jumps */
#define TAGGED_TRIES 3u /* few: a server that does not know the device counts them as guesses */
#define PACKAGE_TRIES 1u
#define OVER_SECONDS                                                                               \
	(SGA_SESSION_SECONDS + 3600u) /* what was sealed last may still lie in the mailbox */

/* ---- phases ---- */

/* item: its type, taken in that phase. */
struct phase {
	const char *name;
	bool sends, half_open;
	uint8_t item;
	enum sgd_phase after; /* an answer that it was taken */
};

static const struct phase phases[SGD_PHASES] = {
	[SGD_A1] = { "inviting", true, true, SGA_A4, SGD_A4 },
	[SGD_A4] = { "inviting", false, true, SGA_A4, SGD_A4 },
	[SGD_B1] = { "inviting", true, true, SGA_B6, SGD_B6I },
	[SGD_B6I] = { "inviting", false, true, SGA_B6, SGD_B6I },
	[SGD_A3] = { "accepting", true, true, SGA_B2, SGD_B2 },
	[SGD_REFUSE] = { "refusing", true, true, 0, SGD_PHASES },
	[SGD_B2] = { "accepting", false, true, SGA_B2, SGD_B2 },
	[SGD_B3] = { "accepting", true, true, SGA_B6, SGD_B6J },
	[SGD_B6J] = { "accepting", false, true, SGA_B6, SGD_B6J },
	[SGD_CONF] = { "confirming", false, false, SGA_RECORD, SGD_CONF },
	[SGD_OPEN] = { "open", false, false, SGA_RECORD, SGD_OPEN },
	[SGD_RETIRED] = { "retired", false, false, SGA_RECORD, SGD_RETIRED },
};

const char *
sgd_phase_name(enum sgd_phase p)
{
	return phases[p].name;
}

bool
sgd_phase_sends(enum sgd_phase p)
{
	return phases[p].sends;
}

enum sgd_phase
sgd_phase_after(enum sgd_phase p)
{
	return phases[p].after;
}

bool
sgd_phase_is_half_open(enum sgd_phase p)
{
	return phases[p].half_open;
}

/* ---- answers ---- */

static bool
is_success(int status)
{
	return status >= 200 && status < 300;
}

/* Nothing is said of the message: no answer, a gateway on the way, too much at a time. */
static bool
is_no_answer(int status)
{
	return status == 0 || status >= 500 || status == 408 || status == 429;
}

static bool
says(const struct sgd_answer *a, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i + n <= a->body.n; i++)
		if (memcmp(a->body.p + i, word, n) == 0)
			return true;
	return false;
}

enum sgd_do
sgd_after_step(enum sgd_phase p, const struct sgd_answer *a)
{
	if (is_success(a->status))
		return SGD_DO_GO_ON;
	if (is_no_answer(a->status))
		return SGD_DO_AGAIN;
	if (a->status == 403 && p == SGD_A1 && says(a, "cipher"))
		return SGD_DO_CIPHER;
	if (a->maybe_taken && (a->status == 403 || a->status == 409))
		return p == SGD_REFUSE ? SGD_DO_END : SGD_DO_GO_ON;
	if (a->status == 403 && p == SGD_A1 && a->tries < PACKAGE_TRIES)
		return SGD_DO_PACKAGE;
	return SGD_DO_END;
}

enum sgd_do
sgd_after_registration(const struct sgd_answer *a)
{
	if (is_success(a->status))
		return SGD_DO_GO_ON;
	if (is_no_answer(a->status))
		return SGD_DO_AGAIN;
	if (a->status == 403 && a->maybe_taken)
		return SGD_DO_ASK;
	if (a->status == 403 && a->tries < PACKAGE_TRIES)
		return SGD_DO_PACKAGE;
	return SGD_DO_REFUSED;
}

enum sgd_do
sgd_after_tagged(const struct sgd_answer *a)
{
	if (is_success(a->status) || a->status == 404)
		return SGD_DO_GO_ON;
	if (is_no_answer(a->status))
		return SGD_DO_AGAIN;
	if (a->status != 403)
		return SGD_DO_FAIL;
	if (a->tries >= TAGGED_TRIES)
		return SGD_DO_REFUSED;
	return a->tries < JUMPS_FROM ? SGD_DO_AT_ONCE : SGD_DO_JUMP;
}

enum sgd_do
sgd_after_record(const struct sgd_answer *a)
{
	if (is_success(a->status))
		return SGD_DO_GO_ON;
	if (a->status == 409 && says(a, "confirm"))
		return SGD_DO_AGAIN;
	if (a->status == 404 || a->status == 409)
		return SGD_DO_END;
	return sgd_after_tagged(a);
}

/* ---- items ---- */

enum sgd_take
sgd_item(enum sgd_phase p, const struct sga_header *h)
{
	if (h->type == SGA_A2)
		return p == 0 ? SGD_TAKE : SGD_TAKE_DROP;
	if (p == 0 || p >= SGD_PHASES)
		return SGD_TAKE_DROP;
	/* The end of a session comes at any time. */
	if (h->type == SGA_B6 && (h->flags & SGA_FLAG_REFUSED) != 0)
		return SGD_TAKE;
	return phases[p].item != 0 && h->type == phases[p].item ? SGD_TAKE : SGD_TAKE_DROP;
}

enum sgd_invited
sgd_invited(const struct sga_id *own, const struct sga_id *peer, bool known, bool inviting)
{
	if (!known)
		return SGD_DECLINE_STRANGER;
	if (!inviting)
		return SGD_ACCEPT;
	return sga_id_order(own, peer) < 0 ? SGD_DECLINE : SGD_ACCEPT_FOR_OWN;
}

/* ---- times ---- */

bool
sgd_is_worn(const struct sgd_age *a)
{
	uint32_t records = a->records - a->records / 256;

	return a->sealed >= records || a->opened >= records ||
	       a->now >= a->created + a->seconds - a->seconds / 48;
}

bool
sgd_is_over(const struct sgd_age *a)
{
	return a->now >= a->created + OVER_SECONDS;
}

int64_t
sgd_backoff(unsigned failures, int64_t first, int64_t max)
{
	int64_t wait = first;

	for (unsigned i = 1; i < failures && wait < max; i++)
		wait *= 2;
	return wait < max ? wait : max;
}
