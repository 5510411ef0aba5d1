/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An MSBF with the endpoints of an scl in front of it and a MAS behind, whose provision the test
 * may let fail. Requests go through the core, with peers that the test makes.
 */
#ifndef UNIT_MSBF_BED_H
#define UNIT_MSBF_BED_H

#include "core_bed.h"
#include "core/peer.h"
#include "mas/msbf_admin.h"
#include "mas_bed.h"

#define PPID_A "503c71bf0a1b2c00124b0001020304" /* Wi-Fi and ZigBee */
#define PPID_B "80001a7dda7113" /* Bluetooth */
#define SET "/m2m/msbf/bootstrapParamSet"

/* What happens to provision at the MAS. */
enum msbf_fault {
	MAS_WORKS,
	MAS_GONE, /* it is not asked, the MSBF is told that it cannot be reached */
	MAS_SILENT, /* it does it, the MSBF is told that it cannot be reached */
	MAS_HELD, /* it does it when the test lets it */
	MAS_TERSE /* a refusal says nothing but its reason, as that of a MAS behind REST */
};

struct msbf_bed {
	struct core_bed core;
	struct mas_bed mas;
	struct msbf_conf conf;
	struct msbf *m;
	char dir[256], ca[256];

	_Atomic enum msbf_fault fault;
	_Atomic unsigned provisions; /* that were asked for */
	_Atomic(struct mas_provision *) held;
	void (*provision_done)(struct mas_provision *p);
	uint32_t asked_index; /* MAS_TERSE */
	struct mas_ops ops;
};

/* Without a device; conf may be changed before msbf_bed_open. */
void msbf_bed_make(struct msbf_bed *b, int engine);
void msbf_bed_open(struct msbf_bed *b);
void msbf_bed_close(struct msbf_bed *b);
/* Both, with what was stored (LMDB). */
void msbf_bed_restart(struct msbf_bed *b);
void msbf_bed_free(struct msbf_bed *b);
/* Waits until a provision is held. */
void msbf_bed_await(struct msbf_bed *b);
/* Lets the held provision go on. */
void msbf_bed_release(struct msbf_bed *b);

/* A peer with a certificate for a PPID in session number. */
struct test_peer {
	struct peer peer;
	struct slice uris[3];
	char uri[3][600], address[32];
	uint8_t session;
	bool no_exporter;
};

void peer_of(struct test_peer *p, const char *ppid, uint8_t session);
/* E_boot of a session. */
struct key peer_secret(uint8_t session);

/* A request; NULL = absent. */
struct asked {
	const char *method, *target;
	struct test_peer *peer;
	const char *accept, *type, *body, *nonce, *ival;
};

struct told {
	int status;
	char *body; /* heap, zero-terminated */
	size_t n;
	char type[64], location[700], allow[64], reject[REJECT_TEXT_MAX + 1];
	unsigned retry_after;
	bool no_store;
};

struct told msbf_ask(struct msbf_bed *b, const struct asked *a);
void told_free(struct told *t);
/* With a fresh peer for ppid; told_free is the caller's. */
struct told msbf_post(struct msbf_bed *b, const char *ppid, uint8_t session, const char *more);
/* The same, the status alone. */
int msbf_status_of(struct msbf_bed *b, const char *ppid, uint8_t session, const char *more);
/* Text of an element or a JSON member; "" when absent. */
const char *told_value(const struct told *t, const char *name, char out[256]);

/* Under way. */
struct msbf_call {
	struct req *rq;
	struct bed_call wait;
};
void msbf_begin(struct msbf_bed *b, struct msbf_call *c, const struct asked *a);
struct told msbf_end(struct msbf_call *c);

/* Administration, waiting. */
struct msbf_line msbf_provision(struct msbf_bed *b, const char *ppid,
                                const struct device_fingerprint *f, unsigned n);
enum rc msbf_do(struct msbf_bed *b, struct msbf_change *c);
bool msbf_device_of(struct msbf_bed *b, const char *ppid, struct msbf_device *out);
/* How often the audit has that action with that result. */
unsigned msbf_audited(struct msbf_bed *b, const char *action, const char *result);
bool msbf_audit_sound(struct msbf_bed *b);
void msbf_hash(const char *ppid, uint8_t out[PPID_HASH]);

#endif
