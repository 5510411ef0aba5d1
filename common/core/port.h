/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the core needs of a transport that sends: one exchange is one request to a peer and its
 * answer. A port is used by the courier thread alone, which waits for all of its ports in one place.
 */
#ifndef CORE_PORT_H
#define CORE_PORT_H

#include "base/buf.h"
#include "base/rc.h"
#include "sec/credential.h"
#include "sec/secret.h"

#include <stdint.h>

#define EXCHANGE_HEADERS 24
#define EXCHANGE_COAP_TOKEN 4u

struct courier;
struct sockaddr; /* <sys/socket.h> */

struct exchange_header {
	struct slice name;
	struct slice value;
};

/* Owned by whoever sends it; must stay alive until done was called. */
struct exchange {
	/* The request; the slices are the sender's and stay alive until done. */
	struct slice method; /* GET, POST, PUT, DELETE */
	struct slice url; /* absolute URI of the next hop; scheme decides the port */
	struct slice target; /* request-target when it differs (absolute-form through a proxying SCL), or empty */
	struct exchange_header headers[EXCHANGE_HEADERS];
	unsigned nheaders;
	struct slice body;
	unsigned timeout_ms; /* for the whole exchange */
	size_t answer_max; /* limit of the answer's body, octets */
	/*
	 * CoAP: the token of all messages of the request, 4 octets, instead of random ones. Exchanges
	 * with one and the same wait for each other. What it tells needs no other protection.
	 */
	bool has_coap_token;
	unsigned char coap_token[EXCHANGE_COAP_TOKEN];
	bool secret_answer; /* growth of answer leaves nothing of it behind; its owner wipes it */
	/*
	 * Empty, or requestingEntity of who has named url in a request: whether something goes there, and
	 * by which credential, is then asked of the guard (core/guard.h, contact).
	 */
	struct slice named_by;
	/*
	 * NULL, or asked for each address that the host of url has, before a connection to it is made; a
	 * false one is not tried. Connections that others have made were not asked about: without a
	 * credential of its own the exchange gets one made for it. http and https alone. Courier thread.
	 */
	bool (*address_ok)(void *arg, const struct sockaddr *to);
	void *address_arg;
	/*
	 * By what TLS is made, alive until done; NULL: what port_conf.credential names for the URL. A
	 * connection is used only by exchanges with the same credential.
	 */
	const struct credential *credential;
	bool bare; /* it goes as it is, past port_conf.protect: its body proves itself */
	/*
	 * NULL, or the label of a TLS exporter without context (RFC 5705): when the session stands, and
	 * before the request is sent, exported has its value. Without one (TLS 1.2 without extended
	 * master secret, or no TLS) the exchange fails unsent. It gets a connection of its own, made for
	 * it, which later exchanges may use.
	 */
	const char *exporter_label;
	struct key exported; /* wiped by the exchange's owner */
	bool has_exported;
	/*
	 * NULL, or called once when exported is known (without a label: when the connection stands), on
	 * the courier thread: one header more for the request, or none (name empty). False: the exchange
	 * fails unsent. The slices stay until done. Must not send.
	 */
	bool (*connected)(struct exchange *ex, struct exchange_header *more);

	/* The answer, filled by the port before done. */
	enum rc rc; /* RC_OK: an answer arrived. RC_BAD_GATEWAY: refused, reset, nonsense or too large;
	               RC_GATEWAY_TIMEOUT: no answer in time; RC_UNAVAILABLE: the port is full or stopping */
	int http_status; /* 0 without an answer */
	bool unsent; /* failed before anything of the request can have reached the peer */
	bool tls_failed; /* failed for TLS: no session could be made, or not the one that was asked for */
	bool tls_refused; /* that, and the peer has said so: by an alert about the key, or as another one */
	struct buf answer; /* body; owned by the exchange, buf_fini by its owner */
	struct exchange_header answer_headers[EXCHANGE_HEADERS]; /* name in lower case; views of answer_text */
	unsigned n_answer_headers;
	struct buf answer_text; /* storage of the header views; buf_fini by its owner */
	char failure[128]; /* for the log, zero-terminated */

	/* Called once on the courier thread; may send again or free the exchange. */
	void (*done)(struct exchange *ex);
	void *owner; /* the sender's */
	void *port_data; /* the port's */
	/* The courier's, while port_conf.protect has changed the exchange. */
	struct courier *guarded_by;
	void (*guarded_done)(struct exchange *ex);
	void *protection; /* of port_conf.protect */
};

/* Value of an answer header (name in lower case), empty when absent. */
struct slice exchange_answer_header(const struct exchange *ex, const char *name);
/* Appends a request header; false when there is no room. */
bool exchange_add_header(struct exchange *ex, struct slice name, struct slice value);

/* ---- for ports ---- */

/* Before it is sent: empty answer buffers, no outcome. The exchange may be a used one, or all zeros. */
void exchange_begin(struct exchange *ex, size_t headers_max);
/* Exchanges that have ended and whose done is owed, oldest first; linked by port_data. */
struct exchanges_owed {
	void *first;
	void **last;
};
void exchanges_owed_init(struct exchanges_owed *owed);
void exchanges_owe(struct exchanges_owed *owed, struct exchange *ex);
/* Calls done of each; what these end in turn is for the next time. False: there was none. */
bool exchanges_deliver(struct exchanges_owed *owed);
/* An exchange without an answer; text is cut to fit. */
void exchange_fail(struct exchange *ex, enum rc rc, const char *text);

struct port;

struct port_conf {
	unsigned max_exchanges; /* in flight and waiting; beyond: RC_UNAVAILABLE */
	unsigned max_connections_per_host; /* in use at a time; each credential has as many */
	unsigned connect_timeout_ms;
	const char *ca_file; /* trust anchors for https and coaps, NULL = system's */
	const char *cert_file; /* own certificate for them, or NULL */
	const char *key_file;
	const char *user_agent;
	/*
	 * The credential for an https or coaps URL, referenced. RC_OK with *out NULL: the files above;
	 * RC_UNAVAILABLE: the exchange fails unsent with it. Courier thread. May be NULL.
	 */
	enum rc (*credential)(void *arg, struct slice url, struct credential **out);
	void *credential_arg;
	/*
	 * The way out and back of every exchange that goes to a port and for which its sender has named
	 * no credential, unless it is bare. Both or neither; the courier calls them, not the port. Courier thread.
	 *
	 * protect may complete and replace what is sent: credential, headers, body. RC_OK, or the
	 * exchange fails unsent with it. unprotect is called once for each RC_OK, with the answer or the
	 * failure, and before done: it takes back what protect has done to the request, and makes of
	 * the answer what the sender is to see.
	 */
	enum rc (*protect)(void *arg, struct exchange *ex);
	void (*unprotect)(void *arg, struct exchange *ex);
	void *protect_arg;
};

/* A copy with own strings; port_conf_free. What there is no memory for is absent. */
void port_conf_copy(struct port_conf *to, const struct port_conf *conf);
void port_conf_free(struct port_conf *conf);

struct port_ops {
	const char *const *schemes; /* NULL-terminated */
	enum rc (*open)(const struct port_conf *conf, struct port **p);
	/* Exchanges still in flight end with RC_UNAVAILABLE. */
	void (*close)(struct port *p);
	/* Starts the exchange; done is always called, never from within send. */
	void (*send)(struct port *p, struct exchange *ex);
	/* Does what is due and calls the done of what has ended; never waits. */
	void (*poll)(struct port *p);
	/* A descriptor that is readable while poll has something to do; the same for the port's life.
	 * -1: there is none, only the time makes work. */
	int (*fd)(const struct port *p);
	/* Milliseconds until poll has something to do without the descriptor, at most max. */
	int (*wait_ms)(const struct port *p, int max);
};

extern const struct port_ops port_http; /* http, https */
extern const struct port_ops port_coap; /* coap, coaps */

#endif
