/* SPDX-License-Identifier: Apache-2.0 */
/* Which application the processes of a user are, on UNIX sockets. */
#ifndef CAP_SEC_UNIX_USERS_H
#define CAP_SEC_UNIX_USERS_H

#include "base/rc.h"
#include "base/slice.h"

#define UNIX_USERS_MAX 256u
#define UNIX_USERS_WHY 256

struct unix_users;

/*
 * Of a list "uid=App-ID" that ends with NULL (NULL: an empty one) and outlives the result; uid is a
 * number or a name. RC_BAD_REQUEST: an entry is none, a user is there twice, or it is the overflow
 * uid, which the kernel reports for all users that a user namespace has no uid for; RC_NOT_FOUND: no
 * such user; RC_TOO_LARGE; RC_UNAVAILABLE. One line in why. May wait for the system's user
 * database: before the threads.
 */
enum rc unix_users_new(const char *const *list, struct unix_users **out,
                       char why[UNIX_USERS_WHY]);
/* NULL is fine. */
void unix_users_free(struct unix_users *u);
/* The App-ID of the user, p NULL: none. Any thread. */
struct slice unix_users_find(const struct unix_users *u, unsigned uid);

#endif
