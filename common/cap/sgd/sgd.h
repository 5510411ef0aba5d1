/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device of the security gateway application: local applications send to other devices by it,
 * end to end through gateways that cannot read what they store and forward (SGA paper, sections 3
 * and 4).
 */
#ifndef CAP_SGD_SGD_H
#define CAP_SGD_SGD_H

#include "cap/capability.h"

struct sgd;

/* As the functions of a capability (capability.h). *out NULL: the configuration wants none. */
enum rc sgd_attach(struct scl *scl, const struct capability_conf *conf, struct sgd **out,
                   char why[CAPABILITY_WHY_MAX]);
enum rc sgd_start(struct sgd *d, char why[CAPABILITY_WHY_MAX]);
void sgd_stop(struct sgd *d);
void sgd_detach(struct sgd *d);

#endif
