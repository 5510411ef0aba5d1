/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How this SCL is to be registered: by the configuration, or by what EtsiSclMo says in its place
 * (TS 102 690 annex E: regTargetNsclList, regExpirationDuration, regAccessRightID, regSearchStrings).
 */
#ifndef CAP_REGISTRAR_WISH_H
#define CAP_REGISTRAR_WISH_H

#include "cap/capability.h"
#include "core/mgmt.h"

#define REGISTRAR_URI_MAX 1023
#define REGISTRAR_NSCLS_MAX 16

/* Starts zeroed. Strings live until it is read again or freed. */
struct registrar_wish {
	struct arena *arena; /* private */
	const char *nscl[REGISTRAR_NSCLS_MAX + 1]; /* sclBase URIs in the order of trial */
	size_t n;
	int64_t lifetime_us;
	const char *right; /* accessRightID; NULL: as the NSCL's sclBase has it */
	const char *const *search_strings; /* NULL-terminated */
};

/* What has no sense in EtsiSclMo is as in the configuration. */
void registrar_wish_read(struct registrar_wish *w, struct scl *scl,
                         const struct capability_conf *conf);
void registrar_wish_free(struct registrar_wish *w);
/* True when uri is among the NSCLs; *at is its place. */
bool registrar_wish_has(const struct registrar_wish *w, const char *uri, size_t *at);

#endif
