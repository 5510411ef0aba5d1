/* SPDX-License-Identifier: Apache-2.0 */
#include "hostmon/metrics.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/mem.h"
#include "hostmon/text.h"

#define SENSORS_MAX	64

/*
 * Sensors of one kind: the files that hold a temperature in thousandths of a degree, and the file
 * in the same directory that names the device.
 */
struct source {
	const char *files;
	const char *label;
};

static const struct source sources[] = {
	{ "/sys/class/thermal/thermal_zone*/temp",	"type" },
	{ "/sys/class/hwmon/hwmon*/temp*_input",	"name" },
};

/* "thermal_zone0/acpitz", "hwmon1/coretemp/temp2": unique, and telling where it is known. */
static char *
sensor_name(const char *path, const char *label)
{
	const char *file = strrchr(path, '/');
	char *dir = mem_strndup(path, (size_t)(file - path));
	char *label_path = mem_printf("%s/%s", dir, label);
	char kind[64];
	char *name;

	if (!text_read(label_path, kind, sizeof(kind)))
		kind[0] = '\0';
	kind[strcspn(kind, "\n")] = '\0';
	name = mem_printf("%s/%s", strrchr(dir, '/') + 1, kind);
	if (strcmp(file, "/temp") != 0) {
		free(label_path);
		label_path = name;
		name = mem_printf("%s%.*s", label_path, (int)strcspn(file, "_"), file);
	}
	text_clean(name);
	free(label_path);
	free(dir);
	return name;
}

/* Adds the sensor of one file; a file that cannot be read now (device asleep) is left out. */
static bool
add_sensor(struct json_object *sensors, const char *path, const char *label, double *highest)
{
	char text[32];
	char *end, *name;
	double celsius;

	if (!text_read(path, text, sizeof(text)))
		return false;
	celsius = (double)strtol(text, &end, 10) / 1000.0;
	if (end == text)
		return false;
	name = sensor_name(path, label);
	json_put_number(sensors, name, celsius);
	free(name);
	if (celsius > *highest)
		*highest = celsius;
	return true;
}

static unsigned int
add_source(struct json_object *sensors, const struct source *source, unsigned int room,
    double *highest)
{
	unsigned int n = 0;
	glob_t found;

	if (glob(source->files, 0, NULL, &found) != 0)
		return 0;
	for (size_t i = 0; i < found.gl_pathc && n < room; i++)
		n += add_sensor(sensors, found.gl_pathv[i], source->label, highest);
	globfree(&found);
	return n;
}

/* The value is the temperature of the hottest sensor. */
bool
read_temperature(struct machine *m, struct json_object *out)
{
	struct json_object *sensors = json_object_new_object();
	double highest = -273.15;
	unsigned int n = 0;

	(void)m;
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
		n += add_source(sensors, &sources[i], SENSORS_MAX - n, &highest);
	if (n > 0)
		json_put_number(out, "value", highest);
	json_object_object_add(out, "sensors", sensors);
	return n > 0;
}
