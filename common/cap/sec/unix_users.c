/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sec/unix_users.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>

#include "cap/sec/app_table.h"

#define USER_NAME_MAX 64u
#define USER_RECORD_MAX 16384u
#define OVERFLOW_FILE "/proc/sys/kernel/overflowuid"
#define OVERFLOW_UID 65534u /* unless the file says another; "nobody" of most systems */
#define NO_UID ((unsigned long)UINT32_MAX) /* (uid_t)-1 stands for nobody at all */

struct user {
	unsigned uid;
	struct slice app_id;
};

struct unix_users {
	unsigned overflow;
	size_t n;
	struct user v[];
};

/*
 * The uid that the kernel reports for users who have none in this user namespace: any of them. The
 * file may be out of sight in a sandbox.
 */
static unsigned
overflow_uid(void)
{
	FILE *f = fopen(OVERFLOW_FILE, "re");
	char text[16] = "";
	bool known;

	if (f == NULL)
		return OVERFLOW_UID;
	known = fgets(text, sizeof(text), f) != NULL && text[0] >= '0' && text[0] <= '9';
	fclose(f);
	return known ? (unsigned)strtoul(text, NULL, 10) : OVERFLOW_UID;
}

static enum rc
named_uid(const char *name, unsigned *uid)
{
	char *record = malloc(USER_RECORD_MAX);
	struct passwd pw, *found = NULL;
	int failed = record == NULL ? ENOMEM
	                            : getpwnam_r(name, &pw, record, USER_RECORD_MAX, &found);

	if (found != NULL)
		*uid = pw.pw_uid;
	free(record);
	if (failed != 0)
		return RC_UNAVAILABLE;
	return found == NULL ? RC_NOT_FOUND : RC_OK;
}

static enum rc
uid_of(const char *name, unsigned *uid)
{
	unsigned long number;
	char *end;

	if (name[0] < '0' || name[0] > '9')
		return named_uid(name, uid);
	errno = 0;
	number = strtoul(name, &end, 10);
	if (*end != '\0' || errno != 0 || number >= NO_UID)
		return RC_BAD_REQUEST;
	*uid = (unsigned)number;
	return RC_OK;
}

static enum rc
read_entry(const char *text, struct user *u)
{
	struct slice rest = slice_of(text), user;
	char name[USER_NAME_MAX];

	if (!slice_split(&rest, '=', &user) || rest.n == 0 || rest.n > APP_ID_MAX || user.n == 0 ||
	    user.n >= sizeof(name))
		return RC_BAD_REQUEST;
	memcpy(name, user.p, user.n);
	name[user.n] = '\0';
	u->app_id = rest;
	return uid_of(name, &u->uid);
}

static const char *
fault_of(enum rc rc)
{
	return rc == RC_NOT_FOUND     ? "no such user"
	       : rc == RC_BAD_REQUEST ? "not uid=App-ID"
	                              : "the user cannot be looked up";
}

static enum rc
add(struct unix_users *u, const char *text, char why[UNIX_USERS_WHY])
{
	enum rc rc = read_entry(text, &u->v[u->n]);
	const char *fault = fault_of(rc);

	if (rc == RC_OK && (u->v[u->n].uid == OVERFLOW_UID || u->v[u->n].uid == u->overflow)) {
		rc = RC_BAD_REQUEST;
		fault = "that uid stands for every user without one (overflow uid), not for one";
	}
	if (rc == RC_OK && unix_users_find(u, u->v[u->n].uid).p != NULL) {
		rc = RC_BAD_REQUEST;
		fault = "the user is there twice";
	}
	if (rc == RC_OK)
		u->n++;
	else
		snprintf(why, UNIX_USERS_WHY, "%.160s: %s", text, fault);
	return rc;
}

enum rc
unix_users_new(const char *const *list, struct unix_users **out, char why[UNIX_USERS_WHY])
{
	struct unix_users *u;
	size_t n = 0;
	enum rc rc = RC_OK;

	*out = NULL;
	while (list != NULL && list[n] != NULL)
		n++;
	if (n > UNIX_USERS_MAX) {
		snprintf(why, UNIX_USERS_WHY, "more than %u users of UNIX sockets", UNIX_USERS_MAX);
		return RC_TOO_LARGE;
	}
	u = calloc(1, sizeof(*u) + n * sizeof(u->v[0]));
	if (u == NULL) {
		snprintf(why, UNIX_USERS_WHY, "no memory");
		return RC_UNAVAILABLE;
	}
	u->overflow = overflow_uid();
	for (size_t i = 0; rc == RC_OK && i < n; i++)
		rc = add(u, list[i], why);
	if (rc == RC_OK)
		*out = u;
	else
		free(u);
	return rc;
}

void
unix_users_free(struct unix_users *u)
{
	free(u);
}

struct slice
unix_users_find(const struct unix_users *u, unsigned uid)
{
	for (size_t i = 0; i < u->n; i++)
		if (u->v[i].uid == uid)
			return u->v[i].app_id;
	return SLICE_NONE;
}
