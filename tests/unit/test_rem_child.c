/* SPDX-License-Identifier: Apache-2.0 */
/* Commands: what they are given, and what is taken of their output. */
#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "cap/rem/rem_child.h"
#include "suite.h"

START_TEST(child_environment)
{
	struct buf out;
	const char *const env[] = { "A=1", NULL };
	const char *const argv[] = {
		"/bin/sh",
		"-c",
		"echo $A:$HOME:$0:$1; ls /proc/self/fd | wc -l; pwd; read x || echo eof; exit 7",
		"$(id);`id`",
		"*",
		NULL
	};
	struct rem_child c = { .argv = argv,
		               .env = env,
		               .timeout_ms = 20000,
		               .cancel = -1,
		               .stop = -1,
		               .held = -1,
		               .output = &out };
	int leak = open("/dev/null", O_RDONLY);

	buf_init(&out, 4096);
	setenv("HOME", "/nowhere", 1);
	ck_assert_int_eq(rem_child_run(&c), REM_CHILD_FAILED);
	ck_assert_int_eq(c.status, 7);
	buf_char(&out, '\0');
	/* Input, output, errors, and the folder that ls reads. */
	ck_assert_str_eq(out.p, "1::$(id);`id`:*\n4\n/\neof\n");
	buf_fini(&out);
	close(leak);
}
END_TEST

START_TEST(child_output_bounded)
{
	struct buf out;
	const char *const env[] = { NULL };
	struct rem_child c = { .env = env,
		               .timeout_ms = 20000,
		               .cancel = -1,
		               .stop = -1,
		               .held = -1,
		               .output = &out };

	buf_init(&out, 1000);
	c.argv = (const char *const[]){ "/bin/sh", "-c",
		                        "i=0; while [ $i -lt 20000 ]; do echo xxxxxxxxx;"
		                        " i=$((i+1)); done",
		                        NULL };
	ck_assert_int_eq(rem_child_run(&c), REM_CHILD_OK);
	ck_assert_uint_eq(out.n, 1000);
	ck_assert(!out.failed);
	c.argv = (const char *const[]){ "/nonexistent/program", NULL };
	ck_assert_int_eq(rem_child_run(&c), REM_CHILD_NOT_STARTED);
	c.argv = (const char *const[]){ "/bin/sh", "-c", "kill -9 $$", NULL };
	ck_assert_int_eq(rem_child_run(&c), REM_CHILD_FAILED);
	ck_assert_int_eq(c.status, 128 + SIGKILL);
	buf_fini(&out);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("rem_child");
	TCase *c = suite_case(s, "child", NULL, NULL);

	tcase_add_test(c, child_environment);
	tcase_add_test(c, child_output_bounded);
	return run_suite(s);
}
