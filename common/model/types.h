/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the type table have in common; only they include it. */
#ifndef MODEL_TYPES_H
#define MODEL_TYPES_H

#include "model/rtype.h"

/* The first typed mgmtObj: rows from here on are in types_mgmt. */
#define TYPES_ETSI T_ETSI_DEVICE_INFO

extern const struct rtype types_etsi[TYPES_ETSI];
extern const struct rtype types_mgmt[T_MAX - TYPES_ETSI];

/* Types that POST creates in mgmtObjs, and in a mgmtObj or parameters. */
extern const uint8_t creates_mgmt_obj[], creates_parameters[];
extern const struct rule mgmt_obj_rules[], parameters_rules[], mgmt_cmd_rules[],
    exec_instances_rules[], exec_instance_rules[];

/* Columns: attribute, create, update, answer. */
#define STORED(id, c, u, a) { A_##id, E_QUALIFIED, P_##c, P_##u, P_##a, S_STORED, 0 }
#define HEADER(id, c, u, a) { A_##id, E_QUALIFIED, P_##c, P_##u, P_##a, S_HEADER, 0 }
#define HOOKED(id, a) { A_##id, E_QUALIFIED, P_NP, P_NP, P_##a, S_HOOK, 0 }
#define ACTION(id, c, u, a) { A_##id, E_QUALIFIED | E_ACTION, P_##c, P_##u, P_##a, S_STORED, 0 }
#define CHILD(id, type) { A_##id, E_QUALIFIED, P_NP, P_NP, P_M, S_CHILD, T_##type }
#define MEMBERS(id, type) { A_##id, E_QUALIFIED, P_NP, P_NP, P_M, S_MEMBERS, T_##type }
#define NAME(id, elem, c) { A_##id, elem, P_##c, P_NP, P_M, S_HEADER, 0 }
#define END { A_END, 0, 0, 0, 0, 0, 0 }

#define LIFETIME HEADER(EXPIRATION_TIME, O, O, M)
#define RIGHT STORED(ACCESS_RIGHT_ID, O, O, O)
#define LABELS STORED(SEARCH_STRINGS, O, O, M)
#define TIMES HEADER(CREATION_TIME, NP, NP, M), HEADER(LAST_MODIFIED_TIME, NP, NP, M)
#define M2M_ID NAME(ID, E_ATTRIBUTE_M2M, O)
#define SUBSCRIBED CHILD(SUBSCRIPTIONS_REFERENCE, SUBSCRIPTIONS)

#define COLLECTION_METHODS (METHOD_POST | METHOD_GET | METHOD_PUT)
#define FIXED_METHODS (METHOD_POST | METHOD_GET)
#define RESOURCE_METHODS (METHOD_GET | METHOD_PUT | METHOD_DELETE)

#endif
