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

ENUMERATION(consistency_strategy, "ConsistencyStrategy", "ABANDON_GROUP", "ABANDON_MEMBER",
            "MODIFY_TYPE")
ENUMERATION(method_type, "MethodType", "CREATE", "RETRIEVE", "UPDATE", "DELETE", "EXECUTE", "NOTIFY")
ENUMERATION(rcat, "RcatType", "RCAT_0", "RCAT_1", "RCAT_2", "RCAT_3", "RCAT_4", "RCAT_5", "RCAT_6",
            "RCAT_7")
ENUMERATION(location_container_type, "LocationContainerType", "LOCATION_SERVER_BASED",
            "APPLICATION_GENERATED")
ENUMERATION(channel_type, "ChannelType", "LONG_POLLING")
ENUMERATION(final_status, "FinalStatus", "SUCCESS", "FAILURE")
ENUMERATION(cmd_type, "CmdType", "RESET", "REBOOT", "UPLOAD", "DOWNLOAD", "SCHEDULEDOWNLOAD",
            "SCHEDULEINFORM", "CHANGEDUSTATE")
ENUMERATION(exec_status, "ExecStatus", "INITIATED", "STARTED", "FINISHED", "CANCELLING")
ENUMERATION(reboot_level, "RebootLevel", "RESTART_OS", "RESTART_ALL_APPLS", "RESTART_ONE_APPL")
ENUMERATION(reboot_timing, "RebootTiming", "IMMEDIATE", "ASAP")
ENUMERATION(log_type_id, "logTypId", "systLog", "appLog")
ENUMERATION(batt_status, "BatteryStatus", "NORMAL", "CHARGING", "CHARGE_COMPLETE", "DAMAGED",
            "LOW_BATTERY", "NOT_INSTALLED", "UNKNOWN")
ENUMERATION(area_nwk_type, "AreaNwkType", "6LOWPAN", "6LOWPAN-BLUETOOTH", "6LOWPAN-WIFI",
            "6LOWPAN-PLC", "IPV4-WPAN", "IPV4-BLUETOOTH", "IPV4-WIFI", "IPV4-PLC", "ZIGBEE")
ENUMERATION(area_nwk_status, "AreaNwkStatus", "ASLEEP", "AWAKE")

/* Enumerations that Release 1 spelled otherwise (TS 102 921 V1.1). */
#define ENUMERATION_RELEASE1(id, type, ...)                                                        \
	static const char *const id##_release1[] = { __VA_ARGS__, NULL };                          \
	static const struct enumeration enum_##id = { type, id##_values, id##_release1 };

static const char *const mgmt_protocol_type_values[] = { "OMA_DM", "BBF_TR069", NULL };
ENUMERATION_RELEASE1(mgmt_protocol_type, "MgmtProtocolType", "OMA DM", "BBF TR 069")
static const char *const member_type_values[] = {
	"APPLICATION",        "CONTAINER", "ACCESS_RIGHT", "SCL_BASE",        "SCL",
	"LOCATION_CONTAINER", "MGMT_OBJ",  "MGMT_CMD",     "ATTACHED_DEVICE", "MIXED", NULL
};
ENUMERATION_RELEASE1(member_type, "MemberType", "APPLICATION", "CONTAINER", "ACCESS_RIGHT",
                     "SERVER_CAPABILITY_LAYER", "SCL")

const struct enumeration *const enumerations[] = {
	&enum_apoc_handling, &enum_online_status, &enum_scl_type, &enum_reference_point,
	&enum_permission_flag, &enum_subscription_type, &enum_resource_type, &enum_status_code,
	&enum_mgmt_protocol_type, &enum_consistency_strategy, &enum_method_type, &enum_rcat,
	&enum_location_container_type, &enum_channel_type, &enum_final_status, &enum_cmd_type,
	&enum_exec_status, &enum_reboot_level, &enum_reboot_timing, &enum_log_type_id,
	&enum_batt_status, &enum_area_nwk_type, &enum_area_nwk_status, &enum_member_type, NULL,
};

/* Shapes that only the dictionary refers to. */
#define SHAPE(id) extern const struct shape shape_##id;
#define VALUES(id)
#define NONE
#define RANGE(least, greatest)
#define LENGTH(characters)
#define SECONDS
#define WORDS
#define ATTR(number, id, text, kind_id, extra, release) extra
#include "model/attrs.def"
#undef ATTR
#undef SHAPE
#undef VALUES
#undef NONE
#undef RANGE
#undef LENGTH
#undef SECONDS
#undef WORDS

#define NONE .since
#define SHAPE(id) .shape = &shape_##id, .since
#define VALUES(id) .values = &enum_##id, .since
#define RANGE(least, greatest) .min = (least), .max = (greatest), .since
#define LENGTH(characters) .length = (characters), .since
#define SECONDS .seconds = true, .since
#define WORDS .words = true, .since

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

unsigned
attr_release2(unsigned attr)
{
	switch (attr) {
	case A_CREATED_SINCE:
		return A_CREATED_AFTER;
	case A_CREATED_UNTIL:
		return A_CREATED_BEFORE;
	case A_CREATOR:
	case A_IF_MATCH:
		return A_END;
	default:
		return attr;
	}
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
