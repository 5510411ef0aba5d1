/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed packages of one kind (firmware or software) from a directory, installed by a command of
 * the configuration. Everything here but rem_packages_list blocks and belongs to one thread, the
 * worker of the capability.
 *
 * A package is copied into a private directory while it is hashed; the signature is checked on the
 * copy, and the copy is what the command gets. Whatever is begun is on disk before the command
 * starts: what a crash or a failure leaves is undone by a command, with the copy of the package that
 * was installed before.
 */
#ifndef CAP_REM_REM_PACKAGE_H
#define CAP_REM_REM_PACKAGE_H

#include "base/rc.h"
#include "cap/rem/rem_record.h"

#define REM_WHY_MAX 192

struct log;
struct rem_packages;

/* Strings and lists live as long as the packages. */
struct rem_packages_conf {
	const char *
		kind; /* OPENSCL_KIND of the command's environment, name of the private directory */
	const char *directory; /* of packages and signatures; NULL: only what is stored */
	const char *state; /* directory of the daemon's own in which the private one is made */
	/*
	 * Program (absolute path) and first arguments; NULL: nothing can be installed. It is called with
	 * four more: action (install, rollback, remove, activate, deactivate), name, file (absolute path
	 * of the private copy; empty: none), version (decimal; 0: none). 0 is success.
	 */
	const char *const *command;
	const char *
		key_file; /* PEM, Ed25519 public key; read each time. NULL: nothing can be installed */
	unsigned timeout_ms; /* of one command */
	uint64_t size_max; /* of one package */
	/* Descriptors, -1: none. Readable when what is being done shall end and be rolled back. */
	int cancel;
	int stop; /* the same for good: what is unfinished waits for rem_packages_recover */
	struct log *log;
};

/* Reads what is installed. RC_OK or a line in why. */
enum rc rem_packages_open(const struct rem_packages_conf *conf, struct rem_packages **p,
                          char why[REM_WHY_MAX]);
/* NULL is fine. */
void rem_packages_close(struct rem_packages *p);
/*
 * Undoes what was begun and not finished, clears away what nothing needs. Once, before anything
 * else; what cannot be undone now is tried again before the next action on that package.
 */
void rem_packages_recover(struct rem_packages *p);

/*
 * The SHA-256 (REM_DIGEST_SIZE octets) that the package of what is called next has to have, until it
 * is called again; NULL: any that is signed. Else RC_FORBIDDEN.
 */
void rem_package_expect(struct rem_packages *p, const unsigned char *digest);

/* Where the file of a package is looked for. */
enum rem_source { REM_FROM_DIRECTORY, REM_FROM_STORED };

/*
 * Installs file under name. RC_BAD_REQUEST: not names. RC_NOT_FOUND: no such file. RC_FORBIDDEN: no
 * signature or a wrong one, not newer than what is installed under that name, or nothing can be
 * installed. RC_TOO_LARGE, RC_NO_SPACE, RC_INTERNAL. RC_CONFLICT: something unfinished cannot be
 * undone. RC_BAD_GATEWAY: the command failed, RC_GATEWAY_TIMEOUT: it was too slow, RC_UNAVAILABLE:
 * it was cancelled; then everything was rolled back, or will be.
 */
enum rc rem_package_install(struct rem_packages *p, const char *name, enum rem_source source,
                            const char *file, char why[REM_WHY_MAX]);
/* REM_REMOVES, REM_ACTIVATES, REM_DEACTIVATES. RC_NOT_FOUND: nothing is installed by that name. */
enum rc rem_package_do(struct rem_packages *p, const char *name, enum rem_doing what,
                       char why[REM_WHY_MAX]);
/* Checks a file and its signature as an installation would; its version. */
enum rc rem_package_check(struct rem_packages *p, enum rem_source source, const char *file,
                          uint64_t *version, char why[REM_WHY_MAX]);
/* Keeps a package and its signature, which must fit, as a stored file of that name. */
enum rc rem_package_store(struct rem_packages *p, const char *file, struct slice package,
                          struct slice signature, char why[REM_WHY_MAX]);

/* What is installed or being installed. Any thread. */
void rem_packages_list(struct rem_packages *p, struct rem_record *out);
/* A file of the directory, and the version that its signature claims: not verified yet. */
struct rem_package_file {
	char name[REM_NAME_MAX + 1];
	uint64_t version;
};

/* Files in the directory that have a signature beside them, at most max; their number. */
unsigned rem_packages_files(struct rem_packages *p, struct rem_package_file *files, unsigned max);

#endif
