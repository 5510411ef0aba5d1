/* SPDX-License-Identifier: Apache-2.0 */
/* By what the certificates of clients are verified; private to the HTTP binding. */
#ifndef BIND_HTTP_TRUST_H
#define BIND_HTTP_TRUST_H

#include "bind/http.h"

#include <gnutls/gnutls.h>
#include <stdint.h>

struct http_trust;

/*
 * Trust anchors and (unless NULL) the revocation lists that these have signed; PEM files. NULL and
 * a line in why when a file is unusable. The result is counted and never changes.
 */
struct http_trust *http_trust_load(const char *ca_file, const char *crl_file,
                                   char why[HTTP_WHY_MAX]);
/* The same anchors with the lists of crl_file as they are now. */
struct http_trust *http_trust_renew(const struct http_trust *t, const char *crl_file,
                                    char why[HTTP_WHY_MAX]);
struct http_trust *http_trust_ref(struct http_trust *t);
void http_trust_unref(struct http_trust *t);

/*
 * True when the chain (DER, the client's own certificate first) ends at an anchor, is valid now,
 * for TLS clients, and nothing of it revoked. *until, in seconds since 1970, is when it has to be
 * asked again. Any thread.
 */
bool http_trust_verify(const struct http_trust *t, const gnutls_datum_t *chain, unsigned n,
                       int64_t *until);
/*
 * Of a chain that was verified: who has issued its first certificate, an anchor or one of the chain,
 * by name and key identifier. DER, to be freed by gnutls_free. Any thread.
 */
bool http_trust_issuer(const struct http_trust *t, const gnutls_datum_t *chain, unsigned n,
                       gnutls_datum_t *out);
/* True when a list should have been replaced by now: nothing is verified until it is. */
bool http_trust_outdated(const struct http_trust *t);

#endif
