/* SPDX-License-Identifier: Apache-2.0 */
/* Integrity: signed reports, and what is measured for them. */
#include "config.h"

#include <ifaddrs.h>
#include <netpacket/packet.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "sec/derive.h"
#include "sec/device_key.h"
#include "sec/ival.h"
#include "sec/manifest.h"
#include "sign_bed.h"

/* ---- reports of integrity ---- */

static const struct ival_origin origin = { &node, SLICE_INIT("gscl-0102") };

static struct key
ival_key_of_vectors(void)
{
	struct key kmr, k;

	for (unsigned i = 0; i < KEY_BYTES; i++)
		kmr.v[i] = (uint8_t)i;
	ck_assert_int_eq(ival_key(&kmr, &node, &k), RC_OK);
	return k;
}

static struct ival_report
report(void)
{
	return (struct ival_report){ .results = 0x1f, .time = SLICE_LIT("2023-11-14T22:13:20Z") };
}

static const struct ival_policy policy = { .required = 0x1f, .now = NOW * CLOCK_SECOND };

START_TEST(the_vector_of_a_report)
{
	struct key k = ival_key_of_vectors();
	struct ival_report r = report();
	int64_t at = 0;

	ck_assert_int_eq(ival_sign(&k, &origin, &r), RC_OK);
	ck_assert_int_eq(r.mac, INT64_C(6592460573041421016));
	ck_assert_int_eq(ival_check(&k, &origin, &r, &policy, &at), RC_OK);
	ck_assert_int_eq(at, NOW * CLOCK_SECOND);
}
END_TEST

START_TEST(reports_that_are_refused)
{
	struct node_id stranger = { { 1 } };
	const struct ival_origin others[] = { { &stranger, origin.scl_id },
		                              { &node, SLICE_LIT("gscl-0103") } };
	struct key k = ival_key_of_vectors(), foreign = { { 1 } };
	struct ival_report r = report(), good;
	struct ival_policy p = policy;
	int64_t at = 5;

	ck_assert_int_eq(ival_sign(&k, &origin, &r), RC_OK);
	good = r;
	ck_assert_int_eq(ival_check(&foreign, &origin, &r, &p, &at), RC_FORBIDDEN);
	for (size_t i = 0; i < NITEMS(others); i++)
		ck_assert_int_eq(ival_check(&k, &others[i], &r, &p, &at), RC_FORBIDDEN);
	r.results = 0x3f;
	ck_assert_int_eq(ival_check(&k, &origin, &r, &p, &at), RC_FORBIDDEN);
	r = good;
	for (int bit = 0; bit < 63; bit++) {
		r.mac = good.mac ^ INT64_C(1) << bit;
		ck_assert_int_eq(ival_check(&k, &origin, &r, &p, &at), RC_FORBIDDEN);
	}
	r = good;
	/* The same moment, another text. */
	r.time = SLICE_LIT("2023-11-14T22:13:20.0Z");
	ck_assert_int_eq(ival_check(&k, &origin, &r, &p, &at), RC_FORBIDDEN);
	r.time = SLICE_LIT("yesterday");
	ck_assert_int_eq(ival_check(&k, &origin, &r, &p, &at), RC_BAD_REQUEST);
	r = good;
	r.mac = -1;
	ck_assert_int_eq(ival_check(&k, &origin, &r, &p, &at), RC_BAD_REQUEST);
	r = good;
	r.results = INT64_MIN;
	ck_assert_int_eq(ival_check(&k, &origin, &r, &p, &at), RC_BAD_REQUEST);
	ck_assert_int_eq(ival_sign(&k, &origin, &r), RC_BAD_REQUEST);
	ck_assert_int_eq(at, 5);
}
END_TEST

START_TEST(times_and_bits_of_reports)
{
	struct key k = ival_key_of_vectors();
	struct ival_report r = report();
	struct ival_policy p = policy;
	int64_t at = 0;

	ck_assert_int_eq(ival_sign(&k, &origin, &r), RC_OK);
	p.now = (NOW + 300) * CLOCK_SECOND;
	ck_assert_int_eq(ival_check(&k, &origin, &r, &p, &at), RC_OK);
	p.now++;
	ck_assert_int_eq(ival_check(&k, &origin, &r, &p, &at), RC_FORBIDDEN);
	p.now = (NOW - 300) * CLOCK_SECOND;
	ck_assert_int_eq(ival_check(&k, &origin, &r, &p, &at), RC_OK);
	p.now--;
	ck_assert_int_eq(ival_check(&k, &origin, &r, &p, &at), RC_FORBIDDEN);
	p = policy;
	/* Once. */
	p.last = at;
	ck_assert_int_eq(ival_check(&k, &origin, &r, &p, &at), RC_FORBIDDEN);
	p.last = at - 1;
	ck_assert_int_eq(ival_check(&k, &origin, &r, &p, &at), RC_OK);
	for (unsigned bit = 0; bit < 8; bit++) {
		p.required = UINT64_C(1) << bit;
		ck_assert_int_eq(ival_check(&k, &origin, &r, &p, &at),
		                 bit < 5 ? RC_OK : RC_FORBIDDEN);
	}
	p.required = UINT64_C(1) << 63;
	ck_assert_int_eq(ival_check(&k, &origin, &r, &p, &at), RC_FORBIDDEN);
}
END_TEST

START_TEST(reports_before_the_first_key)
{
	struct key e_boot, e_other = { { 0 } };
	char header[IVAL_SIG_TEXT_MAX + 1];
	struct ival_report r = report();
	struct ival_policy p = policy;
	struct device_key *k, *stranger;
	struct slice spki, h;
	int64_t at = 0;

	make_pems();
	memset(e_boot.v, 0xb0, KEY_BYTES);
	ck_assert_int_eq(device_key_from_pem(slice_of(_i == 0 ? ed_pem : ec_pem), &k), RC_OK);
	ck_assert_int_eq(device_key_from_pem(slice_of(_i == 0 ? ec_pem : ed_pem), &stranger),
	                 RC_OK);
	spki = device_key_spki(k);
	ck_assert_int_eq(ival_boot_sign(k, &e_boot, &origin, &r, header), RC_OK);
	h = slice_of(header);
	ck_assert_int_eq(ival_boot_check(spki, &e_boot, h, &origin, &r, &p, &at), RC_OK);
	ck_assert_int_eq(at, NOW * CLOCK_SECOND);
	ck_assert_int_eq(ival_boot_check(spki, &e_other, h, &origin, &r, &p, &at), RC_FORBIDDEN);
	ck_assert_int_eq(
		ival_boot_check(device_key_spki(stranger), &e_boot, h, &origin, &r, &p, &at),
		RC_FORBIDDEN);
	ck_assert_int_eq(ival_boot_check(spki, &e_boot, SLICE_NONE, &origin, &r, &p, &at),
	                 RC_BAD_REQUEST);
	ck_assert_int_eq(ival_boot_check(spki, &e_boot, SLICE_LIT("a b"), &origin, &r, &p, &at),
	                 RC_BAD_REQUEST);
	p.last = at;
	ck_assert_int_eq(ival_boot_check(spki, &e_boot, h, &origin, &r, &p, &at), RC_FORBIDDEN);
	p = policy;
	r.results = 0x1e;
	p.required = 0;
	ck_assert_int_eq(ival_boot_check(spki, &e_boot, h, &origin, &r, &p, &at), RC_FORBIDDEN);
	r = report();
	r.mac = 1;
	ck_assert_int_eq(ival_boot_check(spki, &e_boot, h, &origin, &r, &p, &at), RC_FORBIDDEN);
	ck_assert_int_eq(ival_boot_sign(k, &e_boot, &origin, &r, header), RC_BAD_REQUEST);
	device_key_free(k);
	device_key_free(stranger);
}
END_TEST

/* ---- measuring ---- */

static void
digest_file(const char *name, uint8_t out[SIGN_DIGEST_SIZE])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	FILE *f = fopen(name, "rb");
	char piece[4096];
	size_t n;

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(EVP_DigestInit_ex(ctx, EVP_sha256(), NULL), 1);
	while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
		ck_assert_int_eq(EVP_DigestUpdate(ctx, piece, n), 1);
	ck_assert_int_eq(EVP_DigestFinal_ex(ctx, out, NULL), 1);
	fclose(f);
	EVP_MD_CTX_free(ctx);
}

/* This program and the library of C, as they are now, from the kernel's own list. */
static size_t
own_files(struct manifest_file list[2], char names[2][256])
{
	ssize_t n = readlink("/proc/self/exe", names[0], 255);
	char line[512], *at;
	FILE *f = fopen("/proc/self/maps", "r");

	ck_assert_int_gt(n, 0);
	names[0][n] = '\0';
	names[1][0] = '\0';
	while (fgets(line, sizeof(line), f) != NULL)
		if ((at = strstr(line, "/")) != NULL && strstr(at, "/libc.so") != NULL)
			snprintf(names[1], 256, "%.*s", (int)strcspn(at, "\n"), at);
	fclose(f);
	ck_assert_int_ne(names[1][0], '\0');
	if (strcmp(names[0], names[1]) > 0) {
		char swap[256];

		memcpy(swap, names[0], 256);
		memcpy(names[0], names[1], 256);
		memcpy(names[1], swap, 256);
	}
	for (size_t i = 0; i < 2; i++) {
		list[i].path = slice_of(names[i]);
		digest_file(names[i], list[i].digest);
	}
	return 2;
}

static int64_t
measure(const struct manifest *m)
{
	struct ival_subject s = { .proc = "/proc/self", .manifest = m, .now = 1 };

	return ival_measure(&s, NULL) & (IVAL_MANIFEST | IVAL_PROGRAM | IVAL_LIBRARIES);
}

START_TEST(this_program)
{
	struct manifest_file list[2];
	char names[2][256], exe[256] = "";
	struct manifest m = { SLICE_LIT("x"), list, own_files(list, names) };
	unsigned unlisted = 0;
	struct ival_subject s = { .proc = "/proc/self", .manifest = &m };
	size_t self;

	ck_assert_int_gt(readlink("/proc/self/exe", exe, sizeof(exe) - 1), 0);
	self = strcmp(exe, names[0]) == 0 ? 0 : 1;
	ck_assert_int_eq(measure(NULL), 0);
	ck_assert_int_eq(measure(&m), IVAL_MANIFEST | IVAL_PROGRAM | IVAL_LIBRARIES);
	ck_assert((ival_measure(&s, &unlisted) & IVAL_LIBRARIES) != 0);
	/* Libraries that the tests need are not listed. */
	ck_assert_uint_gt(unlisted, 0);
	list[1 - self].digest[0] ^= 1;
	ck_assert_int_eq(measure(&m), IVAL_MANIFEST | IVAL_PROGRAM);
	list[1 - self].digest[0] ^= 1;
	list[self].digest[31] ^= 1;
	ck_assert_int_eq(measure(&m), IVAL_MANIFEST);
	list[self].digest[31] ^= 1;
	/* The program is not listed at all. */
	m.files = &list[1 - self];
	m.n = 1;
	ck_assert_int_eq(measure(&m), IVAL_MANIFEST | IVAL_LIBRARIES);
}
END_TEST

/* Lists of the kernel that this machine does not have just now. */
START_TEST(other_lists)
{
	static const struct {
		const char *line; /* %s: the listed file */
		bool passes;
	} rows[] = {
		{ "7f00-7f01 r-xp 00000000 fe:00 1234    %s\n", true },
		{ "7f00-7f01 r-xp 00000000 fe:00 1234    %s (deleted)\n", false },
		{ "7f00-7f01 r-xp 00000000 fe:00 1234    /other (deleted)\n", true },
		{ "7f00-7f01 r-xp 00000000 fe:00 1234    /other\n", true },
		{ "7f00-7f01 rw-p 00000000 00:00 0       [heap]\n", true },
		{ "/\n \n\n%s", true },
		{ "", false },
	};
	struct manifest_file entry = { .path = SLICE_NONE };
	struct manifest m = { SLICE_LIT("x"), &entry, 1 };
	struct ival_subject s = { .proc = dir, .manifest = &m };
	char listed[128], text[512];

	strcpy(listed, in_dir("file"));
	entry.path = slice_of(listed);
	write_file(listed, "content", 0600);
	digest_file(listed, entry.digest);
	ck_assert_int_eq(ival_measure(&s, NULL) & IVAL_LIBRARIES, 0);
	for (size_t i = 0; i < NITEMS(rows); i++) {
		const char *at = strstr(rows[i].line, "%s");

		if (at == NULL)
			snprintf(text, sizeof(text), "%s", rows[i].line);
		else
			snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - rows[i].line),
			         rows[i].line, listed, at + 2);
		write_file(in_dir("maps"), text, 0600);
		ck_assert_msg(((ival_measure(&s, NULL) & IVAL_LIBRARIES) != 0) == rows[i].passes,
		              "%s", text);
	}
}
END_TEST

START_TEST(configuration)
{
	struct manifest_file entry;
	struct manifest m = { SLICE_LIT("x"), &entry, 1 };
	struct ival_subject s = { .proc = "/proc/self", .manifest = &m };
	char name[128];

	strcpy(name, in_dir("config"));
	write_file(name, "port = 1;", 0600);
	entry.path = slice_of(name);
	digest_file(name, entry.digest);
	ck_assert_int_eq(ival_measure(&s, NULL) & IVAL_CONFIG, 0);
	s.config_file = name;
	ck_assert_int_eq(ival_measure(&s, NULL) & IVAL_CONFIG, IVAL_CONFIG);
	write_file(name, "port = 2;", 0600);
	ck_assert_int_eq(ival_measure(&s, NULL) & IVAL_CONFIG, 0);
	s.config_signed = true;
	ck_assert_int_eq(ival_measure(&s, NULL) & IVAL_CONFIG, IVAL_CONFIG);
	s.config_signed = false;
	s.manifest = NULL;
	ck_assert_int_eq(ival_measure(&s, NULL) & IVAL_CONFIG, 0);
	s.manifest = &m;
	unlink(name);
	ck_assert_int_eq(mkfifo(name, 0600), 0);
	ck_assert_int_eq(ival_measure(&s, NULL) & IVAL_CONFIG, 0);
}
END_TEST

START_TEST(process_and_clock)
{
	struct ival_subject s = { .proc = dir, .now = 5, .earliest = 5, .latest = 5 };
	const int64_t both = IVAL_UNTRACED | IVAL_CLOCK;

	write_file(in_dir("status"), "Name:\tx\nTracerPid:\t0\nUid:\t0\n", 0600);
	ck_assert_int_eq(prctl(PR_SET_DUMPABLE, 1), 0);
	ck_assert_int_eq(ival_measure(&s, NULL), IVAL_CLOCK);
	ck_assert_int_eq(prctl(PR_SET_DUMPABLE, 0), 0);
	ck_assert_int_eq(ival_measure(&s, NULL), both);
	write_file(in_dir("status"), "Name:\tx\nTracerPid:\t07\n", 0600);
	ck_assert_int_eq(ival_measure(&s, NULL), IVAL_CLOCK);
	unlink(in_dir("status"));
	ck_assert_int_eq(ival_measure(&s, NULL), IVAL_CLOCK);
	s.keystore_intact = true;
	s.latest = 4;
	ck_assert_int_eq(ival_measure(&s, NULL), IVAL_KEYSTORE);
	s.earliest = 6;
	s.latest = 10;
	ck_assert_int_eq(ival_measure(&s, NULL), IVAL_KEYSTORE);
	/* Lists of its own are readable to a process that hides itself. */
	s.proc = "/proc/self";
	ck_assert_int_eq(ival_measure(&s, NULL), IVAL_KEYSTORE | IVAL_UNTRACED);
}
END_TEST

START_TEST(hardware)
{
	struct ifaddrs *all;
	struct sockaddr_ll link = { 0 };
	struct slice addresses[2] = { SLICE_INIT("\x02\xff\xff\xff\xff\xfe"), SLICE_NONE };
	struct ival_subject s = { .proc = dir, .addresses = addresses, .n_addresses = 1 };

	ck_assert_int_eq(getifaddrs(&all), 0);
	for (const struct ifaddrs *i = all; i != NULL && link.sll_halen == 0; i = i->ifa_next)
		if (i->ifa_addr != NULL && i->ifa_addr->sa_family == AF_PACKET)
			memcpy(&link, i->ifa_addr, sizeof(link));
	freeifaddrs(all);
	ck_assert_int_eq(ival_measure(&s, NULL) & IVAL_HARDWARE, 0);
	/* At least the loopback interface has an address: zeros. */
	ck_assert_int_eq(link.sll_halen, 6);
	addresses[1] = slice_make(link.sll_addr, 6);
	s.n_addresses = 2;
	ck_assert_int_eq(ival_measure(&s, NULL) & IVAL_HARDWARE, IVAL_HARDWARE);
	addresses[1].n = 5;
	ck_assert_int_eq(ival_measure(&s, NULL) & IVAL_HARDWARE, 0);
	addresses[1].n = 0;
	ck_assert_int_eq(ival_measure(&s, NULL) & IVAL_HARDWARE, 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sec_ival");
	TCase *c = suite_case(s, "reports", sign_setup, sign_teardown);

	tcase_add_test(c, the_vector_of_a_report);
	tcase_add_test(c, reports_that_are_refused);
	tcase_add_test(c, times_and_bits_of_reports);
	tcase_add_loop_test(c, reports_before_the_first_key, 0, 2);
	c = suite_case(s, "measuring", sign_setup, sign_teardown);
	tcase_add_test(c, this_program);
	tcase_add_test(c, other_lists);
	tcase_add_test(c, configuration);
	tcase_add_test(c, process_and_clock);
	tcase_add_test(c, hardware);
	return run_suite(s);
}
