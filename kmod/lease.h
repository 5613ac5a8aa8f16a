/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Leases: one list of all keys that the module has given out, sorted by the
 * moment they end (CLOCK_BOOTTIME, so that neither a set clock nor a suspended
 * host lengthens one), one hrtimer, one work.
 *
 * A lease of a key of our own type is weak: it is part of the payload, and
 * .destroy takes it off.  One of an exported key (logon, user) is strong: it is
 * allocated, holds the key and the module.
 *
 * Ending a key is key_revoke() and key_invalidate(), in the work only: both
 * take key->sem, which no caller below needs to be allowed to take.
 */
#ifndef MH_LEASE_H
#define MH_LEASE_H

#include <linux/key.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/types.h>
#include <linux/workqueue.h>

/**
 * struct mh_lease - when a key ends, and what it was delivered for
 * @link: in the sorted list; mh_lease_lock
 * @deadline: boot time; KTIME_MAX none; written under mh_lease_lock, read anywhere
 * @key: the key; its reference is held when @strong
 * @strong: allocated, of another key type
 * @identity: the key is an identity's; never matched by mh_lease_end_matching()
 * @why: enum mh_event_kind to tell of when it ends, 0 none; mh_lease_lock
 * @region_id: Region it was delivered under
 * @leaf: of the INSTANCE it was delivered from
 * @name: "REGION/NAME" to tell; NULL: the key's description
 */
struct mh_lease {
	struct list_head link;
	ktime_t deadline;
	struct key *key;
	bool strong;
	bool identity;
	u32 why;
	u8 region_id[32];
	u8 leaf[32];
	const char *name;
};

/* For works that hold the module: destroyed in exit, so that none is left in our text. */
extern struct workqueue_struct *mh_wq;

void mh_lease_setup(struct mh_lease *l);		/* without an end */
void mh_lease_add(struct mh_lease *l, struct key *key);
void mh_lease_remove(struct mh_lease *l);		/* from .destroy */
void mh_lease_expire(struct mh_lease *l, u32 why);	/* end it now, by the work; again is fine */
bool mh_lease_over(const struct mh_lease *l);
s32 mh_lease_left_ms(const struct mh_lease *l);		/* -1 none */

/**
 * mh_lease_export() - hold an exported key to a lease
 * @key: of another type, instantiated
 * @like: the lease of what was delivered: deadline, Region and leaf are copied
 * @name: "REGION/NAME"
 *
 * First drops exported keys that nobody but their lease holds any more.
 */
int mh_lease_export(struct key *key, const struct mh_lease *like, const char *name);

/**
 * mh_lease_end_matching() - withdraw delivered keys, exported ones too
 * @match: told for each, under a spinlock; reads region_id and leaf
 * @ctx: for @match
 *
 * May be called under any mutex and any key->sem.  On return no use of such a
 * key of ours succeeds; the work revokes and invalidates them soon after.
 */
void mh_lease_end_matching(bool (*match)(const struct mh_lease *l, const void *ctx),
			   const void *ctx);
bool mh_lease_end_serial(key_serial_t serial);	/* of ours, identity or not; false: none */
struct key *mh_lease_key(key_serial_t serial);	/* of ours, with a reference; NULL */
void mh_lease_end_all(void);			/* drain */
void mh_lease_flush(void);			/* wait for the work; nothing held */
unsigned int mh_lease_exports(void);

int mh_lease_init(void);
void mh_lease_exit(void);

#endif
