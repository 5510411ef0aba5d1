/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to OCSP responders (RFC 6960) about one certificate, and what their answers say. Any
 * thread, one at a time for each question.
 */
#ifndef SEC_OCSP_H
#define SEC_OCSP_H

#include "base/rc.h"
#include "base/slice.h"

#include <stdint.h>

#define OCSP_NAME 32
#define OCSP_URI_MAX 1024
#define OCSP_REQUEST_TYPE "application/ocsp-request"
#define OCSP_ANSWER_TYPE "application/ocsp-response"

struct ocsp_question;

/*
 * About a certificate by the one that has issued it, both in DER and copied, with a nonce.
 * RC_BAD_REQUEST: one of them is none, or the issuer has not signed the certificate; RC_UNAVAILABLE
 * without memory.
 */
enum rc ocsp_question_new(struct slice certificate, struct slice issuer,
                          struct ocsp_question **out);
/* NULL is fine. */
void ocsp_question_free(struct ocsp_question *q);

/* These live as long as the question. */

/* OCSPRequest, DER. */
struct slice ocsp_question_request(const struct ocsp_question *q);
/* The first responder that the certificate names and ocsp_uri_ok takes; empty: none. */
struct slice ocsp_question_uri(const struct ocsp_question *q);
/* SHA-256 of the certificate. */
const uint8_t *ocsp_question_name(const struct ocsp_question *q);

/* An absolute http URI, within OCSP_URI_MAX. Answers are signed: they need no TLS. */
bool ocsp_uri_ok(struct slice uri);

/*
 * Judges an answer (OCSPResponse, DER) at the time now, in microseconds since 1970. NULL: the
 * certificate is good, and *until is when that ends, 0: it is good only now. Else a constant token:
 *
 *   OCSP_MALFORMED  nonsense, or with what must be understood and is not
 *   OCSP_NO_ANSWER  the responder does not answer such questions, or not now
 *   OCSP_SIGNATURE  neither by the issuer nor by a certificate for OCSPSigning that the issuer has
 *                   signed, or by a signature that is too weak
 *   OCSP_NONCE      not made for this question
 *   OCSP_OTHER      not about this certificate, or more than once
 *   OCSP_STALE      too old, or from the future, by more than five minutes
 *   OCSP_REVOKED, OCSP_UNKNOWN
 */
const char *ocsp_judge(const struct ocsp_question *q, struct slice answer, int64_t now,
                       int64_t *until);

#endif
