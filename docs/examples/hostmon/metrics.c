/* SPDX-License-Identifier: Apache-2.0 */
#include "hostmon/metrics.h"

#include <err.h>
#include <stdio.h>

#include "client/mem.h"
#include "client/when.h"

static const struct metric metrics[] = {
	{ "cpu",         "percent",   read_cpu },
	{ "load",        "processes", read_load },
	{ "memory",      "percent",   read_memory },
	{ "disk",        "percent",   read_disk },
	{ "network",     "bytes",     read_network },
	{ "temperature", "celsius",   read_temperature },
	{ "uptime",      "seconds",   read_uptime },
};

_Static_assert(sizeof(metrics) / sizeof(metrics[0]) <= METRICS_MAX, "METRICS_MAX is too small");

const struct metric *
metrics_all(size_t *count)
{
	*count = sizeof(metrics) / sizeof(metrics[0]);
	return metrics;
}

void
json_put_number(struct json_object *out, const char *name, double value)
{
	char text[64];

	snprintf(text, sizeof(text), "%.2f", value);
	json_object_object_add(out, name, json_object_new_double_s(value, text));
}

void
json_put_count(struct json_object *out, const char *name, uint64_t value)
{
	json_object_object_add(out, name, json_object_new_uint64(value));
}

char *
metrics_read(const struct metric *metric, struct machine *m, int64_t ms)
{
	struct json_object *out = json_object_new_object();
	char time[WHEN_SIZE];
	char *text = NULL;

	if (out == NULL)
		errx(1, "out of memory");
	if (metric->read(m, out)) {
		when_format(ms, time);
		json_object_object_add(out, "unit", json_object_new_string(metric->unit));
		json_object_object_add(out, "timestamp", json_object_new_string(time));
		text = mem_strdup(json_object_to_json_string_ext(out,
		    JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	}
	json_object_put(out);
	return text;
}
