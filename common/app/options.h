/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration of a daemon. Every option is a row of options.def (path, kind, default, range,
 * reloadable or not, help); reading, --help, --dump-config, the sample files and the manual pages
 * all come from the rows.
 *
 * A struct options is never changed once it was loaded, so any thread may read it. It owns all its
 * strings and lists. Absent strings are "", never NULL. Durations (_ms) are milliseconds.
 */
#ifndef APP_OPTIONS_H
#define APP_OPTIONS_H

#include "app/options_proxy.h"
#include "app/options_mtc.h"
#include "app/options_sga.h"
#include "base/buf.h"

#include <stdint.h>
#include <stdio.h>

#define OPTIONS_ERRORS_MAX 65536u /* a fitting maximum for the buffer of errors */

struct arena;

/* Flags of a permission; the values of m2m:PermissionFlagType in the order of the schema. */
enum options_flag {
	OPTIONS_READ = 1,
	OPTIONS_WRITE = 2,
	OPTIONS_DISCOVER = 4,
	OPTIONS_DELETE = 8,
	OPTIONS_CREATE = 16
};

enum options_protocol { OPTIONS_HTTP, OPTIONS_COAP };
enum options_security { OPTIONS_CLEAR, OPTIONS_CERTIFICATE, OPTIONS_PSK };

/* Whether requests must come from whom they name. */
enum options_issuer { OPTIONS_ISSUER_AUTO, OPTIONS_ISSUER_PROVED, OPTIONS_ISSUER_CLAIMED };

enum options_admission { OPTIONS_ADMISSION_LIST, OPTIONS_ADMISSION_CA };
enum options_priority { OPTIONS_PRIORITY_NORMAL, OPTIONS_PRIORITY_LOW };
enum options_switch { OPTIONS_OFF, OPTIONS_ON };
enum options_documents { OPTIONS_DOCUMENTS_V2, OPTIONS_DOCUMENTS_V1 };

struct options_listener {
	const char *address; /* numeric IPv4 or IPv6, or unix:/path */
	int port; /* 0 = any free one */
	int protocol; /* enum options_protocol */
	int security; /* enum options_security */
	const char *certificate; /* PEM files; with OPTIONS_CERTIFICATE only */
	const char *key;
	const char *ca; /* "" = client certificates are not looked at */
	const char *crl; /* "" = revocation is not checked */
	bool require_client_cert;
	int issuer; /* enum options_issuer */
	bool trusted_access; /* mId without TLS, each request bound to its service connection */
	bool tls13_only; /* OPTIONS_PSK */
	bool allow_non_pfs; /* OPTIONS_PSK */
	int unix_mode; /* of unix:/path: octal digits read as a decimal number */
	unsigned serve; /* enum req_serve bits */
};

struct options_permission {
	const char *id;
	unsigned flags; /* enum options_flag bits */
	struct {
		bool all;
		struct options_strings applications; /* APP-IDs */
		struct options_strings scls; /* SCL-IDs */
		struct options_strings domains;
		struct options_strings refs; /* URIs of applications, SCLs or groups */
	} holders;
};

struct options_permissions {
	const struct options_permission *v;
	size_t n;
};

/* One accessRight resource below sclBase of a fresh store (TS 102 690 access rights). */
struct options_access_right {
	const char *id;
	struct options_permissions permissions;
	struct options_permissions self_permissions;
};

/* An NSCL of another service provider (mIm). */
struct options_peer {
	const char *uri;
	const char *public_domain; /* "" = host of uri */
	const char *scl_id; /* "" = none */
};

struct options {
	struct {
		const char *id;
		const char *base;
		struct options_strings own_names;
		const char *uri; /* "" = that of a listener */
		const char *public_domain;
		struct options_strings search_strings;
		bool trailing_slash;
		bool tolerate_unordered;
	} scl;
	struct {
		const char *engine; /* name of a store_ops */
		const char *path;
		int64_t max_bytes; /* 0 = the engine's default */
		int64_t cache_bytes;
		int64_t write_buffer_bytes;
		int max_readers;
	} store;
	struct {
		int threads;
		int max_connections;
		int max_connections_per_address;
		int max_strangers_per_address; /* 0 = no limit */
		int64_t header_max; /* octets of the whole header */
		int64_t header_timeout_ms;
		int64_t request_timeout_ms;
		int64_t min_rate; /* octets per second */
		int64_t idle_timeout_ms;
	} http;
	struct {
		int max_sessions;
		int max_sessions_per_address;
		int max_handshakes;
		int max_observers;
		int max_observers_per_session;
		int max_requests_per_session;
		int64_t block_bytes;
		int64_t idle_timeout_ms;
		int64_t ack_delay_ms;
		bool notify_non;
	} coap;
	struct {
		const struct options_listener *v;
		size_t n; /* at least 1 */
	} listeners;
	struct {
		bool allow_clear;
	} listen;
	struct options_strings roles; /* of nscl: "msbf", "mas", "nscl" */
	struct {
		bool static_credentials;
		bool open_on_loopback;
		int64_t renew_jitter; /* 1/1000 */
		int documents; /* enum options_documents */
	} mid;
	struct {
		const char *tokens; /* file */
		struct options_strings unix_users; /* "uid=App-ID" */
	} issuers;
	struct {
		const char *path; /* "" = keystore in store.path */
		const char *kek_file, *passphrase_file;
		bool bind;
	} keystore;
	struct {
		const char *msbf; /* "" = none: credentials are imported */
		const char *ca, *crl, *certificate, *key;
		const char *ppid; /* "" = that of the certificate */
		bool transport;
		struct options_strings domains;
		const char *reject_key;
		int64_t backoff_ms, retry_ms, retry_max_ms;
	} bootstrap;
	struct {
		const char *id, *sp_id;
		int admission; /* enum options_admission */
		bool allow_local_mac;
		struct options_strings nscls;
		const char *mas_address;
		int ocsp; /* enum options_switch */
		const char *ocsp_responder; /* "" = that of the certificate */
		int64_t ocsp_timeout_ms;
	} msbf;
	struct {
		const char *uri; /* "" = in this process */
		const char *ca, *certificate, *key;
		const char *kek_file, *kek_next_file, *reject_key;
		int64_t audit_keep_ms;
		int64_t kmr_lifetime_ms, kmc_lifetime_ms, kmc_overlap_ms;
		int flags; /* securitymIdFlags of new nodes */
		int64_t ival_required;
	} mas;
	struct {
		const char *tokens; /* file */
	} admin;
	struct {
		const char *manifest, *manifest_key, *configuration;
		int64_t interval_ms;
	} ival; /* integrity validation */
	struct {
		const char *ca; /* "" = the system's trust anchors */
		const char *certificate;
		const char *key;
		int64_t connect_timeout_ms;
		int64_t forward_timeout_ms;
		int64_t notify_timeout_ms;
		int max_exchanges;
		int max_connections_per_host;
	} client;
	struct {
		int64_t hold_ms;
		int polls_max;
		int per_parent;
		int queue_max;
		int64_t queue_bytes;
		int64_t total_bytes;
	} channel;
	struct {
		int members_max; /* of one group */
		int parallel; /* members called at a time by one request */
		int requests_max; /* to groups, under way */
		int calls_max; /* to members, of all requests */
		int64_t member_timeout_ms;
		int64_t timeout_ms; /* for all members of one request */
		int64_t aggregation_wait_ms; /* 0 = no aggregation */
		int aggregation_max; /* notifications that wait */
	} group;
	struct {
		struct options_strings to;
		int max_scls;
	} announce;
	struct {
		const struct options_peer *v;
		size_t n;
	} peers;
	struct {
		struct options_strings nscl; /* none = do not register */
		int64_t lifetime_ms;
		int64_t retry_ms;
		int64_t retry_max_ms;
		const char *contact_uri; /* "" = that of the first listener */
		bool channel;
		struct options_strings search_strings;
		struct options_strings announce_to;
		const char *mgmt_protocol;
		int priority; /* enum options_priority */
		int release;
		bool on_trigger;
	} register_at; /* group "register" */
	struct {
		int64_t body_max;
		int depth;
		int nodes;
		int attributes;
		int64_t text_max;
		int pending_requests;
		int batch_max;
		int queue_max;
		int64_t answer_max_bytes;
		int collection_max;
		int discovery_max;
		int instances_per_answer;
		int id_max;
		int64_t arena_max;
		int rate; /* 0 = off */
		int burst;
	} limits;
	struct {
		bool enabled;
		int queue_level1, queue_level2, queue_level3; /* percent, 0 = never */
		int cpu_level1, cpu_level2, cpu_level3;
		int64_t hold_ms;
	} overload;
	struct {
		int64_t default_ms; /* 0 = infinite */
		int64_t min_ms;
		int64_t max_ms; /* 0 = no maximum */
		int64_t scl_default_ms;
	} lifetime;
	struct {
		int64_t max_nr_default; /* of each three: 0 = none */
		int64_t max_nr_min;
		int64_t max_nr_max;
		int64_t max_bytes_default;
		int64_t max_bytes_min;
		int64_t max_bytes_max;
		int64_t max_age_default_ms;
		int64_t max_age_min_ms;
		int64_t max_age_max_ms;
	} container;
	struct {
		int per_resource;
		int total;
		int outbox_max;
		int batch_instances;
		int64_t batch_bytes;
		int64_t retry_first_ms;
		int64_t retry_max_ms;
		int tries; /* 0 = until the subscription ends */
	} subscription;
	struct {
		struct options_strings access_networks;
		int requests_max;
		int64_t octets_max;
		int waiting_max;
		int64_t lifetime_ms;
		int64_t linger_ms;
		int64_t retry_first_ms;
		int64_t retry_max_ms;
	} saf; /* store and forward */
	struct {
		bool enabled;
		struct options_strings managers;
		int64_t refresh_ms;
		const char *state; /* "" = in store.path */
		const char *package_key;
		int64_t package_max;
		int64_t command_timeout_ms;
		int64_t download_timeout_ms;
		const char *firmware_directory;
		struct options_strings firmware_command;
		const char *software_directory;
		struct options_strings software_command;
		struct options_strings reboot_command;
		bool factory_reset;
		int64_t log_bytes;
		const char *system_log;
		int64_t exec_lifetime_ms;
		int exec_max; /* of one mgmtCmd */
		int orders_max;
	} rem; /* remote entity management */
	struct options_proxy proxy;
	struct options_sga sga;
	struct options_gaka gaka;
	struct options_mpa mpa;
	struct options_sd sd;
	struct {
		bool enabled;
		int64_t body_max;
		int grants_max;
		struct options_strings contact_networks;
		const char *contact_ca; /* "" = the system's */
	} edge; /* applications outside */
	struct {
		bool enabled;
		const char *contact; /* of an NSCL, "" = none */
		int64_t lifetime_ms, retry_ms;
		int rate; /* of an SCL in an hour */
		int pending_max;
		struct options_strings networks;
		const char *listen; /* of a node, "" = none */
		const char *uri; /* "" = that of listen */
		int max; /* in an hour */
	} trigger;
	struct {
		const char *key; /* "" = none */
		const char *sub_id; /* "" = none */
		bool require;
	} config; /* pushed to a node */
	struct {
		bool enabled;
		int nodes_max;
		int64_t hold_ms;
		const char *access_right; /* "" = none */
		const char *source; /* of a node, "" = none */
		const char *container;
	} geo; /* places of nodes */
	struct {
		int containers;
	} cache;
	struct {
		const struct options_access_right *v;
		size_t n;
	} access_rights;
	const char *default_access_right; /* id of an access right, or "" */
	struct {
		int level; /* enum log_level */
	} log;
	const char *file; /* absolute path of what was read; NULL: none. No option. */
	struct arena *arena; /* private: all of the above lives in it, options_free */
};

/* A default of one daemon that differs from the row's, in the text form of -o. */
struct options_default {
	const char *path;
	const char *value;
};

/* What the options of a daemon depend on; constant. */
struct options_profile {
	const char *name; /* of the daemon */
	const struct options_default *defaults; /* ends with path NULL; NULL = none differ */
	const char *const
		*absent; /* prefixes ("register.") of the rows that it lacks; may be NULL */
	const char *const *engines; /* names of its stores, NULL-terminated */
};

/* Where options come from: the defaults, then file or text, then the overrides in order. */
struct options_source {
	const struct options_profile *profile;
	const char *file; /* libconfig file, or NULL */
	const char *text; /* libconfig text, read when file is NULL; or NULL */
	const char *const *overrides; /* "path=value" */
	size_t n_overrides;
};

/*
 * Loads and checks. NULL when anything is wrong: errors (initialised by the caller) then has one
 * line "FILE:LINE: message" or "-o path: message" per finding, as many as could be found.
 */
struct options *options_load(const struct options_source *src, struct buf *errors);
/* True for an address that only this host reaches: loopback, or a UNIX socket. */
bool options_address_is_local(const char *address);
/* True when requests on l must come from whom they name. */
bool options_listener_proves(const struct options *o, const struct options_listener *l);
/* What client certificates are verified by on l; "" = they are not looked at. */
const char *options_listener_ca(const struct options *o, const struct options_listener *l);
/* The defaults of a daemon; NULL without memory. Freed with options_free. */
struct options *options_defaults(const struct options_profile *p);
/* NULL is fine. Options that borrowed from o by options_merge must be gone. */
void options_free(struct options *o);

/* Called for each option that differs. applied: false when only a restart brings it into use. */
typedef void options_change(void *arg, const char *path, bool applied);

/*
 * Prepares next for taking the place of cur without a restart: what is not reloadable is taken
 * back from cur, from which next borrows, so cur must live longer than next. False, with lines in
 * errors, when the result contradicts itself; next is then only good for options_free.
 */
bool options_merge(struct options *next, const struct options *cur, const struct options_profile *p,
                   options_change *change, void *arg, struct buf *errors);

enum options_form {
	OPTIONS_EFFECTIVE, /* every option with its value */
	OPTIONS_SAMPLE /* defaults as comments, examples where there is no default */
};

/* Writes a libconfig file with help as comments; what it says reads back to the same options. */
void options_write(const struct options *o, const struct options_profile *p, enum options_form form,
                   struct buf *out);
/* The list of options of --help: path, kind, default, range, help. */
void options_write_help(const struct options_profile *p, struct buf *out);
/* The same as the body of a section of a manual page (roff, man macros). */
void options_write_man(const struct options_profile *p, struct buf *out);

#endif
