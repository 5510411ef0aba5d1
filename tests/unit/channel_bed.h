/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of channels share; everything asserts what it needs. */
#ifndef UNIT_CHANNEL_BED_H
#define UNIT_CHANNEL_BED_H

#include "core_bed.h"

#define APPS BASE "/applications"
#define ME "http://scl.example.org:8080" APPS "/a"
#define G "http://g.example.org/m2m"
#define ROOT "http://scl.example.org:8080"
#define RIGHT "<m2m:accessRightID>" BASE "/accessRights/default</m2m:accessRightID>"
#define NOTIFY(ref)                                                                                \
	"<m2m:notify " NS "><m2m:statusCode>STATUS_OK</m2m:statusCode>"                            \
	"<subscriptionReference>" ref "</subscriptionReference></m2m:notify>"

struct uris {
	char contact[128], poll[128]; /* paths */
};

/* A scl whose requests to others are refused; time-outs are long. */
void channel_init(struct core_bed *b);
/* The same, running, with the application a. */
void channel_begin(struct core_bed *b);
/* A channel of that type (element), created by from. */
struct uris make_channel(struct core_bed *b, const char *parent, const char *type,
                         const char *from);
/* A notificationChannel of the application a. */
struct uris app_channel(struct core_bed *b);
/* channel_begin, and that. */
struct uris app_channel_begin(struct core_bed *b);
/* Polls it as its owner. */
void poll_begin(struct core_bed *b, struct core_call *c, const struct uris *u);
/* Sends there. */
void message_begin(struct core_bed *b, struct core_call *c, const struct uris *u, const char *body);
/* The answer has that status, and text in its body. */
void end_with(struct core_call *c, int status, const char *text);
/* For core_await: a core_call is answered. */
bool call_is_done(void *arg);

#endif
