/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The MAS for NSCLs and MSBFs in other processes: /mas/v1/ on the listeners that serve it, mutual
 * TLS, JSON, keys in base64url. The certificate of a client says what it may do (subjectAltName URI
 * urn:m2m:role:nscl, urn:m2m:role:gw or urn:m2m:role:msbf) and which NSCL or gateway it is (its first
 * dNSName, of a gateway its SCL-ID, else its subject; 1 to 64 octets, or it is refused with 403). The other side is mas_remote.h.
 *
 *   POST nodes                    msbf   a new Kmr of a node
 *   POST nodes/{nodeId}/revoke    msbf   its Kmr
 *   PUT  nodes/{nodeId}/fingerprints  msbf
 *   POST verdict                  msbf   what is known about an identity
 *   GET  psk-feed                 nscl   changes of PSK_mr, and connections that have ended
 *                                 gw     no key, and of what has ended the nodes that were revoked
 *   POST connect                  nscl
 *   GET  connections              nscl   those to be served, after a start
 *   POST connections/{id}/end     nscl
 *   POST connections/{id}/report  nscl   an integrity report
 *   POST used                     nscl   requests and octets of connections
 *   POST gaka                     nscl, gw  T2 or T10 (gaka/message.h), application/octet-stream; the
 *                                 serving network is the client, or (nscl) that of ?node=
 *   GET  nodes/{nodeId}/groupKeys nscl   for a node that has a connection with it
 *   GET  group-feed               nscl, gw  groups whose vectors are void; gw: of its own
 *   POST trigger                  nscl   tokens that wake a node
 *   GET  nodes/{nodeId}/standing  nscl   {stands}: it is known, and was not revoked
 *   GET  stats                    any of them, and urn:m2m:role:admin
 *
 * A NSCL names its own connections alone: end and report of another's are answered as those of one
 * that is unknown (404), its use is not counted.
 *
 *   mas_rest_open -> mas_rest_attach -> scl_start ... mas_rest_stop -> scl_stop -> mas_rest_close
 */
#ifndef MAS_MAS_REST_H
#define MAS_MAS_REST_H

#include "base/clock.h"
#include "base/log.h"
#include "mas/mas_local.h"

#define MAS_REST_PATH "/mas/v1/"
#define MAS_REST_POLLS 256u /* that wait; more are answered 503 */
#define MAS_REST_POLLS_GATEWAY 4u /* the same, of one gateway */
#define MAS_REST_WAIT_MAX 60 /* seconds */

struct mas_rest;
struct scl;

struct mas_rest_conf {
	struct mas_local *mas; /* outlives it */
	struct log *log;
};

/* Starts a thread, one for all long polls. RC_UNAVAILABLE. */
enum rc mas_rest_open(const struct mas_rest_conf *conf, struct mas_rest **out);
/* Adds the endpoint; before scl_start. As endpoint_add. */
enum rc mas_rest_attach(struct mas_rest *r, struct scl *scl);
/* Answers the polls that wait, and every later one at once. Once. */
void mas_rest_stop(struct mas_rest *r);
/* No request is under way any more. NULL is fine. */
void mas_rest_close(struct mas_rest *r);

#endif
