/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The capability of the secure store-and-forward proxy: an SCL stores and forwards what it cannot
 * read (proxy), receives by proxies (sink), parks at them what its uplink does not take (source), as
 * the options ask for.
 */
#ifndef CAP_PROXY_H
#define CAP_PROXY_H

#include "cap/capability.h"

extern const struct capability cap_proxy;

#endif
