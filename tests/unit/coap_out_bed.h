/* SPDX-License-Identifier: Apache-2.0 */
/* Exchanges of port_coap with coap_peer. */
#ifndef UNIT_COAP_OUT_BED_H
#define UNIT_COAP_OUT_BED_H

#include "coap_peer.h"
#include "core/port.h"
#include "port_turn.h"
#include "suite.h"

struct coap_errand {
	struct exchange ex;
	char url[256];
	unsigned done;
	unsigned asked; /* connected was called */
	bool refuse; /* what connected says */
	struct port *again; /* where done sends it once more */
};

/*
 * Names of the tests: slow.example is 127.0.0.1 once names are not held any more, two.example
 * 127.0.0.2 and 127.0.0.1, other.example 127.0.0.1.
 */
extern _Atomic bool names_held;
extern _Atomic unsigned n_names_held; /* look-ups */

/* A method to path at host and that port; scheme with the colon and slashes. */
void errand_to(struct coap_errand *e, const char *scheme, const char *host, unsigned port,
               const char *method, const char *path);
/* GET coap://127.0.0.1. */
void errand_get(struct coap_errand *e, unsigned port, const char *path);
void errand_fini(struct coap_errand *e);

struct port *coap_port_open(unsigned max_exchanges, unsigned per_host, unsigned connect_ms);
/* Until it is done, or the test fails. */
void coap_await(struct port *p, const struct coap_errand *e);
void coap_run(struct port *p, struct coap_errand *e);
/* Turns for so long. */
void coap_turn_ms(struct port *p, int ms);
/* The exchange has the answer of /ok. */
void expect_ok(const struct coap_errand *e);

#endif
