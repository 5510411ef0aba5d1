/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sec/token_file.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"

#define LOOK_SECONDS 1
/* A younger file may change again without a sign: times of files are coarse. */
#define SETTLED_SECONDS 2

struct token_file {
	const char *path;
	struct log *log;
	pthread_rwlock_t lock;
	struct tokens *tokens; /* under lock */
	pthread_mutex_t reading; /* one at a time; also what follows */
	struct stat seen; /* zero: it was not there */
	bool settled;
	bool stale; /* the tokens are of an earlier file: it could not be read */
	pthread_cond_t ended;
	bool end;
	pthread_t thread;
};

static bool
same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mode == b->st_mode && a->st_uid == b->st_uid &&
	       same_time(&a->st_mtim, &b->st_mtim) && same_time(&a->st_ctim, &b->st_ctim);
}

/* How the file is now; true when it is as it was when it was read. */
static bool
look(struct token_file *f)
{
	struct stat st;
	bool same;

	if (stat(f->path, &st) != 0)
		memset(&st, 0, sizeof(st));
	same = same_file(&st, &f->seen);
	f->seen = st;
	return same;
}

static enum rc
read_again(struct token_file *f, char why[TOKENS_WHY])
{
	time_t now = time(NULL);
	struct tokens *fresh, *old;
	enum rc rc;

	f->settled = f->seen.st_ctim.tv_sec + SETTLED_SECONDS <= now ||
	             f->seen.st_ctim.tv_sec > now + SETTLED_SECONDS;
	rc = tokens_read(f->path, &fresh, why);
	f->stale = rc != RC_OK;
	if (rc != RC_OK)
		return rc;
	pthread_rwlock_wrlock(&f->lock);
	old = f->tokens;
	f->tokens = fresh;
	pthread_rwlock_unlock(&f->lock);
	tokens_free(old);
	return RC_OK;
}

/* Under reading. loud: says also what is known already. */
static void
refresh(struct token_file *f, bool loud)
{
	bool same = look(f), was_stale = f->stale;
	char why[TOKENS_WHY];

	/* What kept it from being read may pass without a sign: no file number, no memory. */
	if (same && f->settled && !was_stale && !loud)
		return;
	if (read_again(f, why) != RC_OK) {
		if (!same || loud)
			LOG_ERROR(f->log, "tokens-kept", LOG_Z("reason", why));
	} else if (!same || was_stale) {
		LOG_INFO(f->log, "tokens-read", LOG_Z("file", f->path));
	}
}

void
token_file_reload(struct token_file *f)
{
	pthread_mutex_lock(&f->reading);
	refresh(f, true);
	pthread_mutex_unlock(&f->reading);
}

static void *
watch(void *arg)
{
	struct token_file *f = arg;
	struct timespec at;

	pthread_mutex_lock(&f->reading);
	while (!f->end) {
		clock_gettime(CLOCK_MONOTONIC, &at);
		at.tv_sec += LOOK_SECONDS;
		while (!f->end && pthread_cond_timedwait(&f->ended, &f->reading, &at) == 0)
			continue;
		if (!f->end)
			refresh(f, false);
	}
	pthread_mutex_unlock(&f->reading);
	return NULL;
}

static bool
init_locks(struct token_file *f)
{
	return clock_cond_init(&f->ended) && pthread_rwlock_init(&f->lock, NULL) == 0 &&
	       pthread_mutex_init(&f->reading, NULL) == 0;
}

static void
fini(struct token_file *f)
{
	pthread_cond_destroy(&f->ended);
	pthread_mutex_destroy(&f->reading);
	pthread_rwlock_destroy(&f->lock);
	tokens_free(f->tokens);
	free(f);
}

enum rc
token_file_open(const char *path, struct log *log, struct token_file **out, char why[TOKENS_WHY])
{
	struct token_file *f = calloc(1, sizeof(*f));
	enum rc rc = RC_UNAVAILABLE;

	*out = NULL;
	snprintf(why, TOKENS_WHY, "no memory");
	if (f == NULL || !init_locks(f)) {
		free(f);
		return rc;
	}
	f->path = path;
	f->log = log;
	look(f);
	rc = read_again(f, why);
	if (rc == RC_OK && pthread_create(&f->thread, NULL, watch, f) != 0) {
		snprintf(why, TOKENS_WHY, "no thread");
		rc = RC_UNAVAILABLE;
	}
	if (rc != RC_OK) {
		fini(f);
		return rc;
	}
	*out = f;
	return RC_OK;
}

void
token_file_close(struct token_file *f)
{
	if (f == NULL)
		return;
	pthread_mutex_lock(&f->reading);
	f->end = true;
	pthread_cond_signal(&f->ended);
	pthread_mutex_unlock(&f->reading);
	pthread_join(f->thread, NULL);
	fini(f);
}

size_t
token_file_find(struct token_file *f, struct slice token, char name[TOKENS_NAME_MAX + 1])
{
	struct slice found;

	pthread_rwlock_rdlock(&f->lock);
	found = tokens_find(f->tokens, token);
	if (found.n > 0)
		memcpy(name, found.p, found.n);
	pthread_rwlock_unlock(&f->lock);
	name[found.n] = '\0';
	return found.n;
}
