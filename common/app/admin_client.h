/* SPDX-License-Identifier: Apache-2.0 */
/* The administrator's command line: operations of a running nscl, and credentials made by hand. */
#ifndef APP_ADMIN_CLIENT_H
#define APP_ADMIN_CLIENT_H

#include "app/main.h"

/*
 * Carries out one operation with its arguments (ID, NAME=VALUE, @FILE) and prints the answer, JSON,
 * on stdout. Returns the exit status: 0; 1 when it failed, with a line on stderr; 2 when there is
 * no such operation or its arguments are wrong.
 */
int admin_client(const struct profile *profile, const struct options *o, const char *operation,
                 char *const *args, int n_args);
/*
 * Issues credentials for a node with that SCL-ID (B0) and writes them, a bootstrapParamSet with the
 * key in clear, to a new file of mode 0600. Exit status as above.
 */
int admin_issue(const struct profile *profile, const struct options *o, const char *scl_id,
                const char *file);

#endif
