/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small data at an NSCL (Lai et al., "Security Issues on Machine to Machine Communications",
 * aggregate signatures): keys of devices, and bundles of readings (sd/bundle.h) that become
 * contentInstances of the devices' containers. Octets in JSON are base64url; node ids 32 hex digits.
 *
 *   PUT {sclBase}/sdKeys/{deviceId}     on the service connection of that device alone (401, 403):
 *     {"container": path of a container at this SCL, "ed25519"?: 32, "bls"?: {"pk": 96, "pop": 48}}
 *     replaces all of it; 201 or 200 {"seq": number of the last reading taken, 0 for none}. A device
 *     that signs with an identity alone gives the container alone. 400 BAD_PARAM (also a key that is
 *     no key: encoding, subgroup, neutral element), 403 SD_POP (no proof of possession), 501 SD_ALG
 *     (built without pairing), 507 FULL (sd.devices_max), 503 OVERLOAD
 *   GET {sclBase}/sdKeys/{deviceId}     on any service connection:
 *     200 {"deviceId", "container", "ed25519"?, "bls"?: pk}, ETag, If-None-Match; 404
 *   DELETE {sclBase}/sdKeys/{deviceId}  on that of the device: 204; the number of the last reading
 *     stays, so that no old one counts again when keys come back
 *   GET {sclBase}/sdKeys/identity       the key of that node in the identity-based scheme, for this
 *     month, as an object under the key of its service connection from the network to the node
 *     (sec/jose.h): {"generator": Q, "id", "key": 96}; 401 SEC_KMC_EXPIRED: it has to connect anew
 *     first; 501 SD_ALG
 *   GET {sclBase}/smallData             what this SCL takes:
 *     200 {"algs": [1..4], "costs": {"ed25519", "bls", "blsReading", "blsSigner", "identity",
 *     "identityReading"} (nanoseconds of sd/costs.h, measured at the start), "limits": {"readings",
 *     "payload", "octets"}, "generator"?: Q of the identity-based scheme, 96}
 *   POST {sclBase}/smallData            application/octet-stream, a bundle
 *
 * Answers to a bundle:
 *   202 {"accepted": n, "rejected": [{"index", "reason"}], "excluded": [{"deviceId", "until"}]}: each
 *     reading that is not in rejected is durable. index: of the bundle; until: seconds since 1970;
 *     excluded: devices of this bundle whose readings no aggregate by this gateway may have until
 *     then. Reasons:
 *       SD_REPLAY     the number is not above the last one that was taken: so it is also answered when
 *                     a bundle is sent again whose answer was lost
 *       SD_NO_KEY     the device has no key here for the algorithm, is not known, or is revoked
 *       SD_SIGNATURE  not the signature of the device (algorithms 1 and 3): the culprit
 *       SD_CONTAINER  the container does not take it: absent, no right of the device, another instance
 *                     has that name; or the payload is empty, which no contentInstance can be
 *       SD_EXPIRED    identity-based: made neither in this month nor in the last
 *       SD_EXCLUDED   of a device that is excluded, in an aggregate by that gateway
 *   400 SD_FORMAT no such bundle; SD_DUPLICATE two messages are equal; SD_AGGREGATE the aggregate is
 *     wrong, and the same readings are asked for as algorithm 3 (or 1): then the culprits are named
 *   403 of an aggregate, nothing of which is taken: SD_NO_KEY, SD_EXPIRED, SD_EXCLUDED; of other
 *     bundles SD_NO_KEY when that is so of every reading
 *   413 SD_BUDGET more work than anybody may ask for who has proved nothing: a smaller bundle, or a
 *     service connection
 *   501 SD_ALG    without pairing, or the key of the generator is not known (yet)
 *   503 OVERLOAD  with Retry-After: the same again; readings that were taken already are SD_REPLAY
 * The body of 400 SD_AGGREGATE, SD_DUPLICATE and of 403 is as that of 202, with accepted 0 and a
 * member "reason"; of the others it is errorInfo, with the reason as additionalInfo.
 *
 * A reading becomes the contentInstance sd-<seq> of its device's container, made with the rights of
 * the device: content is the payload, of application/octet-stream, or application/jose when the
 * bundle says that payloads are encrypted; searchStrings signer:<deviceId> and seq:<seq>. It is
 * there first, then the number counts as taken, then 202 is sent; an instance of that name that is
 * there already counts as made when it is the same reading. Of one device readings are taken in the order of their numbers, which begin with 1.
 *
 * Three wrong signatures of a device in bundles by the service connection of one node, its gateway,
 * exclude it from aggregates by that gateway for an hour; others are not concerned. Nothing is there
 * unless sd.enabled.
 */
#ifndef CAP_SD_SD_NETWORK_H
#define CAP_SD_SD_NETWORK_H

#include "cap/capability.h"

struct sd_network;

/*
 * *out NULL: off. Opens the book and adds the endpoints: waits for the disk, before scl_start. One
 * line in why when it fails.
 */
enum rc sd_network_attach(struct scl *scl, const struct capability_conf *conf,
                          struct sd_network **out, char why[CAPABILITY_WHY_MAX]);
/* Measures costs, for about a quarter of a second, and begins to take bundles. */
enum rc sd_network_start(struct sd_network *net, char why[CAPABILITY_WHY_MAX]);
/* Takes nothing more; ends what is under way. */
void sd_network_stop(struct sd_network *net);
/* After scl_free. */
void sd_network_detach(struct sd_network *net);

#endif
