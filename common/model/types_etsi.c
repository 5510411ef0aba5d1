/* SPDX-License-Identifier: Apache-2.0 */
/* The ETSI M2M type table (TS 102 921 clause 10), in the order of the standard. */
#include "config.h"

#include "model/types.h"

extern const struct hooks hooks_scl, hooks_application, hooks_access_right, hooks_container,
    hooks_content_instances, hooks_content_instance, hooks_subscription, hooks_m2m_poc,
    hooks_discovery, hooks_annc, hooks_group, hooks_members_content,
    hooks_notification_channel, hooks_communication_channel, hooks_mgmt_obj, hooks_parameters,
    hooks_mgmt_cmd, hooks_exec_instance;

#define ANNOUNCE STORED(ANNOUNCE_TO, O, O, M)

static const struct rule scl_base_rules[] = {
	RIGHT, LABELS, TIMES, STORED(APOC_HANDLING, O, O, O), CHILD(SCLS_REFERENCE, SCLS),
	CHILD(APPLICATIONS_REFERENCE, APPLICATIONS), CHILD(CONTAINERS_REFERENCE, CONTAINERS),
	CHILD(GROUPS_REFERENCE, GROUPS), CHILD(ACCESS_RIGHTS_REFERENCE, ACCESS_RIGHTS),
	SUBSCRIBED, CHILD(DISCOVERY_REFERENCE, DISCOVERY), END,
};

static const struct rule scls_rules[] = {
	RIGHT, TIMES, MEMBERS(SCL_COLLECTION, SCL), SUBSCRIBED,
	CHILD(MGMT_OBJS_REFERENCE, MGMT_OBJS), END,
};

static const struct rule scl_rules[] = {
	NAME(SCL_ID, E_ATTRIBUTE, M), STORED(POCS, O, O, M), STORED(REM_TRIGGER_ADDR, O, O, O),
	HOOKED(ONLINE_STATUS, M), HOOKED(SERVER_CAPABILITY, M), STORED(LINK, M, NP, M),
	STORED(SCHEDULE, O, O, O), LIFETIME, RIGHT, LABELS, TIMES, STORED(LOC_TARGET_DEVICE, O, O, O),
	STORED(MGMT_PROTOCOL_TYPE, M, M, M), STORED(INTEGRITY_VAL_RESULTS, O, O, O),
	STORED(APOC_HANDLING, NP, NP, O), STORED(SCL_TYPE, O, NP, M),
	{ A_ANNOUNCE_TO, E_QUALIFIED | E_RELEASE2, P_O, P_O, P_M, S_STORED, 0 },
	STORED(PUBLIC_DOMAIN, NP, NP, O), CHILD(CONTAINERS_REFERENCE, CONTAINERS),
	CHILD(GROUPS_REFERENCE, GROUPS), CHILD(APPLICATIONS_REFERENCE, APPLICATIONS),
	CHILD(ACCESS_RIGHTS_REFERENCE, ACCESS_RIGHTS), SUBSCRIBED,
	CHILD(MGMT_OBJS_REFERENCE, MGMT_OBJS),
	CHILD(NOTIFICATION_CHANNELS_REFERENCE, NOTIFICATION_CHANNELS),
	CHILD(COMMUNICATION_CHANNELS_REFERENCE, COMMUNICATION_CHANNELS),
	CHILD(M2M_POCS_REFERENCE, M2M_POCS), CHILD(ATTACHED_DEVICES_REFERENCE, ATTACHED_DEVICES),
	CHILD(SCL_ANNCS_REFERENCE, SCL_ANNCS), END,
};

static const struct rule scl_anncs_rules[] = {
	RIGHT, TIMES, MEMBERS(SCL_ANNC_COLLECTION, SCL_ANNC), SUBSCRIBED, END,
};

static const struct rule applications_rules[] = {
	RIGHT, TIMES, MEMBERS(APPLICATION_COLLECTION, APPLICATION),
	MEMBERS(APPLICATION_ANNC_COLLECTION, APPLICATION_ANNC), SUBSCRIBED,
	CHILD(MGMT_OBJS_REFERENCE, MGMT_OBJS), END,
};

static const struct rule application_rules[] = {
	NAME(APP_ID, E_ATTRIBUTE, O), LIFETIME, RIGHT, LABELS, TIMES, ANNOUNCE, STORED(APOC, O, O, O),
	STORED(APOC_PATHS, O, O, O), STORED(LOC_REQUESTOR, O, O, O), STORED(REFERENCE_POINT, NP, NP, M),
	STORED(POC, O, O, O), CHILD(CONTAINERS_REFERENCE, CONTAINERS),
	CHILD(GROUPS_REFERENCE, GROUPS), CHILD(ACCESS_RIGHTS_REFERENCE, ACCESS_RIGHTS),
	SUBSCRIBED, CHILD(NOTIFICATION_CHANNELS_REFERENCE, NOTIFICATION_CHANNELS), END,
};

static const struct rule access_rights_rules[] = {
	RIGHT, TIMES, MEMBERS(ACCESS_RIGHT_COLLECTION, ACCESS_RIGHT),
	MEMBERS(ACCESS_RIGHT_ANNC_COLLECTION, ACCESS_RIGHT_ANNC), SUBSCRIBED, END,
};

static const struct rule access_right_rules[] = {
	M2M_ID, LIFETIME, LABELS, TIMES, ANNOUNCE, STORED(PERMISSIONS, O, O, M),
	STORED(SELF_PERMISSIONS, M, M, M), SUBSCRIBED, END,
};

static const struct rule containers_rules[] = {
	RIGHT, TIMES, MEMBERS(CONTAINER_COLLECTION, CONTAINER),
	MEMBERS(CONTAINER_ANNC_COLLECTION, CONTAINER_ANNC),
	MEMBERS(LOCATION_CONTAINER_COLLECTION, LOCATION_CONTAINER),
	MEMBERS(LOCATION_CONTAINER_ANNC_COLLECTION, LOCATION_CONTAINER_ANNC), SUBSCRIBED, END,
};

static const struct rule subcontainers_rules[] = {
	RIGHT, TIMES, MEMBERS(CONTAINER_COLLECTION, CONTAINER), SUBSCRIBED, END,
};

#define CONTAINER                                                                                  \
	M2M_ID, LIFETIME, RIGHT, LABELS, TIMES, ANNOUNCE, STORED(MAX_NR_OF_INSTANCES, O, O, O),    \
	    STORED(MAX_BYTE_SIZE, O, O, O), STORED(MAX_INSTANCE_AGE, O, O, O),                     \
	    CHILD(CONTENT_INSTANCES_REFERENCE, CONTENT_INSTANCES),                                 \
	    CHILD(SUBCONTAINERS_REFERENCE, SUBCONTAINERS), SUBSCRIBED

static const struct rule container_rules[] = { CONTAINER, END };

/* The schema demands locationContainerType also in an UPDATE, where it may not change. */
static const struct rule location_container_rules[] = {
	CONTAINER, STORED(LOCATION_CONTAINER_TYPE, M, O, M), END,
};

static const struct rule content_instances_rules[] = {
	TIMES, HOOKED(CURRENT_NR_OF_INSTANCES, M), HOOKED(CURRENT_BYTE_SIZE, M),
	HOOKED(CONTENT_INSTANCE_COLLECTION, M),
	{ A_LATEST, E_QUALIFIED, P_NP, P_NP, P_O, S_INSTANCE, 0 },
	{ A_OLDEST, E_QUALIFIED, P_NP, P_NP, P_O, S_INSTANCE, 0 },
	SUBSCRIBED, END,
};

static const struct rule content_instance_rules[] = {
	M2M_ID, { A_HREF, E_ATTRIBUTE, P_NP, P_NP, P_O, S_HOOK, 0 }, TIMES,
	STORED(DELAY_TOLERANCE, O, NP, O),
	{ A_SEARCH_STRINGS, E_QUALIFIED | E_RELEASE2, P_O, P_NP, P_O, S_STORED, 0 },
	/* Release 1 let the client send contentTypes (TS 102 921 V1.1). */
	{ A_CONTENT_TYPES, E_QUALIFIED, P_O, P_NP, P_O, S_HOOK, 0 }, HOOKED(CONTENT_SIZE, M),
	{ A_CONTENT, E_QUALIFIED, P_M, P_NP, P_M, S_HOOK, 0 }, END,
};

static const struct rule subscriptions_rules[] = {
	MEMBERS(SUBSCRIPTION_COLLECTION, SUBSCRIPTION), END,
};

static const struct rule subscription_rules[] = {
	M2M_ID, LIFETIME, STORED(MINIMAL_TIME_BETWEEN_NOTIFICATIONS, O, O, O),
	STORED(DELAY_TOLERANCE, O, O, O), TIMES, STORED(FILTER_CRITERIA, O, NP, O),
	STORED(SUBSCRIPTION_TYPE, NP, NP, M), STORED(CONTACT, M, NP, M), STORED(AGGREGATE_URI, O, O, O),
	STORED(TIMEOUT_REASON, O, O, O), STORED(NO_REPRESENTATION, O, O, O),
	STORED(SUBSCRIBER_ID, NP, NP, O), STORED(MAX_ACCU_CREATES, O, O, O),
	HOOKED(CURRENT_ACCU_CREATES, O), END,
};

static const struct rule m2m_pocs_rules[] = {
	TIMES, MEMBERS(M2M_POC_COLLECTION, M2M_POC), END,
};

static const struct rule m2m_poc_rules[] = {
	M2M_ID, STORED(CONTACT_INFO, M, M, M), LIFETIME, STORED(ONLINE_STATUS, O, O, M), TIMES, END,
};

static const struct rule discovery_rules[] = {
	HOOKED(MATCH_SIZE, O), HOOKED(TRUNCATED, O), HOOKED(DISCOVERY_URI, M), END,
};

static const struct rule groups_rules[] = {
	RIGHT, TIMES, MEMBERS(GROUP_COLLECTION, GROUP), MEMBERS(GROUP_ANNC_COLLECTION, GROUP_ANNC),
	SUBSCRIBED, END,
};

static const struct rule group_rules[] = {
	M2M_ID, LIFETIME, RIGHT, LABELS, TIMES, ANNOUNCE, STORED(MEMBER_TYPE, M, NP, M),
	STORED(CURRENT_NR_OF_MEMBERS, NP, NP, M), STORED(MAX_NR_OF_MEMBERS, O, O, M),
	STORED(MEMBERS, O, O, M), STORED(MEMBERS_CONTENT_ACCESS_RIGHT_ID, O, O, O),
	STORED(MEMBER_TYPE_VALIDATED, NP, NP, M), STORED(CONSISTENCY_STRATEGY, O, NP, M),
	CHILD(MEMBERS_CONTENT_REFERENCE, MEMBERS_CONTENT), SUBSCRIBED, END,
};

/* No representation of its own: what the members answer. */
static const struct rule members_content_rules[] = { END };

/* The schema demands link also in an UPDATE, where it may not change. */
#define ANNOUNCED STORED(LINK, M, O, M), RIGHT, STORED(SEARCH_STRINGS, M, M, M), LIFETIME
#define ANNOUNCED_AGAIN { A_ANNOUNCE_TO, E_QUALIFIED | E_RELEASE2, P_O, P_O, P_O, S_STORED, 0 }

static const struct rule annc_rules[] = { M2M_ID, ANNOUNCED, ANNOUNCED_AGAIN, END };

static const struct rule application_annc_rules[] = {
	NAME(URI_ID, E_ATTRIBUTE, O), ANNOUNCED, ANNOUNCED_AGAIN,
	CHILD(CONTAINERS_REFERENCE, CONTAINERS), CHILD(GROUPS_REFERENCE, GROUPS),
	CHILD(ACCESS_RIGHTS_REFERENCE, ACCESS_RIGHTS), END,
};

static const struct rule scl_annc_rules[] = {
	NAME(URI_ID, E_ATTRIBUTE, O), ANNOUNCED, CHILD(APPLICATIONS_REFERENCE, APPLICATIONS),
	CHILD(CONTAINERS_REFERENCE, CONTAINERS), CHILD(GROUPS_REFERENCE, GROUPS),
	CHILD(ACCESS_RIGHTS_REFERENCE, ACCESS_RIGHTS), END,
};

static const struct rule channel_rules[] = {
	M2M_ID, STORED(CHANNEL_TYPE, M, NP, M), HOOKED(CONTACT_URI, M), HOOKED(CHANNEL_DATA, M), TIMES,
	END,
};

static const struct rule mgmt_objs_rules[] = {
	RIGHT, TIMES, MEMBERS(MGMT_OBJ_COLLECTION, MGMT_OBJ), MEMBERS(MGMT_CMD_COLLECTION, MGMT_CMD),
	SUBSCRIBED, END,
};

static const struct rule attached_devices_rules[] = {
	RIGHT, TIMES, MEMBERS(ATTACHED_DEVICE_COLLECTION, ATTACHED_DEVICE),
	SUBSCRIBED,
	{ A_MGMT_OBJS_REFERENCE, E_QUALIFIED | E_RELEASE2, P_NP, P_NP, P_M, S_CHILD, T_MGMT_OBJS }, END,
};

static const struct rule attached_device_rules[] = {
	M2M_ID, RIGHT, TIMES, CHILD(MGMT_OBJS_REFERENCE, MGMT_OBJS), SUBSCRIBED, END,
};

static const struct rule notification_channels_rules[] = {
	TIMES, MEMBERS(NOTIFICATION_CHANNEL_COLLECTION, NOTIFICATION_CHANNEL), END,
};

static const struct rule communication_channels_rules[] = {
	TIMES, MEMBERS(COMMUNICATION_CHANNEL_COLLECTION, COMMUNICATION_CHANNEL), END,
};

static const uint8_t creates_scl[] = { T_SCL, 0 };
static const uint8_t creates_scl_annc[] = { T_SCL_ANNC, 0 };
static const uint8_t creates_application[] = { T_APPLICATION, T_APPLICATION_ANNC, 0 };
static const uint8_t creates_access_right[] = { T_ACCESS_RIGHT, T_ACCESS_RIGHT_ANNC, 0 };
static const uint8_t creates_container[] = { T_CONTAINER, T_CONTAINER_ANNC, T_LOCATION_CONTAINER,
	                                     T_LOCATION_CONTAINER_ANNC, 0 };
static const uint8_t creates_subcontainer[] = { T_CONTAINER, 0 };
static const uint8_t creates_group[] = { T_GROUP, T_GROUP_ANNC, 0 };
static const uint8_t creates_attached_device[] = { T_ATTACHED_DEVICE, 0 };
static const uint8_t creates_notification_channel[] = { T_NOTIFICATION_CHANNEL, 0 };
static const uint8_t creates_communication_channel[] = { T_COMMUNICATION_CHANNEL, 0 };
static const uint8_t creates_content_instance[] = { T_CONTENT_INSTANCE, 0 };
static const uint8_t creates_subscription[] = { T_SUBSCRIPTION, 0 };
static const uint8_t creates_m2m_poc[] = { T_M2M_POC, 0 };

const struct rtype types_etsi[TYPES_ETSI] = {
	[T_SCL_BASE] = {
		.number = T_SCL_BASE, .name = "sclBase", .shape = "SclBase", .flags = RT_LABELS,
		.methods = METHOD_GET | METHOD_PUT, .code = CODE_SB, .rules = scl_base_rules,
		.clause = "10.4",
	},
	[T_SCLS] = {
		.number = T_SCLS, .name = "scls", .short_name = "SL", .shape = "Scls",
		.flags = RT_COLLECTION, .methods = COLLECTION_METHODS, .rules = scls_rules,
		.creates = creates_scl, .clause = "10.5",
	},
	[T_SCL] = {
		.number = T_SCL, .name = "scl", .shape = "Scl", .flags = RT_LABELS,
		.methods = RESOURCE_METHODS, .code = CODE_SL, .annc = T_SCL_ANNC,
		.id_attr = A_SCL_ID, .rules = scl_rules, .hooks = &hooks_scl, .clause = "10.6",
	},
	[T_SCL_ANNCS] = {
		.number = T_SCL_ANNCS, .name = "sclAnncs", .short_name = "SLA", .shape = "SclAnncs",
		.flags = RT_COLLECTION, .methods = COLLECTION_METHODS, .rules = scl_anncs_rules,
		.creates = creates_scl_annc, .clause = "10.5a",
	},
	[T_APPLICATIONS] = {
		.number = T_APPLICATIONS, .name = "applications", .short_name = "AP",
		.shape = "Applications", .flags = RT_COLLECTION, .methods = COLLECTION_METHODS,
		.rules = applications_rules, .creates = creates_application, .clause = "10.7",
	},
	[T_APPLICATION] = {
		.number = T_APPLICATION, .name = "application", .shape = "Application",
		.flags = RT_LABELS, .methods = RESOURCE_METHODS, .code = CODE_AP,
		.annc = T_APPLICATION_ANNC, .id_attr = A_APP_ID, .rules = application_rules,
		.hooks = &hooks_application, .clause = "10.8",
	},
	[T_ACCESS_RIGHTS] = {
		.number = T_ACCESS_RIGHTS, .name = "accessRights", .short_name = "AR",
		.shape = "AccessRights", .flags = RT_COLLECTION, .methods = COLLECTION_METHODS,
		.rules = access_rights_rules, .creates = creates_access_right, .clause = "10.10",
	},
	[T_ACCESS_RIGHT] = {
		.number = T_ACCESS_RIGHT, .name = "accessRight", .shape = "AccessRight",
		.flags = RT_LABELS, .methods = RESOURCE_METHODS, .code = CODE_AR,
		.annc = T_ACCESS_RIGHT_ANNC, .govern = GOVERN_SELF, .id_attr = A_ID,
		.rules = access_right_rules, .hooks = &hooks_access_right, .clause = "10.11",
	},
	[T_CONTAINERS] = {
		.number = T_CONTAINERS, .name = "containers", .short_name = "CO",
		.shape = "Containers", .flags = RT_COLLECTION, .methods = COLLECTION_METHODS,
		.rules = containers_rules, .creates = creates_container, .clause = "10.13",
	},
	[T_CONTAINER] = {
		.number = T_CONTAINER, .name = "container", .shape = "Container",
		.flags = RT_LABELS, .methods = RESOURCE_METHODS, .code = CODE_CT,
		.annc = T_CONTAINER_ANNC, .id_attr = A_ID, .rules = container_rules,
		.hooks = &hooks_container, .clause = "10.14",
	},
	[T_CONTENT_INSTANCES] = {
		.number = T_CONTENT_INSTANCES, .name = "contentInstances", .short_name = "CI",
		.shape = "ContentInstances", .flags = RT_COLLECTION | RT_INSTANCES,
		.methods = FIXED_METHODS, .govern = GOVERN_PARENT, .rules = content_instances_rules,
		.creates = creates_content_instance, .hooks = &hooks_content_instances,
		.clause = "10.18",
	},
	[T_CONTENT_INSTANCE] = {
		.number = T_CONTENT_INSTANCE, .name = "contentInstance", .shape = "ContentInstance",
		.flags = RT_LABELS, .methods = METHOD_GET | METHOD_DELETE, .code = CODE_CI,
		.govern = GOVERN_PARENT, .id_attr = A_ID, .rules = content_instance_rules,
		.hooks = &hooks_content_instance, .clause = "10.19",
	},
	[T_GROUPS] = {
		.number = T_GROUPS, .name = "groups", .short_name = "GR", .shape = "Groups",
		.flags = RT_COLLECTION, .methods = COLLECTION_METHODS, .rules = groups_rules,
		.creates = creates_group, .clause = "10.20",
	},
	[T_SUBSCRIPTIONS] = {
		.number = T_SUBSCRIPTIONS, .name = "subscriptions", .short_name = "SU",
		.shape = "Subscriptions", .flags = RT_COLLECTION, .methods = FIXED_METHODS,
		.govern = GOVERN_SUBSCRIBED, .rules = subscriptions_rules,
		.creates = creates_subscription, .clause = "10.24",
	},
	[T_SUBSCRIPTION] = {
		.number = T_SUBSCRIPTION, .name = "subscription", .shape = "Subscription",
		.methods = RESOURCE_METHODS, .code = CODE_RS, .govern = GOVERN_SUBSCRIBED,
		.id_attr = A_ID, .rules = subscription_rules, .hooks = &hooks_subscription,
		.clause = "10.25",
	},
	[T_M2M_POCS] = {
		.number = T_M2M_POCS, .name = "m2mPocs", .short_name = "PC", .shape = "M2MPocs",
		.flags = RT_COLLECTION, .methods = FIXED_METHODS, .govern = GOVERN_DEFAULT,
		.rules = m2m_pocs_rules, .creates = creates_m2m_poc, .clause = "10.26",
	},
	[T_M2M_POC] = {
		.number = T_M2M_POC, .name = "m2mPoc", .shape = "M2MPoc",
		.methods = RESOURCE_METHODS, .code = CODE_PM, .govern = GOVERN_DEFAULT,
		.id_attr = A_ID, .rules = m2m_poc_rules, .hooks = &hooks_m2m_poc, .clause = "10.27",
	},
	[T_MGMT_OBJS] = {
		.number = T_MGMT_OBJS, .name = "mgmtObjs", .short_name = "MO", .shape = "MgmtObjs",
		.flags = RT_COLLECTION, .methods = COLLECTION_METHODS, .rules = mgmt_objs_rules,
		.creates = creates_mgmt_obj, .clause = "10.28",
	},
	[T_ATTACHED_DEVICES] = {
		.number = T_ATTACHED_DEVICES, .name = "attachedDevices", .short_name = "AD",
		.shape = "AttachedDevices", .flags = RT_COLLECTION, .methods = COLLECTION_METHODS,
		.rules = attached_devices_rules, .creates = creates_attached_device, .clause = "10.34",
	},
	[T_ATTACHED_DEVICE] = {
		.number = T_ATTACHED_DEVICE, .name = "attachedDevice", .shape = "AttachedDevice",
		.methods = RESOURCE_METHODS, .code = CODE_RS, .id_attr = A_ID,
		.rules = attached_device_rules, .clause = "10.35",
	},
	[T_DISCOVERY] = {
		.number = T_DISCOVERY, .name = "discovery", .short_name = "DC",
		.shape = "Discovery", .flags = RT_VIRTUAL, .methods = METHOD_GET,
		.govern = GOVERN_ANYONE, .rules = discovery_rules, .hooks = &hooks_discovery,
		.clause = "10.36",
	},
	[T_NOTIFICATION_CHANNELS] = {
		.number = T_NOTIFICATION_CHANNELS, .name = "notificationChannels",
		.short_name = "NC", .shape = "NotificationChannels", .flags = RT_COLLECTION,
		.methods = FIXED_METHODS, .govern = GOVERN_DEFAULT,
		.rules = notification_channels_rules, .creates = creates_notification_channel,
		.clause = "10.38",
	},
	[T_SUBCONTAINERS] = {
		.number = T_SUBCONTAINERS, .name = "subcontainers", .short_name = "SC",
		.shape = "Subcontainers", .flags = RT_COLLECTION, .methods = COLLECTION_METHODS,
		.rules = subcontainers_rules, .creates = creates_subcontainer, .clause = "10.40",
	},
	[T_COMMUNICATION_CHANNELS] = {
		.number = T_COMMUNICATION_CHANNELS, .name = "communicationChannels",
		.short_name = "CC", .shape = "CommunicationChannels", .flags = RT_COLLECTION,
		.methods = FIXED_METHODS, .govern = GOVERN_DEFAULT,
		.rules = communication_channels_rules, .creates = creates_communication_channel,
		.clause = "10.41",
	},
	[T_APPLICATION_ANNC] = {
		.number = T_APPLICATION_ANNC, .name = "applicationAnnc", .shape = "ApplicationAnnc",
		.flags = RT_LABELS, .methods = RESOURCE_METHODS, .code = CODE_AN,
		.id_attr = A_URI_ID, .rules = application_annc_rules, .hooks = &hooks_annc,
		.clause = "10.9",
	},
	[T_CONTAINER_ANNC] = {
		.number = T_CONTAINER_ANNC, .name = "containerAnnc", .shape = "ContainerAnnc",
		.flags = RT_LABELS, .methods = RESOURCE_METHODS, .code = CODE_AN, .id_attr = A_ID,
		.rules = annc_rules, .hooks = &hooks_annc, .clause = "10.15",
	},
	[T_LOCATION_CONTAINER_ANNC] = {
		.number = T_LOCATION_CONTAINER_ANNC, .name = "locationContainerAnnc",
		.shape = "LocationContainerAnnc", .flags = RT_LABELS, .methods = RESOURCE_METHODS,
		.code = CODE_AN, .id_attr = A_ID, .rules = annc_rules, .hooks = &hooks_annc,
		.clause = "10.17",
	},
	[T_GROUP_ANNC] = {
		.number = T_GROUP_ANNC, .name = "groupAnnc", .shape = "GroupAnnc",
		.flags = RT_LABELS, .methods = RESOURCE_METHODS, .code = CODE_AN, .id_attr = A_ID,
		.rules = annc_rules, .hooks = &hooks_annc, .clause = "10.22",
	},
	[T_ACCESS_RIGHT_ANNC] = {
		.number = T_ACCESS_RIGHT_ANNC, .name = "accessRightAnnc",
		.shape = "AccessRightAnnc", .flags = RT_LABELS, .methods = RESOURCE_METHODS,
		.code = CODE_AN, .id_attr = A_ID, .rules = annc_rules, .hooks = &hooks_annc,
		.clause = "10.12",
	},
	[T_SCL_ANNC] = {
		.number = T_SCL_ANNC, .name = "sclAnnc", .shape = "SclAnnc", .flags = RT_LABELS,
		.methods = RESOURCE_METHODS, .code = CODE_AN, .id_attr = A_URI_ID,
		.rules = scl_annc_rules, .hooks = &hooks_annc, .clause = "10.6a",
	},
	[T_LOCATION_CONTAINER] = {
		.number = T_LOCATION_CONTAINER, .name = "locationContainer",
		.shape = "LocationContainer", .flags = RT_LABELS, .methods = RESOURCE_METHODS,
		.code = CODE_CT, .annc = T_LOCATION_CONTAINER_ANNC, .id_attr = A_ID,
		.rules = location_container_rules, .hooks = &hooks_container, .clause = "10.16",
	},
	[T_GROUP] = {
		.number = T_GROUP, .name = "group", .shape = "Group", .flags = RT_LABELS,
		.methods = RESOURCE_METHODS, .code = CODE_GP, .annc = T_GROUP_ANNC, .id_attr = A_ID,
		.rules = group_rules, .hooks = &hooks_group, .clause = "10.21",
	},
	[T_MEMBERS_CONTENT] = {
		.number = T_MEMBERS_CONTENT, .name = "membersContent", .short_name = "MC",
		.shape = "membersContentResponses", .flags = RT_VIRTUAL | RT_FANOUT,
		.methods = METHOD_POST | RESOURCE_METHODS, .rules = members_content_rules,
		.hooks = &hooks_members_content, .clause = "10.23",
	},
	[T_NOTIFICATION_CHANNEL] = {
		.number = T_NOTIFICATION_CHANNEL, .name = "notificationChannel",
		.shape = "NotificationChannel", .methods = METHOD_GET | METHOD_DELETE,
		.code = CODE_RS, .govern = GOVERN_DEFAULT, .id_attr = A_ID, .rules = channel_rules,
		.hooks = &hooks_notification_channel, .clause = "10.37",
	},
	[T_COMMUNICATION_CHANNEL] = {
		.number = T_COMMUNICATION_CHANNEL, .name = "communicationChannel",
		.shape = "CommunicationChannel", .methods = METHOD_GET | METHOD_DELETE,
		.code = CODE_RS, .govern = GOVERN_DEFAULT, .id_attr = A_ID, .rules = channel_rules,
		.hooks = &hooks_communication_channel, .clause = "10.42",
	},
	[T_MGMT_OBJ] = {
		.number = T_MGMT_OBJ, .name = "mgmtObj", .shape = "MgmtObj",
		.flags = RT_LABELS | RT_WILDCARD, .methods = METHOD_POST | RESOURCE_METHODS,
		.code = CODE_MT, .id_attr = A_ID, .rules = mgmt_obj_rules,
		.creates = creates_parameters, .hooks = &hooks_mgmt_obj, .clause = "10.29",
	},
	[T_PARAMETERS] = {
		.number = T_PARAMETERS, .name = "parameters", .shape = "Parameters",
		.flags = RT_WILDCARD, .methods = METHOD_POST | RESOURCE_METHODS, .code = CODE_MT,
		.id_attr = A_ID, .rules = parameters_rules, .creates = creates_parameters,
		.hooks = &hooks_parameters, .clause = "10.30",
	},
	[T_MGMT_CMD] = {
		.number = T_MGMT_CMD, .name = "mgmtCmd", .shape = "MgmtCmd", .flags = RT_LABELS,
		.methods = RESOURCE_METHODS, .code = CODE_MT, .id_attr = A_ID,
		.rules = mgmt_cmd_rules, .hooks = &hooks_mgmt_cmd, .clause = "10.31",
	},
	[T_EXEC_INSTANCES] = {
		.number = T_EXEC_INSTANCES, .name = "execInstances", .short_name = "EI",
		.shape = "ExecInstances", .flags = RT_COLLECTION, .methods = METHOD_GET,
		.govern = GOVERN_PARENT, .rules = exec_instances_rules, .clause = "10.32",
	},
	[T_EXEC_INSTANCE] = {
		.number = T_EXEC_INSTANCE, .name = "execInstance", .shape = "ExecInstance",
		.methods = METHOD_GET | METHOD_DELETE, .code = CODE_RS, .govern = GOVERN_PARENT,
		.id_attr = A_ID, .rules = exec_instance_rules, .hooks = &hooks_exec_instance,
		.clause = "10.33",
	},
};
