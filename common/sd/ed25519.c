/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sd/ed25519.h"

enum rc
sd_ed25519_sign(const struct sign_key *k, const struct sd_reading *r, uint8_t out[SD_ED25519_SIZE])
{
	uint8_t octets[SD_MESSAGE_MAX];
	struct slice message;
	enum rc rc = sd_message(r, octets, &message);

	return rc != RC_OK ? rc : sign_make(k, SIGN_SMALL_DATA, message, out);
}

enum rc
sd_ed25519_verify(const struct sign_public *p, const struct sd_reading *r,
                  const uint8_t signature[SD_ED25519_SIZE])
{
	uint8_t octets[SD_MESSAGE_MAX];
	struct slice message;
	enum rc rc = sd_message(r, octets, &message);

	return rc != RC_OK ? rc : sign_verify(p, SIGN_SMALL_DATA, message, signature);
}
