/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of LMDB is mapped, and what was read or changed of it counts as memory of the process for
 * as long as it stays mapped in. The system keeps it in its cache in any case: what is given back
 * here is mapped in again without reading when it is needed.
 */
#include "config.h"

#include "store/lmdb_engine.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>

/* A line of /proc/self/maps: "START-END MODE ...", the numbers hexadecimal (proc(5)). */
static bool
read_region(const char *line, uintptr_t *start, uintptr_t *end)
{
	char *rest;

	*start = strtoumax(line, &rest, 16);
	if (*rest != '-')
		return false;
	*end = strtoumax(rest + 1, &rest, 16);
	return strncmp(rest, " r--s ", 6) == 0;
}

/* The memory that has the address, when it is a file that is shared and cannot be written to. */
static bool
region_of(const void *address, uintptr_t *start, uintptr_t *end)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[256];
	bool found = false;

	while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL)
		found = read_region(line, start, end) && (uintptr_t)address >= *start &&
		        (uintptr_t)address < *end;
	if (f != NULL)
		fclose(f);
	return found;
}

/* Any octet of the file. NULL: there is no record. */
static const void *
any_octet(struct store *st)
{
	MDB_cursor *c = NULL;
	const void *octet = NULL;
	MDB_txn *txn;
	MDB_val k, v;

	if (mdb_txn_begin(st->env, NULL, MDB_RDONLY, &txn) != 0)
		return NULL;
	if (mdb_cursor_open(txn, st->dbi, &c) == 0 && mdb_cursor_get(c, &k, &v, MDB_FIRST) == 0)
		octet = k.mv_data;
	if (c != NULL)
		mdb_cursor_close(c);
	mdb_txn_abort(txn);
	return octet;
}

static void
find_map(struct store *st)
{
	const void *octet = any_octet(st);
	uintptr_t start, end;

	if (octet == NULL)
		return;
	st->map_known = true;
	if (!region_of(octet, &start, &end))
		return;
	st->map = (void *)start;
	st->map_octets = (size_t)(end - start);
}

void
lmdb_trim(struct store *st)
{
	pthread_mutex_lock(&st->writing);
	if (st->env != NULL && !st->map_known)
		find_map(st);
	if (st->env != NULL && st->map_octets > 0)
		(void)madvise(st->map, st->map_octets, MADV_DONTNEED);
	pthread_mutex_unlock(&st->writing);
}
