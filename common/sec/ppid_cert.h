/* SPDX-License-Identifier: Apache-2.0 */
/* The pre-provisioned identifier in a factory certificate: subjectAltName URI urn:m2m:ppid:HEX. */
#ifndef SEC_PPID_CERT_H
#define SEC_PPID_CERT_H

#include "sec/ppid.h"

/*
 * The one of the first certificate in a PEM file. RC_BAD_REQUEST: no certificate, or not exactly
 * one identifier of the right form in it; otherwise as key_file_public. Blocks on the disk.
 */
enum rc ppid_of_certificate(const char *path, struct ppid *out);

#endif
