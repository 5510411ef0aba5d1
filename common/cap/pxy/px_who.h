/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who asks the proxy, as a text that is compared octet by octet: what stores are owned by and what
 * their owners name.
 *
 *   scl:<SCL-ID>     a service connection, or a certificate of an SCL
 *   app:<App-ID>     an application, by certificate, Kma, UNIX user or token
 *   cert:<16 hex digits>/<name>   a certificate on a listener for other providers: the first octets of
 *                    SHA-256 of the SubjectPublicKeyInfo of its issuer; its first subjectAltName URI,
 *                    else its first DNS name, else its subject (RFC 4514; quotation marks, backslashes,
 *                    per cent signs and all but printable ASCII as %XX). So it survives renewal of key
 *                    and certificate, and no authority can name what another one does
 *   claim:<URI>      requestingEntity, on listeners that take claims (laboratories, on loopback)
 */
#ifndef CAP_PXY_PX_WHO_H
#define CAP_PXY_PX_WHO_H

#include "cap/pxy/px_store.h"
#include "core/endpoint.h"
#include "core/peer.h"

struct px_who {
	char text[PX_NAME_MAX + 1];
	struct slice name; /* text */
};

/*
 * of: what is known; claim: requestingEntity where claims are taken, else empty. by_certificate: on a
 * listener for other providers. RC_DENIED: nobody, or a name that is too long or not to be told apart
 * from another; RC_NO_ORIGINATOR: where a claim would do. Pure but for peer->certificate; serving
 * thread.
 */
enum rc px_who_text(const struct endpoint_who *of, bool by_certificate, bool claims,
                    struct slice claim, struct px_who *out);
/*
 * Who has made rq, from serve_request, before anything else (endpoint_identify). Otherwise the
 * refusal, to be returned. A request that must not come in clear is the caller's matter: px_who_safe.
 */
enum rc px_who_of(struct req *rq, const struct req_input *in, struct px_who *out);
/* What is secret may come by this connection, and go. */
bool px_who_safe(const struct req *rq, const struct req_input *in);

#endif
