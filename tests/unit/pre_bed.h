/* SPDX-License-Identifier: Apache-2.0 */
/* Known answers of proxy re-encryption, and what compares with them. */
#ifndef UNIT_PRE_BED_H
#define UNIT_PRE_BED_H

#include "octets.h"
#include "pre/afgh_fixed.h"
#include "repo_bed.h"

/* Scalars: SHA-512 of "M2PRE1-KAT a1" .. modulo r. */
#define KAT_A1 "62bc9ea7e5a3cfa01855a66281ad0ed9fac260bf62a07778269390d1f3eff9c5"
#define KAT_A2 "6a49202b865056110d0e221bb11eed68e9d0b6f24edf9a8a5bddc5a462e0b8b6"
#define KAT_B2 "172723b0dc1de9c1d62bae9b68118eb89508baab570a377a0348e282e9ab6c4e"
#define KAT_R "41b78be2687bd88005a542c2b167fe6f2582c99b1b871aad14e5f7b86ca9860e"
#define KAT_M "5662c6f55ff6c61c57fec449e095821432e3d016de11f7e45b8fda3582e0237a"
#define KAT_SEED "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

#define KAT_PK2_A                                                                                  \
	"8473ab25c2307d3ef6812324c61b515c46dfe030ef48adbea9ee8d1d528a299bf0f264de6506acaa52f47609" \
	"4cec"                                                                                     \
	"e0dc14a019dfb09f37e9daf58f8042ca281772df7ad58f950805b21fbef0dcf1a0844afc7650b5f751e5946b" \
	"7c89"                                                                                     \
	"8a39f8bc"
#define KAT_PK2_B                                                                                  \
	"b6d47f7ef7e1670f786ebe70c9382bb5ca2522d4417bfc9380a8d83b2f9b6496f7d3a65bc25e3e7da18317b0" \
	"d532"                                                                                     \
	"d915064fcbf21b991d53ae478f3ac28f966cfd24b183b7adc15b5e8c2c0b6a0529ea5b8c37fd2e2de782a414" \
	"0e9b"                                                                                     \
	"d93e7dc7"
#define KAT_RK                                                                                     \
	"a67321d476d2bfcd04897d1473404bf7d7a45bf40fc447734a11b403508b71f8bf39726fe43f3d3890c51c25" \
	"b045"                                                                                     \
	"84810b1aafae2b163b44d69dd049b97f49a6ddb7f003dfa6c09a690f7f5aae34a14a25bec4f017febef86f98" \
	"c157"                                                                                     \
	"5e8e7591"
#define KAT_C1                                                                                     \
	"893bd7780fefaed141e4de3756efd0a3d56729f4f91bb8e0d859455ab209dafb940dd7f84ce844553df0105d" \
	"6a15"                                                                                     \
	"b516"

/* SHA-256 of the raw and of the short encoding. */
#define KAT_Z_RAW "06fa588b89fdfb034dbc1c163ecb3dfac228f552b643c7294cc5f2c4dc170b84"
#define KAT_Z "ada484cf0e8b76b05682dde9bd054623b620c0db089b519b27950314892d815c"
#define KAT_ZA1_RAW "bc48bc4086f562137d9b4f5e1f4b822ac9ae8f1e7bb8dde06504824920193f74"
#define KAT_ZA1 "a31a198d4f8cbcd620906c4ab009834516be30263b78209658aa5b0e459dba67"
#define KAT_K_RAW "810892ab091dd6601013c9c2e98d24c7e21fde14902ba598052236493edb3a74"
#define KAT_K "91f1c0d1f38d7c3d9dff3764c88c481fbe7754760d205d722b9358e09cdbeec0"
#define KAT_D_RAW "bbbef8f02ca0b172a716208e1285d4c8f59478ee3fc52812dda042d792085f11"
#define KAT_D "a1a71dcbc213a8508a574a92a73517dc421335824a660c9765adb07b81e8dd58"
#define KAT_B_RAW "de7b79f4bcf0d981c38c6b5c2a7c9754984328d9a5252290ea647961a59f2b7e"
#define KAT_B "76ed67753730b4fd0ed5238c2da034d8571c39590ef981c73a3ccd3bd084a727"

/* The order r of the groups, and the modulus of the coordinates. */
#define ORDER "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001"
#define MODULUS                                                                                    \
	"1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffff" \
	"ffff"                                                                                     \
	"aaab"

#ifdef HAVE_PAIRING
#define WITH_PAIRING true
#else
#define WITH_PAIRING false
#endif

static inline struct pairing_scalar
scalar_of(const char *hex)
{
	struct octets o = octets_of(hex);
	struct pairing_scalar s;

	ck_assert_uint_eq(pairing_scalar_read(octets_slice(&o), &s), RC_OK);
	return s;
}

/* The status of main of a program that tests nothing without pairing. */
static inline int
run_pre_suite(Suite *(*make)(void))
{
	return WITH_PAIRING ? run_suite(make()) : 77;
}

/* Times a property is tried: the published number when OPENSCL_LONG is set. */
static inline unsigned
pre_rounds(void)
{
	return getenv("OPENSCL_LONG") != NULL ? 1000 : 20;
}

#endif
