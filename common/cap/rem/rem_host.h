/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the system is on which the daemon runs, as device management tells it: read from the files
 * of the kernel and of the distribution. The functions read procfs and sysfs, where a driver may
 * take its time: they belong on a worker thread. Nothing is kept between calls.
 */
#ifndef CAP_REM_REM_HOST_H
#define CAP_REM_REM_HOST_H

#include <stdbool.h>
#include <stdint.h>

#define REM_TEXT_MAX 128
#define REM_SOFTWARE_VERSION_MAX 32 /* characters of m2m:swVersion */
#define REM_BATTERIES_MAX 16
#define REM_BATTERY_NAME_MAX 64

/* Zero-terminated valid UTF-8 without control characters; empty when the system does not tell. */
struct rem_device {
	char manufacturer[REM_TEXT_MAX];
	char model[REM_TEXT_MAX];
	char device_type[REM_TEXT_MAX]; /* form factor: "desktop", "embedded", ... */
	char firmware_version[REM_TEXT_MAX]; /* release of the operating system */
	char software_version[REM_SOFTWARE_VERSION_MAX + 1]; /* of the daemon */
	char hardware_version[REM_TEXT_MAX];
};

/* In units of 1024 octets: kilobytes as the schema and the kernel mean them. */
struct rem_memory {
	int64_t available;
	int64_t total;
};

/* In the order of m2m:BatteryStatus. */
enum rem_battery_status {
	REM_BATTERY_NORMAL,
	REM_BATTERY_CHARGING,
	REM_BATTERY_CHARGE_COMPLETE,
	REM_BATTERY_DAMAGED,
	REM_BATTERY_LOW,
	REM_BATTERY_NOT_INSTALLED,
	REM_BATTERY_UNKNOWN
};

struct rem_battery {
	char name[REM_BATTERY_NAME_MAX]; /* fit for an m2m:id */
	int level; /* percent, 0 to 100 */
	enum rem_battery_status status;
};

struct rem_batteries {
	struct rem_battery v[REM_BATTERIES_MAX]; /* by name; further ones are left out */
	unsigned n;
	int64_t standby_minutes; /* by all of them; -1: on external power, or not known */
};

/*
 * root is put before every path: "" on the running system, a fixture in a test. software_version is
 * cut to what the schema allows.
 */
void rem_host_device(const char *root, const char *software_version, struct rem_device *out);
/* False when the kernel does not tell. */
bool rem_host_memory(const char *root, struct rem_memory *out);
/* False when the system has no battery of its own (those of mice and the like do not count). */
bool rem_host_batteries(const char *root, struct rem_batteries *out);

#endif
