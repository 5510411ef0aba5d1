/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Integrity validation at the node: measurements, taken on the worker when the process starts and
 * then again and again, and the reports that are made of the last one. Courier thread.
 */
#ifndef CAP_SEC_INTEGRITY_H
#define CAP_SEC_INTEGRITY_H

#include "base/buf.h"
#include "base/rc.h"
#include "sec/secret.h"

struct integrity;
struct sec;

/* Reads the provider's key. NULL in *out: no manifest is configured. A line in why. */
enum rc integrity_new(struct sec *n, struct integrity **out, char why[256]);
/* After the courier has ended. NULL is fine. */
void integrity_free(struct integrity *in);
/* Measures now and after every interval; NULL is fine. */
void integrity_begin(struct integrity *in);
/* True when there is something to report. */
bool integrity_is_known(const struct integrity *in);
/*
 * Appends integrityValResults, signed with a key below Kmr; as a document of its own, or as an
 * element within one that declares m2m. RC_UNAVAILABLE: nothing is known yet, or it failed.
 */
enum rc integrity_report(struct integrity *in, bool document, struct buf *to);
/* The document for a bootstrap, when there is no Kmr. */
enum rc integrity_report_boot(struct integrity *in, struct buf *to);
/* The value of X-M2M-IVal-Sig for the report that was made last for a bootstrap, and a zero. */
enum rc integrity_sign_boot(struct integrity *in, const struct key *e_boot, char *out);

#endif
