/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Integrity validation: what a node measures of itself, the report about it, and its check
 * (integrityValResults, TS 102 690 clause 8; the meaning of the bits is this project's). The root
 * of trust is software: whoever is root on the node can lie.
 */
#ifndef SEC_IVAL_H
#define SEC_IVAL_H

#include "base/rc.h"
#include "base/times.h"
#include "sec/b64url.h"
#include "sec/device_key.h"
#include "sec/node_id.h"

struct key;

/* ivalResults; a set bit has passed. Bit 63 is always 0. */
enum ival_bit {
	IVAL_MANIFEST = 1 << 0, /* there, for this node, signed by the provider */
	IVAL_PROGRAM = 1 << 1,  /* the running executable has the digest of the manifest */
	IVAL_LIBRARIES = 1 << 2, /* so has every mapped file that the manifest lists */
	IVAL_CONFIG = 1 << 3,   /* so has the configuration file, or it is signed itself */
	IVAL_KEYSTORE = 1 << 4, /* permissions, owner, all records authenticate */
	IVAL_UNTRACED = 1 << 5, /* nobody traces the process, no core dumps */
	IVAL_CLOCK = 1 << 6,    /* within bounds of the last authenticated time */
	IVAL_HARDWARE = 1 << 7  /* an address of the PPID is on a local interface */
};

#define IVAL_TOLERANCE 300 /* seconds between the clocks */
#define IVAL_SCL_ID_MAX 255
#define IVAL_SIG_HEADER "X-M2M-IVal-Sig"
#define IVAL_SIG_TEXT_MAX B64URL_LEN(DEVICE_SIGNATURE_MAX)

struct manifest;

/* What is measured. */
struct ival_subject {
	const char *proc;                /* "/proc/self", or a directory with exe, maps, status */
	const struct manifest *manifest; /* from manifest_read; NULL: none, or not a valid one */
	const char *config_file;         /* absolute; NULL: none */
	bool config_signed;              /* its own signature was checked */
	bool keystore_intact;
	int64_t now, earliest, latest;   /* seconds since the epoch; the clock and its bounds */
	const struct slice *addresses;   /* of the PPID, in the octets of an interface */
	size_t n_addresses;
};

/*
 * ivalResults of this process. Reads files of any size: not on a thread that serves. unlisted
 * (may be NULL) gets the number of executable mapped files that the manifest does not list.
 */
int64_t ival_measure(const struct ival_subject *s, unsigned *unlisted);

/* A report; the members are those of integrityValResults. */
struct ival_report {
	int64_t results; /* ivalResults */
	int64_t mac;     /* signedIvalResult; 0 at bootstrap */
	struct slice time; /* secureTimeStamp, the text as sent */
};

/* Who reports; at bootstrap a node without an id has 16 zero octets and the SCL-ID it wants. */
struct ival_origin {
	const struct node_id *node;
	struct slice scl_id; /* at most IVAL_SCL_ID_MAX octets */
};

/* Sets r->mac. RC_BAD_REQUEST: a member is out of its range; RC_INTERNAL. Any thread. */
enum rc ival_sign(const struct key *k_ival, const struct ival_origin *o, struct ival_report *r);

struct ival_policy {
	uint64_t required; /* bits that must have passed */
	int64_t now;       /* microseconds since the epoch */
	int64_t last;      /* secureTimeStamp last accepted of this node, microseconds; 0: none */
};

/*
 * RC_OK: the report is the node's, new, and has the required bits; *accepted is then the new value
 * of last. RC_BAD_REQUEST: a member is no number or time of a report; RC_FORBIDDEN: any check
 * failed; RC_INTERNAL. The caller locks the node. Any thread.
 */
enum rc ival_check(const struct key *k_ival, const struct ival_origin *o,
                   const struct ival_report *r, const struct ival_policy *p, int64_t *accepted);

/*
 * Before the first Kmr: mac is 0 and the device key signs the same octets || E_boot. Writes the
 * value of the header and a zero. RC_BAD_REQUEST, RC_INTERNAL.
 */
enum rc ival_boot_sign(const struct device_key *k, const struct key *e_boot,
                       const struct ival_origin *o, const struct ival_report *r,
                       char out[IVAL_SIG_TEXT_MAX + 1]);
/* As ival_check; spki is the key of the device in DER, header the value of IVAL_SIG_HEADER. */
enum rc ival_boot_check(struct slice spki, const struct key *e_boot, struct slice header,
                        const struct ival_origin *o, const struct ival_report *r,
                        const struct ival_policy *p, int64_t *accepted);

#endif
