/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line per event on a stream: time, level, event, then key=value words. A line is written
 * with one write, so lines of several threads do not mix. Values are quoted when they need it;
 * control characters never reach the log. Secrets are never passed.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/slice.h"

enum log_level {
	LOG_LEVEL_ERROR, /* an operator must act */
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};

struct log;

/* A log to the file descriptor fd (not owned); name is the daemon's. NULL without memory. */
struct log *log_new(int fd, const char *name, enum log_level level);
void log_free(struct log *l);
/* Any thread. */
void log_set_level(struct log *l, enum log_level level);
bool log_enabled(const struct log *l, enum log_level level);
/* False when name is none of error, warn, info, debug. */
bool log_level_from(const char *name, enum log_level *level);

/*
 * Also gives each line (with its newline, valid during the call) to tap, on the thread that logs;
 * tap must not log. NULL ends that: no call is under way any more on return. One at a time.
 */
void log_set_tap(struct log *l, void (*tap)(void *arg, struct slice line), void *arg);

/* A key and its value; value kinds by the LOG_ macros below. */
struct log_pair {
	const char *key;
	struct slice text;
	long long num;
	bool is_num;
};

#define LOG_S(k, v) ((struct log_pair){ .key = (k), .text = (v) })
#define LOG_Z(k, v) ((struct log_pair){ .key = (k), .text = slice_of(v) })
#define LOG_N(k, v) ((struct log_pair){ .key = (k), .num = (long long)(v), .is_num = true })

/* l may be NULL (nothing is written). Any thread. */
void log_write(struct log *l, enum log_level level, const char *event, const struct log_pair *pairs,
               size_t n);

#define LOG(l, level, event, ...)                                                                  \
	log_write((l), (level), (event), (const struct log_pair[]){ __VA_ARGS__ },                 \
	          sizeof((const struct log_pair[]){ __VA_ARGS__ }) / sizeof(struct log_pair))
#define LOG_ERROR(l, event, ...) LOG((l), LOG_LEVEL_ERROR, (event), __VA_ARGS__)
#define LOG_WARN(l, event, ...) LOG((l), LOG_LEVEL_WARN, (event), __VA_ARGS__)
#define LOG_INFO(l, event, ...) LOG((l), LOG_LEVEL_INFO, (event), __VA_ARGS__)
#define LOG_DEBUG(l, event, ...) LOG((l), LOG_LEVEL_DEBUG, (event), __VA_ARGS__)

#endif
