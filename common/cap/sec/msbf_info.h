/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a MSBF says about itself ({msbfBase}/info, mas/msbf.h), as a node reads it. The TLS session
 * has shown that it comes from the MSBF; the signature shows that the MSBF holds the key that it
 * names, and that nothing was cut off.
 */
#ifndef CAP_SEC_MSBF_INFO_H
#define CAP_SEC_MSBF_INFO_H

#include "base/arena.h"
#include "sec/sign.h"

#define MSBF_INFO_MAX 16384u /* octets of the document */
#define MSBF_ID_MAX 255

struct msbf_info {
	char msbf_id[MSBF_ID_MAX + 1];
	bool has_reject;
	struct sign_public reject; /* key for signed rejects */
};

/*
 * RC_BAD_REQUEST: no such document; RC_FORBIDDEN: its signature is wrong; RC_UNAVAILABLE,
 * RC_INTERNAL.
 */
enum rc msbf_info_parse(struct arena *a, struct slice json, struct msbf_info *out);

#endif
