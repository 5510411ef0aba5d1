/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Multiparty authentication (common/mpa): A1, A2, A3, A4, the transcript for S, and its decision.
 *
 * The attacker is every link: it keeps what was ever sent, and gives anybody any of it, changed wherever
 * no signature is, often, late or never. It also is
 *   AP2  another access point, with its own W5: it signs any A2, with any share that it has seen
 *   X    another device, with both of its chains
 *   Y    a device that a server has certified in the name of CN without CN having agreed: it has the
 *        chain CN -> S -> Y, and those of others, which are no secret, and S -> Y, but none
 *        S -> CN -> Y
 * Perfect cryptography. CN has made the warrants beforehand, and looks at a transcript as S does.
 *
 * A share is a number; a nonce goes with it. Who knows the secret of one of two shares knows Z. What a
 * signature is over is compared with what the verifier has seen; th is all of it.
 *
 * At any time CN may revoke a warrant of D, or it ends: from then on AP takes no run of D, although it
 * looks at chains with what it knew before, and no session of D stands.
 *
 * Bounded: RUNS runs each of the device D and the access point AP, in any overlap.
 *
 * What is left out, one at a time:
 *   NO_BOTH     AP is content with the chain from CN
 *   NO_SAME     the two chains may be of two devices; NO_THROUGH  S alone may have made both
 *   NO_TH_D     D's signature is not over the run; NO_TH_AP  nor is AP's
 *   NO_REFLECT  D takes its own share for another's; NO_ZERO  shares that give zero are taken
 *   NO_W5       D does not look whether CN is the root of AP's chain
 *   NO_FIN      D does not wait for A4
 *   NO_AGAIN    AP does not look again whether all stands when the session begins
 *   NO_CUT      AP does not end sessions of what was revoked
 *   NO_TH_S     the decision of S is not about a run
 * NO_S: without S, which has no say in what device and access point do.
 */
#ifndef RUNS
#define RUNS 2
#endif

#if RUNS == 2
#define ANY(f, x) (f(0, x) || f(1, x))
#else
#define ANY(f, x) (f(0, x) || f(1, x) || f(2, x))
#endif

/* shares */
#define NONE 0
#define ZERO 1 /* gives zero with any other */
#define MADE 2 /* the attacker's */
#define SHARE_D(d) (3 + (d))
#define SHARE_AP(a) (3 + RUNS + (a))

/* devices */
#define D 1
#define X 2
#define Y 3

/* access points */
#define AP 1
#define AP2 2
#define FAKE 3 /* without a right of CN: as well one that S has certified in the name of CN */

#define NEW 0
#define A1 1 /* D: was sent */
#define A2 2 /* AP: was sent */
#define A3 3 /* D: was sent; AP: was taken, A4 sent */
#define END 4 /* D: A4 was taken */

byte d_at[RUNS], d_share[RUNS], d_ap[RUNS];
byte a_at[RUNS], a_share[RUNS], a_id[RUNS], a_by[RUNS];
bool a_ok[RUNS]; /* chains and signature of D hold by what AP knew when it looked */
bool a_live[RUNS]; /* a session of D stands */
bool told; /* AP knows that a warrant of D was revoked, or has ended */
bool s_yes[RUNS]; /* S has accepted the transcript of that run of D */
bool d_yes[RUNS]; /* D has taken the decision for that run */

/* The same A1 and A2 at both, so the same th when D's A3 is taken. */
#define SAME(d, a) (a_share[a] == SHARE_D(d) && a_id[a] == D && \
                    d_share[d] == SHARE_AP(a) && d_ap[d] == AP)
#define SENT(d, a) (d_at[d] >= A3 && SAME(d, a))
#define TOOK(a, d) (a_at[a] == A3 && a_by[a] == D && SAME(d, a))
#define KNOWN(share) ((share) == MADE || (share) == ZERO)

#ifdef REACH
#define claim_reach(x) assert(!(x))
#else
#define claim_reach(x) skip
#endif

/* ---- the device ---- */

inline d_a2(d, share, ap)
{
#ifndef NO_REFLECT
	if
	:: (share) == SHARE_D(d) -> skip
	:: else ->
#endif
		d_share[d] = share;
		d_ap[d] = ap;
		d_at[d] = A3;
		/* It signs no share of its own as another's, and under AP's name none of the attacker. */
		assert(d_share[d] != SHARE_D(d));
		assert(d_ap[d] != FAKE)
#ifndef NO_REFLECT
	fi
#endif
}

inline d_a4(d)
{
	d_at[d] = END;
	/* Agreement: AP has accepted this very run, and nobody else has the key. */
	assert(d_ap[d] != AP || (ANY(TOOK, d) && !KNOWN(d_share[d])));
	claim_reach(d_ap[d] == AP)
}

/* AP2 signs what it likes: what D has sent, and any share that there is. */
#define D_TAKES_SHARE(d, share, ap) \
	:: d_step { d_at[d] == A1 -> d_a2(d, share, ap) }

#ifdef NO_TH_AP
#define D_TAKES_OTHER(d, a) \
	:: d_step { d_at[d] == A1 && a_at[a] >= A2 -> d_a2(d, MADE, AP) }
#else
#define D_TAKES_OTHER(d, a)
#endif

#define D_TAKES(d, a) \
	:: d_step { d_at[d] == A1 && a_at[a] >= A2 && a_share[a] == SHARE_D(d) && a_id[a] == D -> \
	            d_a2(d, SHARE_AP(a), AP) } \
	D_TAKES_OTHER(d, a) \
	D_TAKES_SHARE(d, SHARE_D(a), AP2) \
	D_TAKES_SHARE(d, SHARE_AP(a), AP2) \
	:: d_step { d_at[d] == A3 && TOOK(a, d) -> d_a4(d) }

proctype device(byte d)
{
	do
	:: d_step { d_at[d] == NEW && (d == 0 || d_at[d - 1] != NEW) -> d_at[d] = A1 }
	D_TAKES(d, 0)
	D_TAKES(d, 1)
#if RUNS == 3
	D_TAKES(d, 2)
#endif
	D_TAKES_SHARE(d, MADE, AP2)
#ifdef NO_ZERO
	D_TAKES_SHARE(d, ZERO, AP2)
#endif
#ifdef NO_W5
	D_TAKES_SHARE(d, MADE, FAKE)
#endif
	:: d_step { d_at[d] == A3 && KNOWN(d_share[d]) -> d_a4(d) }
#ifdef NO_FIN
	:: d_step { d_at[d] == A3 -> d_a4(d) }
#endif
	/* The decision: about this run, signed by S. */
	:: d_step { d_at[d] >= A3 && !d_yes[d] &&
#ifdef NO_TH_S
	            (s_yes[0] || s_yes[RUNS - 1]) ->
#else
	            s_yes[d] ->
#endif
	            d_yes[d] = true;
	            assert(s_yes[d]) }
	od
}

/* ---- the access point ---- */

inline a_a1(a, share, id)
{
	a_share[a] = share;
	a_id[a] = id;
	a_at[a] = A2
}

inline a_a3(a, by)
{
	a_by[a] = by;
	a_at[a] = A3;
	/* Whom it takes is under contract of both, and is whom the run is about. */
	assert(by != Y);
	assert(by == a_id[a]);
	/* A run of D itself, of which nobody else has the key. */
	assert(by != D || (ANY(SENT, a) && !KNOWN(a_share[a])))
}

#define A1_OF(a, share, id) \
	:: d_step { a_at[a] == NEW && (a == 0 || a_at[a - 1] != NEW) -> a_a1(a, share, id) }

#ifdef NO_TH_D
#define RIGHT(d, a) (d_at[d] >= A3 && a_id[a] == D)
#else
#define RIGHT(d, a) SENT(d, a)
#endif

/* A1 is nobody's: the attacker has any share in it, and any name. */
#define AP_TAKES(a, d) \
	:: d_step { a_at[a] == NEW && (a == 0 || a_at[a - 1] != NEW) && d_at[d] >= A1 -> \
	            a_a1(a, SHARE_D(d), D) } \
	:: d_step { a_at[a] == NEW && (a == 0 || a_at[a - 1] != NEW) && d_at[d] >= A1 -> \
	            a_a1(a, SHARE_D(d), X) } \
	:: d_step { a_at[a] == A2 && !a_ok[a] && !told && RIGHT(d, a) -> a_ok[a] = true }

#ifdef NO_AGAIN
#define STANDS true
#else
#define STANDS !told
#endif

proctype access_point(byte a)
{
	do
	AP_TAKES(a, 0)
	AP_TAKES(a, 1)
#if RUNS == 3
	AP_TAKES(a, 2)
#endif
	:: d_step { a_at[a] == A2 && a_ok[a] && STANDS -> a_a3(a, D); a_live[a] = true }
	A1_OF(a, MADE, D)
	A1_OF(a, MADE, X)
	A1_OF(a, MADE, Y)
#ifdef NO_ZERO
	A1_OF(a, ZERO, D)
	A1_OF(a, ZERO, X)
#endif
	/* The attacker's own devices: they sign this run, whatever is in it. */
	:: d_step { a_at[a] == A2 && a_id[a] == X -> a_a3(a, X) }
#if defined(NO_BOTH) || defined(NO_SAME) || defined(NO_THROUGH)
	/* Without the second chain, with the one of D, or with its own S -> Y. */
	:: d_step { a_at[a] == A2 && a_id[a] == Y -> a_a3(a, Y) }
#endif
	od
}

/* ---- revocation ---- */

#define LIVE(a, x) a_live[a]

proctype operator()
{
	d_step {
		told = true;
#ifndef NO_CUT
		a_live[0] = false;
		a_live[1] = false;
#if RUNS == 3
		a_live[2] = false
#endif
#endif
	};
	do
	:: d_step { ANY(LIVE, 0) -> assert(false) }
	od
}

/* ---- S ---- */

inline s_takes(d)
{
	s_yes[d] = true;
	/* A run of D, with whom D takes for an access point. */
	assert(d_at[d] >= A3 && d_ap[d] != FAKE)
}

proctype server()
{
	do
	/* The transcript of D's run, whoever brings it. */
	:: d_step { d_at[0] >= A3 && !s_yes[0] -> s_takes(0) }
	:: d_step { d_at[1] >= A3 && !s_yes[1] -> s_takes(1) }
#if RUNS == 3
	:: d_step { d_at[2] >= A3 && !s_yes[2] -> s_takes(2) }
#endif
#ifdef NO_TH_D
	/* One in which D's signature stands below another A1 and A2. */
	:: d_step { d_at[0] >= A3 -> assert(false) }
#endif
	od
}

init
{
	atomic {
		run device(0);
		run device(1);
		run access_point(0);
		run access_point(1);
		run operator();
#if RUNS == 3
		run device(2);
		run access_point(2);
#endif
#ifndef NO_S
		run server()
#else
		skip
#endif
	}
}
