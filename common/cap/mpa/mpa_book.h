/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a party of multiparty authentication keeps: a store of tables of its own, and in it, unless
 * mpa.key names a file, its signing key, sealed. The same for CN, AP and D.
 */
#ifndef CAP_MPA_BOOK_H
#define CAP_MPA_BOOK_H

#include "cap/capability.h"
#include "sec/secret.h"
#include "sec/sign.h"
#include "store/tables.h"

/* Tables of the book that all parties have; others have letters of their own. */
#define MPA_TABLE_KEY 'K'

struct mpa_book {
	struct tables tables;
	bool open;
	bool kept; /* it outlives the process */
	struct key *seal; /* secret memory */
	struct sign_key *key;
	struct sign_public public; /* of key */
};

/*
 * Opens the book "mpa" of the security capability, or one in memory when nothing outlives the
 * process; max_bytes: octets, as store_conf. Makes the key when there is none. *b was all zero.
 * RC_OK; otherwise one line in why, and *b is as after mpa_book_close. Waits for the disk: from
 * attach alone.
 */
enum rc mpa_book_open(struct mpa_book *b, const struct capability_conf *conf, uint64_t max_bytes,
                      char why[CAPABILITY_WHY_MAX]);
/* One that was never opened, and all zero: fine. */
void mpa_book_close(struct mpa_book *b);

#endif
