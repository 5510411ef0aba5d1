/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOSTMON_METRICS_H
#define HOSTMON_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

/* What must be remembered between two readings. Start with all zero. */
struct machine {
	uint64_t cpu_total;	/* ticks of all CPUs since boot, and those that were not idle */
	uint64_t cpu_busy;
};

/*
 * A measured quantity of this machine: one container each. read adds "value" (in unit) and
 * details to the JSON object; false when this machine does not have it.
 */
struct metric {
	const char *name;	/* id of the container */
	const char *unit;
	bool (*read)(struct machine *m, struct json_object *out);
};

#define METRICS_MAX	16

/* All metrics that hostmon knows; *count of them, at most METRICS_MAX. */
const struct metric *metrics_all(size_t *count);

/*
 * The JSON text of one reading taken at the wall time ms, to be freed:
 * {"value":3.1,"unit":"percent",...,"timestamp":"..."}. NULL when there is nothing to read.
 */
char *metrics_read(const struct metric *metric, struct machine *m, int64_t ms);

/* Readers, one per row of the table. */
bool read_cpu(struct machine *m, struct json_object *out);
bool read_load(struct machine *m, struct json_object *out);
bool read_memory(struct machine *m, struct json_object *out);
bool read_uptime(struct machine *m, struct json_object *out);
bool read_disk(struct machine *m, struct json_object *out);
bool read_network(struct machine *m, struct json_object *out);
bool read_temperature(struct machine *m, struct json_object *out);

/* Adds a number with at most two digits behind the point, or an unsigned count. */
void json_put_number(struct json_object *out, const char *name, double value);
void json_put_count(struct json_object *out, const char *name, uint64_t value);

#endif
