/* SPDX-License-Identifier: Apache-2.0 */
/* The names that TLS peers go by: what keys and credentials for URLs are found by. Any thread. */
#ifndef CAP_SEC_SECURE_NAME_H
#define CAP_SEC_SECURE_NAME_H

#include "base/uri.h"

#define SECURE_NAME_MAX 255 /* octets of an authority */

/*
 * The name of url, in lower case: host:port, for that of HTTP; a port of UDP is another one, so it
 * has the scheme before it. *u gets the parts of url. False for what has no TLS or DTLS, or is too
 * long.
 */
bool secure_name(struct slice url, char name[SECURE_NAME_MAX + 1], struct uri *u);

#endif
