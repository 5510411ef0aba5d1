/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The security capability of a SCL (xSEC; TS 102 690 clause 8): who may speak on which connection,
 * service connections with their keys, bootstrap. Every daemon has one: the network's serves
 * bootstraps and service connections, a node's makes them; both authenticate applications.
 *
 * It is there before the scl, which asks its guard, and before the listeners, which ask it for keys,
 * and goes after both:
 *
 *   open -> guard, psk, credential are usable -> attach (endpoints) -> scl_start -> start -> stop ->
 *   scl_stop, listeners stop, scl_free -> close
 */
#ifndef CAP_SEC_SEC_H
#define CAP_SEC_SEC_H

#include "base/clock.h"
#include "base/log.h"
#include "base/rc.h"
#include "cap/sec/overload.h"
#include "core/guard.h"
#include "mas/mas_local.h"
#include "sec/credential.h"

#include <stdbool.h>
#include <stdint.h>

#define SEC_WHY_MAX 256

struct edge_seat; /* cap/edge_gate.h */
struct geo_seat; /* cap/geo_gate.h */
struct exchange; /* core/port.h */
struct gate; /* cap/gate.h */
struct psk_source; /* bind/http.h */
struct scl;
struct sec;
struct sec_access; /* cap/sec_access.h */
struct store_ops;

/* What is kept below sec_conf.state, and in a backup. */
#define SEC_MAS_STORE "mas"
#define SEC_MSBF_STORE "msbf"
#define SEC_KEYSTORE "keystore"
#define SEC_KMA_STORE "kma" /* below the key store, as the books of other capabilities */

/* What the guard asks of requests of one listener. */
struct listener_policy {
	unsigned serve; /* enum req_serve bits */
	bool proved; /* requestingEntity must be proved; false: a claim is taken (loopback alone) */
	bool trusted_access; /* mId requests without TLS, bound by X-M2M-Connection */
};

/* Requests of one service connection: on an average of a second (0: any number), and at once. */
struct sec_rate {
	unsigned rate, burst;
};

/* Strings and lists live until close; lists end with NULL; NULL or "" = absent. Times: us. */
struct sec_conf {
	const char *scl_id;
	const char *base; /* name of sclBase */
	struct log *log;
	const struct clock *clock;
	const char *state; /* directory for what is kept; NULL: nothing outlives the process */
	const struct store_ops *engine; /* of the stores there */
	bool old_documents; /* parameter sets in the form of v1.1 unless the request says otherwise */

	/* mId */
	bool static_credentials; /* a client certificate with urn:m2m:role:scl and the SCL-ID will do */
	bool open_on_loopback; /* and on loopback nothing at all */
	struct sec_rate rate;
	struct overload_conf overload; /* the network's */
	bool low_priority; /* a node's claim for all that it sends */

	/* Applications. */
	const char *tokens; /* file: lines of "App-ID SHA-256 of the token in hex" */
	const char *const *unix_users; /* "uid=App-ID" */
	bool clear_tokens; /* tokens count also where they can be read on the way */
	const struct edge_seat
		*edge; /* of the gateway for applications outside; NULL: there is none */
	const struct geo_seat *geo; /* of the monitoring of places; NULL: there is none */

	/* Keys of this process: a file of 32 octets or 64 hex digits, or one with a passphrase. */
	struct {
		const char *path;
		const char *kek_file, *passphrase_file;
		bool bind; /* mixed with what names this machine */
	} keystore;

	/* The node's bootstrap (B6). */
	struct {
		const char *msbf; /* {msbfBase}; NULL: credentials are imported */
		const char *ca, *crl, *certificate,
			*key; /* PEM files: trust anchor, factory identity */
		const char *ppid; /* hex; NULL: that of the certificate */
		bool transport; /* Kmr is sent, not derived */
		const char *const
			*domains; /* of the NSCLs that are taken; NULL: that of the MSBF */
		const char *reject_key; /* PEM: the provider's, pinned */
		int64_t backoff; /* after a failed key confirmation */
		int64_t retry, retry_max;
	} bootstrap;
	const char *const *nscl; /* sclBase URIs of the NSCLs, of the configuration; may be empty */
	const char *contact_uri; /* of the own listener */
	int64_t renew_jitter; /* 1/1000 of the lifetime, 0..100 */

	/* Integrity validation. */
	struct {
		const char *manifest, *manifest_key; /* file, PEM */
		const char *configuration; /* file */
		int64_t interval;
	} ival;

	/* Configuration that others push to a node (config_gate.h). */
	struct {
		const char *key; /* PEM: the provider's, pinned; NULL: nothing is verified */
		const char *sub_id; /* of this node; NULL: none */
		bool require; /* what is not signed is refused */
	} config;

	/* The network's. */
	struct {
		bool msbf, mas, nscl; /* roles of this process */
		const char *mas_uri; /* of a MAS in another process; NULL: in this one */
		const char *mas_ca, *mas_certificate, *mas_key;
		const char *kek_file; /* master key of MAS and MSBF */
		const char *kek_next_file; /* the one to change to */
		const char *reject_key; /* PEM, private */
		const char *sp_id, *msbf_id;
		const char *admission; /* "list" or "ca" */
		bool local_mac; /* ppid.allow_local_mac */
		const char *const *nscls; /* sclIdList */
		const char *mas_address; /* securityMasFqdn */
		bool ocsp; /* certificates of devices have to be good by OCSP */
		const char *ocsp_responder; /* http URI; NULL: that of the certificate */
		int64_t ocsp_timeout;
		const char *admin_tokens; /* file: one bearer token */
		unsigned gaka_singles; /* T10 of a serving network in a minute */
		struct mas_limits limits; /* of the start; what counts later comes with reload */
	} network;
};

struct sec_ops {
	enum rc (*open)(const struct sec_conf *conf, struct sec **sec, char why[SEC_WHY_MAX]);
	const struct guard *(*guard)(struct sec *sec);
	const struct psk_source *(*psk)(struct sec *sec);
	/* For capability_conf.sec; lives as long as sec. */
	const struct sec_access *(*access)(struct sec *sec);
	/*
	 * For port_conf: the credential for a URL, referenced. RC_OK with *out NULL: that of the
	 * configuration; RC_UNAVAILABLE: there is no service connection to that host now.
	 */
	enum rc (*credential)(void *sec, struct slice url, struct credential **out);
	/* For port_conf as well; both or neither, NULL: requests go as they are. */
	enum rc (*protect)(void *sec, struct exchange *ex);
	void (*unprotect)(void *sec, struct exchange *ex);
	/*
	 * What the registration waits for; NULL: nothing. Lives as long as sec. The function itself may be
	 * NULL.
	 */
	const struct gate *(*gate)(struct sec *sec);
	/* Adds endpoints; before scl_start. */
	enum rc (*attach)(struct sec *sec, struct scl *scl, char why[SEC_WHY_MAX]);
	enum rc (*start)(struct sec *sec, char why[SEC_WHY_MAX]);
	/* rate and limits count; files that the configuration names are read again (tokens, revocation lists). */
	void (*reload)(struct sec *sec, const struct sec_rate *rate,
	               const struct mas_limits *limits);
	/* In a bounded time; pending requests are answered. */
	void (*stop)(struct sec *sec);
	void (*close)(struct sec *sec);
};

extern const struct sec_ops sec_network; /* nscl */
extern const struct sec_ops sec_node; /* gscl, dscl */

#endif
