/* SPDX-License-Identifier: Apache-2.0 */
/* Device, memory and operating system; batteries are in rem_battery.c. */
#include "config.h"

#include "cap/rem/rem_host.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include "base/slice.h"
#include "cap/rem/rem_file.h"

#define FILE_MAX 8192

#define DMI "/sys/class/dmi/id/"
#define DEVICE_TREE "/proc/device-tree/"

/* What makers leave in a field that nobody filled in. */
static const char *const placeholders[] = {
	"default string",
	"none",
	"not applicable",
	"not specified",
	"o.e.m.",
	"oem",
	"system manufacturer",
	"system product name",
	"system version",
	"to be filled by o.e.m.",
	"unknown",
	"x.x",
	"0",
};

/* System Management BIOS, chassis types, by number; what they are called by hostnamectl. */
static const char *const chassis[] = {
	[3] = "desktop",      [4] = "desktop",   [6] = "desktop",   [7] = "desktop",
	[8] = "laptop",       [9] = "laptop",    [10] = "laptop",   [11] = "handset",
	[13] = "desktop",     [14] = "laptop",   [17] = "server",   [23] = "server",
	[28] = "server",      [29] = "server",   [30] = "tablet",   [31] = "convertible",
	[32] = "convertible", [33] = "embedded", [34] = "embedded", [35] = "desktop",
	[36] = "desktop",
};

/* Length of the UTF-8 sequence at s without control characters, 0 when it is none. */
static size_t
sequence(const char *s)
{
	const unsigned char *c = (const unsigned char *)s;
	size_t n = c[0] < 0x80                   ? 1
	           : c[0] >= 0xc2 && c[0] < 0xe0 ? 2
	           : c[0] >= 0xe0 && c[0] < 0xf0 ? 3
	           : c[0] >= 0xf0 && c[0] < 0xf5 ? 4
	                                         : 0;

	if (n == 1)
		return c[0] >= ' ' && c[0] != 0x7f ? 1 : 0;
	for (size_t i = 1; i < n; i++)
		if ((c[i] & 0xc0) != 0x80)
			return 0;
	/* Overlong forms, surrogates, beyond U+10FFFF, C1 controls, and what no XML text may hold. */
	if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] >= 0xa0) ||
	    (c[0] == 0xf0 && c[1] < 0x90) || (c[0] == 0xf4 && c[1] >= 0x90) ||
	    (c[0] == 0xc2 && c[1] < 0xa0) || (c[0] == 0xef && c[1] == 0xbf && c[2] >= 0xbe))
		return 0;
	return n;
}

/* Copies what is text of from, without blanks around it, as much as fits. */
static void
put_clean(char *to, size_t size, const char *from)
{
	size_t n = 0;

	while (isspace((unsigned char)*from))
		from++;
	while (*from != '\0' && *from != '\n') {
		size_t len = sequence(from);

		if (len >= size - n)
			break;
		memcpy(to + n, from, len);
		n += len;
		from += len == 0 ? 1 : len;
	}
	while (n > 0 && to[n - 1] == ' ')
		n--;
	to[n] = '\0';
}

static bool
is_placeholder(const char *text)
{
	for (size_t i = 0; i < sizeof(placeholders) / sizeof(*placeholders); i++)
		if (strcasecmp(text, placeholders[i]) == 0)
			return true;
	return text[0] == '\0';
}

/* The first of the files (the list ends with NULL) that tells something. */
static void
first_text(const char *root, const char *const *paths, char *out, size_t size)
{
	char text[FILE_MAX];

	for (out[0] = '\0'; *paths != NULL && out[0] == '\0'; paths++) {
		if (!rem_file_text(root, *paths, text, sizeof(text)))
			continue;
		put_clean(out, size, text);
		if (is_placeholder(out))
			out[0] = '\0';
	}
}

/* The value of key in a file of shell assignments as os-release is one; empty without. */
static void
assigned(const char *text, const char *key, char *out, size_t size)
{
	struct slice rest = slice_of(text), line;
	char value[FILE_MAX];

	out[0] = '\0';
	while (slice_split(&rest, '\n', &line)) {
		size_t n = 0, klen = strlen(key);
		char quote;

		if (line.n <= klen || !slice_starts(line, slice_of(key)) || line.p[klen] != '=')
			continue;
		line = slice_from(line, klen + 1);
		quote = line.n > 0 && (line.p[0] == '"' || line.p[0] == '\'') ? line.p[0] : '\0';
		for (size_t i = quote != '\0'; i < line.n && line.p[i] != quote; i++) {
			if (line.p[i] == '\\' && quote != '\'' && i + 1 < line.n)
				i++;
			value[n++] = line.p[i];
		}
		value[n] = '\0';
		put_clean(out, size, value);
	}
}

/* A service may be shown a procfs of processes alone: then system calls tell some of it. */
static bool
is_running_system(const char *root)
{
	return root[0] == '\0';
}

/* PRETTY_NAME of the distribution with the release of the kernel, which says what really runs. */
static void
read_release(const char *root, char *out, size_t size)
{
	char text[FILE_MAX], name[REM_TEXT_MAX / 2], kernel[REM_TEXT_MAX / 2 - 16];
	struct utsname machine;

	if (!rem_file_text(root, "/etc/os-release", text, sizeof(text)))
		rem_file_text(root, "/usr/lib/os-release", text, sizeof(text));
	assigned(text, "PRETTY_NAME", name, sizeof(name));
	if (name[0] == '\0')
		assigned(text, "NAME", name, sizeof(name));
	first_text(root, (const char *const[]){ "/proc/sys/kernel/osrelease", NULL }, kernel,
	           sizeof(kernel));
	if (kernel[0] == '\0' && is_running_system(root) && uname(&machine) == 0)
		put_clean(kernel, sizeof(kernel), machine.release);
	snprintf(out, size, "%s%s%s", name, name[0] != '\0' && kernel[0] != '\0' ? ", kernel " : "",
	         kernel);
}

/* "vendor,board" of the device tree: the part before the comma. */
static void
read_tree_vendor(const char *root, char *out, size_t size)
{
	char text[FILE_MAX];

	if (!rem_file_text(root, DEVICE_TREE "compatible", text, sizeof(text)))
		return;
	text[strcspn(text, ",")] = '\0';
	put_clean(out, size, text);
}

static void
read_type(const char *root, char *out, size_t size)
{
	char text[FILE_MAX];
	unsigned long n;

	if (rem_file_text(root, "/etc/machine-info", text, sizeof(text)))
		assigned(text, "CHASSIS", out, size);
	if (out[0] != '\0')
		return;
	if (rem_file_text(root, DMI "chassis_type", text, sizeof(text))) {
		n = strtoul(text, NULL, 10);
		if (n < sizeof(chassis) / sizeof(*chassis) && chassis[n] != NULL)
			snprintf(out, size, "%s", chassis[n]);
	} else if (rem_file_text(root, DEVICE_TREE "model", text, sizeof(text)))
		snprintf(out, size, "embedded");
}

void
rem_host_device(const char *root, const char *software_version, struct rem_device *out)
{
	struct utsname machine;

	memset(out, 0, sizeof(*out));
	first_text(root, (const char *const[]){ DMI "sys_vendor", DMI "board_vendor", NULL },
	           out->manufacturer, sizeof(out->manufacturer));
	if (out->manufacturer[0] == '\0')
		read_tree_vendor(root, out->manufacturer, sizeof(out->manufacturer));
	first_text(root,
	           (const char *const[]){ DMI "product_name", DMI "board_name", DEVICE_TREE "model",
	                                  NULL },
	           out->model, sizeof(out->model));
	read_type(root, out->device_type, sizeof(out->device_type));
	read_release(root, out->firmware_version, sizeof(out->firmware_version));
	put_clean(out->software_version, sizeof(out->software_version), software_version);
	first_text(root, (const char *const[]){ DMI "product_version", DMI "board_version", NULL },
	           out->hardware_version, sizeof(out->hardware_version));
	if (out->hardware_version[0] == '\0' && uname(&machine) == 0)
		put_clean(out->hardware_version, sizeof(out->hardware_version), machine.machine);
}

/* The number after "key:" at the beginning of a line. */
static bool
line_number(const char *text, const char *key, int64_t *out)
{
	const char *at = text;
	size_t n = strlen(key);

	while (at != NULL && (strncmp(at, key, n) != 0 || at[n] != ':')) {
		at = strchr(at, '\n');
		at = at == NULL ? NULL : at + 1;
	}
	if (at == NULL)
		return false;
	*out = strtoll(at + n + 1, NULL, 10);
	return *out >= 0;
}

static bool
ask_memory(struct rem_memory *out)
{
	struct sysinfo info;

	if (sysinfo(&info) != 0)
		return false;
	out->total = (int64_t)((uint64_t)info.totalram * info.mem_unit / 1024);
	out->available =
		(int64_t)(((uint64_t)info.freeram + info.bufferram) * info.mem_unit / 1024);
	return true;
}

bool
rem_host_memory(const char *root, struct rem_memory *out)
{
	char text[FILE_MAX];

	if (!rem_file_text(root, "/proc/meminfo", text, sizeof(text)))
		return is_running_system(root) && ask_memory(out);
	if (!line_number(text, "MemTotal", &out->total))
		return false;
	/* MemAvailable is what can be had without swapping; kernels before 3.14 know MemFree alone. */
	return line_number(text, "MemAvailable", &out->available) ||
	       line_number(text, "MemFree", &out->available);
}
