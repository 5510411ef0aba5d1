/* SPDX-License-Identifier: Apache-2.0 */
/* What a node is not brought to by words without TLS, the order of answers, a slow disk. */
#include "config.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cap/sec/node_keys.h"
#include "sec/hex.h"
#include "sec_node_bed.h"

#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#endif
#ifndef UNDER_TSAN
#define UNDER_TSAN 0
#endif

#define SET(w, member, value)                                                                      \
	do {                                                                                       \
		pthread_mutex_lock(&(w)->lock);                                                    \
		(w)->member = (value);                                                             \
		pthread_mutex_unlock(&(w)->lock);                                                  \
	} while (0)

/* ---- a disk that can be slow ---- */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool closed;
	unsigned inside;
} disk = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

/* In place of that of the C library. */
int
fsync(int fd)
{
	pthread_mutex_lock(&disk.lock);
	disk.inside++;
	while (disk.closed)
		pthread_cond_wait(&disk.changed, &disk.lock);
	disk.inside--;
	pthread_mutex_unlock(&disk.lock);
	return (int)syscall(SYS_fsync, fd);
}

static void
set_disk(bool closed)
{
	pthread_mutex_lock(&disk.lock);
	disk.closed = closed;
	pthread_cond_broadcast(&disk.changed);
	pthread_mutex_unlock(&disk.lock);
}

static bool
disk_is_awaited(struct node_bed *w)
{
	bool inside;

	(void)w;
	pthread_mutex_lock(&disk.lock);
	inside = disk.inside > 0;
	pthread_mutex_unlock(&disk.lock);
	return inside;
}

/* ---- the log ---- */

static struct {
	struct log *log;
	int fd;
	_Atomic bool has_void, not_confirmed;
} heard;

static void
hear(void *arg, struct slice line)
{
	(void)arg;
	if (memmem(line.p, line.n, "credentials-void", 16) != NULL)
		atomic_store(&heard.has_void, true);
	if (memmem(line.p, line.n, "KEY_CONFIRM_FAILED", 18) != NULL)
		atomic_store(&heard.not_confirmed, true);
}

static bool
is_void(struct node_bed *w)
{
	(void)w;
	return atomic_load(&heard.has_void);
}

static bool
is_not_confirmed(struct node_bed *w)
{
	(void)w;
	return atomic_load(&heard.not_confirmed);
}

/* ---- life ---- */

static void
init(struct node_bed *w)
{
	node_init(w);
	heard.fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	heard.log = log_new(heard.fd, "node", LOG_LEVEL_INFO);
	ck_assert_ptr_nonnull(heard.log);
	log_set_tap(heard.log, hear, NULL);
	w->conf.log = heard.log;
}

static void
fini(struct node_bed *w)
{
	node_fini(w);
	log_free(heard.log);
	close(heard.fd);
}

static void
begin_and_want(struct node_bed *w)
{
	node_begin(w);
	node_want(w);
}

static bool
has_ended(struct node_bed *w)
{
	return w->ups || w->downs;
}

/* An attempt, which succeeds. */
static void
await_success(struct node_bed *w)
{
	ck_assert(node_await(w, has_ended));
	ck_assert(w->ups && !w->downs);
}

/* The courier thread has gone round. */
static void
round_courier(struct node_bed *w)
{
	for (unsigned i = 0; i < 10; i++)
		(void)node_ask(w);
}

/* The connection is over, and the root is so old that the next one is fetched at the same time. */
static void
grow_old(struct node_bed *w)
{
	SET(w, ups, false);
	atomic_store(&w->core.clock.now, clock_now(&clock_system) + 80000 * CLOCK_SECOND);
	ck_assert_int_eq(node_ask(w), 0);
}

/* ---- without TLS ---- */

static const char *const both_ways[] = { NSCL, NSCL_CLEAR, NULL };

/* A connection that does not allow it: nothing goes out. */
START_TEST(test_clear_not_allowed)
{
	struct node_bed w;
	struct sent s;

	init(&w);
	w.conf.nscl = both_ways;
	begin_and_want(&w);
	ck_assert(node_await_up(&w));
	node_send_to(&w, &s, NSCL_CLEAR "/scls", "GET", "");
	node_sent(&s);
	ck_assert_int_eq(s.status, 0);
	ck_assert(s.unsent);
	ck_assert_uint_eq(node_counts(&w).requests, 0);
	ck_assert_int_eq(node_ask(&w), 200);
	ck_assert_uint_eq(node_counts(&w).links, 1);
	node_end(&w);
	fini(&w);
}
END_TEST

/* Who is of low priority says so, by what protects each request; nobody else does. */
START_TEST(test_claims)
{
	struct node_bed w;
	unsigned want = _i == 0 ? 1 : 0;

	init(&w);
	w.conf.nscl = both_ways;
	w.conf.low_priority = _i == 0;
	w.flags = MAS_CHANNEL | MAS_ACCESS_NETWORK;
	begin_and_want(&w);
	ck_assert(node_await_up(&w));
	ck_assert_int_eq(node_ask(&w), 200);
	ck_assert_uint_eq(w.low_links, want);
	ck_assert_uint_eq(w.low_requests, want);
	ck_assert_int_eq(node_ask_at(&w, NSCL_CLEAR "/scls?x=1"), 200);
	ck_assert_uint_eq(w.low_clear, want);
	ck_assert_uint_eq(w.low_requests, want);
	node_end(&w);
	fini(&w);
}
END_TEST

/* What nobody has proved neither ends the connection, nor says that it is back. */
START_TEST(test_clear_forged)
{
	struct node_bed w;
	char identity[80];

	init(&w);
	w.conf.nscl = both_ways;
	w.conf.bootstrap.retry = w.conf.bootstrap.retry_max = 3600 * CLOCK_SECOND;
	w.flags = MAS_CHANNEL | MAS_ACCESS_NETWORK;
	begin_and_want(&w);
	ck_assert(node_await_up(&w));
	ck_assert_int_eq(node_ask(&w), 200);
	strcpy(identity, w.identity);
	SET(&w, forged, true);
	for (unsigned i = 0; i < 5; i++) {
		ck_assert_int_eq(node_ask_at(&w, NSCL_CLEAR "/scls"), 401);
		ck_assert(w.tagged);
		ck_assert_int_eq(node_ask(&w), 200);
		ck_assert_str_eq(w.identity, identity);
	}
	ck_assert_uint_eq(node_counts(&w).links, 1);
	ck_assert(!w.downs);
	SET(&w, forged, false);
	SET(&w, ups, false);
	SET(&w, cut_sessions, 1);
	ck_assert_int_eq(node_ask(&w), 0);
	ck_assert_int_eq(node_ask_at(&w, NSCL_CLEAR "/scls"), 200);
	ck_assert(!w.ups);
	ck_assert_int_eq(node_ask(&w), 200);
	ck_assert(node_await_up(&w));
	node_end(&w);
	fini(&w);
}
END_TEST

static bool
two_links(struct node_bed *w)
{
	return w->counts.links >= 2;
}

/* It may be true: the next connection is made, while this one goes on. */
START_TEST(test_clear_doubt)
{
	struct node_bed w;

	init(&w);
	w.conf.nscl = both_ways;
	w.flags = MAS_CHANNEL | MAS_ACCESS_NETWORK;
	begin_and_want(&w);
	ck_assert(node_await_up(&w));
	SET(&w, forged, true);
	SET(&w, link_held, true);
	ck_assert_int_eq(node_ask_at(&w, NSCL_CLEAR "/scls"), 401);
	ck_assert(node_await(&w, two_links));
	ck_assert_int_eq(node_ask(&w), 200);
	SET(&w, forged, false);
	SET(&w, link_held, false);
	ck_assert_int_eq(node_ask_at(&w, NSCL_CLEAR "/scls"), 200);
	ck_assert(!w.downs);
	node_end(&w);
	fini(&w);
}
END_TEST

/* ---- the order of answers ---- */

/* The answer on the old root, good or bad, comes when the new one is there: it means nothing. */
START_TEST(test_new_root_first)
{
	struct node_bed w;

	init(&w);
	begin_and_want(&w);
	ck_assert(node_await_up(&w));
	SET(&w, link, _i == 0 ? LINK_OK : LINK_REJECTED);
	SET(&w, link_held, true);
	/* The gate tells of the NSCL that the new root names. */
	SET(&w, nscls[1], NSCL_2);
	grow_old(&w);
	ck_assert(node_await_up(&w));
	ck_assert_uint_eq(node_counts(&w).links, 2);
	SET(&w, link, LINK_OK);
	SET(&w, ups, false);
	SET(&w, link_held, false);
	await_success(&w);
	ck_assert_uint_eq(w.first_index, 2);
	ck_assert_uint_eq(node_counts(&w).links, 3);
	ck_assert_int_eq(node_ask(&w), 200);
	ck_assert(!atomic_load(&heard.has_void));
	node_end(&w);
	fini(&w);
}
END_TEST

/* The old root is void while the new one is on its way to the disk: that stays there. */
START_TEST(test_void_while_storing)
{
	struct node_bed w;

	init(&w);
	begin_and_want(&w);
	ck_assert(node_await_up(&w));
	SET(&w, link, LINK_REJECTED);
	SET(&w, verdict, SAY_VOID);
	SET(&w, link_held, true);
	set_disk(true);
	grow_old(&w);
	ck_assert(node_await(&w, disk_is_awaited));
	SET(&w, link, LINK_OK);
	SET(&w, link_held, false);
	ck_assert(node_await(&w, is_void));
	round_courier(&w);
	set_disk(false);
	ck_assert(node_await_up(&w));
	ck_assert_uint_eq(w.first_index, 2);
	node_end(&w);
	ck_assert_uint_eq(node_counts(&w).boots, 2);
	begin_and_want(&w);
	ck_assert(node_await_up(&w));
	ck_assert_int_eq(node_ask(&w), 200);
	ck_assert_uint_eq(node_counts(&w).boots, 2);
	node_end(&w);
	fini(&w);
}
END_TEST

/* ---- the disk ---- */

/* While something is being stored the courier thread goes on, whatever it has to do. */
START_TEST(test_slow_disk)
{
	struct node_bed w;

	init(&w);
	begin_and_want(&w);
	ck_assert(node_await_up(&w));
	SET(&w, boot_held, true);
	set_disk(true);
	grow_old(&w);
	ck_assert(node_await(&w, disk_is_awaited));
	if (_i == 0)
		node_want_at(&w, NSCL_2);
	else
		SET(&w, boot_held, false);
	round_courier(&w);
	set_disk(false);
	SET(&w, boot_held, false);
	ck_assert(node_await_up(&w));
	node_end(&w);
	fini(&w);
}
END_TEST

/* ---- the key store ---- */

static struct node_keys *
open_keys(struct node_bed *w)
{
	const struct ppid none = { .n = 0 };
	char why[SEC_WHY_MAX] = "";
	struct node_keys *nk;

	ck_assert_msg(node_keys_open(&w->conf, &none, true, &nk, why) == RC_OK, "%s", why);
	ck_assert_ptr_nonnull(nk);
	return nk;
}

static void
put_links(struct node_keys *nk, const char *name, uint32_t n)
{
	struct node_link link = { .conn = { .id = 7, .kmr_index = 1 }, .lifetime = CLOCK_SECOND };

	snprintf(link.name, sizeof(link.name), "%s", name);
	for (uint32_t i = n; i > 0; i--) {
		link.conn.kmc_index = i;
		ck_assert_int_eq(key_random(&link.conn.kmc), RC_OK);
		ck_assert_int_eq(node_keys_put_link(nk, &link), RC_OK);
	}
	key_wipe(&link.conn.kmc);
}

/* One connection is kept for an NSCL, the last; of a void root nothing is. */
START_TEST(test_links)
{
	struct node_bed w;
	struct node_root root = { .kmr_index = 4 };
	struct node_keys *nk;
	struct node_link link;
	struct key kmr;

	init(&w);
	nk = open_keys(&w);
	put_links(nk, "a.example:443", 5);
	put_links(nk, "b.example:443", 3);
	ck_assert_int_eq(node_keys_link(nk, "a.example:443", &link), RC_OK);
	ck_assert_uint_eq(link.conn.kmc_index, 1);
	ck_assert_int_eq(node_keys_link(nk, "b.example:443", &link), RC_OK);
	ck_assert_uint_eq(link.conn.kmc_index, 1);
	root.node = w.node;
	ck_assert_int_eq(key_random(&kmr), RC_OK);
	ck_assert_int_eq(node_keys_put_root(nk, &root, &kmr), RC_OK);
	ck_assert_int_eq(node_keys_erase(nk, &w.node, 3), RC_OK);
	ck_assert_int_eq(node_keys_link(nk, "a.example:443", &link), RC_NOT_FOUND);
	ck_assert_int_eq(node_keys_root(nk, &root, &kmr), RC_OK);
	ck_assert_uint_eq(root.kmr_index, 4);
	for (uint32_t i = 0; i < 70; i++) {
		char name[32];

		snprintf(name, sizeof(name), "n%" PRIu32 ".example:443", i);
		put_links(nk, name, 1);
	}
	ck_assert_int_eq(node_keys_erase(nk, &w.node, 4), RC_OK);
	ck_assert_int_eq(node_keys_root(nk, &root, &kmr), RC_NOT_FOUND);
	ck_assert_int_eq(node_keys_link(nk, "n69.example:443", &link), RC_NOT_FOUND);
	ck_assert_int_eq(node_keys_link(nk, "n0.example:443", &link), RC_NOT_FOUND);
	ck_assert(!node_keys_is_next(nk, &w.node, 4));
	node_keys_close(nk);
	fini(&w);
}
END_TEST

/* ---- keys that are sent ---- */

/* Kmr that is not for this session: the security back-off. */
START_TEST(test_foreign_key)
{
	struct node_bed w;

	init(&w);
	w.conf.bootstrap.transport = true;
	w.boot = BOOT_FOREIGN;
	begin_and_want(&w);
	ck_assert(node_await(&w, is_not_confirmed));
	SET(&w, boot, BOOT_CLEAR);
	/* The task of the first wish may be queued still, and is the bed's one. */
	round_courier(&w);
	node_want(&w);
	round_courier(&w);
	ck_assert_uint_eq(node_counts(&w).boots, 1);
	node_end(&w);
	/* Nothing was kept of it. */
	begin_and_want(&w);
	ck_assert(node_await_up(&w));
	ck_assert_uint_eq(node_counts(&w).boots, 2);
	node_end(&w);
	fini(&w);
}
END_TEST

/* Every octet is turned round, so that what is searched for is not found where it is asked for. */
struct needle {
	uint8_t v[2 * KEY_BYTES];
};

static void
make_needle(const struct key *k, struct needle *n)
{
	for (size_t i = 0; i < KEY_BYTES; i++) {
		n->v[2 * i] = (uint8_t)~"0123456789abcdef"[k->v[i] >> 4];
		n->v[2 * i + 1] = (uint8_t)~"0123456789abcdef"[k->v[i] & 15];
	}
}

static size_t
count_in(const uint8_t *p, size_t n, const struct needle *what)
{
	size_t found = 0;

	for (size_t i = 0; i + sizeof(what->v) <= n; i++) {
		size_t k = 0;

		while (k < sizeof(what->v) && (p[i + k] ^ what->v[k]) == 0xff)
			k++;
		found += k == sizeof(what->v);
	}
	return found;
}

static size_t
count_range(int mem, uintptr_t from, uintptr_t to, const struct needle *what)
{
	static uint8_t space[65536];
	size_t found = 0;

	while (from < to) {
		size_t want = to - from < sizeof(space) ? to - from : sizeof(space);
		ssize_t n = pread(mem, space, want, (off_t)from);

		if (n <= 0)
			break;
		found += count_in(space, (size_t)n, what);
		/* What lies across the border of two pieces is seen with the second. */
		from += (size_t)n == want && want == sizeof(space) ? want - sizeof(what->v) + 1
		                                                   : (size_t)n;
		memset(space, 0, sizeof(space));
	}
	return found;
}

/* How often the key stands in memory that was written to, in hexadecimal digits. */
static size_t
count_in_memory(const struct needle *what)
{
	int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	FILE *maps = fopen("/proc/self/maps", "r");
	size_t found = 0, size = 0;
	uintptr_t from, to;
	char *line = NULL, *end;

	ck_assert_int_ge(mem, 0);
	ck_assert_ptr_nonnull(maps);
	while (getline(&line, &size, maps) > 0) {
		from = (uintptr_t)strtoull(line, &end, 16);
		to = (uintptr_t)strtoull(end + 1, &end, 16);
		/* Larger is the shadow memory of sanitizers, with nothing of ours. */
		if (strncmp(end, " rw", 3) == 0 && to - from < ((uintptr_t)1 << 26))
			found += count_range(mem, from, to, what);
	}
	free(line);
	fclose(maps);
	close(mem);
	return found;
}

/* Documents of version 1.1 have their key in clear: nothing of them is left. */
START_TEST(test_wiped)
{
	struct node_bed w;
	struct needle kmr, kmc;

	init(&w);
	w.conf.bootstrap.transport = true;
	w.boot = BOOT_CLEAR;
	w.link = LINK_CLEAR;
	begin_and_want(&w);
	ck_assert(node_await_up(&w));
	pthread_mutex_lock(&w.lock);
	make_needle(&w.kmrs[1], &kmr);
	make_needle(&w.kmc, &kmc);
	pthread_mutex_unlock(&w.lock);
	ck_assert_uint_ge(count_in_memory(&kmr), 1);
	ck_assert_uint_ge(count_in_memory(&kmc), 1);
	/* What the peers have of them. */
	memset(w.text, 0, sizeof(w.text));
	ck_assert_uint_eq(count_in_memory(&kmr), 0);
	ck_assert_uint_eq(count_in_memory(&kmc), 0);
	node_end(&w);
	fini(&w);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sec_node_care");
	TCase *c = tcase_create("care");

	tcase_set_timeout(c, 120);
	tcase_add_test(c, test_clear_not_allowed);
	tcase_add_loop_test(c, test_claims, 0, 2);
	tcase_add_test(c, test_clear_forged);
	tcase_add_test(c, test_clear_doubt);
	tcase_add_loop_test(c, test_new_root_first, 0, 2);
	tcase_add_test(c, test_void_while_storing);
	tcase_add_loop_test(c, test_slow_disk, 0, 2);
	tcase_add_test(c, test_links);
	tcase_add_test(c, test_foreign_key);
	/* It reads all memory of the process, which the sanitizer has made many times as much. */
	if (!UNDER_TSAN)
		tcase_add_test(c, test_wiped);
	suite_add_tcase(s, c);
	return core_run(s);
}
