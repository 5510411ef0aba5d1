/* SPDX-License-Identifier: Apache-2.0 */
/* The process shell of the daemons (scl_main), around the service of fake_service.c. */
#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/main.h"
#include "store/store.h"
#include "suite.h"

#define TEXT_MAX 2048 /* of output shown for a failure */
#define LOW_LIMIT 200

static const struct store_ops lmdb = { .name = "lmdb" };
static const struct store_ops memory = { .name = "memory" };
static const struct store_ops *const stores[] = { &lmdb, &memory, NULL };
static const struct options_default defaults[] = {
	{ "store.path", "/var/lib/test" },
	{ "listeners", "( { port = 0; } )" },
	{ NULL, NULL },
};
static const struct profile profile = { .name = "test", .stores = stores, .defaults = defaults };

/* A running scl_main. */
struct proc {
	pid_t pid;
	FILE *out;
	FILE *err;
};

static char dir[32], conf[64], data[64];

static void
write_conf(const char *text)
{
	FILE *f = fopen(conf, "w");

	ck_assert_ptr_nonnull(f);
	fprintf(f, "scl = { id = \"scl-1\"; };\nstore = { path = \"%s\"; };\n%s\n", data, text);
	ck_assert_int_eq(fclose(f), 0);
}

static void
setup(void)
{
	strcpy(dir, "/tmp/test_process.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(conf, sizeof(conf), "%s/conf", dir);
	snprintf(data, sizeof(data), "%s/data", dir);
	write_conf("");
}

static void
teardown(void)
{
	char lock[96];

	snprintf(lock, sizeof(lock), "%s/openscl.lock", data);
	unlink(lock);
	rmdir(data);
	unlink(conf);
	ck_assert_int_eq(rmdir(dir), 0);
}

/* Runs scl_main with -c conf and the arguments, which end with NULL, in a child. */
static void
spawn(struct proc *p, const char *const *args)
{
	char *argv[16] = { (char *)(uintptr_t) "test", (char *)(uintptr_t) "-c", conf };
	int argc = 3, out[2], err[2];

	while (*args != NULL)
		argv[argc++] = (char *)(uintptr_t)*args++;
	ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(err, O_CLOEXEC), 0);
	p->pid = fork();
	ck_assert_int_ge(p->pid, 0);
	if (p->pid == 0) {
		dup2(out[1], STDOUT_FILENO);
		dup2(err[1], STDERR_FILENO);
		exit(scl_main(&profile, argc, argv));
	}
	close(out[1]);
	close(err[1]);
	p->out = fdopen(out[0], "r");
	p->err = fdopen(err[0], "r");
}

static const char *const no_args[] = { NULL };

/* Reads lines of f until one has the text; fails at the end of file. */
static void
expect(FILE *f, const char *text)
{
	char line[4096], seen[TEXT_MAX] = "";
	size_t n = 0;

	while (fgets(line, sizeof(line), f) != NULL) {
		if (strstr(line, text) != NULL)
			return;
		if (n + strlen(line) < sizeof(seen)) {
			strcpy(seen + n, line);
			n += strlen(line);
		}
	}
	ck_abort_msg("no '%s' in:\n%s", text, seen);
}

static int
finish(struct proc *p)
{
	int status;

	fclose(p->out);
	fclose(p->err);
	ck_assert_int_eq(waitpid(p->pid, &status, 0), p->pid);
	ck_assert_msg(WIFEXITED(status), "ended by signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

static void
start(struct proc *p)
{
	spawn(p, no_args);
	expect(p->out, "ready http=127.0.0.1:1\n");
}

static void
stop(struct proc *p, int sig)
{
	kill(p->pid, sig);
	expect(p->out, "stop id=scl-1\n");
	expect(p->err, "event=stopped");
	ck_assert_int_eq(finish(p), 0);
}

START_TEST(stops_orderly)
{
	static const int signals[] = { SIGTERM, SIGINT };
	struct proc p;

	start(&p);
	stop(&p, signals[_i]);
}
END_TEST

START_TEST(reload_takes_over_what_it_may)
{
	struct proc p;

	start(&p);
	write_conf("limits = { body_max = 4096; }; log = { level = \"debug\"; };");
	kill(p.pid, SIGHUP);
	expect(p.out, "reload body_max=4096 base=m2m level=3\n");
	expect(p.err, "event=reloaded changed=2");
	write_conf("limits = { body_max = 8192; }; http = { threads = 3; };");
	kill(p.pid, SIGHUP);
	expect(p.out, "reload body_max=8192 base=m2m level=2\n");
	expect(p.err, "event=restart-needed option=http.threads");
	stop(&p, SIGTERM);
}
END_TEST

START_TEST(reload_of_a_bad_file_changes_nothing)
{
	char line[256];
	struct proc p;

	start(&p);
	write_conf("limits = { body_max = 1; };");
	kill(p.pid, SIGHUP);
	expect(p.err, "conf:3: limits.body_max: must be 1 KiB to 1 GiB");
	write_conf("limits = { body_max = 2048; };");
	kill(p.pid, SIGHUP);
	/* The next line, so nothing was told to the service for the bad file. */
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), p.out));
	ck_assert_str_eq(line, "reload body_max=2048 base=m2m level=2\n");
	stop(&p, SIGTERM);
}
END_TEST

START_TEST(reload_without_changes_reaches_the_service)
{
	struct proc p;

	start(&p);
	kill(p.pid, SIGHUP);
	expect(p.out, "reload body_max=1048576 base=m2m level=2\n");
	expect(p.err, "event=reloaded changed=0");
	stop(&p, SIGTERM);
}
END_TEST

START_TEST(a_store_has_one_daemon)
{
	char text[64];
	struct proc p, q;

	start(&p);
	spawn(&q, no_args);
	snprintf(text, sizeof(text), "is in use by process %ld", (long)p.pid);
	expect(q.err, text);
	ck_assert_int_eq(finish(&q), 1);
	stop(&p, SIGTERM);
	start(&q);
	stop(&q, SIGTERM);
}
END_TEST

START_TEST(a_killed_daemon_leaves_no_lock)
{
	struct proc p;
	int status;

	start(&p);
	kill(p.pid, SIGKILL);
	ck_assert_int_eq(waitpid(p.pid, &status, 0), p.pid);
	fclose(p.out);
	fclose(p.err);
	start(&p);
	stop(&p, SIGTERM);
}
END_TEST

#ifdef HAVE_LIBSYSTEMD
static int
notify_socket(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	snprintf(un.sun_path, sizeof(un.sun_path), "%s/notify", dir);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&un, sizeof(un)), 0);
	setenv("NOTIFY_SOCKET", un.sun_path, 1);
	return fd;
}

static void
expect_message(int fd, const char *text)
{
	char message[256];
	ssize_t n = recv(fd, message, sizeof(message) - 1, 0);

	ck_assert_int_gt(n, 0);
	message[n] = '\0';
	ck_assert_msg(strncmp(message, text, strlen(text)) == 0, "%s instead of %s", message, text);
}

START_TEST(the_service_manager_is_told)
{
	char path[64];
	int fd = notify_socket();
	struct proc p;

	start(&p);
	expect_message(fd, "READY=1");
	kill(p.pid, SIGHUP);
	expect_message(fd, "RELOADING=1\nMONOTONIC_USEC=");
	expect_message(fd, "READY=1");
	stop(&p, SIGTERM);
	expect_message(fd, "STOPPING=1");
	close(fd);
	snprintf(path, sizeof(path), "%s/notify", dir);
	unlink(path);
}
END_TEST
#endif

static void
read_proc(pid_t pid, const char *name, const char *key, char *out, size_t max)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%ld/%s", (long)pid, name);
	f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	while (fgets(out, (int)max, f) != NULL && strncmp(out, key, strlen(key)) != 0)
		;
	fclose(f);
	memmove(out, out + strlen(key), strlen(out + strlen(key)) + 1);
}

START_TEST(process_is_prepared)
{
	struct rlimit rl;
	unsigned long soft, hard;
	char line[256], *end;
	struct proc p;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &rl), 0);
	rl.rlim_cur = LOW_LIMIT;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &rl), 0);
	start(&p);
	read_proc(p.pid, "limits", "Max open files", line, sizeof(line));
	soft = strtoul(line, &end, 10);
	hard = strtoul(end, NULL, 10);
	ck_assert_uint_eq(soft, hard);
	ck_assert_uint_gt(soft, LOW_LIMIT);
	read_proc(p.pid, "status", "SigIgn:", line, sizeof(line));
	ck_assert(strtoull(line, NULL, 16) & 1ULL << (SIGPIPE - 1));
	read_proc(p.pid, "status", "Umask:", line, sizeof(line));
	ck_assert_uint_eq(strtoul(line, NULL, 8), 077);
	stop(&p, SIGTERM);
}
END_TEST

static const struct {
	const char *args[4];
	int status;
	const char *out;
	const char *err;
} calls[] = {
	{ { "--check-config" }, 0, NULL, NULL },
	{ { "--check-config", "-o", "http.threads=0" }, 1, NULL, "-o: http.threads: must be 1 to 256" },
	{ { "-o", "http.threads=0" }, 1, NULL, "-o: http.threads: must be 1 to 256" },
	{ { "--dump-config", "-o", "http.threads=7" }, 0, "threads = 7;", NULL },
	{ { "--sample-config" }, 0, "#threads = 2;", NULL },
	{ { "--man-options" }, 0, ".B http.threads", NULL },
	{ { "--help" }, 0, "http.threads (integer, 1 to 256, default 2)", NULL },
	{ { "--version" }, 0, "test " PACKAGE_VERSION, NULL },
	{ { "--version" }, 0, "pairing: " PAIRING_PROVIDER, NULL },
	{ { "--types" }, 0, "{}", NULL },
	{ { "--check-store" }, 0, "checked /tmp/test_process.", NULL },
	{ { "--backup", "x" }, 1, NULL, "/data to x" },
	{ { "--backup" }, 2, NULL, "Try 'test --help'" },
	{ { "--nonsense" }, 2, NULL, "Try 'test --help'" },
	{ { "nonsense" }, 2, NULL, "unexpected argument 'nonsense'" },
	{ { "-o", "http.threads=13" }, 1, NULL, "reason=\"thirteen threads are unlucky\"" },
	{ { "-o", "store.path=/nonexistent/x" }, 1, NULL, "/nonexistent/x: No such file" },
};

START_TEST(calls_end_as_asked)
{
	struct proc p;

	spawn(&p, calls[_i].args);
	if (calls[_i].out != NULL)
		expect(p.out, calls[_i].out);
	while (calls[_i].err == NULL && fgetc(p.out) != EOF)
		;
	if (calls[_i].err != NULL)
		expect(p.err, calls[_i].err);
	ck_assert_int_eq(finish(&p), calls[_i].status);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("process");
	TCase *tc = tcase_create("process");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, stops_orderly, 0, 2);
	tcase_add_test(tc, reload_takes_over_what_it_may);
	tcase_add_test(tc, reload_of_a_bad_file_changes_nothing);
	tcase_add_test(tc, reload_without_changes_reaches_the_service);
	tcase_add_test(tc, a_store_has_one_daemon);
	tcase_add_test(tc, a_killed_daemon_leaves_no_lock);
#ifdef HAVE_LIBSYSTEMD
	tcase_add_test(tc, the_service_manager_is_told);
#endif
	tcase_add_test(tc, process_is_prepared);
	tcase_add_loop_test(tc, calls_end_as_asked, 0,
	                    (int)(sizeof(calls) / sizeof(calls[0])));
	suite_add_tcase(s, tc);
	return run_suite(s);
}
