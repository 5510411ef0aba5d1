/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "model/attr.h"

#define ENUMERATION(id, type, ...)                                                                 \
	static const char *const id##_values[] = { __VA_ARGS__, NULL };                            \
	static const struct enumeration enum_##id = { type, id##_values, NULL };

ENUMERATION(apoc_handling, "APocHandling", "SHALLOW", "DEEP")
ENUMERATION(online_status, "OnlineStatus", "ONLINE", "OFFLINE", "NOT_REACHABLE")
ENUMERATION(scl_type, "SclType", "NSCL", "GSCL", "DSCL")
ENUMERATION(reference_point, "ReferencePoint", "MIA_REFERENCE_POINT", "DIA_REFERENCE_POINT")
ENUMERATION(permission_flag, "PermissionFlagType", "READ", "WRITE", "DISCOVER", "DELETE", "CREATE")
ENUMERATION(subscription_type, "SubscriptionType", "ASYNCHRONOUS", "SYNCHRONOUS")
ENUMERATION(resource_type, "ResourceType", "CS", "RS", "AN", "CI", "CT", "AP", "SB", "SL", "AR", "MT",
            "GP", "PM")
ENUMERATION(status_code, "StatusCode", "STATUS_OK", "STATUS_ACCEPTED", "STATUS_BAD_REQUEST",
            "STATUS_PERMISSION_DENIED", "STATUS_FORBIDDEN", "STATUS_NOT_FOUND",
            "STATUS_METHOD_NOT_ALLOWED", "STATUS_NOT_ACCEPTABLE", "STATUS_REQUEST_TIMEOUT",
            "STATUS_CONFLICT", "STATUS_UNSUPPORTED_MEDIA_TYPE", "STATUS_INTERNAL_SERVER_ERROR",
            "STATUS_NOT_IMPLEMENTED", "STATUS_BAD_GATEWAY", "STATUS_SERVICE_UNAVAILABLE",
            "STATUS_GATEWAY_TIMEOUT", "STATUS_DELETED", "STATUS_EXPIRED")

static const char *const mgmt_protocol_values[] = { "OMA_DM", "BBF_TR069", NULL };
static const char *const mgmt_protocol_release1[] = { "OMA DM", "BBF TR 069", NULL };
static const struct enumeration enum_mgmt_protocol_type = { "MgmtProtocolType", mgmt_protocol_values,
	                                                    mgmt_protocol_release1 };

#define SHAPE_OF(id, type, shape_flags, kind, ...)                                                 \
	static const struct elem id##_elems[] = { __VA_ARGS__, { A_END, 0 } };                     \
	const struct shape shape_##id = { type, id##_elems, (shape_flags), (kind), NULL, A_END };
#define Q(id) { A_##id, E_QUALIFIED }
#define Q_MANY(id) { A_##id, E_QUALIFIED | E_MANY }
#define Q_REQUIRED(id) { A_##id, E_QUALIFIED | E_REQUIRED }
#define Q_SOME(id) { A_##id, E_QUALIFIED | E_MANY | E_REQUIRED }
#define L(id) { A_##id, E_LOCAL }
#define L_MANY(id) { A_##id, E_LOCAL | E_MANY }
#define L_REQUIRED(id) { A_##id, E_LOCAL | E_REQUIRED }
#define X(id) { A_##id, E_ATTRIBUTE }
#define XM(id) { A_##id, E_ATTRIBUTE_M2M }

extern const struct shape shape_empty, shape_search_strings, shape_announce_to, shape_any_uri_list,
    shape_named_reference, shape_named_references, shape_schedule, shape_schedule_string,
    shape_integrity_val_results, shape_apoc_paths, shape_apoc_path, shape_permission_list,
    shape_permission, shape_permission_flags, shape_permission_holders, shape_holder_refs,
    shape_application_ids, shape_scl_ids, shape_domains, shape_content_instance_collection,
    shape_content_instance, shape_content_types, shape_content, shape_contact_info,
    shape_representation;

static const struct elem empty_elems[] = { { A_END, 0 } };
const struct shape shape_empty = { "anyType", empty_elems, 0, 0, NULL, A_END };

SHAPE_OF(search_strings, "SearchStrings", 0, 0, Q_MANY(SEARCH_STRING))
SHAPE_OF(any_uri_list, "AnyURIList", 0, 0, L_MANY(REFERENCE))
SHAPE_OF(announce_to, "AnnounceTo", 0, 0, Q(ACTIVATED), Q_REQUIRED(SCL_LIST), Q(GLOBAL))
SHAPE_OF(named_reference, "ReferenceToNamedResource", SHAPE_TEXT, K_URI, X(REF_ID))
SHAPE_OF(named_references, "NamedReferenceCollection", 0, 0, Q_MANY(NAMED_REFERENCE))
SHAPE_OF(schedule_string, "ScheduleString", SHAPE_TEXT, K_STRING, X(REF_ID))
SHAPE_OF(schedule, "Schedule", 0, 0, Q_MANY(SCHEDULE_STRING))
SHAPE_OF(integrity_val_results, "IntegrityValResults", 0, 0, L_REQUIRED(IVAL_RESULTS),
         L_REQUIRED(SIGNED_IVAL_RESULT), L_REQUIRED(SECURE_TIME_STAMP))
SHAPE_OF(apoc_path, "APoCPath", 0, 0, Q_REQUIRED(PATH), Q(ACCESS_RIGHT_ID), Q(SEARCH_STRINGS))
SHAPE_OF(apoc_paths, "APoCPaths", 0, 0, Q_MANY(APOC_PATH))
SHAPE_OF(permission_flags, "PermissionFlagListType", 0, 0, Q_MANY(FLAG))
SHAPE_OF(holder_refs, "HolderRefListType", 0, 0, Q_MANY(HOLDER_REF))
SHAPE_OF(application_ids, "ApplicationIDs", 0, 0, Q_MANY(APPLICATION_ID))
SHAPE_OF(scl_ids, "SclIDs", 0, 0, Q_MANY(SCL_ID_ENTRY))
SHAPE_OF(domains, "DomainListType", 0, 0, Q_MANY(DOMAIN))
SHAPE_OF(permission_holders, "PermissionHolderType", 0, 0, Q(HOLDER_REFS), Q(APPLICATION_IDS),
         Q(SCL_IDS), Q(ALL), Q(DOMAINS))
SHAPE_OF(permission, "PermissionType", 0, 0, XM(ID), Q_REQUIRED(PERMISSION_FLAGS),
         Q_REQUIRED(PERMISSION_HOLDERS))
SHAPE_OF(permission_list, "PermissionListType", 0, 0, Q_MANY(PERMISSION))
SHAPE_OF(content_types, "ContentTypes", 0, 0, Q_SOME(CONTENT_TYPE))
SHAPE_OF(content, "Content", SHAPE_CHOICE | SHAPE_RELEASE1_TEXT, 0,
         { A_CONTENT_TYPE_ATTR, E_ATTRIBUTE_XMIME }, Q(BINARY_CONTENT), Q(TEXT_CONTENT))
SHAPE_OF(content_instance, "ContentInstance", SHAPE_VIRTUAL, 0, XM(ID), X(HREF), Q(CREATION_TIME),
         Q(LAST_MODIFIED_TIME), Q(DELAY_TOLERANCE), Q(SEARCH_STRINGS), Q(CONTENT_TYPES),
         Q(CONTENT_SIZE), Q(CONTENT))
SHAPE_OF(content_instance_collection, "ContentInstanceCollection", SHAPE_VIRTUAL, 0,
         Q_MANY(CONTENT_INSTANCE))
SHAPE_OF(contact_info, "ContactInfo", SHAPE_CHOICE, 0, Q(CONTACT_URI), Q(OTHER))
/*
 * The criteria of contentInstances extend the general ones; one shape takes both (TS 102 921, data
 * types).
 */
static const struct elem filter_criteria_elems[] = {
	L(IF_MODIFIED_SINCE), L(IF_UNMODIFIED_SINCE), L_MANY(IF_NONE_MATCH), L(ATTRIBUTE_ACCESSOR),
	L_MANY(SEARCH_STRING), L(CREATED_AFTER), L(CREATED_BEFORE), L(MAX_SIZE), L(SEARCH_PREFIX),
	L_MANY(IN_TYPE), L_MANY(OUT_TYPE), L(SIZE_FROM), L(SIZE_UNTIL), L_MANY(CONTENT_TYPE),
	L(META_DATA_ONLY), { A_END, 0 },
};
const struct shape shape_filter_criteria = { "FilterCriteriaType", filter_criteria_elems, 0, 0,
	                                     "ContentInstancesFilterCriteriaType", A_SIZE_FROM };
SHAPE_OF(representation, "base64Binary", SHAPE_TEXT | SHAPE_BASE64_TEXT, K_BASE64,
         { A_CONTENT_TYPE_ATTR, E_ATTRIBUTE_XMIME })
SHAPE_OF(error_info, "ErrorInfo", 0, 0, Q(STATUS_CODE), Q(ADDITIONAL_INFO))
SHAPE_OF(notify, "Notify", 0, 0, Q_REQUIRED(STATUS_CODE), L(REPRESENTATION), L(TIMEOUT_REASON),
         L_REQUIRED(SUBSCRIPTION_REFERENCE), L(REQUESTING_ENTITY), L(CONTACT))

const struct shape *const shapes[] = {
	&shape_empty, &shape_search_strings, &shape_any_uri_list, &shape_announce_to,
	&shape_named_reference, &shape_named_references, &shape_schedule_string, &shape_schedule,
	&shape_integrity_val_results, &shape_apoc_path, &shape_apoc_paths, &shape_permission_flags,
	&shape_holder_refs, &shape_application_ids, &shape_scl_ids, &shape_domains,
	&shape_permission_holders, &shape_permission, &shape_permission_list, &shape_content_types,
	&shape_content, &shape_content_instance, &shape_content_instance_collection,
	&shape_contact_info, &shape_filter_criteria, &shape_representation, &shape_error_info,
	&shape_notify, NULL,
};

const struct enumeration *const enumerations[] = {
	&enum_apoc_handling, &enum_online_status, &enum_scl_type, &enum_reference_point,
	&enum_permission_flag, &enum_subscription_type, &enum_resource_type, &enum_status_code,
	&enum_mgmt_protocol_type, NULL,
};

#define NONE .since
#define SHAPE(id) .shape = &shape_##id, .since
#define VALUES(id) .values = &enum_##id, .since

static const struct attr_info dictionary[A_MAX] = {
#define ATTR(number, id, text, kind_id, extra, release)                                            \
	[number] = { .name = (text), .kind = K_##kind_id, extra = (release) },
#include "model/attrs.def"
#undef ATTR
};

const struct attr_info *
attr_info(unsigned attr)
{
	return attr < A_MAX && dictionary[attr].name != NULL ? &dictionary[attr] : NULL;
}

static int
index_in(const char *const *values, struct slice text)
{
	for (int i = 0; values != NULL && values[i] != NULL; i++)
		if (slice_is(text, values[i]))
			return i;
	return -1;
}

int
enum_index(const struct enumeration *e, struct slice text)
{
	int i = index_in(e->values, text);

	return i >= 0 ? i : index_in(e->release1, text);
}
