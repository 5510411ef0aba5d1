/* SPDX-License-Identifier: Apache-2.0 */
#include "hostmon/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "hostmon/text.h"

#define DEVICES_MAX	32
#define SECTOR		512	/* unit of /proc/diskstats, whatever the device has */

/* Space of the root file system; the value is the share that is used, as df counts it. */
static bool
add_root(struct json_object *out)
{
	struct statvfs fs;
	uint64_t used;

	if (statvfs("/", &fs) != 0 || fs.f_blocks == 0)
		return false;
	used = fs.f_blocks - fs.f_bfree;
	json_put_number(out, "value", used == 0 ? 0 :
	    100.0 * (double)used / (double)(used + fs.f_bavail));
	json_put_count(out, "total_bytes", fs.f_blocks * fs.f_frsize);
	json_put_count(out, "available_bytes", fs.f_bavail * fs.f_frsize);
	return true;
}

/* Counters since boot of one line of /proc/diskstats; false for a device that was never used. */
static bool
add_device(struct json_object *devices, const char *line)
{
	uint64_t reads, sectors_read, writes, sectors_written;
	struct json_object *device;
	char name[64];

	if (sscanf(line, " %*u %*u %63s %" SCNu64 " %*u %" SCNu64 " %*u %" SCNu64 " %*u %" SCNu64,
	    name, &reads, &sectors_read, &writes, &sectors_written) != 5)
		return false;
	if ((reads == 0 && writes == 0) || strncmp(name, "loop", 4) == 0)
		return false;
	text_clean(name);
	device = json_object_new_object();
	json_put_count(device, "reads", reads);
	json_put_count(device, "read_bytes", sectors_read * SECTOR);
	json_put_count(device, "writes", writes);
	json_put_count(device, "written_bytes", sectors_written * SECTOR);
	json_object_object_add(devices, name, device);
	return true;
}

bool
read_disk(struct machine *m, struct json_object *out)
{
	struct json_object *devices;
	char *text, *cursor, *line;
	unsigned int n = 0;

	(void)m;
	if (!add_root(out))
		return false;
	text = text_load("/proc/diskstats");
	if (text == NULL)
		return true;
	devices = json_object_new_object();
	cursor = text;
	while (n < DEVICES_MAX && (line = text_line(&cursor)) != NULL)
		n += add_device(devices, line);
	free(text);
	json_object_object_add(out, "devices", devices);
	return true;
}
