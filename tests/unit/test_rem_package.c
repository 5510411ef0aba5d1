/* SPDX-License-Identifier: Apache-2.0 */
/* Signed packages: what is refused, what is installed, what is undone, and what a crash leaves. */
#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "cap/rem/rem_package.h"
#include "cap/rem/rem_sign.h"
#include "rem_bed.h"
#include "suite.h"

/* PEM, made for each run. */
static char key[1024], public_key[1024], other_key[1024];

/*
 * Tells what it was called with in the file calls. A file fail-ACTION makes it fail, hang-ACTION
 * hang until there is a file go; begun-ACTION tells that it hangs.
 */
static const char script[] =
	"d=$1 action=$2 name=$3 file=$4 version=$5\n"
	"content=; test -z \"$file\" || content=`cat \"$file\"`\n"
	"echo \"$action $name ${file##*/} $version [$content] $OPENSCL_KIND $OPENSCL_ACTIVE\" "
	">>$d/calls\n"
	"echo output of $action\n"
	"if test -e $d/hang-$action; then : >$d/begun-$action\n"
	"  while ! test -e $d/go; do sleep 0.02; done; echo end $action >>$d/calls; fi\n"
	"if test -e $d/stubborn; then trap '' TERM; : >$d/begun-stubborn; sleep 60; sleep 60; fi\n"
	"test ! -e $d/fail-$action\n";

static struct rem_bed bed;
static struct rem_packages_conf conf;
static struct rem_packages *packages;
static char why[REM_WHY_MAX];
static const char *command[5];

static void
make_key(char private_pem[1024], char public_pem[1024])
{
	size_t n = 1023, m = 1023;
	gnutls_x509_privkey_t x;
	gnutls_privkey_t p;
	gnutls_pubkey_t pub;

	ck_assert_int_eq(gnutls_x509_privkey_init(&x) | gnutls_privkey_init(&p) |
	                         gnutls_pubkey_init(&pub),
	                 0);
	ck_assert_int_eq(gnutls_x509_privkey_generate(x, GNUTLS_PK_EDDSA_ED25519, 256, 0), 0);
	ck_assert_int_eq(gnutls_x509_privkey_export_pkcs8(x, GNUTLS_X509_FMT_PEM, NULL,
	                                                  GNUTLS_PKCS_PLAIN, private_pem, &n),
	                 0);
	ck_assert_int_eq(gnutls_privkey_import_x509(p, x, 0), 0);
	ck_assert_int_eq(gnutls_pubkey_import_privkey(pub, p, 0, 0), 0);
	ck_assert_int_eq(gnutls_pubkey_export(pub, GNUTLS_X509_FMT_PEM, public_pem, &m), 0);
	private_pem[n] = public_pem[m] = '\0';
	gnutls_pubkey_deinit(pub);
	gnutls_privkey_deinit(p);
	gnutls_x509_privkey_deinit(x);
}

static void
open_packages(void)
{
	ck_assert_msg(rem_packages_open(&conf, &packages, why) == RC_OK, "%s", why);
	rem_packages_recover(packages);
}

static void
setup(void)
{
	static char dir[BED_PATH_MAX], state[BED_PATH_MAX], program[BED_PATH_MAX],
		pub[BED_PATH_MAX];

	make_key(other_key, public_key);
	make_key(key, public_key);
	rem_bed_init(&bed);
	rem_bed_write(&bed, "program", script);
	rem_bed_write(&bed, "key.pem", public_key);
	ck_assert_int_eq(mkdir(rem_bed_path(&bed, "packages"), 0700), 0);
	ck_assert_int_eq(mkdir(rem_bed_path(&bed, "state"), 0700), 0);
	strcpy(dir, rem_bed_path(&bed, "packages"));
	strcpy(state, rem_bed_path(&bed, "state"));
	strcpy(program, rem_bed_path(&bed, "program"));
	strcpy(pub, rem_bed_path(&bed, "key.pem"));
	command[0] = "/bin/sh";
	command[1] = program;
	command[2] = bed.dir;
	command[3] = NULL;
	conf = (struct rem_packages_conf){ .kind = "software",
		                           .directory = dir,
		                           .state = state,
		                           .command = command,
		                           .key_file = pub,
		                           .timeout_ms = 20000,
		                           .size_max = 100000,
		                           .cancel = -1,
		                           .stop = -1 };
	open_packages();
}

static void
teardown(void)
{
	rem_packages_close(packages);
	rem_bed_fini(&bed);
}

static void
sign_with(const char *pem, const char *content, uint64_t version,
          unsigned char file[REM_SIGNATURE_FILE])
{
	unsigned char digest[REM_DIGEST_SIZE];
	struct rem_digest *d = rem_digest_new();

	rem_digest_add(d, slice_of(content));
	rem_digest_end(d, digest);
	ck_assert_int_eq(rem_sign_make(slice_of(pem), version, digest, file), RC_OK);
}

/* A package in the directory, with a signature by pem. */
static void
put_package_by(const char *pem, const char *file, const char *content, uint64_t version)
{
	unsigned char sig[REM_SIGNATURE_FILE];
	char name[128];

	sign_with(pem, content, version, sig);
	snprintf(name, sizeof(name), "packages/%s", file);
	rem_bed_write(&bed, name, content);
	strcat(name, ".sig");
	rem_bed_octets(&bed, name, sig, sizeof(sig));
}

static void
put_package(const char *file, const char *content, uint64_t version)
{
	put_package_by(key, file, content, version);
}

static enum rc
install(const char *name, const char *file)
{
	return rem_package_install(packages, name, REM_FROM_DIRECTORY, file, why);
}

static void
expect_calls(const char *text)
{
	ck_assert_str_eq(rem_bed_read(&bed, "calls"), text);
}

/* Version that is installed, 0: none. Nothing unfinished is left. */
static void
expect_installed(const char *name, uint64_t version, bool active)
{
	struct rem_record *r = malloc(sizeof(*r));
	const struct rem_package *p;

	rem_packages_list(packages, r);
	p = rem_record_find(r, name);
	ck_assert_uint_eq(p == NULL ? 0 : p->version, version);
	ck_assert_int_eq(p != NULL && p->active, active);
	ck_assert(p == NULL || p->doing == REM_DOES_NOTHING);
	free(r);
}

static void
reopen(void)
{
	rem_packages_close(packages);
	open_packages();
}

/* ---- signatures ---- */

START_TEST(signature_form)
{
	unsigned char file[REM_SIGNATURE_FILE + 1] = { 0 }, digest[REM_DIGEST_SIZE] = { 7 };
	struct rem_signature s;

	ck_assert(!rem_sign_parse(slice_make(file, REM_SIGNATURE_FILE), &s));
	ck_assert_int_eq(rem_sign_make(slice_of(key), UINT64_C(0x0102030405060708), digest, file),
	                 RC_OK);
	ck_assert_uint_eq(file[0], 1);
	ck_assert_uint_eq(file[7], 8);
	ck_assert(rem_sign_parse(slice_make(file, REM_SIGNATURE_FILE), &s));
	ck_assert_uint_eq(s.version, UINT64_C(0x0102030405060708));
	ck_assert(!rem_sign_parse(slice_make(file, REM_SIGNATURE_FILE - 1), &s));
	ck_assert(!rem_sign_parse(slice_make(file, REM_SIGNATURE_FILE + 1), &s));
	ck_assert_int_eq(rem_sign_verify(slice_of(public_key), &s, digest), RC_OK);
	/* The version is signed, too. */
	s.version++;
	ck_assert_int_eq(rem_sign_verify(slice_of(public_key), &s, digest), RC_FORBIDDEN);
	s.version--;
	digest[REM_DIGEST_SIZE - 1] ^= 1;
	ck_assert_int_eq(rem_sign_verify(slice_of(public_key), &s, digest), RC_FORBIDDEN);
	ck_assert_int_eq(rem_sign_verify(slice_of(key), &s, digest), RC_INTERNAL);
	ck_assert_int_eq(rem_sign_verify(SLICE_NONE, &s, digest), RC_INTERNAL);
	ck_assert_int_eq(rem_sign_make(slice_of(public_key), 1, digest, file), RC_INTERNAL);
}
END_TEST

/* ---- what is refused before the command ---- */

START_TEST(refused_names)
{
	static const char *const names[] = {
		"",         ".",
		"..",       "../x",
		"a/b",      "/etc/passwd",
		"-rf",      ".hidden",
		"a b",      "a\nb",
		"a+b",      "$(id)",
		"a;b",      "a\\b",
		"\xc3\xa9", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	};

	put_package("app", "one", 1);
	ck_assert_int_eq(install(names[_i], "app"), RC_BAD_REQUEST);
	ck_assert_int_eq(install("app", names[_i]), RC_BAD_REQUEST);
	ck_assert_int_eq(rem_package_do(packages, names[_i], REM_REMOVES, why), RC_BAD_REQUEST);
	ck_assert_int_eq(
		rem_package_store(packages, names[_i], SLICE_LIT("x"), SLICE_LIT("y"), why),
		RC_BAD_REQUEST);
	ck_assert(!rem_bed_exists(&bed, "calls"));
}
END_TEST

START_TEST(refused_files)
{
	rem_bed_write(&bed, "outside", "one");
	put_package("app", "one", 1);
	ck_assert_int_eq(install("app", "none"), RC_NOT_FOUND);
	ck_assert_int_eq(symlink("../outside", rem_bed_path(&bed, "packages/link")), 0);
	ck_assert_int_eq(symlink("app.sig", rem_bed_path(&bed, "packages/link.sig")), 0);
	ck_assert_int_eq(install("app", "link"), RC_NOT_FOUND);
	ck_assert_int_eq(mkdir(rem_bed_path(&bed, "packages/folder"), 0700), 0);
	ck_assert_int_eq(install("app", "folder"), RC_NOT_FOUND);
	/* Opening a FIFO must not wait for a writer. */
	ck_assert_int_eq(mkfifo(rem_bed_path(&bed, "packages/fifo"), 0600), 0);
	ck_assert_int_eq(install("app", "fifo"), RC_NOT_FOUND);
	ck_assert(!rem_bed_exists(&bed, "calls"));
	expect_installed("app", 0, false);
}
END_TEST

START_TEST(refused_signatures)
{
	unsigned char sig[REM_SIGNATURE_FILE];

	put_package("app", "one", 1);
	rem_bed_write(&bed, "packages/app", "two");
	ck_assert_int_eq(install("app", "app"), RC_FORBIDDEN);
	put_package_by(other_key, "app", "one", 1);
	ck_assert_int_eq(install("app", "app"), RC_FORBIDDEN);
	/* A version that is not the one that was signed. */
	sign_with(key, "one", 1, sig);
	sig[7] = 2;
	rem_bed_octets(&bed, "packages/app.sig", sig, sizeof(sig));
	ck_assert_int_eq(install("app", "app"), RC_FORBIDDEN);
	rem_bed_octets(&bed, "packages/app.sig", sig, sizeof(sig) - 1);
	ck_assert_int_eq(install("app", "app"), RC_FORBIDDEN);
	rem_bed_write(&bed, "packages/app.sig", script);
	ck_assert_int_eq(install("app", "app"), RC_FORBIDDEN);
	rem_bed_remove(&bed, "packages/app.sig");
	ck_assert_int_eq(install("app", "app"), RC_FORBIDDEN);
	ck_assert(!rem_bed_exists(&bed, "calls"));
	ck_assert(!rem_bed_exists(&bed, "state/software/staging/package"));
	ck_assert(!rem_bed_exists(&bed, "state/software/kept/app.1"));
	expect_installed("app", 0, false);
}
END_TEST

START_TEST(refused_without_means)
{
	put_package("app", "one", 1);
	conf.key_file = NULL;
	reopen();
	ck_assert_int_eq(install("app", "app"), RC_FORBIDDEN);
	rem_bed_write(&bed, "key.pem", key);
	conf.key_file = rem_bed_path(&bed, "key.pem");
	reopen();
	ck_assert_int_eq(install("app", "app"), RC_INTERNAL);
	conf.command = NULL;
	reopen();
	ck_assert_int_eq(install("app", "app"), RC_FORBIDDEN);
	conf.directory = NULL;
	conf.command = command;
	reopen();
	ck_assert_int_eq(install("app", "app"), RC_NOT_FOUND);
}
END_TEST

START_TEST(refused_size)
{
	char *big = malloc(100002);

	memset(big, 'x', 100001);
	big[100001] = '\0';
	put_package("app", big, 1);
	ck_assert_int_eq(install("app", "app"), RC_TOO_LARGE);
	big[100000] = '\0';
	put_package("app", big, 1);
	ck_assert_int_eq(
		rem_package_check(packages, REM_FROM_DIRECTORY, "app", &(uint64_t){ 0 }, why),
		RC_OK);
	ck_assert(!rem_bed_exists(&bed, "state/software/staging/package"));
	free(big);
}
END_TEST

/* ---- installing ---- */

START_TEST(installs)
{
	put_package("app-1.bin", "one", 5);
	ck_assert_msg(install("app", "app-1.bin") == RC_OK, "%s", why);
	expect_installed("app", 5, false);
	/* The same and older ones are refused, also after a restart. */
	put_package("old", "old", 4);
	reopen();
	ck_assert_int_eq(install("app", "app-1.bin"), RC_FORBIDDEN);
	ck_assert_int_eq(install("app", "old"), RC_FORBIDDEN);
	ck_assert_int_eq(install("other", "old"), RC_OK);
	put_package("app-2.bin", "two", UINT64_MAX);
	ck_assert_int_eq(install("app", "app-2.bin"), RC_OK);
	expect_installed("app", UINT64_MAX, false);
	ck_assert(!rem_bed_exists(&bed, "state/software/kept/app.5"));
	ck_assert(rem_bed_exists(&bed, "state/software/kept/app.18446744073709551615"));
	expect_calls(
		"install app app.5 5 [one] software 0\n"
		"install other other.4 4 [old] software 0\n"
		"install app app.18446744073709551615 18446744073709551615 [two] software 0\n");
}
END_TEST

START_TEST(activates_and_removes)
{
	ck_assert_int_eq(rem_package_do(packages, "app", REM_ACTIVATES, why), RC_NOT_FOUND);
	put_package("app", "one", 1);
	ck_assert_int_eq(install("app", "app"), RC_OK);
	ck_assert_int_eq(rem_package_do(packages, "app", REM_ACTIVATES, why), RC_OK);
	expect_installed("app", 1, true);
	put_package("app", "two", 2);
	ck_assert_int_eq(install("app", "app"), RC_OK);
	reopen();
	expect_installed("app", 2, true);
	ck_assert_int_eq(rem_package_do(packages, "app", REM_DEACTIVATES, why), RC_OK);
	expect_installed("app", 2, false);
	ck_assert_int_eq(rem_package_do(packages, "app", REM_REMOVES, why), RC_OK);
	expect_installed("app", 0, false);
	ck_assert(!rem_bed_exists(&bed, "state/software/kept/app.2"));
	/* Nothing is installed under that name any more: any version will do. */
	put_package("app", "one", 1);
	ck_assert_int_eq(install("app", "app"), RC_OK);
	expect_calls("install app app.1 1 [one] software 0\n"
	             "activate app app.1 1 [one] software 0\n"
	             "install app app.2 2 [two] software 1\n"
	             "deactivate app app.2 2 [two] software 1\n"
	             "remove app app.2 2 [two] software 0\n"
	             "install app app.1 1 [one] software 0\n");
}
END_TEST

START_TEST(rolls_back)
{
	put_package("app", "one", 1);
	rem_bed_write(&bed, "fail-install", "");
	ck_assert_int_eq(install("app", "app"), RC_BAD_GATEWAY);
	expect_installed("app", 0, false);
	rem_bed_remove(&bed, "fail-install");
	ck_assert_int_eq(install("app", "app"), RC_OK);
	rem_bed_write(&bed, "fail-install", "");
	put_package("app", "two", 2);
	ck_assert_int_eq(install("app", "app"), RC_BAD_GATEWAY);
	expect_installed("app", 1, false);
	ck_assert(!rem_bed_exists(&bed, "state/software/kept/app.2"));
	rem_bed_write(&bed, "fail-remove", "");
	ck_assert_int_eq(rem_package_do(packages, "app", REM_REMOVES, why), RC_BAD_GATEWAY);
	expect_installed("app", 1, false);
	rem_bed_write(&bed, "fail-activate", "");
	ck_assert_int_eq(rem_package_do(packages, "app", REM_ACTIVATES, why), RC_BAD_GATEWAY);
	expect_installed("app", 1, false);
	expect_calls("install app app.1 1 [one] software 0\n"
	             "rollback app  0 [] software 0\n"
	             "install app app.1 1 [one] software 0\n"
	             "install app app.2 2 [two] software 0\n"
	             "rollback app app.1 1 [one] software 0\n"
	             "remove app app.1 1 [one] software 0\n"
	             "rollback app app.1 1 [one] software 0\n"
	             "activate app app.1 1 [one] software 0\n"
	             "deactivate app app.1 1 [one] software 0\n");
}
END_TEST

/* A roll-back that fails is tried again before the next action and at the next start. */
START_TEST(rolls_back_later)
{
	struct rem_record *r = malloc(sizeof(*r));

	put_package("app", "one", 1);
	ck_assert_int_eq(install("app", "app"), RC_OK);
	put_package("app", "two", 2);
	rem_bed_write(&bed, "fail-install", "");
	rem_bed_write(&bed, "fail-rollback", "");
	ck_assert_int_eq(install("app", "app"), RC_BAD_GATEWAY);
	ck_assert_int_eq(rem_package_do(packages, "app", REM_ACTIVATES, why), RC_CONFLICT);
	reopen();
	rem_packages_list(packages, r);
	ck_assert_int_eq(rem_record_find(r, "app")->doing, REM_INSTALLS);
	rem_bed_remove(&bed, "fail-rollback");
	reopen();
	expect_installed("app", 1, false);
	rem_bed_remove(&bed, "fail-install");
	ck_assert_int_eq(install("app", "app"), RC_OK);
	expect_installed("app", 2, false);
	free(r);
}
END_TEST

START_TEST(too_slow)
{
	put_package("app", "one", 1);
	conf.timeout_ms = 2000;
	reopen();
	rem_bed_write(&bed, "hang-install", "");
	ck_assert_int_eq(install("app", "app"), RC_GATEWAY_TIMEOUT);
	expect_installed("app", 0, false);
	expect_calls("install app app.1 1 [one] software 0\nrollback app  0 [] software 0\n");
	/* One that does not end when it is asked to. */
	rem_bed_write(&bed, "stubborn", "");
	rem_bed_remove(&bed, "hang-install");
	ck_assert_int_eq(install("app", "app"), RC_GATEWAY_TIMEOUT);
}
END_TEST

struct signal_later {
	const char *file;
	int fd;
};

static void *
raise_when_begun(void *arg)
{
	const struct signal_later *s = arg;
	const uint64_t one = 1;

	rem_bed_await(&bed, s->file);
	ck_assert_int_eq(write(s->fd, &one, sizeof(one)), (int)sizeof(one));
	return NULL;
}

START_TEST(cancelled_and_stopped)
{
	struct signal_later s = { "begun-install", eventfd(0, EFD_CLOEXEC) };
	pthread_t thread;

	put_package("app", "one", 1);
	rem_bed_write(&bed, "hang-install", "");
	*(_i == 0 ? &conf.cancel : &conf.stop) = s.fd;
	reopen();
	ck_assert_int_eq(pthread_create(&thread, NULL, raise_when_begun, &s), 0);
	ck_assert_int_eq(install("app", "app"), RC_UNAVAILABLE);
	pthread_join(thread, NULL);
	if (_i == 1) {
		/* Nothing more is started; the next run undoes it. */
		expect_calls("install app app.1 1 [one] software 0\n");
		conf.stop = -1;
		reopen();
	}
	expect_installed("app", 0, false);
	expect_calls("install app app.1 1 [one] software 0\nrollback app  0 [] software 0\n");
	close(s.fd);
}
END_TEST

/* SIGKILL in the middle: the next run waits for the orphan, then rolls back. */
START_TEST(killed)
{
	pid_t pid;

	put_package("app", "one", 1);
	ck_assert_int_eq(install("app", "app"), RC_OK);
	put_package("app", "two", 2);
	rem_bed_write(&bed, "hang-install", "");
	pid = fork();
	if (pid == 0) {
		install("app", "app");
		_exit(0);
	}
	rem_bed_await(&bed, "begun-install");
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	rem_bed_write(&bed, "state/software/kept/nobody.1", "x");
	rem_bed_write(&bed, "state/software/staging/package", "x");
	rem_bed_write(&bed, "state/software/record.new", "openscl-pack");
	rem_bed_write(&bed, "go", "");
	reopen();
	expect_installed("app", 1, false);
	expect_calls("install app app.1 1 [one] software 0\n"
	             "install app app.2 2 [two] software 0\n"
	             "end install\n"
	             "rollback app app.1 1 [one] software 0\n");
	ck_assert(rem_bed_exists(&bed, "state/software/kept/app.1"));
	ck_assert(!rem_bed_exists(&bed, "state/software/kept/app.2"));
	ck_assert(!rem_bed_exists(&bed, "state/software/kept/nobody.1"));
	ck_assert(!rem_bed_exists(&bed, "state/software/staging/package"));
}
END_TEST

START_TEST(record_damaged)
{
	static const char *const texts[] = {
		"",
		"nonsense",
		"openscl-packages 1",
		"openscl-packages 2\n",
		"openscl-packages 1\nx\n",
		"openscl-packages 1\na 1 f active nothing 0 -",
		"openscl-packages 1\na 1 f active nothing 0 - x\n",
		"openscl-packages 1\na 1 f active nothing 99999999999999999999 -\n",
		"openscl-packages 1\n../a 1 f active nothing 0 -\n",
		"openscl-packages 1\na 1 f maybe nothing 0 -\n",
		"openscl-packages 1\na 1 f active sleep 0 -\n",
		"openscl-packages 1\na 1 f active nothing 0 -\na 1 f active nothing 0 -\n",
		"openscl-packages 1\na 1 f active nothing 0 -\n"
	};
	struct rem_packages *p;
	bool good = _i == 12;

	rem_bed_write(&bed, "state/software/record", texts[_i]);
	ck_assert_int_eq(rem_packages_open(&conf, &p, why) == RC_OK, good);
	if (good)
		rem_packages_close(p);
}
END_TEST

START_TEST(record_full)
{
	char text[REM_PACKAGES_MAX * 40] = "openscl-packages 1\n";

	for (int i = 0; i < REM_PACKAGES_MAX; i++)
		sprintf(text + strlen(text), "p%d 1 app inactive nothing 0 -\n", i);
	rem_bed_write(&bed, "state/software/record", text);
	rem_bed_write(&bed, "state/software/kept/p7.1", "one");
	put_package("app", "one", 1);
	reopen();
	ck_assert_int_eq(install("one-more", "app"), RC_NO_SPACE);
	ck_assert(!rem_bed_exists(&bed, "state/software/kept/one-more.1"));
	ck_assert(!rem_bed_exists(&bed, "calls"));
	ck_assert_int_eq(rem_package_do(packages, "p7", REM_REMOVES, why), RC_OK);
	ck_assert_int_eq(install("one-more", "app"), RC_OK);
}
END_TEST

/* A place that nothing can be written to: nothing is begun. */
START_TEST(record_unwritable)
{
	put_package("app", "one", 1);
	ck_assert_int_eq(mkdir(rem_bed_path(&bed, "state/software/record.new"), 0700), 0);
	ck_assert_int_eq(install("app", "app"), RC_INTERNAL);
	ck_assert(!rem_bed_exists(&bed, "calls"));
	ck_assert(!rem_bed_exists(&bed, "state/software/kept/app.1"));
	expect_installed("app", 0, false);
}
END_TEST

START_TEST(stores)
{
	unsigned char sig[REM_SIGNATURE_FILE];
	uint64_t version;

	sign_with(key, "one", 3, sig);
	ck_assert_int_eq(rem_package_store(packages, "app", SLICE_LIT("two"),
	                                   slice_make(sig, sizeof(sig)), why),
	                 RC_FORBIDDEN);
	ck_assert(!rem_bed_exists(&bed, "state/software/stored/app"));
	ck_assert_int_eq(rem_package_store(packages, "app", SLICE_LIT("one"),
	                                   slice_make(sig, sizeof(sig)), why),
	                 RC_OK);
	ck_assert_int_eq(rem_package_check(packages, REM_FROM_DIRECTORY, "app", &version, why),
	                 RC_NOT_FOUND);
	ck_assert_int_eq(rem_package_check(packages, REM_FROM_STORED, "app", &version, why), RC_OK);
	ck_assert_uint_eq(version, 3);
	ck_assert_int_eq(rem_package_install(packages, "app", REM_FROM_STORED, "app", why), RC_OK);
	expect_installed("app", 3, false);
}
END_TEST

/* Another package than the one that was described, however well it is signed. */
START_TEST(expects)
{
	unsigned char sig[REM_SIGNATURE_FILE], digest[REM_DIGEST_SIZE];
	struct rem_digest *d = rem_digest_new();
	uint64_t version;

	rem_digest_add(d, SLICE_LIT("one"));
	rem_digest_end(d, digest);
	put_package("app", "one", 3);
	put_package("evil", "two", 9);
	sign_with(key, "two", 9, sig);
	rem_package_expect(packages, digest);
	ck_assert_int_eq(install("evil", "evil"), RC_FORBIDDEN);
	ck_assert_ptr_nonnull(strstr(why, "described"));
	ck_assert_int_eq(rem_package_store(packages, "evil", SLICE_LIT("two"),
	                                   slice_make(sig, sizeof(sig)), why),
	                 RC_FORBIDDEN);
	ck_assert_int_eq(rem_package_check(packages, REM_FROM_DIRECTORY, "evil", &version, why),
	                 RC_FORBIDDEN);
	ck_assert(!rem_bed_exists(&bed, "calls"));
	ck_assert_int_eq(install("app", "app"), RC_OK);
	rem_package_expect(packages, NULL);
	ck_assert_int_eq(install("evil", "evil"), RC_OK);
}
END_TEST

START_TEST(lists_files)
{
	struct rem_package_file files[4];

	put_package("app", "one", 7);
	rem_bed_write(&bed, "packages/unsigned", "x");
	rem_bed_write(&bed, "packages/other", "x");
	rem_bed_write(&bed, "packages/other.sig", "no signature");
	ck_assert_uint_eq(rem_packages_files(packages, files, 4), 1);
	ck_assert_str_eq(files[0].name, "app");
	ck_assert_uint_eq(files[0].version, 7);
	put_package("more", "one", 1);
	ck_assert_uint_eq(rem_packages_files(packages, files, 1), 1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("rem_package");
	TCase *c = suite_case(s, "package", setup, teardown);

	tcase_set_timeout(c, 120);
	tcase_add_test(c, signature_form);
	tcase_add_loop_test(c, refused_names, 0, 16);
	tcase_add_test(c, refused_files);
	tcase_add_test(c, refused_signatures);
	tcase_add_test(c, refused_without_means);
	tcase_add_test(c, refused_size);
	tcase_add_test(c, installs);
	tcase_add_test(c, activates_and_removes);
	tcase_add_test(c, rolls_back);
	tcase_add_test(c, rolls_back_later);
	tcase_add_test(c, too_slow);
	tcase_add_loop_test(c, cancelled_and_stopped, 0, 2);
	tcase_add_test(c, killed);
	tcase_add_loop_test(c, record_damaged, 0, 13);
	tcase_add_test(c, record_full);
	tcase_add_test(c, record_unwritable);
	tcase_add_test(c, stores);
	tcase_add_test(c, expects);
	tcase_add_test(c, lists_files);
	return run_suite(s);
}
