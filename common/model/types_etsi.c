/* SPDX-License-Identifier: Apache-2.0 */
/* The ETSI M2M type table (TS 102 921 clause 10), in the order of the standard. */
#include "config.h"

#include "model/rtype.h"

extern const struct hooks hooks_scl, hooks_application, hooks_access_right, hooks_container,
    hooks_content_instances, hooks_content_instance, hooks_subscription, hooks_m2m_poc,
    hooks_discovery;

/* Columns: attribute, create, update, answer. */
#define STORED(id, c, u, a) { A_##id, E_QUALIFIED, P_##c, P_##u, P_##a, S_STORED, 0 }
#define HEADER(id, c, u, a) { A_##id, E_QUALIFIED, P_##c, P_##u, P_##a, S_HEADER, 0 }
#define HOOKED(id, a) { A_##id, E_QUALIFIED, P_NP, P_NP, P_##a, S_HOOK, 0 }
#define CHILD(id, type) { A_##id, E_QUALIFIED, P_NP, P_NP, P_M, S_CHILD, T_##type }
#define MEMBERS(id, type) { A_##id, E_QUALIFIED, P_NP, P_NP, P_M, S_MEMBERS, T_##type }
#define NAME(id, elem, c) { A_##id, elem, P_##c, P_NP, P_M, S_HEADER, 0 }
#define END { A_END, 0, 0, 0, 0, 0, 0 }

#define LIFETIME HEADER(EXPIRATION_TIME, O, O, M)
#define RIGHT STORED(ACCESS_RIGHT_ID, O, O, O)
#define LABELS STORED(SEARCH_STRINGS, O, O, M)
#define TIMES HEADER(CREATION_TIME, NP, NP, M), HEADER(LAST_MODIFIED_TIME, NP, NP, M)
#define ANNOUNCE STORED(ANNOUNCE_TO, O, O, M)
#define M2M_ID NAME(ID, E_ATTRIBUTE_M2M, O)

static const struct rule scl_base_rules[] = {
	RIGHT, LABELS, TIMES, STORED(APOC_HANDLING, O, O, O), CHILD(SCLS_REFERENCE, SCLS),
	CHILD(APPLICATIONS_REFERENCE, APPLICATIONS), CHILD(CONTAINERS_REFERENCE, CONTAINERS),
	CHILD(GROUPS_REFERENCE, GROUPS), CHILD(ACCESS_RIGHTS_REFERENCE, ACCESS_RIGHTS),
	CHILD(SUBSCRIPTIONS_REFERENCE, SUBSCRIPTIONS), CHILD(DISCOVERY_REFERENCE, DISCOVERY), END,
};

static const struct rule scls_rules[] = {
	RIGHT, TIMES, MEMBERS(SCL_COLLECTION, SCL), CHILD(SUBSCRIPTIONS_REFERENCE, SUBSCRIPTIONS),
	CHILD(MGMT_OBJS_REFERENCE, MGMT_OBJS), END,
};

static const struct rule scl_rules[] = {
	NAME(SCL_ID, E_ATTRIBUTE, M), STORED(POCS, O, O, M), STORED(REM_TRIGGER_ADDR, O, O, O),
	HOOKED(ONLINE_STATUS, M), HOOKED(SERVER_CAPABILITY, M), STORED(LINK, M, NP, M),
	STORED(SCHEDULE, O, O, O), LIFETIME, RIGHT, LABELS, TIMES, STORED(LOC_TARGET_DEVICE, O, O, O),
	STORED(MGMT_PROTOCOL_TYPE, M, M, M), STORED(INTEGRITY_VAL_RESULTS, O, O, O),
	STORED(APOC_HANDLING, NP, NP, O), STORED(SCL_TYPE, O, NP, M), ANNOUNCE,
	STORED(PUBLIC_DOMAIN, NP, NP, O), CHILD(CONTAINERS_REFERENCE, CONTAINERS),
	CHILD(GROUPS_REFERENCE, GROUPS), CHILD(APPLICATIONS_REFERENCE, APPLICATIONS),
	CHILD(ACCESS_RIGHTS_REFERENCE, ACCESS_RIGHTS), CHILD(SUBSCRIPTIONS_REFERENCE, SUBSCRIPTIONS),
	CHILD(MGMT_OBJS_REFERENCE, MGMT_OBJS),
	CHILD(NOTIFICATION_CHANNELS_REFERENCE, NOTIFICATION_CHANNELS),
	CHILD(COMMUNICATION_CHANNELS_REFERENCE, COMMUNICATION_CHANNELS),
	CHILD(M2M_POCS_REFERENCE, M2M_POCS), CHILD(ATTACHED_DEVICES_REFERENCE, ATTACHED_DEVICES),
	CHILD(SCL_ANNCS_REFERENCE, SCL_ANNCS), END,
};

static const struct rule scl_anncs_rules[] = {
	RIGHT, TIMES, MEMBERS(SCL_ANNC_COLLECTION, NONE),
	CHILD(SUBSCRIPTIONS_REFERENCE, SUBSCRIPTIONS), END,
};

static const struct rule applications_rules[] = {
	RIGHT, TIMES, MEMBERS(APPLICATION_COLLECTION, APPLICATION),
	MEMBERS(APPLICATION_ANNC_COLLECTION, NONE), CHILD(SUBSCRIPTIONS_REFERENCE, SUBSCRIPTIONS),
	CHILD(MGMT_OBJS_REFERENCE, MGMT_OBJS), END,
};

static const struct rule application_rules[] = {
	NAME(APP_ID, E_ATTRIBUTE, O), LIFETIME, RIGHT, LABELS, TIMES, ANNOUNCE, STORED(APOC, O, O, O),
	STORED(APOC_PATHS, O, O, O), STORED(LOC_REQUESTOR, O, O, O), STORED(REFERENCE_POINT, NP, NP, M),
	STORED(POC, O, O, O), CHILD(CONTAINERS_REFERENCE, CONTAINERS),
	CHILD(GROUPS_REFERENCE, GROUPS), CHILD(ACCESS_RIGHTS_REFERENCE, ACCESS_RIGHTS),
	CHILD(SUBSCRIPTIONS_REFERENCE, SUBSCRIPTIONS),
	CHILD(NOTIFICATION_CHANNELS_REFERENCE, NOTIFICATION_CHANNELS), END,
};

static const struct rule access_rights_rules[] = {
	RIGHT, TIMES, MEMBERS(ACCESS_RIGHT_COLLECTION, ACCESS_RIGHT),
	MEMBERS(ACCESS_RIGHT_ANNC_COLLECTION, NONE), CHILD(SUBSCRIPTIONS_REFERENCE, SUBSCRIPTIONS), END,
};

static const struct rule access_right_rules[] = {
	M2M_ID, LIFETIME, LABELS, TIMES, ANNOUNCE, STORED(PERMISSIONS, O, O, M),
	STORED(SELF_PERMISSIONS, M, M, M), CHILD(SUBSCRIPTIONS_REFERENCE, SUBSCRIPTIONS), END,
};

static const struct rule containers_rules[] = {
	RIGHT, TIMES, MEMBERS(CONTAINER_COLLECTION, CONTAINER),
	MEMBERS(CONTAINER_ANNC_COLLECTION, NONE), MEMBERS(LOCATION_CONTAINER_COLLECTION, NONE),
	MEMBERS(LOCATION_CONTAINER_ANNC_COLLECTION, NONE),
	CHILD(SUBSCRIPTIONS_REFERENCE, SUBSCRIPTIONS), END,
};

static const struct rule subcontainers_rules[] = {
	RIGHT, TIMES, MEMBERS(CONTAINER_COLLECTION, CONTAINER),
	CHILD(SUBSCRIPTIONS_REFERENCE, SUBSCRIPTIONS), END,
};

static const struct rule container_rules[] = {
	M2M_ID, LIFETIME, RIGHT, LABELS, TIMES, ANNOUNCE, STORED(MAX_NR_OF_INSTANCES, O, O, O),
	STORED(MAX_BYTE_SIZE, O, O, O), STORED(MAX_INSTANCE_AGE, O, O, O),
	CHILD(CONTENT_INSTANCES_REFERENCE, CONTENT_INSTANCES),
	CHILD(SUBCONTAINERS_REFERENCE, SUBCONTAINERS), CHILD(SUBSCRIPTIONS_REFERENCE, SUBSCRIPTIONS),
	END,
};

static const struct rule content_instances_rules[] = {
	TIMES, HOOKED(CURRENT_NR_OF_INSTANCES, M), HOOKED(CURRENT_BYTE_SIZE, M),
	HOOKED(CONTENT_INSTANCE_COLLECTION, M),
	{ A_LATEST, E_QUALIFIED, P_NP, P_NP, P_O, S_INSTANCE, 0 },
	{ A_OLDEST, E_QUALIFIED, P_NP, P_NP, P_O, S_INSTANCE, 0 },
	CHILD(SUBSCRIPTIONS_REFERENCE, SUBSCRIPTIONS), END,
};

static const struct rule content_instance_rules[] = {
	M2M_ID, { A_HREF, E_ATTRIBUTE, P_NP, P_NP, P_O, S_HOOK, 0 }, TIMES,
	STORED(DELAY_TOLERANCE, O, NP, O), STORED(SEARCH_STRINGS, O, NP, O),
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
	RIGHT, TIMES, MEMBERS(GROUP_COLLECTION, NONE), MEMBERS(GROUP_ANNC_COLLECTION, NONE),
	CHILD(SUBSCRIPTIONS_REFERENCE, SUBSCRIPTIONS), END,
};

static const struct rule mgmt_objs_rules[] = {
	RIGHT, TIMES, MEMBERS(MGMT_OBJ_COLLECTION, NONE), MEMBERS(MGMT_CMD_COLLECTION, NONE),
	CHILD(SUBSCRIPTIONS_REFERENCE, SUBSCRIPTIONS), END,
};

static const struct rule attached_devices_rules[] = {
	RIGHT, TIMES, MEMBERS(ATTACHED_DEVICE_COLLECTION, NONE),
	CHILD(SUBSCRIPTIONS_REFERENCE, SUBSCRIPTIONS), CHILD(MGMT_OBJS_REFERENCE, MGMT_OBJS), END,
};

static const struct rule notification_channels_rules[] = {
	TIMES, MEMBERS(NOTIFICATION_CHANNEL_COLLECTION, NONE), END,
};

static const struct rule communication_channels_rules[] = {
	TIMES, MEMBERS(COMMUNICATION_CHANNEL_COLLECTION, NONE), END,
};

static const uint8_t creates_scl[] = { T_SCL, 0 };
static const uint8_t creates_application[] = { T_APPLICATION, 0 };
static const uint8_t creates_access_right[] = { T_ACCESS_RIGHT, 0 };
static const uint8_t creates_container[] = { T_CONTAINER, 0 };
static const uint8_t creates_content_instance[] = { T_CONTENT_INSTANCE, 0 };
static const uint8_t creates_subscription[] = { T_SUBSCRIPTION, 0 };
static const uint8_t creates_m2m_poc[] = { T_M2M_POC, 0 };

#define COLLECTION_METHODS (METHOD_POST | METHOD_GET | METHOD_PUT)
#define FIXED_METHODS (METHOD_POST | METHOD_GET)
#define RESOURCE_METHODS (METHOD_GET | METHOD_PUT | METHOD_DELETE)

static const struct rtype types[T_MAX] = {
	[T_SCL_BASE] = { .number = T_SCL_BASE, .name = "sclBase", .shape = "SclBase", .flags = RT_LABELS,
	                 .methods = METHOD_GET | METHOD_PUT, .code = CODE_SB, .rules = scl_base_rules,
	                 .clause = "10.4" },
	[T_SCLS] = { .number = T_SCLS, .name = "scls", .short_name = "SL", .shape = "Scls", .flags = RT_COLLECTION,
	             .methods = COLLECTION_METHODS, .rules = scls_rules, .creates = creates_scl,
	             .clause = "10.5" },
	[T_SCL] = { .number = T_SCL, .name = "scl", .shape = "Scl", .flags = RT_LABELS, .methods = RESOURCE_METHODS,
	            .code = CODE_SL, .id_attr = A_SCL_ID, .rules = scl_rules, .hooks = &hooks_scl,
	            .clause = "10.6" },
	[T_SCL_ANNCS] = { .number = T_SCL_ANNCS, .name = "sclAnncs", .short_name = "SLA", .shape = "SclAnncs",
	                  .flags = RT_COLLECTION, .methods = COLLECTION_METHODS,
	                  .rules = scl_anncs_rules, .clause = "10.5a" },
	[T_APPLICATIONS] = { .number = T_APPLICATIONS, .name = "applications", .short_name = "AP", .shape = "Applications",
	                     .flags = RT_COLLECTION, .methods = COLLECTION_METHODS,
	                     .rules = applications_rules, .creates = creates_application,
	                     .clause = "10.7" },
	[T_APPLICATION] = { .number = T_APPLICATION, .name = "application", .shape = "Application", .flags = RT_LABELS,
	                    .methods = RESOURCE_METHODS, .code = CODE_AP, .id_attr = A_APP_ID,
	                    .rules = application_rules, .hooks = &hooks_application, .clause = "10.8" },
	[T_ACCESS_RIGHTS] = { .number = T_ACCESS_RIGHTS, .name = "accessRights", .short_name = "AR", .shape = "AccessRights",
	                      .flags = RT_COLLECTION, .methods = COLLECTION_METHODS,
	                      .rules = access_rights_rules, .creates = creates_access_right,
	                      .clause = "10.10" },
	[T_ACCESS_RIGHT] = { .number = T_ACCESS_RIGHT, .name = "accessRight", .shape = "AccessRight", .flags = RT_LABELS,
	                     .methods = RESOURCE_METHODS, .code = CODE_AR, .govern = GOVERN_SELF,
	                     .id_attr = A_ID, .rules = access_right_rules, .hooks = &hooks_access_right,
	                     .clause = "10.11" },
	[T_CONTAINERS] = { .number = T_CONTAINERS, .name = "containers", .short_name = "CO", .shape = "Containers",
	                   .flags = RT_COLLECTION, .methods = COLLECTION_METHODS,
	                   .rules = containers_rules, .creates = creates_container, .clause = "10.13" },
	[T_CONTAINER] = { .number = T_CONTAINER, .name = "container", .shape = "Container", .flags = RT_LABELS,
	                  .methods = RESOURCE_METHODS, .code = CODE_CT, .id_attr = A_ID,
	                  .rules = container_rules, .hooks = &hooks_container, .clause = "10.14" },
	[T_CONTENT_INSTANCES] = { .number = T_CONTENT_INSTANCES, .name = "contentInstances", .short_name = "CI",
	                          .shape = "ContentInstances", .flags = RT_COLLECTION | RT_INSTANCES,
	                          .methods = FIXED_METHODS, .govern = GOVERN_PARENT,
	                          .rules = content_instances_rules, .creates = creates_content_instance,
	                          .hooks = &hooks_content_instances, .clause = "10.18" },
	[T_CONTENT_INSTANCE] = { .number = T_CONTENT_INSTANCE, .name = "contentInstance", .shape = "ContentInstance",
	                         .flags = RT_LABELS, .methods = METHOD_GET | METHOD_DELETE,
	                         .code = CODE_CI, .govern = GOVERN_PARENT, .id_attr = A_ID,
	                         .rules = content_instance_rules, .hooks = &hooks_content_instance,
	                         .clause = "10.19" },
	[T_GROUPS] = { .number = T_GROUPS, .name = "groups", .short_name = "GR", .shape = "Groups", .flags = RT_COLLECTION,
	               .methods = COLLECTION_METHODS, .rules = groups_rules, .clause = "10.20" },
	[T_SUBSCRIPTIONS] = { .number = T_SUBSCRIPTIONS, .name = "subscriptions", .short_name = "SU", .shape = "Subscriptions",
	                      .flags = RT_COLLECTION, .methods = FIXED_METHODS,
	                      .govern = GOVERN_SUBSCRIBED, .rules = subscriptions_rules,
	                      .creates = creates_subscription, .clause = "10.24" },
	[T_SUBSCRIPTION] = { .number = T_SUBSCRIPTION, .name = "subscription", .shape = "Subscription",
	                     .methods = RESOURCE_METHODS, .code = CODE_RS,
	                     .govern = GOVERN_SUBSCRIBED, .id_attr = A_ID, .rules = subscription_rules,
	                     .hooks = &hooks_subscription, .clause = "10.25" },
	[T_M2M_POCS] = { .number = T_M2M_POCS, .name = "m2mPocs", .short_name = "PC", .shape = "M2MPocs",
	                 .flags = RT_COLLECTION, .methods = FIXED_METHODS, .govern = GOVERN_DEFAULT,
	                 .rules = m2m_pocs_rules, .creates = creates_m2m_poc, .clause = "10.26" },
	[T_M2M_POC] = { .number = T_M2M_POC, .name = "m2mPoc", .shape = "M2MPoc", .methods = RESOURCE_METHODS,
	                .code = CODE_PM, .govern = GOVERN_DEFAULT, .id_attr = A_ID,
	                .rules = m2m_poc_rules, .hooks = &hooks_m2m_poc, .clause = "10.27" },
	[T_MGMT_OBJS] = { .number = T_MGMT_OBJS, .name = "mgmtObjs", .short_name = "MO", .shape = "MgmtObjs",
	                  .flags = RT_COLLECTION, .methods = COLLECTION_METHODS,
	                  .rules = mgmt_objs_rules, .clause = "10.28" },
	[T_ATTACHED_DEVICES] = { .number = T_ATTACHED_DEVICES, .name = "attachedDevices", .short_name = "AD",
	                         .shape = "AttachedDevices", .flags = RT_COLLECTION,
	                         .methods = COLLECTION_METHODS, .rules = attached_devices_rules,
	                         .clause = "10.34" },
	[T_DISCOVERY] = { .number = T_DISCOVERY, .name = "discovery", .short_name = "DC", .shape = "Discovery",
	                  .flags = RT_VIRTUAL, .methods = METHOD_GET, .govern = GOVERN_ANYONE,
	                  .rules = discovery_rules, .hooks = &hooks_discovery, .clause = "10.36" },
	[T_NOTIFICATION_CHANNELS] = { .number = T_NOTIFICATION_CHANNELS, .name = "notificationChannels", .short_name = "NC",
	                              .shape = "NotificationChannels", .flags = RT_COLLECTION,
	                              .methods = FIXED_METHODS, .govern = GOVERN_DEFAULT,
	                              .rules = notification_channels_rules, .clause = "10.38" },
	[T_SUBCONTAINERS] = { .number = T_SUBCONTAINERS, .name = "subcontainers", .short_name = "SC", .shape = "Subcontainers",
	                      .flags = RT_COLLECTION, .methods = COLLECTION_METHODS,
	                      .rules = subcontainers_rules, .creates = creates_container,
	                      .clause = "10.40" },
	[T_COMMUNICATION_CHANNELS] = { .number = T_COMMUNICATION_CHANNELS, .name = "communicationChannels", .short_name = "CC",
	                               .shape = "CommunicationChannels", .flags = RT_COLLECTION,
	                               .methods = FIXED_METHODS, .govern = GOVERN_DEFAULT,
	                               .rules = communication_channels_rules, .clause = "10.41" },
};

const struct rtype *
rtype_get(unsigned number)
{
	return number < T_MAX && types[number].name != NULL ? &types[number] : NULL;
}
