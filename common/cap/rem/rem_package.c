/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/rem/rem_package.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "cap/rem/rem_child.h"
#include "cap/rem/rem_file.h"
#include "cap/rem/rem_stage.h"

#define RECORD "record"
#define LOCK "lock"
#define STAGED "package" /* there is one at a time */
#define OUTPUT_MAX 8192
#define OUTPUT_LINES 32
#define ARGUMENTS_MAX 64
#define KEPT_NAME_MAX (REM_NAME_MAX + 22)
#define LOCK_TICK_MS 100
#define SEARCH_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct rem_packages {
	struct rem_packages_conf conf;
	char path[PATH_MAX]; /* of the private directory, absolute */
	int home, staging, kept, stored; /* the private directory and its own */
	pthread_mutex_t lock; /* of record, against rem_packages_list */
	struct rem_record record;
	bool expects; /* of the worker, as what follows */
	unsigned char expected[REM_DIGEST_SIZE];
};

/* The action of the command for what is begun, and the one that undoes it. */
static const struct {
	const char *does, *undoes;
} actions[] = {
	[REM_INSTALLS] = { "install", "rollback" },
	[REM_REMOVES] = { "remove", "rollback" },
	[REM_ACTIVATES] = { "activate", "deactivate" },
	[REM_DEACTIVATES] = { "deactivate", "activate" },
};

static const struct {
	const char *text;
	enum rc rc;
} ends[] = {
	[REM_CHILD_OK] = { "done", RC_OK },
	[REM_CHILD_FAILED] = { "the command failed", RC_BAD_GATEWAY },
	[REM_CHILD_LATE] = { "the command took too long", RC_GATEWAY_TIMEOUT },
	[REM_CHILD_CANCELLED] = { "cancelled", RC_UNAVAILABLE },
	[REM_CHILD_NOT_STARTED] = { "the command cannot be started", RC_BAD_GATEWAY },
};

/* ---- opening ---- */

static bool
open_directories(struct rem_packages *p)
{
	int state = open(p->conf.state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (state < 0)
		return false;
	p->home = rem_file_directory(state, p->conf.kind);
	close(state);
	if (p->home < 0)
		return false;
	p->staging = rem_file_directory(p->home, "staging");
	p->kept = rem_file_directory(p->home, "kept");
	p->stored = rem_file_directory(p->home, "stored");
	return p->staging >= 0 && p->kept >= 0 && p->stored >= 0;
}

enum rc
rem_packages_open(const struct rem_packages_conf *conf, struct rem_packages **out,
                  char why[REM_WHY_MAX])
{
	struct rem_packages *p = calloc(1, sizeof(*p));
	char state[PATH_MAX];
	enum rc rc = RC_OK;

	*out = NULL;
	if (p == NULL)
		return rem_fail(why, RC_UNAVAILABLE, "out of memory");
	p->conf = *conf;
	p->home = p->staging = p->kept = p->stored = -1;
	pthread_mutex_init(&p->lock, NULL);
	if (!open_directories(p) || realpath(conf->state, state) == NULL ||
	    snprintf(p->path, sizeof(p->path), "%s/%s", state, conf->kind) >= (int)sizeof(p->path))
		rc = rem_fail(why, RC_INTERNAL, "%.80s: %s", conf->state, strerror(errno));
	else if (rem_record_read(p->home, RECORD, &p->record) != RC_OK)
		rc = rem_fail(why, RC_INTERNAL, "%.80s/%s/" RECORD " is damaged", conf->state,
		              conf->kind);
	if (rc != RC_OK) {
		rem_packages_close(p);
		return rc;
	}
	*out = p;
	return RC_OK;
}

void
rem_packages_close(struct rem_packages *p)
{
	int fds[4];

	if (p == NULL)
		return;
	memcpy(fds, (int[]){ p->home, p->staging, p->kept, p->stored }, sizeof(fds));
	for (size_t i = 0; i < 4; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

void
rem_packages_list(struct rem_packages *p, struct rem_record *out)
{
	pthread_mutex_lock(&p->lock);
	*out = p->record;
	pthread_mutex_unlock(&p->lock);
}

/* ---- the record ---- */

/* Puts next in place of the record, on disk first; without success nothing has changed. */
static enum rc
commit(struct rem_packages *p, const struct rem_record *next)
{
	enum rc rc = rem_record_write(p->home, RECORD, next);

	if (rc != RC_OK) {
		LOG_ERROR(p->conf.log, "package-record", LOG_Z("kind", p->conf.kind),
		          LOG_Z("reason", status_of(rc)->text));
		return rc;
	}
	pthread_mutex_lock(&p->lock);
	p->record = *next;
	pthread_mutex_unlock(&p->lock);
	return RC_OK;
}

/* Changes one package of the record; version 0 without anything begun drops it. */
static enum rc
commit_package(struct rem_packages *p, const struct rem_package *changed)
{
	struct rem_record *next = malloc(sizeof(*next));
	struct rem_package *at;
	enum rc rc = RC_NO_SPACE;

	if (next == NULL)
		return RC_UNAVAILABLE;
	*next = p->record;
	at = rem_record_find(next, changed->name);
	if (at == NULL)
		at = rem_record_add(next, changed->name);
	if (at != NULL) {
		*at = *changed;
		if (changed->version == 0 && changed->doing == REM_DOES_NOTHING)
			rem_record_drop(next, at);
		rc = commit(p, next);
	}
	free(next);
	return rc;
}

/* ---- the command ---- */

static void
kept_name(const char *name, uint64_t version, char to[KEPT_NAME_MAX])
{
	snprintf(to, KEPT_NAME_MAX, "%s.%" PRIu64, name, version);
}

static void
log_output(struct rem_packages *p, const char *name, const struct buf *output)
{
	struct slice rest = buf_view(output), line;

	for (unsigned i = 0; i < OUTPUT_LINES && rest.n > 0 && slice_split(&rest, '\n', &line); i++)
		LOG_INFO(p->conf.log, "package-output", LOG_Z("kind", p->conf.kind),
		         LOG_Z("name", name), LOG_S("text", line));
}

static enum rem_child_end
run_arguments(struct rem_packages *p, const char *const *argv, bool active, int cancel,
              struct buf *output, int *status)
{
	char kind[64];
	const char *const env[] = { SEARCH_PATH, kind,
		                    active ? "OPENSCL_ACTIVE=1" : "OPENSCL_ACTIVE=0", NULL };
	struct rem_child c = { .argv = argv,
		               .env = env,
		               .timeout_ms = p->conf.timeout_ms,
		               .cancel = cancel,
		               .stop = p->conf.stop,
		               .output = output };
	enum rem_child_end end;

	snprintf(kind, sizeof(kind), "OPENSCL_KIND=%s", p->conf.kind);
	/* Whoever starts next can wait for what this command has left running. */
	c.held = openat(p->home, LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (c.held >= 0)
		flock(c.held, LOCK_EX | LOCK_NB);
	end = rem_child_run(&c);
	if (c.held >= 0)
		close(c.held);
	*status = c.status;
	return end;
}

/* version 0: none, and then without a file. */
static enum rem_child_end
run_command(struct rem_packages *p, const char *action, const struct rem_package *pk,
            uint64_t version, int cancel)
{
	char kept[KEPT_NAME_MAX], file[PATH_MAX + KEPT_NAME_MAX + 8] = "", number[24];
	const char *argv[ARGUMENTS_MAX + 5];
	struct buf output;
	size_t n = 0;
	int status = -1;
	enum rem_child_end end;

	if (p->conf.command == NULL)
		return REM_CHILD_NOT_STARTED;
	while (n < ARGUMENTS_MAX && p->conf.command[n] != NULL) {
		argv[n] = p->conf.command[n];
		n++;
	}
	if (version != 0) {
		kept_name(pk->name, version, kept);
		snprintf(file, sizeof(file), "%s/kept/%s", p->path, kept);
	}
	snprintf(number, sizeof(number), "%" PRIu64, version);
	memcpy(&argv[n], (const char *[]){ action, pk->name, file, number, NULL },
	       5 * sizeof(*argv));
	buf_init(&output, OUTPUT_MAX);
	end = run_arguments(p, argv, pk->active, cancel, &output, &status);
	log_output(p, pk->name, &output);
	buf_fini(&output);
	LOG(p->conf.log, end == REM_CHILD_OK ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, "package-command",
	    LOG_Z("kind", p->conf.kind), LOG_Z("action", action), LOG_Z("name", pk->name),
	    LOG_N("version", version), LOG_Z("end", ends[end].text), LOG_N("status", status));
	return end;
}

/* ---- doing and undoing ---- */

static void
forget_file(struct rem_packages *p, const char *name, uint64_t version)
{
	char kept[KEPT_NAME_MAX];

	kept_name(name, version, kept);
	unlinkat(p->kept, kept, 0);
}

/* Back to what was before pk->doing was begun. Not cancelled by what has cancelled that. */
static enum rc
undo(struct rem_packages *p, struct rem_package pk)
{
	uint64_t dropped = pk.doing == REM_INSTALLS ? pk.next_version : 0;
	enum rem_child_end end = run_command(p, actions[pk.doing].undoes, &pk, pk.version, -1);
	enum rc rc = ends[end].rc;

	if (rc == RC_OK) {
		pk.doing = REM_DOES_NOTHING;
		pk.next_version = 0;
		pk.next_file[0] = '\0';
		rc = commit_package(p, &pk);
	}
	if (rc != RC_OK)
		LOG_ERROR(p->conf.log, "package-unfinished", LOG_Z("kind", p->conf.kind),
		          LOG_Z("name", pk.name), LOG_Z("reason", ends[end].text));
	else if (dropped != 0)
		forget_file(p, pk.name, dropped);
	return rc;
}

/* Copies what the record has of name; an empty one when it has nothing. */
static struct rem_package
look_up(struct rem_packages *p, const char *name)
{
	const struct rem_package *found = rem_record_find(&p->record, name);
	struct rem_package pk = { 0 };

	if (found != NULL)
		return *found;
	snprintf(pk.name, sizeof(pk.name), "%s", name);
	return pk;
}

/* What there is of name, with nothing unfinished in it. */
static enum rc
settle(struct rem_packages *p, const char *name, struct rem_package *pk, char why[REM_WHY_MAX])
{
	if (!rem_name_valid(slice_of(name)))
		return rem_fail(why, RC_BAD_REQUEST, "not a name of a package");
	if (p->conf.command == NULL)
		return rem_fail(why, RC_FORBIDDEN, "no command is configured");
	*pk = look_up(p, name);
	if (pk->doing == REM_DOES_NOTHING)
		return RC_OK;
	if (undo(p, *pk) != RC_OK)
		return rem_fail(why, RC_CONFLICT, "an unfinished %s cannot be rolled back",
		                actions[pk->doing].does);
	*pk = look_up(p, name);
	return RC_OK;
}

/* How pk is once what it is doing is done. */
static struct rem_package
outcome(struct rem_package pk)
{
	if (pk.doing == REM_INSTALLS) {
		pk.version = pk.next_version;
		memcpy(pk.file, pk.next_file, sizeof(pk.file));
	} else if (pk.doing == REM_REMOVES)
		pk.version = 0;
	else
		pk.active = pk.doing == REM_ACTIVATES;
	pk.doing = REM_DOES_NOTHING;
	pk.next_version = 0;
	pk.next_file[0] = '\0';
	return pk;
}

/* Runs the command for pk->doing, which the record does not tell yet. */
static enum rc
carry_out(struct rem_packages *p, const struct rem_package *pk, char why[REM_WHY_MAX])
{
	bool replaces = pk->doing == REM_INSTALLS || pk->doing == REM_REMOVES;
	struct rem_package done = outcome(*pk);
	enum rem_child_end end;
	enum rc rc = commit_package(p, pk);

	if (rc != RC_OK)
		return rem_fail(why, rc, "the record cannot be written");
	end = run_command(p, actions[pk->doing].does, pk,
	                  pk->doing == REM_INSTALLS ? pk->next_version : pk->version,
	                  p->conf.cancel);
	rc = ends[end].rc;
	if (rc != RC_OK)
		rem_fail(why, rc, "%s", ends[end].text);
	else if ((rc = commit_package(p, &done)) != RC_OK)
		rem_fail(why, rc, "the record cannot be written");
	if (rc != RC_OK)
		undo(p, *pk);
	else if (replaces && pk->version != 0)
		forget_file(p, pk->name, pk->version);
	return rc;
}

static struct rem_stage
stage_of(const struct rem_packages *p, char why[REM_WHY_MAX])
{
	return (struct rem_stage){ .key_file = p->conf.key_file,
		                   .size_max = p->conf.size_max,
		                   .cancel = p->conf.cancel,
		                   .stop = p->conf.stop,
		                   .expected = p->expects ? p->expected : NULL,
		                   .why = why };
}

void
rem_package_expect(struct rem_packages *p, const unsigned char *digest)
{
	p->expects = digest != NULL;
	if (digest != NULL)
		memcpy(p->expected, digest, REM_DIGEST_SIZE);
}

/* Leaves the verified copy in staging. */
static enum rc
stage(struct rem_packages *p, enum rem_source source, const char *file, uint64_t *version,
      char why[REM_WHY_MAX])
{
	struct rem_stage s = stage_of(p, why);
	int from = p->stored;
	enum rc rc;

	if (!rem_name_valid(slice_of(file)))
		return rem_fail(why, RC_BAD_REQUEST, "not a name of a file");
	if (source == REM_FROM_DIRECTORY) {
		if (p->conf.directory == NULL)
			return rem_fail(why, RC_NOT_FOUND,
			                "no directory of packages is configured");
		from = open(p->conf.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (from < 0)
		return rem_fail(why, RC_NOT_FOUND, "the directory of packages is not there");
	unlinkat(p->staging, STAGED, 0);
	rc = rem_stage_copy(&s, from, file, p->staging, STAGED, version);
	if (from != p->stored)
		close(from);
	return rc;
}

enum rc
rem_package_check(struct rem_packages *p, enum rem_source source, const char *file,
                  uint64_t *version, char why[REM_WHY_MAX])
{
	enum rc rc = stage(p, source, file, version, why);

	if (rc == RC_OK)
		unlinkat(p->staging, STAGED, 0);
	return rc;
}

/* From staging to where the command, and a roll-back later, find it. */
static enum rc
keep(struct rem_packages *p, const struct rem_package *pk, char why[REM_WHY_MAX])
{
	char kept[KEPT_NAME_MAX];

	kept_name(pk->name, pk->next_version, kept);
	if (renameat(p->staging, STAGED, p->kept, kept) != 0 || fsync(p->kept) != 0)
		return rem_fail(why, RC_INTERNAL, "the package cannot be kept");
	return RC_OK;
}

enum rc
rem_package_install(struct rem_packages *p, const char *name, enum rem_source source,
                    const char *file, char why[REM_WHY_MAX])
{
	struct rem_package pk = { 0 };
	uint64_t version = 0;
	enum rc rc = settle(p, name, &pk, why);

	if (rc == RC_OK)
		rc = stage(p, source, file, &version, why);
	if (rc != RC_OK)
		return rc;
	if (version <= pk.version) {
		unlinkat(p->staging, STAGED, 0);
		return rem_fail(why, RC_FORBIDDEN, "version %" PRIu64 " is not newer than %" PRIu64,
		                version, pk.version);
	}
	pk.doing = REM_INSTALLS;
	pk.next_version = version;
	snprintf(pk.next_file, sizeof(pk.next_file), "%s", file);
	rc = keep(p, &pk, why);
	if (rc == RC_OK)
		rc = carry_out(p, &pk, why);
	/* A copy that the record does not know of is of no use to a roll-back. */
	if (rc != RC_OK && look_up(p, name).next_version != version)
		forget_file(p, name, version);
	return rc;
}

enum rc
rem_package_do(struct rem_packages *p, const char *name, enum rem_doing what, char why[REM_WHY_MAX])
{
	struct rem_package pk = { 0 };
	enum rc rc = settle(p, name, &pk, why);

	if (rc != RC_OK)
		return rc;
	if (pk.version == 0)
		return rem_fail(why, RC_NOT_FOUND, "nothing is installed under that name");
	pk.doing = what;
	return carry_out(p, &pk, why);
}

enum rc
rem_package_store(struct rem_packages *p, const char *file, struct slice package,
                  struct slice signature, char why[REM_WHY_MAX])
{
	char name[REM_NAME_MAX + sizeof(REM_SIGN_SUFFIX)];
	struct rem_stage s = stage_of(p, why);
	uint64_t version;
	enum rc rc;

	if (!rem_name_valid(slice_of(file)))
		return rem_fail(why, RC_BAD_REQUEST, "not a name of a file");
	if (package.n > p->conf.size_max)
		return rem_fail(why, RC_TOO_LARGE, "the package is larger than allowed");
	rc = rem_stage_verify(&s, package, signature, &version);
	if (rc != RC_OK)
		return rc;
	rem_stage_signature_name(file, name);
	rc = rem_file_replace(p->stored, file, package);
	if (rc == RC_OK)
		rc = rem_file_replace(p->stored, name, signature);
	return rc == RC_OK ? RC_OK : rem_fail(why, rc, "the package cannot be stored");
}

/* ---- at the start ---- */

/* A command of a run that was killed may still be at work. */
static void
await_command(struct rem_packages *p)
{
	int64_t until = clock_monotonic() + (int64_t)p->conf.timeout_ms * 1000;
	struct pollfd stop = { .fd = p->conf.stop, .events = POLLIN };
	int fd = openat(p->home, LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	while (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0 && clock_monotonic() < until &&
	       poll(&stop, 1, LOCK_TICK_MS) <= 0)
		;
	if (fd >= 0)
		close(fd);
}

static bool
is_kept(const struct rem_packages *p, const char *file)
{
	char kept[KEPT_NAME_MAX];

	for (unsigned i = 0; i < p->record.n; i++) {
		const struct rem_package *pk = &p->record.v[i];

		kept_name(pk->name, pk->version, kept);
		if (strcmp(kept, file) == 0)
			return true;
		kept_name(pk->name, pk->next_version, kept);
		if (strcmp(kept, file) == 0)
			return true;
	}
	return false;
}

static void
clear_kept(struct rem_packages *p)
{
	int fd = openat(p->home, "kept", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (d == NULL && fd >= 0)
		close(fd);
	while (d != NULL && (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.' && !is_kept(p, e->d_name))
			unlinkat(p->kept, e->d_name, 0);
	if (d != NULL)
		closedir(d);
}

void
rem_packages_recover(struct rem_packages *p)
{
	struct rem_record *before = malloc(sizeof(*before));
	bool unfinished = false;

	if (before == NULL)
		return;
	*before = p->record;
	for (unsigned i = 0; i < before->n; i++)
		unfinished |= before->v[i].doing != REM_DOES_NOTHING;
	if (unfinished)
		await_command(p);
	for (unsigned i = 0; i < before->n; i++)
		if (before->v[i].doing != REM_DOES_NOTHING)
			undo(p, before->v[i]);
	free(before);
	unlinkat(p->staging, STAGED, 0);
	clear_kept(p);
}

/* ---- what there is ---- */

static bool
read_claim(int dir, const char *file, uint64_t *version)
{
	char name[REM_NAME_MAX + sizeof(REM_SIGN_SUFFIX)];
	struct rem_signature sig;
	struct buf b;
	bool ok;

	rem_stage_signature_name(file, name);
	buf_init(&b, REM_SIGNATURE_FILE + 1);
	ok = rem_file_read(dir, name, &b) == RC_OK && rem_sign_parse(buf_view(&b), &sig);
	if (ok)
		*version = sig.version;
	buf_fini(&b);
	return ok;
}

unsigned
rem_packages_files(struct rem_packages *p, struct rem_package_file *files, unsigned max)
{
	DIR *d = p->conf.directory == NULL ? NULL : opendir(p->conf.directory);
	struct dirent *e;
	unsigned n = 0;

	while (d != NULL && n < max && (e = readdir(d)) != NULL) {
		if (!rem_name_valid(slice_of(e->d_name)) ||
		    !read_claim(dirfd(d), e->d_name, &files[n].version))
			continue;
		snprintf(files[n++].name, REM_NAME_MAX + 1, "%.*s", REM_NAME_MAX, e->d_name);
	}
	if (d != NULL)
		closedir(d);
	return n;
}
