/* SPDX-License-Identifier: MIT */
/*
 * What stands (R36, R37, R45): REVOKEs, min_anchor and SUSPENDs as mh_trust_check(), mh_push_revoke(),
 * mh_push_suspend() and mh_trust_add_anchor() have them.  A quorum is stolen, revokes what it likes,
 * and is answered by min_anchor; a host loses power, is away, and is served by whoever likes, from
 * all that was ever signed, in any order.
 *
 * Each rule can be left out: BREAK_VOID, BREAK_MIN, BREAK_SUSPEND, BREAK_LIFT, BREAK_SEAL.  Then an
 * assertion fails (check.sh).
 */
#define ALL	9	/* REVOKE up to: whatever the serial */

/* X by its serial: the ANCHOR that it was signed under, 0 there is none */
byte by[4];
byte up_to;		/* REVOKE of X under ANCHOR 1, 0 there is none */
bool forged;		/* it is a thief's by now */
byte until[3];		/* SUSPENDs by their serial, 0 there is none */
bool lifted;		/* REVOKE of the SUSPENDs up to 2 */
byte anchor = 1;	/* the Region's newest; its min_anchor is its own serial */
bool stolen;

/* The host: struct mh_trust */
typedef trust {
	byte anchor;
	byte floor;		/* of X, by that REVOKE */
	byte suspended;
	byte serial;		/* of the SUSPEND */
	byte lift;		/* floor of SUSPENDs */
}
trust t, sealed;

/* For the assertions: the officers' own REVOKE that the host had sealed; newest SUSPEND it heard of */
byte told, heard;
byte x;

#ifdef BREAK_VOID		/* a REVOKE is remembered for good, whoever signed it */
#define VOID	false
#else
#define VOID	(t.anchor == 2)
#endif
#define REVOKED(s)	(!VOID && t.floor && (s) <= t.floor)
#ifdef BREAK_MIN
#define HOLDS(s)	(by[s] && !REVOKED(s))
#else
#define HOLDS(s)	(by[s] >= t.anchor && !REVOKED(s))
#endif

inline copy(i_to, i_from)
{
	i_to.anchor = i_from.anchor;
	i_to.floor = i_from.floor;
	i_to.suspended = i_from.suspended;
	i_to.serial = i_from.serial;
	i_to.lift = i_from.lift
}

inline pick(i_n)
{
	x = 1;
	do
	:: x + 1 < i_n -> x++
	:: break
	od
}

active proctype officers()
{
	do
	:: atomic { !by[1] -> by[1] = anchor }
	:: atomic { by[1] && !by[2] -> by[2] = anchor }
	:: atomic { anchor == 1 && up_to < 2 -> up_to++ }
	:: atomic { !until[1] -> until[1] = 3 }
	:: atomic { until[1] && !until[2] -> until[2] = 2 }
	:: atomic { until[2] && !lifted -> lifted = true }
	/* the answer to a theft: min_anchor, and what is to hold is signed anew */
	:: atomic { stolen && anchor == 1 -> anchor = 2; by[3] = 2 }
	:: break
	od
}

active proctype thief()
{
	stolen = true;
	if
	:: atomic { up_to = ALL; forged = true }
	:: skip
	fi
}

active proctype host()
{
	t.anchor = 1;
	sealed.anchor = 1;
end:	do
	/* mh_push_revoke() */
	:: atomic { up_to && t.anchor == 1 && t.floor < up_to -> t.floor = up_to }
	/* mh_push_suspend() */
	:: atomic { until[1] ->
		pick(3);
		if
		:: x > t.lift && until[x] > 0 ->
#ifndef BREAK_SUSPEND
			if
			:: x < t.serial -> skip
			:: else ->
#endif
				t.suspended = until[x];
				t.serial = x;
#ifndef BREAK_SUSPEND
			fi;
#endif
			heard = (x > heard -> x : heard)
		:: else -> skip
		fi;
		/* the newest counts, whoever shows an older one again */
		assert(t.serial >= heard);
		x = 0 }
	/* a quorum's REVOKE of them */
	:: atomic { lifted ->
#ifndef BREAK_LIFT
		t.lift = 2;
#endif
		t.suspended = 0;
		/* ends them, whoever shows them again */
		assert(t.lift >= 1 || !until[1]) }
	/* mh_trust_add_anchor(): whatever the host was led to before, it takes what is signed anew */
	:: atomic { anchor == 2 && t.anchor == 1 -> t.anchor = 2; assert(HOLDS(3)) }
	/* the agent writes the blob; the power goes */
	:: atomic { copy(sealed, t);
#ifdef BREAK_SEAL
		sealed.floor = 0;
#endif
		told = (forged -> 0 : t.floor) }
	:: atomic { copy(t, sealed); heard = t.serial }
	/* a delivery that rests on X */
	:: atomic { by[1] ->
		pick(4);
		if
		:: HOLDS(x) ->
			assert(by[x] >= t.anchor);
			assert(t.anchor == 2 || x > told)
		:: else -> skip
		fi;
		x = 0 }
	od
}
