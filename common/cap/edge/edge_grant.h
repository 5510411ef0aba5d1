/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A grant: what one application outside may do (Lai et al., the external interface). As JSON it is
 * what administrators write and read, and what the book keeps:
 *
 *   {"fingerprints":["hex SHA-256 of SubjectPublicKeyInfo",...],"operations":["retrieve",...],
 *    "prefixes":["/m2m/applications/lamp","https://gw.example:8443/m2m/applications",...],
 *    "contacts":["mtc.example","mtc.example:8443",...],"trigger":["SCL-ID",...],"kma":["SCL-ID",...],
 *    "rate":10,"burst":20,"expires":"2027-01-01T00:00:00Z","inner":false,"state":"enabled"}
 *
 * Only fingerprints, operations and prefixes have to be there. Pure functions; any thread.
 */
#ifndef CAP_EDGE_GRANT_H
#define CAP_EDGE_GRANT_H

#include "base/buf.h"
#include "core/peer.h"

#include <stdint.h>

#define EDGE_APP_MAX 255u /* octets of an App-ID */
#define EDGE_KEYS_MAX 8u
#define EDGE_PREFIXES_MAX 32u
#define EDGE_CONTACTS_MAX 16u
#define EDGE_SCLS_MAX 32u
#define EDGE_TEXT_MAX 512u /* octets of a prefix, a contact, an SCL-ID */
#define EDGE_GRANT_MAX 49152u /* octets of a grant as JSON */
#define EDGE_RATE_MAX 100000u
#define EDGE_RATE 10u /* requests a second, of a grant that says nothing; the burst is twice that */

enum edge_operation {
	EDGE_RETRIEVE = 1,
	EDGE_CREATE = 2,
	EDGE_UPDATE = 4,
	EDGE_DELETE = 8,
	EDGE_EXECUTE = 16,
	EDGE_DISCOVER = 32,
	EDGE_ANNOUNCE = 64 /* announceTo in what it writes */
};

enum edge_state {
	EDGE_ENABLED,
	EDGE_DISABLED,
	EDGE_WITHDRAWN /* by DELETE: what it has left in the tree still is an outside application's */
};

struct edge_texts {
	struct slice v[EDGE_PREFIXES_MAX];
	unsigned n;
};

/* Slices are views of the JSON that it was read from. */
struct edge_grant {
	uint8_t keys[EDGE_KEYS_MAX][PEER_FINGERPRINT];
	unsigned n_keys;
	unsigned operations; /* enum edge_operation bits */
	/*
	 * Paths of this SCL, without a slash at the end, and URIs of other SCLs as uri_normalise gives
	 * them; what is below on a segment boundary is covered.
	 */
	struct edge_texts prefixes;
	struct edge_texts contacts; /* "host" or "host:port"; an IPv6 address in brackets */
	struct edge_texts trigger, kma; /* SCL-IDs */
	int64_t rate, burst; /* requests a second, and at once */
	int64_t expires; /* microseconds since 1970; 0: never */
	bool inner;
	enum edge_state state;
};

_Static_assert(EDGE_CONTACTS_MAX <= EDGE_PREFIXES_MAX && EDGE_SCLS_MAX <= EDGE_PREFIXES_MAX,
               "the lists have room");

/*
 * RC_OK, or RC_BAD_REQUEST with the name of the member that is wrong in *why (constant; "grant": it is
 * no such object). json lives as long as g is used.
 */
enum rc edge_grant_read(struct slice json, struct edge_grant *g, const char **why);
/* Appends g as edge_grant_read takes it; what fails shows in out->failed. */
void edge_grant_write(const struct edge_grant *g, struct buf *out);
const char *edge_state_name(enum edge_state state);

/* True when that list has text. */
bool edge_texts_have(const struct edge_texts *list, struct slice text);

/*
 * True for a path that means what it says to whoever reads it: from the root, no empty segment but
 * after the last slash, no "." or "..", no backslash, nothing escaped that need not be, and no escape
 * of a slash, a backslash, a percent sign or a control character.
 */
bool edge_path_is_plain(struct slice path);
/* True when the plain path, or the normalised absolute URI, is covered by a prefix of g. */
bool edge_grant_covers(const struct edge_grant *g, struct slice path);
/*
 * True when url is https, without user information, and host and port are those of one of the
 * contacts of g; a contact without a port is that of https.
 */
bool edge_grant_contact(const struct edge_grant *g, struct slice url);

#endif
