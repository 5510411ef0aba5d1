/* SPDX-License-Identifier: Apache-2.0 */
/* What the system tells of itself, by fixture trees; the worker; the log of a period. */
#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "cap/rem/rem_host.h"
#include "cap/rem/rem_log.h"
#include "cap/rem/rem_worker.h"
#include "rem_bed.h"
#include "suite.h"

#define BAT "sys/class/power_supply/"

static struct rem_bed bed;

static void
setup(void)
{
	rem_bed_init(&bed);
}

static void
teardown(void)
{
	rem_bed_fini(&bed);
}

START_TEST(device_by_dmi)
{
	struct rem_device d;

	rem_bed_write(&bed, "sys/class/dmi/id/sys_vendor", " Example\x01 Corp \n");
	rem_bed_write(&bed, "sys/class/dmi/id/product_name", "To be filled by O.E.M.\n");
	rem_bed_write(&bed, "sys/class/dmi/id/board_name", "GW-2\n");
	rem_bed_write(&bed, "sys/class/dmi/id/board_version",
	              "rev \xc3\xa9\xff"
	              "C\n");
	rem_bed_write(&bed, "sys/class/dmi/id/chassis_type", "17\n");
	rem_bed_write(&bed, "proc/sys/kernel/osrelease", "6.1.0-test\n");
	rem_bed_write(&bed, "etc/os-release",
	              "NAME=Other\nPRETTY_NAME=\"Example \\\"OS\\\" 12\"\nX_NAME=no\n");
	rem_host_device(bed.dir, "0.1.0-with-a-very-long-suffix-of-a-build", &d);
	ck_assert_str_eq(d.manufacturer, "Example Corp");
	ck_assert_str_eq(d.model, "GW-2");
	ck_assert_str_eq(d.device_type, "server");
	ck_assert_str_eq(d.firmware_version, "Example \"OS\" 12, kernel 6.1.0-test");
	ck_assert_str_eq(d.software_version, "0.1.0-with-a-very-long-suffix-of");
	ck_assert_str_eq(d.hardware_version, "rev \xc3\xa9"
	                                     "C");
}
END_TEST

START_TEST(device_by_device_tree)
{
	struct rem_device d;

	rem_bed_octets(&bed, "proc/device-tree/compatible", "raspberrypi,4-model-b\0brcm,bcm2711",
	               34);
	rem_bed_octets(&bed, "proc/device-tree/model", "Raspberry Pi 4", 15);
	rem_bed_write(&bed, "usr/lib/os-release", "NAME='Small OS'\n");
	rem_host_device(bed.dir, "", &d);
	ck_assert_str_eq(d.manufacturer, "raspberrypi");
	ck_assert_str_eq(d.model, "Raspberry Pi 4");
	ck_assert_str_eq(d.device_type, "embedded");
	ck_assert_str_eq(d.firmware_version, "Small OS");
	ck_assert_str_eq(d.software_version, "");
	ck_assert_str_ne(d.hardware_version, "");
	rem_bed_write(&bed, "etc/machine-info", "CHASSIS=vm\n");
	rem_host_device(bed.dir, "", &d);
	ck_assert_str_eq(d.device_type, "vm");
}
END_TEST

/* Nothing at all, and files without sense, are no reason to fail. */
START_TEST(device_unknown)
{
	char long_line[5000];
	struct rem_device d;

	rem_host_device(bed.dir, "1", &d);
	ck_assert_str_eq(d.manufacturer, "");
	ck_assert_str_eq(d.model, "");
	ck_assert_str_eq(d.firmware_version, "");
	memset(long_line, 'x', sizeof(long_line));
	rem_bed_octets(&bed, "sys/class/dmi/id/sys_vendor", long_line, sizeof(long_line));
	rem_bed_octets(&bed, "etc/os-release", "PRETTY_NAME=\"\\", 14);
	rem_bed_write(&bed, "sys/class/dmi/id/chassis_type", "99999999999999999999\n");
	rem_host_device(bed.dir, "1", &d);
	ck_assert_uint_eq(strlen(d.manufacturer), REM_TEXT_MAX - 1);
	ck_assert_str_eq(d.device_type, "");
}
END_TEST

/* The system that the test runs on tells at least this. */
START_TEST(this_system)
{
	struct rem_device d;
	struct rem_memory m;
	struct rem_batteries b;

	rem_host_device("", "1", &d);
	ck_assert_str_ne(d.firmware_version, "");
	ck_assert_str_ne(d.hardware_version, "");
	ck_assert(rem_host_memory("", &m));
	ck_assert_int_gt(m.total, 0);
	ck_assert_int_le(m.available, m.total);
	rem_host_batteries("", &b);
	ck_assert_uint_le(b.n, REM_BATTERIES_MAX);
}
END_TEST

START_TEST(memory)
{
	struct rem_memory m;

	ck_assert(!rem_host_memory(bed.dir, &m));
	rem_bed_write(&bed, "proc/meminfo",
	              "XMemTotal: 1 kB\nMemTotal:   2048 kB\nMemFree:  100 kB\n");
	ck_assert(rem_host_memory(bed.dir, &m));
	ck_assert_int_eq(m.total, 2048);
	ck_assert_int_eq(m.available, 100);
	rem_bed_write(&bed, "proc/meminfo",
	              "MemTotal: 2048 kB\nMemFree:  1 kB\nMemAvailable: 512 kB\n");
	ck_assert(rem_host_memory(bed.dir, &m));
	ck_assert_int_eq(m.available, 512);
	rem_bed_write(&bed, "proc/meminfo", "nonsense");
	ck_assert(!rem_host_memory(bed.dir, &m));
}
END_TEST

static void
battery(const char *name, const char *capacity, const char *status, const char *health)
{
	char file[128];
	const char *const files[][2] = { { "type", "Battery" },
		                         { "capacity", capacity },
		                         { "status", status },
		                         { "health", health } };

	for (size_t i = 0; i < 4; i++) {
		snprintf(file, sizeof(file), BAT "%s/%s", name, files[i][0]);
		if (files[i][1] != NULL)
			rem_bed_write(&bed, file, files[i][1]);
	}
}

START_TEST(no_battery)
{
	struct rem_batteries b;

	ck_assert(!rem_host_batteries(bed.dir, &b));
	rem_bed_write(&bed, BAT "AC/type", "Mains\n");
	battery("mouse", "80\n", "Discharging\n", NULL);
	rem_bed_write(&bed, BAT "mouse/scope", "Device\n");
	ck_assert(!rem_host_batteries(bed.dir, &b));
	ck_assert_int_eq(b.standby_minutes, -1);
}
END_TEST

START_TEST(battery_states)
{
	static const struct {
		const char *capacity, *status, *health;
		enum rem_battery_status expected;
	} rows[] = {
		{ "80\n", "Discharging\n", "Good\n", REM_BATTERY_NORMAL },
		{ "80\n", "Not charging\n", NULL, REM_BATTERY_NORMAL },
		{ "80\n", "Charging\n", NULL, REM_BATTERY_CHARGING },
		{ "5\n", "Charging\n", NULL, REM_BATTERY_CHARGING },
		{ "100\n", "Full\n", NULL, REM_BATTERY_CHARGE_COMPLETE },
		{ "10\n", "Discharging\n", NULL, REM_BATTERY_LOW },
		{ "80\n", "Discharging\n", "Dead\n", REM_BATTERY_DAMAGED },
		{ "0\n", "Unknown\n", "No battery\n", REM_BATTERY_NOT_INSTALLED },
		{ "80\n", "Unknown\n", NULL, REM_BATTERY_UNKNOWN },
		{ "80\n", NULL, NULL, REM_BATTERY_UNKNOWN },
	};
	struct rem_batteries b;

	battery("BAT0", rows[_i].capacity, rows[_i].status, rows[_i].health);
	ck_assert(rem_host_batteries(bed.dir, &b));
	ck_assert_uint_eq(b.n, 1);
	ck_assert_str_eq(b.v[0].name, "BAT0");
	ck_assert_int_eq(b.v[0].status, (int)rows[_i].expected);
}
END_TEST

START_TEST(battery_levels)
{
	struct rem_batteries b;

	battery("BAT 1", "250\n", "Discharging\n", NULL);
	battery("BAT0", NULL, "Discharging\n", NULL);
	rem_bed_write(&bed, BAT "BAT0/energy_now", "30000000\n");
	rem_bed_write(&bed, BAT "BAT0/energy_full", "40000000\n");
	battery("BAT2", "x\n", "Discharging\n", NULL);
	rem_bed_write(&bed, BAT "BAT2/present", "0\n");
	ck_assert(rem_host_batteries(bed.dir, &b));
	ck_assert_uint_eq(b.n, 3);
	ck_assert_str_eq(b.v[0].name, "BAT_1");
	ck_assert_int_eq(b.v[0].level, 100);
	ck_assert_int_eq(b.v[1].level, 75);
	ck_assert_int_eq(b.v[2].level, 0);
	ck_assert_int_eq(b.v[2].status, REM_BATTERY_NOT_INSTALLED);
	ck_assert_int_eq(b.standby_minutes, -1);
}
END_TEST

START_TEST(battery_standby)
{
	struct rem_batteries b;

	battery("BAT0", "50\n", "Discharging\n", NULL);
	rem_bed_write(&bed, BAT "BAT0/energy_now", "30000000\n");
	rem_bed_write(&bed, BAT "BAT0/power_now", "10000000\n");
	/* Half of that by charge and a current with the other sign. */
	battery("BAT1", "50\n", "Discharging\n", NULL);
	rem_bed_write(&bed, BAT "BAT1/charge_now", "1500000\n");
	rem_bed_write(&bed, BAT "BAT1/current_now", "-500000\n");
	rem_bed_write(&bed, BAT "BAT1/voltage_now", "10000000\n");
	battery("BAT2", "50\n", "Discharging\n", NULL);
	rem_bed_write(&bed, BAT "BAT2/time_to_empty_now", "3600\n");
	ck_assert(rem_host_batteries(bed.dir, &b));
	ck_assert_int_eq(b.standby_minutes, 45 * 60 / 15 + 60);
	rem_bed_write(&bed, BAT "BAT0/status", "Charging\n");
	ck_assert(rem_host_batteries(bed.dir, &b));
	ck_assert_int_eq(b.standby_minutes, -1);
}
END_TEST

START_TEST(batteries_bounded)
{
	struct rem_batteries b;
	char name[16];

	for (int i = 0; i < REM_BATTERIES_MAX + 4; i++) {
		snprintf(name, sizeof(name), "BAT%02d", i);
		battery(name, "99\n", "Full\n", NULL);
	}
	rem_bed_write(&bed, BAT "BAT00/capacity", "99999999999999999999999999\n");
	ck_assert(rem_host_batteries(bed.dir, &b));
	ck_assert_uint_eq(b.n, REM_BATTERIES_MAX);
	ck_assert_int_eq(b.v[0].level, 0);
}
END_TEST

/* ---- worker ---- */

struct counted {
	struct rem_work work;
	_Atomic int ran, stopped;
	int wait_for; /* descriptor; -1 */
	_Atomic bool begun;
};

static void
count(struct rem_work *work, bool stopping)
{
	struct counted *c = (struct counted *)(void *)work;
	struct pollfd p = { .fd = c->wait_for, .events = POLLIN };

	atomic_store(&c->begun, true);
	if (!stopping && c->wait_for >= 0)
		ck_assert_int_eq(poll(&p, 1, 60000), 1);
	if (stopping)
		c->stopped++;
	else
		c->ran++;
}

static void
await_begun(struct counted *c)
{
	int64_t until = clock_monotonic() + 60 * CLOCK_SECOND;

	while (!atomic_load(&c->begun) && clock_monotonic() < until)
		usleep(5000);
	ck_assert(atomic_load(&c->begun));
}

START_TEST(worker_queue)
{
	struct rem_worker *w = rem_worker_new(2);
	struct counted c[4];

	ck_assert_ptr_nonnull(w);
	for (int i = 0; i < 4; i++)
		c[i] = (struct counted){ .work.run = count,
			                 .wait_for = i == 0 ? rem_worker_cancel_fd(w) : -1 };
	ck_assert(rem_worker_submit(w, &c[0].work));
	await_begun(&c[0]);
	ck_assert(rem_worker_submit(w, &c[1].work));
	ck_assert(rem_worker_submit(w, &c[2].work));
	ck_assert(!rem_worker_submit(w, &c[3].work));
	/* The last one taken back makes room at the end. */
	ck_assert(rem_worker_cancel(w, &c[2].work));
	ck_assert(!rem_worker_cancel(w, &c[2].work));
	ck_assert(rem_worker_submit(w, &c[3].work));
	ck_assert(!rem_worker_cancel(w, &c[0].work));
	await_begun(&c[3]);
	rem_worker_free(w);
	ck_assert_int_eq(c[0].ran, 1);
	ck_assert_int_eq(c[1].ran, 1);
	ck_assert_int_eq(c[2].ran + c[2].stopped, 0);
	ck_assert_int_eq(c[3].ran + c[3].stopped, 1);
}
END_TEST

START_TEST(worker_stops)
{
	struct rem_worker *w = rem_worker_new(8);
	struct counted c[3];

	for (int i = 0; i < 3; i++)
		c[i] = (struct counted){ .work.run = count,
			                 .wait_for = i == 0 ? rem_worker_stop_fd(w) : -1 };
	for (int i = 0; i < 3; i++)
		ck_assert(rem_worker_submit(w, &c[i].work));
	await_begun(&c[0]);
	rem_worker_free(w);
	ck_assert_int_eq(c[0].ran, 1);
	ck_assert_int_eq(c[1].stopped, 1);
	ck_assert_int_eq(c[2].stopped, 1);
	rem_worker_free(NULL);
}
END_TEST

/* ---- log of a period ---- */

static struct log *
quiet_log(int *fd)
{
	*fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	return log_new(*fd, "test", LOG_LEVEL_INFO);
}

START_TEST(application_log)
{
	int fd;
	struct log *log = quiet_log(&fd);
	struct rem_log *l = rem_log_new(log, NULL, 0);
	struct buf b;

	buf_init(&b, 2000);
	LOG_INFO(log, "before", LOG_N("n", 0));
	ck_assert_int_eq(rem_log_stop(l, &b), RC_CONFLICT);
	ck_assert_int_eq(rem_log_start(l, REM_LOG_SYSTEM), RC_FORBIDDEN);
	ck_assert_int_eq(rem_log_start(l, REM_LOG_APPLICATION), RC_OK);
	LOG_INFO(log, "within", LOG_N("n", 1));
	LOG_DEBUG(log, "below", LOG_N("n", 1));
	LOG_INFO(log, "within", LOG_N("n", 2));
	ck_assert_int_eq(rem_log_stop(l, &b), RC_OK);
	LOG_INFO(log, "after", LOG_N("n", 3));
	buf_char(&b, '\0');
	ck_assert_ptr_nonnull(strstr(b.p, "event=within n=1\n"));
	ck_assert_ptr_nonnull(strstr(b.p, "event=within n=2\n"));
	ck_assert_ptr_null(strstr(b.p, "event=before"));
	ck_assert_ptr_null(strstr(b.p, "event=below"));
	/* More than there is room for: whole lines, the latest. */
	buf_clear(&b);
	ck_assert_int_eq(rem_log_start(l, REM_LOG_APPLICATION), RC_OK);
	for (int i = 0; i < 1000; i++)
		LOG_INFO(log, "many", LOG_N("n", i));
	ck_assert_int_eq(rem_log_stop(l, &b), RC_OK);
	ck_assert(!b.failed);
	ck_assert_uint_gt(b.n, 1900);
	ck_assert(slice_starts(buf_view(&b), SLICE_LIT("time=")));
	buf_char(&b, '\0');
	ck_assert_ptr_nonnull(strstr(b.p, "event=many n=999\n"));
	ck_assert_ptr_null(strstr(b.p, "event=within"));
	buf_fini(&b);
	buf_init(&b, 1 << 20);
	ck_assert_int_eq(rem_log_start(l, REM_LOG_APPLICATION), RC_OK);
	for (int i = 0; i < 1000; i++)
		LOG_INFO(log, "many", LOG_N("n", i));
	ck_assert_int_eq(rem_log_stop(l, &b), RC_OK);
	ck_assert_uint_le(b.n, REM_LOG_MIN);
	ck_assert_uint_gt(b.n, REM_LOG_MIN - 100);
	ck_assert(slice_starts(buf_view(&b), SLICE_LIT("time=")));
	buf_fini(&b);
	rem_log_free(l);
	LOG_INFO(log, "untapped", LOG_N("n", 0));
	log_free(log);
	close(fd);
}
END_TEST

static void
expect_log(struct rem_log *l, const char *text)
{
	struct buf b;

	buf_init(&b, 1 << 16);
	ck_assert_int_eq(rem_log_stop(l, &b), RC_OK);
	buf_char(&b, '\0');
	ck_assert_str_eq(b.p, text);
	buf_fini(&b);
}

START_TEST(system_log)
{
	char many[3 * REM_LOG_MIN + 1];
	int fd;
	struct log *log = quiet_log(&fd);
	struct rem_log *l;
	struct buf b;

	rem_bed_write(&bed, "syslog", "one\n");
	l = rem_log_new(log, rem_bed_path(&bed, "syslog"), 0);
	ck_assert_int_eq(rem_log_start(l, REM_LOG_SYSTEM), RC_OK);
	LOG_INFO(log, "not-there", LOG_N("n", 0));
	rem_bed_write(&bed, "syslog", "one\ntwo\nthree\n");
	expect_log(l, "two\nthree\n");
	/* Rotated: a shorter file counts from its beginning. */
	ck_assert_int_eq(rem_log_start(l, REM_LOG_SYSTEM), RC_OK);
	rem_bed_write(&bed, "syslog", "new\n");
	expect_log(l, "new\n");
	for (size_t i = 0; i < sizeof(many) - 1; i++)
		many[i] = i % 8 == 7 ? '\n' : 'x';
	many[sizeof(many) - 1] = '\0';
	ck_assert_int_eq(rem_log_start(l, REM_LOG_SYSTEM), RC_OK);
	rem_bed_write(&bed, "syslog", many);
	buf_init(&b, 1 << 16);
	ck_assert_int_eq(rem_log_stop(l, &b), RC_OK);
	ck_assert_uint_le(b.n, REM_LOG_MIN);
	ck_assert_uint_ge(b.n, REM_LOG_MIN - 8);
	ck_assert(slice_starts(buf_view(&b), SLICE_LIT("xxxxxxx\n")));
	buf_fini(&b);
	ck_assert_int_eq(rem_log_start(l, REM_LOG_SYSTEM), RC_OK);
	rem_bed_remove(&bed, "syslog");
	buf_init(&b, 100);
	ck_assert_int_eq(rem_log_stop(l, &b), RC_INTERNAL);
	rem_log_free(l);
	log_free(log);
	close(fd);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("rem_host");
	TCase *t = tcase_create("host");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, device_by_dmi);
	tcase_add_test(t, device_by_device_tree);
	tcase_add_test(t, device_unknown);
	tcase_add_test(t, this_system);
	tcase_add_test(t, memory);
	tcase_add_test(t, no_battery);
	tcase_add_loop_test(t, battery_states, 0, 10);
	tcase_add_test(t, battery_levels);
	tcase_add_test(t, battery_standby);
	tcase_add_test(t, batteries_bounded);
	tcase_add_test(t, worker_queue);
	tcase_add_test(t, worker_stops);
	tcase_add_test(t, application_log);
	tcase_add_test(t, system_log);
	tcase_set_timeout(t, 120);
	suite_add_tcase(s, t);
	return run_suite(s);
}
