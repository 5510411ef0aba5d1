/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The REST interface of the SGA server (docs/api.md): {sclBase}/sga over HTTP and CoAP, on every
 * listener that has a part of the tree, and, for administration, on those of administrators.
 *
 * ---- bodies ----
 *
 * A message of the protocol is the body itself as application/octet-stream, or the member "message"
 * of a document. A document is one flat object:
 *
 *   application/json   {"name":"text","count":5,"list":["a","b"]}
 *   application/xml    <root xmlns="urn:openscl:sga:1"><name>text</name><count>5</count>
 *                      <list>a</list><list>b</list></root>
 *   application/cbor   as JSON, with byte strings for octets
 *
 * Octets are base64url without padding in JSON and XML. sid and gid are 32 hexadecimal digits in
 * all three, times are seconds since 1970. An unknown member, one that is there twice, or another
 * type: class 1. Roots in XML are named at each document below. Members of lists repeat in XML.
 *
 * The answer has the first syntax of Accept that is one of application/octet-stream (for messages
 * and the mailbox alone), json, xml, cbor; without Accept, or with wildcards, that of the body that
 * came, and without a body JSON (package: octets). Content-Type says which it is. 406 when none
 * fits, 415 for a body of another type. Answers are never stored by caches, except package.
 *
 * ---- how it is refused ----
 *
 * What does not authenticate is answered by a class (paper, section 5: no oracle), with an error
 * message (sga.h) as the body (document <error>), the same octets for each cause: its sid is that
 * of the message that came, or zero.
 *
 *   400 class 1   syntax: of a header, a message, a document, a parameter, X-M2M-SGA
 *   403 class 2   refused: unknown ID or session, bad MAC, token, time, counter, replay
 *   503 class 3   try later (Retry-After): rate limits and lock-outs, too much under way
 *   401 class 4   challenge, to A1 with time 0
 *
 * After the message itself or X-M2M-SGA authenticated: errorInfo of ETSI TS 102 921 in JSON or XML
 * (where Accept names neither: XML), with the reason in additionalInfo as one word, set in []
 * below. 404 [peer] means that no such device is registered. 503 (class 3) and 507 (no room in a
 * mailbox, in the store) can come to all that write; nothing was stored then. 500: the store
 * failed.
 *
 * ---- who asks ----
 *
 *   message     the message of the body proves it
 *   device      X-M2M-SGA (tag.h) of the device that is named: {id}, a party of the session, a
 *               member of the group. The counter rises with each request. What is not theirs is
 *               answered as what is not there: 404
 *   manager     a listener of administrators, or an identity of sga.managers; else 403 errorInfo
 *
 * X-M2M-SGA covers the method, the path and query below the root (tag.h says how) and the body as
 * it came. It is that header, or the query parameter x-m2m-sga, which it does not cover.
 *
 * ---- operations ---- ({n} and {s}: the sid of A1; {id}: a device's; {g}: a gid)
 *
 * GET package[?suite=1|2]
 *         anybody. 200, the download package; ETag: "<hex of dp>"; If-None-Match: 304. Without
 *         suite 2, or the only one. 404: not offered. Also by the member "message" of a document
 *         <package>
 * POST devices
 *         message R1 <registration>. 201, body R2 <registration>, Location devices/{id}. The same
 *         octets again: 201 with the same R2. 409: another device has the ID (with a good token);
 *         400: no common cipher; both with R2 as the body, whose status says so under the new key.
 *         403 also: an old package
 * GET devices/{id}
 *         device (with the key of the registration that is asked for). 200, R2 of the last
 *         registration
 * PUT devices/{id}/contact
 *         device. <contact> {"uri"}: http, https, coap or coaps. 204; 400 [uri]. Items are POSTed
 *         there from now on
 * DELETE devices/{id}/contact
 *         device. 204, also when there is none
 * GET devices/{id}/mailbox
 *         device. ?wait=0..60 (default 0) &max=1..100 (default 50). 200, <mailbox>
 *         {"item":[{"id":1,"message":...}]}, oldest first, an empty list after wait; as octets u64
 *         id || u32 n || n octets each, an empty body when there is nothing. CoAP Observe with
 *         wait=0: told of each item. Now and then, and first after a start of the server, a
 *         counter has to be stored before the answer, which then establishes no observation: ask
 *         again
 * DELETE devices/{id}/mailbox/{item}[?before=true]
 *         device. 204, also when it is gone; before: and all with lower ids
 * POST negotiations
 *         message A1 <negotiation>. 202, no body, Location negotiations/{n}. 404 [peer]; 403
 *         [cipher]: not one of both devices, or against the policy; 503: too many half open (class
 *         3) A repeat: 403 class 2 (it was taken, or was refused before)
 * GET negotiations/{n}
 *         device or manager. 200, <session> as for sessions/{s}
 * POST negotiations/{n}/acceptance
 *         message A3 <negotiation>, also a refusal. 200, no body
 * POST sessions
 *         message B1 <session>. 202, no body, Location sessions/{s}
 * GET sessions/{s}
 *         device or manager. 200, <session> {"id","initiator","responder",
 *         "suite","state","expires","nextFromInitiator", "nextFromResponder"}; state: invited,
 *         accepted, requested, established; next...: ctr of the record that is expected. The
 *         cipher is not among them: it is kept with the keys, for the two alone. What has ended
 *         is gone: 404
 * POST sessions/{s}/response
 *         message B3 <session>. 200, no body. Opened, but wrong (B4): 403 class 2, both get a
 *         reject and the session is gone A3, B1 and B3 out of their state, a repeat of what was
 *         taken too: 403 class 2, or 409 [state] when two come at a time. So 403 after a lost
 *         answer may mean that it was taken: the mailbox tells
 * POST sessions/{s}/messages
 *         device; body: one record (type 20) <record>. 201, no body, once it is durable; with a
 *         ctr that was taken: 201, nothing is stored. 409 [order]: not the next; 409 [confirm]:
 *         both first records are needed before others, or the session is not established, or used
 *         up; 404: no such session (any more); 413; 507
 * DELETE sessions/{s}
 *         device or manager. 204; the other party gets a reject (A4 or B6 with flag 04), a
 *         manager's both
 * POST groups
 *         device, the owner. <group> {"id","purpose","members":[ids]}, the owner is a member
 *         without being listed. 201, Location groups/{g}. 409 [taken]; 404 [peer]; 403 [members]:
 *         too many; the same again: 201
 * GET groups/{g}
 *         device, a member, or manager. 200, <group> {"id","owner","purpose",
 *         "epoch","stale","members":[ids]}; stale: somebody left, the owner has to begin a new
 *         epoch before anything is taken
 * PUT groups/{g}
 *         device, the owner. <group> {"epoch","members":[ids]}: epoch is the next one. 204; 409
 *         [epoch]; 404 [peer]. The same again: 204
 * DELETE groups/{g}
 *         device, the owner, or manager. 204
 * DELETE groups/{g}/members/{id}
 *         device: that member, or the owner. 204; the group is stale then, and the owner gets a
 *         notice item (type 30)
 * POST groups/{g}/messages
 *         device, a member; body: one group record (type 21) <record>. 201, as records; 409
 *         [epoch]: not the current one, or stale
 *
 * POST tokens
 *         manager. <token> {"id","ttl"}; ttl: seconds, up to sga.token_ttl, default 3600. 201,
 *         <token> {"token","verifyKey","id","root","expires"}: token 16 octets, verifyKey 32
 *         octets of Ed25519, root: URI of this interface. 409 [taken]: the ID has a device;
 *         403 [tls]: neither over TLS nor on this host
 * GET devices[?after=&max=]
 *         manager; max 1..100, default 100; after: the "next" of the page before. 200, <devices>
 *         {"device":[{"id","suite","cipher",
 *         "ciphers","registered","contact","items","locked"}],"next"}
 * GET sessions[?after=&max=]
 *         the same. <sessions> {"session":[...],"next"}
 * GET groups[?after=&max=]
 *         the same. <groups> {"group":[{"id","owner","purpose","epoch", "stale","size"}],"next"}
 * GET stats
 *         manager. <stats> {name: number}: counters and totals
 * GET lockouts
 *         manager. <lockouts> {"lockout":[{"name","since","until"}]}: IDs and addresses
 * DELETE lockouts/{name}
 *         manager. 204; what was counted is forgotten
 * DELETE devices/{id}
 *         manager. 204: revoked; its sessions are closed. 404
 *
 * GET of the root itself is GET package. Delivery to a contact: POST of one item as
 * application/octet-stream with X-M2M-SGA-Item: <id> (CoAP: query parameter x-m2m-sga-item), one at
 * a time for each device, in order; any 2xx is the acknowledgement.
 */
#ifndef CAP_SGS_SGS_REST_H
#define CAP_SGS_SGS_REST_H

#endif
