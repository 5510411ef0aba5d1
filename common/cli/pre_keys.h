/* SPDX-License-Identifier: Apache-2.0 */
/* Files with keys, as the commands of m2m-pre read them. */
#ifndef CLI_PRE_KEYS_H
#define CLI_PRE_KEYS_H

#include "cli/pre_cmd.h"
#include "pre/key_file.h"

/* Each says on standard error what is wrong. */

/* The caller frees *out with pre_identity_free. */
enum cli_status cli_identity(const char *path, struct pre_identity **out);
/* A public file that has parts, one of PRE_PUBLIC_*. */
enum cli_status cli_public(const char *path, unsigned parts, struct pre_public *out);
/* The .pub that belongs to --key, which is id: that of --source, or beside the key. */
enum cli_status cli_own_public(const struct cli_args *a, const struct pre_identity *id,
                               struct pre_public *out);
/* Whether p is of id. */
bool cli_is_own(const struct pre_identity *id, const struct pre_public *p);

#endif
