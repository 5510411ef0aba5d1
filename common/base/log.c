/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/times.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define LINE_MAX_BYTES 4096u
#define VALUE_MAX_BYTES 1024u

struct log {
	int fd;
	_Atomic int level;
	char name[32];
	pthread_rwlock_t tap_lock;
	void (*tap)(void *arg, struct slice line);
	void *tap_arg;
};

static const char *const level_names[] = { "error", "warn", "info", "debug" };

struct log *
log_new(int fd, const char *name, enum log_level level)
{
	struct log *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->fd = fd;
	atomic_store(&l->level, (int)level);
	strncpy(l->name, name, sizeof(l->name) - 1);
	pthread_rwlock_init(&l->tap_lock, NULL);
	return l;
}

void
log_free(struct log *l)
{
	if (l == NULL)
		return;
	pthread_rwlock_destroy(&l->tap_lock);
	free(l);
}

void
log_set_tap(struct log *l, void (*tap)(void *arg, struct slice line), void *arg)
{
	pthread_rwlock_wrlock(&l->tap_lock);
	l->tap = tap;
	l->tap_arg = arg;
	pthread_rwlock_unlock(&l->tap_lock);
}

static void
tap_line(struct log *l, struct slice line)
{
	pthread_rwlock_rdlock(&l->tap_lock);
	if (l->tap != NULL)
		l->tap(l->tap_arg, line);
	pthread_rwlock_unlock(&l->tap_lock);
}

void
log_set_level(struct log *l, enum log_level level)
{
	atomic_store(&l->level, (int)level);
}

bool
log_enabled(const struct log *l, enum log_level level)
{
	return l != NULL && (int)level <= atomic_load_explicit(&l->level, memory_order_relaxed);
}

bool
log_level_from(const char *name, enum log_level *level)
{
	for (int i = 0; i <= LOG_LEVEL_DEBUG; i++)
		if (strcmp(name, level_names[i]) == 0) {
			*level = (enum log_level)i;
			return true;
		}
	return false;
}

static bool
needs_quotes(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == '"' || s.p[i] == '=' || s.p[i] == '\\' ||
		    s.p[i] == 0x7f)
			return true;
	return s.n == 0;
}

static void
add_text(struct buf *b, struct slice s)
{
	if (!needs_quotes(s)) {
		buf_slice(b, s);
		return;
	}
	buf_char(b, '"');
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c < ' ' || c == 0x7f)
			buf_printf(b, "\\x%02x", c);
		else if (c == '"' || c == '\\')
			buf_printf(b, "\\%c", c);
		else
			buf_char(b, (char)c);
	}
	buf_char(b, '"');
}

void
log_write(struct log *l, enum log_level level, const char *event, const struct log_pair *pairs,
          size_t n)
{
	struct buf b;
	char when[TIMES_TEXT_MAX];

	if (!log_enabled(l, level))
		return;
	buf_init(&b, LINE_MAX_BYTES);
	times_format(clock_now(&clock_system), TIMES_MILLI, when);
	buf_printf(&b, "time=%s level=%s daemon=%s event=%s", when, level_names[level], l->name, event);
	for (size_t i = 0; i < n && b.n < LINE_MAX_BYTES - 2 * VALUE_MAX_BYTES; i++) {
		buf_printf(&b, " %s=", pairs[i].key);
		if (pairs[i].is_num)
			buf_printf(&b, "%lld", pairs[i].num);
		else
			add_text(&b, slice_head(pairs[i].text, VALUE_MAX_BYTES / 4));
	}
	buf_char(&b, '\n');
	/* A log that cannot be written has nowhere to complain. */
	if (b.n > 0 && write(l->fd, b.p, b.n) < 0)
		b.failed = true;
	if (b.n > 0)
		tap_line(l, buf_view(&b));
	buf_fini(&b);
}
