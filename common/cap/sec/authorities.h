/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials that other capabilities have agreed on with single peers: what
 * sec_access.credential_set has set. Courier thread.
 */
#ifndef CAP_SEC_AUTHORITIES_H
#define CAP_SEC_AUTHORITIES_H

#include "base/rc.h"
#include "base/slice.h"
#include "sec/credential.h"

#define AUTHORITIES_MAX 64u

struct authorities;

/* NULL without memory. */
struct authorities *authorities_new(void);
/* NULL is fine. */
void authorities_free(struct authorities *a);
/* As sec_access.credential_set. */
enum rc authorities_set(struct authorities *a, struct slice url, struct credential *c);
/* That for url; NULL: there is none. Not referenced: it is good until the next call of set. */
struct credential *authorities_find(const struct authorities *a, struct slice url);

#endif
