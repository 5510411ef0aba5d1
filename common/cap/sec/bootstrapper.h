/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bootstrap by certificate over TLS (TS 102 690 clause 8): the node proves itself to the MSBF with
 * its factory certificate and gets a root key, stored before it is used. Tried until it succeeds,
 * with growing waits. Courier thread.
 */
#ifndef CAP_SEC_BOOTSTRAPPER_H
#define CAP_SEC_BOOTSTRAPPER_H

struct bootstrapper;
struct sec;

/* NULL without memory. */
struct bootstrapper *bootstrapper_new(struct sec *n);
/* After the courier has ended. NULL is fine. */
void bootstrapper_free(struct bootstrapper *b);
/* A root is needed, or a new one; node_take_root is called when it is there. */
void bootstrapper_need(struct bootstrapper *b);
/* What it waits for (a measurement) is there. */
void bootstrapper_go_on(struct bootstrapper *b);

#endif
