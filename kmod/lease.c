// SPDX-License-Identifier: GPL-2.0-only
/* Leases on the boot clock: the list, its timer, and the work that ends keys. */
#include <linux/hrtimer.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/microhsm.h>
#include "genl.h"
#include "lease.h"
#include "request.h"

/* A strong lease, and the name that its end is told by. */
struct mh_export {
	struct mh_lease lease;
	char name[];
};

struct workqueue_struct *mh_wq;

static DEFINE_SPINLOCK(mh_lease_lock);	/* list surgery and deadlines */
static LIST_HEAD(mh_leases);		/* by deadline; mh_lease_lock */
static atomic_t mh_exports = ATOMIC_INIT(0);
static struct hrtimer mh_lease_timer;

static void mh_lease_work_fn(struct work_struct *work);
static DECLARE_WORK(mh_lease_work, mh_lease_work_fn);

/* Hard interrupt. */
static enum hrtimer_restart mh_lease_tick(struct hrtimer *timer)
{
	queue_work(mh_wq, &mh_lease_work);
	return HRTIMER_NORESTART;
}

static void mh_lease_arm(void)
{
	struct mh_lease *first;

	lockdep_assert_held(&mh_lease_lock);
	first = list_first_entry_or_null(&mh_leases, struct mh_lease, link);
	if (!first || first->deadline == KTIME_MAX)
		return;
	hrtimer_start(&mh_lease_timer, first->deadline, HRTIMER_MODE_ABS);
}

static void mh_lease_insert(struct mh_lease *l)
{
	struct mh_lease *i;

	lockdep_assert_held(&mh_lease_lock);
	list_for_each_entry_reverse(i, &mh_leases, link)
		if (i->deadline <= l->deadline)
			break;
	list_add(&l->link, &i->link);
	if (mh_leases.next == &l->link)
		mh_lease_arm();
}

void mh_lease_setup(struct mh_lease *l)
{
	INIT_LIST_HEAD(&l->link);
	l->deadline = KTIME_MAX;
	l->why = MH_EV_LEASE_END;
}

void mh_lease_add(struct mh_lease *l, struct key *key)
{
	l->key = key;
	spin_lock(&mh_lease_lock);
	mh_lease_insert(l);
	spin_unlock(&mh_lease_lock);
}

void mh_lease_remove(struct mh_lease *l)
{
	spin_lock(&mh_lease_lock);
	list_del_init(&l->link);
	spin_unlock(&mh_lease_lock);
}

static void mh_lease_hasten(struct mh_lease *l, u32 why)
{
	lockdep_assert_held(&mh_lease_lock);
	if (!l->deadline)
		return;
	l->why = why;
	WRITE_ONCE(l->deadline, 0);
	/* not on the list: the work has it in hand, or it was never added */
	if (!list_empty(&l->link))
		list_move(&l->link, &mh_leases);
	queue_work(mh_wq, &mh_lease_work);
}

void mh_lease_expire(struct mh_lease *l, u32 why)
{
	spin_lock(&mh_lease_lock);
	mh_lease_hasten(l, why);
	spin_unlock(&mh_lease_lock);
}

bool mh_lease_over(const struct mh_lease *l)
{
	return ktime_get_boottime() >= READ_ONCE(l->deadline);
}

s32 mh_lease_left_ms(const struct mh_lease *l)
{
	ktime_t end = READ_ONCE(l->deadline);

	if (end == KTIME_MAX)
		return -1;
	return clamp_t(s64, ktime_ms_delta(end, ktime_get_boottime()), 0, S32_MAX);
}

static void mh_lease_tell(u32 why, const char *name)
{
	char region[MH_UNAME_MAX];
	const char *slash = strchr(name, '/');

	if (!why || !slash || slash - name >= sizeof(region))
		return;
	memcpy(region, name, slash - name);
	region[slash - name] = '\0';
	mh_event(why, region, slash + 1, 0);
}

/* Ends one lease that was taken off the list; key is referenced. */
static void mh_lease_finish(struct mh_lease *l, struct key *key, bool strong, u32 why)
{
	const char *name = strong ? l->name : key->description;

	/*
	 * Revoke wipes, and waits for users by key->sem; but it alone would
	 * leave the key linked for minutes, and request_key answering
	 * EKEYREVOKED so long.  A weak lease may be gone after key_put().
	 */
	key_revoke(key);
	key_invalidate(key);
	mh_lease_tell(why, name);
	key_put(key);
	if (strong) {
		kfree(container_of(l, struct mh_export, lease));
		atomic_dec(&mh_exports);
		/* exit destroys mh_wq, and so waits for the rest of this function */
		module_put(THIS_MODULE);
	}
}

static void mh_lease_work_fn(struct work_struct *work)
{
	struct mh_lease *l;
	struct key *key;
	bool strong;
	u32 why;

	for (;;) {
		spin_lock(&mh_lease_lock);
		l = list_first_entry_or_null(&mh_leases, struct mh_lease, link);
		if (!l || !mh_lease_over(l)) {
			mh_lease_arm();
			spin_unlock(&mh_lease_lock);
			return;
		}
		list_del_init(&l->link);
		WRITE_ONCE(l->deadline, 0);	/* .revoke has nothing to hasten */
		key = l->key;
		strong = l->strong;
		why = l->why;
		/*
		 * A weak lease's key may be on its way to .destroy, usage 0.
		 * It is still there, as .destroy needs our lock.
		 */
		if (!strong && !refcount_inc_not_zero(&key->usage))
			key = NULL;
		spin_unlock(&mh_lease_lock);
		if (key)
			mh_lease_finish(l, key, strong, why);
	}
}

/* Exported keys that their users have unlinked: else they cost quota until the lease ends. */
static void mh_lease_sweep(void)
{
	struct mh_lease *l, *next;
	LIST_HEAD(dead);

	spin_lock(&mh_lease_lock);
	list_for_each_entry_safe(l, next, &mh_leases, link)
		if (l->strong && refcount_read(&l->key->usage) == 1)
			list_move(&l->link, &dead);
	spin_unlock(&mh_lease_lock);
	list_for_each_entry_safe(l, next, &dead, link)
		mh_lease_finish(l, l->key, true, 0);
}

int mh_lease_export(struct key *key, const struct mh_lease *like, const char *name)
{
	struct mh_export *e;
	size_t n = strlen(name) + 1;

	e = kzalloc(struct_size(e, name, n), GFP_KERNEL_ACCOUNT);
	if (!e)
		return -ENOMEM;
	mh_lease_sweep();
	__module_get(THIS_MODULE);	/* we are in an ioctl */
	atomic_inc(&mh_exports);
	memcpy(e->name, name, n);
	mh_lease_setup(&e->lease);
	e->lease.strong = true;
	e->lease.name = e->name;
	memcpy(e->lease.region_id, like->region_id, sizeof(like->region_id));
	memcpy(e->lease.leaf, like->leaf, sizeof(like->leaf));
	e->lease.deadline = like->deadline;
	mh_lease_add(&e->lease, key_get(key));
	return 0;
}

void mh_lease_end_matching(bool (*match)(const struct mh_lease *l, const void *ctx),
			   const void *ctx)
{
	struct mh_lease *l, *next;

	/*
	 * First what is parked, then what is delivered; delivery is added to
	 * the list and then asks whether it was withdrawn while parked.
	 */
	mh_request_withdraw(match, ctx);
	spin_lock(&mh_lease_lock);
	list_for_each_entry_safe(l, next, &mh_leases, link)
		if (!l->identity && match(l, ctx))
			mh_lease_hasten(l, MH_EV_WITHDRAWN);
	spin_unlock(&mh_lease_lock);
}

bool mh_lease_end_serial(key_serial_t serial)
{
	struct mh_lease *l;
	bool found = false;

	spin_lock(&mh_lease_lock);
	list_for_each_entry(l, &mh_leases, link)
		if (!l->strong && l->key->serial == serial) {
			mh_lease_hasten(l, 0);
			found = true;
			break;
		}
	spin_unlock(&mh_lease_lock);
	return found;
}

struct key *mh_lease_key(key_serial_t serial)
{
	struct key *key = NULL;
	struct mh_lease *l;

	spin_lock(&mh_lease_lock);
	list_for_each_entry(l, &mh_leases, link)
		if (!l->strong && l->key->serial == serial) {
			if (refcount_inc_not_zero(&l->key->usage))
				key = l->key;
			break;
		}
	spin_unlock(&mh_lease_lock);
	return key;
}

void mh_lease_end_all(void)
{
	struct mh_lease *l, *next;

	spin_lock(&mh_lease_lock);
	list_for_each_entry_safe(l, next, &mh_leases, link)
		mh_lease_hasten(l, 0);
	spin_unlock(&mh_lease_lock);
}

void mh_lease_flush(void)
{
	flush_work(&mh_lease_work);
}

unsigned int mh_lease_exports(void)
{
	return atomic_read(&mh_exports);
}

int mh_lease_init(void)
{
	mh_wq = alloc_workqueue("microhsm", WQ_UNBOUND, 0);
	if (!mh_wq)
		return -ENOMEM;
	hrtimer_init(&mh_lease_timer, CLOCK_BOOTTIME, HRTIMER_MODE_ABS);
	mh_lease_timer.function = mh_lease_tick;
	return 0;
}

/* Every lease held the module or was part of a payload that did: the list is empty. */
void mh_lease_exit(void)
{
	hrtimer_cancel(&mh_lease_timer);
	cancel_work_sync(&mh_lease_work);
	hrtimer_cancel(&mh_lease_timer);	/* the work may have armed it */
	destroy_workqueue(mh_wq);
}
