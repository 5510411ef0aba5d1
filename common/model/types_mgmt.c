/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Device management: mgmtObj, parameters and mgmtCmd (TS 102 921 clauses 10.29 to 10.33) and the
 * types of them that ETSI defines (TS 102 690 annex E): xsi:type tells them apart, and their own
 * elements follow those of the base.
 */
#include "config.h"

#include "model/types.h"

extern const struct hooks hooks_mgmt_obj, hooks_parameters;

/* Elements of foreign data models; the schema has them before what a typed one adds. */
#define FOREIGN { A_MO_ATTRIBUTE, E_WILDCARD | E_MANY, P_O, P_O, P_O, S_STORED, 0 }
/* The schema demands parametersCollection even in requests: there it says nothing. */
#define PARAMETERS_LISTED                                                                          \
	{ A_PARAMETERS_COLLECTION, E_QUALIFIED, P_O, P_O, P_M, S_MEMBERS, T_PARAMETERS }
/* So it does the id, which a client need not choose and cannot change. */
#define SAME_ID { A_ID, E_ATTRIBUTE_M2M, P_O, P_O, P_M, S_HEADER, 0 }
#define MGMT_OBJ                                                                                   \
	SAME_ID, LIFETIME, RIGHT, LABELS, TIMES, STORED(MO_ID, M, NP, M),                          \
	    STORED(ORIGINAL_MO, O, NP, M), STORED(CONTENT_TYPE, O, O, O),                          \
	    STORED(DESCRIPTION, O, O, O), PARAMETERS_LISTED, SUBSCRIBED, FOREIGN
#define PARAMETERS                                                                                 \
	SAME_ID, RIGHT, TIMES, STORED(ORIGINAL_MO, O, NP, O), PARAMETERS_LISTED, SUBSCRIBED, FOREIGN

#define OPTIONAL(id) STORED(id, O, O, O)
#define NEEDED(id) STORED(id, M, M, M)

const struct rule mgmt_obj_rules[] = { MGMT_OBJ, END };
const struct rule parameters_rules[] = { PARAMETERS, END };

const struct rule mgmt_cmd_rules[] = {
	M2M_ID, LIFETIME, RIGHT, LABELS, TIMES, STORED(DESCRIPTION, O, O, O), STORED(CMD_TYPE, M, O, M),
	ACTION(EXEC_ENABLE, M, NP, M), STORED(EXEC_REQ_ARGS, O, O, O),
	CHILD(EXEC_INSTANCES_REFERENCE, EXEC_INSTANCES), SUBSCRIBED, END,
};

const struct rule exec_instances_rules[] = {
	TIMES, MEMBERS(EXEC_INSTANCE_COLLECTION, EXEC_INSTANCE), SUBSCRIBED, END,
};

/* Made by the SCL only. */
const struct rule exec_instance_rules[] = {
	NAME(ID, E_ATTRIBUTE_M2M, NP), HEADER(EXPIRATION_TIME, NP, NP, M),
	STORED(ACCESS_RIGHT_ID, NP, NP, O), TIMES, STORED(EXEC_STATUS, NP, NP, M),
	STORED(EXEC_RESULT, NP, NP, M), ACTION(EXEC_DISABLE, NP, NP, O), SUBSCRIBED, END,
};

/* ---- typed mgmtObjs ---- */

static const struct rule device_info_rules[] = {
	MGMT_OBJ, OPTIONAL(DEVICE_LABEL), OPTIONAL(MANUFACTURER), OPTIONAL(MODEL),
	OPTIONAL(DEVICE_TYPE), OPTIONAL(FIRMWARE_VERSION), OPTIONAL(SOFTWARE_VERSION),
	OPTIONAL(HARDWARE_VERSION), END,
};

static const struct rule device_capability_rules[] = { MGMT_OBJ, END };

static const struct rule memory_rules[] = {
	MGMT_OBJ, OPTIONAL(RAM_AVAILABLE), OPTIONAL(RAM_TOTAL), END,
};

static const struct rule battery_rules[] = { MGMT_OBJ, NEEDED(STANDBY_TIME), END };

static const struct rule firmware_rules[] = { MGMT_OBJ, END };

static const struct rule software_rules[] = { MGMT_OBJ, END };

static const struct rule reboot_rules[] = {
	MGMT_OBJ, OPTIONAL(REBOOT_LEVEL), OPTIONAL(REBOOT_TIMING), OPTIONAL(APPLICATION_REF),
	OPTIONAL(REBOOT_ACTION_STATUS), END,
};

static const struct rule performance_log_rules[] = {
	MGMT_OBJ, OPTIONAL(LOG_TYPE_ID), OPTIONAL(LOG_DATA), OPTIONAL(PERFO_LOG_ACTION_STATUS),
	END,
};

static const struct rule trap_event_rules[] = { MGMT_OBJ, END };

static const struct rule area_nwk_info_rules[] = { MGMT_OBJ, OPTIONAL(NUM_OF_AREA_NWKS), END };

static const struct rule area_nwk_device_info_rules[] = { MGMT_OBJ, END };

static const struct rule scl_mo_rules[] = {
	MGMT_OBJ, OPTIONAL(REG_TARGET_NSCL_LIST), OPTIONAL(REG_EXPIRATION_DURATION),
	OPTIONAL(REG_ACCESS_RIGHT_ID), OPTIONAL(REG_SEARCH_STRINGS),
	OPTIONAL(ANNOUNCED_TO_SCL_LIST), OPTIONAL(MAX_NUMBER_OF_DISCOV_RECORDS),
	OPTIONAL(MAX_SIZE_OF_DISCOV_ANSWER), OPTIONAL(SCL_ACTION_STATUS), END,
};

/* ---- typed parameters ---- */

/* What the schema demands of actions is not demanded of clients: the SCL knows their URIs. */

static const struct rule capability_instance_rules[] = {
	PARAMETERS, OPTIONAL(CAPABILITY_NAME), OPTIONAL(ATTACHED),
	OPTIONAL(CAPABILITY_ACTION_STATUS), END,
};

static const struct rule capability_action_rules[] = {
	PARAMETERS, ACTION(DEV_CAP_ENABLE, O, O, M), ACTION(DEV_CAP_DISABLE, O, O, M), END,
};

static const struct rule battery_instance_rules[] = {
	PARAMETERS, NEEDED(BATT_LEVEL), NEEDED(BATT_STATUS), END,
};

static const struct rule fw_instance_rules[] = {
	PARAMETERS, NEEDED(FIRMWARE_NAME), NEEDED(FIRMWARE_VERSION), NEEDED(FIRMWARE_URL),
	OPTIONAL(FW_ACTION_STATUS), END,
};

static const struct rule firmware_action_rules[] = {
	PARAMETERS, ACTION(FW_DOWNLOAD, O, O, M), ACTION(FW_UPDATE, O, O, M),
	ACTION(FW_DOWNLOAD_AND_UPDATE, O, O, M), ACTION(FW_REMOVE, O, O, M), END,
};

static const struct rule sw_instance_rules[] = {
	PARAMETERS, NEEDED(SOFTWARE_NAME), NEEDED(SOFTWARE_VERSION), NEEDED(SOFTWARE_URL),
	NEEDED(SW_ACTION_STATUS), END,
};

static const struct rule software_action_rules[] = {
	PARAMETERS, ACTION(SW_DOWNLOAD, O, O, M), ACTION(SW_DOWNLOAD_AND_INSTALL, O, O, M),
	ACTION(SW_INSTALL, O, O, M), ACTION(SW_REMOVE, O, O, M),
	ACTION(SW_ACTIVATE, O, O, M), ACTION(SW_DEACTIVATE, O, O, M), END,
};

static const struct rule reboot_action_rules[] = {
	PARAMETERS, ACTION(REBOOT, O, O, O), ACTION(FACTORY_RESET, O, O, O), END,
};

static const struct rule perf_log_action_rules[] = {
	PARAMETERS, ACTION(PERF_LOG_START, O, O, O), ACTION(PERF_LOG_STOP, O, O, O), END,
};

static const struct rule trap_instance_rules[] = {
	PARAMETERS, OPTIONAL(TRAP_ID), OPTIONAL(EVENT_OCCURED), OPTIONAL(TRAP_ACTION_STATUS), END,
};

static const struct rule trap_event_action_rules[] = {
	PARAMETERS, ACTION(TRAP_EVENT_ENABLE, O, O, O), ACTION(TRAP_EVENT_DISABLE, O, O, O),
	END,
};

static const struct rule area_nwk_instance_rules[] = {
	PARAMETERS, NEEDED(AREA_NWK_TYPE), NEEDED(ADDRESS_TYPE), NEEDED(AREA_NWK_TYPE_INFO),
	NEEDED(LIST_OF_DEVICES), END,
};

static const struct rule area_nwk_device_info_instance_rules[] = {
	PARAMETERS, NEEDED(AREA_NWK_ID), NEEDED(SLEEP_INTERVAL), NEEDED(SLEEP_DURATION),
	NEEDED(AREA_NWK_STATUS), NEEDED(AREA_NWK_TYPE_INFO_OF_DEVICE), OPTIONAL(GROUPS_REFERENCE),
	END,
};

static const struct rule scl_mo_action_rules[] = {
	PARAMETERS, ACTION(RE_REGISTRATION, O, O, O), ACTION(DE_REGISTRATION, O, O, O), END,
};

static const struct rule saf_policy_set_rules[] = { PARAMETERS, NEEDED(POLICY_SCOPE), END };

static const struct rule anp_policy_rules[] = {
	PARAMETERS, NEEDED(AN_NAME), NEEDED(RCAT_SCHED_LIST), OPTIONAL(BLOCK_PERIODS), END,
};

static const struct rule m2m_sp_policy_rules[] = { PARAMETERS, NEEDED(DEFAULT_RCAT_VALUE), END };

static const struct rule rcat_param_list_rules[] = {
	PARAMETERS, NEEDED(RCAT_VALUE), NEEDED(DEFAULT_TRPDT_VALUE), OPTIONAL(MAX_PEND_REQS),
	OPTIONAL(MAX_PEND_DATA), NEEDED(RANKED_AN_LIST), END,
};

const uint8_t creates_mgmt_obj[] = {
	T_MGMT_OBJ, T_ETSI_DEVICE_INFO, T_ETSI_DEVICE_CAPABILITY, T_ETSI_MEMORY, T_ETSI_BATTERY,
	T_ETSI_FIRMWARE, T_ETSI_SOFTWARE, T_ETSI_REBOOT, T_ETSI_PERFORMANCE_LOG,
	T_ETSI_TRAP_EVENT, T_ETSI_AREA_NWK_INFO, T_ETSI_AREA_NWK_DEVICE_INFO, T_ETSI_SCL_MO,
	T_MGMT_CMD, 0,
};
const uint8_t creates_parameters[] = {
	T_PARAMETERS, T_CAPABILITY_INSTANCE, T_CAPABILITY_ACTION, T_BATTERY_INSTANCE,
	T_FW_INSTANCE, T_FIRMWARE_ACTION, T_SW_INSTANCE, T_SOFTWARE_ACTION, T_REBOOT_ACTION,
	T_PERF_LOG_ACTION, T_TRAP_INSTANCE, T_TRAP_EVENT_ACTION, T_AREA_NWK_INSTANCE,
	T_AREA_NWK_DEVICE_INFO_INSTANCE, T_SCL_MO_ACTION, T_SAF_POLICY_SET, T_ANP_POLICY,
	T_M2M_SP_POLICY, T_RCAT_PARAM_LIST, 0,
};

#define TYPED_MGMT_OBJ(id, type, rule_list)                                                        \
	[T_ETSI_##id - TYPES_ETSI] = {                                                             \
		.number = T_ETSI_##id, .name = "mgmtObj", .shape = (type), .xsi_type = (type),     \
		.base = T_MGMT_OBJ, .flags = RT_LABELS | RT_WILDCARD,                              \
		.methods = METHOD_POST | RESOURCE_METHODS, .code = CODE_MT, .id_attr = A_ID,       \
		.rules = (rule_list), .creates = creates_parameters, .hooks = &hooks_mgmt_obj,     \
		.clause = "10.29",                                                                 \
	}
#define TYPED_PARAMETERS(id, type, rule_list, type_flags)                                          \
	[T_##id - TYPES_ETSI] = {                                                                  \
		.number = T_##id, .name = "parameters", .shape = (type), .xsi_type = (type),       \
		.base = T_PARAMETERS, .flags = RT_WILDCARD | (type_flags),                         \
		.methods = METHOD_POST | RESOURCE_METHODS, .code = CODE_MT, .id_attr = A_ID,       \
		.rules = (rule_list), .creates = creates_parameters, .hooks = &hooks_parameters,   \
		.clause = "10.30",                                                                 \
	}

/* Release 1 had other elements, or other types, for store-and-forward policies and area networks. */
const struct rtype types_mgmt[T_MAX - TYPES_ETSI] = {
	TYPED_MGMT_OBJ(DEVICE_INFO, "EtsiDeviceInfo", device_info_rules),
	TYPED_MGMT_OBJ(DEVICE_CAPABILITY, "EtsiDeviceCapability", device_capability_rules),
	TYPED_MGMT_OBJ(MEMORY, "EtsiMemory", memory_rules),
	TYPED_MGMT_OBJ(BATTERY, "EtsiBattery", battery_rules),
	TYPED_MGMT_OBJ(FIRMWARE, "EtsiFirmware", firmware_rules),
	TYPED_MGMT_OBJ(SOFTWARE, "EtsiSoftware", software_rules),
	TYPED_MGMT_OBJ(REBOOT, "EtsiReboot", reboot_rules),
	TYPED_MGMT_OBJ(PERFORMANCE_LOG, "EtsiPerformanceLog", performance_log_rules),
	TYPED_MGMT_OBJ(TRAP_EVENT, "EtsiTrapEvent", trap_event_rules),
	TYPED_MGMT_OBJ(AREA_NWK_INFO, "EtsiAreaNwkInfo", area_nwk_info_rules),
	TYPED_MGMT_OBJ(AREA_NWK_DEVICE_INFO, "EtsiAreaNwkDeviceInfo", area_nwk_device_info_rules),
	TYPED_MGMT_OBJ(SCL_MO, "EtsiSclMo", scl_mo_rules),
	TYPED_PARAMETERS(CAPABILITY_INSTANCE, "CapabilityInstance",
	                 capability_instance_rules, 0),
	TYPED_PARAMETERS(CAPABILITY_ACTION, "CapabilityAction", capability_action_rules, 0),
	TYPED_PARAMETERS(BATTERY_INSTANCE, "BatteryInstance", battery_instance_rules, 0),
	TYPED_PARAMETERS(FW_INSTANCE, "FwInstance", fw_instance_rules, 0),
	TYPED_PARAMETERS(FIRMWARE_ACTION, "FirmwareAction", firmware_action_rules, 0),
	TYPED_PARAMETERS(SW_INSTANCE, "SwInstance", sw_instance_rules, 0),
	TYPED_PARAMETERS(SOFTWARE_ACTION, "SoftwareAction", software_action_rules, 0),
	TYPED_PARAMETERS(REBOOT_ACTION, "RebootAction", reboot_action_rules, 0),
	TYPED_PARAMETERS(PERF_LOG_ACTION, "PerfLogAction", perf_log_action_rules, 0),
	TYPED_PARAMETERS(TRAP_INSTANCE, "TrapInstance", trap_instance_rules, 0),
	TYPED_PARAMETERS(TRAP_EVENT_ACTION, "TrapEventAction", trap_event_action_rules, 0),
	TYPED_PARAMETERS(AREA_NWK_INSTANCE, "AreaNwkInstance",
	                 area_nwk_instance_rules, RT_RELEASE2),
	TYPED_PARAMETERS(AREA_NWK_DEVICE_INFO_INSTANCE, "AreaNwkDeviceInfoInstance",
	                 area_nwk_device_info_instance_rules, 0),
	TYPED_PARAMETERS(SCL_MO_ACTION, "SclMoAction", scl_mo_action_rules, 0),
	TYPED_PARAMETERS(SAF_POLICY_SET, "SafPolicySet",
	                 saf_policy_set_rules, 0),
	TYPED_PARAMETERS(ANP_POLICY, "AnpPolicy", anp_policy_rules, RT_RELEASE2),
	TYPED_PARAMETERS(M2M_SP_POLICY, "M2mSpPolicy",
	                 m2m_sp_policy_rules, RT_RELEASE2),
	TYPED_PARAMETERS(RCAT_PARAM_LIST, "RcatParamList",
	                 rcat_param_list_rules, RT_RELEASE2),
};
