/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sd/bundle.h"
#include "sd/costs.h"

uint64_t
sd_costs_of(const struct sd_costs *c, enum sd_alg alg, size_t n, size_t signers)
{
	switch (alg) {
	case SD_ED25519:
		return n * c->ed25519;
	case SD_BLS:
		return c->bls + n * c->bls_reading + signers * c->bls_signer;
	case SD_BLS_SINGLE:
		return n * (c->bls + c->bls_reading + c->bls_signer);
	case SD_IDENTITY:
		return c->identity + n * c->identity_reading;
	}
	return 0;
}

enum rc
sd_choose(const struct sd_choice *c, enum sd_alg *out)
{
	static const enum sd_alg algs[] = { SD_ED25519, SD_BLS, SD_IDENTITY };
	uint64_t least = UINT64_MAX;
	enum rc rc = RC_NOT_FOUND;

	for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
		uint64_t price;

		if ((c->algs & SD_ALG_BIT(algs[i])) == 0)
			continue;
		price = sd_costs_of(c->costs, algs[i], c->n, c->signers) +
		        c->octet * sd_bundle_size(algs[i], c->n, c->payloads);
		if (rc != RC_OK || price < least) {
			least = price;
			*out = algs[i];
		}
		rc = RC_OK;
	}
	if (rc != RC_OK && (c->algs & SD_ALG_BIT(SD_BLS_SINGLE)) != 0) {
		*out = SD_BLS_SINGLE;
		rc = RC_OK;
	}
	return rc;
}
