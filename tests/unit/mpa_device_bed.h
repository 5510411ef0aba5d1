/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device in multiparty authentication, for tests: they play its NSCL, gateway and MTC server, which
 * do as they should unless the world says otherwise. Every function asserts what it needs.
 */
#ifndef UNIT_MPA_DEVICE_BED_H
#define UNIT_MPA_DEVICE_BED_H

#include "cap/mpa/mpa_device_own.h"
#include "cap/sec_access.h"
#include "core_bed.h"
#include "mpa_bed.h"
#include "sec/psk_id.h"

#define NSCL "https://nscl.sp1.example:8443/m2m"
#define GATEWAY "https://gw.sp1.example:8443/m2m"
#define ATTACH "http://gw.sp1.example:8080/m2m" /* the same without TLS */
#define OWN_SCL "dscl-0304"
#define TEXTS 8u

struct device_world {
	struct core_bed b;
	struct sec_access sec;
	struct capability_conf conf;
	struct mpad *d;
	char dir[64];
	const char *nscls[2];

	pthread_mutex_t lock; /* of what follows */
	bool connected; /* there is a service connection */
	struct node_id node;
	struct mpa_octets from_cn, from_s; /* that the NSCL gives out; n 0: none */
	uint8_t revoked[SIGN_PUBLIC_SIZE + MPA_SERIAL_SIZE];
	bool has_revoked;
	enum mpa_party ap_party;
	struct mpa_octets w5;
	struct mpa_cache *cache; /* of the gateway; NULL: it knows no hashes */
	struct mpa_ap *ap;
	struct mpa_session at_ap;
	int a3_status; /* 0: as it should be */
	bool lost; /* the gateway knows the session no more */
	bool silent; /* it does not answer */
	int decision_status; /* 200: the decision of decider */
	enum mpa_party decider;
	enum mpa_verdict verdict;
	unsigned attached; /* asked without TLS */
	unsigned keys, fetches, a1s, a3s, looks, uses;
	size_t last_a3;
	char identity[PSK_ID_TEXT]; /* exchanges with the gateway are under that, "" = nothing */
	struct key psk;
	char texts[TEXTS][8192];
	unsigned n_texts;
};

extern struct device_world w;
/* The public keys that the device has pinned; may be changed before begin. */
extern struct sign_public pinned_cn, pinned_s;

/* Of the fixture: warrants of now for device D, and nothing runs. */
void device_setup(void);
void device_teardown(void);
/* The device starts, on what an earlier one left in its book; it ends. */
void begin(void);
void end(void);

/* Warrants of now; parent NULL: a root. Both chains of a device, and W5. */
void issue(enum mpa_party delegator, enum mpa_party delegate, enum mpa_party on_behalf,
           const struct mpa_octets *parent, struct mpa_octets *out);
void issue_all(enum mpa_party device);

/* Files in the directory of the world: a public key, the device's own. The caller frees the path. */
char *device_pem(const char *name, const struct sign_public *key);
char *device_key(void);

struct mpad_view view(void);
uint64_t counter(enum mpad_counter which);
void await_phase(enum mpad_phase phase);
void await_count(enum mpad_counter which, uint64_t at_least);
/* Twice at least. */
void await_cause(enum mpa_cause why);
void await_verdict(enum mpad_verdict verdict);

/* Members of the world while the device runs. */
void set(bool *what, bool to);
unsigned now_of(const unsigned *what);

/* Nothing is sent under a session. */
void expect_unused(void);
/* What is sent to the gateway is under the key that it has as well. */
void expect_used(void);
/* Until it is so, for sessions that follow each other. */
void await_used(void);

#endif
