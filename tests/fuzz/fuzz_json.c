/* SPDX-License-Identifier: Apache-2.0 */
/* Documents as JSON: no crash and a tree that survives writing. Not all of JSON fits into XML. */
#include "config.h"

#include <stdint.h>

#include "roundtrip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	roundtrip(&codec_json, NULL, slice_make(data, size), false);
	return 0;
}
