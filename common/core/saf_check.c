/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of the store-and-forward policy resources that their schemas cannot express. */
#include "config.h"

#include "core/saf_policy.h"

#include "base/crontab.h"

#include <stdarg.h>
#include <stdio.h>

static bool fault(char why[SAF_FAULT_MAX], const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static bool
fault(char why[SAF_FAULT_MAX], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, SAF_FAULT_MAX, fmt, ap);
	va_end(ap);
	return false;
}

/* For names in a message: the whole text would not fit. */
static int
shown(struct slice s)
{
	return s.n < 64 ? (int)s.n : 64;
}

static bool
distinct(const char *what, const struct slice *s, size_t n, char why[SAF_FAULT_MAX])
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < i; k++)
			if (slice_eq(s[i], s[k]))
				return fault(why, "%s holds '%.*s' twice", what, shown(s[i]),
				             s[i].p);
	return true;
}

bool
saf_check_scope(const struct slice *scope, size_t n, char why[SAF_FAULT_MAX])
{
	for (size_t i = 0; i < n; i++) {
		if (scope[i].n == 0)
			return fault(why, "policyScope holds an empty reference");
		if (n > 1 && slice_is(scope[i], "default"))
			return fault(why, "policyScope holds other references beside 'default'");
	}
	return distinct("policyScope", scope, n, why);
}

bool
saf_check_params(const struct saf_params *p, char why[SAF_FAULT_MAX])
{
	if (p->max_requests < -1)
		return fault(why, "maxPendReqs is negative");
	if (p->nranked == 0)
		return fault(why, "rankedAnList names no access network");
	for (size_t i = 0; i < p->nranked; i++)
		if (p->ranked[i].n == 0)
			return fault(why, "rankedAnList holds an empty name");
	return distinct("rankedAnList", p->ranked, p->nranked, why);
}

static bool
check_item(const struct saf_item *item, char why[SAF_FAULT_MAX])
{
	for (size_t i = 0; i < item->nspans; i++)
		if (item->spans[i].end <= item->spans[i].start)
			return fault(why, "absTimeSpan ends before it starts");
	for (size_t i = 0; i < item->ncrontabs; i++)
		if (!crontab_valid(item->crontabs[i]))
			return fault(why, "scheduleString '%.*s' is no crontab time",
			             shown(item->crontabs[i]), item->crontabs[i].p);
	return true;
}

static bool
check_schedules(const struct saf_anp *anp, char why[SAF_FAULT_MAX])
{
	if (anp->nschedules == 0 || anp->nschedules > SAF_RCATS)
		return fault(why, "rcatSchedList holds %zu entries, not 1 to %d", anp->nschedules,
		             SAF_RCATS);
	for (size_t i = 0; i < anp->nschedules; i++) {
		for (size_t k = 0; k < i; k++)
			if (anp->schedules[i].rcat == anp->schedules[k].rcat)
				return fault(why, "rcatSchedList holds RCAT_%d twice",
				             anp->schedules[i].rcat);
		if (anp->schedules[i].nitems == 0)
			return fault(why, "rcatSchedule holds no schedItem");
		for (size_t k = 0; k < anp->schedules[i].nitems; k++)
			if (!check_item(&anp->schedules[i].items[k], why))
				return false;
	}
	return true;
}

static bool
check_blocks(const struct saf_anp *anp, char why[SAF_FAULT_MAX])
{
	for (size_t i = 0; i < anp->nblocks; i++) {
		if (anp->blocks[i].failures < 1)
			return fault(why, "failedAttempts is less than 1");
		if (anp->blocks[i].duration < 0)
			return fault(why, "blockDuration is negative");
		for (size_t k = 0; k < i; k++)
			if (anp->blocks[i].failures == anp->blocks[k].failures)
				return fault(
					why,
					"blockPeriods holds two items for the same failedAttempts");
	}
	return true;
}

bool
saf_check_anp(const struct saf_anp *anp, char why[SAF_FAULT_MAX])
{
	if (anp->name.n == 0)
		return fault(why, "anName is empty");
	return check_schedules(anp, why) && check_blocks(anp, why);
}

static bool
in_both(const struct saf_set *a, const struct saf_set *b, struct slice *what)
{
	for (size_t i = 0; i < a->nscope; i++)
		for (size_t k = 0; k < b->nscope; k++)
			if (slice_eq(a->scope[i], b->scope[k])) {
				*what = a->scope[i];
				return true;
			}
	return false;
}

bool
saf_check_among(const struct saf_set *self, const struct saf_policy *others,
                char why[SAF_FAULT_MAX])
{
	struct slice what;

	for (size_t i = 0; i < others->nsets; i++) {
		if (!in_both(self, &others->sets[i], &what))
			continue;
		if (saf_is_default(self))
			return fault(why, "there is a default policy set already");
		return fault(why, "'%.*s' is in another policy set already", shown(what), what.p);
	}
	return true;
}
