/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kma, the key of an application below Kmc: GET {sclBase}/applications/{App-ID}/kma by that
 * application itself, where nobody can listen (TLS, or a UNIX socket whose user is known), once for
 * each Kmc, also over restarts; that is in an audit (kma_book.h) before it is answered. The answer
 * is {kma, connectionId, kmcIndex, expires}: the key in base64url, the ConnectionId as decimal
 * digits, securityLifetime of Kmc.
 */
#ifndef CAP_SEC_KMA_H
#define CAP_SEC_KMA_H

#include "cap/sec/issuer.h"
#include "cap/sec/live.h"

struct kma;

struct kma_conf {
	const struct sec_conf *sec;
	struct issuers *issuers;
	struct live *live; /* as in issuers_conf: NULL at the network, where nobody gets a Kma */
	/* Where hand-outs are entered (kma_book.h): copied; NULL: in memory, for this run. */
	const char *book;
	const struct key *seal; /* with book */
};

/*
 * Adds the endpoint; before scl_start. The result lives as long as the scl. RC_UNAVAILABLE; as
 * endpoint_add, and as kma_book_open with a line in why.
 */
enum rc kma_add(const struct kma_conf *conf, struct scl *scl, struct kma **out,
                char why[SEC_WHY_MAX]);
/*
 * Applications that got their Kma in an earlier run are known again: those that are registered, as
 * many as there is room for. After scl_start; looks into the store.
 */
enum rc kma_start(struct kma *k);
/* Answers what waits; later requests are refused. Before scl_stop; NULL is fine. */
void kma_stop(struct kma *k);
/* After scl_free; NULL is fine. */
void kma_free(struct kma *k);

#endif
