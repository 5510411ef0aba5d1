/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What proxy re-encryption costs, in processor time of one thread.
 *
 *   pre roles            operations, us each (median)
 *   pre stream OCTETS N  source, proxy and sink of sections of N messages of OCTETS octets each, and
 *                        AES-128-GCM of libcrypto alone on the same messages; Mbit/s of plaintext
 *   pre memory           KiB of a stream at source, proxy and sink
 *
 * One JSON object on standard output; exit status 77 in a build without pairing.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "pre/pre.h"
#include "sec/secret.h"

#define ROUNDS 200 /* of an operation */
#define STREAM_NS UINT64_C(1000000000) /* of processor time for one row */
#define STREAMS 200 /* that memory is measured with */
#define BATCH_MAX (64u << 20)
#define PAYLOAD_MAX 65536u
#define URL_SOURCE "https://source.example.org"
#define URL_SINK "https://sink.example.org"

/* Everybody: it is one process. */
struct bed {
	struct afgh *afgh;
	struct pre_identity *source, *sink;
	struct pre_public source_public, sink_public;
	struct pre_rekey rekey;
	struct pre_grant *grant;
};

static void
die(const char *what)
{
	fprintf(stderr, "pre: %s\n", what);
	exit(1);
}

static void
must(enum rc rc, const char *what)
{
	if (rc == RC_NOT_IMPLEMENTED)
		exit(77);
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

static void
bed_make(struct bed *b)
{
	struct afgh_epoch_id id = { .stream = 1 };

	must(afgh_new(&b->afgh), "afgh_new");
	must(pre_identity_new(&b->source), "identity");
	must(pre_identity_new(&b->sink), "identity");
	must(pre_public_of(b->source, b->afgh, PRE_PUBLIC_ALL, slice_of(URL_SOURCE),
	                   &b->source_public),
	     "public keys");
	must(pre_public_of(b->sink, b->afgh, PRE_PUBLIC_ALL, slice_of(URL_SINK), &b->sink_public),
	     "public keys");
	must(pre_source_name(slice_of(URL_SOURCE), id.source), "name");
	must(pre_rekey_make(pre_identity_keys(b->source), &id,
	                    slice_make(b->sink_public.pk2, sizeof(b->sink_public.pk2)), &b->rekey),
	     "rekey");
	must(pre_grant_new(&b->rekey, &b->grant), "grant");
}

static void
bed_free(struct bed *b)
{
	pre_grant_free(b->grant);
	pre_identity_free(b->source);
	pre_identity_free(b->sink);
	afgh_free(b->afgh);
}

/* One epoch for all sections, so that one key does for the proxy. */
static struct pre_stream *
stream_make(const struct bed *b, uint32_t messages)
{
	struct pre_stream_conf conf = { .afgh = b->afgh,
		                        .keys = pre_identity_keys(b->source),
		                        .sign = pre_identity_sign(b->source),
		                        .source = slice_of(URL_SOURCE),
		                        .sink = slice_of(URL_SINK),
		                        .stream = 1,
		                        .epoch_sections = 65536,
		                        .section_messages = messages };
	struct pre_stream *s;

	must(pre_stream_new(&conf, SLICE_NONE, &s), "stream");
	return s;
}

static struct pre_opening *
opening_make(const struct bed *b)
{
	struct pre_opening_conf conf = { .afgh = b->afgh,
		                         .keys = pre_identity_keys(b->sink),
		                         .as = PRE_AS_SINK,
		                         .source = slice_of(URL_SOURCE),
		                         .key = b->source_public.sign };
	struct pre_opening *o;

	must(pre_opening_new(&conf, SLICE_NONE, &o), "opening");
	return o;
}

/* ---- operations ---- */

/* What the operations work on. */
struct work {
	const struct bed *bed;
	struct pre_stream *stream;
	struct pre_opening *opening, *owner;
	struct buf mm2, mm1;
};

static void
op_encrypt(struct work *w)
{
	buf_clear(&w->mm2);
	must(pre_stream_begin(w->stream, 1, &w->mm2), "begin");
}

/* The MM2 alone: begin has put the END of the section before in front of it. */
static struct pre_unit
last_unit(const struct buf *b)
{
	struct slice rest = buf_view(b);
	struct pre_unit u = { 0 };

	while (rest.n > 0)
		must(pre_batch_next(&rest, NULL, &u), "unit");
	return u;
}

static void
op_reencrypt(struct work *w)
{
	struct pre_unit u = last_unit(&w->mm2);
	size_t at;

	buf_clear(&w->mm1);
	at = pre_batch_begin(&w->mm1);
	must(pre_reencrypt(w->bed->grant, &u, &w->bed->source_public.sign, u.sink, &w->mm1),
	     "reencrypt");
	must(pre_batch_end(&w->mm1, at), "reencrypt");
}

static void
op_sink(struct work *w)
{
	struct pre_unit u = last_unit(&w->mm1);
	struct pre_opened opened;

	must(pre_opening_take(w->opening, &u, &opened), "sink");
}

static void
op_owner(struct work *w)
{
	struct pre_unit u = last_unit(&w->mm2);
	struct pre_opened opened;

	must(pre_opening_take(w->owner, &u, &opened), "owner");
}

static void
op_rekey(struct work *w)
{
	struct pre_rekey k;

	must(pre_rekey_make(pre_identity_keys(w->bed->source), &w->bed->rekey.id,
	                    slice_make(w->bed->sink_public.pk2, sizeof(w->bed->sink_public.pk2)),
	                    &k),
	     "rekey");
	secret_wipe(&k, sizeof(k));
}

static void
op_load(struct work *w)
{
	struct pre_grant *g;

	must(pre_grant_new(&w->bed->rekey, &g), "grant");
	pre_grant_free(g);
}

static void
op_keygen(struct work *w)
{
	struct pre_public p;
	struct pre_identity *id;

	must(pre_identity_new(&id), "identity");
	must(pre_public_of(id, w->bed->afgh, PRE_PUBLIC_ALL, slice_of(URL_SINK), &p),
	     "public keys");
	pre_identity_free(id);
}

/* In the order of a message's way: each works on what the one before has left. */
static const struct operation {
	const char *name;
	void (*run)(struct work *w);
} operations[] = {
	{ "encrypt", op_encrypt }, { "reencrypt", op_reencrypt }, { "decrypt", op_sink },
	{ "owner", op_owner },     { "rekey", op_rekey },         { "load", op_load },
	{ "keygen", op_keygen },
};

#define OPERATIONS (sizeof(operations) / sizeof(operations[0]))

static int
compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void
roles(const struct bed *b)
{
	static uint64_t times[OPERATIONS][ROUNDS];
	struct work w = { .bed = b, .stream = stream_make(b, 1), .opening = opening_make(b) };
	struct pre_opening_conf conf = { .afgh = b->afgh,
		                         .keys = pre_identity_keys(b->source),
		                         .as = PRE_AS_OWNER,
		                         .source = slice_of(URL_SOURCE),
		                         .key = b->source_public.sign };

	must(pre_opening_new(&conf, SLICE_NONE, &w.owner), "owner");
	buf_init(&w.mm2, 65536);
	buf_init(&w.mm1, 65536);
	for (size_t round = 0; round < ROUNDS; round++)
		for (size_t i = 0; i < OPERATIONS; i++) {
			uint64_t start = cpu_ns();

			operations[i].run(&w);
			times[i][round] = cpu_ns() - start;
		}
	for (size_t i = 0; i < OPERATIONS; i++) {
		qsort(times[i], ROUNDS, sizeof(times[i][0]), compare);
		printf("%s\"%s\":%.1f", i == 0 ? "{" : ",", operations[i].name,
		       (double)times[i][ROUNDS / 2] / 1e3);
	}
	puts("}");
	pre_stream_free(w.stream);
	pre_opening_free(w.opening);
	pre_opening_free(w.owner);
	buf_fini(&w.mm2);
	buf_fini(&w.mm1);
}

/* ---- streams ---- */

/* One section on its way. */
struct way {
	const struct bed *bed;
	struct pre_stream *stream;
	struct pre_opening *opening;
	EVP_CIPHER_CTX *gcm;
	struct slice payload;
	uint32_t n;
	struct buf stored, sent;
	uint8_t *raw; /* what the bare cipher writes */
};

static void
way_source(struct way *w)
{
	buf_clear(&w->stored);
	must(pre_stream_begin(w->stream, 1, &w->stored), "begin");
	for (uint32_t i = 0; i < w->n; i++)
		must(pre_stream_add(w->stream, 1, w->payload, &w->stored), "add");
	must(pre_stream_end(w->stream, &w->stored), "end");
}

static void
way_proxy(struct way *w)
{
	struct slice rest = buf_view(&w->stored);

	buf_clear(&w->sent);
	while (rest.n > 0) {
		struct slice whole = rest;
		struct pre_unit u;
		size_t at;

		must(pre_batch_next(&rest, NULL, &u), "unit");
		if (u.hdr.type != PRE_MM2) {
			buf_add(&w->sent, whole.p, whole.n - rest.n);
			continue;
		}
		at = pre_batch_begin(&w->sent);
		must(pre_reencrypt(w->bed->grant, &u, &w->bed->source_public.sign, u.sink,
		                   &w->sent),
		     "reencrypt");
		must(pre_batch_end(&w->sent, at), "reencrypt");
	}
	if (w->sent.failed)
		die("no room");
}

static void
way_sink(struct way *w)
{
	struct slice rest = buf_view(&w->sent);
	struct pre_opened opened = { 0 };
	struct pre_unit u;

	while (rest.n > 0) {
		must(pre_batch_next(&rest, NULL, &u), "unit");
		must(pre_opening_take(w->opening, &u, &opened), "take");
	}
	if (!opened.judged || opened.findings != 0)
		die("the stream is not whole");
}

/* As many messages with a nonce each and as much additional data, of one key. */
static void
way_bare(struct way *w)
{
	static const uint8_t aad[PRE_AAD_SIZE];
	uint8_t nonce[12] = { 0 };
	int done = 0;

	for (uint32_t i = 0; i < w->n; i++) {
		memcpy(nonce, &i, sizeof(i));
		if (EVP_EncryptInit_ex2(w->gcm, NULL, NULL, nonce, NULL) != 1 ||
		    EVP_EncryptUpdate(w->gcm, NULL, &done, aad, sizeof(aad)) != 1 ||
		    EVP_EncryptUpdate(w->gcm, w->raw, &done, (const uint8_t *)w->payload.p,
		                      (int)w->payload.n) != 1 ||
		    EVP_EncryptFinal_ex(w->gcm, w->raw + done, &done) != 1 ||
		    EVP_CIPHER_CTX_ctrl(w->gcm, EVP_CTRL_AEAD_GET_TAG, 16, w->raw + w->payload.n) !=
		            1)
			die("AES-128-GCM");
	}
}

static const struct {
	const char *name;
	void (*run)(struct way *w);
} parts[] = {
	{ "source", way_source }, { "proxy", way_proxy }, { "sink", way_sink }, { "bare", way_bare }
};

#define PARTS (sizeof(parts) / sizeof(parts[0]))

static void
measure(struct way *w)
{
	uint64_t spent[PARTS] = { 0 }, all = 0, sections = 0;

	for (size_t i = 0; i < PARTS; i++) /* warm */
		parts[i].run(w);
	while (all < STREAM_NS) {
		for (size_t i = 0; i < PARTS; i++) {
			uint64_t start = cpu_ns();

			parts[i].run(w);
			start = cpu_ns() - start;
			spent[i] += start;
			all += start;
		}
		sections++;
	}
	printf("{\"octets\":%zu,\"n\":%u,\"sections\":%llu", w->payload.n, w->n,
	       (unsigned long long)sections);
	for (size_t i = 0; i < PARTS; i++)
		printf(",\"%s\":%.3f", parts[i].name,
		       (double)sections * w->n * (double)w->payload.n * 8e3 / (double)spent[i]);
	puts("}");
}

static void
streams(const struct bed *b, size_t octets, uint32_t n)
{
	static const uint8_t key[16];
	static char payload[PAYLOAD_MAX];
	struct way w = { .bed = b,
		         .stream = stream_make(b, n),
		         .opening = opening_make(b),
		         .gcm = EVP_CIPHER_CTX_new(),
		         .payload = slice_make(payload, octets),
		         .n = n,
		         .raw = malloc(octets + 16) };

	if (w.gcm == NULL || w.raw == NULL ||
	    EVP_EncryptInit_ex2(w.gcm, EVP_aes_128_gcm(), key, NULL, NULL) != 1)
		die("no memory");
	buf_init(&w.stored, BATCH_MAX);
	buf_init(&w.sent, BATCH_MAX);
	measure(&w);
	pre_stream_free(w.stream);
	pre_opening_free(w.opening);
	EVP_CIPHER_CTX_free(w.gcm);
	buf_fini(&w.stored);
	buf_fini(&w.sent);
	free(w.raw);
}

/* ---- memory ---- */

/* Octets of this process that are in memory. */
static double
resident_kib(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long size = 0, resident = 0;

	if (f == NULL || fscanf(f, "%ld %ld", &size, &resident) != 2)
		die("/proc/self/statm");
	fclose(f);
	return (double)resident * (double)sysconf(_SC_PAGESIZE) / 1024;
}

static void
memory(const struct bed *b)
{
	static struct pre_stream *sources[STREAMS];
	static struct pre_grant *grants[STREAMS];
	static struct pre_opening *sinks[STREAMS];
	struct work w = { .bed = b };
	double at[4] = { resident_kib() };

	buf_init(&w.mm2, 65536);
	buf_init(&w.mm1, 65536);
	for (size_t i = 0; i < STREAMS; i++) {
		sources[i] = w.stream = stream_make(b, 1000);
		op_encrypt(&w);
	}
	at[1] = resident_kib();
	for (size_t i = 0; i < STREAMS; i++)
		must(pre_grant_new(&b->rekey, &grants[i]), "grant");
	at[2] = resident_kib();
	op_reencrypt(&w);
	for (size_t i = 0; i < STREAMS; i++) {
		sinks[i] = w.opening = opening_make(b);
		op_sink(&w);
	}
	at[3] = resident_kib();
	printf("{\"process\":%.0f,\"source\":%.1f,\"proxy\":%.1f,\"sink\":%.1f}\n", at[0],
	       (at[1] - at[0]) / STREAMS, (at[2] - at[1]) / STREAMS, (at[3] - at[2]) / STREAMS);
	for (size_t i = 0; i < STREAMS; i++) {
		pre_stream_free(sources[i]);
		pre_grant_free(grants[i]);
		pre_opening_free(sinks[i]);
	}
	buf_fini(&w.mm2);
	buf_fini(&w.mm1);
}

int
main(int argc, char **argv)
{
	struct bed b = { 0 };
	uint64_t octets, n;

	secret_heap(8u << 20); /* without it every key takes a page */
	bed_make(&b);
	if (argc == 2 && strcmp(argv[1], "roles") == 0) {
		roles(&b);
	} else if (argc == 2 && strcmp(argv[1], "memory") == 0) {
		memory(&b);
	} else if (argc == 4 && strcmp(argv[1], "stream") == 0 &&
	           slice_number(slice_of(argv[2]), PAYLOAD_MAX, &octets) &&
	           slice_number(slice_of(argv[3]), PRE_SECTION_MESSAGES, &n) && octets > 0 &&
	           n > 0) {
		streams(&b, (size_t)octets, (uint32_t)n);
	} else {
		fputs("usage: pre roles | pre memory | pre stream OCTETS N\n", stderr);
		return 2;
	}
	bed_free(&b);
	return 0;
}
