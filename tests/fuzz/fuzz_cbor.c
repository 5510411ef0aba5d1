/* SPDX-License-Identifier: Apache-2.0 */
/* Documents as CBOR: no crash, a tree that survives writing in order, and that JSON can tell. */
#include "config.h"

#include <stdint.h>

#include "roundtrip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	roundtrip(&codec_cbor, &codec_json, slice_make(data, size), true);
	return 0;
}
