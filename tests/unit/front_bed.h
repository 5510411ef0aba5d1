/* SPDX-License-Identifier: Apache-2.0 */
/* The front on a socket as libcoap makes it; the reader is the test. */
#ifndef UNIT_FRONT_BED_H
#define UNIT_FRONT_BED_H

#include "bind/coap_front.h"
#include "bind/coap_front_impl.h"

#define PER_ADDRESS 8u
#define HANDSHAKES 8u

extern struct front_conf conf;
extern struct front_name front_at; /* where the front is */
extern struct front *front;
extern int client; /* a socket of 127.0.0.1, connected to it */
extern char why[COAPD_WHY_MAX];
extern int64_t now; /* the front's */
extern struct front_peer *ended; /* that the front has ended last, or NULL */

void front_bed_start(bool dtls);
void front_bed_end(void);

/* Another client; port in network order, 0: any. */
int front_client_at(const char *address, in_port_t port);
int front_client(const char *address);

void send_to(int fd, const void *p, size_t n);
/* What the front makes of the datagrams that wait; one that passes is read, as libcoap does. */
enum front_next turn(void);
/* The length of what came back, 0 when nothing did. */
size_t answer(int fd, unsigned char *out, size_t max);
/* libcoap has made a session for what has passed from fd. */
struct front_peer *join(int fd);

#endif
