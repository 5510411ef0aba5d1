/* SPDX-License-Identifier: Apache-2.0 */
/* What a stream has to remember between two runs, in a file that is replaced as a whole. */
#ifndef CLI_PRE_STATE_H
#define CLI_PRE_STATE_H

#include "cli/pre_cmd.h"

/*
 * Appends the octets of the file to b, nothing if there is no such file. The file has to be the
 * user's own, mode 0600. Says on standard error what is wrong.
 */
enum cli_status cli_state_read(const char *path, struct buf *b);
/* Durable when it returns CLI_OK. */
enum cli_status cli_state_write(const char *path, struct slice state);

#endif
