/* SPDX-License-Identifier: Apache-2.0 */
/* A CoAP server in front of a faked core, and its clients. */
#ifndef TESTS_UNIT_COAP_BED_H
#define TESTS_UNIT_COAP_BED_H

#include "bind/coap.h"
#include "coap_wire.h"
#include "http_fake.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))

/* Of a server. */
struct bed {
	struct scl core;
	struct coapd *server;
	struct coapd_conf conf;
};

/* To be changed before bed_run. */
void bed_init(struct bed *b);
void bed_run(struct bed *b);
/* Stops; every request must be gone. */
void bed_end(struct bed *b);

void client_open(struct client *c, const struct bed *b);
/* One whose address is proved. */
void client_proved(struct client *c, const struct bed *b);

#endif
