/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Group AKA as it is shipped, and an active intruder.
 *
 * The area network is the intruder: it keeps every message ever sent, and gives it to anybody at any
 * time, or none. It owns a serving network C, which the home network HN has authorised for the group
 * as it has the honest one S: what HN answers C, it has. It owns a member X, with its key KA and
 * the group's key GAK, until X is removed. HN is honest, and the links between it and a serving
 * network are TLS. Devices A and B are honest; each run is of one of them, as leader or member.
 *
 * Perfect cryptography: a message is taken only where the keys and all that is covered are the same.
 * An answer v of HN stands for its RAND, its SQN (v), its IVs (v * W on) and all keys of them; so a
 * device's key is named by v, and by C, N and NS with it. C of an attempt is v * W + k.
 *
 * Bounded: NU runs of honest devices (2), NA attempts at S (3), NH answers of HN (2), W 2, in any
 * overlap; the long form also NU 3, and NH 3, not both at once, which does not end in the memory that
 * it may have. Replays are those of the intruder. Resynchronisation is one of them: S asks HN once
 * more for a T1 that it has had, whoever has said that the device is out of step. Not in the model:
 * GID (one group), TLS sessions under the keys, rates, by how much sequence numbers move, the epoch
 * before (a device takes both), the order in which sequence numbers come (each is taken once).
 *
 * S asks HN again when it likes: that is expiry, and C used up. Sets that S has not any more may leak
 * to the intruder.
 *
 * Left out by a definition, to see what it is for:
 *   NO_XK     the individual key: KAUTH is made of GTK alone
 *   NO_C      the rule that C is above the last one answered to that serving network
 *   NO_SQN    the rule that a sequence number is taken once
 *   NO_SNID   the name of the serving network in GTK, XK, MAC, RES and KS
 *   NO_CHECK  HN compares the name in T2 with who asks
 *   NO_TELL   S drops its set when a member is removed
 *   NO_LEAVE  HN leaves removed members out of T3
 *   NO_EPOCH  the group has another GAK when a member is removed
 *   WEAK_N    N of a device is not fresh but always the same; the rest does without it
 * With ONLY_SN the claims are those of S alone. REACH claims that no honest member is ever done with S; REACH_FULL the same of a leader.
 */
#ifndef NU
#define NU 2
#endif
#ifndef NA
#define NA 3
#endif
#ifndef NH
#define NH 2
#endif
#define W 2

/* Devices; serving networks. */
#define A 0
#define B 1
#define X 2
#define S 0
#define C 1

#define NONE 7
#define FAKE 6 /* in place of an answer of HN: a RAND of the intruder */
#define OF_M 8 /* N or NS of the intruder */

#ifdef WEAK_N
#define N(u) OF_M
#else
#define N(u) (u)
#endif

/* How far a run is. */
#define NEW 0
#define T1 1 /* device: has sent it */
#define FULL 2 /* device: has sent T5; S: T4 */
#define MEMBER 3 /* device: has sent T8; S: T7 */
#define DONE_FULL 4
#define DONE_MEMBER 5

/* Runs of devices. */
byte u_at[NU], u_dev[NU], u_v[NU], u_sn[NU], u_c[NU], u_ns[NU];
/* What a device keeps: per device and serving network the last C, one more; and SQNs taken. */
byte last[6], taken[3];

/* Attempts at S. */
byte a_at[NA], a_dev[NA], a_n[NA], a_v[NA], a_c[NA];
bool a_after[NA]; /* it began when X was removed */
byte s_set = NONE; /* the answer that S has as its set */
byte s_next[3]; /* C of a device in it, so far */

/* Answers of HN: the name in it, who has got it, whom it authenticates, for the group or not. */
byte h_n, h_sn[NH], h_to[NH], h_for[NH];
bool h_group[NH], h_new[NH], leaked[NH]; /* new: of the epoch after the removal */
bool removed;

#define ANY_U2(f, x) (f(0, x) || f(1, x))
#define ANY_A3(f, x) (f(0, x) || f(1, x) || f(2, x))
#if NU == 3
#define ANY_U(f, x) (ANY_U2(f, x) || f(2, x))
#else
#define ANY_U(f, x) ANY_U2(f, x)
#endif
#if NA == 4
#define ANY_A(f, x) (ANY_A3(f, x) || f(3, x))
#else
#define ANY_A(f, x) ANY_A3(f, x)
#endif

/* ---- who knows what ---- */

#ifdef NO_LEAVE
#define OUT(d, v) false
#else
#define OUT(d, v) ((d) == X && h_new[v])
#endif
#define IN_SET(d, v) (h_group[v] && h_for[v] != (d) && !OUT(d, v))
/* The intruder has the answer itself; the GAK that is in it. */
#define HAS(v) (h_to[v] == C || leaked[v])
#ifdef NO_EPOCH
#define HAS_GAK(v) true
#else
#define HAS_GAK(v) (!h_new[v])
#endif
/* It can make the tags of the device d under v. */
#ifdef NO_XK
#define KNOWS(d, v) (HAS(v) || HAS_GAK(v))
#else
#define KNOWS(d, v) (IN_SET(d, v) && (HAS(v) || ((d) == X && HAS_GAK(v))))
#endif

/* ---- what is claimed ---- */

#ifdef ONLY_SN
#define claim_ue(x) skip
#else
#define claim_ue(x) assert(x)
#endif

/* The run u of the device and the attempt a have the same key. */
#define SAME_MEMBER(u, a) \
	(u_dev[u] == a_dev[a] && N(u) == a_n[a] && u_v[u] == a_v[a] && u_sn[u] == S && \
	 u_c[u] == a_c[a] && u_ns[u] == a)
#define SAME_FULL(u, a) (u_dev[u] == a_dev[a] && u_v[u] == a_v[a] && u_sn[u] == S)
#define UE_MEMBER(u, a) ((u_at[u] == MEMBER || u_at[u] == DONE_MEMBER) && SAME_MEMBER(u, a))
#define UE_FULL(u, a) ((u_at[u] == FULL || u_at[u] == DONE_FULL) && SAME_FULL(u, a))
#define SN_MEMBER(a, u) (a_at[a] == DONE_MEMBER && SAME_MEMBER(u, a))
#define SN_FULL(a, u) (a_at[a] == DONE_FULL && SAME_FULL(u, a))

#define ANSWERED(u) (u_at[u] >= FULL)
#define IS_MEMBER(u) (u_at[u] == MEMBER || u_at[u] == DONE_MEMBER)
/* Two runs with one challenge; one is for x itself. */
#define TWICE(y, x) \
	((y) != (x) && ANSWERED(y) && IS_MEMBER(y) == IS_MEMBER(x) && u_dev[y] == u_dev[x] && \
	 u_sn[y] == u_sn[x] && u_v[y] == u_v[x] && (!IS_MEMBER(x) || u_c[y] == u_c[x]))
/* Two attempts with one key. */
#define TWICE_S(y, x) \
	((y) != (x) && a_at[y] >= DONE_FULL && a_at[y] == a_at[x] && a_dev[y] == a_dev[x] && \
	 a_v[y] == a_v[x] && a_c[y] == a_c[x])
/* The device of x has answered a later set of the same serving network. */
#define LATER(y, x) \
	((y) != (x) && IS_MEMBER(y) && u_dev[y] == u_dev[x] && u_sn[y] == u_sn[x] && \
	 u_v[y] != FAKE && u_v[x] != FAKE && u_v[y] > u_v[x])

/*
 * A device has answered a challenge: the serving network in it has got that very answer of HN, the
 * challenge was not answered before, and no older set is used again.
 */
inline answered(u)
{
	claim_ue(u_v[u] != FAKE && (h_to[u_v[u]] == u_sn[u] || leaked[u_v[u]]));
	claim_ue(!ANY_U(TWICE, u));
	claim_ue(!IS_MEMBER(u) || !ANY_U(LATER, u))
}

/* ---- devices ---- */

#define BEGINS(u, d) \
	:: d_step { u_at[u] == NEW && (u == 0 || u_at[u - (u > 0)] != NEW) -> \
	            u_dev[u] = d; u_at[u] = T1 }

#ifdef NO_SQN
#define FRESH(d, v) true
#else
#define FRESH(d, v) ((taken[d] & (1 << (v))) == 0)
#endif
#ifdef NO_C
#define ABOVE(d, sn, c) true
#else
#define ABOVE(d, sn, c) ((c) + 1 > last[(d) * 2 + (sn)])
#endif
#ifdef NO_SNID
#define NAMED(v, sn) true
#else
#define NAMED(v, sn) (h_sn[v] == (sn))
#endif

inline takes_full(u, v, sn)
{
	u_v[u] = v;
	u_sn[u] = sn;
	taken[u_dev[u]] = taken[u_dev[u]] | (1 << v);
	u_at[u] = FULL;
	answered(u)
}

inline takes_member(u, v, sn, c, ns)
{
	u_v[u] = v;
	u_sn[u] = sn;
	u_c[u] = c;
	u_ns[u] = ns;
	last[u_dev[u] * 2 + sn] = c + 1;
	u_at[u] = MEMBER;
	answered(u)
}

/* T4 with the answer v, from anybody. */
#define T4_TO(u, v, sn) \
	:: d_step { u_at[u] == T1 && h_n > v && h_for[v] == u_dev[u] && NAMED(v, sn) && \
	            FRESH(u_dev[u], v) -> takes_full(u, v, sn) }
/* T7 as S has made it. */
#define T7_TO(u, a) \
	:: d_step { u_at[u] == T1 && (a_at[a] == MEMBER || a_at[a] == DONE_MEMBER) && \
	            a_dev[a] == u_dev[u] && a_n[a] == N(u) && ABOVE(u_dev[u], S, a_c[a]) -> \
	            takes_member(u, a_v[a], S, a_c[a], a) }
/* T7 as the intruder makes it: with an answer whose keys it has, with a RAND of its own. */
#define M_T7_TO(u, v, sn, k) \
	:: d_step { u_at[u] == T1 && h_n > v && KNOWS(u_dev[u], v) && NAMED(v, sn) && \
	            ABOVE(u_dev[u], sn, v * W + k) -> takes_member(u, v, sn, v * W + k, OF_M) }
#ifdef NO_XK
#define FAKE_T7_TO(u, sn) \
	:: d_step { u_at[u] == T1 && ABOVE(u_dev[u], sn, NH * W) -> \
	            takes_member(u, FAKE, sn, NH * W, OF_M) }
#else
#define FAKE_T7_TO(u, sn)
#endif

/* T6, T9: who makes it has the key. With S, it is S, and it is done. */
inline is_done(u, at)
{
	u_at[u] = at;
	claim_ue(u_sn[u] == C || leaked[u_v[u]] || \
	         (at == DONE_FULL && ANY_A(SN_FULL, u)) || \
	         (at == DONE_MEMBER && ANY_A(SN_MEMBER, u)));
#ifdef REACH
	assert(u_sn[u] == C || leaked[u_v[u]] || at != DONE_MEMBER);
#endif
#ifdef REACH_FULL
	assert(u_sn[u] == C || leaked[u_v[u]] || at != DONE_FULL);
#endif
}

#define ENDS(u) \
	:: d_step { u_at[u] == FULL && (h_to[u_v[u]] == C || ANY_A(SN_FULL, u)) -> \
	            is_done(u, DONE_FULL) } \
	:: d_step { u_at[u] == MEMBER && u_v[u] == FAKE -> is_done(u, DONE_MEMBER) } \
	:: d_step { u_at[u] == MEMBER && u_v[u] != FAKE && \
	            (KNOWS(u_dev[u], u_v[u]) || ANY_A(SN_MEMBER, u)) -> is_done(u, DONE_MEMBER) }

/* ---- the home network ---- */

#define MAY_LEAD(d) ((d) != X || !removed)

inline home(sn, to, d, group)
{
	h_sn[h_n] = sn;
	h_to[h_n] = to;
	h_for[h_n] = d;
	h_group[h_n] = group;
	h_new[h_n] = removed;
	h_n++
}

/* What C asks for; with NO_CHECK also in the name of S. */
#define C_ASKS(d, sn) \
	:: d_step { h_n < NH && MAY_LEAD(d) -> home(sn, C, d, true) }

/* ---- S ---- */

#define TURN(a) (a_at[a] == NEW && (a == 0 || a_at[a - (a > 0)] != NEW))
#define SERVES(d) (s_set != NONE && IN_SET(d, s_set) && s_next[d] < W)

inline attempt(a, d, n)
{
	a_dev[a] = d;
	a_n[a] = n;
	a_after[a] = removed
}

inline challenged(a, d)
{
	a_v[a] = s_set;
	a_c[a] = s_set * W + s_next[d];
	s_next[d]++;
	a_at[a] = MEMBER
}

inline asked(a, d, group)
{
	a_v[a] = h_n;
	home(S, S, d, group);
	if
	:: group -> s_set = a_v[a]; s_next[A] = 0; s_next[B] = 0; s_next[X] = 0
	:: else
	fi;
	a_at[a] = FULL
}

/* T1 of a device and with an N, whoever it comes from. */
#define T1_OF(a, d, n, has) \
	:: d_step { TURN(a) && (has) && SERVES(d) -> attempt(a, d, n); challenged(a, d) } \
	:: d_step { TURN(a) && (has) && h_n < NH && MAY_LEAD(d) -> \
	            attempt(a, d, n); asked(a, d, true) } \
	:: d_step { TURN(a) && (has) && h_n < NH && MAY_LEAD(d) -> \
	            attempt(a, d, n); asked(a, d, false) }

inline agreed(a, at)
{
	a_at[a] = at;
	/* The honest device has the same key, for this attempt alone. */
	assert(a_dev[a] == X || leaked[a_v[a]] || \
	       (at == DONE_FULL && ANY_U(UE_FULL, a)) || \
	       (at == DONE_MEMBER && ANY_U(UE_MEMBER, a)));
	assert(!ANY_A(TWICE_S, a));
	/* Who was removed before is out. */
	assert(a_dev[a] != X || !a_after[a] || leaked[a_v[a]])
}

#define ANSWERS(a) \
	:: d_step { a_at[a] == FULL && (a_dev[a] == X || ANY_U(UE_FULL, a)) -> \
	            agreed(a, DONE_FULL) } \
	:: d_step { a_at[a] == MEMBER && (KNOWS(a_dev[a], a_v[a]) || ANY_U(UE_MEMBER, a)) -> \
	            agreed(a, DONE_MEMBER) }

/* ---- all ---- */

#ifdef NO_SNID
#define BOTH(macro, u, v) macro(u, v, S) macro(u, v, C)
#define BOTH_K(u, v) \
	M_T7_TO(u, v, S, 0) M_T7_TO(u, v, S, 1) M_T7_TO(u, v, C, 0) M_T7_TO(u, v, C, 1)
#else
#define BOTH(macro, u, v) macro(u, v, h_sn[v])
#define BOTH_K(u, v) M_T7_TO(u, v, h_sn[v], 0) M_T7_TO(u, v, h_sn[v], 1)
#endif

#define UE_HN(u, v) BOTH(T4_TO, u, v) BOTH_K(u, v)
#define UE_SN(u, a) T7_TO(u, a)
#define SN_UE(a, u) T1_OF(a, u_dev[u], N(u), u_at[u] != NEW)
#define LEAK(v) :: d_step { h_n > v && h_to[v] == S && h_group[v] && s_set != v && !leaked[v] -> \
	            leaked[v] = true }

#define UE(u) UE_HN(u, 0) UE_HN(u, 1) UE_SN(u, 0) UE_SN(u, 1) UE_SN(u, 2) FAKE_T7_TO(u, S) ENDS(u)
#define SN(a) \
	SN_UE(a, 0) SN_UE(a, 1) T1_OF(a, A, OF_M, true) T1_OF(a, B, OF_M, true) \
	T1_OF(a, X, OF_M, true) ANSWERS(a)

init {
	do
	BEGINS(0, A)
	BEGINS(1, A)
	BEGINS(1, B)
	UE(0)
	UE(1)
	SN(0)
	SN(1)
	SN(2)
#if NU == 3
	BEGINS(2, A)
	BEGINS(2, B)
	UE(2)
	SN_UE(0, 2)
	SN_UE(1, 2)
	SN_UE(2, 2)
#endif
#if NA == 4
	SN(3)
	UE_SN(0, 3)
	UE_SN(1, 3)
#if NU == 3
	UE_SN(2, 3)
	SN_UE(3, 2)
#endif
#endif
#if NH == 3
	UE_HN(0, 2)
	UE_HN(1, 2)
#if NU == 3
	UE_HN(2, 2)
#endif
	LEAK(2)
#endif
	LEAK(0)
	LEAK(1)
	C_ASKS(A, C)
	C_ASKS(B, C)
	C_ASKS(X, C)
#ifdef NO_CHECK
	C_ASKS(A, S)
	C_ASKS(B, S)
#endif
	:: d_step { !removed -> removed = true;
#ifndef NO_TELL
	            s_set = NONE
#endif
	          }
	od
}
