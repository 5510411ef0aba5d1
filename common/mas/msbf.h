/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The M2M Service Bootstrap Function (TS 102 690 clause 8): admits devices, gives them node ids and
 * Kmr, and hands both to the MAS. Its store, audit and worker are its own; it keeps no keys.
 * Administration is in msbf_admin.h.
 *
 *   {sclBase}/msbf/bootstrapParamSet   POST, GET, DELETE  by certificate (B6)
 *   {sclBase}/msbf/info                GET                what there is, signed
 *   {sclBase}/msbf/status              POST               a signed verdict about an identity
 *
 * info is JSON: msbfId, spId, variants (with modes), caFingerprints (SHA-256 of the certificates in
 * DER, hex), signKey and rejectKey (Ed25519, base64url), and last signature: base64url of
 * Ed25519 by signKey in domain SIGN_OWN over the octets of the body before ',"signature"'.
 */
#ifndef MAS_MSBF_H
#define MAS_MSBF_H

#include "base/clock.h"
#include "base/log.h"
#include "mas/mas_admin.h"
#include "mas/mas_counter.h"

struct msbf;
struct scl;

#define MSBF_DEVICES_MAX 100000u
#define MSBF_RUNNING_MAX                                                                           \
	64u /* requests that wait for the store or the MAS; more are answered 503 */

/*
 * What the MSBF asks of the MAS beside mas.h, with the meaning of mas_change and mas_verdict
 * (mas_admin.h): a device gives up its keys, is bound to its keys; status.
 */
struct msbf_mas {
	void (*change)(void *self, struct mas_change *c);
	void (*verdict)(void *self, struct mas_verdict *v);
	void *self;
};

/* Those of a MAS in this process. */
struct msbf_mas msbf_mas_of(struct mas_local *m);

/*
 * Strings, lists and files are read by msbf_open only, but for nscls and mas_address, which live
 * until msbf_close, as log and clock do. NULL, 0 = absent, the default.
 */
/* A bootstrap that may have to wait. */
struct msbf_load {
	/* The request, with what it claims; NULL the second time, when the device is known. */
	const struct req_input *in;
	const struct node_id *node; /* that the device has already; NULL: none that is known */
	uint32_t kmr_index; /* with node: of its last Kmr */
};

struct msbf_conf {
	const struct store_ops *engine;
	struct store_conf store; /* a directory of its own */
	const struct clock *clock;
	struct log *log;
	struct mas mas; /* the MAS outlives the MSBF */
	struct msbf_mas more;
	const char *kek_file, *kek_next_file; /* as in mas_conf; they authenticate the audit */
	const char *sp_id, *msbf_id; /* domain names */
	const char *sign_key_file; /* Ed25519, signs info; NULL = reject_key_file */
	const char *reject_key_file; /* Ed25519; NULL = no signed rejects, no status and no info */
	const char *ca_file; /* PEM, the certificates that info names */
	bool admit_ca; /* any verified certificate; else only devices that were imported */
	bool local_mac; /* PPIDs may have locally administered addresses */
	bool old_documents; /* parameter sets in the form of v1.1 */
	const char *const *nscls; /* sclIdList, ends with NULL */
	const char *mas_address; /* securityMasFqdn */
	int64_t kmr_lifetime; /* us; 0 = that of the MAS */
	uint64_t ival_required; /* bits of ivalResults that a bootstrap must have; 0 = none */
	int64_t audit_keep; /* how old audit records become; 0 = for ever */
	unsigned devices_max, queue_max, batch_max;
	bool ocsp; /* certificates of devices have to be good by their responder */
	const char *ocsp_responder; /* http URI in place of those of the certificates */
	int64_t ocsp_timeout; /* us; of an exchange with it; 0: 5 s */
	/*
	 * True: a bootstrap is put off for *retry_after seconds, for there is too much to do. On serving
	 * threads when the device has proved itself, then on the worker; never blocks. NULL: never.
	 */
	bool (*put_off)(void *arg, const struct msbf_load *load, unsigned *retry_after);
	void *put_off_arg;
};

/* As mas_open. */
enum rc msbf_open(const struct msbf_conf *conf, struct msbf **out, char why[256]);
/* As the members of msbf_conf of those names, for bootstraps from then on. Any thread. */
void msbf_set_limits(struct msbf *m, int64_t kmr_lifetime, uint64_t ival_required,
                     int64_t audit_keep);
/* Adds the endpoints, on listeners with SERVE_MSBF. base: name of sclBase. Before scl_start. */
enum rc msbf_attach(struct msbf *m, struct scl *scl, const char *base);
/*
 * Answers what waits; from then on requests and calls are answered RC_UNAVAILABLE. Before
 * scl_stop, while the MAS works.
 */
void msbf_stop(struct msbf *m);
/* Nobody calls it any more, the scl is gone. NULL is fine. */
void msbf_close(struct msbf *m);

enum msbf_counter {
#define MSBF_COUNTER(name, text) MSBF_COUNT_##name,
#include "mas/msbf_counters.def"
#undef MSBF_COUNTER
	MSBF_COUNTERS
};
struct mas_counters *msbf_counters_of(struct msbf *m);

#endif
