/* SPDX-License-Identifier: MIT */
/*
 * EPOCHs and time (R37, R43, R48) as mh_freshness_sign(), mh_trust_epoch() and mh_trust_time() have
 * them.  The Repository is restored from an older store; a host is away, sets its clock, loses power,
 * and is given any EPOCH that ever was, by a server that claims what it likes.
 *
 * Each rule can be left out: BREAK_NUMBER, BREAK_TIME, BREAK_STALE, BREAK_FLOOR.  Then an assertion
 * fails (check.sh).
 */
#define END	4	/* of time */
#define EPOCHS	5
#define LIFE	2

typedef epoch {
	byte number;
	byte issued;
}
epoch e[EPOCHS];
byte epochs;
byte now;		/* true time */

/* The store's newest EPOCH, and its backup's */
byte number, issued;
byte old_number, old_issued;
bool backed_up;

/* The host: struct mh_trust, and what of it is sealed */
typedef trust {
	byte number;
	byte issued;	/* 0: none */
	byte time;	/* floor of the clock, which goes on from there */
}
trust t, sealed;
byte wall;
byte learnt;		/* for the assertions: when the EPOCH that counts was verified, in true time */
byte x;

#ifdef BREAK_FLOOR
#define TIME	wall
#else
#define TIME	(wall > t.time -> wall : t.time)
#endif
#ifdef BREAK_STALE
#define FRESH	(t.issued > 0)
#else
#define FRESH	(t.issued > 0 && TIME < t.issued + LIFE)
#endif

/* Hourly, and at once on REVOKE, SUSPEND: more than one at a time, but fewer than a unit has room for */
inline sign()
{
#ifdef BREAK_NUMBER	/* one more than the store's */
	number = number + 1;
#else
	number = (number + 1 > now * EPOCHS -> number + 1 : now * EPOCHS);
#endif
	issued = now;
	e[epochs].number = number;
	e[epochs].issued = now;
	epochs++
}

active proctype repository()
{
	now = 1;
	do
	:: atomic { now < END -> now++; t.time = (t.time -> t.time + 1 : 0) }
	:: atomic { epochs < EPOCHS -> sign() }
	:: atomic { !backed_up && issued -> backed_up = true; old_number = number; old_issued = issued }
	/* restored: it takes time, and nobody tells the daemon */
	:: atomic { backed_up && old_number < number && issued < now && epochs < EPOCHS ->
		number = old_number;
		issued = old_issued;
		sign() }
	:: break
	od
}

active proctype host()
{
end:	do
	:: atomic { epochs ->
		x = 0;
		do
		:: x + 1 < epochs -> x++
		:: break
		od;
		if
		:: e[x].number == t.number && e[x].issued != t.issued ->
			/* -ENOTUNIQ: the honest Repository is taken for a forger, and not heard */
			assert(false)
		:: e[x].number > t.number ->
			t.time = (e[x].issued > t.time -> e[x].issued : t.time);
			if
			:: e[x].issued > t.issued ->
				t.number = e[x].number;
				t.issued = e[x].issued;
				learnt = now
			:: else -> skip
			fi
		:: else -> skip
		fi;
		x = 0 }
	:: atomic { t.issued && t.time < END + 2 ->
#ifdef BREAK_TIME		/* a server's word is believed */
		t.time = END + 2;
#endif
		/* nobody is ahead of an honest freshness key: no lease ends early */
		assert(t.time <= now) }
	:: atomic { wall = now }
	:: atomic { wall = 0 }
	:: atomic { sealed.number = t.number; sealed.issued = t.issued; sealed.time = t.time }
	:: atomic { t.number = sealed.number; t.issued = sealed.issued; t.time = sealed.time;
		learnt = now }
	/* a delivery */
	:: atomic { FRESH ->
		/* the clock is right: EPOCH has not ended */
		assert(wall != now || now < t.issued + LIFE);
		/* it was set back: as long as an EPOCH lives, and no longer, while the host runs */
		assert(now < learnt + LIFE) }
	od
}
