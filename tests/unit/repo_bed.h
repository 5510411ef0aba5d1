/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A repository under test: on either engine, with a clock that the test sets, an engine that can
 * be made to fail, and the map as a whole to compare. Every function asserts what it needs.
 */
#ifndef UNIT_REPO_BED_H
#define UNIT_REPO_BED_H

#include "store/repo_impl.h"

#include <check.h>

enum { BED_MEMORY, BED_LMDB, BED_ENGINES };

struct bed_clock {
	struct clock clock; /* first: the repository gets this */
	_Atomic int64_t now;
};

struct bed {
	struct repo *repo;
	struct repo_conf conf;
	struct store_ops ops; /* of the engine; open, close and put go through the bed */
	struct bed_clock clock;
	struct arena *arena;
	struct rtx *tx; /* the open transaction */
	char dir[256];
};

/* A new directory and a repository in it, with that many cached sequences. */
void bed_init(struct bed *b, int engine, unsigned cached);
/* The same without opening. */
void bed_prepare(struct bed *b, int engine, unsigned cached);
void bed_open(struct bed *b);
void bed_fini(struct bed *b);
/* Closes and opens; what is in memory is kept by the bed. */
void bed_reopen(struct bed *b);
/* Lets that many more puts succeed; negative: all. */
void bed_fail_after(long puts);
/* Called on the committer's thread when the engine begins a commit and when it has done it. */
void bed_on_commit(void (*called)(void *arg), void *arg);
/* The engine fails the next commit. */
void bed_fail_commit(void);

void bed_write(struct bed *b);
/* A new request in the open write transaction; results of the one before are gone. */
void bed_request(struct bed *b);
void bed_commit(struct bed *b);
void bed_read(struct bed *b);
void bed_end(struct bed *b);

/* A resource in the arena, with times set. */
struct res *bed_res(struct bed *b, unsigned type, uint64_t parent, slot_t slot, const char *name);
/* Adds a search string. */
void bed_label(struct bed *b, struct res *r, const char *label);
/* Inserts, with the result asserted. */
struct res *bed_insert(struct bed *b, unsigned type, uint64_t parent, slot_t slot, const char *name);
/* sclBase in a committed transaction of its own. */
void bed_root(struct bed *b);
/* An instance that is not stored yet; name NULL = generated. */
struct res *bed_inst(struct bed *b, const char *name, const char *content);
struct res *bed_append(struct bed *b, uint64_t container, const char *name, const char *content);

/* All records as the open transaction sees them; heap, freed by the caller. */
struct buf bed_dump(struct bed *b);
void bed_same(const struct buf *a, const struct buf *b);
/* Findings of repo_check: the number, and whether one contains text (NULL: print them all). */
unsigned bed_check(struct bed *b, const char *text, bool *seen);
/* Asserts that there is none. */
void bed_clean(struct bed *b);
/* Writes a record past the repository, with a right or a wrong CRC. */
void bed_poke(struct bed *b, struct slice key, struct slice val, bool right);
/* Removes a record past the repository. */
void bed_cut(struct bed *b, struct slice key);

/* A generator of numbers: the seed is printed, and taken from TEST_SEED when that is set. */
struct dice {
	uint64_t state;
};

void dice_init(struct dice *d, const char *what);
/* 0 .. n - 1 */
unsigned dice(struct dice *d, unsigned n);

#endif
