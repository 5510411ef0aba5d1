/* SPDX-License-Identifier: Apache-2.0 */
/* Documents as XML: no crash, a tree that survives writing, and a JSON form of every tree. */
#include "config.h"

#include <stdint.h>

#include "roundtrip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	roundtrip(&codec_xml, &codec_json, slice_make(data, size), false);
	return 0;
}
