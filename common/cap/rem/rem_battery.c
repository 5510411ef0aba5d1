/* SPDX-License-Identifier: Apache-2.0 */
/* Batteries from the power supply class of the kernel (Documentation/ABI/testing/sysfs-class-power). */
#include "config.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/slice.h"
#include "cap/rem/rem_file.h"
#include "cap/rem/rem_host.h"

#define SUPPLIES "/sys/class/power_supply"
#define VALUE_MAX 64
#define LOW_PERCENT 10
/* Microwatts and microwatt-hours beyond it are nonsense of a driver. */
#define POWER_MAX INT64_C(1000000000000)

/* One supply; its files are read on demand. */
struct supply {
	const char *root;
	const char *name;
};

/* What is left in all batteries and how fast it goes. */
struct drain {
	int64_t energy; /* microwatt-hours */
	int64_t power; /* microwatts */
	int64_t minutes; /* by those that tell a time alone */
	bool external; /* one is charging, or full */
};

struct word {
	const char *text;
	enum rem_battery_status status;
};

/* Of the file status. Discharging is the normal case. */
static const struct word states[] = {
	{ "Charging", REM_BATTERY_CHARGING },   { "Discharging", REM_BATTERY_NORMAL },
	{ "Not charging", REM_BATTERY_NORMAL }, { "Full", REM_BATTERY_CHARGE_COMPLETE },
	{ NULL, REM_BATTERY_UNKNOWN },
};

/* Of the file health; what is not here is no damage. */
static const struct word healths[] = {
	{ "Dead", REM_BATTERY_DAMAGED },
	{ "Over voltage", REM_BATTERY_DAMAGED },
	{ "Overheat", REM_BATTERY_DAMAGED },
	{ "Over current", REM_BATTERY_DAMAGED },
	{ "Unspecified failure", REM_BATTERY_DAMAGED },
	{ "Cell imbalance", REM_BATTERY_DAMAGED },
	{ "No battery", REM_BATTERY_NOT_INSTALLED },
	{ NULL, REM_BATTERY_NORMAL },
};

static bool
text_of(const struct supply *s, const char *file, char text[VALUE_MAX])
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), SUPPLIES "/%s/%s", s->name, file) >= (int)sizeof(path) ||
	    !rem_file_text(s->root, path, text, VALUE_MAX))
		return false;
	text[strcspn(text, "\n")] = '\0';
	return text[0] != '\0';
}

static bool
is(const struct supply *s, const char *file, const char *value)
{
	char text[VALUE_MAX];

	return text_of(s, file, text) && strcmp(text, value) == 0;
}

/* Drivers tell the current of a discharge with either sign. */
static bool
number_of(const struct supply *s, const char *file, int64_t max, int64_t *out)
{
	char text[VALUE_MAX], *end;
	long long v;

	if (!text_of(s, file, text))
		return false;
	v = strtoll(text, &end, 10);
	if (end == text || v < -max || v > max)
		return false;
	*out = v < 0 ? -v : v;
	return true;
}

static enum rem_battery_status
word_status(const struct supply *s, const char *file, const struct word *words)
{
	char text[VALUE_MAX];

	if (text_of(s, file, text))
		for (; words->text != NULL; words++)
			if (strcasecmp(text, words->text) == 0)
				return words->status;
	while (words->text != NULL)
		words++;
	return words->status;
}

/* Percent from a pair of now and full. */
static bool
share_of(const struct supply *s, const char *now_file, const char *full_file, int *level)
{
	int64_t now, full;

	if (!number_of(s, now_file, POWER_MAX, &now) ||
	    !number_of(s, full_file, POWER_MAX, &full) || full == 0)
		return false;
	*level = now >= full ? 100 : (int)(now * 100 / full);
	return true;
}

static bool
read_level(const struct supply *s, int *level)
{
	int64_t percent;

	if (number_of(s, "capacity", INT_MAX, &percent)) {
		*level = percent > 100 ? 100 : (int)percent;
		return true;
	}
	return share_of(s, "energy_now", "energy_full", level) ||
	       share_of(s, "charge_now", "charge_full", level);
}

static enum rem_battery_status
read_status(const struct supply *s, bool has_level, int level)
{
	enum rem_battery_status health = word_status(s, "health", healths);
	enum rem_battery_status state = word_status(s, "status", states);

	if (is(s, "present", "0"))
		return REM_BATTERY_NOT_INSTALLED;
	if (health != REM_BATTERY_NORMAL)
		return health;
	if (state == REM_BATTERY_NORMAL &&
	    ((has_level && level <= LOW_PERCENT) || is(s, "capacity_level", "Critical") ||
	     is(s, "capacity_level", "Low")))
		return REM_BATTERY_LOW;
	return state;
}

/* Charge and current become energy and power by the voltage. */
static bool
read_rates(const struct supply *s, int64_t *energy, int64_t *power)
{
	int64_t volts; /* microvolts */

	if (number_of(s, "energy_now", POWER_MAX, energy) &&
	    number_of(s, "power_now", POWER_MAX, power))
		return true;
	if (!number_of(s, "charge_now", POWER_MAX / 1000, energy) ||
	    !number_of(s, "current_now", POWER_MAX / 1000, power) ||
	    !number_of(s, "voltage_now", INT64_C(1000000000), &volts))
		return false;
	volts /= 1000;
	*energy = *energy * volts / 1000;
	*power = *power * volts / 1000;
	return true;
}

static void
read_drain(const struct supply *s, enum rem_battery_status status, struct drain *d)
{
	int64_t energy, power, seconds;

	if (status == REM_BATTERY_NOT_INSTALLED)
		return;
	if (!is(s, "status", "Discharging")) {
		d->external = true;
		return;
	}
	if (read_rates(s, &energy, &power)) {
		d->energy += energy;
		d->power += power;
	} else if (number_of(s, "time_to_empty_now", INT_MAX, &seconds) ||
	           number_of(s, "time_to_empty_avg", INT_MAX, &seconds))
		d->minutes += seconds / 60;
}

static int64_t
standby(const struct drain *d)
{
	int64_t minutes = d->minutes;

	if (d->external)
		return -1;
	if (d->power > 0)
		minutes += d->energy * 60 / d->power;
	return minutes > 0 || d->power > 0 ? minutes : -1;
}

/* The name of a supply as an m2m:id: what NMTOKEN does not take becomes an underscore. */
static void
put_name(char to[REM_BATTERY_NAME_MAX], const char *from)
{
	static const char taken[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_";
	size_t n = 0;

	for (; n < REM_BATTERY_NAME_MAX - 1 && from[n] != '\0'; n++)
		to[n] = strchr(taken, from[n]) == NULL ? '_' : from[n];
	to[n] = '\0';
}

static void
add_supply(const struct supply *s, struct rem_batteries *out, struct drain *d)
{
	struct rem_battery *b = &out->v[out->n];
	bool has_level;

	if (out->n == REM_BATTERIES_MAX || !is(s, "type", "Battery") || is(s, "scope", "Device"))
		return;
	put_name(b->name, s->name);
	b->level = 0;
	has_level = read_level(s, &b->level);
	b->status = read_status(s, has_level, b->level);
	read_drain(s, b->status, d);
	out->n++;
}

bool
rem_host_batteries(const char *root, struct rem_batteries *out)
{
	struct drain d = { 0 };
	struct dirent **names;
	char path[PATH_MAX];
	int n;

	memset(out, 0, sizeof(*out));
	if (snprintf(path, sizeof(path), "%s" SUPPLIES, root) >= (int)sizeof(path))
		return false;
	n = scandir(path, &names, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		if (names[i]->d_name[0] != '.')
			add_supply(&(struct supply){ root, names[i]->d_name }, out, &d);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	out->standby_minutes = standby(&d);
	return out->n > 0;
}
