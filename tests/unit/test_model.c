/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of the model are sound, and are those of the standard. */
#include "config.h"

#include "codec_help.h"

#include <stdint.h>
#include <stdio.h>

#include "model/kinds.h"
#include "model/res.h"

/* ---- the dictionary ---- */

static const struct {
	unsigned number;
	const char *name;
	enum kind kind;
	unsigned since;
} rows[] = {
#define ATTR(number, id, name, kind, extra, since) { number, name, K_##kind, since },
#include "model/attrs.def"
#undef ATTR
};

START_TEST(numbers_are_unique)
{
	bool seen[A_MAX] = { false };

	for (size_t i = 0; i < NITEMS(rows); i++) {
		const struct attr_info *info = attr_info(rows[i].number);

		ck_assert(rows[i].number > A_END && rows[i].number < A_MAX);
		ck_assert_msg(!seen[rows[i].number], "number %u twice", rows[i].number);
		seen[rows[i].number] = true;
		ck_assert_ptr_nonnull(info);
		ck_assert_str_eq(info->name, rows[i].name);
		ck_assert_int_eq(info->kind, rows[i].kind);
		ck_assert(rows[i].since == info->since && (rows[i].since == 1 || rows[i].since == 2));
	}
	for (unsigned n = 0; n < A_MAX; n++)
		ck_assert(seen[n] == (attr_info(n) != NULL));
	ck_assert_ptr_null(attr_info(A_MAX));
	ck_assert_ptr_null(attr_info(UINT32_MAX));
}
END_TEST

static bool
is_listed(const void *const *list, const void *wanted)
{
	while (*list != NULL && *list != wanted)
		list++;
	return *list != NULL;
}

START_TEST(kinds_have_what_they_need)
{
	for (unsigned n = 0; n < A_MAX; n++) {
		const struct attr_info *info = attr_info(n);

		if (info == NULL)
			continue;
		ck_assert_msg((info->kind == K_STRUCT) == (info->shape != NULL), "%s", info->name);
		ck_assert_msg((info->kind == K_ENUM) == (info->values != NULL), "%s", info->name);
		ck_assert(info->shape == NULL || is_listed((const void *const *)shapes, info->shape));
		ck_assert(info->values == NULL ||
		          is_listed((const void *const *)enumerations, info->values));
	}
}
END_TEST

/* Elements and attributes are told apart by the syntax, not by the name. */
static bool
same_place(const struct elem *a, const struct elem *b)
{
	bool attribute = (a->flags & E_ANY_ATTRIBUTE) != 0;

	return attribute == ((b->flags & E_ANY_ATTRIBUTE) != 0) &&
	       strcmp(attr_info(a->attr)->name, attr_info(b->attr)->name) == 0;
}

START_TEST(shapes_are_sound)
{
	for (const struct shape *const *s = shapes; *s != NULL; s++) {
		const struct elem *e = (*s)->elems;
		bool elements = false;

		ck_assert_ptr_nonnull((*s)->name);
		for (; e->attr != A_END; e++) {
			bool attribute = (e->flags & E_ANY_ATTRIBUTE) != 0;

			ck_assert_msg(attr_info(e->attr) != NULL, "%s: %u", (*s)->name, e->attr);
			ck_assert_msg(!attribute || !elements, "%s: attributes come first", (*s)->name);
			ck_assert(!attribute || (e->flags & E_MANY) == 0);
			elements = elements || !attribute;
			for (const struct elem *o = (*s)->elems; o < e; o++)
				ck_assert_msg(!same_place(o, e), "%s: %s twice", (*s)->name,
				              attr_info(e->attr)->name);
		}
		ck_assert_uint_lt((size_t)(e - (*s)->elems), RULES_MAX);
		ck_assert_msg(((*s)->flags & SHAPE_TEXT) == 0 || !elements, "%s", (*s)->name);
	}
}
END_TEST

START_TEST(enumerations_are_sound)
{
	for (const struct enumeration *const *e = enumerations; *e != NULL; e++) {
		int n = 0;

		for (; (*e)->values[n] != NULL; n++)
			ck_assert_int_eq(enum_index(*e, slice_of((*e)->values[n])), n);
		ck_assert_int_ge(n, 1);
		for (int i = 0; (*e)->release1 != NULL && (*e)->release1[i] != NULL; i++)
			ck_assert_int_eq(enum_index(*e, slice_of((*e)->release1[i])), i);
		ck_assert(enum_index(*e, SLICE_LIT("x")) == -1 && enum_index(*e, SLICE_NONE) == -1);
	}
}
END_TEST

START_TEST(indexes_by_name_agree)
{
	const struct enumeration *flags = attr_info(A_FLAG)->values;
	const struct enumeration *codes = attr_info(A_IN_TYPE)->values;

	ck_assert_int_eq(enum_index(attr_info(A_ONLINE_STATUS)->values, SLICE_LIT("NOT_REACHABLE")),
	                 NOT_REACHABLE);
	ck_assert_int_eq(enum_index(attr_info(A_SCL_TYPE)->values, SLICE_LIT("DSCL")), SCL_DSCL);
	ck_assert_int_eq(enum_index(attr_info(A_APOC_HANDLING)->values, SLICE_LIT("DEEP")), APOC_DEEP);
	ck_assert_int_eq(enum_index(flags, SLICE_LIT("READ")), FLAG_READ);
	ck_assert_int_eq(enum_index(flags, SLICE_LIT("WRITE")), FLAG_WRITE);
	ck_assert_int_eq(enum_index(flags, SLICE_LIT("DISCOVER")), FLAG_DISCOVER);
	ck_assert_int_eq(enum_index(flags, SLICE_LIT("DELETE")), FLAG_DELETE);
	ck_assert_int_eq(enum_index(flags, SLICE_LIT("CREATE")), FLAG_CREATE);
	ck_assert_int_eq(enum_index(codes, SLICE_LIT("CS")), CODE_CS);
	ck_assert_int_eq(enum_index(codes, SLICE_LIT("PM")), CODE_PM);
	ck_assert_int_eq(enum_index(attr_info(A_MEMBER_TYPE)->values, SLICE_LIT("ATTACHED_DEVICE")),
	                 MEMBER_ATTACHED_DEVICE);
	ck_assert_int_eq(enum_index(attr_info(A_CONSISTENCY_STRATEGY)->values, SLICE_LIT("MODIFY_TYPE")),
	                 MODIFY_TYPE);
	ck_assert_int_eq(enum_index(attr_info(A_LOCATION_CONTAINER_TYPE)->values,
	                            SLICE_LIT("APPLICATION_GENERATED")),
	                 APPLICATION_GENERATED);
	ck_assert_int_eq(enum_index(attr_info(A_METHOD)->values, SLICE_LIT("NOTIFY")), METHOD_TYPE_NOTIFY);
	ck_assert_int_eq(enum_index(attr_info(A_EXEC_STATUS)->values, SLICE_LIT("CANCELLING")),
	                 EXEC_CANCELLING);
	ck_assert_int_eq(enum_index(attr_info(A_FINAL_STATUS)->values, SLICE_LIT("FAILURE")), FINAL_FAILURE);
	ck_assert_int_eq(enum_index(attr_info(A_CMD_TYPE)->values, SLICE_LIT("CHANGEDUSTATE")),
	                 CMD_CHANGE_DU_STATE);
	ck_assert_int_eq(enum_index(attr_info(A_REFERENCE_POINT)->values, SLICE_LIT("DIA_REFERENCE_POINT")),
	                 REFERENCE_DIA);
	/* Every outcome has a status code of the schema. */
	for (int rc = 0; rc < RC_COUNT; rc++)
		ck_assert_int_ge(enum_index(attr_info(A_STATUS_CODE)->values,
		                            slice_of(status_of((enum rc)rc)->etsi)),
		                 0);
}
END_TEST

/* ---- resource types ---- */

static void
check_rule(const struct rtype *t, const struct rule *r)
{
	const struct attr_info *info = attr_info(r->attr);
	const struct rtype *other = r->arg == 0 ? NULL : rtype_get(r->arg);
	const char *name;

	ck_assert_msg(info != NULL, "%s: %u", t->name, r->attr);
	name = info->name;
	ck_assert(r->create <= P_M && r->update <= P_M && r->answer <= P_M && r->source <= S_HOOK);
	ck_assert_msg(rtype_rule(t, r->attr) == r, "%s: %s twice", t->name, name);
	ck_assert_msg(r->arg == 0 || other != NULL, "%s: %s refers to nothing", t->name, name);
	switch (r->source) {
	case S_CHILD:
		ck_assert_msg(other != NULL && (other->flags & (RT_COLLECTION | RT_VIRTUAL)) != 0,
		              "%s: %s", t->name, name);
		ck_assert_int_eq(info->kind, K_URI);
		ck_assert(r->create == P_NP && r->update == P_NP);
		break;
	case S_MEMBERS:
		ck_assert_int_eq(info->kind, K_STRUCT);
		ck_assert_msg(t->creates == NULL ||
		                  rtype_created_as(t, slice_of(other->name), SLICE_NONE) == other,
		              "%s: %s lists what is not created there", t->name, name);
		break;
	default:
		ck_assert_msg(r->arg == 0, "%s: %s", t->name, name);
	}
}

static void
check_creates(const struct rtype *t)
{
	for (const uint8_t *n = t->creates; n != NULL && *n != 0; n++) {
		const struct rtype *c = rtype_get(*n);
		const struct rule *id;

		ck_assert_msg(c != NULL && (c->flags & (RT_COLLECTION | RT_VIRTUAL)) == 0, "%s", t->name);
		ck_assert_msg((t->methods & METHOD_POST) != 0, "%s", t->name);
		id = rtype_rule(c, c->id_attr);
		ck_assert_msg(id != NULL && id->source == S_HEADER, "%s has no id", c->name);
		ck_assert_msg((id->elem & E_ANY_ATTRIBUTE) != 0 && id->create != P_NP, "%s", c->name);
	}
}

START_TEST(types_are_sound)
{
	const struct rtype *t = rtype_get((unsigned)_i);
	const struct rule *r;

	if (t == NULL)
		return;
	ck_assert_uint_eq(t->number, (unsigned)_i);
	ck_assert_ptr_nonnull(t->shape);
	ck_assert_ptr_nonnull(t->clause);
	ck_assert_int_ne(t->methods, 0);
	for (r = t->rules; r->attr != A_END; r++) {
		check_rule(t, r);
		for (const struct rule *o = t->rules; o < r; o++)
			ck_assert(!same_place(&(struct elem){ .attr = o->attr, .flags = o->elem },
			                      &(struct elem){ .attr = r->attr, .flags = r->elem }));
	}
	ck_assert_uint_le((size_t)(r - t->rules), RULES_MAX);
	check_creates(t);
	for (unsigned n = 0; n < (unsigned)_i; n++) {
		const struct rtype *o = rtype_get(n);

		ck_assert(o == NULL || rtype_base(o) == rtype_base(t) || strcmp(o->name, t->name) != 0);
		ck_assert(o == NULL || strcmp(o->shape, t->shape) != 0);
		ck_assert(o == NULL || o->short_name == NULL || t->short_name == NULL ||
		          strcmp(o->short_name, t->short_name) != 0);
	}
	ck_assert_msg(((t->flags & RT_LABELS) != 0) == (rtype_rule(t, A_SEARCH_STRINGS) != NULL), "%s",
	              t->name);
}
END_TEST

#define G METHOD_GET
#define PG (METHOD_POST | METHOD_GET)
#define PGU (METHOD_POST | METHOD_GET | METHOD_PUT)
#define GUD (METHOD_GET | METHOD_PUT | METHOD_DELETE)
#define GD (METHOD_GET | METHOD_DELETE)
#define ALL_METHODS (PGU | METHOD_DELETE)

/* TS 102 921: methods, what a POST creates, the short name of a fixed child, subscribable or not. */
static const struct {
	const char *name;
	unsigned methods;
	const char *creates;
	const char *short_name;
	bool subscribed;
} reference[] = {
	{ "sclBase", METHOD_GET | METHOD_PUT, "", NULL, true },
	{ "scls", PGU, "scl", "SL", true },
	{ "scl", GUD, "", NULL, true },
	{ "sclAnncs", PGU, "sclAnnc", "SLA", true },
	{ "sclAnnc", GUD, "", NULL, false },
	{ "applications", PGU, "application applicationAnnc", "AP", true },
	{ "application", GUD, "", NULL, true },
	{ "applicationAnnc", GUD, "", NULL, false },
	{ "accessRights", PGU, "accessRight accessRightAnnc", "AR", true },
	{ "accessRight", GUD, "", NULL, true },
	{ "accessRightAnnc", GUD, "", NULL, false },
	{ "containers", PGU, "container containerAnnc locationContainer locationContainerAnnc", "CO", true },
	{ "subcontainers", PGU, "container", "SC", true },
	{ "container", GUD, "", NULL, true },
	{ "locationContainer", GUD, "", NULL, true },
	{ "containerAnnc", GUD, "", NULL, false },
	{ "locationContainerAnnc", GUD, "", NULL, false },
	{ "contentInstances", PG, "contentInstance", "CI", true },
	{ "contentInstance", GD, "", NULL, false },
	{ "groups", PGU, "group groupAnnc", "GR", true },
	{ "group", GUD, "", NULL, true },
	{ "groupAnnc", GUD, "", NULL, false },
	{ "membersContent", ALL_METHODS, "", "MC", false },
	{ "subscriptions", PG, "subscription", "SU", false },
	{ "subscription", GUD, "", NULL, false },
	{ "m2mPocs", PG, "m2mPoc", "PC", false },
	{ "m2mPoc", GUD, "", NULL, false },
	{ "notificationChannels", PG, "notificationChannel", "NC", false },
	{ "communicationChannels", PG, "communicationChannel", "CC", false },
	{ "notificationChannel", GD, "", NULL, false },
	{ "communicationChannel", GD, "", NULL, false },
	{ "mgmtObjs", PGU, "mgmtObj mgmtCmd", "MO", true },
	{ "mgmtObj", ALL_METHODS, "parameters", NULL, true },
	{ "parameters", ALL_METHODS, "parameters", NULL, true },
	{ "mgmtCmd", GUD, "", NULL, true },
	{ "execInstances", G, "", "EI", true },
	{ "execInstance", GD, "", NULL, true },
	{ "attachedDevices", PGU, "attachedDevice", "AD", true },
	{ "attachedDevice", GUD, "", NULL, true },
	{ "discovery", G, "", "DC", false },
};

/* True when the blank-separated list has word. */
static bool
has_word(const char *list, const char *word)
{
	struct slice rest = slice_of(list), one;

	while (slice_split(&rest, ' ', &one))
		if (slice_is(one, word))
			return true;
	return false;
}

static void
check_created(const struct rtype *t, const char *creates)
{
	struct slice rest = slice_of(creates), one;

	for (const uint8_t *n = t->creates; n != NULL && *n != 0; n++)
		ck_assert_msg(has_word(creates, rtype_get(*n)->name), "%s: %s", t->name, rtype_get(*n)->name);
	while (rest.n > 0 && slice_split(&rest, ' ', &one)) {
		const struct rtype *c = rtype_created_as(t, one, SLICE_NONE);

		ck_assert_msg(c != NULL && c->base == T_NONE, "%s: %.*s", t->name, (int)one.n, one.p);
		ck_assert(rtype_created_as(t, one, slice_of(c->shape)) == c);
		ck_assert_ptr_null(rtype_created_as(t, one, SLICE_LIT("Unknown")));
	}
}

START_TEST(types_are_those_of_the_standard)
{
	const struct rtype *t = rtype_get((unsigned)_i);
	size_t i = 0;

	if (t == NULL)
		return;
	while (i < NITEMS(reference) && strcmp(reference[i].name, t->name) != 0)
		i++;
	ck_assert_msg(i < NITEMS(reference), "%s", t->name);
	ck_assert_msg(t->methods == reference[i].methods, "%s", t->name);
	ck_assert((t->short_name == NULL) == (reference[i].short_name == NULL));
	ck_assert(t->short_name == NULL || strcmp(t->short_name, reference[i].short_name) == 0);
	ck_assert_msg((rtype_fixed_child(t, SLICE_LIT("subscriptions")) != NULL) == reference[i].subscribed,
	              "%s", t->name);
	check_created(t, reference[i].creates);
}
END_TEST

/* A typed row has all that its base has, in the same order, and is found by its type only. */
START_TEST(typed_rows_extend_their_base)
{
	const struct rtype *t = rtype_get((unsigned)_i), *base, *parent;
	const struct rule *own;

	if (t == NULL || t->base == T_NONE) {
		ck_assert(t == NULL || t->xsi_type == NULL);
		return;
	}
	base = rtype_get(t->base);
	parent = t->base == T_MGMT_OBJ ? rtype_get(T_MGMT_OBJS) : base;
	ck_assert(t->base == T_MGMT_OBJ || t->base == T_PARAMETERS);
	ck_assert_str_eq(t->name, base->name);
	ck_assert_str_eq(t->xsi_type, t->shape);
	ck_assert(t->flags == base->flags || t->flags == (base->flags | RT_RELEASE2));
	ck_assert(t->code == base->code && t->govern == base->govern && t->creates == base->creates);
	own = t->rules;
	for (const struct rule *r = base->rules; r->attr != A_END; r++, own++)
		ck_assert(memcmp(r, own, sizeof(*r)) == 0);
	ck_assert(own[-1].attr == A_MO_ATTRIBUTE && own[-1].elem == (E_WILDCARD | E_MANY));
	ck_assert(rtype_created_as(parent, slice_of(t->name), slice_of(t->xsi_type)) == t);
	ck_assert_ptr_null(rtype_created_as(parent, SLICE_LIT("mgmtCmd"), slice_of(t->xsi_type)));
}
END_TEST

START_TEST(announcements_belong_to_their_types)
{
	static const struct {
		unsigned type, annc;
	} pairs[] = {
		{ T_APPLICATION, T_APPLICATION_ANNC },
		{ T_CONTAINER, T_CONTAINER_ANNC },
		{ T_LOCATION_CONTAINER, T_LOCATION_CONTAINER_ANNC },
		{ T_GROUP, T_GROUP_ANNC },
		{ T_ACCESS_RIGHT, T_ACCESS_RIGHT_ANNC },
		{ T_SCL, T_SCL_ANNC },
	};
	unsigned announced = 0;

	for (unsigned n = 0; n < T_MAX; n++)
		announced += rtype_get(n) != NULL && rtype_get(n)->annc != T_NONE;
	ck_assert_uint_eq(announced, NITEMS(pairs));
	for (size_t i = 0; i < NITEMS(pairs); i++) {
		const struct rtype *t = rtype_get(pairs[i].type), *annc = rtype_get(pairs[i].annc);
		char name[40];

		snprintf(name, sizeof(name), "%sAnnc", t->name);
		ck_assert_str_eq(annc->name, name);
		ck_assert_uint_eq(t->annc, annc->number);
		ck_assert_int_eq(annc->code, CODE_AN);
		ck_assert(rtype_rule(annc, A_LINK)->create == P_M && rtype_rule(t, A_ANNOUNCE_TO) != NULL);
	}
}
END_TEST

/* No child may have the name of an attribute or of a fixed child of the collection. */
START_TEST(names_in_use_are_reserved)
{
	for (unsigned n = 0; n < T_MAX; n++) {
		const struct rtype *t = rtype_get(n);

		for (const struct rule *r = t == NULL ? NULL : t->rules; r != NULL && r->attr != A_END; r++) {
			const struct rtype *child = r->source == S_CHILD ? rtype_get(r->arg) : NULL;

			ck_assert(rtype_name_reserved(t, slice_of(attr_info(r->attr)->name)) ==
			          ((r->elem & (E_ANY_ATTRIBUTE | E_WILDCARD)) == 0));
			ck_assert(child == NULL || rtype_name_reserved(t, slice_of(child->name)));
			ck_assert(child == NULL || child->short_name == NULL ||
			          rtype_name_reserved(t, slice_of(child->short_name)));
		}
		ck_assert(t == NULL || !rtype_name_reserved(t, SLICE_LIT("mine")));
	}
}
END_TEST

START_TEST(actions_are_uris)
{
	static const char names[] =
	    "execEnable execDisable devCapEnable devCapDisable fwDownload fwUpdate fwDownloadAndUpdate "
	    "fwRemove swDownload swDownloadAndInstall swInstall swRemove swActivate swDeactivate reboot "
	    "factoryReset perfLogStart perfLogStop trapEventEnable trapEventDisable reRegistration "
	    "deRegistration";

	for (unsigned n = 0; n < T_MAX; n++) {
		const struct rtype *t = rtype_get(n);

		for (const struct rule *r = t == NULL ? NULL : t->rules; r != NULL && r->attr != A_END; r++) {
			bool action = (r->elem & E_ACTION) != 0;

			ck_assert_msg(has_word(names, attr_info(r->attr)->name) == action, "%s: %s", t->shape,
			              attr_info(r->attr)->name);
			ck_assert(!action || attr_info(r->attr)->kind == K_URI);
		}
	}
}
END_TEST

/* The deepest chain of fixed children below t. */
static unsigned
depth_below(const struct rtype *t, unsigned limit)
{
	unsigned deepest = 0;

	ck_assert_uint_gt(limit, 0);
	for (const struct rule *r = t->rules; r->attr != A_END; r++)
		if (r->source == S_CHILD) {
			unsigned d = 1 + depth_below(rtype_get(r->arg), limit - 1);

			deepest = d > deepest ? d : deepest;
		}
	return deepest;
}

START_TEST(slots_hold_every_path)
{
	for (unsigned n = 1; n < T_MAX; n++)
		if (rtype_get(n) != NULL)
			ck_assert_uint_le(depth_below(rtype_get(n), 10), SLOT_DEPTH);
	ck_assert_uint_eq(slot_below(slot_below(SLOT_SELF, T_APPLICATIONS), T_SUBSCRIPTIONS), 0x040c);
	ck_assert_uint_eq(slot_type(0x040c), T_SUBSCRIPTIONS);
	ck_assert_uint_eq(slot_type(SLOT_SELF), T_NONE);
	ck_assert_uint_lt(T_MAX, 256);
}
END_TEST

START_TEST(types_are_found_by_name)
{
	const struct rtype *base = rtype_get(T_SCL_BASE), *app = rtype_get(T_APPLICATION);

	ck_assert_ptr_null(rtype_get(T_NONE));
	ck_assert_ptr_null(rtype_get(T_MAX));
	ck_assert_ptr_null(rtype_get(70000));
	ck_assert(rtype_fixed_child(base, SLICE_LIT("containers")) == rtype_get(T_CONTAINERS));
	ck_assert(rtype_fixed_child(base, SLICE_LIT("CO")) == rtype_get(T_CONTAINERS));
	ck_assert_ptr_null(rtype_fixed_child(base, SLICE_LIT("contentInstances")));
	ck_assert_ptr_null(rtype_fixed_child(base, SLICE_NONE));
	ck_assert(rtype_created_as(rtype_get(T_SUBCONTAINERS), SLICE_LIT("container"), SLICE_NONE) ==
	          rtype_get(T_CONTAINER));
	ck_assert_ptr_null(rtype_created_as(rtype_get(T_SUBCONTAINERS), SLICE_LIT("locationContainer"),
	                                    SLICE_NONE));
	ck_assert_int_eq(rtype_rule_named(app, SLICE_LIT("aPoC"))->attr, A_APOC);
	ck_assert_ptr_null(rtype_rule_named(app, SLICE_LIT("apoc")));
	ck_assert_ptr_null(rtype_rule(app, A_CONTENT));
	ck_assert(rtype_name_reserved(app, SLICE_LIT("containers")));
	ck_assert(rtype_name_reserved(app, SLICE_LIT("CO")));
	ck_assert(rtype_name_reserved(app, SLICE_LIT("searchStrings")));
	ck_assert(!rtype_name_reserved(app, SLICE_LIT("appId")));
	ck_assert(!rtype_name_reserved(app, SLICE_LIT("mine")));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("model");
	TCase *c = tcase_create("all");

	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, numbers_are_unique);
	tcase_add_test(c, kinds_have_what_they_need);
	tcase_add_test(c, shapes_are_sound);
	tcase_add_test(c, enumerations_are_sound);
	tcase_add_test(c, indexes_by_name_agree);
	tcase_add_loop_test(c, types_are_sound, 1, T_MAX);
	tcase_add_loop_test(c, types_are_those_of_the_standard, 1, T_MAX);
	tcase_add_loop_test(c, typed_rows_extend_their_base, 1, T_MAX);
	tcase_add_test(c, announcements_belong_to_their_types);
	tcase_add_test(c, names_in_use_are_reserved);
	tcase_add_test(c, actions_are_uris);
	tcase_add_test(c, slots_hold_every_path);
	tcase_add_test(c, types_are_found_by_name);
	suite_add_tcase(s, c);
	return run_suite(s);
}
