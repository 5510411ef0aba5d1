/* SPDX-License-Identifier: Apache-2.0 */
/* Structured values and documents that are no resources (TS 102 921, data types). */
#include "config.h"

#include "model/attr.h"

#define NO_MORE { A_END, 0, 0 }
#define SHAPE_OF(id, type, shape_flags, kind, ...)                                                 \
	static const struct elem id##_elems[] = { __VA_ARGS__, NO_MORE };                          \
	extern const struct shape shape_##id;                                                      \
	const struct shape shape_##id = { .name = type, .elems = id##_elems, .flags = (shape_flags),  \
		                          .text_kind = (kind) };
/* What from an element on belongs to a type that extends it. */
#define SHAPE_EXTENDED(id, type, extended, from, other, ...)                                       \
	static const struct elem id##_elems[] = { __VA_ARGS__, NO_MORE };                          \
	extern const struct shape shape_##id;                                                      \
	const struct shape shape_##id = { .name = type, .elems = id##_elems, .extension = extended,   \
		                          .extension_from = A_##from, .release1 = (other) };

#define Q(id) { A_##id, E_QUALIFIED, 0 }
#define Q_MANY(id) { A_##id, E_QUALIFIED | E_MANY, 0 }
#define Q_REQUIRED(id) { A_##id, E_QUALIFIED | E_REQUIRED, 0 }
#define Q_SOME(id) { A_##id, E_QUALIFIED | E_MANY | E_REQUIRED, 0 }
#define Q_FEW(id, most) { A_##id, E_QUALIFIED | E_MANY | E_REQUIRED, most }
#define L(id) { A_##id, E_LOCAL, 0 }
#define L_MANY(id) { A_##id, E_LOCAL | E_MANY, 0 }
#define L_REQUIRED(id) { A_##id, E_LOCAL | E_REQUIRED, 0 }
#define L_FEW(id, most) { A_##id, E_LOCAL | E_MANY | E_REQUIRED, most }
#define X(id) { A_##id, E_ATTRIBUTE, 0 }
#define XM(id) { A_##id, E_ATTRIBUTE_M2M, 0 }
#define XM_REQUIRED(id) { A_##id, E_ATTRIBUTE_M2M | E_REQUIRED, 0 }
#define MEDIA_TYPE { A_CONTENT_TYPE_ATTR, E_ATTRIBUTE_XMIME, 0 }

static const struct elem empty_elems[] = { NO_MORE };
extern const struct shape shape_empty;
const struct shape shape_empty = { .name = "anyType", .elems = empty_elems };

SHAPE_OF(search_strings, "SearchStrings", 0, 0, Q_MANY(SEARCH_STRING))
SHAPE_OF(any_uri_list, "AnyURIList", 0, 0, L_MANY(REFERENCE))
SHAPE_OF(announce_to, "AnnounceTo", 0, 0, Q(ACTIVATED), Q_REQUIRED(SCL_LIST), Q(GLOBAL))
SHAPE_OF(named_reference, "ReferenceToNamedResource", SHAPE_TEXT, K_URI, X(REF_ID))
SHAPE_OF(named_references, "NamedReferenceCollection", 0, 0, Q_MANY(NAMED_REFERENCE))
SHAPE_OF(schedule_string, "ScheduleString", SHAPE_TEXT, K_STRING,
         { A_REF_ID, E_ATTRIBUTE | E_RELEASE2, 0 })
SHAPE_OF(schedule, "Schedule", 0, 0,
         { A_SCHEDULE_STRING, E_QUALIFIED | E_MANY | E_LOCAL_RELEASE1, 0 })
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
SHAPE_OF(content, "Content", SHAPE_CHOICE | SHAPE_RELEASE1_TEXT, 0, MEDIA_TYPE, Q(BINARY_CONTENT),
         Q(TEXT_CONTENT))
SHAPE_OF(content_instance, "ContentInstance", SHAPE_VIRTUAL, 0, XM(ID), X(HREF), Q(CREATION_TIME),
         Q(LAST_MODIFIED_TIME), Q(DELAY_TOLERANCE),
         { A_SEARCH_STRINGS, E_QUALIFIED | E_RELEASE2, 0 }, Q(CONTENT_TYPES), Q(CONTENT_SIZE),
         Q(CONTENT))
SHAPE_OF(content_instance_collection, "ContentInstanceCollection", SHAPE_VIRTUAL, 0,
         Q_MANY(CONTENT_INSTANCE))
SHAPE_OF(contact_info, "ContactInfo", SHAPE_CHOICE, 0, Q(CONTACT_URI), Q(OTHER))
SHAPE_EXTENDED(channel_data, "ChannelData", "LongPollingChannelData", LONG_POLLING_URI, NULL,
               Q_REQUIRED(LONG_POLLING_URI))
/* The criteria of contentInstances extend the general ones; one shape takes both. */
SHAPE_EXTENDED(filter_criteria_release1, "FilterCriteriaType (Release 1)",
               "ContentInstanceFilterCriteriaType", CREATOR, NULL, L(IF_MODIFIED_SINCE),
               L(IF_UNMODIFIED_SINCE), L_MANY(IF_MATCH), L_MANY(IF_NONE_MATCH), L(CREATOR),
               L_MANY(SEARCH_STRING), L(CREATED_SINCE), L(CREATED_UNTIL), L(SIZE_FROM), L(SIZE_UNTIL),
               L_MANY(CONTENT_TYPE), L(META_DATA_ONLY), L(ATTRIBUTE_ACCESSOR))
SHAPE_EXTENDED(filter_criteria, "FilterCriteriaType", "ContentInstancesFilterCriteriaType",
               SIZE_FROM, &shape_filter_criteria_release1, L(IF_MODIFIED_SINCE),
               L(IF_UNMODIFIED_SINCE), L_MANY(IF_NONE_MATCH), L(ATTRIBUTE_ACCESSOR),
               L_MANY(SEARCH_STRING), L(CREATED_AFTER), L(CREATED_BEFORE), L(MAX_SIZE),
               L(SEARCH_PREFIX), L_MANY(IN_TYPE), L_MANY(OUT_TYPE), L(SIZE_FROM), L(SIZE_UNTIL),
               L_MANY(CONTENT_TYPE), L(META_DATA_ONLY))
SHAPE_OF(trpdt, "TrpdtType", SHAPE_CHOICE | SHAPE_MAYBE, 0, L(TOLERABLE_DELAY), L(TOLERABLE_TIME))
SHAPE_OF(group, "Group", 0, 0, XM(ID), Q(EXPIRATION_TIME), Q(ACCESS_RIGHT_ID), Q(SEARCH_STRINGS),
         Q(CREATION_TIME), Q(LAST_MODIFIED_TIME), Q(ANNOUNCE_TO), Q(MEMBER_TYPE),
         Q(CURRENT_NR_OF_MEMBERS), Q(MAX_NR_OF_MEMBERS), Q(MEMBERS),
         Q(MEMBERS_CONTENT_ACCESS_RIGHT_ID), Q(MEMBER_TYPE_VALIDATED), Q(CONSISTENCY_STRATEGY),
         Q(MEMBERS_CONTENT_REFERENCE), Q(SUBSCRIPTIONS_REFERENCE))

/* ---- documents ---- */

SHAPE_OF(representation, "base64Binary", SHAPE_TEXT | SHAPE_BASE64_TEXT, K_BASE64, MEDIA_TYPE)
SHAPE_OF(error_info, "ErrorInfo", 0, 0, Q(STATUS_CODE), Q(ADDITIONAL_INFO))
SHAPE_OF(notify, "Notify", 0, 0, Q_REQUIRED(STATUS_CODE), L(REPRESENTATION),
         { A_TIMEOUT_REASON, E_LOCAL | E_RELEASE2, 0 }, L_REQUIRED(SUBSCRIPTION_REFERENCE),
         L(REQUESTING_ENTITY), { A_CONTACT, E_LOCAL | E_RELEASE2, 0 })
SHAPE_OF(notify_collection, "NotifyCollection", 0, 0, Q_MANY(NOTIFY))
SHAPE_OF(notify_status, "status", 0, 0, L_REQUIRED(STATUS_TARGET), L_REQUIRED(PRIMITIVE_TYPE),
         L_REQUIRED(STATUS_TEXT))
SHAPE_OF(notify_collection_response, "notifyCollectionResponse", 0, 0, L_MANY(NOTIFY_STATUS))
SHAPE_OF(request_notify, "RequestNotify", 0, 0, L_REQUIRED(REQUESTING_ENTITY),
         L_REQUIRED(TARGET_ID), L_REQUIRED(METHOD), L(FILTER_CRITERIA), L(MAX_SIZE),
         L(SEARCH_PREFIX), L(GROUP_REQUEST_IDENTIFIER), L(TRPDT), L(RCAT), L(CONTENT_TYPE_HEADER),
         L(ACCEPT_HEADER), L(IF_MODIFIED_SINCE_HEADER), L(IF_UNMODIFIED_SINCE_HEADER),
         L(IF_MATCH_HEADER), L(IF_NONE_MATCH_HEADER), L_REQUIRED(CONTACT_URI_HEADER),
         L_REQUIRED(CORRELATION_ID_HEADER), L(REPRESENTATION))
SHAPE_OF(response_notify, "ResponseNotify", 0, 0, Q_REQUIRED(STATUS_CODE), L(REPRESENTATION),
         L(LOCATION_HEADER), L(ETAG_HEADER), L(LAST_MODIFIED_HEADER))
SHAPE_OF(member_status, "memberStatus", 0, 0, X(URI_ID), L_REQUIRED(STATUS_TEXT), L(ETAG),
         L(RESOURCE_URI), L(LAST_MODIFIED_TIME), L(RESULT_BODY))
SHAPE_OF(members_content_responses, "membersContentResponses", 0, 0, L_MANY(MEMBER_STATUS))

/* ---- device management ---- */

SHAPE_OF(action_status, "ActionStatus", 0, 0, L_REQUIRED(ACTION), L_REQUIRED(PROGRESS),
         L_REQUIRED(FINAL_STATUS))
SHAPE_OF(exec_req_arg, "ExecReqArg", 0, 0, L_REQUIRED(NAME), L_REQUIRED(ARG_VALUE))
SHAPE_OF(exec_req_args, "ExecReqArgsList", 0, 0, L_MANY(EXEC_REQ_ARG))
SHAPE_OF(exec_result_item, "ExecResultItem", 0, 0, L_REQUIRED(NAME), L_REQUIRED(ARG_VALUE))
SHAPE_OF(exec_result, "ExecResultList", 0, 0, L_MANY(EXEC_RESULT_ITEM))
SHAPE_OF(log_data, "LogDataFile", 0, 0, { A_MO_ATTRIBUTE, E_WILDCARD | E_LOCAL | E_REQUIRED, 0 })
SHAPE_OF(occured_events, "OccuredEvents", 0, 0, L_REQUIRED(CURRENT_INDEX),
         L_FEW(TRAP_EVENT_TIME_STAMP, 100))
SHAPE_OF(name_value_pair, "NameValuePairItem", 0, 0, Q_REQUIRED(NAME), Q_REQUIRED(ITEM_VALUE))
SHAPE_OF(area_nwk_type_info, "AreaNwkTypeInfoSet", 0, 0, Q_MANY(AREA_NWK_TYPE_ITEM))

/* ---- store-and-forward policies ---- */

SHAPE_OF(abs_time_span, "AbsTimeSpan", 0, 0, XM_REQUIRED(ID), Q_REQUIRED(START_TIME),
         Q_REQUIRED(END_TIME))
SHAPE_OF(sched_item, "SchedItem", 0, 0, XM_REQUIRED(ID), Q_MANY(ABS_TIME_SPAN), Q_MANY(SCHEDULE))
SHAPE_OF(rcat_schedule, "RcatSchedule", 0, 0, XM_REQUIRED(ID), Q_REQUIRED(RCAT_VALUE),
         Q_SOME(SCHED_ITEM))
SHAPE_OF(rcat_sched_list, "RcatSchedList", 0, 0, XM_REQUIRED(ID), Q_FEW(RCAT_SCHEDULE, 8))
SHAPE_OF(block_item, "BlockItem", 0, 0, XM_REQUIRED(ID), Q_REQUIRED(FAILED_ATTEMPTS),
         Q_REQUIRED(BLOCK_DURATION))
SHAPE_OF(block_list, "BlockList", 0, 0, XM_REQUIRED(ID), Q_SOME(BLOCK_ITEM))
SHAPE_OF(ranked_an_list, "RankedAnList", 0, 0, XM_REQUIRED(ID), Q_SOME(ACCESS_NETWORK))

const struct shape *const shapes[] = {
	&shape_empty, &shape_search_strings, &shape_any_uri_list, &shape_announce_to,
	&shape_named_reference, &shape_named_references, &shape_schedule_string, &shape_schedule,
	&shape_integrity_val_results, &shape_apoc_path, &shape_apoc_paths, &shape_permission_flags,
	&shape_holder_refs, &shape_application_ids, &shape_scl_ids, &shape_domains,
	&shape_permission_holders, &shape_permission, &shape_permission_list, &shape_content_types,
	&shape_content, &shape_content_instance, &shape_content_instance_collection,
	&shape_contact_info, &shape_channel_data, &shape_filter_criteria_release1,
	&shape_filter_criteria, &shape_trpdt, &shape_group, &shape_representation,
	&shape_error_info, &shape_notify, &shape_notify_collection,
	&shape_notify_status, &shape_notify_collection_response, &shape_request_notify,
	&shape_response_notify, &shape_member_status, &shape_members_content_responses,
	&shape_action_status, &shape_exec_req_arg, &shape_exec_req_args, &shape_exec_result_item,
	&shape_exec_result, &shape_log_data, &shape_occured_events, &shape_name_value_pair,
	&shape_area_nwk_type_info, &shape_abs_time_span, &shape_sched_item, &shape_rcat_schedule,
	&shape_rcat_sched_list, &shape_block_item, &shape_block_list, &shape_ranked_an_list, NULL,
};

const struct document documents[] = {
	{ "errorInfo", &shape_error_info, 1 },
	{ "notify", &shape_notify, 1 },
	{ "notifyCollection", &shape_notify_collection, 2 },
	{ "notifyCollectionResponse", &shape_notify_collection_response, 2 },
	{ "requestNotify", &shape_request_notify, 2 },
	{ "responseNotify", &shape_response_notify, 1 },
	{ "membersContentResponses", &shape_members_content_responses, 1 },
	{ NULL, NULL, 0 },
};
