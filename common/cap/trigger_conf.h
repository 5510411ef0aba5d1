/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the capabilities of triggers ask of the configuration: group trigger of the options. Strings
 * and lists live until detach has returned; an absent string is NULL, lists of strings end with NULL
 * and are never NULL. Times are microseconds unless they say otherwise.
 */
#ifndef CAP_TRIGGER_CONF_H
#define CAP_TRIGGER_CONF_H

#include "sec/trigger.h"

#include <stdbool.h>
#include <stdint.h>

#define TRIGGER_TAKE_MAX 60u

/* Of an NSCL: it sends them. */
struct trigger_conf_send {
	/* Where they lead to, whatever is asked for. */
	const char *host;
	uint16_t port;
	enum trigger_scheme scheme;
	int64_t lifetime; /* of a token, when nothing else is asked for */
	int64_t retry; /* to the first repetition; doubled after each */
	unsigned rate; /* of one SCL in an hour */
	unsigned pending_max; /* under way */
	const char *const *networks; /* that may be sent to, beside the public Internet */
	const char *ca, *certificate, *key; /* PEM files, for addresses of https */
};

/* Of a gateway or device: it takes them. */
struct trigger_conf_take {
	const char *listen; /* "address:port" of UDP; NULL: none */
	const char *uri; /* remTriggerAddr of the registration; NULL: none */
	unsigned max; /* in an hour, 1..TRIGGER_TAKE_MAX */
	/* Domains of the NSCLs that the node may be led to, beside those that it knows. */
	const char *const *domains;
};

struct trigger_conf {
	bool enabled;
	struct trigger_conf_send send;
	struct trigger_conf_take take;
};

#endif
