/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loaded re-encryption keys of the proxy: the ones that were used last, so that not every
 * management message pays for loading. Each takes 20 KiB of secret memory. Any thread.
 */
#ifndef CAP_PXY_PX_GRANTS_H
#define CAP_PXY_PX_GRANTS_H

#include "pre/reencrypt.h"

struct px_grants;

/* At most max of them are kept, at least 1. RC_UNAVAILABLE. */
enum rc px_grants_new(unsigned max, struct px_grants **out);
/* Nobody has one of them any more. NULL is fine. */
void px_grants_free(struct px_grants *g);

/*
 * The key k of that forward and sink, loaded; the caller may wipe k. Everyone who has taken it gives
 * it back with px_grants_give, on the same thread or another. Outcomes of pre_grant_new.
 */
enum rc px_grants_take(struct px_grants *g, uint64_t forward, uint32_t sink,
                       const struct pre_rekey *k, const struct pre_grant **out);
void px_grants_give(struct px_grants *g, const struct pre_grant *grant);
/*
 * Forgets those of a sink: they are over. One that is in use goes when it is given back.
 */
void px_grants_forget(struct px_grants *g, uint64_t forward, uint32_t sink);

#endif
