/* SPDX-License-Identifier: Apache-2.0 */
/* What the certificate of a client says, for struct peer; private to the bindings. Any thread. */
#ifndef BIND_CLIENT_CERT_H
#define BIND_CLIENT_CERT_H

#include "core/peer.h"

#include <gnutls/gnutls.h>

/* One with more is refused. */
#define CLIENT_CERT_NAMES_MAX 16u /* of each kind */
#define CLIENT_CERT_NAMES_BYTES 1024u /* all of them, with the subject */

struct client_cert;

/* The facts of a certificate in DER; NULL when they cannot be kept. */
struct client_cert *client_cert_new(const gnutls_datum_t *der);
/* NULL is allowed. */
void client_cert_free(struct client_cert *k);
/* Makes p the peer of that certificate, which it views from then on. */
void client_cert_show(struct peer *p, const struct client_cert *k);

#endif
