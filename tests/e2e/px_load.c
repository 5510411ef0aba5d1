/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For lib/queue.py: a source that writes numbered messages to a store of a proxy in batches, and keeps a
 * journal of what was acknowledged. It may be killed at any time: called again with the same directory
 * it goes on, first with the batch whose answer it has not seen, octet by octet as it was.
 *
 * usage: px_load [-f FROM] [-b BATCH] [-n SECTION] [-E EPOCH-LENGTH] [-S STREAM] [-s SIZE] [-d TEMPLATE]
 *                KEY-NAME DIRECTORY COUNT URL
 *
 * KEY-NAME.key and .pub are of the source, URL is the store's .../messages. A message is a line of SIZE
 * octets "q<stream>-<number>-<MAC>...", or the file TEMPLATE with its Base64 in place of each '@'. The
 * journal has a line "sent FIRST LAST" before a batch and "stored LAST" after its answer. Each line is
 * written before the next step; a process that is killed loses nothing of it. Exit 3: an answer that
 * repeating does not change, 1: anything else.
 */
#include "config.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/clock.h"
#include "pre/pre.h"

#define BATCH_MAX (16u << 20)
#define MESSAGE_MAX 65536u
#define KEY_FILE_MAX 65536u
#define KEEP_HEAD (PRE_STREAM_STATE_SIZE + 16u) /* of the file that is kept: state, first, last */
#define PAUSE_US 20000 /* before a batch is sent again */

static const char mac_key[] = "px_load";

struct load {
	const char *from, *directory, *url, *name;
	unsigned long batch, section, epochs, stream, size;
	uint64_t count, next; /* number of the next message, from 1 */
	struct buf template, body, line, kept;
	struct afgh *afgh;
	struct pre_identity *id;
	struct pre_public own;
	struct pre_stream *out;
	CURL *curl;
	struct curl_slist *lines;
	FILE *journal;
};

static void
fail(const char *what, const char *why)
{
	fprintf(stderr, "px_load: %s: %s\n", what, why);
	exit(1);
}

static void
must(enum rc rc, const char *what)
{
	char outcome[16];

	(void)snprintf(outcome, sizeof(outcome), "outcome %d", (int)rc);
	if (rc != RC_OK)
		fail(what, outcome);
}

static void
file_name(const struct load *l, const char *name, char *path, size_t n)
{
	if ((size_t)snprintf(path, n, "%s/%s", l->directory, name) >= n)
		fail(name, "too long a name");
}

/* False when there is none. */
static bool
read_file(const char *path, struct buf *to)
{
	FILE *f = fopen(path, "rb");
	char piece[65536];
	size_t n;

	if (f == NULL)
		return false;
	while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
		buf_add(to, piece, n);
	if (ferror(f) || to->failed)
		fail(path, "cannot be read");
	fclose(f);
	return true;
}

/* ---- messages ---- */

static void
put_line(struct load *l, uint64_t number)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	char text[64];
	int n = snprintf(text, sizeof(text), "q%05lu-%010llu", l->stream,
	                 (unsigned long long)number);

	if (HMAC(EVP_sha256(), mac_key, (int)strlen(mac_key), (unsigned char *)text, (size_t)n, mac,
	         NULL) == NULL)
		fail("HMAC", "failed");
	buf_clear(&l->line);
	buf_printf(&l->line, "%s-", text);
	for (unsigned i = 0; i < 8; i++)
		buf_printf(&l->line, "%02x", mac[i]);
	while (l->line.n + 1 < l->size)
		buf_char(&l->line, '.');
	buf_char(&l->line, '\n');
}

/* The line, or the template around it; what buf_view(&l->line) gives then. */
static void
put_message(struct load *l, uint64_t number)
{
	struct slice template = buf_view(&l->template);
	struct buf whole;

	put_line(l, number);
	if (template.n == 0)
		return;
	buf_init(&whole, MESSAGE_MAX);
	for (size_t i = 0; i < template.n; i++)
		if (template.p[i] == '@')
			base64_encode(&whole, slice_head(buf_view(&l->line), l->line.n - 1));
		else
			buf_char(&whole, template.p[i]);
	buf_clear(&l->line);
	buf_slice(&l->line, buf_view(&whole));
	buf_fini(&whole);
}

static void
seal(struct load *l, uint64_t last)
{
	int64_t now = clock_now(&clock_system);

	buf_clear(&l->body);
	for (uint64_t n = l->next; n <= last; n++) {
		put_message(l, n);
		if (pre_stream_due(l->out, now))
			must(pre_stream_begin(l->out, now, &l->body), "section");
		must(pre_stream_add(l->out, now, buf_view(&l->line), &l->body), "message");
	}
	if (last == l->count)
		must(pre_stream_end(l->out, &l->body), "END");
}

/* ---- what a killed process goes on from ---- */

static void
keep(struct load *l, uint64_t last)
{
	uint8_t state[PRE_STREAM_STATE_SIZE];
	char path[4096], made[4096];
	FILE *f;

	pre_stream_state(l->out, state);
	buf_clear(&l->kept);
	buf_add(&l->kept, state, sizeof(state));
	buf_be(&l->kept, l->next, 8);
	buf_be(&l->kept, last, 8);
	file_name(l, "kept", path, sizeof(path));
	file_name(l, "kept.new", made, sizeof(made));
	f = fopen(made, "wb");
	if (f == NULL || fwrite(l->kept.p, 1, l->kept.n, f) != l->kept.n ||
	    fwrite(l->body.p, 1, l->body.n, f) != l->body.n || fclose(f) != 0 ||
	    rename(made, path) != 0)
		fail(path, strerror(errno));
}

static uint64_t
big_endian(const char *p)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 8; i++)
		v = v << 8 | (unsigned char)p[i];
	return v;
}

/* The batch whose answer was not seen, in body; the number of its last message, 0: none. */
static uint64_t
find_kept(struct load *l, struct buf *state)
{
	char path[4096];
	struct buf all;
	uint64_t last;

	buf_init(&all, BATCH_MAX + KEEP_HEAD);
	file_name(l, "kept", path, sizeof(path));
	if (!read_file(path, &all)) {
		buf_fini(&all);
		return 0;
	}
	if (all.n < KEEP_HEAD)
		fail(path, "too short");
	buf_add(state, all.p, PRE_STREAM_STATE_SIZE);
	l->next = big_endian(all.p + PRE_STREAM_STATE_SIZE);
	last = big_endian(all.p + PRE_STREAM_STATE_SIZE + 8);
	buf_add(&l->body, all.p + KEEP_HEAD, all.n - KEEP_HEAD);
	buf_fini(&all);
	return last;
}

static void
note(struct load *l, const char *what, uint64_t first, uint64_t last)
{
	int n = first > 0 ? fprintf(l->journal, "%s %llu %llu\n", what, (unsigned long long)first,
	                            (unsigned long long)last)
	                  : fprintf(l->journal, "%s %llu\n", what, (unsigned long long)last);

	if (n < 0 || fflush(l->journal) != 0)
		fail("journal", strerror(errno));
}

/* ---- sending ---- */

static size_t
discard(char *p, size_t size, size_t n, void *arg)
{
	(void)p;
	(void)arg;
	return size * n;
}

static void
prepare_curl(struct load *l)
{
	char from[512];

	(void)snprintf(from, sizeof(from), "From: %s", l->from);
	l->lines = curl_slist_append(l->lines, from);
	l->lines = curl_slist_append(l->lines, "Content-Type: application/octet-stream");
	l->lines = curl_slist_append(l->lines, "Expect:");
	l->curl = curl_easy_init();
	if (l->curl == NULL || l->lines == NULL)
		fail("curl", "failed");
	curl_easy_setopt(l->curl, CURLOPT_URL, l->url);
	curl_easy_setopt(l->curl, CURLOPT_HTTPHEADER, l->lines);
	curl_easy_setopt(l->curl, CURLOPT_WRITEFUNCTION, discard);
	curl_easy_setopt(l->curl, CURLOPT_TIMEOUT, 60L);
}

/* False: the same once more. */
static bool
post(struct load *l)
{
	long status = 0;

	curl_easy_setopt(l->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)l->body.n);
	curl_easy_setopt(l->curl, CURLOPT_POSTFIELDS, l->body.p);
	if (curl_easy_perform(l->curl) != CURLE_OK)
		return false;
	curl_easy_getinfo(l->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status == 201)
		return true;
	if (status < 500) {
		fprintf(stderr, "px_load: %ld for %llu\n", status, (unsigned long long)l->next);
		exit(3);
	}
	return false;
}

static void
deliver(struct load *l, uint64_t last)
{
	note(l, "sent", l->next, last);
	while (!post(l))
		usleep(PAUSE_US);
	note(l, "stored", 0, last);
	l->next = last + 1;
}

static void
run(struct load *l)
{
	struct pre_stream_conf conf = { .afgh = l->afgh,
		                        .keys = pre_identity_keys(l->id),
		                        .sign = pre_identity_sign(l->id),
		                        .source = slice_of(l->own.url),
		                        .stream = (uint16_t)l->stream,
		                        .epoch_sections = (uint32_t)l->epochs,
		                        .section_messages = (uint32_t)l->section };
	struct buf state;
	uint64_t last;

	buf_init(&state, PRE_STREAM_STATE_SIZE);
	l->next = 1;
	last = find_kept(l, &state);
	must(pre_stream_new(&conf, buf_view(&state), &l->out), "stream");
	buf_fini(&state);
	if (last > 0)
		deliver(l, last);
	while (l->next <= l->count) {
		last = l->next + l->batch - 1 < l->count ? l->next + l->batch - 1 : l->count;
		seal(l, last);
		keep(l, last);
		deliver(l, last);
	}
	pre_stream_free(l->out);
}

/* ---- before ---- */

static void
read_keys(struct load *l)
{
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s.key", l->name);
	must(pre_identity_read(path, &l->id), path);
	(void)snprintf(path, sizeof(path), "%s.pub", l->name);
	must(pre_public_read(path, &l->own), path);
	must(afgh_new(&l->afgh), "afgh");
}

static void
read_options(struct load *l, int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "f:b:n:E:S:s:d:")) != -1) {
		if (c == 'f')
			l->from = optarg;
		else if (c == 'd' && !read_file(optarg, &l->template))
			fail(optarg, strerror(errno));
		else if (c == 'b')
			l->batch = strtoul(optarg, NULL, 10);
		else if (c == 'n')
			l->section = strtoul(optarg, NULL, 10);
		else if (c == 'E')
			l->epochs = strtoul(optarg, NULL, 10);
		else if (c == 'S')
			l->stream = strtoul(optarg, NULL, 10);
		else if (c == 's')
			l->size = strtoul(optarg, NULL, 10);
		else if (c == '?')
			exit(2);
	}
	if (argc - optind != 4 || l->batch == 0 || l->size > MESSAGE_MAX)
		fail("arguments", "see the head of px_load.c");
	l->name = argv[optind];
	l->directory = argv[optind + 1];
	l->count = strtoull(argv[optind + 2], NULL, 10);
	l->url = argv[optind + 3];
}

int
main(int argc, char **argv)
{
	struct load l = { .from = "http://127.0.0.1/source",
		          .batch = 256,
		          .section = 4096,
		          .epochs = 65536,
		          .stream = 1,
		          .size = 48 };
	char path[4096];

	buf_init(&l.template, MESSAGE_MAX);
	buf_init(&l.body, BATCH_MAX);
	buf_init(&l.line, MESSAGE_MAX);
	buf_init(&l.kept, KEEP_HEAD);
	read_options(&l, argc, argv);
	read_keys(&l);
	file_name(&l, "journal", path, sizeof(path));
	l.journal = fopen(path, "a");
	if (l.journal == NULL)
		fail(path, strerror(errno));
	prepare_curl(&l);
	run(&l);
	curl_easy_cleanup(l.curl);
	curl_slist_free_all(l.lines);
	fclose(l.journal);
	pre_identity_free(l.id);
	afgh_free(l.afgh);
	buf_fini(&l.template);
	buf_fini(&l.body);
	buf_fini(&l.line);
	buf_fini(&l.kept);
	return 0;
}
