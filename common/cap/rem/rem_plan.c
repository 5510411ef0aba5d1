/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an order to what has to be done for it: the actions of the ETSI management objects
 * (TS 102 690 annex E) and the commands of mgmtCmd, whose arguments have the names of BBF TR-069.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/uri.h"
#include "cap/rem/rem_impl.h"
#include "cap/rem/rem_stage.h"
#include "sec/hex.h"

/* Time for the answer, and for what it causes, before the daemon is gone. */
#define RESTART_WAIT (CLOCK_SECOND / 2)
#define DELAY_MAX_S (7 * 24 * 3600)

static bool
refuse(char why[REM_WHY_MAX], const char *text)
{
	snprintf(why, REM_WHY_MAX, "%s", text);
	return false;
}

static void
set_steps(struct rem_plan *p, const enum rem_step steps[REM_STEPS_MAX])
{
	memcpy(p->steps, steps, sizeof(p->steps));
}

#define STEPS(...) ((const enum rem_step[REM_STEPS_MAX]){ __VA_ARGS__ })

static bool
copy_text(char *to, size_t size, struct slice from)
{
	if (from.n >= size || memchr(from.p == NULL ? "" : from.p, '\0', from.n) != NULL)
		return false;
	memcpy(to, from.p == NULL ? "" : from.p, from.n);
	to[from.n] = '\0';
	return true;
}

static bool
is_http(struct slice url)
{
	struct uri u;

	return uri_parse(url, &u) && u.host.n > 0 &&
	       ((u.scheme.n == 4 && strncasecmp(u.scheme.p, "http", 4) == 0) ||
	        (u.scheme.n == 5 && strncasecmp(u.scheme.p, "https", 5) == 0));
}

static bool
set_http(struct rem_plan *p, struct slice url, char why[REM_WHY_MAX])
{
	if (!is_http(url) || !copy_text(p->url, sizeof(p->url), url))
		return refuse(why, "the URL is neither file:NAME nor http(s)");
	return true;
}

/*
 * A URL may end with #sha256=HEX, the SHA-256 of the package: who has signed the URL has then signed
 * what is fetched by it. False: it is none.
 */
static bool
take_digest(struct rem_plan *p, struct slice *url)
{
	const struct slice mark = SLICE_LIT("#sha256=");
	size_t end = mark.n + 2 * REM_DIGEST_SIZE;
	struct slice tail;

	if (url->n == 0 || memmem(url->p, url->n, mark.p, mark.n) == NULL)
		return true;
	tail = url->n < end ? SLICE_NONE : slice_from(*url, url->n - end);
	if (!slice_starts(tail, mark) ||
	    !hex_decode(slice_from(tail, mark.n), p->digest, REM_DIGEST_SIZE))
		return false;
	p->pinned = true;
	*url = slice_head(*url, url->n - end);
	return true;
}

/* file:NAME is a file of the package directory, http(s) what was fetched under the package's name. */
static bool
set_package(struct rem_plan *p, struct slice name, struct slice url, char why[REM_WHY_MAX])
{
	struct slice file = slice_from(url, 5);

	if (!rem_name_valid(name))
		return refuse(why, "not a name of a package");
	copy_text(p->name, sizeof(p->name), name);
	if (!slice_starts(url, SLICE_LIT("file:"))) {
		p->source = REM_FROM_STORED;
		copy_text(p->file, sizeof(p->file), name);
		return set_http(p, url, why);
	}
	if (!rem_name_valid(file))
		return refuse(why, "not a name of a file");
	p->source = REM_FROM_DIRECTORY;
	return copy_text(p->file, sizeof(p->file), file);
}

/* ---- firmware and software ---- */

enum part {
	PART_DOWNLOAD = 1,
	PART_INSTALL = 2,
	PART_REMOVE = 4,
	PART_ACTIVATE = 8,
	PART_DEACTIVATE = 16
};

static const struct {
	uint16_t attr;
	uint8_t kind;
	uint8_t parts;
} package_actions[] = {
	{ A_FW_DOWNLOAD, REM_FIRMWARE, PART_DOWNLOAD },
	{ A_FW_UPDATE, REM_FIRMWARE, PART_INSTALL },
	{ A_FW_DOWNLOAD_AND_UPDATE, REM_FIRMWARE, PART_DOWNLOAD | PART_INSTALL },
	{ A_FW_REMOVE, REM_FIRMWARE, PART_REMOVE },
	{ A_SW_DOWNLOAD, REM_SOFTWARE, PART_DOWNLOAD },
	{ A_SW_INSTALL, REM_SOFTWARE, PART_INSTALL },
	{ A_SW_DOWNLOAD_AND_INSTALL, REM_SOFTWARE, PART_DOWNLOAD | PART_INSTALL },
	{ A_SW_REMOVE, REM_SOFTWARE, PART_REMOVE },
	{ A_SW_ACTIVATE, REM_SOFTWARE, PART_ACTIVATE },
	{ A_SW_DEACTIVATE, REM_SOFTWARE, PART_DEACTIVATE },
};

static void
plan_parts(struct rem_plan *p, unsigned parts)
{
	unsigned n = 0;

	if ((parts & PART_DOWNLOAD) && p->source == REM_FROM_STORED) {
		p->steps[n++] = REM_FETCH;
		p->steps[n++] = REM_STORE;
	} else if (parts == PART_DOWNLOAD) {
		p->steps[n++] = REM_CHECK;
	}
	if (parts & PART_INSTALL)
		p->steps[n++] = REM_INSTALL;
	if (parts & PART_REMOVE)
		p->steps[n++] = REM_REMOVE;
	if (parts & PART_ACTIVATE)
		p->steps[n++] = REM_ACTIVATE;
	if (parts & PART_DEACTIVATE)
		p->steps[n++] = REM_DEACTIVATE;
	p->steps[n] = REM_END;
}

static bool
plan_package(const struct rem *r, enum rem_kind kind, unsigned parts, struct slice name,
             struct slice url, struct rem_plan *p, char why[REM_WHY_MAX])
{
	p->kind = kind;
	if (!rem_has_packages(r, kind))
		return refuse(why, "no command for that kind of packages is configured");
	if (parts & (PART_DOWNLOAD | PART_INSTALL)) {
		if (!take_digest(p, &url))
			return refuse(why, "the URL has no usable sha256");
		if (!set_package(p, name, url, why))
			return false;
		if (r->conf.rem.signed_only && !p->pinned && p->source == REM_FROM_STORED)
			return refuse(why, "the URL says no sha256 of the package");
	} else if (!rem_name_valid(name)) {
		return refuse(why, "not a name of a package");
	}
	copy_text(p->name, sizeof(p->name), name);
	plan_parts(p, parts);
	return true;
}

static bool
plan_package_action(const struct rem *r, const struct mgmt_order *o, struct rem_plan *p,
                    char why[REM_WHY_MAX])
{
	for (size_t i = 0; i < sizeof(package_actions) / sizeof(package_actions[0]); i++) {
		bool firmware = package_actions[i].kind == REM_FIRMWARE;

		if (package_actions[i].attr == o->attr)
			return plan_package(
				r, (enum rem_kind)package_actions[i].kind, package_actions[i].parts,
				val_text(o->vals, firmware ? A_FIRMWARE_NAME : A_SOFTWARE_NAME),
				val_text(o->vals, firmware ? A_FIRMWARE_URL : A_SOFTWARE_URL), p,
				why);
	}
	return refuse(why, "this is not supported here");
}

/* ---- restarts ---- */

/* m2m:RebootLevel, m2m:RebootTiming */
enum { LEVEL_OS, LEVEL_ALL_APPLS, LEVEL_ONE_APPL };
enum { TIMING_IMMEDIATE, TIMING_ASAP };

static bool
plan_reboot(const struct rem *r, int64_t level, bool asap, struct slice application,
            struct rem_plan *p, char why[REM_WHY_MAX])
{
	enum rem_step before = asap ? REM_IDLE : REM_WAIT;

	p->wait = RESTART_WAIT;
	if (level == LEVEL_ONE_APPL) {
		if (!plan_package(r, REM_SOFTWARE, PART_DEACTIVATE, application, SLICE_NONE, p,
		                  why))
			return false;
		set_steps(p, STEPS(REM_DEACTIVATE, REM_ACTIVATE, REM_END));
	} else if (level == LEVEL_OS) {
		if (r->conf.rem.reboot_command == NULL)
			return refuse(why, "no command that restarts the system is configured");
		set_steps(p, STEPS(before, REM_RESTART_SYSTEM, REM_END));
	} else if (r->conf.rem.restart == NULL) {
		return refuse(why, "the daemon cannot be restarted");
	} else {
		set_steps(p, STEPS(before, REM_WAIT, REM_RESTART, REM_END));
	}
	return true;
}

static bool
plan_reset(const struct rem *r, struct rem_plan *p, char why[REM_WHY_MAX])
{
	if (!r->conf.rem.factory_reset || r->conf.rem.restart == NULL)
		return refuse(why, "a factory reset is not allowed here");
	p->wait = RESTART_WAIT;
	set_steps(p, STEPS(REM_WAIT, REM_RESET, REM_END));
	return true;
}

/* ---- commands ---- */

static bool
arg_is(const struct mgmt_order *o, const char *name, const char *value)
{
	struct slice v = mgmt_order_arg(o, name);

	return v.n == strlen(value) && strncasecmp(v.p, value, v.n) == 0;
}

static bool
take_delay(const struct mgmt_order *o, struct rem_plan *p, char why[REM_WHY_MAX])
{
	struct slice v = mgmt_order_arg(o, "DelaySeconds");
	uint64_t s = 0;

	if (v.n > 0 && !slice_number(v, DELAY_MAX_S, &s))
		return refuse(why, "DelaySeconds is no number of seconds up to a week");
	p->wait = (int64_t)s * CLOCK_SECOND;
	return true;
}

/* A wait before everything else. */
static void
put_wait_first(struct rem_plan *p)
{
	memmove(&p->steps[1], &p->steps[0], (REM_STEPS_MAX - 1) * sizeof(p->steps[0]));
	p->steps[0] = REM_WAIT;
}

/* FileType as in TR-069 annex A.3.2.8, or the plain word. */
static bool
plan_download(const struct rem *r, const struct mgmt_order *o, struct rem_plan *p,
              char why[REM_WHY_MAX])
{
	struct slice name = mgmt_order_arg(o, "Name");
	bool firmware = arg_is(o, "FileType", "firmware") ||
	                arg_is(o, "FileType", "1 Firmware Upgrade Image");

	if (!firmware && !arg_is(o, "FileType", "software"))
		return refuse(why, "FileType is neither firmware nor software");
	if (!take_delay(o, p, why) ||
	    !plan_package(r, firmware ? REM_FIRMWARE : REM_SOFTWARE, PART_DOWNLOAD | PART_INSTALL,
	                  name, mgmt_order_arg(o, "URL"), p, why))
		return false;
	if (p->wait > 0)
		put_wait_first(p);
	return true;
}

static bool
plan_change_state(const struct rem *r, const struct mgmt_order *o, struct rem_plan *p,
                  char why[REM_WHY_MAX])
{
	static const struct {
		const char *word;
		unsigned parts;
	} operations[] = {
		{ "Install", PART_DOWNLOAD | PART_INSTALL },
		{ "Update", PART_DOWNLOAD | PART_INSTALL },
		{ "Uninstall", PART_REMOVE },
		{ "Activate", PART_ACTIVATE },
		{ "Deactivate", PART_DEACTIVATE },
	};

	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		if (arg_is(o, "OperationType", operations[i].word))
			return plan_package(r, REM_SOFTWARE, operations[i].parts,
			                    mgmt_order_arg(o, "Name"), mgmt_order_arg(o, "URL"), p,
			                    why);
	return refuse(why,
	              "OperationType is none of Install, Update, Uninstall, Activate, Deactivate");
}

static bool
plan_command(const struct rem *r, const struct mgmt_order *o, struct rem_plan *p,
             char why[REM_WHY_MAX])
{
	switch (o->cmd_type) {
	case CMD_REBOOT:
		return plan_reboot(r, LEVEL_ALL_APPLS, false, SLICE_NONE, p, why);
	case CMD_RESET:
		return plan_reset(r, p, why);
	case CMD_UPLOAD:
		set_steps(p, STEPS(REM_UPLOAD, REM_END));
		return set_http(p, mgmt_order_arg(o, "URL"), why);
	case CMD_DOWNLOAD:
	case CMD_SCHEDULE_DOWNLOAD:
		return plan_download(r, o, p, why);
	case CMD_SCHEDULE_INFORM:
		set_steps(p, STEPS(REM_WAIT, REM_INFORM, REM_END));
		return take_delay(o, p, why);
	case CMD_CHANGE_DU_STATE:
		return plan_change_state(r, o, p, why);
	default:
		return refuse(why, "this is not supported here");
	}
}

bool
rem_plan_make(const struct rem *r, const struct mgmt_order *order, struct rem_plan *plan,
              char why[REM_WHY_MAX])
{
	int64_t level = val_num(order->vals, A_REBOOT_LEVEL, LEVEL_ALL_APPLS);
	bool asap = val_num(order->vals, A_REBOOT_TIMING, TIMING_IMMEDIATE) == TIMING_ASAP;

	memset(plan, 0, sizeof(*plan));
	switch (order->attr) {
	case A_EXEC_ENABLE:
		return plan_command(r, order, plan, why);
	case A_REBOOT:
		return plan_reboot(r, level, asap, val_text(order->vals, A_APPLICATION_REF), plan,
		                   why);
	case A_FACTORY_RESET:
		return plan_reset(r, plan, why);
	case A_PERF_LOG_START:
	case A_PERF_LOG_STOP:
		plan->log =
			(enum rem_log_type)val_num(order->vals, A_LOG_TYPE_ID, REM_LOG_APPLICATION);
		plan->steps[0] = order->attr == A_PERF_LOG_START ? REM_LOG_START : REM_LOG_STOP;
		return true;
	default:
		return plan_package_action(r, order, plan, why);
	}
}
