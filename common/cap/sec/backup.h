/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A copy of what the security capability keeps: the stores of MAS and MSBF, the key store of a node.
 * All keys in it are wrapped; the keys that they are wrapped with are not copied.
 */
#ifndef CAP_SEC_BACKUP_H
#define CAP_SEC_BACKUP_H

#include "cap/sec/sec.h"

/*
 * Not with the engine memory. Copies what is there into the directory to, each part below the name that it has in
 * sec_conf.state, wherever conf has it: one committed state of each, also while a daemon changes
 * them. That of the MSBF is never newer than that of the MAS, which it goes by. Blocks on the disk.
 * RC_OK, also when there is nothing; otherwise as the engine or keystore_copy, a line in why.
 */
enum rc sec_backup(const struct sec_conf *conf, const char *to, char why[SEC_WHY_MAX]);

#endif
