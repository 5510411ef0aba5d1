/* SPDX-License-Identifier: Apache-2.0 */
/* The options of a daemon in the words of the security capability; private to the service. */
#ifndef APP_SEC_CONF_H
#define APP_SEC_CONF_H

#include "app/main.h"
#include "cap/sec/sec.h"

struct arena;
struct log;

/*
 * All of conf; lists are in a, strings those of o and profile. contact_uri is not known yet. False
 * when a is exhausted.
 */
bool sec_conf_fill(struct sec_conf *conf, const struct profile *profile, const struct options *o,
                   struct log *log, struct arena *a);
/* Calls use with what is filled in so, without a log. RC_UNAVAILABLE, or what use says. */
enum rc sec_conf_use(const struct profile *profile, const struct options *o,
                     enum rc (*use)(const struct sec_conf *conf, const char *name,
                                    char why[SEC_WHY_MAX]),
                     const char *name, char why[SEC_WHY_MAX]);
/* The parts of conf that a reload may change. */
void sec_conf_limits(struct mas_limits *limits, const struct options *o);
void sec_conf_rate(struct sec_rate *rate, const struct options *o);
/* What the guard asks on the i-th listener. */
void sec_conf_policy(struct listener_policy *policy, const struct options *o, size_t i);

#endif
