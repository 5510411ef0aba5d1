/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates around the time of the bed, and an OCSP responder for them without a network. */
#ifndef UNIT_OCSP_BED_H
#define UNIT_OCSP_BED_H

#include "mas_bed.h"

#include <openssl/ocsp.h>

#define OCSP_DAY (24 * 3600)
#define OCSP_NOW ((time_t)(BED_START / CLOCK_SECOND))
#define OCSP_URI "http://ocsp.example/d" /* of the devices */
#define OCSP_DEVICES 2u

struct issued {
	X509 *crt;
	EVP_PKEY *key;
	unsigned char *der;
	int n;
};

/* Set by issue_all. */
extern struct issued ca, other_ca, twin_ca, devices[OCSP_DEVICES], bare, delegate, expired, weak,
	purposeless, other_delegate;

void issue_all(void);
struct slice der_of(const struct issued *i);

/* Zero: good, of now, without nextUpdate, by the delegate. */
struct wish {
	const struct issued *signer;
	int status; /* V_OCSP_CERTSTATUS_ */
	int response; /* OCSP_RESPONSE_STATUS_ */
	time_t age; /* of thisUpdate, seconds */
	time_t left; /* until nextUpdate; 0: there is none */
	bool no_nonce, other_nonce, twice, other_device, sha1, critical, critical_single, more;
	bool damaged;
};

/* The answer to a request; *n octets on the heap. */
char *answer_to(struct slice der, const struct wish *w, size_t *n);

#endif
