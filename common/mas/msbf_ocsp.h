/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks responders whether certificates of devices are revoked (OCSP): one exchange at a time for
 * each certificate, and what was good is known until the answer ends, in a fixed amount of memory.
 * Private to common/mas.
 */
#ifndef MAS_MSBF_OCSP_H
#define MAS_MSBF_OCSP_H

#include "base/clock.h"
#include "base/log.h"
#include "mas/mas_counter.h"
#include "sec/ocsp.h"

struct msbf_ocsp;
struct scl;

/* All live until free. */
struct msbf_ocsp_conf {
	const struct clock *clock;
	struct log *log;
	struct mas_counters *counters; /* enum msbf_counter */
	const char *responder; /* URI in place of those of the certificates; NULL: none */
	unsigned timeout_ms; /* of an exchange */
};

/* Caller's memory, alive until done. */
struct msbf_ocsp_check {
	/* Once; any thread, also from within msbf_ocsp_ask. */
	void (*done)(struct msbf_ocsp_check *c);
	void *owner; /* the caller's */

	/* For done. */
	/*
	 * RC_OK: good; RC_FORBIDDEN: the responder says it is not; RC_BAD_GATEWAY: it has said nothing
	 * that counts, as far as that goes the certificate is as good as it was; RC_UNAVAILABLE: it
	 * could not be asked for.
	 */
	enum rc rc;
	const char *truth; /* unless RC_OK, for the audit: a token, constant */

	struct msbf_ocsp_check *next; /* private */
};

/* conf->responder is copied. NULL without memory. */
struct msbf_ocsp *msbf_ocsp_new(const struct msbf_ocsp_conf *conf);
/* By whom it sends, until msbf_ocsp_stop; before the first question. */
void msbf_ocsp_attach(struct msbf_ocsp *o, struct scl *scl);
/* Who is to be asked about q; empty: nobody. Lives as long as o and q. */
struct slice msbf_ocsp_responder(const struct msbf_ocsp *o, const struct ocsp_question *q);
/*
 * About a certificate that was verified and for which there is a responder. Takes q over. Any
 * thread.
 */
void msbf_ocsp_ask(struct msbf_ocsp *o, struct ocsp_question *q, struct msbf_ocsp_check *c);
/* Whoever waits is told RC_UNAVAILABLE, and whoever asks later. */
void msbf_ocsp_stop(struct msbf_ocsp *o);
/* After the scl has stopped. NULL is fine. */
void msbf_ocsp_free(struct msbf_ocsp *o);

#endif
