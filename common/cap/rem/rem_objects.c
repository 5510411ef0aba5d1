/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The own management objects: the worker looks at the device, and what it has seen becomes the values
 * of the resources in <sclBase>/scls/mgmtObjs (TS 102 690 annex E).
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cap/rem/rem_impl.h"

#define OWN_MAX (16 + REM_BATTERIES_MAX + 3 * REM_KINDS * REM_SHOWN)
#define SYNC_ARENA (4u << 20)
#define HOLDERS_MAX 64
#define RIGHT_ID "deviceManagement"
#define PATH_PREFIX "/scls/mgmtObjs/"

struct rem_objects {
	struct rem *r;
	struct rem_work work;
	struct scl_task back;
	struct rem_facts *seen, *next; /* next is the worker's while it looks */
	bool looking, again; /* look once more */
	bool recovered; /* what an earlier run left of packages was undone; the worker's */
	bool syncing, dirty; /* sync once more */
	bool recalled; /* what an earlier run has shown is in shown */
	struct arena *arena; /* of the sync */
	struct mgmt_own *own;
	size_t n;
	struct mgmt_sync sync;
	struct mgmt_right right;
	const char *holders[HOLDERS_MAX + 1];
	char shown[REM_KINDS][REM_SHOWN][REM_NAME_MAX + 1]; /* packages of the last sync */
	unsigned nshown[REM_KINDS];
	struct buf log; /* of a period that was stopped and is not told yet */
	bool has_log, telling_log;
};

/* ---- looking, on the worker ---- */

static void
look_at_packages(struct rem_objects *o)
{
	struct rem_facts *f = o->next;

	for (unsigned i = 0; i < REM_KINDS; i++) {
		struct rem_packages *p = o->r->packages[i];

		if (p == NULL)
			continue;
		if (!o->recovered)
			rem_packages_recover(p);
		rem_packages_list(p, &f->installed[i]);
		f->nfiles[i] = rem_packages_files(p, f->files[i], REM_SHOWN);
	}
	o->recovered = true;
}

static void
look_run(struct rem_work *work, bool stopping)
{
	struct rem_objects *o =
		(struct rem_objects *)(void *)((char *)work - offsetof(struct rem_objects, work));

	if (!stopping) {
		rem_host_device("", o->r->conf.rem.version, &o->next->device);
		o->next->has_memory = rem_host_memory("", &o->next->memory);
		o->next->has_batteries = rem_host_batteries("", &o->next->batteries);
		look_at_packages(o);
	}
	scl_post(o->r->scl, &o->back, 0);
}

static void
look_back(struct scl_task *task)
{
	struct rem_objects *o =
		(struct rem_objects *)(void *)((char *)task - offsetof(struct rem_objects, back));
	struct rem_facts *was = o->seen;
	struct rem *r = o->r;

	o->looking = false;
	o->seen = o->next;
	o->next = was;
	if (!r->leaving) {
		rem_objects_sync(o);
		if (o->again)
			rem_objects_look(o);
	}
	rem_release(r);
}

void
rem_objects_look(struct rem_objects *o)
{
	if (o->looking || o->r->leaving) {
		o->again = true;
		return;
	}
	o->again = false;
	if (o->next == NULL)
		o->next = calloc(1, sizeof(*o->next));
	if (o->next == NULL)
		return;
	memset(o->next, 0, sizeof(*o->next));
	o->looking = rem_worker_submit(o->r->worker, &o->work);
	if (o->looking)
		rem_hold(o->r);
}

/* ---- what is wanted ---- */

static struct mgmt_own *
want(struct rem_objects *o, const char *name, unsigned type)
{
	struct slice kept = arena_copy(o->arena, slice_of(name));
	struct mgmt_own *own = &o->own[o->n];

	/* There is room for all that is shown, and for what is gone; without memory the sync fails. */
	if (o->n == OWN_MAX || kept.p == NULL)
		return &o->own[OWN_MAX];
	o->n++;
	*own = (struct mgmt_own){ .name = arena_str(o->arena, kept), .type = type };
	return own;
}

static const struct val *
text(struct rem_objects *o, const struct val *list, unsigned attr, const char *value)
{
	struct val *l = (struct val *)(uintptr_t)list;

	/* What was seen may be seen anew while this is being stored. */
	val_set_text(o->arena, &l, attr, arena_copy(o->arena, slice_of(value)));
	return l;
}

static const struct val *
num(struct rem_objects *o, const struct val *list, unsigned attr, int64_t value)
{
	struct val *l = (struct val *)(uintptr_t)list;

	val_set_num(o->arena, &l, attr, value);
	return l;
}

static struct mgmt_own *
want_object(struct rem_objects *o, const char *name, unsigned type, const char *mo_id,
            const char *description)
{
	struct mgmt_own *own = want(o, name, type);

	own->initial = text(o, own->initial, A_MO_ID, mo_id);
	own->initial = text(o, own->initial, A_DESCRIPTION, description);
	return own;
}

/* Actions that are offered; the others are not there. */
struct offer {
	unsigned attr;
	bool offered;
};

static void
want_actions(struct rem_objects *o, const char *parent, const char *name, unsigned type,
             const struct offer *offers, size_t n)
{
	struct slice full = arena_printf(o->arena, "%s/%s", parent, name);
	struct mgmt_own *own;

	if (full.p == NULL)
		return;
	own = want(o, full.p, type);
	for (size_t i = 0; i < n; i++)
		own->facts = text(o, own->facts, offers[i].attr, offers[i].offered ? "-" : "");
}

#define OFFERS(...)                                                                                \
	(const struct offer[]){ __VA_ARGS__ },                                                     \
		sizeof((const struct offer[]){ __VA_ARGS__ }) / sizeof(struct offer)

static void
want_device(struct rem_objects *o, const struct rem_facts *f)
{
	struct mgmt_own *own = want_object(o, "deviceInfo", T_ETSI_DEVICE_INFO, "etsiDeviceInfo",
	                                   "the device that this SCL runs on");
	const struct rem_device *d = &f->device;

	own->facts = text(o, own->facts, A_MANUFACTURER, d->manufacturer);
	own->facts = text(o, own->facts, A_MODEL, d->model);
	own->facts = text(o, own->facts, A_DEVICE_TYPE, d->device_type);
	own->facts = text(o, own->facts, A_FIRMWARE_VERSION, d->firmware_version);
	own->facts = text(o, own->facts, A_SOFTWARE_VERSION, d->software_version);
	own->facts = text(o, own->facts, A_HARDWARE_VERSION, d->hardware_version);
}

static void
want_memory(struct rem_objects *o, const struct rem_facts *f)
{
	struct mgmt_own *own;

	if (!f->has_memory)
		return;
	own = want_object(o, "memory", T_ETSI_MEMORY, "etsiMemory",
	                  "memory in units of 1024 octets");
	own->facts = num(o, own->facts, A_RAM_AVAILABLE, f->memory.available);
	own->facts = num(o, own->facts, A_RAM_TOTAL, f->memory.total);
}

static void
want_battery(struct rem_objects *o, const struct rem_facts *f)
{
	struct mgmt_own *own;
	char name[16 + REM_BATTERY_NAME_MAX];

	if (!f->has_batteries) {
		want(o, "battery", T_ETSI_BATTERY)->gone = true;
		return;
	}
	own = want_object(o, "battery", T_ETSI_BATTERY, "etsiBattery",
	                  "minutes that the batteries last; -1: on external power, or not known");
	own->facts = num(o, own->facts, A_STANDBY_TIME, f->batteries.standby_minutes);
	for (unsigned i = 0; i < f->batteries.n; i++) {
		const struct rem_battery *b = &f->batteries.v[i];

		snprintf(name, sizeof(name), "battery/%s", b->name);
		own = want(o, name, T_BATTERY_INSTANCE);
		own->facts = num(o, own->facts, A_BATT_LEVEL, b->level);
		own->facts = num(o, own->facts, A_BATT_STATUS, b->status);
	}
}

/* The text of a period as the one element that logData holds. */
static const struct val *
log_value(struct rem_objects *o, const struct val *list)
{
	struct val *l = (struct val *)(uintptr_t)list, *data = val_add(o->arena, &l, A_LOG_DATA);
	struct node *element = ARENA_NEW(o->arena, struct node);
	struct val *any = data == NULL ? NULL : val_add(o->arena, &data->first, A_MO_ATTRIBUTE);

	if (any == NULL || element == NULL)
		return l;
	element->name = SLICE_LIT("lines");
	element->text = arena_copy(o->arena, buf_view(&o->log));
	any->any = element;
	return l;
}

static void
want_log(struct rem_objects *o)
{
	struct mgmt_own *own = want_object(o, "performanceLog", T_ETSI_PERFORMANCE_LOG,
	                                   "etsiPerformanceLog", "log of a period");

	own->initial = num(o, own->initial, A_LOG_TYPE_ID, REM_LOG_APPLICATION);
	o->telling_log = o->has_log;
	if (o->has_log)
		own->facts = log_value(o, own->facts);
	want_actions(o, "performanceLog", "perfLogAction", T_PERF_LOG_ACTION,
	             OFFERS({ A_PERF_LOG_START, true }, { A_PERF_LOG_STOP, true }));
}

static void
want_reboot(struct rem_objects *o)
{
	const struct capability_rem *c = &o->r->conf.rem;

	want_object(o, "reboot", T_ETSI_REBOOT, "etsiReboot",
	            "restart of the daemon or of the device");
	want_actions(o, "reboot", "rebootAction", T_REBOOT_ACTION,
	             OFFERS({ A_REBOOT, true }, { A_FACTORY_RESET, c->factory_reset }));
}

static void
want_scl(struct rem_objects *o)
{
	bool registers = o->r->conf.role != SCL_NSCL;

	want_object(o, "sclMo", T_ETSI_SCL_MO, "etsiSclMo",
	            "what is set here goes before the configuration");
	want_actions(o, "sclMo", "sclMoAction", T_SCL_MO_ACTION,
	             OFFERS({ A_RE_REGISTRATION, registers }, { A_DE_REGISTRATION, registers }));
}

/* ---- packages ---- */

static const struct package_kind {
	const char *name, *mo_id, *description, *action_name, *install;
	uint8_t type, instance, action;
	uint16_t name_attr, version_attr, url_attr, status_attr;
} kinds[] = {
	[REM_FIRMWARE] = { "firmware", "etsiFirmware", "firmware packages", "firmwareAction",
	                   "fwUpdate", T_ETSI_FIRMWARE, T_FW_INSTANCE, T_FIRMWARE_ACTION,
	                   A_FIRMWARE_NAME, A_FIRMWARE_VERSION, A_FIRMWARE_URL,
	                   A_FW_ACTION_STATUS },
	[REM_SOFTWARE] = { "software", "etsiSoftware", "software packages", "softwareAction",
	                   "swInstall", T_ETSI_SOFTWARE, T_SW_INSTANCE, T_SOFTWARE_ACTION,
	                   A_SOFTWARE_NAME, A_SOFTWARE_VERSION, A_SOFTWARE_URL,
	                   A_SW_ACTION_STATUS },
};

static const struct val *
status_value(struct rem_objects *o, const struct package_kind *k, const char *instance,
             const struct val *list, bool installed)
{
	struct val *l = (struct val *)(uintptr_t)list,
		   *status = val_add(o->arena, &l, k->status_attr);
	struct slice base = scl_base_path(o->r->scl);
	struct slice uri = arena_printf(o->arena, "%.*s" PATH_PREFIX "%s/%s/%s", (int)base.n,
	                                base.p, instance, k->action_name, k->install);

	if (status == NULL || !val_set_text(o->arena, &status->first, A_ACTION, uri) ||
	    !val_set_num(o->arena, &status->first, A_PROGRESS, installed ? 100 : 0) ||
	    !val_set_num(o->arena, &status->first, A_FINAL_STATUS,
	                 installed ? FINAL_SUCCESS : FINAL_FAILURE))
		return list;
	return l;
}

static void
want_package_actions(struct rem_objects *o, const char *instance, enum rem_kind kind)
{
	if (kind == REM_FIRMWARE)
		want_actions(o, instance, kinds[kind].action_name, T_FIRMWARE_ACTION,
		             OFFERS({ A_FW_DOWNLOAD, true }, { A_FW_UPDATE, true },
		                    { A_FW_DOWNLOAD_AND_UPDATE, true }, { A_FW_REMOVE, true }));
	else
		want_actions(o, instance, kinds[kind].action_name, T_SOFTWARE_ACTION,
		             OFFERS({ A_SW_DOWNLOAD, true }, { A_SW_DOWNLOAD_AND_INSTALL, true },
		                    { A_SW_INSTALL, true }, { A_SW_REMOVE, true },
		                    { A_SW_ACTIVATE, true }, { A_SW_DEACTIVATE, true }));
}

/* version is that of what is installed, else that of the file. */
static void
want_package(struct rem_objects *o, enum rem_kind kind, const char *name, uint64_t version,
             const char *file, bool installed)
{
	const struct package_kind *k = &kinds[kind];
	char instance[16 + REM_NAME_MAX], url[8 + REM_NAME_MAX];
	struct slice number = arena_printf(o->arena, "%" PRIu64, version);
	struct mgmt_own *own;

	if (o->nshown[kind] == REM_SHOWN || number.p == NULL)
		return;
	snprintf(o->shown[kind][o->nshown[kind]++], REM_NAME_MAX + 1, "%.*s", REM_NAME_MAX, name);
	snprintf(instance, sizeof(instance), "%s/%.*s", k->name, REM_NAME_MAX, name);
	snprintf(url, sizeof(url), "file:%.*s", REM_NAME_MAX, file);
	own = want(o, instance, k->instance);
	own->facts = text(o, own->facts, k->name_attr, arena_str(o->arena, slice_of(name)));
	own->facts = text(o, own->facts, k->version_attr, number.p);
	own->initial = text(o, own->initial, k->url_attr, arena_str(o->arena, slice_of(url)));
	own->initial = status_value(o, k, instance, own->initial, installed);
	want_package_actions(o, instance, kind);
}

static bool
is_shown(const struct rem_objects *o, enum rem_kind kind, const char *name)
{
	for (unsigned i = 0; i < o->nshown[kind]; i++)
		if (strcmp(o->shown[kind][i], name) == 0)
			return true;
	return false;
}

/* A file that something installed came from is no package of its own. */
static bool
is_installed_file(const struct rem_record *r, const char *file)
{
	for (unsigned i = 0; i < r->n; i++)
		if (strcmp(r->v[i].file, file) == 0)
			return true;
	return false;
}

/*
 * Instances of files that an earlier run has shown: they go when the files have gone. They are called
 * by the name of the package, unlike those that clients make for what is to come.
 */
static void
recall(struct rem_objects *o)
{
	const struct mgmt_export how = { .max = OWN_MAX };
	struct mgmt_document *d = NULL;
	const struct val *vals;

	o->recalled = true;
	if (mgmt_documents(o->r->scl, o->arena, &how, &d) != RC_OK)
		return;
	for (; d != NULL; d = d->next)
		for (unsigned i = 0; i < REM_KINDS; i++) {
			const struct package_kind *k = &kinds[i];
			const char *name = arena_str(o->arena, d->name);

			if (d->type != k->instance || name == NULL || o->nshown[i] == REM_SHOWN ||
			    !rem_name_valid(d->id) || strchr(name, '/') != strrchr(name, '/') ||
			    mgmt_own_values(o->r->scl, o->arena, name, &vals) != RC_OK ||
			    !slice_eq(val_text(vals, k->name_attr), d->id) ||
			    !slice_starts(val_text(vals, k->url_attr), SLICE_LIT("file:")))
				continue;
			snprintf(o->shown[i][o->nshown[i]++], REM_NAME_MAX + 1, "%.*s",
			         (int)d->id.n, d->id.p);
		}
}

static void
want_packages(struct rem_objects *o, const struct rem_facts *f, enum rem_kind kind)
{
	const struct rem_record *r = &f->installed[kind];
	char was[REM_SHOWN][REM_NAME_MAX + 1], name[16 + REM_NAME_MAX];
	unsigned nwas = o->nshown[kind];

	want_object(o, kinds[kind].name, kinds[kind].type, kinds[kind].mo_id,
	            kinds[kind].description);
	memcpy(was, o->shown[kind], sizeof(was));
	o->nshown[kind] = 0;
	for (unsigned i = 0; i < r->n; i++)
		if (r->v[i].version != 0)
			want_package(o, kind, r->v[i].name, r->v[i].version, r->v[i].file, true);
	for (unsigned i = 0; i < f->nfiles[kind]; i++) {
		const struct rem_package_file *file = &f->files[kind][i];

		if (!is_shown(o, kind, file->name) && !is_installed_file(r, file->name))
			want_package(o, kind, file->name, file->version, file->name, false);
	}
	for (unsigned i = 0; i < nwas; i++) {
		if (is_shown(o, kind, was[i]))
			continue;
		snprintf(name, sizeof(name), "%s/%.*s", kinds[kind].name, REM_NAME_MAX, was[i]);
		want(o, name, kinds[kind].instance)->gone = true;
	}
}

/* ---- who manages ---- */

static void
add_holder(struct rem_objects *o, const char *uri)
{
	size_t n = 0;

	while (n < HOLDERS_MAX && o->holders[n] != NULL)
		if (uri == NULL || strcmp(o->holders[n++], uri) == 0)
			return;
	if (n < HOLDERS_MAX && uri != NULL) {
		o->holders[n] = uri;
		o->holders[n + 1] = NULL;
	}
}

static void
add_holders(struct rem_objects *o, const char *const *uris)
{
	for (; uris != NULL && *uris != NULL; uris++)
		add_holder(o, *uris);
}

/* The configured managers, and the NSCL as the server of device management (NREM). */
static void
collect_holders(struct rem_objects *o)
{
	const struct val *vals, *list;
	struct slice link;
	unsigned which;

	o->holders[0] = NULL;
	add_holders(o, o->r->conf.rem.managers);
	if (o->r->conf.role == SCL_NSCL)
		return;
	if (mgmt_own_values(o->r->scl, o->arena, "sclMo", &vals) == RC_OK &&
	    (list = val_get(vals, A_REG_TARGET_NSCL_LIST)) != NULL && list->first != NULL) {
		for (const struct val *v = list->first; v != NULL; v = v->next)
			add_holder(o, arena_str(o->arena, v->text));
	} else {
		add_holders(o, o->r->conf.nscl);
	}
	if (mgmt_registered_with(o->r->scl, o->arena, &link, &which) == RC_OK)
		add_holder(o, arena_str(o->arena, link));
}

/* ---- making it so ---- */

static void
sync_done(struct mgmt_sync *sync, enum rc rc)
{
	struct rem_objects *o = sync->owner;
	struct rem *r = o->r;

	o->syncing = false;
	rem_governed(r, rc);
	if (rc != RC_OK)
		LOG_WARN(r->conf.log, "management-objects", LOG_Z("reason", status_of(rc)->text));
	else if (o->telling_log)
		o->has_log = false;
	if (!r->leaving && o->dirty)
		rem_objects_sync(o);
	else if (!r->leaving && r->push != NULL)
		rem_push_begin(r->push);
	rem_release(r);
}

static void
want_all(struct rem_objects *o)
{
	const struct rem_facts *f = o->seen;

	want_device(o, f);
	want_memory(o, f);
	want_battery(o, f);
	want_log(o);
	want_reboot(o);
	want_scl(o);
	if (!o->recalled)
		recall(o);
	for (unsigned i = 0; i < REM_KINDS; i++)
		if (o->r->packages[i] != NULL)
			want_packages(o, f, (enum rem_kind)i);
}

static void
submit(struct rem_objects *o)
{
	o->right = (struct mgmt_right){ RIGHT_ID, o->holders };
	o->sync = (struct mgmt_sync){
		.own = o->own, .n = o->n, .right = &o->right, .done = sync_done, .owner = o
	};
	o->syncing = true;
	rem_hold(o->r);
	mgmt_sync(o->r->scl, &o->sync);
}

void
rem_objects_sync(struct rem_objects *o)
{
	/* Before the first look there is nothing to tell. */
	if (o->seen == NULL)
		return;
	o->dirty = o->syncing;
	if (o->syncing)
		return;
	arena_reset(o->arena);
	o->n = 0;
	o->own = ARENA_ARRAY(o->arena, struct mgmt_own, OWN_MAX + 1);
	if (o->own == NULL)
		return;
	collect_holders(o);
	want_all(o);
	if (arena_failed(o->arena)) {
		LOG_WARN(o->r->conf.log, "management-objects",
		         LOG_Z("reason", "there are too many"));
		return;
	}
	submit(o);
}

void
rem_objects_govern(struct rem_objects *o)
{
	collect_holders(o);
	submit(o);
}

void
rem_objects_set_log(struct rem_objects *o, struct buf *taken)
{
	buf_fini(&o->log);
	o->log = *taken;
	buf_init(taken, taken->max);
	o->has_log = true;
}

struct rem_objects *
rem_objects_new(struct rem *r)
{
	struct rem_objects *o = calloc(1, sizeof(*o));

	if (o == NULL || (o->arena = arena_new(SYNC_ARENA)) == NULL) {
		free(o);
		return NULL;
	}
	o->r = r;
	o->work.run = look_run;
	o->back.run = look_back;
	buf_init(&o->log, 0);
	return o;
}

void
rem_objects_free(struct rem_objects *o)
{
	if (o == NULL)
		return;
	arena_free(o->arena);
	buf_fini(&o->log);
	free(o->seen);
	free(o->next);
	free(o);
}
