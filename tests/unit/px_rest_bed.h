/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The REST interface of the proxy over a book in memory, and who calls it. Each test has its own
 * process: rest_setup and rest_teardown are its fixture. Every function asserts what it needs.
 */
#ifndef UNIT_PX_REST_BED_H
#define UNIT_PX_REST_BED_H

#include <stdarg.h>

#include "cap/pxy/px.h"
#include "endpoint_bed.h"
#include "pre/afgh.h"
#include "px_unit_bed.h"
#include "suite.h"

#define ROOT "/m2m/proxy"
#define OWNER "http://a.example/m2m"
#define OTHER "http://b.example/m2m"
#define FRIEND "http://c.example/m2m"
#define REQUEST "00112233445566778899aabbccddeeff"

extern struct core_bed px_core;
extern struct px *px;
extern struct asker owner, other, friend; /* OWNER is a manager */

void rest_setup(void);
void rest_teardown(void);
/* The capability has ended, the scl has not. */
void rest_stop(void);

struct asker asker_of(const char *from);
/* Below ROOT; the answer is the caller's. */
struct told call(const struct asker *who, const char *method, const char *body, const char *fmt,
                 ...) __attribute__((format(printf, 4, 5)));

#define STATUS(want, ...)                                                                          \
	do {                                                                                       \
		struct told t_ = call(__VA_ARGS__);                                                \
                                                                                                   \
		ck_assert_msg(t_.status == (want), "%d %s", t_.status, t_.body);                   \
		told_fini(&t_);                                                                    \
	} while (0)

/* Of the owner; its id in static memory of told_text. */
const char *make_store(const char *body);
struct told put_units(const struct asker *who, const char *id, const struct buf *b);
int put_status(const struct asker *who, const char *id, const struct buf *b);
/* A section of so many data messages, from seq first on; with its MM2 when that is 0. */
void put_section(struct buf *b, uint16_t key_index, unsigned first, unsigned n);
int put_one_section(const char *id, uint16_t key_index, unsigned first, unsigned n);

/* ---- forwards of one store ---- */

#define PK_ID "0123456789abcdef"
#define SINK_URL "http://127.0.0.1:9/x"
#define SINK2_URL "http://127.0.0.1:9/y"

/* Of the owner; a key of flow_sink for epoch 0 (pre_flow.h). */
extern char store[17], rk[2 * AFGH_G2 + 1];

/* After pre_flow_setup and rest_setup. */
void forward_setup(void);
/* The body of a forward to SINK_URL with that key; static memory. */
const char *forward_with(const char *key, const char *more);
/* In static memory of told_text. */
const char *make_forward(void);
/* The answer to that control has that status, and answer in its body. */
void control_is(const char *forward, int status, const char *answer, const char *text);
/* Until the monitor of the forward has that text. */
void await_monitor(const char *forward, const char *text);

#endif
