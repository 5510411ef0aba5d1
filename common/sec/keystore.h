/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of this node itself, in the file `keystore` of a directory: its Kmr, its Kmc, and what
 * must not be forgotten with them. Keys that a service keeps for others are in the store.
 *
 * The file is a sequence of wrapped records (record.h), each with a name LV8(name) || text. The
 * first one has the type 0: its text is u8 source (0 key file, 1 passphrase), u8 bound, salt 16,
 * and its secret is SHA-256 of all octets behind it, so that no record can be taken away or
 * exchanged for an older one. An older copy of the whole file is not recognised.
 *
 * The directory has mode 0700 and the file 0600, both belong to the user of the process. The
 * directory is locked (flock) while the store is open. A change is written to a file of its own,
 * synchronised, and renamed: after a crash there is the old file or the new one. What cannot be
 * read - damaged, foreign, another key - is an error and never overwritten.
 *
 * In memory there is the key-encryption key (locked, left out of dumps) and the records as they are
 * in the file; a secret is decrypted into the memory of whoever asks.
 *
 * All functions may be called by any thread. Those that change something wait for the disk: not for
 * serving threads, the committer, the courier.
 */
#ifndef SEC_KEYSTORE_H
#define SEC_KEYSTORE_H

#include "base/buf.h"
#include "sec/kek.h"
#include "sec/record.h"

#define KEYSTORE_WHY 512
#define KEYSTORE_ITEMS_MAX 1024u
#define KEYSTORE_NAME_MAX 255u
#define KEYSTORE_TEXT_MAX 8192u
#define KEYSTORE_FILE_MAX (4u << 20)

/* Types of records. The numbers are in files: they do not change. */
enum keystore_type {
	KS_KMR = 1,        /* name: node id in hex, index: KmrIndex */
	KS_KMC = 2,        /* name: what the connection leads to, index: KmcIndex */
	KS_DEVICE_KEY = 3, /* name: what the key is for; secret: key or a reference to it */
	KS_COUNTER = 4,    /* see keystore_counter */
	KS_TYPE_MAX = 255
};

struct keystore;

/* What a record is known by. */
struct keystore_id {
	uint8_t type; /* 1..KS_TYPE_MAX */
	uint32_t index;
	struct slice name; /* 1..KEYSTORE_NAME_MAX octets */
};

/* What may be known about it by everybody; authenticated with the secret. */
struct keystore_item {
	struct keystore_id id;
	uint64_t not_after; /* seconds since 1970, RECORD_NEVER; the store itself does not judge it */
	struct slice text;  /* at most KEYSTORE_TEXT_MAX octets; the form is the caller's */
};

struct keystore_conf {
	const char *dir; /* created when it is absent (not its parents) and create is set */
	struct kek_source kek;
	bool create; /* without a file: an empty store, instead of RC_NOT_FOUND */
};

/*
 * Opens and checks everything: every record is decrypted once. RC_NOT_FOUND; RC_CONFLICT when
 * another process has it open; RC_FORBIDDEN when an owner, a mode or a kind of file is wrong;
 * RC_DENIED when the key does not fit, RC_PRECONDITION when the file is damaged or none of ours (a
 * key that does not fit and octets that were changed look alike in the first record: RC_DENIED);
 * RC_BAD_REQUEST for what is wrong in conf; RC_NO_SPACE, RC_UNAVAILABLE, RC_INTERNAL. One line in
 * why unless RC_OK.
 */
enum rc keystore_open(const struct keystore_conf *conf, struct keystore **out,
                      char why[KEYSTORE_WHY]);
/*
 * Copies the file as it is, one state of it, into the directory to, which is created: without the
 * key, also while a process has the store open. RC_NOT_FOUND: there is none; RC_PRECONDITION: it is
 * none of ours; RC_CONFLICT: there is one at to; otherwise as above.
 */
enum rc keystore_copy(const char *dir, const char *to, char why[KEYSTORE_WHY]);
/* Wipes and frees; NULL is fine. No other thread uses the store any more. */
void keystore_close(struct keystore *ks);

/* One step of keystore_apply. */
struct keystore_change {
	struct keystore_item item; /* of a removal: the id only */
	struct slice secret;       /* 1..RECORD_SECRET_MAX octets; empty: remove */
};

/*
 * All changes, or none: what is there already is replaced, the absence of what is to be removed is
 * no error. RC_OK: durable. RC_BAD_REQUEST when something is over its limits, RC_NO_SPACE when the
 * store or the disk is full, RC_CONFLICT when somebody else has replaced the file meanwhile (it is
 * left as it is), RC_INTERNAL; nothing has changed then, with one exception: when the directory
 * could not be synchronised after the new file was in place (RC_UNAVAILABLE) the changes are done,
 * but may be lost in a crash.
 */
enum rc keystore_apply(struct keystore *ks, const struct keystore_change *changes, size_t n);
/* keystore_apply with one change. */
enum rc keystore_put(struct keystore *ks, const struct keystore_item *item, struct slice secret);

/*
 * The secret into out, which has room for max octets; *n is its length. RC_NOT_FOUND, RC_TOO_LARGE,
 * RC_INTERNAL; out is erased then. The caller wipes out. Does not wait for the disk.
 */
enum rc keystore_secret(struct keystore *ks, const struct keystore_id *id, void *out, size_t max,
                        size_t *n);
/* The same of exactly KEY_BYTES octets; RC_PRECONDITION when it has another length. */
enum rc keystore_key(struct keystore *ks, const struct keystore_id *id, struct key *out);

/*
 * Calls visit for every record of the type (0: all) by name and index in ascending order, until it
 * returns false. The slices live during the call, which must not call functions of this store.
 */
void keystore_each(struct keystore *ks, uint8_t type,
                   bool (*visit)(void *arg, const struct keystore_item *item), void *arg);
/*
 * Appends the text of a record to *text (NULL: not wanted) and sets *not_after (NULL: the same).
 * RC_NOT_FOUND; RC_NO_SPACE: text is full.
 */
enum rc keystore_text(struct keystore *ks, const struct keystore_id *id, struct buf *text,
                      uint64_t *not_after);

/*
 * Counters that never go back: records of the type KS_COUNTER (the type in the id is not looked
 * at), 0 while absent. RC_PRECONDITION: the record is none of a counter; RC_INTERNAL.
 */
enum rc keystore_counter(struct keystore *ks, const struct keystore_id *id, uint64_t *value);
/*
 * Sets the counter to value when that is higher: RC_CONFLICT, and no change, when it is not.
 * Otherwise as above and as keystore_apply.
 */
enum rc keystore_counter_raise(struct keystore *ks, const struct keystore_id *id, uint64_t value);

#endif
