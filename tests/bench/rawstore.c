/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bare store: batches of records, one durable commit per batch, nothing else. Records are
 * appended to one container or round robin to many; with --keep the oldest record of the container
 * is deleted with every new one once it holds that many.
 */
#include "config.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hist.h"
#include "store/store.h"
#include "syncs.h"
#include "ticks.h"

enum { RECORD_MAX = 1 << 20, KEY_SIZE = 17, FILL_BATCH = 1000 };

struct options {
	const char *engine;
	const char *path;
	uint64_t batch;
	uint64_t record;
	uint64_t containers;
	uint64_t keep;		/* 0: nothing is deleted */
	uint64_t fill;		/* records stored before the measurement */
	double seconds;
};

struct bench {
	const struct store_ops *ops;
	struct store *store;
	const struct options *o;
	uint64_t next;		/* number of the next record */
	uint64_t commits;
	char *record;
	struct hist hist;	/* one value per batch */
};

static const struct store_ops *const engines[] = {
	&store_memory,
	&store_lmdb,
#ifdef HAVE_ROCKSDB
	&store_rocksdb,
#endif
};

static void
die(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fputs("rawstore: ", stderr);
	vfprintf(stderr, format, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

static void
number_write(char *out, uint64_t number)
{
	for (int i = 7; i >= 0; i--, number >>= 8)
		out[i] = (char)(number & 0xff);
}

/* Space byte, container, sequence: the newest record of a container is its last. */
static struct slice
key_write(char key[KEY_SIZE], uint64_t container, uint64_t sequence)
{
	key[0] = 'i';
	number_write(key + 1, container);
	number_write(key + 9, sequence);
	return slice_make(key, KEY_SIZE);
}

static void
record_put(struct bench *b, struct txn *txn)
{
	const struct options *o = b->o;
	uint64_t container = b->next % o->containers;
	uint64_t sequence = b->next / o->containers;
	char key[KEY_SIZE];

	number_write(b->record, b->next++);
	if (b->ops->put(txn, key_write(key, container, sequence),
	    slice_make(b->record, o->record)) != RC_OK)
		die("put failed");
	if (o->keep == 0 || sequence < o->keep)
		return;
	if (b->ops->del(txn, key_write(key, container, sequence - o->keep)) != RC_OK)
		die("delete failed");
}

static void
batch_put(struct bench *b, uint64_t n)
{
	struct txn *txn;

	if (b->ops->begin(b->store, true, &txn) != RC_OK)
		die("begin failed");
	for (; n > 0; n--)
		record_put(b, txn);
	if (b->ops->commit(txn) != RC_OK)
		die("commit failed");
}

static void
store_fill(struct bench *b)
{
	while (b->next < b->o->fill)
		batch_put(b, FILL_BATCH);
}

static double
store_run(struct bench *b)
{
	uint64_t start = ticks_ns();
	uint64_t stop = start + (uint64_t)(b->o->seconds * 1e9);
	uint64_t begun = start;

	while (begun < stop) {
		uint64_t now;

		batch_put(b, b->o->batch);
		b->commits++;
		now = ticks_ns();
		hist_add(&b->hist, now - begun);
		begun = now;
	}
	return (double)(begun - start) / 1e9;
}

static void
report(const struct bench *b, double seconds, uint64_t syncs)
{
	const struct options *o = b->o;
	double commits = (double)b->commits;

	printf("{\"engine\":\"%s\",\"batch\":%llu,\"record\":%llu,\"containers\":%llu,\"keep\":%llu,"
	    "\"seconds\":%.3f,\"puts_per_s\":%.1f,\"commits_per_s\":%.1f,\"syncs\":%llu,"
	    "\"syncs_per_commit\":%.3f,", o->engine, (unsigned long long)o->batch,
	    (unsigned long long)o->record, (unsigned long long)o->containers,
	    (unsigned long long)o->keep, seconds, commits * (double)o->batch / seconds,
	    commits / seconds, (unsigned long long)syncs, (double)syncs / commits);
	hist_print(&b->hist);
	puts("}");
}

static uint64_t
number_read(const char *text, uint64_t min, uint64_t max)
{
	char *end;
	unsigned long long number = strtoull(text, &end, 10);

	if (*end != '\0' || number < min || number > max)
		die("number out of range: %s", text);
	return number;
}

static void
option_set(struct options *o, int c, const char *value)
{
	switch (c) {
	case 'e': o->engine = value; break;
	case 'p': o->path = value; break;
	case 'b': o->batch = number_read(value, 1, 1000000); break;
	case 'r': o->record = number_read(value, 8, RECORD_MAX); break;
	case 'c': o->containers = number_read(value, 1, UINT32_MAX); break;
	case 'k': o->keep = number_read(value, 0, UINT32_MAX); break;
	case 'f': o->fill = number_read(value, 0, UINT32_MAX); break;
	case 'd': o->seconds = atof(value); break;
	default:
		fputs("usage: rawstore --path DIRECTORY [--engine lmdb|rocksdb|memory] [--batch N]\n"
		    "                [--record BYTES] [--containers N] [--keep N] [--fill N] [-d SECONDS]\n",
		    stderr);
		exit(2);
	}
}

static void
options_parse(struct options *o, int argc, char **argv)
{
	static const struct option names[] = {
		{ "engine", required_argument, NULL, 'e' },
		{ "path", required_argument, NULL, 'p' },
		{ "batch", required_argument, NULL, 'b' },
		{ "record", required_argument, NULL, 'r' },
		{ "containers", required_argument, NULL, 'c' },
		{ "keep", required_argument, NULL, 'k' },
		{ "fill", required_argument, NULL, 'f' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "d:", names, NULL)) != -1)
		option_set(o, c, optarg);
	if (o->path == NULL || optind != argc)
		option_set(o, '?', NULL);
}

static void
bench_open(struct bench *b)
{
	struct store_conf conf = { .path = b->o->path };
	char why[256] = "";

	for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++)
		if (strcmp(engines[i]->name, b->o->engine) == 0)
			b->ops = engines[i];
	if (b->ops == NULL)
		die("unknown engine %s", b->o->engine);
	b->record = malloc(b->o->record);
	if (b->record == NULL)
		die("out of memory");
	for (uint64_t i = 0; i < b->o->record; i++)
		b->record[i] = (char)('a' + i * 7 % 26);
	if (b->ops->open(&conf, &b->store, why) != RC_OK)
		die("cannot open %s: %s", b->o->path, why);
}

int
main(int argc, char **argv)
{
	struct options o = { .engine = "lmdb", .batch = 1, .record = 256, .containers = 1,
		.seconds = 5 };
	struct bench b = { .o = &o };
	uint64_t syncs;
	double seconds;

	options_parse(&o, argc, argv);
	bench_open(&b);
	store_fill(&b);
	syncs = syncs_total();
	seconds = store_run(&b);
	report(&b, seconds, syncs_total() - syncs);
	b.ops->close(b.store);
	free(b.record);
	return 0;
}
