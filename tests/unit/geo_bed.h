/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the monitoring of places work on: its tables and its courier, with an SCL whose
 * answers the test gives. Nothing is stored.
 */
#ifndef GEO_BED_H
#define GEO_BED_H

#include "cap/geo/geo_impl.h"

#define NODE_A "01000000000000000000000000000001"
#define NODE_B "01000000000000000000000000000002"
#define WARN "{\"policy\":\"warn\",\"attachments\":[{\"cell\":\"c1\"}]}"

extern struct geo bed;

/* A fixture: no nodes, two are the most; the courier has nothing to do. */
void bed_setup(void);
void bed_teardown(void);
struct node_id bed_id(const char *hex);
/* The node has that policy from now on. */
struct geo_node *bed_put(const char *hex, const char *json);
struct geo_node *bed_node(const char *hex);
/* The access network has found it there: its alarms begin or end. */
void bed_found(const char *hex, const char *cell);
/* The courier has its turns until it has nothing to do or waits for an answer. */
void bed_turn(void);
/* All that is tried again is due. */
void bed_wait(void);
/* The courier waits for the answer of such a request; the target is its end. */
bool bed_asks(const char *method, const char *target);
/* What it sends has that in it. */
bool bed_sends(const char *text);
bool bed_idle(void);
/* The answer to it, and the courier's next turn. */
void bed_answer(enum rc rc);
/* The same with a body, which is another one than before when etag is. */
void bed_answer_body(const char *body, const char *etag);
uint64_t bed_count(enum geo_count which);

#endif
