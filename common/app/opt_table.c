/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "app/opt_row.h"

#include "base/log.h"
#include "cap/sd_conf.h"
#include "cap/sga_conf.h"
#include "core/req.h"
#include "pre/hdr.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define YES true
#define NO false

/* Offset of field f of S; does not compile when the field has another type than the kind needs. */
#define FIELD(S, f, type) offsetof(S, f) + 0 * sizeof(_Generic(((S *)0)->f, type : 1))
#define TYPE_INT int
#define TYPE_INT64 int64_t
#define TYPE_SIZE int64_t
#define TYPE_MS int64_t

#define ROW_NUMBER(S, p, k, f, d, lo, hi, r, h)                                                    \
	{ .path = (p), .kind = OPT_##k, .offset = FIELD(S, f, TYPE_##k), .number = (d), .min = (lo),   \
	  .max = (hi), .reloadable = (r), .help = (h) },
#define ROW_BOOL(S, p, f, d, r, h)                                                                 \
	{ .path = (p), .kind = OPT_BOOL, .offset = FIELD(S, f, bool), .number = (d), .max = 1,         \
	  .reloadable = (r), .help = (h) },
#define ROW_TEXT(S, p, f, d, fm, lo, hi, r, h)                                                     \
	{ .path = (p), .kind = OPT_TEXT, .offset = FIELD(S, f, const char *), .text = (d),             \
	  .min = (lo), .max = (hi), .form = OPT_##fm, .reloadable = (r), .help = (h) },
#define ROW_TEXT_EXAMPLE(S, p, f, fm, hi, ex, r, h)                                                \
	{ .path = (p), .kind = OPT_TEXT, .offset = FIELD(S, f, const char *), .text = "", .max = (hi), \
	  .form = OPT_##fm, .example = "\"" ex "\"", .reloadable = (r), .help = (h) },
#define ROW_CHOICE(S, p, f, d, c, r, h)                                                            \
	{ .path = (p), .kind = OPT_CHOICE, .offset = FIELD(S, f, int), .number = (d), .choices = (c),  \
	  .reloadable = (r), .help = (h) },
#define ROW_FLAGS(S, p, f, d, c, h)                                                                \
	{ .path = (p), .kind = OPT_FLAGS, .offset = FIELD(S, f, unsigned), .number = (d),              \
	  .choices = (c), .help = (h) },
#define ROW_LIST(S, p, f, fm, hi, r, h)                                                            \
	{ .path = (p), .kind = OPT_LIST, .offset = FIELD(S, f, struct options_strings), .max = (hi),   \
	  .form = OPT_##fm, .reloadable = (r), .help = (h) },
#define ROW_TABLE(S, p, f, e, hi, ex, h)                                                           \
	{ .path = (p), .kind = OPT_TABLE, .offset = offsetof(S, f), .max = (hi), .element = &(e),      \
	  .example = (ex), .help = (h) },

#define LIST_SHAPE(S, list)                                                                        \
	_Static_assert(sizeof(((S *)0)->list) == sizeof(struct opt_span) &&                            \
	               offsetof(S, list.n) - offsetof(S, list) == offsetof(struct opt_span, n),        \
	               "list of another shape")

LIST_SHAPE(struct options, listeners);
LIST_SHAPE(struct options, access_rights);
LIST_SHAPE(struct options, peers);
LIST_SHAPE(struct options, proxy.sources);
LIST_SHAPE(struct options, proxy.sinks);
LIST_SHAPE(struct options, sga.servers);
LIST_SHAPE(struct options, sga.peers);
LIST_SHAPE(struct options_access_right, permissions);
LIST_SHAPE(struct options_access_right, self_permissions);

static const struct opt_choice protocol_choices[] = {
	{ "http", OPTIONS_HTTP },
	{ "coap", OPTIONS_COAP },
	{ NULL, 0 },
};

static const struct opt_choice security_choices[] = {
	{ "none", OPTIONS_CLEAR },
	{ "certificate", OPTIONS_CERTIFICATE },
	{ "psk", OPTIONS_PSK },
	{ NULL, 0 },
};

static const struct opt_choice serve_choices[] = {
	{ "mia", SERVE_MIA },
	{ "dia", SERVE_DIA },
	{ "mid", SERVE_MID },
	{ "msbf", SERVE_MSBF },
	{ "mas", SERVE_MAS },
	{ "admin", SERVE_ADMIN },
	{ "proxy", SERVE_PROXY },
	{ "edge", SERVE_EDGE },
	{ NULL, 0 },
};

static const struct opt_choice issuer_choices[] = {
	{ "auto", OPTIONS_ISSUER_AUTO },
	{ "proved", OPTIONS_ISSUER_PROVED },
	{ "claimed", OPTIONS_ISSUER_CLAIMED },
	{ NULL, 0 },
};

static const struct opt_choice switch_choices[] = {
	{ "off", OPTIONS_OFF },
	{ "on", OPTIONS_ON },
	{ NULL, 0 },
};

static const struct opt_choice admission_choices[] = {
	{ "list", OPTIONS_ADMISSION_LIST },
	{ "ca", OPTIONS_ADMISSION_CA },
	{ NULL, 0 },
};

static const struct opt_choice priority_choices[] = {
	{ "normal", OPTIONS_PRIORITY_NORMAL },
	{ "low", OPTIONS_PRIORITY_LOW },
	{ NULL, 0 },
};

static const struct opt_choice document_choices[] = {
	{ "v2.1.1", OPTIONS_DOCUMENTS_V2 },
	{ "v1.1", OPTIONS_DOCUMENTS_V1 },
	{ NULL, 0 },
};

static const struct opt_choice park_choices[] = {
	{ "full", OPTIONS_PARK_FULL },
	{ "down", OPTIONS_PARK_DOWN },
	{ "always", OPTIONS_PARK_ALWAYS },
	{ NULL, 0 },
};

static const struct opt_choice signature_choices[] = {
	{ "auto", SD_POLICY_AUTO },
	{ "ed25519", SD_POLICY_ED25519 },
	{ "bls", SD_POLICY_BLS },
	{ "identity", SD_POLICY_IDENTITY },
	{ NULL, 0 },
};

static const struct opt_choice drain_choices[] = {
	{ "applied", OPTIONS_DRAIN_APPLIED },
	{ "acknowledged", OPTIONS_DRAIN_ACKNOWLEDGED },
	{ NULL, 0 },
};

/* As sec/cipher.h names and numbers them; a test compares. */
static const struct opt_choice cipher_choices[] = {
	{ "AES-128-CCM-8", 0x0001 },
	{ "AES-128-CCM", 0x0002 },
	{ "AES-128-GCM", PRE_CID_DEFAULT },
	{ "AES-256-GCM", 0x0004 },
	{ "ChaCha20-Poly1305", 0x0005 },
	{ "ARIA-128-CCM", 0x0006 },
	{ "ARIA-128-GCM", 0x0007 },
	{ NULL, 0 },
};

/* The groups by name (RFC 7919), numbered as in TLS. */
static const struct opt_choice group_choices[] = {
	{ "ffdhe2048", 0x0100 },
	{ "ffdhe3072", 0x0101 },
	{ "ffdhe4096", 0x0102 },
	{ NULL, 0 },
};

static const struct opt_choice policy_choices[] = {
	{ "allowed", SGA_POLICY_ALLOWED },
	{ "strongest", SGA_POLICY_STRONGEST },
	{ NULL, 0 },
};

static const struct opt_choice flag_choices[] = {
	{ "READ", OPTIONS_READ },
	{ "WRITE", OPTIONS_WRITE },
	{ "DISCOVER", OPTIONS_DISCOVER },
	{ "DELETE", OPTIONS_DELETE },
	{ "CREATE", OPTIONS_CREATE },
	{ NULL, 0 },
};

static const struct opt_choice level_choices[] = {
	{ "error", LOG_LEVEL_ERROR },
	{ "warn", LOG_LEVEL_WARN },
	{ "info", LOG_LEVEL_INFO },
	{ "debug", LOG_LEVEL_DEBUG },
	{ NULL, 0 },
};

/* clang-format off */
#define S struct options_listener
static const struct opt_row listener_rows[] = {
	ROW_TEXT(S, "address", address, "127.0.0.1", ADDRESS, 1, 64, NO,
	         "Numeric address; 0.0.0.0 or :: for all; unix:/PATH: a UNIX socket.")
	ROW_NUMBER(S, "port", INT, port, OPT_REQUIRED, 0, 65535, NO,
	           "TCP port, for coap UDP port; 0: any free one, and for a UNIX socket.")
	ROW_CHOICE(S, "protocol", protocol, OPTIONS_HTTP, protocol_choices, NO,
	           "http: HTTP/1.1; coap: CoAP over UDP, for mia, dia, mid and proxy.")
	ROW_CHOICE(S, "security", security, OPTIONS_CLEAR, security_choices, NO,
	           "none: http, coap; certificate: TLS for https, DTLS for coaps; psk: the same with the "
	           "pre-shared keys of service connections and of applications (Kma).")
	ROW_TEXT(S, "certificate", certificate, "", PLAIN, 0, 1024, NO,
	         "PEM file with the server's certificate and its chain.")
	ROW_TEXT(S, "key", key, "", PLAIN, 0, 1024, NO, "PEM file with the private key.")
	ROW_TEXT(S, "ca", ca, "", PLAIN, 0, 1024, NO,
	         "PEM file with the authorities that client certificates are verified by. Empty: they "
	         "are not asked for; where proxy is served: proxy.ca_file.")
	ROW_TEXT(S, "crl", crl, "", PLAIN, 0, 1024, NO,
	         "PEM file with revocation lists for ca, read again when it changes. Empty: revocation is "
	         "not checked.")
	ROW_BOOL(S, "require_client_cert", require_client_cert, false, NO,
	         "Refuse connections without a client certificate.")
	ROW_CHOICE(S, "issuer", issuer, OPTIONS_ISSUER_AUTO, issuer_choices, NO,
	           "proved: requestingEntity must be whom the connection, or a token, proves; others are "
	           "answered 403. claimed: it is taken as it is given, on loopback alone. auto: claimed on "
	           "loopback without client certificates and without psk, else proved.")
	ROW_BOOL(S, "trusted_access", trusted_access, false, NO,
	         "The access network protects what comes here: mId requests without TLS are taken when "
	         "they are bound to a service connection that permits it (X-M2M-Connection).")
	ROW_BOOL(S, "tls13_only", tls13_only, false, NO, "Refuse TLS 1.2; with protocol http and security psk.")
	ROW_BOOL(S, "allow_non_pfs", allow_non_pfs, false, NO,
	         "Take the suites without forward secrecy in TLS 1.2, for old nodes, and in DTLS that which "
	         "RFC 7252 has every node know; with security psk.")
	ROW_NUMBER(S, "unix_mode", INT, unix_mode, 660, 0, 777, NO,
	           "Mode of the UNIX socket, in octal digits.")
	ROW_FLAGS(S, "serve", serve, SERVE_MIA | SERVE_DIA | SERVE_MID, serve_choices,
	          "Reference points that are served. proxy: the store-and-forward proxy for gateways of other "
	          "providers; it stands alone and needs security \"certificate\" with require_client_cert, or "
	          "loopback. edge: mIa for applications outside, by their grants; it stands alone and needs "
	          "security \"certificate\" with require_client_cert.")
};
#undef S

#define S struct options_permission
static const struct opt_row permission_rows[] = {
	ROW_TEXT(S, "id", id, NULL, SEGMENT, 1, 255, NO, "Id, unique in its list.")
	ROW_FLAGS(S, "flags", flags, 0, flag_choices, "What is permitted.")
	ROW_BOOL(S, "holders.all", holders.all, false, NO, "Everybody is a holder.")
	ROW_LIST(S, "holders.applications", holders.applications, PLAIN, 1024, NO,
	         "APP-IDs of holders.")
	ROW_LIST(S, "holders.scls", holders.scls, PLAIN, 1024, NO, "SCL-IDs of holders.")
	ROW_LIST(S, "holders.domains", holders.domains, PLAIN, 1024, NO, "Domains of holders.")
	ROW_LIST(S, "holders.refs", holders.refs, PLAIN, 1024, NO,
	         "URIs of applications, SCLs or groups that are holders.")
};
#undef S

static const struct opt_table permission_table = {
	permission_rows, NITEMS(permission_rows), sizeof(struct options_permission)
};

#define S struct options_access_right
static const struct opt_row access_right_rows[] = {
	ROW_TEXT(S, "id", id, NULL, SEGMENT, 1, 255, NO, "Id of the resource.")
	ROW_TABLE(S, "permissions", permissions, permission_table, 256, NULL,
	          "Rights on the resources that name this one.")
	ROW_TABLE(S, "self_permissions", self_permissions, permission_table, 256, NULL,
	          "Rights on this resource itself.")
};
#undef S

#define S struct options_peer
static const struct opt_row peer_rows[] = {
	ROW_TEXT(S, "uri", uri, NULL, CONTACT, 1, 1024, NO, "URI of its sclBase.")
	ROW_TEXT(S, "public_domain", public_domain, "", PLAIN, 0, 253, NO,
	         "Domain whose SCLs it answers for. Empty: the host of uri.")
	ROW_TEXT(S, "scl_id", scl_id, "", SEGMENT, 0, 255, NO,
	         "SCL-ID that it proves by its certificate or service connection: no other SCL "
	         "registers with uri, or what is below it, as link. Empty: none does that proves one.")
};
#undef S

#define S struct options_proxy_source
static const struct opt_row proxy_source_rows[] = {
	ROW_TEXT(S, "url", url, NULL, CONTACT, 1, 1024, NO,
	         "URL of the source, as it stands in its messages: its sclBase.")
	ROW_TEXT(S, "scl", scl, NULL, SEGMENT, 1, 255, NO, "SCL-ID that its requests count as.")
	ROW_TEXT(S, "key", key, NULL, PLAIN, 1, 1024, NO,
	         "PUBLIC KEY file (m2m-pre keygen) with the key that it signs by.")
};
#undef S

#define S struct options_proxy_sink
static const struct opt_row proxy_sink_rows[] = {
	ROW_TEXT(S, "name", name, NULL, SEGMENT, 1, 64, NO, "Name, unique in the list; not uplink.")
	ROW_TEXT(S, "url", url, NULL, CONTACT, 1, 1024, NO, "URL that proxies deliver to.")
	ROW_TEXT(S, "key", key, NULL, PLAIN, 1, 1024, NO,
	         "PUBLIC KEY file (m2m-pre keygen) with the key that proxies re-encrypt for.")
	ROW_TEXT(S, "destination", destination, "", CONTACT, 0, 1024, NO,
	         "URI of the SCL that it stands for: it is sent what was for that one. Empty: it is "
	         "sent everything besides.")
};
#undef S

#define S struct options_sga_server
static const struct opt_row sga_server_rows[] = {
	ROW_TEXT(S, "id", id, NULL, PLAIN, 1, 64, NO, "Identity of the server, unique in the list.")
	ROW_TEXT(S, "root", root, NULL, CONTACT, 1, 1024, NO,
	         "URL of its interface, such as http://gw.example.org:8181/m2m/sga.")
	ROW_TEXT(S, "via", via, "", CONTACT, 0, 1024, NO,
	         "URL of the own gateway: requests are sent there and passed on. Empty: they are sent "
	         "to root.")
	ROW_TEXT(S, "verify_key", verify_key, NULL, PLAIN, 1, 1024, NO,
	         "PEM file with the Ed25519 public key that its packages are signed by.")
	ROW_TEXT(S, "token", token, "", PLAIN, 0, 1024, NO,
	         "File with the one-time token of registration, 32 hex digits. Empty: the device is "
	         "registered.")
	ROW_NUMBER(S, "suite", INT, suite, 2, 1, 2, NO, "1: RSA and finite fields (C), 2: X25519 (X).")
};
#undef S

#define S struct options_sga_peer
static const struct opt_row sga_peer_rows[] = {
	ROW_TEXT(S, "id", id, NULL, PLAIN, 1, 64, NO, "Identity of the device, unique in the list.")
	ROW_TEXT(S, "server", server, "", PLAIN, 0, 64, NO,
	         "Identity of the server that sessions with it go by. Empty: the first one.")
	ROW_TEXT(S, "sign_key", sign_key, "", PLAIN, 0, 1024, NO,
	         "PEM file with its Ed25519 public key, from elsewhere than the server: nothing is "
	         "taken of it that this key does not prove, and sessions are end to end against any "
	         "server. Empty: against one that keeps to the protocol.")
};
#undef S

static const struct opt_table proxy_source_table = {
	proxy_source_rows, NITEMS(proxy_source_rows), sizeof(struct options_proxy_source)
};
static const struct opt_table proxy_sink_table = {
	proxy_sink_rows, NITEMS(proxy_sink_rows), sizeof(struct options_proxy_sink)
};
static const struct opt_table sga_server_table = {
	sga_server_rows, NITEMS(sga_server_rows), sizeof(struct options_sga_server)
};
static const struct opt_table sga_peer_table = {
	sga_peer_rows, NITEMS(sga_peer_rows), sizeof(struct options_sga_peer)
};
static const struct opt_table peer_table = {
	peer_rows, NITEMS(peer_rows), sizeof(struct options_peer)
};
static const struct opt_table listener_table = {
	listener_rows, NITEMS(listener_rows), sizeof(struct options_listener)
};
static const struct opt_table access_right_table = {
	access_right_rows, NITEMS(access_right_rows), sizeof(struct options_access_right)
};

static const struct opt_row option_rows[] = {
#define NUMBER(...) ROW_NUMBER(struct options, __VA_ARGS__)
#define BOOL(...) ROW_BOOL(struct options, __VA_ARGS__)
#define TEXT(...) ROW_TEXT(struct options, __VA_ARGS__)
#define TEXT_EXAMPLE(...) ROW_TEXT_EXAMPLE(struct options, __VA_ARGS__)
#define CHOICE(...) ROW_CHOICE(struct options, __VA_ARGS__)
#define LIST(...) ROW_LIST(struct options, __VA_ARGS__)
#define TABLE(...) ROW_TABLE(struct options, __VA_ARGS__)
#include "app/options.def"
};
/* clang-format on */

const struct opt_table opt_options = { option_rows, NITEMS(option_rows), sizeof(struct options) };
