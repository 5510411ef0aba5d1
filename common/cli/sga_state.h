/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a device keeps between two runs of m2m-sga: a directory of its own, mode 0700, files 0600,
 * each replaced as a whole and durable when a function has returned true.
 *
 *   server            URLs, as text
 *   device            libsga's device, with the new key whose R2 has not come
 *   counter           of X-M2M-SGA: the highest that may have been used
 *   peers/ID          what is known of a peer: its public key (PEM)
 *   sessions/SID      libsga's session, and the message that is not known to have arrived
 *   groups/GID        the newest epoch; GID.out: the record that is not known to have arrived
 *   inbox/NAME        a message that was not handed out; NAME.new: one whose session is not saved
 *
 * Functions say on standard error what is wrong.
 */
#ifndef CLI_SGA_STATE_H
#define CLI_SGA_STATE_H

#include "base/buf.h"
#include "cli/sga_args.h"

#include <limits.h>

#define SGA_STATE_NAME 240u

struct sga_store {
	int lock; /* -1: none */
	char dir[PATH_MAX - 512];
};

/* One line on standard error; false. */
bool sga_fail(const char *what, const char *why);

/* Makes the directory when it is absent; one process at a time. */
bool sga_state_open(struct sga_store *s, const char *dir);
void sga_state_close(struct sga_store *s);
/* True when the file is there. */
bool sga_state_has(const struct sga_store *s, const char *name);
/* For how many seconds the file was not written. 0: it is not there. */
uint64_t sga_state_age(const struct sga_store *s, const char *name);
/* Appends its octets to b, which counts as secret. */
bool sga_state_read(const struct sga_store *s, const char *name, struct buf *b);
bool sga_state_write(const struct sga_store *s, const char *name, struct slice octets);
/* Of one that is there, or is not any more. */
bool sga_state_rename(const struct sga_store *s, const char *from, const char *to);
bool sga_state_remove(const struct sga_store *s, const char *name);
/*
 * Calls each with the names below folder, in their order, until it returns false; what each returned
 * last, true without any.
 */
bool sga_state_each(const struct sga_store *s, const char *folder,
                    bool (*each)(void *arg, const char *name), void *arg);

/* Wipes what is in b, then frees it. */
void sga_buf_wipe(struct buf *b);

#endif
