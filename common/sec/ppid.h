/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pre-provisioned identifiers: a header of 1..4 octets whose bits say which communication
 * technologies a device has, then their addresses in the order of the bits; 2..255 octets. The last
 * bit of a header octet says that another one follows. Nothing here is secret. Any thread.
 */
#ifndef SEC_PPID_H
#define SEC_PPID_H

#include "base/rc.h"

#include <stdint.h>

#define PPID_MIN 2
#define PPID_MAX 255
#define PPID_TEXT (2 * PPID_MAX + 1) /* digits and a zero */
#define PPID_HASH 32
#define PPID_ADDRESS_MAX 8

/* Why something is not an identifier, in the order in which the rules are tried. */
enum ppid_fault {
	PPID_OK,
	PPID_BAD_TEXT,
	PPID_BAD_LENGTH,
	PPID_BAD_HEADER,
	PPID_UNKNOWN_TECH,
	PPID_EMPTY,
	PPID_NONCANONICAL,
	PPID_BAD_ADDRESS,
	PPID_LOCAL_MAC,
	PPID_NOT_UNIQUE,
	PPID_FAULTS
};

/* The reason token for additionalInfo and logs: "PPID_LENGTH" ...; "" for PPID_OK. Static. */
const char *ppid_token(enum ppid_fault fault);

struct ppid {
	uint8_t v[PPID_MAX];
	uint8_t n;
};

/*
 * Checks octets and copies them to *out (NULL: only checks). allow_local_mac: Wi-Fi and Ethernet
 * addresses may be locally administered (option ppid.allow_local_mac). *out is empty (n 0) unless
 * PPID_OK.
 */
enum ppid_fault ppid_check(struct slice octets, bool allow_local_mac, struct ppid *out);

/*
 * The same from text: hexadecimal digits of either case, between octets one ':' or '-' each or
 * nothing. PPID_BAD_TEXT when it is no text of octets at all.
 */
enum ppid_fault ppid_parse(struct slice text, bool allow_local_mac, struct ppid *out);

/* The normal text: lower-case digits without separators, and a zero. */
void ppid_text(const struct ppid *id, char out[PPID_TEXT]);
/* SHA-256 of the octets: the index key. RC_INTERNAL when the library fails. */
enum rc ppid_hash(const struct ppid *id, uint8_t out[PPID_HASH]);

static inline struct slice
ppid_octets(const struct ppid *id)
{
	return slice_make(id->v, id->n);
}

/* The number of a technology is 8 * octet + bit of the header; it does not change. */
enum ppid_tech {
	PPID_BLUETOOTH = 0,
	PPID_WIFI = 1,
	PPID_WMBUS = 2,
	PPID_ZIGBEE = 3,
	PPID_IMEI = 4,
	PPID_WMBUS_LONG = 5,
	PPID_LORAWAN = 6,
	PPID_ETHERNET = 8,
	PPID_KNX = 9,
	PPID_ZWAVE = 10,
	PPID_DECT = 11
};

/* One (technology, address) pair. */
struct ppid_pair {
	enum ppid_tech tech;
	const char *name;     /* "Bluetooth" ...; static */
	struct slice address; /* octets in the identifier, as long as that lives */
	bool unique;          /* no other device in the world has it */
};

/*
 * The next pair of a checked identifier in the order of the header; *at starts at 0. False at the
 * end.
 */
bool ppid_next(const struct ppid *id, unsigned *at, struct ppid_pair *pair);

#endif
