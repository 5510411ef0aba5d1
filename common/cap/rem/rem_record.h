/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is installed, on disk as one small text that is replaced as a whole: after a crash there is
 * the state before or after each change, and what was being done is still told.
 */
#ifndef CAP_REM_REM_RECORD_H
#define CAP_REM_REM_RECORD_H

#include "base/rc.h"

#include <stdint.h>

#define REM_NAME_MAX 64 /* octets of a package's name and of a file's: m2m:swName */
#define REM_PACKAGES_MAX 256

enum rem_doing { REM_DOES_NOTHING, REM_INSTALLS, REM_REMOVES, REM_ACTIVATES, REM_DEACTIVATES };

struct rem_package {
	char name[REM_NAME_MAX + 1];
	uint64_t version; /* 0: none is installed */
	char file[REM_NAME_MAX + 1]; /* name of the file that it came from */
	bool active;
	enum rem_doing doing; /* begun, and not known to be done */
	uint64_t next_version; /* while one is being installed */
	char next_file[REM_NAME_MAX + 1];
};

struct rem_record {
	struct rem_package v[REM_PACKAGES_MAX];
	unsigned n;
};

/* True for a name that is one segment of a path and harmless in a command line and in a listing. */
bool rem_name_valid(struct slice name);

/* Reads name in dir; without such a file nothing is installed. RC_INTERNAL when it is damaged. */
enum rc rem_record_read(int dir, const char *name, struct rem_record *r);
enum rc rem_record_write(int dir, const char *name, const struct rem_record *r);

/* NULL when there is none. */
struct rem_package *rem_record_find(struct rem_record *r, const char *name);
/* A new empty one, NULL when there is no room. name is valid. */
struct rem_package *rem_record_add(struct rem_record *r, const char *name);
void rem_record_drop(struct rem_record *r, struct rem_package *p);

#endif
