/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials that nobody has sent over a network (TS 102 690 clause 8, pre-provisioned): a
 * bootstrapParamSet in a file, with Kmr in clear, or wrapped with the key of the key store.
 */
#ifndef CAP_SEC_IMPORT_H
#define CAP_SEC_IMPORT_H

#include "cap/sec/sec.h"

/*
 * Checks the file, which only the user of the process may read, stores what is in it in the key
 * store of the configuration, and wipes and removes it. RC_OK; otherwise nothing was stored (or, the
 * file could not be wiped: RC_INTERNAL) and why names the element or the file that is wrong. Waits
 * for the disk; no daemon uses the key store.
 */
enum rc import_credentials(const struct sec_conf *conf, const char *file, char why[SEC_WHY_MAX]);

#endif
