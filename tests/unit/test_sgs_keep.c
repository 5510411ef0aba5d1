/* SPDX-License-Identifier: Apache-2.0 */
/* What a book of the SGA server keeps: over a restart, over SIGKILL, and what its files do not say. */
#include "config.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cap/sgs/sgs_book_impl.h"
#include "sgs_bed.h"
#include "suite.h"

static struct sgs_bed bed;
static uint64_t i, j, k;

static struct sgs_bed *
start(void)
{
	sgs_bed_start(&bed, SGS_LMDB);
	i = sgs_bed_device(&bed, "i");
	j = sgs_bed_device(&bed, "j");
	k = sgs_bed_device(&bed, "k");
	return &bed;
}

/* ---- restart ---- */

START_TEST(test_restart)
{
	struct sgs_bed *b = start();
	uint64_t both[2] = { j, k }, gone = sgs_bed_device(b, "gone");
	struct sgs_counter c = { .device = i, .regctr = 1, .ctr = 17 };
	struct sgs_revoke r = { .device = gone };
	struct sgs_contact at = { .device = i, .uri = SLICE_LIT("http://i/") };
	uint8_t kd[SGS_SECRET_BYTES];
	char state[SGS_STATE_MAX];
	struct sgs_session s;
	struct sgs_device d;
	struct sgs_group g;
	struct sgs_view *v;
	size_t n;
	bool again;

	ck_assert_int_eq(sgs_bed_token(b, "later", 7), RC_OK);
	ck_assert_int_eq(SGS_DO(b, sgs_counter_raise, &c), RC_OK);
	ck_assert_int_eq(SGS_DO(b, sgs_contact_put, &at), RC_OK);
	ck_assert_int_eq(sgs_bed_invite(b, 1, i, j), RC_OK);
	ck_assert_int_eq(sgs_bed_invite(b, 2, i, j), RC_OK);
	ck_assert_int_eq(sgs_bed_step(b, 2, j, SGS_ACCEPTED), RC_OK);
	sgs_bed_session(b, 3, i, k);
	ck_assert_int_eq(sgs_bed_message(b, 3, i, 0, 9, NULL), RC_OK);
	ck_assert_int_eq(sgs_bed_group(b, 4, i, both, 2), RC_OK);
	ck_assert_int_eq(sgs_bed_group_message(b, 4, j, 1, 0, 9, NULL), RC_OK);
	ck_assert_int_eq(sgs_bed_end(b, 1, j, SGS_INVITED), RC_OK);
	ck_assert_int_eq(SGS_DO(b, sgs_device_revoke, &r), RC_OK);
	sgs_bed_close(b);

	sgs_bed_open(b);
	sgs_bed_settle(b);
	sgs_bed_check(b);
	v = sgs_bed_view(b);
	ck_assert_int_eq(sgs_device_find(v, SLICE_LIT("i"), &d), RC_OK);
	ck_assert(d.number == i && d.ceiling == 1017 && slice_is(d.contact, "http://i/"));
	ck_assert_int_eq(sgs_device_kd(v, i, kd), RC_OK);
	ck_assert_mem_eq(kd, "the initial key of the device kd", 32);
	ck_assert_int_eq(sgs_device_find(v, SLICE_LIT("gone"), &d), RC_NOT_FOUND);
	ck_assert(sgs_replayed(v, i, sgs_sid(1).v) && sgs_replayed(v, i, sgs_sid(3).v));
	ck_assert_int_eq(sgs_session_state(v, sgs_sid(2).v, state, sizeof(state), &n), RC_OK);
	ck_assert(slice_is(slice_make(state, n), "saved after a step"));
	sgs_view_close(v);
	ck_assert_int_eq(sgs_bed_session_show(b, 1, &s), RC_NOT_FOUND);
	ck_assert_int_eq(sgs_bed_session_show(b, 3, &s), RC_OK);
	ck_assert(s.state == SGS_OPEN && s.next_i == 1 && s.next_j == 0);
	ck_assert_int_eq(sgs_bed_group_show(b, 4, &g), RC_OK);
	ck_assert_uint_eq(sgs_bed_items(b, k, NULL, 0), 5);

	/* All goes on. */
	ck_assert_int_eq(sgs_bed_invite(b, 1, i, j), RC_DENIED);
	ck_assert_int_eq(sgs_bed_step(b, 2, i, SGS_REQUESTED), RC_OK);
	ck_assert_int_eq(sgs_bed_message(b, 3, i, 0, 9, &again), RC_OK);
	ck_assert(again);
	ck_assert_int_eq(sgs_bed_group_message(b, 4, j, 1, 1, 9, &again), RC_OK);
	ck_assert_int_eq(sgs_bed_register(b, "later", 7, 1, NULL), RC_OK);
	sgs_bed_close(b);

	/* What is over meanwhile. */
	atomic_fetch_add(&b->clock.now, 86400 * CLOCK_SECOND);
	sgs_bed_open(b);
	sgs_bed_settle(b);
	ck_assert_uint_eq(sgs_bed_stats(b).sessions, 0);
	ck_assert_uint_eq(sgs_bed_stats(b).items, 0);
	ck_assert_uint_eq(sgs_bed_stats(b).devices, 4);
	sgs_bed_free(b);
}
END_TEST

START_TEST(test_refused)
{
	struct sgs_bed *b = &bed;
	struct sgs_limits good, bad[13];
	char why[256];

	sgs_bed_make(b, SGS_LMDB);
	good = b->conf.limits;
	for (size_t n = 0; n < NITEMS(bad); n++)
		bad[n] = good;
	bad[0].devices_max = 0;
	bad[1].octets_max = 0;
	bad[2].octets_max = SGS_OCTETS_MAX + 1;
	bad[3].message_max = 0;
	bad[4].message_max = SGS_MESSAGE_MAX + 1;
	bad[5].members_max = 1;
	bad[6].members_max = SGS_MEMBERS_MAX + 1;
	bad[7].half_open_ttl = CLOCK_SECOND - 1;
	bad[8].item_ttl = CLOCK_NEVER;
	bad[9].replay_max = 0;
	bad[10].items_max = SGS_OCTETS_MAX + 1;
	bad[11].session_ttl = 0;
	bad[12].replay_device_max = 0;
	for (size_t n = 0; n < NITEMS(bad); n++) {
		b->conf.limits = bad[n];
		ck_assert_int_eq(sgs_book_open(&b->conf, &b->book, why), RC_BAD_REQUEST);
		ck_assert_ptr_null(b->book);
		ck_assert(why[0] != '\0');
	}
	b->conf.limits = good;
	sgs_bed_open(b);
	sgs_bed_close(b);
	b->kek.v[0]++;
	ck_assert_int_eq(sgs_book_open(&b->conf, &b->book, why), RC_PRECONDITION);
	ck_assert_ptr_nonnull(strstr(why, "another key"));
	b->kek.v[0]--;
	sgs_bed_open(b);
	sgs_bed_free(b);
}
END_TEST

/* ---- what the files say ---- */

/* True when a file of the book has that text. */
static bool
is_in_files(const struct sgs_bed *b, const char *text)
{
	DIR *dir = opendir(b->dir);
	bool found = false;

	ck_assert_ptr_nonnull(dir);
	for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
		char path[600], *all;
		FILE *f;
		size_t n;

		snprintf(path, sizeof(path), "%s/%s", b->dir, e->d_name);
		f = e->d_type == DT_DIR ? NULL : fopen(path, "rb");
		if (f == NULL)
			continue;
		all = malloc(8u << 20);
		ck_assert_ptr_nonnull(all);
		n = fread(all, 1, 8u << 20, f);
		ck_assert_uint_lt(n, 8u << 20);
		found = found || memmem(all, n, text, strlen(text)) != NULL;
		free(all);
		fclose(f);
	}
	closedir(dir);
	return found;
}

START_TEST(test_secrets)
{
	struct sgs_bed *b = start();

	ck_assert_int_eq(sgs_bed_invite(b, 1, i, j), RC_OK);
	ck_assert_int_eq(sgs_bed_invite(b, 2, i, j), RC_OK);
	ck_assert_int_eq(sgs_bed_step(b, 2, j, SGS_ACCEPTED), RC_OK);
	ck_assert_int_eq(sgs_bed_revoke(b, k), RC_OK);
	sgs_bed_close(b);
	/* These are public: the files are those that are meant. */
	ck_assert(is_in_files(b, "public package"));
	ck_assert(is_in_files(b, "the answer R2"));
	ck_assert(!is_in_files(b, "initial key of"));
	ck_assert(!is_in_files(b, "private keys"));
	ck_assert(!is_in_files(b, "saved after"));
	ck_assert(!is_in_files(b, (const char[]){ 0x5a, 0x5a, 0x5a, 0x5a, 0x5a, 0x5a, 0 }));
	sgs_bed_open(b);
	sgs_bed_free(b);
}
END_TEST

/* ---- SIGKILL ---- */

#define ROUNDS 6
#define AFTER_MAX 150

/* What the child tells once it is answered. */
struct answered {
	uint32_t kind; /* below */
	uint32_t number;
};

enum { SENT = 1, ACKED, GROUP_SENT, RAISED, INVITED };

static void
say(int to, uint32_t kind, uint32_t number)
{
	const struct answered a = { kind, number };

	if (write(to, &a, sizeof(a)) != sizeof(a))
		_exit(1);
}

/* All operations in turn, from where the book is. */
static void
child(struct sgs_bed *b, unsigned round, int to)
{
	struct sgs_session s;
	struct sgs_device d;
	uint32_t ctr, group = 0;

	b->quick = true;
	sgs_bed_open(b);
	if (sgs_bed_session_show(b, 1, &s) != RC_OK || sgs_bed_show(b, j, &d) != RC_OK)
		_exit(1);
	ctr = s.next_i;
	for (unsigned n = 0;; n++, ctr++) {
		struct sgs_counter c = { .device = i, .regctr = 1, .ctr = d.ceiling + n };
		unsigned sid = 1000 * round + n;

		if (sgs_bed_message(b, 1, i, ctr, 40, NULL) != RC_OK)
			_exit(1);
		say(to, SENT, ctr);
		if (n % 3 == 0 && sgs_bed_ack(b, j, d.last_item + n / 2 + 1, true) == RC_OK)
			say(to, ACKED, (uint32_t)d.last_item + n / 2 + 1);
		if (n % 5 == 0 && sgs_bed_group_message(b, 2, i, round, group, 30, NULL) == RC_OK)
			say(to, GROUP_SENT, group++);
		if (n % 7 == 0 && SGS_DO(b, sgs_counter_raise, &c) == RC_OK)
			say(to, RAISED, (uint32_t)c.ceiling);
		if (n % 4 == 0 && sgs_bed_invite(b, sid, k, i) == RC_OK) {
			say(to, INVITED, sid);
			(void)sgs_bed_end(b, sid, i, SGS_INVITED);
			(void)sgs_bed_ack(b, i, UINT32_MAX, true);
		}
	}
}

/* The last of each kind that the child was told before it was killed. */
static void
kill_after(struct sgs_bed *b, unsigned round, unsigned after, uint32_t last[INVITED + 1])
{
	struct answered a;
	int fds[2], status;
	pid_t pid;

	ck_assert_int_eq(pipe(fds), 0);
	fflush(stdout);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		close(fds[0]);
		child(b, round, fds[1]);
	}
	close(fds[1]);
	for (unsigned n = 0; read(fds[0], &a, sizeof(a)) == sizeof(a); n++) {
		last[a.kind] = a.number;
		if (n == after)
			ck_assert_int_eq(kill(pid, SIGKILL), 0);
	}
	close(fds[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

struct items {
	uint64_t first, last;
	uint32_t ctr; /* of the last record */
	size_t n;
};

/* No item is missing, none is another than was sent. */
static bool
see_item(void *arg, const struct sgs_item *item)
{
	struct items *seen = arg;

	ck_assert(seen->n == 0 || item->number == seen->last + 1);
	for (size_t n = 1; n < item->octets.n; n++)
		ck_assert(item->octets.p[n] == item->octets.p[0]);
	seen->first = seen->n++ == 0 ? item->number : seen->first;
	seen->last = item->number;
	return true;
}

static bool
see_sender(void *arg, uint64_t device, uint32_t next)
{
	if (device == i)
		*(uint32_t *)arg = next;
	return true;
}

/* What was answered is there; at most what was under way is there besides. */
static void
check_killed(struct sgs_bed *b, const uint32_t last[INVITED + 1])
{
	struct items seen = { 0 };
	struct sgs_session s;
	struct sgs_device d;
	uint32_t group = 0;
	struct sgs_view *v;

	sgs_bed_open(b);
	sgs_bed_settle(b);
	sgs_bed_check(b);
	ck_assert_int_eq(sgs_bed_session_show(b, 1, &s), RC_OK);
	ck_assert(s.next_i == last[SENT] + 1 || s.next_i == last[SENT] + 2);
	ck_assert_int_eq(sgs_bed_show(b, i, &d), RC_OK);
	ck_assert_uint_ge(d.ceiling, last[RAISED]);
	v = sgs_bed_view(b);
	ck_assert_int_eq(sgs_item_list(v, j, 0, 0, UINT64_MAX, see_item, &seen), RC_OK);
	ck_assert_uint_gt(seen.n, 0);
	ck_assert_uint_gt(seen.first, last[ACKED]);
	ck_assert_int_eq(sgs_member_list(v, sgs_sid(2).v, see_sender, &group), RC_OK);
	ck_assert(group == last[GROUP_SENT] + 1 || group == last[GROUP_SENT] + 2);
	ck_assert(last[INVITED] == 0 || sgs_replayed(v, k, sgs_sid(last[INVITED]).v));
	sgs_view_close(v);
}

START_TEST(test_killed)
{
	struct sgs_bed *b = start();
	uint64_t both[2] = { j, k };

	b->conf.limits.items_device_max = 5000;
	b->conf.limits.octets_device_max = b->conf.limits.octets_max = 10 << 20;
	b->conf.limits.items_max = 20000;
	b->conf.limits.replay_max = b->conf.limits.replay_device_max = 5000;
	sgs_bed_close(b);
	sgs_bed_open(b);
	sgs_bed_session(b, 1, i, j);
	ck_assert_int_eq(sgs_bed_message(b, 1, i, 0, 9, NULL), RC_OK);
	ck_assert_int_eq(sgs_bed_message(b, 1, j, 0, 9, NULL), RC_OK);
	ck_assert_int_eq(sgs_bed_ack(b, j, 4, true), RC_OK);
	ck_assert_int_eq(sgs_bed_group(b, 2, i, both, 2), RC_OK);
	for (unsigned round = 1; round <= ROUNDS; round++) {
		uint32_t last[INVITED + 1] = { 0 };
		unsigned after = 12 + (unsigned)rand() % AFTER_MAX;

		sgs_bed_close(b);
		kill_after(b, round, after, last);
		check_killed(b, last);
		ck_assert_int_eq(sgs_bed_change(b, 2, i, round + 1, both, 2), RC_OK);
	}
	sgs_bed_free(b);
}
END_TEST

/* ---- damage ---- */

/* All values of a table become one octet. */
static bool
take_key(void *arg, struct slice key, struct slice val)
{
	struct sgs_found *f = arg;

	(void)val;
	f->keys[f->n].n = 0;
	table_key_add(&f->keys[f->n++], key.p, key.n);
	return f->n < SGS_STEP;
}

static void
damage(struct sgs_bed *b, char table)
{
	struct sgs_found f = { .n = 0 };
	struct tables_tx *tx;

	ck_assert_int_eq(tables_begin(&b->book->store, &tx), RC_OK);
	ck_assert_int_eq(tables_scan(tx, slice_make(&table, 1), SLICE_NONE, SGS_STEP, take_key, &f),
	                 RC_OK);
	ck_assert_uint_gt(f.n, 0);
	for (size_t n = 0; n < f.n; n++)
		ck_assert_int_eq(tables_put(tx, table_key_view(&f.keys[n]), SLICE_LIT("\x02")),
		                 RC_OK);
	ck_assert_int_eq(tables_commit(tx), RC_OK);
}

static bool
any_item(void *arg, const struct sgs_item *item)
{
	(void)arg;
	(void)item;
	return true;
}

static bool
any_device(void *arg, const struct sgs_device *d)
{
	(void)arg;
	(void)d;
	return true;
}

static bool
any_session(void *arg, const struct sgs_session *s)
{
	(void)arg;
	(void)s;
	return true;
}

static bool
any_group(void *arg, const struct sgs_group *g)
{
	(void)arg;
	(void)g;
	return true;
}

static bool
any_member(void *arg, uint64_t device, uint32_t next)
{
	(void)arg;
	(void)device;
	(void)next;
	return true;
}

static bool
any_keys(void *arg, const struct sgs_keys *keys)
{
	(void)arg;
	(void)keys;
	return true;
}

/* How many of all readings and operations say that the book is damaged; none of them does more. */
static unsigned
work_out(struct sgs_bed *b)
{
	struct sgs_view *v = sgs_bed_view(b);
	uint8_t hash[SGS_HASH_BYTES], out[SGS_STATE_MAX];
	struct sgs_device d;
	struct sgs_session s;
	struct sgs_group g;
	struct sgs_stats t;
	struct slice id;
	uint64_t regctr;
	size_t n;
	enum rc rc[40];
	unsigned at = 0, damaged = 0;

	memset(hash, 9, sizeof(hash));
	rc[at++] = sgs_stats_get(v, &t);
	rc[at++] = sgs_device_get(v, i, &d);
	rc[at++] = sgs_device_find(v, SLICE_LIT("i"), &d);
	rc[at++] = sgs_device_kd(v, i, out);
	rc[at++] = sgs_regctr_next(v, SLICE_LIT("i"), &regctr);
	rc[at++] = sgs_device_list(v, 0, 0, any_device, NULL);
	rc[at++] = sgs_token_get(v, hash, &id);
	rc[at++] = sgs_session_get(v, sgs_sid(1).v, &s);
	rc[at++] = sgs_session_state(v, sgs_sid(1).v, out, sizeof(out), &n);
	rc[at++] = sgs_session_list(v, 0, NULL, 0, any_session, NULL);
	rc[at++] = sgs_item_list(v, j, 0, 0, UINT64_MAX, any_item, NULL);
	rc[at++] = sgs_group_get(v, sgs_sid(4).v, &g);
	rc[at++] = sgs_group_list(v, 0, NULL, 0, any_group, NULL);
	rc[at++] = sgs_member_list(v, sgs_sid(4).v, any_member, NULL);
	rc[at++] = sgs_keys_list(v, any_keys, NULL);
	rc[at++] = sgs_keys_secret(v, SGS_SUITE, SGS_SERIAL, out, sizeof(out), &n);
	sgs_view_close(v);
	rc[at++] = sgs_bed_ack(b, j, 6, true);
	rc[at++] = sgs_bed_message(b, 1, i, 1, 5, NULL);
	rc[at++] = sgs_bed_token(b, "later", 8);
	rc[at++] = sgs_bed_group_message(b, 4, j, 1, 1, 5, NULL);
	rc[at++] = sgs_bed_step(b, 2, j, SGS_ACCEPTED);
	rc[at++] = sgs_bed_change(b, 4, i, 2, &j, 1);
	rc[at++] = sgs_bed_end(b, 1, i, 0);
	for (unsigned r = 0; r < at; r++) {
		ck_assert_int_ne(rc[r], RC_UNAVAILABLE);
		damaged += rc[r] == RC_INTERNAL;
	}
	return damaged;
}

/* Nobody reads what is only there to be found, or empty. */
static const char damaged_tables[] = { SGS_T_TOTALS, SGS_T_PACKAGE,  SGS_T_PRIVATE, SGS_T_IN_USE,
	                               SGS_T_TOKEN,  SGS_T_TOKEN_OF, SGS_T_NUMBER,  SGS_T_DEVICE,
	                               SGS_T_NAMES,  SGS_T_COUNT,    SGS_T_KD,      SGS_T_SESSION,
	                               SGS_T_STATE,  SGS_T_ITEM,     SGS_T_BLOB_IN, SGS_T_GROUP,
	                               SGS_T_MEMBER };

static void
fill(struct sgs_bed *b)
{
	uint64_t both[2] = { j, k };

	ck_assert_int_eq(sgs_bed_token(b, "later", 9), RC_OK);
	sgs_bed_session(b, 1, i, j);
	ck_assert_int_eq(sgs_bed_message(b, 1, i, 0, 9, NULL), RC_OK);
	ck_assert_int_eq(sgs_bed_message(b, 1, j, 0, 9, NULL), RC_OK);
	ck_assert_int_eq(sgs_bed_invite(b, 2, i, j), RC_OK);
	ck_assert_int_eq(sgs_bed_group(b, 4, i, both, 2), RC_OK);
	ck_assert_int_eq(sgs_bed_group_message(b, 4, i, 1, 0, 9, NULL), RC_OK);
	ck_assert_int_eq(sgs_bed_group_message(b, 4, j, 1, 0, 9, NULL), RC_OK);
}

START_TEST(test_damaged)
{
	struct sgs_bed *b = start();
	char why[256];

	fill(b);
	if (_i == 0)
		ck_assert_uint_eq(work_out(b), 0);
	else {
		damage(b, damaged_tables[_i - 1]);
		ck_assert_msg(work_out(b) > 0, "table %c", damaged_tables[_i - 1]);
	}
	/* Time goes on over what is damaged: the book works, and closes. */
	if (_i == 0 || damaged_tables[_i - 1] != SGS_T_TOTALS)
		sgs_bed_pass(b, 2 * 86400 * CLOCK_SECOND);
	sgs_bed_close(b);
	ck_assert_int_eq(sgs_book_open(&b->conf, &b->book, why), RC_OK);
	sgs_bed_drop(b);
}
END_TEST

START_TEST(test_damaged_device)
{
	struct sgs_bed *b = start();
	struct sgs_revoke r = { .device = k };
	uint64_t other;

	fill(b);
	ck_assert_int_eq(SGS_DO(b, sgs_device_revoke, &r), RC_OK);
	sgs_bed_settle(b);
	damage(b, SGS_T_ITEM);
	/* What cannot be removed is left behind; what comes later is removed. */
	ck_assert_int_eq(sgs_bed_revoke(b, j), RC_OK);
	other = sgs_bed_device(b, "other");
	ck_assert_int_eq(sgs_bed_revoke(b, other), RC_OK);
	ck_assert_uint_eq(sgs_bed_stats(b).devices, 2);
	sgs_bed_drop(b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sgs_keep");
	TCase *c = suite_case(s, "keep", NULL, NULL), *d = suite_case(s, "damage", NULL, NULL);

	tcase_add_test(c, test_restart);
	tcase_add_test(c, test_refused);
	tcase_add_test(c, test_secrets);
	tcase_add_test(c, test_killed);
	tcase_set_timeout(c, 300);
	tcase_add_loop_test(d, test_damaged, 0, 1 + (int)NITEMS(damaged_tables));
	tcase_add_test(d, test_damaged_device);
	return run_suite(s);
}
