/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libpre: data that a proxy which cannot read them stores and later re-encrypts for sinks that are
 * chosen meanwhile ("Secure store and forward proxy for dynamic IoT applications over M2M
 * networks", IEEE Trans. Consumer Electronics 62(4), 2016).
 *
 *   key_file.h  keys of sources and sinks, re-encryption keys, their files
 *   section.h   source: messages, sections, streams
 *   unit.h      what is on the wire and in the proxy's store
 *   reencrypt.h proxy: a management message for a sink
 *   opening.h   sink, and the source itself: plaintexts, and whether they are all that was sent
 *
 * and below: mm.h, data.h, chain.h (messages), hdr.h (their header), afgh.h (the
 * scheme), pairing/pairing.h. A process makes one struct afgh (afgh_new) at its start.
 */
#ifndef PRE_PRE_H
#define PRE_PRE_H

#include "pre/afgh.h"
#include "pre/key_file.h"
#include "pre/opening.h"
#include "pre/reencrypt.h"
#include "pre/section.h"
#include "pre/unit.h"

#endif
