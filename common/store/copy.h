/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stores in directories below that of another one, while nobody here has them open: a daemon may.
 * Not with the engine memory. Blocks on the disk.
 */
#ifndef STORE_COPY_H
#define STORE_COPY_H

#include "store/store.h"

/*
 * Copies the store from/name to to/name, one committed state of it; RC_OK also when there is none.
 * Otherwise as the engine, RC_BAD_REQUEST when a name is too long; a line is in why.
 */
enum rc store_copy(const struct store_ops *engine, const char *from, const char *to,
                   const char *name, char why[256]);
/* Has the engine check the store dir/name; as check of struct store_ops, RC_OK when there is none. */
enum rc store_verify(const struct store_ops *engine, const char *dir, const char *name,
                     store_finding *found, void *arg);

#endif
