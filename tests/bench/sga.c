/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the SGA costs: processor time of one thread, operations, and octets of messages.
 *
 *   sga steps SUITE GROUP CID SIGNED   a session, step by step (medians): us by phase and side, what
 *                                      is computed, octets by message and by link. SIGNED: 0 or 1,
 *                                      signatures end to end
 *   sga tls GROUP                      the alternative: TLS 1.3 with a pre-shared key and ephemeral
 *                                      Diffie-Hellman between the two devices
 *
 * SUITE: C, X. GROUP: by name, as libcrypto has it. One JSON object on standard output. Phases: R is
 * the registration, C the two first records. HTTP and its headers are not in here.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sga_count.h"
#include "sga_run.h"
#include "sga_tls.h"

#define ROUNDS_MAX 200
#define SPENT_NS UINT64_C(3000000000) /* of processor time, at most about */
#define REGISTRATION 3u
#define STEPS (REGISTRATION + RUN_STEPS)

static const struct run_step registration[REGISTRATION] = {
	{ "R", "r1_make", 'i', NULL },
	{ "R", "r1_take", 'G', NULL },
	{ "R", "r2_take", 'i', NULL },
};

/* One step in all rounds. */
struct row {
	const struct run_step *step;
	uint64_t ns[ROUNDS_MAX];
	unsigned long counted[COUNTS]; /* in one round: they are the same in all */
};

struct table {
	struct row rows[STEPS];
	size_t rounds;
	size_t octets[RUN_MESSAGES], r1, r2;
};

static void
die(const char *what)
{
	fprintf(stderr, "sga: %s\n", what);
	exit(1);
}

static void
must(enum rc rc, const char *what)
{
	if (rc != RC_OK)
		die(what);
}

static uint64_t
cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

/* ---- measuring ---- */

static uint64_t
begin(void)
{
	memset(counted, 0, sizeof(counted));
	return cpu_ns();
}

static void
end(struct row *row, size_t round, uint64_t start)
{
	row->ns[round] = cpu_ns() - start;
	memcpy(row->counted, counted, sizeof(counted));
}

/* What both sides of a registration work on. */
struct registering {
	const struct run_world *world;
	struct sga_device *device;
	struct buf r1, r2;
};

static void
r1_make(struct registering *r)
{
	static const uint8_t token[SGA_TOKEN_SIZE] = { 1 };

	must(sga_r1_make(r->device, token, RUN_NOW, NULL, &r->r1), "R1");
}

static void
r1_take(struct registering *r)
{
	struct sga_r1 m;

	must(sga_r1_open(r->world->keys, buf_view(&r->r1), RUN_NOW, &m), "R1");
	must(sga_r2_make(&m, &sga_keys_package(r->world->keys)->id, SGA_STATUS_OK, 1, &r->r2),
	     "R2");
	secret_wipe(&m, sizeof(m));
}

static void
r2_take(struct registering *r)
{
	uint8_t status;

	must(sga_r2_take(r->device, buf_view(&r->r2), &status), "R2");
}

static void (*const registering[REGISTRATION])(struct registering *r) = { r1_make, r1_take,
	                                                                  r2_take };

static void
registration_round(const struct run_world *w, struct table *t, size_t round)
{
	struct registering r = { .world = w };
	struct sga_device_conf c = { .package = sga_package_octets(sga_keys_package(w->keys)),
		                     .gateway = w->verify,
		                     .now = RUN_NOW,
		                     .cids = RUN_ALL_CIDS,
		                     .cid0 = w->conf.cid,
		                     .seed = w->conf.seed_i };

	c.id = *sga_device_id(w->i);
	must(sga_device_new(&c, &r.device), "device");
	buf_init(&r.r1, SGA_MESSAGE_MAX);
	buf_init(&r.r2, SGA_MESSAGE_MAX);
	for (size_t i = 0; i < REGISTRATION; i++) {
		uint64_t start = begin();

		registering[i](&r);
		end(&t->rows[i], round, start);
	}
	t->r1 = r.r1.n;
	t->r2 = r.r2.n;
	buf_fini(&r.r1);
	buf_fini(&r.r2);
	sga_device_free(r.device);
}

static void
session_round(const struct run_world *w, struct table *t, size_t round)
{
	struct run r;

	run_begin(&r, w);
	for (size_t i = 0; i < RUN_STEPS; i++) {
		uint64_t start = begin();

		must(run_steps[i].step(&r), run_steps[i].name);
		end(&t->rows[REGISTRATION + i], round, start);
	}
	for (size_t i = 0; i < RUN_MESSAGES; i++)
		t->octets[i] = r.sent[i].n;
	run_end(&r);
}

static int
compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void
measure(const struct run_world *w, struct table *t)
{
	uint64_t start = cpu_ns();

	for (size_t i = 0; i < STEPS; i++)
		t->rows[i].step =
			i < REGISTRATION ? &registration[i] : &run_steps[i - REGISTRATION];
	while (t->rounds < ROUNDS_MAX && cpu_ns() - start < SPENT_NS) {
		registration_round(w, t, t->rounds);
		session_round(w, t, t->rounds);
		t->rounds++;
	}
	for (size_t i = 0; i < STEPS; i++)
		qsort(t->rows[i].ns, t->rounds, sizeof(t->rows[i].ns[0]), compare);
}

/* ---- saying ---- */

static double
median_us(const struct row *row, size_t rounds)
{
	return (double)row->ns[rounds / 2] / 1e3;
}

static void
say_counts(const unsigned long *n)
{
	unsigned long public = 0, symmetric = 0;

	for (size_t i = 0; i < COUNTS; i++)
		*(i < COUNTS_PUBLIC ? &public : &symmetric) += n[i];
	printf("\"public\":%lu,\"symmetric\":%lu", public, symmetric);
	for (size_t i = 0; i < COUNTS; i++)
		if (n[i] > 0)
			printf(",\"%s\":%lu", count_names[i], n[i]);
}

/* All steps of one side in one phase. */
static void
say_part(const struct table *t, const char *phase, char by, const char *before)
{
	unsigned long n[COUNTS] = { 0 };
	double us = 0;
	bool any = false;

	for (size_t i = 0; i < STEPS; i++) {
		const struct row *row = &t->rows[i];

		if (row->step->phase[0] != phase[0] || row->step->by != by)
			continue;
		any = true;
		us += median_us(row, t->rounds);
		for (size_t k = 0; k < COUNTS; k++)
			n[k] += row->counted[k];
	}
	if (!any)
		return;
	printf("%s{\"phase\":\"%s\",\"side\":\"%c\",\"us\":%.1f,", before, phase, by, us);
	say_counts(n);
	printf("}");
}

static void
say_octets(const struct table *t)
{
	static const char *const names[RUN_MESSAGES] = { "A1", "A2",   "A3",   "A4",  "B1", "B2",
		                                         "B3", "B6_i", "B6_j", "C_i", "C_j" };

	printf(",\"octets\":{\"R1\":%zu,\"R2\":%zu", t->r1, t->r2);
	for (size_t i = 0; i < RUN_MESSAGES; i++)
		printf(",\"%s\":%zu", names[i], t->octets[i]);
	printf("}");
}

static void
say(const struct table *t)
{
	static const char *const phases[] = { "R", "A", "B", "C" };
	static const char sides[] = { 'i', 'j', 'G' };
	const char *before = "{\"parts\":[";

	for (size_t p = 0; p < sizeof(phases) / sizeof(phases[0]); p++)
		for (size_t s = 0; s < sizeof(sides); s++) {
			say_part(t, phases[p], sides[s], before);
			before = ",";
		}
	printf("]");
	say_octets(t);
	printf(",\"steps\":{");
	for (size_t i = 0; i < STEPS; i++)
		printf("%s\"%s\":%.1f", i == 0 ? "" : ",", t->rows[i].step->name,
		       median_us(&t->rows[i], t->rounds));
	printf("},\"rounds\":%zu}\n", t->rounds);
}

static uint16_t
group_named(const char *name)
{
	static const uint16_t ids[] = { SGA_GROUP_X25519, SGA_GROUP_FFDHE2048, SGA_GROUP_FFDHE3072,
		                        SGA_GROUP_FFDHE4096 };

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		if (strcmp(sga_group_find(ids[i])->name, name) == 0)
			return ids[i];
	die("no such group");
	return 0;
}

static void
steps(const char *suite, const char *group, const char *cid, bool with_signatures)
{
	static const uint8_t seed_i[SIGN_SEED_SIZE] = { 1 }, seed_j[SIGN_SEED_SIZE] = { 2 };
	static struct table t;
	struct run_conf c = { .suite = suite[0] == 'C' ? SGA_SUITE_C : SGA_SUITE_X,
		              .group = group_named(group),
		              .cid = (uint16_t)strtoul(cid, NULL, 0),
		              .seed_i = with_signatures ? seed_i : NULL,
		              .seed_j = with_signatures ? seed_j : NULL };
	struct run_world w;

	must(run_world_make(&w, &c), "registration");
	measure(&w, &t);
	say(&t);
	run_world_free(&w);
}

/* ---- the alternative ---- */

static void
tls(const char *group)
{
	static uint64_t client[ROUNDS_MAX], server[ROUNDS_MAX];
	uint64_t start = cpu_ns();
	struct tls_pair p;
	struct tls_cost c = { 0 };
	size_t rounds = 0;

	if (!tls_pair_make(&p, group))
		die("no TLS with that group");
	for (; rounds < ROUNDS_MAX && cpu_ns() - start < SPENT_NS; rounds++) {
		if (!tls_handshake(&p, &c))
			die("no handshake");
		client[rounds] = c.client_ns;
		server[rounds] = c.server_ns;
	}
	qsort(client, rounds, sizeof(client[0]), compare);
	qsort(server, rounds, sizeof(server[0]), compare);
	printf("{\"client\":%.1f,\"server\":%.1f,\"client_octets\":%lu,\"server_octets\":%lu,"
	       "\"rounds\":%zu}\n",
	       (double)client[rounds / 2] / 1e3, (double)server[rounds / 2] / 1e3, c.client_octets,
	       c.server_octets, rounds);
	tls_pair_free(&p);
}

int
main(int argc, char **argv)
{
	if (argc == 6 && strcmp(argv[1], "steps") == 0)
		steps(argv[2], argv[3], argv[4], argv[5][0] == '1');
	else if (argc == 3 && strcmp(argv[1], "tls") == 0)
		tls(argv[2]);
	else
		die("usage: sga steps SUITE GROUP CID SIGNED | tls GROUP");
	return 0;
}
