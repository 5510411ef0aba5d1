/* SPDX-License-Identifier: Apache-2.0 */
/* openscl-sign config and verify-config: documents of sec/config_doc.h. Exit statuses as of main. */
#ifndef CLI_SIGN_CONFIG_H
#define CLI_SIGN_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

/* argv of main: KEY at 2, TARGET at 4, TYPE at 5, FILE at 6. The document goes to standard output. */
int sign_config(char **argv, uint64_t version);
/* Says target, version and type of a document that is signed by that key. */
int sign_config_verify(const char *key_file, const char *file);

/* A decimal number from 1 to 2^64 - 1. */
bool sign_version(const char *text, uint64_t *version);
/* Says on standard error what is wrong; 1. */
int sign_fail(const char *what, const char *why);

#endif
