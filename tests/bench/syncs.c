/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "syncs.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

struct counters {
	atomic_uint_least64_t fsyncs;
	atomic_uint_least64_t fdatasyncs;
	atomic_uint_least64_t msyncs;
	atomic_uint_least64_t writes;
};

_Static_assert(sizeof(struct counters) == sizeof(struct syncs), "the file holds struct syncs");

/*
 * Replaced functions have no argument of ours, so their counters can only be global: private ones
 * until the constructor has mapped the file.
 */
static struct counters private_counters;
static struct counters *counters = &private_counters;

__attribute__((constructor)) static void
counters_map(void)
{
	const char *name = getenv("BENCH_SYNCS_FILE");
	void *map = MAP_FAILED;
	int fd;

	if (name == NULL)
		return;
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	if (ftruncate(fd, sizeof(struct syncs)) == 0)
		map = mmap(NULL, sizeof(struct syncs), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map != MAP_FAILED)
		counters = map;
}

/* Stores the next definition of a function in *pointer, itself a pointer to a function. */
static void
next_function(const char *name, void *pointer)
{
	void *symbol = dlsym(RTLD_NEXT, name);

	if (symbol == NULL)
		abort();
	memcpy(pointer, &symbol, sizeof(symbol));
}

static void
count(atomic_uint_least64_t *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static void
count_write(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags >= 0 && (flags & O_DSYNC) != 0)
		count(&counters->writes);
}

int
fsync(int fd)
{
	int (*next)(int);

	next_function("fsync", &next);
	count(&counters->fsyncs);
	return next(fd);
}

int
fdatasync(int fd)
{
	int (*next)(int);

	next_function("fdatasync", &next);
	count(&counters->fdatasyncs);
	return next(fd);
}

int
msync(void *start, size_t len, int flags)
{
	int (*next)(void *, size_t, int);

	next_function("msync", &next);
	if ((flags & MS_SYNC) != 0)
		count(&counters->msyncs);
	return next(start, len, flags);
}

ssize_t
pwrite(int fd, const void *data, size_t len, off_t at)
{
	ssize_t (*next)(int, const void *, size_t, off_t);

	next_function("pwrite", &next);
	count_write(fd);
	return next(fd, data, len, at);
}

ssize_t
pwrite64(int fd, const void *data, size_t len, off64_t at)
{
	ssize_t (*next)(int, const void *, size_t, off64_t);

	next_function("pwrite64", &next);
	count_write(fd);
	return next(fd, data, len, at);
}

struct syncs
syncs_now(void)
{
	return (struct syncs){
		.fsyncs = atomic_load(&counters->fsyncs),
		.fdatasyncs = atomic_load(&counters->fdatasyncs),
		.msyncs = atomic_load(&counters->msyncs),
		.writes = atomic_load(&counters->writes),
	};
}

uint64_t
syncs_total(void)
{
	struct syncs now = syncs_now();

	return now.fsyncs + now.fdatasyncs + now.msyncs + now.writes;
}
