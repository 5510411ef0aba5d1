/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SGA as shipped, phases A and B with the key confirmation, and an active intruder.
 *
 * The wire is the intruder: it keeps every message ever sent, and whoever waits for one is given any
 * of them, often, late or never, whomever it was made for. It is also registered, as device M: with
 * the keys of M it makes the messages of M as it likes, and as an initiator or responder it reads
 * what the gateway sends to M. The gateway G is honest here; see gateway.pml for one that is not.
 *
 * Perfect cryptography: a message is opened and taken only where the keys and all that is covered
 * are the same; a hash stands for the one message it was made of, so what follows compares the runs
 * that the messages come from. A group element is the set of the exponents over g, those of M left
 * out, for M can take any of its own away in the end.
 *
 * Bounded: NI runs of an initiator, NJ of a responder, NG at the gateway, 2 or 3, in any overlap. A
 * and B are honest, each run is of either. One cipher: its choice is covered wherever the names are.
 * Time is not modelled but as what it is for: G takes a sid of a device once. Not in the model:
 * registration, the challenge for devices without a clock, refusals, records after the first.
 *
 * Left out by a definition, to see what it is for:
 *   NO_FRESH  session identifiers, times and the replay cache
 *   NO_CHAIN  the hashes of messages in later messages, in the hop keys and in TH
 *   NO_CONF   the confirmation (B8): a device takes the key for good at B7
 *   NO_PROOF  the proof t of A1 and A3: public-key encryption alone
 *   NO_NAMES  the names in what the responder reads: it takes any initiator for the honest one
 * Claims: about phase A (claim_a), about what G accepts in B4 (claim_g), about the key (claim_k);
 * with ONLY_G and ONLY_K only those. REACH claims that no two honest devices ever finish.
 */
#ifndef NI
#define NI 2
#endif
#ifndef NJ
#define NJ 2
#endif
#ifndef NG
#define NG 2
#endif

/* Something of some run, or of every two. */
#define ANY2(f, x) (f(0, x) || f(1, x))
#define ANY3(f, x) (f(0, x) || f(1, x) || f(2, x))
#define TWO2(f) (f(0, 1))
#define TWO3(f) (f(0, 1) && f(0, 2) && f(1, 2))
#if NI == 3
#define ANY_I(f, x) ANY3(f, x)
#define TWO_I(f) TWO3(f)
#else
#define ANY_I(f, x) ANY2(f, x)
#define TWO_I(f) TWO2(f)
#endif
#if NJ == 3
#define ANY_J(f, x) ANY3(f, x)
#define TWO_J(f) TWO3(f)
#else
#define ANY_J(f, x) ANY2(f, x)
#define TWO_J(f) TWO2(f)
#endif
#if NG == 3
#define ANY_G(f, x) ANY3(f, x)
#define TWO_G(f) TWO3(f)
#else
#define ANY_G(f, x) ANY2(f, x)
#define TWO_G(f) TWO2(f)
#endif

/* Devices. */
#define A 1
#define B 2
#define M 3

/* Fresh values: of the initiator's run r, of the responder's run q, of M. */
#define OF_I(r) (1 + (r))
#define OF_J(q) (1 + NI + (q))
#define OF_M 7
#define NOT_KNOWN 8 /* what G gets for a key when somebody else has made up the mask */

/* Exponents. */
#define R_I(r) (1 << (r))
#define R_J(q) (1 << (NI + (q)))
#define R_S(g) (1 << (NI + NJ + (g)))

#ifdef NO_FRESH
#define SID(r) 0
#define FRESH(x) true
#else
#define SID(r) OF_I(r)
#define FRESH(x) (x)
#endif
#ifdef NO_CHAIN
#define CHAIN(x) true
#else
#define CHAIN(x) (x)
#endif

#if defined(ONLY_G) || defined(ONLY_K) || defined(REACH)
#define claim_a(x) skip
#else
#define claim_a(x) assert(x)
#endif
#if defined(ONLY_K) || defined(REACH)
#define claim_g(x) skip
#else
#define claim_g(x) assert(x)
#endif
#if defined(ONLY_G) || defined(REACH)
#define claim_k(x) skip
#else
#define claim_k(x) assert(x)
#endif

/* How far a run is: what it has sent or taken last. */
#define NEW 0
#define A1 1
#define A2 2
#define A3 3
#define A4 4
#define B1 5
#define B2 6
#define B3 7
#define B6 8
#define KEY 9
#define SURE 10

/* Initiators. */
byte i_at[NI], i_own[NI], i_peer[NI];
byte i_ktj[NI]; /* A4 */
byte i_g[NI]; /* the run of G whose A4 it has taken */
byte i_a3[NI]; /* h(A3) in it */
byte i_b6[NI]; /* the run of G whose B6 it has taken */
short i_k[NI];

/* Responders. */
byte j_at[NJ], j_own[NJ], j_peer[NJ], j_sid[NJ], j_kti[NJ];
byte j_g[NJ]; /* the run of G whose A2 it has taken */
byte j_a1[NJ]; /* h(A1) in it */
byte j_b2[NJ]; /* the run of G whose B2 it has taken */
byte j_b1[NJ]; /* h(B1) in it */
byte j_b6[NJ];
short j_k[NJ];

/* The gateway. A message is named by the value that only its maker has put there. */
byte g_at[NG], g_i[NG], g_j[NG], g_sid[NG], g_kti[NG], g_ktj[NG];
byte g_a1[NG], g_a3[NG], g_b1[NG], g_b3[NG];
short g_ni[NG], g_nj[NG]; /* elements */

#define S_I(g) (g_nj[g] | R_S(g)) /* what B6 brings the initiator */
#define S_J(g) (g_ni[g] | R_S(g))

/* What M knows: keys kt of its sessions, and elements. */
#define TOLD_J(g) (g_j[g] == M && g_at[g] >= A2)
#define TOLD_I(g) (g_i[g] == M && g_at[g] >= A4)
#define KT_FROM(g, kt) ((TOLD_J(g) && g_kti[g] == (kt)) || (TOLD_I(g) && g_ktj[g] == (kt)))
#define AT_I(g, e) (g_i[g] == M && g_at[g] == B6 && S_I(g) == (e))
#define AT_J(g, e) (g_j[g] == M && g_at[g] == B6 && S_J(g) == (e))
#define E_FROM(g, e) (AT_I(g, e) || AT_J(g, e))
#define M_KNOWS_KT(kt) ((kt) == OF_M || ANY_G(KT_FROM, kt))
#define M_KNOWS_E(e) ((e) == 0 || ANY_G(E_FROM, e))

/* ---- what a message must agree with, by its reader ---- */

/* A4 of g at the initiator r: its key is made of sid, kt_i and k_auth_i; it has the names. */
#define A4_OPENS(r, g) \
	(g_at[g] >= A4 && g_i[g] == i_own[r] && g_j[g] == i_peer[r] && g_kti[g] == OF_I(r) && \
	 FRESH(g_sid[g] == SID(r)))
/* The hop between the initiator r and G, and between the responder q and G. */
#define HOP_I(r, g) \
	(g_i[g] == i_own[r] && g_kti[g] == OF_I(r) && \
	 CHAIN(g_a1[g] == OF_I(r) && i_g[r] == g))
#define HOP_J(q, g) \
	(g_j[g] == j_own[q] && g_ktj[g] == OF_J(q) && CHAIN(j_g[q] == g && g_a3[g] == OF_J(q)))
#define NAMES_I(r, g) (g_i[g] == i_own[r] && g_j[g] == i_peer[r])
#ifdef NO_NAMES
#define CALLER(g) (A + B - g_j[g])
#define NAMES_J(q, g) (g_j[g] == j_own[q])
#else
#define CALLER(g) g_i[g]
#define NAMES_J(q, g) (g_j[g] == j_own[q] && g_i[g] == j_peer[q])
#endif
/* A3 of q at G: t is made with the key of j over kt_j, names, sid and h(A2). */
#define A3_OPENS(q, g) \
	(j_at[q] >= A3 && NAMES_J(q, g) && j_kti[q] == g_kti[g] && FRESH(j_sid[q] == g_sid[g]) && \
	 CHAIN(j_g[q] == g))
/* B6: under the hop, its MAC under K_is, over the names and TH as far as the reader knows it. */
#define B6_I_OPENS(r, g) \
	(g_at[g] == B6 && HOP_I(r, g) && NAMES_I(r, g) && g_b1[g] == OF_I(r) && \
	 CHAIN(g_a3[g] == i_a3[r]))
#define B6_J_OPENS(q, g) \
	(g_at[g] == B6 && HOP_J(q, g) && NAMES_J(q, g) && g_b3[g] == OF_J(q) && \
	 CHAIN(g_a1[g] == j_a1[q] && g_b1[g] == j_b1[q] && j_b2[q] == g))

/* Initiator and responder have the same keys: K, kt and names, and TH. */
#define SAME(r, q) \
	(j_own[q] == i_peer[r] && j_peer[q] == i_own[r] && j_k[q] == i_k[r] && \
	 j_kti[q] == OF_I(r) && i_ktj[r] == OF_J(q) && CHAIN(j_b6[q] == i_b6[r]))
#define HAS_KEY_J(q, r) (j_at[q] >= KEY && SAME(r, q))
#define HAS_KEY_I(r, q) (i_at[r] >= KEY && SAME(r, q))
/* M can make the confirmation itself. */
#define FORGED(k, kti, ktj) (M_KNOWS_E(k) && M_KNOWS_KT(kti) && M_KNOWS_KT(ktj))

#define HONEST(d) ((d) != M)

/* The responder q has chosen what r has, for r; the initiator r has invited q. */
#define CHOSE_J(q, r) \
	(j_at[q] >= A3 && i_ktj[r] == OF_J(q) && j_kti[q] == OF_I(r) && j_own[q] == i_peer[r] && \
	 j_peer[q] == i_own[r])
#define INVITED_BY(r, q) \
	(i_at[r] >= A1 && j_kti[q] == OF_I(r) && i_own[r] == j_peer[q] && i_peer[r] == j_own[q])
/* Not two for one. */
#define NOT_TWICE_J(q, p) \
	(!HONEST(j_peer[q]) || j_at[q] < A3 || j_at[p] < A3 || j_kti[q] != j_kti[p])
#define NOT_TWICE_G(g, h) \
	(g_at[g] != B6 || g_at[h] != B6 || \
	 ((!HONEST(g_i[g]) || g_b1[g] != g_b1[h]) && (!HONEST(g_j[g]) || g_b3[g] != g_b3[h])))
#define NOT_SAME_I(r, s) (i_at[r] != SURE || i_at[s] != SURE || i_k[r] != i_k[s])
#define NOT_SAME_J(q, p) (j_at[q] != SURE || j_at[p] != SURE || j_k[q] != j_k[p])
#define DONE_I(r, x) (i_at[r] == SURE)

/* ---- the parties ---- */

inline i_a4(r, g)
{
	i_ktj[r] = g_ktj[g];
	i_g[r] = g;
	i_a3[r] = g_a3[g];
	i_at[r] = B1; /* it answers with B1 at once */
	/* The peer has chosen its key, for this key of ours (W3). */
	claim_a(!HONEST(i_peer[r]) || ANY_J(CHOSE_J, r))
}

inline i_b7(r, g)
{
	i_b6[r] = g;
	i_k[r] = S_I(g) | R_I(r);
	i_at[r] = KEY
}

/* For good: somebody has the same key, nobody has it twice, and M has it not. */
inline i_sure(r)
{
	i_at[r] = SURE;
	claim_k(!HONEST(i_peer[r]) || ANY_J(HAS_KEY_J, r));
	claim_k(!HONEST(i_peer[r]) || !M_KNOWS_E(i_k[r]));
	claim_k(TWO_I(NOT_SAME_I))
}

#define I_TAKES(r, g) \
	:: d_step { i_at[r] == A1 && A4_OPENS(r, g) -> i_a4(r, g) } \
	:: d_step { i_at[r] == B1 && B6_I_OPENS(r, g) -> i_b7(r, g) }

#ifdef NO_CONF
#define I_CONFIRMED(r, q) :: d_step { i_at[r] == KEY && q == 0 -> i_sure(r) }
#define J_CONFIRMED(q, r) :: d_step { j_at[q] == KEY && r == 0 -> j_sure(q) }
#else
#define I_CONFIRMED(r, q) \
	:: d_step { i_at[r] == KEY && HONEST(i_peer[r]) && \
	            (HAS_KEY_J(q, r) || FORGED(i_k[r], OF_I(r), i_ktj[r])) -> i_sure(r) }
#define J_CONFIRMED(q, r) \
	:: d_step { j_at[q] == KEY && HONEST(j_peer[q]) && \
	            (HAS_KEY_I(r, q) || FORGED(j_k[q], j_kti[q], OF_J(q))) -> j_sure(q) }
#endif

/* The runs are alike: they start in their order. */
proctype initiator(byte r)
{
	do
	:: d_step { i_at[r] == NEW && (r == 0 || i_at[0] != NEW) ->
	            i_own[r] = A; i_peer[r] = B; i_at[r] = A1 }
	:: d_step { i_at[r] == NEW && (r == 0 || i_at[0] != NEW) ->
	            i_own[r] = A; i_peer[r] = M; i_at[r] = A1 }
	:: d_step { i_at[r] == NEW && r > 0 && i_at[0] != NEW ->
	            i_own[r] = B; i_peer[r] = A; i_at[r] = A1 }
	:: d_step { i_at[r] == NEW && r > 0 && i_at[0] != NEW ->
	            i_own[r] = B; i_peer[r] = M; i_at[r] = A1 }
	I_TAKES(r, 0)
	I_TAKES(r, 1)
#if NG == 3
	I_TAKES(r, 2)
#endif
	I_CONFIRMED(r, 0)
	I_CONFIRMED(r, 1)
#if NJ == 3
	I_CONFIRMED(r, 2)
#endif
	od
}

/* It takes A2 and answers with A3. A device has a session identifier once. */
inline j_a2(q, g)
{
	j_own[q] = g_j[g];
	j_peer[q] = CALLER(g);
	j_sid[q] = g_sid[g];
	j_kti[q] = g_kti[g];
	j_a1[q] = g_a1[g];
	j_g[q] = g;
	j_at[q] = A3;
	/* The initiator has invited us, and once for each time that we answer (W4). */
	claim_a(!HONEST(j_peer[q]) || ANY_I(INVITED_BY, q));
	claim_a(TWO_J(NOT_TWICE_J))
}

inline j_invited(q, g)
{
	j_b2[q] = g;
	j_b1[q] = g_b1[g];
	j_at[q] = B3
}

inline j_b7(q, g)
{
	j_b6[q] = g;
	j_k[q] = S_J(g) | R_J(q);
	j_at[q] = KEY
}

inline j_sure(q)
{
	j_at[q] = SURE;
	claim_k(!HONEST(j_peer[q]) || ANY_I(HAS_KEY_I, q));
	claim_k(!HONEST(j_peer[q]) || !M_KNOWS_E(j_k[q]));
	claim_k(TWO_J(NOT_SAME_J));
#ifdef REACH
	assert(!HONEST(j_peer[q]) || !ANY_I(DONE_I, q))
#endif
}

#define HAS_SID(q, g) (j_at[q] >= A3 && j_own[q] == g_j[g] && j_sid[q] == g_sid[g])
#define J_TAKES(q, g) \
	:: d_step { j_at[q] == NEW && (q == 0 || j_at[0] != NEW) && g_at[g] >= A2 && \
	            HONEST(g_j[g]) && \
	            FRESH(!ANY_J(HAS_SID, g)) -> j_a2(q, g) } \
	:: d_step { j_at[q] == A3 && g_at[g] >= B2 && HOP_J(q, g) && NAMES_J(q, g) -> \
	            j_invited(q, g) } \
	:: d_step { j_at[q] == B3 && B6_J_OPENS(q, g) -> j_b7(q, g) }

proctype responder(byte q)
{
	do
	J_TAKES(q, 0)
	J_TAKES(q, 1)
#if NG == 3
	J_TAKES(q, 2)
#endif
	J_CONFIRMED(q, 0)
	J_CONFIRMED(q, 1)
#if NI == 3
	J_CONFIRMED(q, 2)
#endif
	od
}

#define TAKEN(g, ds) (g_at[g] >= A2 && g_i[g] * 16 + g_sid[g] == (ds))
#define CACHED(d, s) ANY_G(TAKEN, (d) * 16 + (s))

/* It takes A1 and sends A2. */
inline g_invited(g, from, to, kt, sid, a1)
{
	g_i[g] = from;
	g_j[g] = to;
	g_kti[g] = kt;
	g_sid[g] = sid;
	g_a1[g] = a1;
	g_at[g] = A2
}

inline g_agreed(g, kt, a3)
{
	g_ktj[g] = kt;
	g_a3[g] = a3;
	g_at[g] = A4
}

/* B4: both have shown who they are, in this session and in no other. */
inline g_verified(g, nj, b3)
{
	g_nj[g] = nj;
	g_b3[g] = b3;
	g_at[g] = B6;
	claim_g(TWO_G(NOT_TWICE_G))
}

#define G_TURN(g) (g == 0 || g_at[g - 1] != NEW)
#define G_FROM_I(g, r) \
	:: d_step { g_at[g] == NEW && G_TURN(g) && i_at[r] >= A1 && \
	            FRESH(!CACHED(i_own[r], SID(r))) -> \
	            g_invited(g, i_own[r], i_peer[r], OF_I(r), SID(r), OF_I(r)) } \
	:: d_step { g_at[g] == A4 && i_at[r] >= B1 && HOP_I(r, g) && NAMES_I(r, g) && \
	            FRESH(g_sid[g] == SID(r)) -> \
	            g_ni[g] = R_I(r); g_b1[g] = OF_I(r); g_at[g] = B2 }
#define G_FROM_J(g, q) \
	:: d_step { g_at[g] == A2 && A3_OPENS(q, g) -> g_agreed(g, OF_J(q), OF_J(q)) } \
	:: d_step { g_at[g] == B2 && j_at[q] >= B3 && HOP_J(q, g) && NAMES_J(q, g) && \
	            FRESH(j_sid[q] == g_sid[g]) && CHAIN(j_b2[q] == g) -> \
	            g_verified(g, R_J(q), OF_J(q)) }
/* M invites, with a sid of its own or one that it has seen, and a key that it knows. */
#define M_INVITES(g, to, kt, sid) \
	:: d_step { g_at[g] == NEW && G_TURN(g) && M_KNOWS_KT(kt) && FRESH(!CACHED(M, sid)) -> \
	            g_invited(g, M, to, kt, sid, OF_M) }
/* M answers an invitation, and takes part in phase B, with an element that it knows. */
#define M_ANSWERS(g, kt) \
	:: d_step { g_at[g] == A2 && g_j[g] == M && M_KNOWS_KT(kt) -> g_agreed(g, kt, OF_M) }
#define M_KEYS(g, e) \
	:: d_step { g_at[g] == A4 && g_i[g] == M && M_KNOWS_E(e) -> \
	            g_ni[g] = e; g_b1[g] = OF_M; g_at[g] = B2 } \
	:: d_step { g_at[g] == B2 && g_j[g] == M && M_KNOWS_E(e) -> g_verified(g, e, OF_M) }

/* About the initiator's run r, and the responder's q. */
#define WITH_I(g, r) \
	G_FROM_I(g, r) \
	M_INVITES(g, A, OF_M, SID(r)) \
	M_INVITES(g, B, OF_M, SID(r)) \
	M_INVITES(g, A, OF_I(r), SID(r)) \
	M_INVITES(g, B, OF_I(r), SID(r)) \
	M_ANSWERS(g, OF_I(r))
#define WITH_J(g, q) \
	G_FROM_J(g, q) \
	M_INVITES(g, A, OF_J(q), 0) \
	M_INVITES(g, B, OF_J(q), 0)
#define WITH_G(g, h) \
	M_KEYS(g, S_I(h)) \
	M_KEYS(g, S_J(h))

proctype gateway(byte g)
{
	do
	WITH_I(g, 0)
	WITH_I(g, 1)
#if NI == 3
	WITH_I(g, 2)
#endif
	WITH_J(g, 0)
	WITH_J(g, 1)
#if NJ == 3
	WITH_J(g, 2)
#endif
	WITH_G(g, 0)
	WITH_G(g, 1)
#if NG == 3
	WITH_G(g, 2)
#endif
	M_INVITES(g, A, OF_M, 0)
	M_INVITES(g, B, OF_M, 0)
	M_ANSWERS(g, OF_M)
	M_KEYS(g, 0)
#ifdef NO_PROOF
	/* Anybody encrypts to G, in anybody's name. */
	:: d_step { g_at[g] == NEW && G_TURN(g) -> g_invited(g, A, B, NOT_KNOWN, 0, OF_M) }
	:: d_step { g_at[g] == A2 && HONEST(g_j[g]) -> g_agreed(g, NOT_KNOWN, OF_M) }
#endif
	od
}

init {
	atomic {
		run initiator(0);
		run initiator(1);
#if NI == 3
		run initiator(2);
#endif
		run responder(0);
		run responder(1);
#if NJ == 3
		run responder(2);
#endif
		run gateway(0);
		run gateway(1);
#if NG == 3
		run gateway(2);
#endif
	}
}
