/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file with the tokens of applications (sec/tokens.h), read again when it has changed. It is
 * looked at once a second on a thread of its own: nothing that serves waits for a disk.
 */
#ifndef CAP_SEC_TOKEN_FILE_H
#define CAP_SEC_TOKEN_FILE_H

#include "base/log.h"
#include "sec/tokens.h"

struct token_file;

/* path and log outlive the result. As tokens_read, and RC_UNAVAILABLE without a thread. */
enum rc token_file_open(const char *path, struct log *log, struct token_file **out,
                        char why[TOKENS_WHY]);
/* NULL is fine. */
void token_file_close(struct token_file *f);
/*
 * Reads it again now. What is wrong is logged, and the tokens stay as they were. Any thread; waits
 * for the disk.
 */
void token_file_reload(struct token_file *f);
/* The name that goes with token into name, with a zero behind it; its length, 0: none. Any thread. */
size_t token_file_find(struct token_file *f, struct slice token, char name[TOKENS_NAME_MAX + 1]);

#endif
