/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sd/verify.h"

#include <stdlib.h>

#define SEARCH_MIN 4 /* readings that are verified one by one at once */
#define SEARCH_TIMES 3 /* aggregates of all readings that a search may cost at most */

/* What one call works with. */
struct job {
	const struct sd_bundle *bundle;
	const struct sd_reading *readings;
	const struct sd_signer *signers;
	const struct ibas_public *q;
	enum sd_verdict *verdicts;
};

/* Signatures of BLS that are looked for culprits in: those of devices with a key. */
struct search {
	struct sd_reading *readings;
	const struct sd_bls_public **keys;
	uint8_t *signatures;
	size_t *at; /* index in the bundle */
	size_t n;
	size_t left; /* readings that aggregates may still be made of */
	enum sd_verdict *verdicts;
};

static const uint8_t *
signature_of(const struct sd_bundle *b, size_t i)
{
	size_t each = b->signatures.n / b->n;

	return (const uint8_t *)b->signatures.p + i * each;
}

static bool
has_key(const struct job *j, size_t i)
{
	switch (j->bundle->alg) {
	case SD_ED25519:
		return j->signers[i].ed25519 != NULL;
	case SD_BLS:
	case SD_BLS_SINGLE:
		return j->signers[i].bls != NULL;
	case SD_IDENTITY:
		return j->signers[i].identity != NULL && j->q != NULL;
	}
	return false;
}

/* What needs no signature. RC_CONFLICT, too, is noted alone. */
static enum rc
look(const struct job *j)
{
	bool again[SD_READINGS_MAX];
	bool identity = j->bundle->alg == SD_IDENTITY;
	enum rc rc = sd_distinct(j->readings, j->bundle->n,
	                         identity ? sd_device_order : sd_reading_order, again);

	if (rc != RC_OK && rc != RC_CONFLICT)
		return rc;
	for (size_t i = 0; i < j->bundle->n; i++)
		j->verdicts[i] = again[i] ? SD_EQUAL : has_key(j, i) ? SD_RIGHT : SD_NO_KEY;
	return RC_OK;
}

/* The worst of all. */
static enum rc
summary(const struct job *j)
{
	static const enum rc outcomes[] = { [SD_RIGHT] = RC_OK,
		                            [SD_WRONG] = RC_FORBIDDEN,
		                            [SD_NO_KEY] = RC_NOT_FOUND,
		                            [SD_EQUAL] = RC_CONFLICT,
		                            [SD_UNCERTAIN] = RC_OK };
	bool seen[SD_UNCERTAIN + 1] = { false };

	for (size_t i = 0; i < j->bundle->n; i++)
		seen[j->verdicts[i]] = true;
	for (size_t v = SD_WRONG; v < SD_UNCERTAIN; v++)
		if (seen[v])
			return outcomes[v];
	return RC_OK;
}

/* Whether the outcome of one verification is about its signature. */
static bool
judged(enum rc rc, enum sd_verdict *verdict)
{
	*verdict = rc == RC_OK ? SD_RIGHT : SD_WRONG;
	return rc == RC_OK || rc == RC_FORBIDDEN || rc == RC_BAD_REQUEST;
}

/* ---- signatures of their own ---- */

static enum rc
verify_ed25519(const struct job *j)
{
	for (size_t i = 0; i < j->bundle->n; i++) {
		enum rc rc;

		if (j->verdicts[i] != SD_RIGHT)
			continue;
		rc = sd_ed25519_verify(j->signers[i].ed25519, &j->readings[i],
		                       signature_of(j->bundle, i));
		if (!judged(rc, &j->verdicts[i]))
			return rc;
	}
	return summary(j);
}

static enum rc
each(struct search *s, size_t from, size_t n)
{
	for (size_t i = from; i < from + n; i++) {
		enum rc rc =
			sd_bls_verify(s->keys[i], &s->readings[i], s->signatures + i * SD_BLS_SIZE);

		if (!judged(rc, &s->verdicts[s->at[i]]))
			return rc;
	}
	return RC_OK;
}

/* Halves what is wrong, down to few; when too much is, one by one is faster. */
static enum rc
halve(struct search *s, size_t from, size_t n)
{
	enum rc rc;

	if (n <= SEARCH_MIN || s->left < n)
		return each(s, from, n);
	s->left -= n;
	rc = sd_bls_verify_all(s->readings + from, s->keys + from, n,
	                       slice_make(s->signatures + from * SD_BLS_SIZE, n * SD_BLS_SIZE));
	if (rc != RC_FORBIDDEN && rc != RC_BAD_REQUEST)
		return rc;
	rc = halve(s, from, n / 2);
	return rc == RC_OK ? halve(s, from + n / 2, n - n / 2) : rc;
}

static void
search_fill(struct search *s, const struct job *j)
{
	for (size_t i = 0; i < j->bundle->n; i++) {
		if (j->verdicts[i] != SD_RIGHT)
			continue;
		s->readings[s->n] = j->readings[i];
		s->keys[s->n] = j->signers[i].bls;
		memcpy(s->signatures + s->n * SD_BLS_SIZE, signature_of(j->bundle, i), SD_BLS_SIZE);
		s->at[s->n++] = i;
	}
	s->left = SEARCH_TIMES * s->n;
}

static enum rc
verify_singles(const struct job *j)
{
	size_t n = j->bundle->n;
	struct search s = { .readings = malloc(n * sizeof(s.readings[0])),
		            .keys = malloc(n * sizeof(struct sd_bls_public *)),
		            .signatures = malloc(n * SD_BLS_SIZE),
		            .at = malloc(n * sizeof(s.at[0])),
		            .verdicts = j->verdicts };
	enum rc rc = RC_UNAVAILABLE;

	if (s.readings != NULL && s.keys != NULL && s.signatures != NULL && s.at != NULL) {
		search_fill(&s, j);
		rc = halve(&s, 0, s.n);
	}
	free(s.readings);
	free(s.keys);
	free(s.signatures);
	free(s.at);
	return rc == RC_OK ? summary(j) : rc;
}

/* ---- aggregates ---- */

static enum rc
aggregate_bls(const struct job *j)
{
	const struct sd_bls_public *keys[SD_READINGS_MAX];

	for (size_t i = 0; i < j->bundle->n; i++)
		keys[i] = j->signers[i].bls;
	return sd_bls_verify_aggregate(j->readings, keys, j->bundle->n,
	                               (const uint8_t *)j->bundle->signatures.p);
}

static enum rc
aggregate_identity(const struct job *j)
{
	const struct ibas_identity *ids[SD_READINGS_MAX];
	const uint8_t *w = (const uint8_t *)j->bundle->signatures.p;

	for (size_t i = 0; i < j->bundle->n; i++)
		ids[i] = j->signers[i].identity;
	return ibas_verify(j->q, w, j->readings, ids, j->bundle->n, w + SD_ROUND_SIZE);
}

/* An aggregate is right as a whole or not at all. */
static enum rc
verify_aggregate(const struct job *j)
{
	enum rc rc = summary(j);

	if (rc == RC_OK)
		rc = j->bundle->alg == SD_BLS ? aggregate_bls(j) : aggregate_identity(j);
	for (size_t i = 0; i < j->bundle->n && rc != RC_OK; i++)
		if (j->verdicts[i] == SD_RIGHT)
			j->verdicts[i] = SD_UNCERTAIN;
	return rc;
}

enum rc
sd_verify(const struct sd_bundle *b, const struct sd_reading *readings,
          const struct sd_signer *signers, const struct ibas_public *q, enum sd_verdict *verdicts)
{
	static enum rc (*const verify[])(const struct job *) = {
		[SD_ED25519] = verify_ed25519,
		[SD_BLS] = verify_aggregate,
		[SD_BLS_SINGLE] = verify_singles,
		[SD_IDENTITY] = verify_aggregate,
	};
	struct job j = { b, readings, signers, q, verdicts };
	enum rc rc = look(&j);

	return rc == RC_OK ? verify[b->alg](&j) : rc;
}
