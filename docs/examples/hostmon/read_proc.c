/* SPDX-License-Identifier: Apache-2.0 */
#include "hostmon/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hostmon/text.h"

#define SMALL	4096	/* bytes of the files read here that matter */

/*
 * First line of /proc/stat: ticks in user, nice, system, idle, iowait, irq, softirq and steal.
 * The guest times that follow are part of user and nice and would count twice.
 */
static bool
cpu_ticks(uint64_t *total, uint64_t *busy)
{
	char text[SMALL];
	uint64_t t[8] = { 0 };

	if (!text_read("/proc/stat", text, sizeof(text)) ||
	    sscanf(text, "cpu %" SCNu64 "%" SCNu64 "%" SCNu64 "%" SCNu64 "%" SCNu64 "%" SCNu64
	    "%" SCNu64 "%" SCNu64, &t[0], &t[1], &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]) < 4)
		return false;
	*total = 0;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		*total += t[i];
	*busy = *total - t[3] - t[4];
	return true;
}

/* Share of the time since the last reading in which the CPUs were not idle. */
bool
read_cpu(struct machine *m, struct json_object *out)
{
	uint64_t total, busy;
	double share = 0;

	if (!cpu_ticks(&total, &busy))
		return false;
	/* iowait may run backwards (proc(5)): then nothing can be said about this interval. */
	if (total > m->cpu_total && busy >= m->cpu_busy)
		share = 100.0 * (double)(busy - m->cpu_busy) / (double)(total - m->cpu_total);
	m->cpu_total = total;
	m->cpu_busy = busy;
	json_put_number(out, "value", share < 100 ? share : 100);
	json_put_count(out, "cpus", (uint64_t)sysconf(_SC_NPROCESSORS_ONLN));
	return true;
}

/* Average number of runnable processes over 1 (the value), 5 and 15 minutes. */
bool
read_load(struct machine *m, struct json_object *out)
{
	char text[SMALL];
	double one, five, fifteen;

	(void)m;
	if (!text_read("/proc/loadavg", text, sizeof(text)) ||
	    sscanf(text, "%lf %lf %lf", &one, &five, &fifteen) != 3)
		return false;
	json_put_number(out, "value", one);
	json_put_number(out, "load5", five);
	json_put_number(out, "load15", fifteen);
	return true;
}

/* A field of /proc/meminfo in bytes; 0 when it is missing. */
static uint64_t
meminfo(const char *text, const char *field)
{
	const char *at = strstr(text, field);

	return at != NULL ? strtoull(at + strlen(field), NULL, 10) * 1024 : 0;
}

/* Memory in use: what programs could not get without swapping. */
bool
read_memory(struct machine *m, struct json_object *out)
{
	char text[SMALL];
	uint64_t total, available;

	(void)m;
	if (!text_read("/proc/meminfo", text, sizeof(text)))
		return false;
	total = meminfo(text, "MemTotal:");
	available = meminfo(text, "MemAvailable:");
	if (total == 0 || available > total)
		return false;
	json_put_number(out, "value", 100.0 * (double)(total - available) / (double)total);
	json_put_count(out, "total_bytes", total);
	json_put_count(out, "available_bytes", available);
	return true;
}

bool
read_uptime(struct machine *m, struct json_object *out)
{
	char text[SMALL];
	double seconds;

	(void)m;
	if (!text_read("/proc/uptime", text, sizeof(text)) || sscanf(text, "%lf", &seconds) != 1)
		return false;
	json_put_number(out, "value", seconds);
	return true;
}
