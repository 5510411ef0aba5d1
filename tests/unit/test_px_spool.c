/* SPDX-License-Identifier: Apache-2.0 */
/* What the spool of a source keeps: over restarts, and when its process is killed at any step. */
#include "config.h"

#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cap/pxy/px_spool.h"
#include "suite.h"

#define DESTINATION UINT64_C(0x0102030405060708)

static char dir[256];

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void
setup(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, sizeof(dir), "%s/test-spool-XXXXXX", tmp == NULL ? "/tmp" : tmp);
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void
teardown(void)
{
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static struct px_spool *
open_spool(void)
{
	char path[300], why[256] = "";
	struct px_spool_conf conf = { .dir = path, .engine = &store_lmdb };
	struct px_spool *s = NULL;

	snprintf(path, sizeof(path), "%s/source", dir);
	if (px_spool_open(&conf, &s, why) != RC_OK)
		abort();
	return s;
}

static void
op_done(struct px_spool_op *op)
{
	(void)op;
}

static enum rc
write_op(struct px_spool *s, struct px_spool_op *op)
{
	op->done = op_done;
	px_spool_write(s, op);
	px_spool_settle(s);
	return op->rc;
}

static bool
copy_dest(void *arg, const struct px_spool_dest *d)
{
	*(struct px_spool_dest *)arg = *d;
	return true;
}

static bool
copy_sink(void *arg, const struct px_spool_sink *k)
{
	*(struct px_spool_sink *)arg = *k;
	return true;
}

/* ---- what is kept ---- */

static const struct px_spool_dest sample = {
	.destination = DESTINATION,
	.state = PX_WAY_DRAIN,
	.stream = 7,
	.by_hand = true,
	.root = "https://proxy.example/m2m/proxy",
	.store = "https://proxy.example/m2m/proxy/stores/00000000000000aa",
	.forward = "https://proxy.example/m2m/proxy/forwards/00000000000000bb",
	.request = { 1, 2, 3 },
	.expires = 1234567,
	.parked = 99,
	.sealed = true,
	.last = { 5, 6, 7 },
};

START_TEST(everything_is_kept)
{
	const struct px_epoch epochs[] = { { 4, 4, 0 }, { 5, 6, 0 } };
	const struct px_spool_batch batch = { .parcels = { { 11, 12 }, { 13, 14 } },
		                              .n_parcels = 2,
		                              .octets = SLICE_LIT("sealed") };
	const struct px_spool_sink sink = {
		.name = "b", .url = "https://b.example/", .pk2 = { 9 }, .destination = DESTINATION
	};
	uint8_t state[PRE_STREAM_STATE_SIZE] = { 42 }, got_state[PRE_STREAM_STATE_SIZE];
	struct px_spool *s = open_spool();
	struct px_spool_op op = { .destination = DESTINATION,
		                  .dest = &sample,
		                  .stream_state = state,
		                  .batch = &batch,
		                  .epochs = epochs,
		                  .n_epochs = 2,
		                  .sink = &sink,
		                  .from_now = true };
	struct px_spool_dest d = { 0 };
	struct px_spool_batch b;
	struct px_spool_sink k = { 0 };
	struct px_epoch e[4];
	struct buf octets;
	size_t n;

	buf_init(&octets, 65536);
	ck_assert_int_eq(px_spool_batch(s, DESTINATION, &b, &octets), RC_NOT_FOUND);
	ck_assert_int_eq(px_spool_state(s, &sample, got_state), RC_NOT_FOUND);
	ck_assert_int_eq(write_op(s, &op), RC_OK);
	/* Behind the two epochs. */
	ck_assert_uint_eq(op.from, 3);
	px_spool_close(s);

	s = open_spool();
	ck_assert_int_eq(px_spool_dests(s, copy_dest, &d), RC_OK);
	ck_assert_mem_eq(&d, &sample, sizeof(d));
	ck_assert_int_eq(px_spool_state(s, &sample, got_state), RC_OK);
	ck_assert_mem_eq(got_state, state, sizeof(state));
	ck_assert_int_eq(px_spool_batch(s, DESTINATION, &b, &octets), RC_OK);
	ck_assert(slice_is(b.octets, "sealed") && b.n_parcels == 2 && b.parcels[1].order == 14);
	ck_assert_int_eq(px_spool_sinks(s, copy_sink, &k), RC_OK);
	ck_assert(strcmp(k.name, "b") == 0 && k.from == 3 && k.pk2[0] == 9);
	ck_assert_int_eq(px_spool_epochs(s, DESTINATION, -1, 0, e, 4, &n), RC_OK);
	ck_assert(n == 2 && e[0].epoch == 4 && e[1].key_index == 6 && e[1].serial == 2);
	ck_assert_int_eq(px_spool_epochs(s, DESTINATION, 4, 0, e, 4, &n), RC_OK);
	ck_assert(n == 1 && e[0].epoch == 5);
	ck_assert_int_eq(px_spool_epochs(s, DESTINATION, -1, 2, e, 4, &n), RC_OK);
	ck_assert(n == 1 && e[0].epoch == 5);
	ck_assert_int_eq(px_spool_epochs(s, DESTINATION + 1, -1, 0, e, 4, &n), RC_OK);
	ck_assert_uint_eq(n, 0);

	op = (struct px_spool_op){ .destination = DESTINATION, .forget = true, .remove_sink = "b" };
	ck_assert_int_eq(write_op(s, &op), RC_OK);
	d.parked = k.from = 0;
	ck_assert_int_eq(px_spool_dests(s, copy_dest, &d), RC_OK);
	ck_assert_int_eq(px_spool_sinks(s, copy_sink, &k), RC_OK);
	ck_assert(d.parked == 0 && k.from == 0);
	ck_assert_int_eq(px_spool_state(s, &sample, got_state), RC_NOT_FOUND);
	ck_assert_int_eq(px_spool_batch(s, DESTINATION, &b, &octets), RC_NOT_FOUND);
	px_spool_close(s);
	buf_fini(&octets);
}
END_TEST

START_TEST(streams_are_given_out_once)
{
	struct px_spool *s = open_spool();
	struct px_spool_op op = { .destination = DESTINATION, .dest = &sample };
	uint16_t first, second, third;

	ck_assert_int_eq(px_spool_stream(s, &first), RC_OK);
	ck_assert_int_eq(px_spool_stream(s, &second), RC_OK);
	ck_assert_uint_eq(second, (uint16_t)(first + 1));
	ck_assert_int_eq(write_op(s, &op), RC_OK);
	px_spool_close(s);
	s = open_spool();
	ck_assert_int_eq(px_spool_stream(s, &third), RC_OK);
	ck_assert_uint_eq(third, (uint16_t)(second + 1));
	for (unsigned i = 3; i < 65536; i++)
		ck_assert_int_eq(px_spool_stream(s, &third), RC_OK);
	ck_assert_int_eq(px_spool_stream(s, &third), RC_NO_SPACE);
	px_spool_close(s);
}
END_TEST

/* ---- SIGKILL ---- */

/* One batch after the other, told when it is in the spool and when it is out of it again. */
static void
spool_until_killed(int to)
{
	struct px_spool *s = open_spool();
	struct px_spool_dest d = sample;

	for (uint32_t n = 1;; n++) {
		char octets[64];
		const struct px_epoch epoch = { n, (uint16_t)n, 0 };
		struct px_spool_batch b = { .parcels = { { n, n } }, .n_parcels = 1 };
		uint8_t state[PRE_STREAM_STATE_SIZE] = { (uint8_t)n };
		struct px_spool_op op = { .destination = DESTINATION,
			                  .dest = &d,
			                  .stream_state = state,
			                  .batch = &b,
			                  .epochs = &epoch,
			                  .n_epochs = 1 };
		uint32_t in = 2 * n, out = 2 * n + 1;

		b.octets = slice_make(octets, (size_t)snprintf(octets, sizeof(octets), "%u", n));
		d.last = (struct px_place){ n, (uint16_t)n, 1 };
		if (write_op(s, &op) != RC_OK || write(to, &in, sizeof(in)) != sizeof(in))
			_exit(1);
		d.parked = n;
		op = (struct px_spool_op){ .destination = DESTINATION,
			                   .dest = &d,
			                   .unspool = true };
		if (write_op(s, &op) != RC_OK || write(to, &out, sizeof(out)) != sizeof(out))
			_exit(1);
	}
}

/* State, batch, epoch and place are of one step, which is the one that was told or the next. */
static void
expect_step(uint32_t told)
{
	struct px_spool *s = open_spool();
	struct px_spool_dest d = { 0 };
	struct px_spool_batch b;
	struct px_epoch e[2];
	uint8_t state[PRE_STREAM_STATE_SIZE];
	struct buf octets;
	size_t n;
	bool in;
	enum rc rc;

	buf_init(&octets, 65536);
	rc = px_spool_batch(s, DESTINATION, &b, &octets);
	in = rc == RC_OK;
	ck_assert(in || rc == RC_NOT_FOUND);
	ck_assert_int_eq(px_spool_dests(s, copy_dest, &d), RC_OK);
	ck_assert_uint_ge(2 * d.last.epoch + !in, told);
	ck_assert_uint_le(2 * d.last.epoch + !in, told + 1);
	ck_assert_uint_eq(d.parked, in && d.last.epoch > 1 ? d.last.epoch - 1
	                            : in && d.parked == 99 ? 99
	                                                   : d.last.epoch);
	ck_assert_int_eq(px_spool_state(s, &d, state), RC_OK);
	ck_assert_uint_eq(state[0], (uint8_t)d.last.epoch);
	ck_assert(!in || (b.n_parcels == 1 && b.parcels[0].key == d.last.epoch));
	ck_assert_int_eq(px_spool_epochs(s, DESTINATION, (int64_t)d.last.epoch - 1, 0, e, 2, &n),
	                 RC_OK);
	ck_assert(n == 1 && e[0].epoch == d.last.epoch);
	px_spool_close(s);
	buf_fini(&octets);
}

START_TEST(killed_at_any_step)
{
	unsigned steps = 1 + (unsigned)_i;
	uint32_t told = 0;
	int ends[2], status;
	pid_t child;

	ck_assert_int_eq(pipe(ends), 0);
	child = fork();
	if (child == 0)
		spool_until_killed(ends[1]);
	close(ends[1]);
	for (unsigned i = 0; i < steps; i++)
		ck_assert_int_eq(read(ends[0], &told, sizeof(told)), sizeof(told));
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	ck_assert(WIFSIGNALED(status));
	while (read(ends[0], &told, sizeof(told)) == sizeof(told))
		;
	close(ends[0]);
	expect_step(told);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("px_spool");
	TCase *c = suite_case(s, "spool", setup, teardown);

	tcase_add_test(c, everything_is_kept);
	tcase_add_test(c, streams_are_given_out_once);
	tcase_add_loop_test(c, killed_at_any_step, 0, 12);
	return s;
}

int
main(void)
{
	return run_suite(suite());
}
