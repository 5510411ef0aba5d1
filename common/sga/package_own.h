/* SPDX-License-Identifier: Apache-2.0 */
/* How a package is written. For keys.c. */
#ifndef SGA_PACKAGE_OWN_H
#define SGA_PACKAGE_OWN_H

#include "sga/keys.h"
#include "sga/octets.h"

/* Appends the package of c with that group and those public keys, and its signature. */
enum rc sga_package_write(const struct sga_keys_conf *c, uint16_t group, struct slice pk_e,
                          struct slice pk_f, struct sga_writer *w);

#endif
