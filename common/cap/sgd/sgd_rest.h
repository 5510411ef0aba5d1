/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The REST interface of the SGA device to the applications of this SCL (docs/api.md):
 * {sclBase}/sga on the listeners of dIa, over HTTP and CoAP. Bodies are JSON (application/json) but
 * for the messages of applications, which are the octets of the body as they come. An unknown member,
 * one that is there twice, or another type: 400. Errors are errorInfo of ETSI TS 102 921; reasons
 * below in [] are its additionalInfo.
 *
 * Who asks is an application that sga.applications names by its App-ID (proved, or claimed where the
 * listener takes claims); none named: every one that the listener lets in. Others: 403.
 *
 * {id}: of a peer, as its gateway knows it. {n}: number of a message that was taken here. {s}: sid of
 * a session, {g}: of a group, 32 hexadecimal digits. Times are xs:dateTime, octets base64url without
 * padding.
 *
 * GET status                  200 {"id","signKey","server":[{"id","root","state","registered","serial","suite",
 *                             "error"}]}; state: package, registering, ready, refused
 * GET counters                200 {name: number}
 * GET peers                   200 {"peer":[{"id","server","state","queued","octets"}]}: those of the
 *                             configuration and those with messages or a session; state: none,
 *                             negotiating, open
 * POST peers/{id}/messages    body: 1 to 65280 octets. 202 {"id":n}, Location messages/{n}: it is
 *                             durable. 404: no such peer; 413; 507 [queue]: too many or too much waits
 *                             for it; 503. A session is negotiated when there is none
 * GET messages/{n}            200 {"id","state","peer" or "group"}; state: queued, sent (the gateway
 *                             has it and keeps it until the peer has fetched it), failed. Of the last
 *                             16384 messages, others: 404
 * GET inbox[?wait=0..60][&max=1..100][&after=id]
 *                             200 {"message":[{"id","from","group","time","data"}]}, in the order
 *                             of arrival, oldest first, those above after alone (default 0), at
 *                             most max (default 50); wait (default 0): so many seconds until there
 *                             is one, then the empty list. group: with messages to one. A message
 *                             stays until it is deleted. 503: too many wait
 * DELETE inbox/{id}[?before=true]  204, also when it is gone; before: and all with lower ids
 * GET sessions                200 {"session":[{"id","peer","server","role","state","cipher","created",
 *                             "sent","received","signed"}]}; role: initiator, responder; state: inviting,
 *                             accepting, confirming, open, retired, ended (the gateway is to
 *                             be told); signed: the peer has proved its own
 *                             key, end to end
 * DELETE sessions/{s}         204: it is ended here and at the gateway; 404
 * POST groups                 {"members":[ids],"purpose":"text"[,"server":"ID_G"]}; without server:
 *                             the first. 201 {"id"}, Location groups/{g}. 404: a member is no peer;
 *                             409 [key]: this device cannot sign (sga.sign_key); 400; 507
 * GET groups                  200 {"group":[as below]}
 * GET groups/{g}              200 {"id","server","owner","purpose","epoch","state","members":[ids]};
 *                             state: pending (the gateway is to be told), current, stale (somebody
 *                             left: a new epoch is to come, of an owner that was not told why by
 *                             PUT), leaving, failed; 404
 * PUT groups/{g}              {"members":[ids]}; of the owner: a new epoch begins. 204; 404; 403
 *                             [owner]; 409 [state]: the gateway is being told of another
 * DELETE groups/{g}           of the owner: the group ends, 204; 404; 403 [owner]
 * POST groups/{g}/messages    as to a peer; 409 [key]: this device cannot sign; 409 [state]
 * DELETE groups/{g}/members/self   204: leaves it; 404; 403 [owner]: the owner deletes it instead
 */
#ifndef CAP_SGD_SGD_REST_H
#define CAP_SGD_SGD_REST_H

#include "cap/sgd/sgd_own.h"

/*
 * Adds the endpoint. RC_UNAVAILABLE, RC_CONFLICT (endpoint_add). Attach; sgd_rest_detach when the scl is
 * gone.
 */
enum rc sgd_rest_attach(struct sgd *d);
/* The scl has its threads. */
void sgd_rest_start(struct sgd *d);
void sgd_rest_detach(struct sgd *d);
/* Answers who waits. The gate is closed, and the book has nothing under way. */
void sgd_rest_stop(struct sgd *d);
/* Something was put into the inbox. Courier thread. */
void sgd_rest_told(struct sgd *d);

#endif
