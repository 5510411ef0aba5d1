/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS of port_http with a credential: what libcurl and OpenSSL are told before the handshake, and
 * what is asked of the session when it stands, before anything of a request is sent. Private to the
 * HTTP binding; one thread.
 */
#ifndef BIND_HTTP_OUT_TLS_H
#define BIND_HTTP_OUT_TLS_H

#include "sec/credential.h"
#include "sec/secret.h"

#include <curl/curl.h>

/*
 * Sets the handle up for c, which outlives the connections that are made with it. False when
 * libcurl cannot do it, or without memory.
 *
 * With a pre-shared key no certificate is ever accepted: libcurl's own verification would ask for
 * one, and a mere lack of verification would let a server with any certificate take the place of
 * the one that knows the key.
 */
bool out_tls_prepare(CURL *easy, const struct credential *c);

/*
 * For CURLOPT_PREREQFUNCTION: NULL when the handle's connection is TLS made with c, and the peer
 * has proved itself by what c asks for; else why not, a constant.
 */
const char *out_tls_check(CURL *easy, const struct credential *c);

/*
 * Likewise: NULL when *out has the exporter value (RFC 5705) of the handle's connection, without a
 * context; else why not, a constant. TLS 1.2 without extended master secret (RFC 7627) has none:
 * the value would not be bound to this session alone.
 */
const char *out_tls_export(CURL *easy, const char *label, struct key *out);

/* True for a result that says: the TLS session could not be made. */
bool out_tls_failed(CURLcode result);

/*
 * True for such a result that is the peer's: it has shown a certificate and no key, or has sent
 * an alert about the key (RFC 8446 section 6.2). words: those of libcurl. False also when the
 * connection just ended: which servers do for a key that they do not know, and networks for none.
 */
bool out_tls_refused(CURLcode result, const char *words);

/*
 * Words for a result that has to do with a file of c, with the name of it; NULL: not such a result,
 * or no such file.
 */
const char *out_tls_file(CURLcode result, const struct credential *c, const char **name);

#endif
