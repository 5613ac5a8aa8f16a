/* SPDX-License-Identifier: MIT */
/*
 * ANCHORs (R36, R46): the chain as mh_anchor_next() takes it, and what mh_trust_check() and
 * mh_trust_add_anchor() make of min_anchor, against whoever has the keys of officers that left or
 * were robbed.  A host is given any ANCHOR that was ever signed, in any order, after any absence.
 *
 * Each rule can be left out: BREAK_OLD, BREAK_NEW, BREAK_GAP, BREAK_MIN, BREAK_KEEP, BREAK_JUMP.  Then
 * an assertion fails (check.sh), so that no rule is there for nothing.
 */
#define MOST	5	/* ANCHORs that come to be */
#define SERIALS	3	/* of ordinary ones */
#define JUMP	8	/* above any serial that is reached one by one: 2^32 in rc */

/* Sets of officers' keys, of which the threshold is in one hand */
#define FIRST	1
#define SECOND	2
#define THIEF	3	/* the thief's own */
#define NEW	4	/* after a recovery */
#define LOST	5	/* nobody's: a typo */

/* Recovery sets */
#define RECOVERY 1
#define OTHER	2	/* the thief's own */

#define BY_SIGNER 1
#define BY_RECOVERY 2

typedef anchor {
	byte serial;
	byte before;		/* index; the genesis is its own */
	byte keys;
	byte recovery;
	byte min_anchor;
	byte by;
	bool signed_new
};
anchor a[MOST];
byte n = 1;			/* a[0] is the genesis */
byte honest;			/* the officers' newest */
bool stolen[6];			/* keys that a thief, or who left, can sign with */
bool recovered;
byte up;
bool ready;
byte at;			/* the host's newest: trust.anchor[anchors - 1] */

inline make(i_before, i_serial, i_keys, i_recovery, i_least, i_by, i_new)
{
	a[n].serial = i_serial;
	a[n].before = i_before;
	a[n].keys = i_keys;
	a[n].recovery = i_recovery;
	a[n].min_anchor = i_least;
	a[n].by = i_by;
	a[n].signed_new = i_new;
	n++
}

/* mh_anchor_next(): cur and next are indices */
#define SIGNER_OK(cur, next) (a[next].by == BY_SIGNER && a[next].before == cur)
#define KEEPS(cur, next)	(a[next].recovery == a[cur].recovery)
#define FOLLOWS(cur, next)	(a[next].serial == a[cur].serial + 1)
#define MINIMUM(cur, next)	(a[next].min_anchor >= a[cur].min_anchor && \
				 a[next].min_anchor <= a[next].serial)
/* signed by the recovery set of the very one that the host holds */
#define RECOVERS(cur, next)	(a[next].by == BY_RECOVERY && a[a[next].before].recovery == a[cur].recovery && \
				 a[next].serial > a[cur].serial && a[next].min_anchor == a[next].serial)

#ifdef BREAK_OLD
#define OLD_OK(cur, next) (a[next].by != BY_RECOVERY)
#else
#define OLD_OK(cur, next) SIGNER_OK(cur, next)
#endif
#ifdef BREAK_NEW
#define NEW_OK(next) true
#else
#define NEW_OK(next) a[next].signed_new
#endif
#ifdef BREAK_GAP
#define GAP_OK(cur, next) (a[next].serial > a[cur].serial)
#else
#define GAP_OK(cur, next) FOLLOWS(cur, next)
#endif
#ifdef BREAK_KEEP
#define KEEP_OK(cur, next) true
#else
#define KEEP_OK(cur, next) KEEPS(cur, next)
#endif
#define ORDINARY(cur, next) (OLD_OK(cur, next) && GAP_OK(cur, next) && KEEP_OK(cur, next) && \
			     MINIMUM(cur, next))
#ifdef BREAK_JUMP		/* a recovery follows its predecessor and no other, by one */
#define RECOVERY_OK(cur, next) (RECOVERS(cur, next) && a[next].before == cur)
#else
#define RECOVERY_OK(cur, next) RECOVERS(cur, next)
#endif
#define TAKES(cur, next) (NEW_OK(next) && (ORDINARY(cur, next) || RECOVERY_OK(cur, next)))

#ifdef BREAK_MIN
#define VALID(x) true
#else
#define VALID(x) (a[x].serial >= a[at].min_anchor)
#endif
/* Who is in the chain that the host holds: an ancestor of its newest, not below its min_anchor */
inline in_force(i_x, i_result)
{
	up = at;
	i_result = false;
	do
	:: up == i_x -> i_result = VALID(i_x); break
	:: up != i_x && up == 0 -> break
	:: up != i_x && up != 0 -> up = a[up].before
	od;
	up = 0
}

active proctype officers() provided (ready)
{
	do
	/* an officer leaves: the old keys may be anywhere from now on */
	:: atomic { n < MOST && !recovered && a[honest].keys == FIRST && a[honest].serial < SERIALS ->
		make(honest, a[honest].serial + 1, SECOND, RECOVERY, a[honest].min_anchor, BY_SIGNER, true);
		honest = n - 1 }
	/* a typo: the new keys are nobody's, who could not have signed */
	:: atomic { n < MOST && !recovered && a[honest].serial < SERIALS ->
		make(honest, a[honest].serial + 1, LOST, RECOVERY, a[honest].min_anchor, BY_SIGNER, false) }
	/* after a theft: above all that a thief can have made */
	:: atomic { n < MOST && !recovered && stolen[a[honest].keys] ->
		make(honest,
#ifdef BREAK_JUMP
		     a[honest].serial + 1, NEW, RECOVERY, a[honest].serial + 1,
#else
		     JUMP, NEW, RECOVERY, JUMP,
#endif
		     BY_RECOVERY, true);
		honest = n - 1;
		recovered = true }
	:: break
	od
}

active proctype thief() provided (ready)
{
	byte b;

	stolen[THIEF] = true;
	do
	:: atomic { !stolen[FIRST] -> stolen[FIRST] = true }
	:: atomic { !stolen[SECOND] -> stolen[SECOND] = true }
	/* after any ANCHOR whose officers' keys it has, or by nobody's leave */
	:: atomic { n < MOST ->
		b = 0;
		do
		:: b < n - 1 -> b++
		:: break
		od;
		if
		:: a[b].serial < SERIALS && stolen[a[b].keys] ->
			if
			:: make(b, a[b].serial + 1, THIEF, RECOVERY, a[b].min_anchor, BY_SIGNER, true)
			:: make(b, a[b].serial + 1, THIEF, OTHER, a[b].serial + 1, BY_SIGNER, true)
			:: make(b, a[b].serial + 2, THIEF, RECOVERY, a[b].min_anchor, BY_SIGNER, true)
			fi
		:: a[b].serial < SERIALS && !stolen[a[b].keys] ->
			make(b, a[b].serial + 1, THIEF, OTHER, a[b].min_anchor, 0, true)
		:: a[b].recovery == OTHER && a[b].serial < SERIALS ->
			make(b, JUMP + 1, THIEF, OTHER, JUMP + 1, BY_RECOVERY, true)
		:: else -> skip
		fi;
		b = 0 }
	:: break
	od
}

/* Given any, in any order; it takes one or it does not. */
active proctype host() provided (ready)
{
	byte x;
	bool held;

end:	do
	:: atomic { n > 0 ->
		x = 0;
		do
		:: x < n - 1 -> x++
		:: break
		od;
		if
		:: TAKES(at, x) ->
			/* nothing moves a host but its own officers' keys, or the recovery set */
			assert(a[x].by == BY_SIGNER || (a[x].by == BY_RECOVERY && a[x].recovery == RECOVERY));
			assert(a[x].by != BY_SIGNER || a[x].before == at);
			/* who left cannot move one that has the successor's keys */
			assert(!(a[at].keys == SECOND && !stolen[SECOND] && a[x].keys == THIEF));
			assert(a[x].keys != LOST);
			/* no two of one serial, one after the other; none twice */
			assert(a[x].serial > a[at].serial);
			assert(a[x].serial <= a[at].serial + 1 || a[x].by == BY_RECOVERY);
			at = x
		:: else -> skip
		fi;
		/* once the recovery is there, every host takes it, whatever it was led to before */
		if
		:: recovered && at != honest ->
			assert(TAKES(at, honest));
		:: else -> skip
		fi;
		/* and whoever has taken it believes no thief */
		if
		:: recovered && at == honest ->
			x = 0;
			do
			:: x < n ->
				if
				:: stolen[a[x].keys] -> in_force(x, held); assert(!held)
				:: else -> skip
				fi;
				x++
			:: x == n -> break
			od
		:: else -> skip
		fi;
		x = 0;
		held = false }
	od
}

init {
	a[0].serial = 1;
	a[0].keys = FIRST;
	a[0].recovery = RECOVERY;
	a[0].min_anchor = 1;
	a[0].signed_new = true;
	ready = true
}
