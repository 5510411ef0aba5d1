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

struct edge_seat; /* cap/edge_gate.h */
struct kma;

struct kma_conf {
	const struct sec_conf *sec;
	struct issuers *issuers;
	struct live *live; /* as in issuers_conf: NULL at the network, where nobody gets a Kma */
	/*
	 * At the network: the service connections of nodes, and the seat of the gateway for applications
	 * outside, who alone get a Kma there (kma_open_edge). NULL at a node.
	 */
	struct live *network;
	const struct edge_seat *edge;
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
 * At the network: applications outside get their Kma from now on, on listeners that serve edge, by
 * GET .../kma?scl=<SCL-ID of the node>, with a grant for that SCL (cap/edge_gate.h). dir and seal as
 * book and seal of struct kma_conf. Once, after kma_add and before the first request is admitted;
 * waits for the disk. As kma_book_open.
 */
enum rc kma_open_edge(struct kma *k, const char *dir, const struct key *seal,
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
